//! RTCP of the application's own to one session, and the RTCP of peers that it looks at.

use bytes::Bytes;

use super::session::Channels;
use super::{Event, Server, SessionState};
use crate::SessionId;
use crate::conn::{RxOrder, TxOrder};
use crate::rtp::rtcp::{self, BadCompound};
use crate::udp::UdpOrder;

/// Why RTCP was not sent to a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteRtcpError {
    /// The session is gone.
    #[error("the session is gone")]
    Gone,
    /// The session neither plays nor records.
    #[error("the session neither plays nor records now: it is set up, or pauses")]
    State(SessionState),
    /// The session has not set up this media.
    #[error("the session has not set up media {0}")]
    NoSuchMedia(usize),
    /// The session reads this media by a group (multicast), which others read too: write to the stream instead.
    #[error("media {0} goes to a group: write RTCP to the stream, which all its readers get")]
    Group(usize),
    /// The bytes are not RTCP.
    #[error("that is not RTCP")]
    Rtcp(#[from] BadCompound),
}

impl Server {
    /// Sends RTCP to one session, such as a request for a keyframe to a publisher (PLI, RFC 4585, section 6.3.1), or a
    /// message to one reader (APP).
    ///
    /// Reports and goodbyes are sent besides. It is left out if too much waits for the peer already, or if nothing shows
    /// that a reader is at its UDP address.
    ///
    /// # Errors
    ///
    /// The session is gone, neither plays nor records, or has not set up the media; or the bytes are not an RTCP compound, or
    /// are too large for a datagram.
    pub fn write_rtcp(
        &mut self,
        session: SessionId,
        media: usize,
        compound: Bytes,
    ) -> Result<(), WriteRtcpError> {
        rtcp::check_compound(&compound)?;
        let own = self.sessions.get(session).ok_or(WriteRtcpError::Gone)?;
        let mut tracks = own.tracks.iter().filter(|track| usize::from(track.index) == media);
        let (state, track) = (own.told_state(), tracks.next().ok_or(WriteRtcpError::NoSuchMedia(media))?);
        if !matches!(state, SessionState::Play | SessionState::Record) {
            return Err(WriteRtcpError::State(state));
        }
        // One that is received, from a publisher or as a back channel, has its RTCP with those that receive it.
        let reads = own.read_stream().filter(|_| !track.is_spoken);
        let index = track.index;
        match (track.channels, reads) {
            (Channels::Frames { conn, .. }, Some(_)) => {
                self.order_tx(conn, TxOrder::Rtcp(session, index, compound));
            }
            (Channels::Frames { conn, .. }, None) => {
                self.order_rx(conn, RxOrder::Rtcp(session, index, compound))
            }
            (Channels::Udp { .. }, Some(stream)) => {
                self.order_udp(session, UdpOrder::ToReader(stream, session, index, compound));
            }
            (Channels::Udp { rtcp, .. }, None) => {
                self.order_udp(session, UdpOrder::ToPublisher(rtcp, compound));
            }
            (Channels::Group { .. }, _) => return Err(WriteRtcpError::Group(media)),
        }
        Ok(())
    }

    /// Tells RTCP that has come of a session, which is only reported if that is wanted.
    pub(super) fn rtcp_received(&mut self, id: SessionId, media: u8, compound: Bytes) {
        self.tell_of_session(id, |session| Event::RtcpReceived {
            session: id,
            conn: session.conn,
            media: media.into(),
            compound,
        });
    }
}
