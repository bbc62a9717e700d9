use rtspan_core::payload::{AccessUnit, ParameterWatch};
use rtspan_core::{Format, NtpTime};

use super::*;

/// A sequence header of MPEG-2, of pictures that are as wide as a byte says.
fn sequence(width: u8) -> Vec<u8> {
    [&b"\0\0\x01\xb3\0"[..], &[width << 4, 0x30, 0x13], b"\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a\0\x01\0\0"]
        .concat()
}

/// Pictures of one track, as a reader gives them.
struct Pictures {
    watch: ParameterWatch,
    next: i64,
}

impl Pictures {
    fn new() -> Self {
        Self { watch: ParameterWatch::new(&Format::mpeg_video()), next: 0 }
    }

    fn picture(&mut self, bytes: Vec<u8>, is_keyframe: bool) -> Frame {
        let parts = bytes::Bytes::from(bytes);
        let unit = AccessUnit::new(0, parts).with_keyframe(is_keyframe);
        let is_news = self.watch.look(&unit) || self.next == 0;
        let mut frame = Frame::new(0, self.next, unit.parts);
        self.next += 40_000_000;
        frame.is_keyframe = is_keyframe;
        frame.new_parameters = is_news.then(|| Box::new(self.watch.parameters()));
        frame
    }
}

#[test]
fn pictures_that_come_before_the_parameters_are_left_out() {
    let mut pictures = Pictures::new();
    let mut writer = Mp4Writer::new(Vec::new(), [0]);
    for _ in 0..3 {
        writer.write(pictures.picture(b"before".to_vec(), false)).unwrap();
    }
    writer.write(pictures.picture(sequence(4), true)).unwrap();
    writer.write(pictures.picture(b"behind".to_vec(), false)).unwrap();
    let file = writer.finish().unwrap();
    let count = |wanted: &[u8]| file.windows(wanted.len()).filter(|window| *window == wanted).count();
    assert_eq!((count(b"before"), count(&sequence(4)), count(b"behind")), (0, 1, 1));
}

#[test]
fn another_size_is_said_where_no_configuration_tells_it() {
    let mut pictures = Pictures::new();
    let mut writer = Mp4Writer::new(Vec::new(), [0]);
    writer.write(pictures.picture(sequence(4), true)).unwrap();
    writer.write(pictures.picture(sequence(4), true)).unwrap();
    let result = writer.write(pictures.picture(sequence(8), true));
    assert!(matches!(result, Err(Mp4Error::ParametersChanged(0))), "{result:?}");
    assert_eq!(writer.frames(), 1, "of the fragment that has ended");
}

/// The boxes of a file that are one of two names, each with its content.
fn boxes<'a>(file: &'a [u8], name: &[u8; 4]) -> Vec<&'a [u8]> {
    let (mut found, mut rest) = (Vec::new(), file);
    while let Some((size, _)) = rest.split_first_chunk::<4>() {
        let (its, behind) = rest.split_at(u32::from_be_bytes(*size) as usize);
        if its[4..8] == *name {
            found.push(&its[8..]);
        }
        rest = behind;
    }
    found
}

#[test]
fn a_fragment_ends_when_it_is_long_and_where_the_wall_clock_is_set() {
    use mp4_atom::Atom as _;
    const NOON: Duration = Duration::from_secs(1_800_000_000);
    let mut pictures = Pictures::new();
    let mut writer = Mp4Writer::new(Vec::new(), [0]).fragment_max(Duration::from_secs(1));
    for number in 0..60_u64 {
        let content = if number == 0 { sequence(4) } else { b"picture".to_vec() };
        // Two hundred microseconds are the jitter of a clock; five milliseconds are not.
        let set = Duration::from_micros(number % 2 * 200 + if number < 40 { 0 } else { 5_000 });
        let frame = pictures.picture(content, number == 0);
        writer
            .write(frame.with_ntp(NtpTime::from_unix(NOON + Duration::from_millis(number * 40) + set)))
            .unwrap();
    }
    let file = writer.finish().unwrap();
    let clocks: Vec<(u64, u64)> = boxes(&file, b"prft")
        .into_iter()
        .map(|mut body| Prft::decode_body(&mut body).unwrap())
        .map(|prft| {
            (prft.media_time, NtpTime::from_bits(prft.ntp_timestamp).to_unix().unwrap().as_micros() as u64)
        })
        .collect();
    let noon = NOON.as_micros() as u64;
    // Fragments of a second, until the clock is set.
    assert_eq!(clocks, [(0, noon), (26 * 3600, noon + 1_040_000), (40 * 3600, noon + 1_605_000)]);
}

#[test]
fn sound_that_comes_late_keeps_its_time_and_never_goes_back_in_decoding() {
    let mut pictures = Pictures::new();
    let mut writer = Mp4Writer::new(Vec::new(), [0, 1]).fragment_max(Duration::from_secs(1));
    let sound = ParameterWatch::new(&Format::pcma()).parameters();
    writer.describe(1, &sound, true);
    for _ in 0..60 {
        let content = sequence(4);
        writer.write(pictures.picture(content, pictures.next == 0)).unwrap();
    }
    // Of a tenth of a second before the file, behind two fragments.
    for pts in [-100_000_000, -80_000_000, 20_000_000] {
        let mut frame = Frame::new(1, pts, vec![0xd5; 160]);
        frame.is_keyframe = true;
        writer.write(frame).unwrap();
    }
    let samples = samples(&writer.finish().unwrap(), 2);
    assert_eq!(samples, [(0, -800), (1, -640), (160, 160)], "in units of 1/8000 s");
}

/// When the samples of a track are decoded and presented, in units of its clock.
fn samples(file: &[u8], track: u32) -> Vec<(i64, i64)> {
    use mp4_atom::Atom as _;
    let mut samples = Vec::new();
    for mut moof in boxes(file, b"moof") {
        let moof = Moof::decode_body(&mut moof).unwrap();
        for traf in moof.traf.iter().filter(|traf| traf.tfhd.track_id == track) {
            let mut dts = traf.tfdt.as_ref().unwrap().base_media_decode_time as i64;
            for sample in traf.trun.iter().flat_map(|trun| &trun.samples) {
                samples.push((dts, dts + sample.cts.unwrap()));
                dts += i64::from(sample.duration.unwrap());
            }
        }
    }
    samples
}

#[test]
fn two_pictures_of_one_time_are_decoded_and_shown_one_after_the_other() {
    let mut pictures = Pictures::new();
    let mut writer = Mp4Writer::new(Vec::new(), [0]);
    // Two in one fragment, and two of which a fragment begins with the second.
    for (pts, is_keyframe) in [(0, true), (40, false), (40, false), (80, false), (80, true), (120, false)] {
        pictures.next = pts * 1_000_000;
        writer.write(pictures.picture(sequence(4), is_keyframe)).unwrap();
    }
    let times = samples(&writer.finish().unwrap(), 1);
    let expected = [0, 3600, 3601, 7200, 7201, 10_800];
    assert_eq!(times, expected.map(|time| (time, time)), "in units of 1/90000 s");
}
