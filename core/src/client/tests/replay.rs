//! Replay as ONVIF has it, with the examples of the Streaming Specification.

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::frame::FrameReader;
use crate::header::{Frames, Range, Replay};
use crate::limits::READ_BLOCK_BYTES;
use crate::rtp::{OnvifExtension, RtpHeader, RtpPacket};
use crate::{NtpTime, Tolerances};

const RECORDING: &str = "rtsp://192.168.0.1/path/to/recording";

/// The base that the scenario's server tells.
const BASE: &str = "rtsp://192.168.0.1/cam?q=1/";

fn config() -> ClientConfig {
    ClientConfig::default().transports(Transports::Tcp).onvif_replay(true)
}

/// A client of the recording whose one track is set up, with the session of the examples.
fn set_up(config: ClientConfig) -> Scenario {
    let one = "v=0\r\no=- 0 0 IN IP4 192.168.0.1\r\ns=x\r\nt=0 0\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n";
    let mut it = Scenario::with(RECORDING, config).describe_as(one);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 12345678 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it
}

fn clock(range: &str) -> Playback {
    Playback::from(Range::parse(range, &mut Tolerances::default()).unwrap())
}

/// The lines of a request, sorted, without those that the examples leave out and the number.
fn lines(request: &str) -> Vec<String> {
    let is_common = |line: &&str| !["CSeq:", "Cseq:", "User-Agent:"].iter().any(|own| line.starts_with(own));
    let mut lines: Vec<_> = request.split(" | ").filter(is_common).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn each_example_of_play_is_written_as_it_stands_there() {
    let no_pace = Replay::new().without_rate_control();
    let (begin, end) = ("20090615T114900.440Z", "20090615T115000Z");
    let from = format!("clock={begin}-");
    let back = "clock=20090615T115000.440Z-20090615T114900Z";
    let examples = [
        (clock(&from).replay(no_pace), format!("Range: {from} | Rate-Control: no")),
        (clock(&from).scale(-1.0).replay(no_pace), format!("Range: {from} | Rate-Control: no | Scale: -1.0")),
        (clock(&format!("{from}{end}")).replay(no_pace), format!("Range: {from}{end} | Rate-Control: no")),
        (clock(back).scale(-1.0).replay(no_pace), format!("Range: {back} | Rate-Control: no | Scale: -1.0")),
        (
            clock(&from).replay(no_pace.immediate()),
            format!("Range: {from} | Rate-Control: no | Immediate: yes"),
        ),
        (
            clock(&from).replay(Replay::new().only(Frames::Intra { every: None })),
            format!("Range: {from} | Frames: intra"),
        ),
        (
            clock(&from).replay(Replay::new().only(Frames::Intra { every: Some(Duration::from_secs(4)) })),
            format!("Range: {from} | Frames: intra/4000"),
        ),
        (
            clock(&from).replay(Replay::new().only(Frames::Predicted)),
            format!("Range: {from} | Frames: predicted"),
        ),
    ];
    for (playback, example) in examples {
        let mut it = set_up(config());
        it.client.play(it.now, playback).unwrap();
        let example = format!("PLAY {RECORDING} | Session: 12345678 | Require: onvif-replay | {example}");
        assert_eq!(lines(&it.request().replace(BASE, RECORDING)), lines(&example));
    }
}

fn packet(sequence: u16) -> RtpPacket {
    let header = RtpHeader {
        payload_type: 96,
        marker: true,
        sequence,
        timestamp: u32::from(sequence) * 3600,
        ssrc: 7,
    };
    RtpPacket::build(header, b"\x65picture")
}

/// A client that plays at its own pace, and in which so many packets may wait.
fn at_own_pace(most: usize) -> Scenario {
    let mut it = set_up(config().received_packets_max(most));
    it.client.play(it.now, Playback::new().replay(Replay::new().without_rate_control())).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.done();
    it
}

#[test]
fn a_server_is_held_up_while_the_application_looks_at_a_picture() {
    let mut it = at_own_pace(10);
    let mut sequence = 0;
    for _ in 0..3 {
        while it.client.wants_read() {
            it.frame(0, packet(sequence).as_bytes());
            sequence += 1;
        }
        it.advance(Duration::from_secs(600));
        let keepalives = std::iter::from_fn(|| it.next_request()).count();
        assert_eq!(keepalives, 20, "the session is kept alive");
        it.no_event();
        // The next picture, behind which the answers come that were stuck.
        assert_eq!(it.client.poll_packet().unwrap().packet.sequence(), sequence - 10);
        assert!(it.client.wants_read());
        it.answer("200 OK");
        it.no_event();
    }
    assert_eq!(it.packets().len(), 9);
    assert_eq!(it.client.tolerances(), Tolerances::NONE, "no answer was missed");
    // A server that sends nothing although it is read is gone.
    it.advance(Duration::from_secs(120));
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
    assert!(matches!(it.closed(), ClientCloseReason::Silence));
}

#[test]
fn nothing_is_lost_of_what_is_on_its_way_when_a_command_reads_on() {
    let mut it = at_own_pace(10);
    (0..10).for_each(|sequence| it.frame(0, packet(sequence).as_bytes()));
    assert!(!it.client.wants_read());
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    assert!(it.client.wants_read(), "the answer is behind the media");
    (10..20).for_each(|sequence| it.frame(0, packet(sequence).as_bytes()));
    it.answer("200 OK");
    it.done();
    let packets = it.packets();
    assert!(packets.iter().map(|(_, sequence, _)| *sequence).eq(0..20), "{packets:?}");
}

#[test]
fn what_waits_of_a_held_up_server_has_a_bound() {
    let mut it = at_own_pace(1);
    it.client.options(it.now).unwrap();
    it.expect_method("OPTIONS");
    let most = 2 + READ_BLOCK_BYTES as u32;
    (0..=most).for_each(|sequence| it.frame(0, packet(sequence as u16).as_bytes()));
    assert_eq!(it.packets().len() as u32, most, "the oldest is dropped");
}

#[test]
fn a_server_with_the_pace_is_not_held_up() {
    let mut it = set_up(config().received_packets_max(10));
    it.client.play(it.now, Playback::new().replay(Replay::new())).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    (0..20).for_each(|sequence| it.frame(0, packet(sequence).as_bytes()));
    assert!(it.client.wants_read());
    assert_eq!(it.packets().len(), 10);
}

/// When the recording begins.
fn noon() -> NtpTime {
    NtpTime::from_unix(Duration::from_secs(1_800_000_000))
}

/// A picture that was recorded so many milliseconds after that, with the timestamp of then.
fn picture(sequence: u16, recorded: u64, flags: impl Fn(&mut OnvifExtension)) -> RtpPacket {
    let mut extension =
        OnvifExtension { ntp: noon() + Duration::from_millis(recorded), ..Default::default() };
    flags(&mut extension);
    let timestamp = recorded as u32 * 90;
    let header = RtpHeader { payload_type: 96, marker: true, sequence, timestamp, ssrc: 7 };
    let payload = if extension.is_clean_point { b"\x65\x88key" } else { b"\x41\x9apic" };
    extension.add_to(&RtpPacket::build(header, payload))
}

#[test]
fn packets_of_a_place_that_was_left_are_known_by_the_number_of_their_play() {
    let mut it = set_up(config());
    let replay = Replay::new().without_rate_control();
    it.client.play(it.now, clock("clock=20270115T080000Z-").replay(replay)).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    let Reply::Playing(first) = it.done() else { panic!("it plays") };
    let of = |playing: &Playing| playing.cseq as u8;
    let (old, mut sequence) = (of(&first), 0);
    let mut push = |it: &mut Scenario, cseq: u8, recorded: u64| {
        sequence += 1;
        it.frame(0, picture(sequence, recorded, |own| own.cseq = cseq).as_bytes());
        it.client.poll_packet().unwrap().time
    };
    assert_eq!(push(&mut it, old, 0).replay().unwrap().cseq, old);
    it.client.seek(it.now, clock("clock=20270115T090000Z-").replay(replay.immediate())).unwrap();
    it.expect_method("PLAY");
    assert_eq!(push(&mut it, old, 40).replay().unwrap().cseq, old);
    it.answer("200 OK");
    let Reply::Playing(second) = it.done() else { panic!("it plays") };
    assert_eq!(of(&second), old + 1);
    // Packets that were on their way behind the answer, and then those of the new place.
    for (cseq, recorded) in [(old, 80), (of(&second), 3_600_000), (of(&second), 3_600_040)] {
        let time = push(&mut it, cseq, recorded);
        let told = time.replay().unwrap();
        assert_eq!((told.cseq, told.ntp), (cseq, noon() + Duration::from_millis(recorded)));
    }
}

#[test]
fn a_recording_that_is_played_backwards_is_whole_frames_with_their_times() {
    let mut it = set_up(config());
    let replay = Replay::new().without_rate_control();
    it.client.play(it.now, Playback::new().scale(-1.0).replay(replay)).unwrap();
    it.expect_method("PLAY");
    // It says nothing of the scale.
    it.answer("200 OK");
    it.done();
    let mut frames = FrameReader::new(it.client.description().unwrap());
    let (mut sequence, mut told) = (0, Vec::new());
    for group in (0..5_u64).rev() {
        for number in 0..10 {
            sequence += 1;
            let packet = picture(sequence, 400 * group + 40 * number, |own| {
                own.is_clean_point = number == 0;
                own.is_discontinuous = number == 0;
                own.ends_section = group == 0 && number == 9;
            });
            it.frame(0, packet.as_bytes());
            it.advance(Duration::from_secs(5));
            frames.push(&it.client.poll_packet().unwrap()).unwrap();
            told.extend(std::iter::from_fn(|| frames.poll()));
        }
    }
    assert_eq!(told.len(), 50);
    for (place, frame) in told.iter().enumerate() {
        let (group, number) = (4 - place as u64 / 10, place as u64 % 10);
        let recorded = noon() + Duration::from_millis(400 * group + 40 * number);
        assert_eq!(frame.time.reported_ntp(), Some(recorded));
        assert_eq!((frame.is_keyframe, frame.is_damaged), (number == 0, false), "{place}");
        assert_eq!(frame.time.begins_anew, place > 0 && number == 0);
        assert_eq!(frame.time.pts, place as i64 * 40_000_000);
        assert_eq!(frame.time.replay().unwrap().ends_section, place == 49);
    }
}
