//! Where a reader starts, as RTP-Info tells it (RFC 2326, section 12.33).

use std::time::Duration;

use super::{StreamLog, TrackSet};
use crate::limits::TIMELINE_GAP_MAX;
use crate::rtp::to_units;
use crate::{Instant, NtpTime};

/// The first packet of a track that a reader gets.
#[derive(Clone, Copy, Debug)]
struct First {
    track: u8,
    sequence: u16,
    timestamp: u32,
    clock_rate: u32,
    /// When it was made, by the clock that sender reports go by.
    ntp: Option<NtpTime>,
    /// When it came, if that tells when it was made.
    came: Option<Instant>,
}

/// Where a reader starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Start {
    /// The wall clock time of that moment, by the clock that sender reports go by, if it is known and the same for all tracks.
    pub(crate) wall: Option<NtpTime>,
    pub(crate) tracks: Vec<TrackStart>,
}

/// The track, the sequence number of the first packet, and the timestamp of the moment of the start.
pub(crate) type TrackStart = (u8, u16, u32);

impl StreamLog {
    /// For each of `tracks` that is known: the sequence number of the first packet that a reader at `number` gets, and the
    /// timestamp of the moment at which the first packet of all these tracks was made.
    ///
    /// That moment is the same for all tracks, by the clock that sender reports go by: so receivers know from the first
    /// packet on how the tracks belong together.
    pub(crate) fn start_of(&self, now: Instant, tracks: TrackSet, number: u64) -> Start {
        let known = self.wall_at(now);
        // Without a wall clock any other will do.
        let wall = known.unwrap_or_else(|| NtpTime::from_bits(1 << 63));
        let first = |track: u8| self.first_of(track, number, (now, wall));
        let firsts: Vec<First> = (0..=u8::MAX)
            .take(self.tracks.len())
            .filter(|track| tracks.contains(*track))
            .filter_map(first)
            .collect();
        let (earliest, tracks) = of_one_moment(&firsts);
        Start { wall: earliest.filter(|_| known.is_some()), tracks }
    }

    /// The same of a stream that is its reader's own, and that plays from the packet `number` on: of the packets that are there, by
    /// what its writer has told of their times.
    pub(crate) fn start_of_own(&self, tracks: TrackSet, number: u64) -> Vec<TrackStart> {
        let own = (0..).zip(&self.tracks).filter(|(index, _)| tracks.contains(*index));
        let firsts = own.filter_map(|(index, track)| {
            let packet = self.packets_from(number).find(|packet| packet.track == index)?;
            let (rtp, ntp) = (&packet.rtp, track.source_time(&packet.rtp));
            let clock_rate = track.senders.clock_rate_of(rtp.ssrc());
            Some(First {
                track: index,
                sequence: rtp.sequence(),
                timestamp: rtp.timestamp(),
                clock_rate,
                ntp,
                came: None,
            })
        });
        of_one_moment(&firsts.collect::<Vec<_>>()).1
    }

    fn first_of(&self, track: u8, number: u64, (now, wall): (Instant, NtpTime)) -> Option<First> {
        let senders = &self.tracks.get(usize::from(track))?.senders;
        let kept = self.packets_from(number).find(|packet| packet.track == track);
        let ssrc = kept.map_or_else(|| senders.newest(), |packet| Some(packet.rtp.ssrc()))?;
        let (sequence, timestamp) = self.position(track, number)?;
        let ntp = senders.ntp_of(ssrc, timestamp, now, wall);
        let came = Some(kept.map_or(now, |packet| packet.at));
        Some(First { track, sequence, timestamp, clock_rate: senders.clock_rate_of(ssrc), ntp, came })
    }
}

/// The first packets with the timestamps of the moment at which the first of them was made; that moment, if a wall clock tells it that
/// is one for all of them. Otherwise they were made when they came.
fn of_one_moment(firsts: &[First]) -> (Option<NtpTime>, Vec<TrackStart>) {
    let earliest = firsts.iter().filter_map(|first| first.ntp).min();
    let came = firsts.iter().filter_map(|first| first.came).min();
    let by_clock = |first: &First| first.ntp.zip(earliest).map(|(ntp, earliest)| ntp.nanos_since(earliest));
    let by_arrival = |first: &First| first.came.zip(came).map(|(at, came)| nanos_in(at.since(came)));
    let is_one = firsts.iter().all(|first| {
        let known = by_clock(first);
        // Farther apart, the clocks have nothing to do with each other.
        let error = known.zip(by_arrival(first)).map_or(0, |(known, arrival)| known.abs_diff(arrival));
        known.is_some() && error <= nanos_in(TIMELINE_GAP_MAX).unsigned_abs()
    });
    let start = |first: &First| {
        let passed = if is_one { by_clock(first) } else { by_arrival(first) };
        let passed = Duration::from_nanos(passed.unwrap_or_default().unsigned_abs());
        (first.track, first.sequence, first.timestamp.wrapping_sub(units_in(passed, first.clock_rate)))
    };
    (earliest.filter(|_| is_one), firsts.iter().map(start).collect())
}

