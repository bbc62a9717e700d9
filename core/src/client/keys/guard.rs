//! The protection of a track: the client's packets by its key, the server's by the server's.

use bytes::Bytes;

use crate::client::SendError;
use crate::keying::{Opener, OwnKey, PeerKeys, Sealer};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::srtp::Ciphers;
use crate::udp::Port;

/// The client's key for a media, with the sources that it sends there.
#[derive(Clone, Debug)]
pub(in crate::client) struct OwnSide {
    pub(super) key: OwnKey,
    /// That of its reports, or those of what it sends; none if they are not known.
    pub(super) ssrcs: Vec<u32>,
    /// The server protects its packets by this key as well.
    pub(super) is_shared: bool,
}

/// The contexts of a track, which last as long as it does: PAUSE and PLAY leave them as they are.
#[derive(Debug)]
pub(in crate::client) struct Guard {
    pub(super) own: OwnSide,
    pub(super) sealer: Sealer,
    /// `None` if the server has told no key: what it sends cannot be read.
    pub(super) opener: Option<Opener>,
    /// The keys that the server has told.
    pub(super) peer: Option<PeerKeys>,
    /// Another key of the client's was told, or is about to be.
    pub(super) is_renewing: bool,
    /// Empty packets that were sent to open firewalls.
    punches: u16,
    /// Packets that came without a key for them.
    unread: u64,
}

impl Guard {
    pub(super) fn new(own: OwnSide, peer: Option<PeerKeys>, ciphers: &'static dyn Ciphers) -> Self {
        let shared = own.is_shared.then(|| own.key.key().clone().into());
        let opener = shared.as_ref().or(peer.as_ref()).and_then(|keys| Opener::new(keys, ciphers));
        Self {
            sealer: Sealer::new(&own.key, ciphers),
            own,
            opener,
            peer,
            is_renewing: false,
            punches: 0,
            unread: 0,
        }
    }

    /// The source of the client's reports.
    pub(in crate::client) fn ssrc(&self) -> u32 {
        self.own.ssrcs.first().copied().unwrap_or_default()
    }

    /// Checks and decrypts what came; `None` if it is to be left out, which is counted.
    #[inline]
    pub(in crate::client) fn open(&mut self, port: Port, data: Bytes) -> Option<Bytes> {
        let Some(opener) = &mut self.opener else {
            self.unread = self.unread.saturating_add(1);
            return None;
        };
        match port {
            Port::Rtp => opener.rtp(data),
            Port::Rtcp => opener.rtcp(data),
        }
    }

    /// Bytes that protection adds to each packet.
    pub(in crate::client) fn overhead(&self) -> usize {
        self.sealer.overhead()
    }

    /// A packet as it is sent.
    pub(in crate::client) fn protect(&mut self, packet: &RtpPacket) -> Result<Bytes, SendError> {
        Ok(self.sealer.rtp(packet)?.into_bytes())
    }

    /// A compound of RTCP as it is sent; `None` if it must not be.
    pub(in crate::client) fn protect_rtcp(&mut self, compound: &[u8]) -> Option<Bytes> {
        self.sealer.rtcp(compound).ok()
    }

    /// An empty packet that opens the NATs and firewalls on the way to the server's port.
    pub(in crate::client) fn punch(&mut self, port: Port) -> Option<Bytes> {
        let ssrc = self.ssrc();
        match port {
            Port::Rtp => {
                self.punches = self.punches.wrapping_add(1);
                let header = RtpHeader { sequence: self.punches, ssrc, ..RtpHeader::default() };
                let packet = self.sealer.rtp(&RtpPacket::build(header, &[])).ok()?;
                Some(packet.as_bytes().clone())
            }
            Port::Rtcp => {
                let [a, b, c, d] = ssrc.to_be_bytes();
                self.sealer.rtcp(&[0x80, 201, 0, 1, a, b, c, d]).ok()
            }
        }
    }

    /// Packets and compounds that were left out, because they are not authentic, or came before.
    pub(in crate::client) fn refused(&self) -> u64 {
        self.unread.saturating_add(self.opener.as_ref().map_or(0, Opener::refused))
    }
}
