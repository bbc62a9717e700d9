use std::collections::VecDeque;

use super::clock;
use super::{Past, RtpPacket, Senders};
use crate::Instant;
use crate::limits::{SEQUENCE_JUMP_MAX, SOURCES_MAX};

/// Has the packets of a publisher go on behind those of the one before it: SSRCs stay, and sequence numbers and timestamps go
/// on. A player that takes another SSRC for the end of a stream, as GStreamer's rtspsrc does, goes on as well.
///
/// The first source of each format goes on behind its own packets, or those of the source that sent last. All further sources
/// pass as they are, unless one has the SSRC that readers see of another: then it goes on behind that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Splice {
    /// The formats of which a packet has come since the publisher has begun.
    begun: Vec<u8>,
    /// The sources that readers see with other numbers, no two with the same SSRC there. When another one begins, those go whose
    /// SSRC the senders have forgotten.
    lines: Vec<Line>,
    /// The last packets of sources that others have followed, with the numbers that they had there.
    former: VecDeque<Past>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    payload_type: u8,
    source: u32,
    shift: Shift,
}

/// The numbers that readers see.
#[derive(Clone, Copy, Debug)]
struct Shift {
    ssrc: u32,
    /// The differences that are added to sequence numbers and timestamps.
    sequence: u16,
    timestamp: u32,
}

impl Splice {
    /// A publisher begins, or begins again: its packets go on behind those of `senders`.
    pub(crate) fn begin(&mut self) {
        self.begun.clear();
    }

    /// Gives a packet the numbers that readers see. One that gets others than those of its source is a copy.
    pub(crate) fn pass(&mut self, now: Instant, packet: &mut RtpPacket, senders: &mut Senders) {
        let begins = !self.begun.contains(&packet.payload_type());
        if begins {
            self.begun.push(packet.payload_type());
        }
        let mut shift = self.shift_of(packet);
        if begins || (shift.is_none() && self.is_seen(packet.ssrc())) {
            shift = self.begin_source(now, packet, senders);
        }
        if let Some(shift) = shift {
            *packet = shift.apply(packet);
        }
    }

    /// A source and a timestamp of it, as of a sender report, as readers see them.
    pub(crate) fn pass_time(&self, source: u32, timestamp: u32) -> (u32, u32) {
        match self.lines.iter().find(|line| line.source == source) {
            Some(Line { shift, .. }) => (shift.ssrc, timestamp.wrapping_add(shift.timestamp)),
            None => (source, timestamp),
        }
    }

    /// The last packet of each source, with the numbers that it had there: a source that comes back may repeat it.
    pub(crate) fn past(&self, senders: &Senders) -> impl Iterator<Item = Past> {
        senders.past().map(|past| self.at_source(past)).chain(self.former.iter().copied())
    }

    fn at_source(&self, past: Past) -> Past {
        match self.lines.iter().find(|line| line.shift.ssrc == past.ssrc) {
            Some(Line { source, shift, .. }) => Past {
                ssrc: *source,
                sequence: past.sequence.wrapping_sub(shift.sequence),
                timestamp: past.timestamp.wrapping_sub(shift.timestamp),
            },
            None => past,
        }
    }

    fn shift_of(&self, packet: &RtpPacket) -> Option<Shift> {
        let source = (packet.payload_type(), packet.ssrc());
        let line = self.lines.iter().find(|line| (line.payload_type, line.source) == source);
        line.map(|line| line.shift)
    }

    /// Returns true if readers see a source of the list with this SSRC.
    fn is_seen(&self, ssrc: u32) -> bool {
        self.lines.iter().any(|line| line.shift.ssrc == ssrc)
    }

