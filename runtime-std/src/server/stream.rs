use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::description::Description;
use rtspan_core::frame::FrameError;
use rtspan_core::payload::UnsupportedFormat;
use rtspan_core::rtp::RtpPacket;
use rtspan_core::rtp::rtcp::BadCompound;
use rtspan_core::server::{AddStreamError, ReloadError, Server, SetGroupsError};
use rtspan_core::stream::{Media, SsrcError, StreamLog};
use rtspan_core::{Instant, NtpTime, StreamId};

use super::FrameStream;
use super::door::Door;
use super::registry::Published;
use crate::threads::block_on;

/// The reason for which something was not written to a stream.
///
/// ```
/// use rtspan_std::{Description, Format, Frame, Media, MediaKind, Server, WriteError};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
/// server.close();
/// match hall.write(&Frame::new(0, 0, vec![0xd5; 160])) {
///     Err(WriteError::Closed) => println!("nobody reads any more: stop the encoder"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The description has no such media.
    #[error("the stream has no media {0}")]
    NoSuchMedia(usize),
    /// The stream or its server is closed.
    #[error("the stream is closed")]
    Closed,
    /// The bytes are not RTCP.
    #[error("that is not RTCP")]
    Rtcp(#[from] BadCompound),
    /// A frame has no place in the description, or cannot be sent.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Another media of the stream, counted from zero, has the SSRC.
    #[error("media {0} of the stream has that SSRC; choose another")]
    SsrcInUse(usize),
}

/// A stream that the application publishes; it ends when this is dropped.
///
/// Writing never waits: packets are appended to the stream's log. Only a reader that is too slow loses packets.
///
/// ```
/// use rtspan_std::payload::{PacketizerConfig, g711};
/// use rtspan_std::{Description, Format, Media, MediaKind, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let hall = server.publish("/hall", Description::new(vec![sound]))?;
/// let mut packetizer = g711::Packetizer::new(PacketizerConfig::new(8, hall.ssrc(0)?, 0), 1);
/// let mut packets = Vec::new();
/// packetizer.packetize([&[0xd5; 160][..]], 0, |packet| packets.push(packet))?;
/// hall.write_frame(0, &packets)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`into_frames`](Self::into_frames) takes whole frames in place of packets.
pub struct ServerStream {
    door: Arc<Door>,
    published: Arc<Published>,
    /// It is a publisher's, or waits for one.
    is_left: bool,
}

impl ServerStream {
    /// A stream that `add` adds to the server.
    pub(super) fn publish(
        door: &Arc<Door>,
        add: impl FnOnce(&mut Server, Instant) -> Result<(StreamId, StreamLog), AddStreamError>,
    ) -> Result<Self, AddStreamError> {
        let published = door.enter(|server, now| {
            let (id, log) = add(server, now)?;
            Ok(door.registry().insert(id, log))
        })?;
        Ok(Self { door: Arc::clone(door), published, is_left: false })
    }

    /// The stream at a path that waits for its publisher.
    pub(super) fn take(door: &Arc<Door>, path: &str, description: &Description) -> Option<Self> {
        let published = door.enter(|server, _| {
            let stream = server.take_stream(path, description)?;
            door.registry().get(stream)
        })?;
        let now = door.clock().now();
        published.write(|log| {
            let medias = u8::try_from(description.medias.len()).unwrap_or(u8::MAX);
            (0..medias).for_each(|track| log.handle_media(now, Media::Begin { track }));
        });
        Some(Self { door: Arc::clone(door), published, is_left: false })
    }

    /// Its handle, as events, lists and answers name it.
    pub fn id(&self) -> StreamId {
        self.published.id()
    }

    /// Writes one packet of a media section, counted from zero.
    ///
    /// # Errors
    ///
    /// There is no such media, or the stream is closed.
    pub fn write(&self, media: usize, packet: RtpPacket) -> Result<(), WriteError> {
        self.append(media, [packet], NtpTime::default())
    }

    /// Writes the packets of one frame, and wakes the readers once.
    ///
    /// # Errors
    ///
    /// There is no such media, or the stream is closed.
    pub fn write_frame(&self, media: usize, packets: &[RtpPacket]) -> Result<(), WriteError> {
        self.append(media, packets.iter().cloned(), NtpTime::default())
    }

