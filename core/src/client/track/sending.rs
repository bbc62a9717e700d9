//! The packets that a track sends, protected if it is encrypted.

use bytes::Bytes;

use super::super::SendError;
use super::super::datagrams::Datagrams;
use super::super::keys::Guard;
use super::super::link::Link;
use super::{Path, Track};
use crate::Instant;
use crate::rtp::RtpPacket;
use crate::udp::Port;

/// Empty RTP and RTCP packets.
const HOLE_PUNCHES: [(Port, &[u8]); 2] =
    [(Port::Rtp, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), (Port::Rtcp, &[0x80, 201, 0, 1, 0, 0, 0, 0])];

impl Track {
    /// The same for one whose packets are protected.
    pub(in crate::client) fn guarded(self, guard: Option<Box<Guard>>) -> Self {
        Self { guard, ..self }
    }

    /// Bytes that protection adds to each packet.
    pub(in crate::client) fn overhead(&self) -> usize {
        self.guard.as_ref().map_or(0, |guard| guard.overhead())
    }

    /// A packet as it is sent.
    pub(in crate::client) fn protect(&mut self, packet: &RtpPacket) -> Result<Bytes, SendError> {
        match &mut self.guard {
            Some(guard) => guard.protect(packet),
            None => Ok(packet.as_bytes().clone()),
        }
    }

    /// Sends empty packets, which open the NATs and firewalls on the way to the server's ports.
    pub(in crate::client) fn open_way(&mut self, datagrams: &mut Datagrams) {
        let Path::Udp { id, source, .. } = &self.path else { return };
        if source.group().is_some() {
            // To join it has told the routers.
            return;
        }
        for (port, plain) in HOLE_PUNCHES {
            let Some(to) = source.destination(port) else { continue };
            let packet = match &mut self.guard {
                None => Some(Bytes::from_static(plain)),
                Some(guard) => guard.punch(port),
            };
            packet.into_iter().for_each(|packet| _ = datagrams.push(*id, port, to, packet));
        }
    }

    /// Packets that were left out because they are not authentic, or came before (SRTP).
    pub(in crate::client) fn unauthentic(&self) -> u64 {
        self.guard.as_ref().map_or(0, |guard| guard.refused())
    }

    /// Sends RTCP; returns `false` if it found no room, or must not be sent, and is left out.
    pub(in crate::client) fn send_rtcp(
        &mut self,
        now: Instant,
        link: &mut Link,
        datagrams: &mut Datagrams,
        data: Bytes,
    ) -> bool {
        let bytes = data.len();
        let data = match &mut self.guard {
            None => Some(data),
            Some(guard) => guard.protect_rtcp(&data),
        };
        let is_taken = data.is_some_and(|data| self.path.send_rtcp(now, link, datagrams, data));
        if is_taken {
            self.rtcp_sent.add(bytes);
        }
        is_taken
    }
}
