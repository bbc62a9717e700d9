//! One stream from several sources, one after the other: SSRCs stay, and sequence numbers and timestamps go on. A player that takes
//! another SSRC for another stream, as GStreamer's rtspsrc does, goes on as well.

use std::time::{Duration, Instant};

use rtspan_std::rtp::RtpPacket;

/// Packets of a source whose times are further from those before than this are of another time line.
const NEAR: Duration = Duration::from_secs(3);
/// A node gives those that come the last picture that stands by itself and all since then, which may be so long ago.
const STORED: Duration = Duration::from_secs(30);

/// The stream so far. Packets of the first source pass as they are.
#[derive(Debug, Default)]
pub(super) struct Splice {
    lines: Vec<Line>,
    /// When the last packet passed, and its time in nanoseconds, as readers see it.
    last: Option<(Instant, i64)>,
    /// The difference that is added to the times of the present source, in nanoseconds.
    offset: i64,
    /// The next packet is the first one of another source.
    is_other: bool,
    /// When the present source has begun, if it is not the first one.
    begun: Option<Instant>,
}

/// The packets of one source of a media, as readers see it. Its formats, as PCMU and comfort noise, have one numbering.
#[derive(Debug)]
struct Line {
    media: usize,
    /// Each format of a media is of one line: there are no more lines than formats.
    payload_types: Vec<u8>,
    /// As readers see them.
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    time: i64,
    /// The SSRC of the present source, and what is added to its sequence numbers and timestamps.
    source: u32,
    shift: (u16, u32),
    /// No packet of the present source has passed yet.
    is_other: bool,
}

impl Splice {
    /// Begins another source: all packets that follow are of it.
    pub(super) fn begin(&mut self, now: Instant) {
        self.is_other = self.last.is_some();
        self.begun = Some(now);
        self.lines.iter_mut().for_each(|line| line.is_other = true);
    }

    /// The packet as readers see it; `None` if they have it: the former source has sent it. `time` is that of its frame on the time
    /// line of its source, in nanoseconds.
    pub(super) fn pass(
        &mut self,
        now: Instant,
        media: usize,
        packet: RtpPacket,
        time: i64,
        clock_rate: u32,
    ) -> Option<RtpPacket> {
        let place = self.place_of(media, &packet);
        let is_new = self.begun.is_some_and(|begun| now - begun < NEAR);
        let mut line = place.and_then(|place| self.lines.get_mut(place));
        if line.as_ref().is_some_and(|line| line.is_other && is_new && line.has_passed(&packet, clock_rate)) {
            return None;
        }
        if let Some((at, last)) = self.last.filter(|_| std::mem::take(&mut self.is_other)) {
            self.offset = last.saturating_add(nanos(now - at)).saturating_sub(time);
        }
        let time = time.saturating_add(self.offset);
        self.last = Some((now, time));
        let Some(line) = line.as_mut() else {
            self.lines.push(Line::of(media, &packet, time));
            return Some(packet);
        };
        if packet.ssrc() != line.source || line.is_other && !line.goes_on(&packet, time, clock_rate) {
            line.splice(&packet, time, clock_rate);
        }
        line.is_other = false;
        Some(line.shifted(packet, time))
    }

    /// The line that a packet is of: that of its source, or that of its format, or the one that has its SSRC for readers. The first
    /// packet of another source is else of the newest line, since that may have the format from now on.
    fn place_of(&mut self, media: usize, packet: &RtpPacket) -> Option<usize> {
        let (payload_type, ssrc) = (packet.payload_type(), packet.ssrc());
        let of_media = || self.lines.iter().enumerate().filter(|(_, line)| line.media == media);
        let is_first = of_media().all(|(_, line)| line.is_other);
        let rank = |line: &Line| {
            let (is_source, is_format) = (line.source == ssrc, line.payload_types.contains(&payload_type));
            (is_source && !line.is_other, is_source, is_format, line.ssrc == ssrc, is_first)
        };
        let eligible = of_media().filter(|(_, line)| rank(line) != Default::default());
        let (place, _) = eligible.max_by_key(|(_, line)| (rank(line), line.time))?;
        if of_media().all(|(_, line)| !line.payload_types.contains(&payload_type)) {
            self.lines.get_mut(place)?.payload_types.push(payload_type);
        }
        Some(place)
    }
}

