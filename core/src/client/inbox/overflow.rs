use super::Received;
use crate::Instant;
use crate::description::{Format, Media, MediaKind};
use crate::limits::SOURCES_MAX;
use crate::payload::Access;
use crate::payload::probe::Probe;

/// The packets of one media that were dropped because the application did not keep up.
///
/// Pictures go on where decoding can begin again: those before it are of no use, and are dropped as well.
#[derive(Debug, Default)]
pub(super) struct Overflow {
    total: u64,
    /// Packets missing before the next one of each SSRC that is handed out. Each format of a media may have its own.
    missing: Vec<(u32, Missing)>,
    contents: Contents,
    access: Access,
    /// The timestamp of the picture that was dropped last, as long as the next ones are dropped as well.
    waits_behind: Option<i64>,
}

/// The gap that is told with the next packet of an SSRC.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missing {
    pub(super) packets: u16,
    /// One of them was the first behind a gap of the time line.
    pub(super) begins_anew: bool,
}

/// The packets that a media has, by its description.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    /// The formats whose packets tell where decoding can begin.
    probes: Vec<(u8, &'static Probe)>,
    is_video: bool,
}

impl Contents {
    pub(super) fn of(media: &Media) -> Self {
        let probe_of = |format: &Format| Some((format.payload_type, Probe::of(&format.codec)?));
        Self {
            probes: media.formats.iter().filter_map(probe_of).collect(),
            is_video: media.kind == MediaKind::Video,
        }
    }
}

impl Overflow {
    /// None yet, of a media with these packets.
    pub(super) fn new(contents: Contents) -> Self {
        Self { contents, ..Self::default() }
    }

    /// Takes note of the oldest packet, for which there was no room.
    pub(super) fn drop(&mut self, now: Instant, oldest: &Received) {
        self.count(oldest);
        if !self.contents.is_video {
            return;
        }
        if self.waits_behind.is_none() {
            self.access.begin_waiting();
        }
        // It may be where decoding could have begun, and it is gone.
        self.is_access_point(now, oldest);
        self.waits_behind = Some(oldest.time.timestamp);
    }

    /// Returns `true` if a packet is to be dropped because a picture before it is missing.
    pub(super) fn takes(&mut self, now: Instant, next: &Received) -> bool {
        if self.waits_behind.is_none() {
            return false;
        }
        if self.is_access_point(now, next) {
            self.waits_behind = None;
            return false;
        }
        self.waits_behind = Some(next.time.timestamp);
        self.count(next);
        true
    }

    /// Returns `true` if all that was dropped is told, and nothing is waited for.
    pub(super) fn is_over(&self) -> bool {
        self.missing.is_empty() && self.waits_behind.is_none()
    }

    /// Returns `true` while pictures are dropped until decoding can begin again.
    pub(super) fn is_waiting(&self) -> bool {
        self.waits_behind.is_some()
    }

    /// The packets of an SSRC that are missing before the next one; they are told only once.
    pub(super) fn take_missing(&mut self, ssrc: u32) -> Missing {
        let place = self.missing.iter().position(|(own, _)| *own == ssrc);
        place.map(|place| self.missing.swap_remove(place).1).unwrap_or_default()
    }

