use super::*;
use crate::limits::ACCESS_POINT_WAIT;
use crate::random::Random;

const RECOVERY_POINT: &[u8] = &[0x06, 6, 1, 0xc4, 0x80];
const INTRA: &[u8] = &[0x41, 0x88];
const CRA: &[u8] = &[0x2a, 1, 0xaf];
const BLA: &[u8] = &[0x20, 1, 0xaf];
const TRAIL: &[u8] = &[0x02, 1, 0xd0];
const SECOND: Duration = Duration::from_secs(1);

fn video(format: Format) -> MediaSection {
    MediaSection::new(MediaKind::Video, vec![format])
}

/// A stream that a reader is overtaken in: pictures and sound, some every second.
struct Running {
    log: StreamLog,
    cursor: Cursor,
    now: Instant,
    sequence: u16,
}

impl Running {
    fn new(medias: Vec<MediaSection>) -> Self {
        let log = StreamLog::new(&Description::new(medias), LogLimits::default().packets(4));
        let cursor = Cursor::new(&log, StartAt::Live, LagPolicy::SkipToKeyframe, TrackSet::ALL);
        Self { log, cursor, now: Instant::ZERO, sequence: 0 }
    }

    fn of_h264() -> Self {
        Self::new(vec![
            video(Format::new(96, "H264", 90_000)),
            MediaSection::new(MediaKind::Audio, vec![Format::pcmu()]),
        ])
    }

    /// A second passes, and then this comes.
    fn push(&mut self, track: u8, payload: &[u8]) {
        self.now = self.now + SECOND;
        self.sequence += 1;
        let packet = packet(track, self.sequence, u32::from(self.sequence) * 90_000, payload);
        assert!(self.log.push(self.now, track, packet));
    }

    /// As many come as it takes for the reader to be overtaken.
    fn overtake(&mut self, payload: &[u8]) {
        (0..8).for_each(|_| self.push(VIDEO, payload));
    }

    /// Takes the packets that the reader gets.
    fn take(&mut self) -> Vec<(u8, u16)> {
        drain(&mut self.cursor, &self.log)
    }
}

#[test]
fn an_overtaken_reader_goes_on_where_decoding_can_begin() {
    for (name, encoding, slice, payload) in [
        ("intra refresh", "H264", SLICE, RECOVERY_POINT),
        ("open groups of pictures", "H264", SLICE, INTRA),
        ("open groups of pictures", "H265", TRAIL, CRA),
        ("spliced groups of pictures", "H265", TRAIL, BLA),
        ("intra refresh", "H265", TRAIL, &[0x4e, 1, 6, 1, 0xc0, 0x80]),
        ("gradual refresh", "H266", &[0, 0x01, 0xc4], &[0, 0x51, 0xc4]),
        ("keyframes", "AV1", &[0x10, 0x30, 0x30], &[0x18, 0x08, 1]),
        ("keyframes", "VP8", &[0x10, 0xd1], &[0x10, 0xb0]),
        ("keyframes", "VP9", &[0x08, 0x86], &[0x08, 0x82]),
    ] {
        let mut running = Running::new(vec![video(Format::new(96, encoding, 90_000))]);
        running.push(VIDEO, payload);
        running.overtake(slice);
        assert_eq!(running.take(), [], "{name} in {encoding}");
        running.push(VIDEO, slice);
        assert_eq!(running.take(), [], "{name} in {encoding}");
        running.push(VIDEO, payload);
        running.push(VIDEO, slice);
        assert_eq!(running.take(), [(VIDEO, 11), (VIDEO, 12)], "{name} in {encoding}");
        assert_eq!(running.cursor.take_dropped(), 10, "{name} in {encoding}");
        // One that is kept is gone back to.
        running.overtake(slice);
        running.push(VIDEO, payload);
        running.push(VIDEO, slice);
        assert_eq!(running.take(), [(VIDEO, 21), (VIDEO, 22)], "{name} in {encoding}");
    }
}