    /// Has the source of a packet go on behind what readers have seen, and returns its shift from then on. It keeps the one that it
    /// had if its packets follow with that.
    fn begin_source(&mut self, now: Instant, packet: &RtpPacket, senders: &mut Senders) -> Option<Shift> {
        let (payload_type, source) = (packet.payload_type(), packet.ssrc());
        // Nobody has the SSRC of a line again once the senders have forgotten it.
        self.lines.retain(|line| senders.ssrcs().any(|ssrc| ssrc == line.shift.ssrc));
        let shift = self.shift_of(packet);
        let seen = shift.map_or(source, |shift| shift.ssrc);
        let Some((sent, last)) = senders.last_of(payload_type, seen) else { return shift };
        let former = self.at_source(last);
        self.lines.retain(|line| {
            line.shift.ssrc != last.ssrc && (line.payload_type, line.source) != (payload_type, source)
        });
        let shift = if shift.unwrap_or_else(|| Shift::none(source)).goes_on(packet, last) {
            shift
        } else {
            senders.forget_reference(last.ssrc);
            self.former.retain(|past| past.ssrc != former.ssrc);
            if self.former.len() >= SOURCES_MAX {
                self.former.pop_front();
            }
            self.former.push_back(former);
            let elapsed = clock::to_units(now.since(sent), senders.clock_rate_for(packet));
            Some(Shift::behind(last, elapsed, packet))
        };
        self.lines.extend(shift.map(|shift| Line { payload_type, source, shift }));
        shift
    }
}

impl Shift {
    /// Leaves the numbers of a source as they are.
    fn none(ssrc: u32) -> Self {
        Self { ssrc, sequence: 0, timestamp: 0 }
    }

    /// Has a packet follow on the last one, so many units of the clock rate later.
    fn behind(last: Past, elapsed: u64, packet: &RtpPacket) -> Self {
        Self {
            ssrc: last.ssrc,
            sequence: last.sequence.wrapping_add(1).wrapping_sub(packet.sequence()),
            // Timestamps wrap.
            timestamp: last.timestamp.wrapping_add(elapsed as u32).wrapping_sub(packet.timestamp()),
        }
    }

    /// Returns true if a packet comes behind the last one.
    fn goes_on(self, packet: &RtpPacket, last: Past) -> bool {
        let ahead = packet.sequence().wrapping_add(self.sequence).wrapping_sub(last.sequence);
        self.ssrc == last.ssrc && (1..=SEQUENCE_JUMP_MAX).contains(&ahead)
    }