    /// Writes one packet of a media section that belongs to the wall clock time `ntp`.
    ///
    /// For a source with a clock of its own, such as a camera that is pulled: sender reports of all medias tell readers that
    /// clock from then on, so that a relay does not lose it. A time of zero, which a source without a clock gives, is left
    /// out.
    ///
    /// # Errors
    ///
    /// There is no such media, or the stream is closed.
    pub fn write_with_ntp(&self, media: usize, packet: RtpPacket, ntp: NtpTime) -> Result<(), WriteError> {
        self.append(media, [packet], ntp)
    }

    /// Writes RTCP of the application's own, one packet or several (RFC 3550, section 6.1), to all readers of a media
    /// section, behind the packets that were written before.
    ///
    /// The server makes sender reports and goodbyes by itself. A reader that falls behind gets the newest
    /// [`RTCP_WAITING_MAX`](rtspan_core::limits::RTCP_WAITING_MAX) of the compounds that it has missed.
    ///
    /// # Errors
    ///
    /// The bytes are not RTCP or too large for a datagram, there is no such media, or the stream is closed.
    pub fn write_rtcp(&self, media: usize, compound: Bytes) -> Result<(), WriteError> {
        self.change(media, |log, track| Ok(log.push_rtcp(track, compound)?))
    }

    /// Tells readers, in the answer to SETUP, the SSRC that the packets of a media section are going to have; once packets
    /// come, theirs is told.
    ///
    /// # Errors
    ///
    /// Another media has that SSRC, there is no such media, or the stream is closed.
    pub fn set_ssrc(&self, media: usize, ssrc: u32) -> Result<(), WriteError> {
        self.change(media, |log, track| match log.set_ssrc(track, ssrc) {
            Ok(()) => Ok(true),
            Err(SsrcError::InUse(other)) => Err(WriteError::SsrcInUse(other.into())),
            Err(_) => Ok(false),
        })
    }

    /// The SSRC of a media section: that of its packets, or the one that was [set](Self::set_ssrc). Otherwise the server
    /// chooses one now that no other media of the stream has, and tells it to readers from here on.
    ///
    /// # Errors
    ///
    /// There is no such media, or the stream is closed.
    pub fn ssrc(&self, media: usize) -> Result<u32, WriteError> {
        self.door.enter(|server, _| {
            let mut ssrc = None;
            self.change(media, |log, track| {
                ssrc = server.choose_ssrc(log, track);
                Ok(ssrc.is_some())
            })?;
            ssrc.ok_or(WriteError::NoSuchMedia(media))
        })
    }

    /// Waits until no more than `rest` of the packets that were written are still to be sent to readers, 0 for none.
    ///
    /// Use it to write as fast as the readers read, without losses: the writer of a recording waits after every few packets. A
    /// packet counts as sent once the system has taken it. Only readers that play are waited for: a reader that pauses or
    /// leaves holds up nobody, and without a playing reader this returns at once. A reader over TCP that does not read is
    /// closed after a while ([`WRITE_STALL`](rtspan_core::limits::WRITE_STALL)), unless it has [the
    /// pace](Self::set_rate_control).
    ///
    /// # Errors
    ///
    /// The stream is closed, or closes meanwhile.
    pub async fn drained(&self, rest: u64) -> Result<(), WriteError> {
        let number = self.published.read(|log| log.head()).saturating_sub(rest);
        self.door.enter(|server, _| {
            self.published.forget_sent();
            server.ask_if_sent(self.id(), number);
        });
        if self.published.sent(number).await { Ok(()) } else { Err(WriteError::Closed) }
    }

    /// As [`drained`](Self::drained), in a thread that may block.
    ///
    /// # Errors
    ///
    /// The stream is closed, or closes meanwhile.
    pub fn wait_drained(&self, rest: u64) -> Result<(), WriteError> {
        block_on(self.drained(rest))
    }