impl Line {
    fn of(media: usize, packet: &RtpPacket, time: i64) -> Self {
        Self {
            media,
            payload_types: vec![packet.payload_type()],
            ssrc: packet.ssrc(),
            sequence: packet.sequence(),
            timestamp: packet.timestamp(),
            time,
            source: packet.ssrc(),
            shift: (0, 0),
            is_other: false,
        }
    }

    /// The timestamp of a time, if the clock goes on.
    fn timestamp_at(&self, time: i64, clock_rate: u32) -> u32 {
        let since = i128::from(time.saturating_sub(self.time));
        // Timestamps wrap.
        let units = (since * i128::from(clock_rate) / 1_000_000_000) as u32;
        self.timestamp.wrapping_add(units)
    }

    /// The packet is one of those before.
    fn has_passed(&self, packet: &RtpPacket, clock_rate: u32) -> bool {
        let back = self.sequence.wrapping_sub(packet.sequence().wrapping_add(self.shift.0));
        let timestamp = packet.timestamp().wrapping_add(self.shift.1);
        let ago = i64::from(self.timestamp.wrapping_sub(timestamp).cast_signed());
        let span = |span: Duration| (span.as_secs() * u64::from(clock_rate)).cast_signed();
        // Pictures may be sent in another order than shown.
        packet.ssrc() == self.source && back < 0x8000 && (-span(NEAR)..span(STORED)).contains(&ago)
    }

    /// The packet is of the same packets as those before, from another node perhaps.
    fn goes_on(&self, packet: &RtpPacket, time: i64, clock_rate: u32) -> bool {
        let (sequence, timestamp) =
            (packet.sequence().wrapping_add(self.shift.0), packet.timestamp().wrapping_add(self.shift.1));
        let is_next = sequence.wrapping_sub(self.sequence).wrapping_sub(1) < 0x8000;
        let off = timestamp.wrapping_sub(self.timestamp_at(time, clock_rate)).cast_signed().unsigned_abs();
        is_next && u64::from(off) <= NEAR.as_secs() * u64::from(clock_rate)
    }

    /// Has the packet follow on the one before.
    fn splice(&mut self, packet: &RtpPacket, time: i64, clock_rate: u32) {
        let sequence = self.sequence.wrapping_add(1).wrapping_sub(packet.sequence());
        let timestamp = self.timestamp_at(time, clock_rate).wrapping_sub(packet.timestamp());
        (self.source, self.shift) = (packet.ssrc(), (sequence, timestamp));
    }

    fn shifted(&mut self, packet: RtpPacket, time: i64) -> RtpPacket {
        let sequence = packet.sequence().wrapping_add(self.shift.0);
        let timestamp = packet.timestamp().wrapping_add(self.shift.1);
        if sequence.wrapping_sub(self.sequence) < 0x8000 {
            (self.sequence, self.timestamp, self.time) = (sequence, timestamp, time);
        }
        if self.shift == (0, 0) && self.ssrc == self.source {
            return packet;
        }
        packet.with_numbers(sequence, timestamp, self.ssrc)
    }
}