    /// A copy of a packet with the numbers that readers see.
    fn apply(self, packet: &RtpPacket) -> RtpPacket {
        let sequence = packet.sequence().wrapping_add(self.sequence);
        packet.with_numbers(sequence, packet.timestamp().wrapping_add(self.timestamp), self.ssrc)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::NtpTime;
    use crate::description::Format;
    use crate::rtp::{ClockRates, RtpHeader};

    /// A splice, what it has passed, and the time.
    struct Story {
        splice: Splice,
        senders: Senders,
        now: Instant,
    }

    impl Story {
        fn new() -> Self {
            let formats = [Format::h264(96, &[0x67, 0x42, 0, 0x1f], &[0x68]), Format::pcmu()];
            let senders = Senders::new(ClockRates::new(&formats));
            Self { splice: Splice::default(), senders, now: Instant::ZERO + Duration::from_secs(7) }
        }

        /// The SSRC, sequence number and timestamp that readers see of a packet, and whether it was copied.
        fn pass(
            &mut self,
            payload_type: u8,
            (ssrc, sequence, timestamp): (u32, u16, u32),
        ) -> ((u32, u16, u32), bool) {
            let header = RtpHeader { payload_type, marker: true, sequence, timestamp, ssrc };
            let mut passed = RtpPacket::build(header, b"payload");
            let at = passed.as_bytes().as_ptr();
            self.splice.pass(self.now, &mut passed, &mut self.senders);
            self.senders.handle_sent(self.now, &passed, false);
            assert_eq!(RtpPacket::parse(passed.as_bytes().clone()).unwrap(), passed);
            assert_eq!((passed.payload(), passed.marker()), (&b"payload"[..], true));
            let numbers = (passed.ssrc(), passed.sequence(), passed.timestamp());
            (numbers, passed.as_bytes().as_ptr() != at)
        }

        /// The same of a packet that passes as it is.
        fn same(&mut self, payload_type: u8, numbers: (u32, u16, u32)) {
            assert_eq!(self.pass(payload_type, numbers), (numbers, false));
        }

        fn wait(&mut self, ms: u64) {
            self.now = self.now + Duration::from_millis(ms);
        }
    }

    #[test]
    fn another_source_goes_on_with_the_numbers_of_the_one_that_sent_last() {
        let mut story = Story::new();
        story.same(96, (5, 9, 9));
        story.wait(1);
        story.same(96, (7, 65_535, u32::MAX));
        story.same(0, (8, 1, 1));
        assert!(story.senders.set_reference(7, NtpTime::from_bits(1 << 40), u32::MAX));
        story.splice.begin();
        story.wait(40);
        assert_eq!(story.pass(96, (0xaa, 4000, 77)).0, (7, 0, 3599), "40 ms later");
        assert_eq!(story.pass(0, (0xab, 50, 160)).0, (8, 2, 1 + 320));
        story.wait(1000);
        let next = story.pass(96, (0xaa, 4002, 77 + 90)).0;
        assert_eq!(next, (7, 2, 3599 + 90), "a packet that is missing stays so, and times stay its own");
        story.same(96, (0xac, 1, 2));
        assert_eq!(story.splice.pass_time(0xaa, 77), (7, 3599));
        assert_eq!(story.senders.reference_of(7), None, "the clock of another publisher counts no more");
        assert_eq!(story.splice.pass_time(0xac, 77), (0xac, 77));
    }

    #[test]
    fn a_source_that_comes_back_keeps_its_numbers_while_they_follow() {
        let mut story = Story::new();
        story.same(96, (7, 100, 9000));
        story.splice.begin();
        story.same(96, (7, 103, 9999));
        for (sequence, seen) in [(4000, 104), (4005, 109)] {
            story.splice.begin();
            assert_eq!(
                story.pass(96, (0xaa, sequence, 1)).0,
                (7, seen, 9999),
                "it is a publisher that has paused"
            );
        }
        let past: Vec<_> = story.splice.past(&story.senders).collect();
        let own = Past { ssrc: 0xaa, sequence: 4005, timestamp: 1 };
        let former = Past { ssrc: 7, sequence: 103, timestamp: 9999 };
        assert_eq!(past, [own, former], "repeated packets are known by their own numbers");

        story.splice.begin();
        assert_eq!(
            story.pass(96, (7, 104, 10_000)).0,
            (7, 110, 9999),
            "the numbers behind its own are taken"
        );
        assert_eq!(story.pass(96, (7, 105, 10_001)).0, (7, 111, 10_000));
        assert_eq!(story.splice.lines.len(), 1, "a shift is kept of the one that sends");
        for ssrc in 100..100 + 2 * SOURCES_MAX as u32 {
            story.splice.begin();
            story.pass(96, (ssrc, 1, 1));
        }
        assert_eq!(story.splice.past(&story.senders).count(), 1 + SOURCES_MAX);
    }

    #[test]
    fn no_more_shifts_are_kept_than_sources() {
        let mut story = Story::new();
        story.same(96, (7, 100, 9000));
        for ssrc in 100..100 + 4 * SOURCES_MAX as u32 {
            story.splice.begin();
            story.wait(1);
            assert!(story.pass(96, (ssrc, 1, 1)).1, "it goes on behind the one that sent last");
            story.wait(1);
            story.same(96, (1000 + ssrc, 1, 1));
            let kept = story.splice.lines.len();
            assert!(kept <= SOURCES_MAX, "{kept} after {ssrc}");
        }
    }

    #[test]
    fn a_source_whose_ssrc_another_one_has_taken_goes_on_behind_that() {
        let mut story = Story::new();
        story.same(96, (7, 100, 9000));
        story.splice.begin();
        assert_eq!(story.pass(96, (0xbad, 1, 1)).0, (7, 101, 9000), "a forged one came first");
        assert_eq!(story.pass(96, (7, 101, 9090)).0, (7, 102, 9000));
        assert_eq!(story.pass(96, (7, 102, 9180)).0, (7, 103, 9090));
        story.same(96, (0xbad, 2, 2));
        story.splice.begin();
        assert_eq!(
            story.pass(96, (7, 103, 9270)).0,
            (7, 104, 9180),
            "behind its own, not those of the newest"
        );
        let past: Vec<_> = story.splice.past(&story.senders).collect();
        assert!(past.contains(&Past { ssrc: 7, sequence: 103, timestamp: 9270 }), "{past:?}");
    }

    #[test]
    fn a_source_with_a_constant_ssrc_that_begins_anew_goes_on() {
        let mut story = Story::new();
        story.same(96, (0, 3_500, 9000));
        story.splice.begin();
        story.wait(20);
        assert_eq!(story.pass(96, (0, 0, 0)).0, (0, 3_501, 9000 + 1800));
        assert_eq!(story.pass(96, (0, 1, 90)).0, (0, 3_502, 9000 + 1800 + 90));
    }
}