    /// Sets the pace: packets are sent at the speed at which they are played (`true`, the default), or as fast as their readers
    /// read, as [`drained`](Self::drained) lets them be written.
    ///
    /// Without rate control (`Rate-Control: no` of an ONVIF replay) there are no sender reports, and a reader over TCP may stop
    /// reading for as long as it wants, if it asks something now and then.
    pub fn set_rate_control(&self, is_rate_controlled: bool) {
        self.published.write(|log| log.set_rate_control(is_rate_controlled));
    }

    /// Replaces the description for later answers to DESCRIBE; present readers are not affected.
    ///
    /// # Errors
    ///
    /// The description has other medias, in number or kind, or the stream is closed.
    pub fn reload(&self, description: &Description) -> Result<(), ReloadError> {
        self.door.enter(|server, _| {
            server.reload(self.published.id(), description)?;
            self.published.write(|log| log.reload(description));
            Ok(())
        })
    }

    /// Sets the multicast groups of the media sections, with the ports for their packets, instead of groups from the
    /// [range](rtspan_core::server::Multicast). Readers that ask for multicast get these. The port for reports is the next one
    /// above.
    ///
    /// # Errors
    ///
    /// One of them cannot be used, readers are at the group that the media has, or the stream is closed.
    pub fn set_groups(&self, groups: &[SocketAddr]) -> Result<(), SetGroupsError> {
        self.door.enter(|server, now| server.set_groups(now, self.published.id(), groups))
    }

    /// Leaves the stream to the publisher that comes to its path within `patience`: readers stay, and go on with that publisher if it
    /// announces the same medias and formats. Otherwise they are closed when it comes, or when the time is over.
    ///
    /// A publisher that comes before is refused with 403, unless the server [asks](crate::Asks::ANNOUNCE) about ANNOUNCE: then leave
    /// the stream, and answer yes. A stream that is not at a path, or that readers can speak into, ends now. [`Event::TakenOver`]
    /// tells that a publisher has come.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rtspan_std::{Description, Format, Media, MediaKind, Server};
    ///
    /// let server = Server::builder().bind("127.0.0.1:0")?;
    /// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
    /// // Another server's stream is relayed until its publisher comes here.
    /// let relay = server.publish("/hall", Description::new(vec![sound]))?;
    /// relay.leave(Duration::from_secs(10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Event::TakenOver`]: crate::Event::TakenOver
    pub fn leave(mut self, patience: Duration) {
        let id = self.id();
        self.is_left = self.door.enter(|server, now| server.leave_stream(now, id, patience));
    }

    /// Takes frames from now on, in place of packets.
    ///
    /// # Errors
    ///
    /// A format of the description is used in a way that is not supported.
    pub fn into_frames(self) -> Result<FrameStream, UnsupportedFormat> {
        let (id, registry) = (self.id(), self.door.registry());
        let writer = self.door.enter(|server, _| server.frame_writer(id, &*registry))?;
        for (media, ssrc) in writer.ssrcs() {
            // A closed stream needs no SSRC.
            let _ = self.set_ssrc(media, ssrc);
        }
        Ok(FrameStream::new(self, writer))
    }

    /// Appends packets of one frame, which belong to a wall clock time if that is not zero.
    pub(super) fn append(
        &self,
        media: usize,
        packets: impl IntoIterator<Item = RtpPacket>,
        ntp: NtpTime,
    ) -> Result<(), WriteError> {
        let now = self.door.clock().now();
        let mut packets = packets.into_iter();
        self.change(media, |log, track| Ok(packets.all(|packet| log.push_with_ntp(now, track, packet, ntp))))
    }

    /// Changes the log of an open stream; `false` means that it has no such media.
    fn change(
        &self,
        media: usize,
        change: impl FnOnce(&mut StreamLog, u8) -> Result<bool, WriteError>,
    ) -> Result<(), WriteError> {
        let track = u8::try_from(media).map_err(|_| WriteError::NoSuchMedia(media))?;
        self.published.write(|log| {
            if log.is_closed() {
                return Err(WriteError::Closed);
            }
            if change(log, track)? { Ok(()) } else { Err(WriteError::NoSuchMedia(media)) }
        })
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        if !self.is_left {
            self.door.enter(|server, now| server.remove_stream(now, self.published.id()));
        }
    }
}

impl fmt::Debug for ServerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStream").field("id", &self.published.id()).finish_non_exhaustive()
    }
}