    /// Packets that were dropped.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.missing.len()
    }

    /// Returns `true` if pictures may go on at a packet behind the one that they wait behind.
    fn is_access_point(&mut self, now: Instant, packet: &Received) -> bool {
        let starts_picture = self.waits_behind != Some(packet.time.timestamp);
        if self.contents.probes.is_empty() {
            return starts_picture;
        }
        let payload_type = packet.packet.payload_type();
        let probe = self.contents.probes.iter().find(|(own, _)| *own == payload_type);
        let told = probe.and_then(|(_, probe)| (probe.contents)(packet.packet.payload()).access_point);
        self.access.take(now, told, (0, packet.packet.timestamp()), starts_picture)
    }

    fn count(&mut self, dropped: &Received) {
        self.total = self.total.saturating_add(1);
        let ssrc = dropped.packet.ssrc();
        let more = dropped.lost.saturating_add(1);
        let begins_anew = dropped.time.begins_anew;
        if let Some((_, missing)) = self.missing.iter_mut().find(|(own, _)| *own == ssrc) {
            missing.packets = missing.packets.saturating_add(more);
            missing.begins_anew |= begins_anew;
            return;
        }
        if self.missing.len() >= SOURCES_MAX {
            self.missing.remove(0);
        }
        self.missing.push((ssrc, Missing { packets: more, begins_anew }));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Inbox;
    use super::*;
    use crate::limits::ACCESS_POINT_WAIT;
    use crate::rtp::{RtpHeader, RtpPacket};
    use crate::timeline::MediaTime;

    const IDR: &[u8] = &[0x65, 0x88];
    const INTRA: &[u8] = &[0x41, 0xb8];
    const OTHER: &[u8] = &[0x41, 0x9a];

    fn h264() -> Media {
        Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])
    }

    /// A packet of the picture of this number, of which there are 25 a second.
    fn packet(media: usize, sequence: u16, picture: u16, payload: &[u8]) -> Received {
        let timestamp = u32::from(picture) * 3600;
        let header = RtpHeader { payload_type: 96, sequence, timestamp, ..RtpHeader::default() };
        let mut time = MediaTime::default();
        time.timestamp = timestamp.into();
        Received { media, packet: RtpPacket::build(header, payload), lost: 0, time }
    }

    /// Sequence number and loss of each packet that is handed out, of those that came one to a picture.
    fn handed_out(media: &Media, room: usize, payloads: &[&[u8]]) -> Vec<(u16, u16)> {
        let mut inbox = Inbox::new(room, usize::MAX);
        inbox.describe(0, media);
        for (number, payload) in (0..).zip(payloads) {
            inbox.push(Instant::ZERO, packet(0, number, number, payload));
        }
        let out: Vec<_> = std::iter::from_fn(|| inbox.pop(Instant::ZERO)).collect();
        assert_eq!(inbox.dropped(0) as usize + out.len(), payloads.len());
        out.iter().map(|received| (received.packet.sequence(), received.lost)).collect()
    }

    #[test]
    fn pictures_go_on_at_the_next_keyframe_and_those_before_it_count_as_lost() {
        let payloads = [IDR, OTHER, OTHER, OTHER, IDR, OTHER];
        assert_eq!(handed_out(&h264(), 4, &payloads), [(4, 4), (5, 0)]);
        assert_eq!(handed_out(&h264(), 2, &payloads), [(4, 4), (5, 0)]);
        assert_eq!(handed_out(&h264(), 6, &payloads).len(), 6, "there is room for all");
    }

    #[test]
    fn an_intra_picture_is_enough_where_there_are_no_others() {
        assert_eq!(handed_out(&h264(), 4, &[INTRA, OTHER, OTHER, INTRA, OTHER]), [(3, 3), (4, 0)]);
        let with_refreshes = [IDR, OTHER, OTHER, INTRA, OTHER, IDR, OTHER];
        assert_eq!(handed_out(&h264(), 5, &with_refreshes), [(5, 5), (6, 0)]);
    }

    #[test]
    fn without_an_access_point_any_picture_does_after_a_while() {
        let mut inbox = Inbox::new(2, usize::MAX);
        inbox.describe(0, &h264());
        (0..3).for_each(|number| inbox.push(Instant::ZERO, packet(0, number, number, OTHER)));
        let soon = Instant::ZERO + (ACCESS_POINT_WAIT - Duration::from_nanos(1));
        assert!(inbox.pop(soon).is_none());
        inbox.push(soon, packet(0, 3, 3, OTHER));
        inbox.push(soon, packet(0, 4, 3, OTHER));
        assert!(inbox.pop(soon).is_none());
        let late = Instant::ZERO + ACCESS_POINT_WAIT;
        inbox.push(late, packet(0, 5, 3, OTHER));
        inbox.push(late, packet(0, 6, 4, OTHER));
        let received = inbox.pop(late).unwrap();
        assert_eq!((received.packet.sequence(), received.lost), (6, 6), "not with the rest of a picture");
        assert!(inbox.overflows[&0].is_over());
    }

    #[test]
    fn pictures_that_tell_nothing_go_on_with_the_next_one_and_sound_at_once() {
        let mut inbox = Inbox::new(3, usize::MAX);
        inbox.describe(0, &Media::new(MediaKind::Video, vec![Format::new(96, "H263", 90_000)]));
        inbox.describe(1, &Media::new(MediaKind::Audio, vec![Format::pcmu()]));
        for (sequence, picture) in [(1, 1), (2, 1), (3, 2)] {
            inbox.push(Instant::ZERO, packet(0, sequence, picture, b"part"));
        }
        inbox.push(Instant::ZERO, packet(1, 1, 1, b"sound"));
        let of = |received: Received| (received.media, received.packet.sequence(), received.lost);
        let out: Vec<_> = std::iter::from_fn(|| inbox.pop(Instant::ZERO)).map(of).collect();
        assert_eq!(out, [(0, 3, 2), (1, 1, 0)]);
        (2..=5).for_each(|sequence| inbox.push(Instant::ZERO, packet(1, sequence, 1, b"sound")));
        let first = inbox.pop(Instant::ZERO).unwrap();
        assert_eq!((first.media, first.packet.sequence(), first.lost), (1, 3, 1));
    }
}