fn nanos_in(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Units of a clock in a time, to the nearest.
fn units_in(time: Duration, clock_rate: u32) -> u32 {
    let half = Duration::from_nanos(500_000_000_u64.checked_div(clock_rate.into()).unwrap_or_default());
    to_units(time.saturating_add(half), clock_rate) as u32
}

#[cfg(test)]
mod tests {
    use super::super::{LogLimits, TrackSet};
    use super::*;
    use crate::rtp::{RtpHeader, RtpPacket};
    use crate::{Description, Format, Media, MediaKind, NtpTime};

    const NOON: NtpTime = NtpTime::from_bits(0xd515_0000_0000_0000);
    const MS: u64 = 1_000_000;

    fn log() -> StreamLog {
        let video = Media::new(MediaKind::Video, vec![Format::new(96, "H263-1998", 90_000)]);
        let audio = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        StreamLog::new(&Description::new(vec![video, audio]), LogLimits::default())
    }

    fn packet(track: u8, sequence: u16, timestamp: u32) -> RtpPacket {
        let payload_type = if track == 0 { 96 } else { 0 };
        let ssrc = u32::from(track) + 1;
        RtpPacket::build(RtpHeader { payload_type, sequence, timestamp, ssrc, ..RtpHeader::default() }, b"x")
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * MS)
    }

    fn start(wall: Option<NtpTime>, tracks: &[TrackStart]) -> Start {
        Start { wall, tracks: tracks.to_vec() }
    }

    #[test]
    fn timestamps_of_a_start_are_of_one_moment_by_the_clock_of_the_publisher() {
        let mut log = log();
        // Both come at once, and the sound was made 250 ms later.
        log.push(at(0), 0, packet(0, 7, 90_000));
        log.push(at(0), 1, packet(1, 9, 80));
        log.set_reference(at(0), 0, 1, NOON, 90_000);
        log.set_reference(at(0), 1, 2, NOON + Duration::from_millis(250), 80);
        let behind = 80_u32.wrapping_sub(2000);
        let noon = Some(NOON);
        assert_eq!(log.start_of(at(5), TrackSet::ALL, 0), start(noon, &[(0, 7, 90_000), (1, 9, behind)]));
        let sound = TrackSet::from_iter([1]);
        let later = NOON + Duration::from_millis(250);
        assert_eq!(
            log.start_of(at(5), sound, 0),
            start(Some(later), &[(1, 9, 80)]),
            "the first of those asked for"
        );
        // The next packets, as far as one can know.
        log.push(at(40), 0, packet(0, 8, 93_600));
        let expected = [(0, 9, 97_200), (1, 10, 80_u32.wrapping_sub(1360))];
        let next = NOON + Duration::from_millis(80);
        assert_eq!(log.start_of(at(41), TrackSet::ALL, log.head()), start(Some(next), &expected));
    }

    #[test]
    fn the_start_of_a_reader_with_a_stream_of_its_own_is_one_moment_if_its_writer_tells_the_times() {
        let mut log = log();
        log.push(at(0), 0, packet(0, 1, 5));
        let number = log.head();
        assert_eq!(log.start_of_own(TrackSet::ALL, number), []);
        log.push(at(1), 0, packet(0, 7, 90_000));
        log.push(at(1), 1, packet(1, 9, 80));
        assert_eq!(
            log.start_of_own(TrackSet::ALL, number),
            [(0, 7, 90_000), (1, 9, 80)],
            "nothing is known of their times"
        );
        log.set_reference(at(1), 0, 1, NOON, 90_000);
        assert_eq!(log.start_of_own(TrackSet::ALL, number), [(0, 7, 90_000), (1, 9, 80)], "nor of the other");
        log.set_reference(at(1), 1, 2, NOON + Duration::from_millis(5), 80);
        assert_eq!(log.start_of_own(TrackSet::ALL, number), [(0, 7, 90_000), (1, 9, 40)]);
        assert_eq!(log.start_of_own(TrackSet::from_iter([1]), number), [(1, 9, 80)], "of those asked for");
    }

    #[test]
    fn without_the_publishers_clock_packets_were_made_when_they_came() {
        let mut log = log();
        log.push(at(0), 1, packet(1, 9, 8000));
        log.push(at(30), 0, packet(0, 7, 90_000));
        let expected = [(0, 7, 90_000 - 2700), (1, 9, 8000)];
        assert_eq!(log.start_of(at(40), TrackSet::ALL, 0), start(None, &expected));
        log.set_wall_clock(at(0), NOON);
        assert_eq!(log.start_of(at(40), TrackSet::ALL, 0), start(Some(NOON), &expected));
    }

    #[test]
    fn clocks_that_have_nothing_to_do_with_each_other_are_left_alone() {
        let mut log = log();
        log.push(at(0), 0, packet(0, 7, 90_000));
        log.push(at(0), 1, packet(1, 9, 80));
        log.set_reference(at(0), 0, 1, NOON, 90_000);
        log.set_reference(at(0), 1, 2, NOON + Duration::from_secs(3600), 80);
        assert_eq!(log.start_of(at(5), TrackSet::ALL, 0), start(None, &[(0, 7, 90_000), (1, 9, 80)]));
    }

    #[test]
    fn a_track_that_begins_long_after_the_other_has_the_timestamp_of_the_start() {
        for is_reported in [false, true] {
            let mut log = log();
            log.push(at(0), 0, packet(0, 7, 90_000));
            log.push(at(12_000), 1, packet(1, 9, 80));
            if is_reported {
                log.set_reference(at(12_000), 0, 1, NOON, 90_000);
                log.set_reference(at(12_000), 1, 2, NOON + Duration::from_secs(12), 80);
            }
            let sound = 80_u32.wrapping_sub(12 * 8000);
            let wall = is_reported.then_some(NOON);
            assert_eq!(
                log.start_of(at(12_000), TrackSet::ALL, 0),
                start(wall, &[(0, 7, 90_000), (1, 9, sound)])
            );
        }
    }
}
