use bytes::Bytes;

use super::{Packet, StreamLog, TrackSet};

/// The way of a cursor back over packets that it has taken last and that do not reach its reader.
///
/// A packet is told by its memory, which nobody else can have been given while it waits.
#[derive(Debug)]
pub(crate) struct Retreat {
    /// The packet and the compound that the reader comes to next.
    pub(super) next: u64,
    pub(super) rtcp: u64,
    /// Packets that it cannot come to again.
    pub(super) lost: u64,
    /// They stood in front of one that the reader was not to get: it has missed something there already.
    pub(super) has_gap: bool,
    /// The tracks whose packets the reader was sent.
    tracks: TrackSet,
}

impl Retreat {
    /// The way back of a reader of `tracks` that comes to the packet `next` and the compound `rtcp`.
    pub(super) fn new(next: u64, rtcp: u64, tracks: TrackSet) -> Self {
        Self { next, rtcp, lost: 0, has_gap: false, tracks }
    }

    /// Goes back over a packet, the last that was taken of those that are left.
    ///
    /// It is lost if the log does not keep it any more. So it is in front of a packet that was left out: that one has been
    /// told of as missed, and would be sent after all.
    pub(crate) fn over_packet(&mut self, log: &StreamLog, packet: &Bytes) {
        while !self.has_gap && self.next > log.tail() {
            let before = self.next.saturating_sub(1);
            match log.get(before) {
                Some(Packet { rtp, .. }) if is_same(rtp.as_bytes(), packet) => {
                    self.next = before;
                    return;
                }
                Some(other) if self.tracks.contains(other.track) => self.has_gap = true,
                _ => self.next = before,
            }
        }
        self.lost = self.lost.saturating_add(1);
    }

    /// Goes back over a compound of the application's, the last of those that are left; `false` if it is none.
    pub(crate) fn over_rtcp(&mut self, log: &StreamLog, compound: &Bytes) -> bool {
        while let Some(before) = self.rtcp.checked_sub(1) {
            match log.rtcp(before) {
                Some((number, kept)) if number == before && is_same(&kept.bytes, compound) => {
                    self.rtcp = before;
                    return true;
                }
                Some((number, kept)) if number == before && !self.tracks.contains(kept.track) => {
                    self.rtcp = before;
                }
                _ => break,
            }
        }
        false
    }
}

fn is_same(kept: &Bytes, taken: &Bytes) -> bool {
    kept.as_ptr() == taken.as_ptr() && kept.len() == taken.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instant;
    use crate::description::{Description, Format, Media, MediaKind};
    use crate::rtp::{RtpHeader, RtpPacket};
    use crate::stream::LogLimits;

    fn log_of(tracks: &[u8]) -> StreamLog {
        let media = |kind| Media::new(kind, vec![Format::new(96, "H263-1998", 90_000)]);
        let description = Description::new(vec![media(MediaKind::Video), media(MediaKind::Audio)]);
        let mut log = StreamLog::new(&description, LogLimits::default());
        for (sequence, track) in (0..).zip(tracks) {
            let header = RtpHeader { payload_type: 96, sequence, ..RtpHeader::default() };
            assert!(log.push(Instant::ZERO, *track, RtpPacket::build(header, &[0; 10])));
        }
        log
    }

    /// Where those packets lead back to, the last one first, and how many are lost.
    fn back(log: &StreamLog, tracks: TrackSet, packets: &[u64]) -> (u64, u64) {
        let mut retreat = Retreat::new(log.head(), 0, tracks);
        for number in packets {
            retreat.over_packet(log, log.get(*number).unwrap().rtp.as_bytes());
        }
        (retreat.next, retreat.lost)
    }

    #[test]
    fn packets_of_tracks_that_are_not_read_are_gone_back_over() {
        let log = log_of(&[0, 1, 1, 0, 1]);
        assert_eq!(back(&log, TrackSet::from_iter([0]), &[3, 0]), (0, 0));
        assert_eq!(back(&log, TrackSet::ALL, &[4, 3, 2]), (2, 0));
    }

    #[test]
    fn pictures_that_were_left_out_are_not_gone_back_over_and_what_stood_before_them_is_lost() {
        let log = log_of(&[1, 0, 0, 1, 0]);
        assert_eq!(back(&log, TrackSet::ALL, &[4, 3, 0]), (3, 1));
    }

    #[test]
    fn packets_that_the_log_does_not_keep_any_more_are_lost() {
        let mut log = log_of(&[0, 0, 0, 0]);
        let packets = log.packets_from(0).map(|packet| packet.rtp.as_bytes().clone()).collect::<Vec<_>>();
        log.set_limits(LogLimits::default().packets(1));
        let mut retreat = Retreat::new(4, 0, TrackSet::ALL);
        packets.iter().rev().for_each(|packet| retreat.over_packet(&log, packet));
        assert_eq!((retreat.next, retreat.lost, retreat.has_gap), (3, 3, false));
    }
}