#[test]
fn sound_does_not_wait_for_pictures() {
    let mut running = Running::of_h264();
    running.push(VIDEO, IDR);
    running.overtake(SLICE);
    assert_eq!(running.take(), []);
    running.push(AUDIO, b"sound");
    running.push(VIDEO, SLICE);
    running.push(AUDIO, b"sound");
    assert_eq!(running.take(), [(AUDIO, 10), (AUDIO, 12)]);
    assert_eq!(running.cursor.take_dropped(), 10);
    running.push(AUDIO, b"sound");
    assert_eq!((running.take(), running.cursor.take_dropped()), (vec![(AUDIO, 13)], 0));
    running.push(VIDEO, IDR);
    running.push(VIDEO, SLICE);
    assert_eq!(running.take(), [(VIDEO, 14), (VIDEO, 15)]);
    assert_eq!(running.cursor.take_dropped(), 0);
}

#[test]
fn pictures_come_back_within_a_bound_where_no_access_point_is_told() {
    let mut running = Running::of_h264();
    let wait = u16::try_from(ACCESS_POINT_WAIT.as_secs()).unwrap();
    running.overtake(SLICE);
    let mut taken = running.take();
    // The first picture came at one second.
    while running.sequence < wait {
        running.push(VIDEO, SLICE);
        taken.extend(running.take());
    }
    assert_eq!(taken, []);
    running.push(VIDEO, SLICE);
    assert_eq!(running.take(), [(VIDEO, wait + 1)]);
    assert_eq!(running.cursor.take_dropped(), u64::from(wait));
    // From then on it is known, and the newest picture does at once.
    running.overtake(SLICE);
    assert_eq!(running.take(), [(VIDEO, wait + 9)]);
    // Until an access point comes after all.
    running.push(VIDEO, IDR);
    running.overtake(SLICE);
    assert_eq!(running.take(), []);
}

#[test]
fn an_access_point_is_waited_for_as_long_as_groups_of_pictures_last() {
    let mut running = Running::of_h264();
    let wait = u16::try_from(ACCESS_POINT_WAIT.as_secs()).unwrap();
    running.push(VIDEO, IDR);
    for _ in 1..wait {
        running.push(VIDEO, SLICE);
        running.cursor.pass_over(&running.log);
    }
    assert_eq!(running.take(), []);
    running.push(VIDEO, IDR);
    assert_eq!(running.take(), [(VIDEO, wait + 1)], "the one before was {wait} s ago");
}

#[test]
fn an_i_picture_counts_as_long_as_there_is_nothing_better() {
    let mut running = Running::of_h264();
    running.push(VIDEO, INTRA);
    assert!(running.log.get(0).unwrap().access_point);
    running.push(VIDEO, IDR);
    running.push(VIDEO, INTRA);
    assert!(!running.log.get(2).unwrap().access_point);
    assert_eq!(running.log.access_point(TrackSet::ALL), Some(1));
    running.now = running.now + ACCESS_POINT_WAIT;
    running.push(VIDEO, INTRA);
    assert_eq!(running.log.access_point(TrackSet::ALL), Some(3));
}

#[test]
fn a_keyframe_that_is_kept_is_not_forgotten_however_old_it_is() {
    let mut log = log(LogLimits::default());
    log.push(now(0), VIDEO, packet(VIDEO, 0, 0, IDR));
    for sequence in 1..90_u16 {
        let at = now(1000 * u64::from(sequence));
        log.push(at, VIDEO, packet(VIDEO, sequence, u32::from(sequence) * 90_000, SLICE));
    }
    let cursor = Cursor::new(&log, StartAt::Keyframe, LagPolicy::default(), TrackSet::ALL);
    assert_eq!(cursor.position(), 0);
}

#[test]
fn a_reader_from_the_keyframe_waits_for_the_first_one() {
    let h264 = Format::new(96, "H264", 90_000);
    let audio = MediaSection::new(MediaKind::Audio, vec![Format::pcmu()]);
    let mut log = StreamLog::new(&Description::new(vec![video(h264), audio]), LogLimits::default());
    log.push(now(0), VIDEO, packet(VIDEO, 7, 0, SLICE));
    log.push(now(0), AUDIO, packet(AUDIO, 70, 0, b"sound"));
    let mut cursor = Cursor::new(&log, StartAt::Keyframe, LagPolicy::default(), TrackSet::ALL);
    assert!(cursor.track_waits(VIDEO) && !cursor.track_waits(AUDIO));
    log.push(now(40), VIDEO, packet(VIDEO, 8, 3600, SLICE));
    log.push(now(40), AUDIO, packet(AUDIO, 71, 320, b"sound"));
    log.push(now(80), VIDEO, packet(VIDEO, 9, 7200, IDR));
    log.push(now(120), VIDEO, packet(VIDEO, 10, 10_800, SLICE));
    assert_eq!(drain(&mut cursor, &log), [(AUDIO, 70), (AUDIO, 71), (VIDEO, 9), (VIDEO, 10)]);
}