fn nanos(span: Duration) -> i64 {
    span.as_nanos().try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rtspan_std::rtp::RtpHeader;

    use super::*;

    const RATE: u32 = 90_000;
    const MS: i64 = 1_000_000;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> RtpPacket {
        packet_of(96, (ssrc, sequence, timestamp))
    }

    fn packet_of(payload_type: u8, (ssrc, sequence, timestamp): (u32, u16, u32)) -> RtpPacket {
        let header = RtpHeader { payload_type, marker: true, sequence, timestamp, ssrc };
        RtpPacket::build(header, b"payload")
    }

    fn numbers(packet: &Option<RtpPacket>) -> (u32, u16, u32) {
        let packet = packet.as_ref().expect("it passes");
        assert_eq!((packet.payload(), packet.marker()), (&b"payload"[..], true));
        (packet.ssrc(), packet.sequence(), packet.timestamp())
    }

    #[test]
    fn packets_of_the_first_source_pass_as_they_are() {
        let (mut splice, now) = (Splice::default(), Instant::now());
        for number in 0..3 {
            let packet = packet(7, 65_535_u16.wrapping_add(number), 90 * u32::from(number));
            let bytes = packet.as_bytes().clone();
            let passed = splice.pass(now, 0, packet, i64::from(number) * MS, RATE).unwrap();
            assert_eq!(passed.as_bytes().as_ptr(), bytes.as_ptr(), "it is not copied");
        }
    }

    #[test]
    fn another_source_goes_on_with_the_numbers_of_the_one_before() {
        let (mut splice, now) = (Splice::default(), Instant::now());
        splice.pass(now, 0, packet(7, 100, 9000), 0, RATE);
        splice.pass(now, 1, packet(8, 5, 500), 10 * MS, RATE);
        splice.begin(now);
        // 40 ms later, on a time line of its own.
        let later = now + Duration::from_millis(40);
        let first = splice.pass(later, 0, packet(0xaa, 4000, 77), 0, RATE);
        assert_eq!(numbers(&first), (7, 101, 9000 + 50 * 90));
        let sound = splice.pass(later, 1, packet(0xbb, 1, 1), 5 * MS, RATE);
        assert_eq!(numbers(&sound), (8, 6, 500 + 45 * 90), "medias stay together");
        let next = splice.pass(later, 0, packet(0xaa, 4002, 77 + 180), 2 * MS, RATE);
        assert_eq!(numbers(&next), (7, 103, 9000 + 52 * 90), "a packet that is missing stays so");
        let late = splice.pass(later, 0, packet(0xaa, 4001, 77 + 90), MS, RATE);
        assert_eq!(numbers(&late), (7, 102, 9000 + 51 * 90));
        // The source itself begins anew: its client puts it on its time line.
        let anew = splice.pass(later, 0, packet(0xcc, 9, 0), 10 * MS, RATE);
        assert_eq!(numbers(&anew), (7, 104, 9000 + 60 * 90));
    }

    #[test]
    fn formats_of_one_source_go_on_together() {
        let now = Instant::now();
        let pass = |splice: &mut Splice, payload_type, sent: (u32, u16, u32)| {
            let time = i64::from(sent.2) / 8 * MS;
            numbers(&splice.pass(now, 0, packet_of(payload_type, sent), time, 8000))
        };
        for (before, after) in [([0, 13], [0, 13]), ([0, 13], [13, 0]), ([0, 0], [13, 0])] {
            let mut splice = Splice::default();
            for (payload_type, sent) in before.into_iter().zip([(8, 1, 160), (8, 2, 320)]) {
                assert_eq!(pass(&mut splice, payload_type, sent), sent);
            }
            splice.begin(now);
            assert_eq!(pass(&mut splice, after[0], (0xab, 50, 800)), (8, 3, 320));
            assert_eq!(pass(&mut splice, after[1], (0xab, 51, 960)), (8, 4, 480));
            assert_eq!(pass(&mut splice, after[0], (0xab, 52, 1120)), (8, 5, 640));
            // By another way, with the last packet anew.
            splice.begin(now);
            assert!(splice.pass(now, 0, packet_of(after[1], (0xab, 52, 1120)), 0, 8000).is_none());
            assert_eq!(pass(&mut splice, after[1], (0xab, 53, 1280)), (8, 6, 800));
            assert_eq!(pass(&mut splice, after[0], (0xab, 54, 1440)), (8, 7, 960));
        }
    }

    #[test]
    fn formats_with_a_source_each_go_on_each_by_itself() {
        let (mut splice, now) = (Splice::default(), Instant::now());
        let pass = |splice: &mut Splice, payload_type, sent| {
            numbers(&splice.pass(now, 0, packet_of(payload_type, sent), 0, RATE))
        };
        assert_eq!(pass(&mut splice, 96, (7, 1, 1)), (7, 1, 1));
        assert_eq!(pass(&mut splice, 97, (8, 1, 1)), (8, 1, 1));
        splice.begin(now);
        assert_eq!(pass(&mut splice, 97, (0xab, 50, 1)), (8, 2, 1));
        assert_eq!(pass(&mut splice, 96, (0xaa, 70, 1)), (7, 2, 1));
        assert_eq!(pass(&mut splice, 98, (0xac, 9, 9)), (0xac, 9, 9), "another format with another source");
        splice.begin(now);
        for (sequence, payload_type) in [(1, 96), (2, 97), (3, 96), (4, 97)] {
            let seen = pass(&mut splice, payload_type, (0xad, sequence, 1));
            assert_eq!((seen.0, seen.1), (7, 2 + sequence), "they have one source now");
        }
        splice.begin(now);
        assert_eq!(pass(&mut splice, 96, (0xae, 1, 1)).0, 7);
        assert_eq!(pass(&mut splice, 97, (0xaf, 1, 1)), (8, 3, 1), "and again one each");
        // Two that are one for readers have one numbering.
        assert_eq!(pass(&mut splice, 99, (8, 60, 1)).0, 8);
        assert_eq!(pass(&mut splice, 97, (0xaf, 2, 1)), (8, 5, 1));
    }

    #[test]
    fn the_same_packets_by_another_way_pass_as_they_are_and_those_that_were_there_are_left_out() {
        let (mut splice, now) = (Splice::default(), Instant::now());
        splice.pass(now, 0, packet(7, 100, 9000), 0, RATE);
        splice.begin(now);
        let later = now + Duration::from_millis(20);
        let next = splice.pass(later, 0, packet(7, 103, 9000 + 30 * 90), 0, RATE);
        assert_eq!(numbers(&next), (7, 103, 9000 + 30 * 90));
        // A picture is sent in two packets, the other way begins with it, and time has passed on it.
        splice.begin(later);
        for (sequence, timestamp) in [(90, 8000), (102, 9000 + 29 * 90), (103, 9000 + 30 * 90)] {
            assert!(splice.pass(later, 0, packet(7, sequence, timestamp), 0, RATE).is_none());
        }
        let next = splice.pass(later, 0, packet(7, 104, 9000 + 30 * 90), 0, RATE);
        assert_eq!(numbers(&next), (7, 104, 9000 + 30 * 90));
        let late = splice.pass(later, 0, packet(7, 103, 9000 + 30 * 90), 0, RATE);
        assert_eq!(numbers(&late), (7, 103, 9000 + 30 * 90), "within a source nothing is left out");
    }

    #[test]
    fn a_source_with_the_numbers_of_the_one_before_that_is_another_one_goes_on_with_new_numbers() {
        let now = Instant::now();
        let begun = |sequence, timestamp| {
            let mut splice = Splice::default();
            splice.pass(now, 0, packet(7, 100, 9_000_000), 0, RATE);
            splice.begin(now);
            splice.pass(now, 0, packet(7, sequence, timestamp), 0, RATE).map(|packet| packet.sequence())
        };
        assert_eq!(begun(90, 9_000_000 - 29 * RATE), None);
        assert_eq!(begun(90, 9_000_000 - 31 * RATE), Some(101), "longer ago than anything is kept");
        let mut splice = Splice::default();
        splice.pass(now, 0, packet(7, 100, 9000), 0, RATE);
        splice.begin(now);
        let later = now + NEAR;
        let first = splice.pass(later, 0, packet(7, 90, 8000), 0, RATE);
        assert_eq!(numbers(&first).1, 101, "nobody sends for so long what was there");
    }
}