#[test]
fn any_picture_is_an_access_point_where_none_can_be_told() {
    let mut running = Running::new(vec![video(Format::new(96, "H263-1998", 90_000))]);
    running.overtake(b"picture");
    assert_eq!(running.take(), [(VIDEO, 8)]);
    assert_eq!(running.cursor.take_dropped(), 7);
    running.overtake(b"picture");
    running.cursor.pass_over(&running.log);
    running.push(VIDEO, b"picture");
    assert_eq!(running.take(), [(VIDEO, 17)]);
}

#[test]
fn each_video_waits_for_its_own_access_point() {
    let h264 = || video(Format::new(96, "H264", 90_000));
    let mut log = StreamLog::new(&Description::new(vec![h264(), h264()]), LogLimits::default().packets(4));
    let mut cursor = Cursor::new(&log, StartAt::Live, LagPolicy::SkipToKeyframe, TrackSet::ALL);
    let mut sequence = 0_u16;
    let mut push = |log: &mut StreamLog, track: u8, payload: &[u8]| {
        sequence += 1;
        let header = RtpHeader { payload_type: 96, marker: false, sequence, timestamp: 0, ssrc: 1 };
        let header = RtpHeader { timestamp: u32::from(sequence), ..header };
        log.push(now(0), track, RtpPacket::build(header, payload));
    };
    (0..8).for_each(|_| push(&mut log, 0, SLICE));
    for (track, payload) in [(1, SLICE), (0, IDR), (1, SLICE), (0, SLICE)] {
        push(&mut log, track, payload);
    }
    assert_eq!(drain(&mut cursor, &log), [(0, 10), (0, 12)]);
    push(&mut log, 1, IDR);
    push(&mut log, 1, SLICE);
    assert_eq!(drain(&mut cursor, &log), [(1, 13), (1, 14)]);
    // Both have one that is kept: the older, so that both begin.
    (0..8).for_each(|_| push(&mut log, 0, SLICE));
    for (track, payload) in [(1, SLICE), (0, IDR), (1, IDR), (0, SLICE)] {
        push(&mut log, track, payload);
    }
    assert_eq!(drain(&mut cursor, &log), [(0, 24), (1, 25), (0, 26)]);
}

#[test]
fn a_reader_that_keeps_up_again_gets_sound_at_once_and_pictures_within_a_bound() {
    let mut random = Random::new([9; 32]);
    let mut below = |bound: u32| random.next_u32() % bound;
    for round in 0..200 {
        let mut running = Running::of_h264();
        let (group, kind) = (1 + below(40), below(4));
        let access_point = [IDR, RECOVERY_POINT, INTRA, SLICE][kind as usize];
        let mut taken = 0;
        let mut caught_up: Option<Instant> = None;
        for number in 0..150 {
            if below(2) == 0 {
                running.push(AUDIO, b"sound");
            } else {
                running.push(VIDEO, if number % group == 0 { access_point } else { SLICE });
            }
            // It stands still for a while now and then, and then keeps up.
            if number % 50 < 20 && below(10) > 0 {
                caught_up = None;
                continue;
            }
            let since = *caught_up.get_or_insert(running.now);
            let came = running.take();
            taken += came.len() as u64;
            let newest = running.log.get(running.log.head() - 1).unwrap();
            let has_newest = came.iter().any(|(_, sequence)| *sequence == newest.rtp.sequence());
            let has_waited = running.now >= since + ACCESS_POINT_WAIT;
            assert!(has_newest || (newest.track == VIDEO && !has_waited), "{number} of round {round}");
        }
        let head = running.log.head();
        taken += running.take().len() as u64;
        assert_eq!(taken + running.cursor.take_dropped(), head, "round {round}");
    }
}
