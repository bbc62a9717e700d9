//! ONVIF replay, against GStreamer: what it stamps is read here, what is stamped here is read there, and a recording that its
//! server plays is played at the client's pace.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use rtspan_std::header::Replay;
use rtspan_std::rtp::OnvifExtension;
use rtspan_std::{Client, ClientConfig, NtpTime, Playback, Range, RtpHeader, RtpPacket, Transports};

use crate::clip::Clip;
use crate::policy::{Needs, PYTHON, installed};
use crate::program::Program;
use crate::rtspan::listening;
use crate::seeking::next;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/gst_replay.py");
/// Noon of the first day of 2027, in seconds since 1900, where the script's recordings begin.
const NOON: u64 = 4_007_880_000;
/// How long the clip is that is served.
const CLIP_NANOS: i64 = 3_000_000_000;

/// The lines that the script prints, given these.
fn run(args: &[&str], lines: &str) -> Vec<String> {
    let mut command = Command::new(PYTHON);
    command.arg(SCRIPT).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = command.spawn().expect("it is installed");
    let mut stdin = script.stdin.take().expect("it is piped");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    let output = script.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).expect("digits"));
    digits.map(|two| u8::from_str_radix(two, 16).expect("a byte")).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Nanoseconds since 1900.
fn nanos_of(ntp: NtpTime) -> u64 {
    let fraction = u64::from(ntp.to_bits() as u32);
    (ntp.to_bits() >> 32) * 1_000_000_000 + ((fraction * 1_000_000_000) >> 32)
}

#[test]
fn what_gstreamer_stamps_is_read() {
    if !installed(&[Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let lines = run(&["stamp", "300"], "");
    let mut last_ones = 0;
    for (number, line) in lines.iter().enumerate() {
        let [is_key, nanos, hex] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let packet = RtpPacket::parse(bytes_of(hex).into()).expect("a packet");
        let extension = OnvifExtension::of(&packet).expect("each packet is stamped");
        assert!(nanos_of(extension.ntp).abs_diff(nanos.parse().expect("a time")) <= 1, "{line}");
        assert_eq!(extension.is_clean_point, is_key == "C", "{line}");
        assert_eq!((extension.is_discontinuous, extension.cseq), (number == 0, 300_u32 as u8), "{line}");
        assert_eq!(extension.ends_section, extension.is_last, "{line}");
        last_ones += usize::from(extension.is_last);
        // Some packets of the last picture say that it is.
        let is_of_last = lines.last().is_some_and(|last| last.contains(&format!(" {nanos} ")));
        assert!(is_of_last || !extension.is_last, "{line}");
    }
    assert!(last_ones > 0);
    let keys = lines.iter().filter(|line| line.starts_with('C')).count();
    assert!(keys >= 4, "{keys} of 20 pictures");
}

#[test]
fn what_is_stamped_is_read_by_gstreamer() {
    if !installed(&[Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let (mut packets, mut expected) = (String::new(), Vec::new());
    for number in 0..16_u16 {
        let mut extension = OnvifExtension::default();
        extension.ntp = NtpTime::from_bits(NOON << 32 | u64::from(number) << 28);
        extension.is_clean_point = number % 2 == 0;
        extension.is_discontinuous = number % 4 > 1;
        extension.ends_section = number % 8 > 3;
        extension.is_last = number == 15;
        let header = RtpHeader { payload_type: 96, marker: true, sequence: number, timestamp: 9, ssrc: 7 };
        let packet = extension.add_to(&RtpPacket::build(header, b"\x65picture"));
        packets += &(hex_of(packet.as_bytes()) + "\n");
        let marks = (extension.is_clean_point, extension.is_discontinuous);
        expected.push((marks, nanos_of(extension.ntp)));
    }
    let read = run(&["parse"], &packets).into_iter().map(|line| {
        let [clean, discontinuous, nanos] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        ((clean == "C", discontinuous == "D"), nanos.parse::<u64>().expect("a time"))
    });
    assert_eq!(read.collect::<Vec<_>>(), expected);
}

/// GStreamer's server goes by the clip's own time; it stamps no packets that `qtdemux` gives it from the middle of a clip.
#[test]
fn a_recording_of_gstreamers_server_is_played_at_the_clients_pace() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let mut command = Command::new(PYTHON);
    let name = "GStreamer's server of replays";
    let server = Program::start(name, command.args([SCRIPT, "serve"]).arg(&Clip::brief_baseline().mov));
    let url = listening(&server);
    let config = ClientConfig::default().transports(Transports::Tcp).onvif_replay(true);
    let client = Client::builder(&url).unwrap().config(config.received_packets_max(20)).build().unwrap();
    client.describe().unwrap();
    client.setup(0).unwrap();
    let from = Playback::from(Range::from_npt(Duration::ZERO));
    client.play(from.replay(Replay::new().without_rate_control())).unwrap();
    let mut packets = client.packets();
    let (mut reached, mut keys) = (0, 0);
    while reached < CLIP_NANOS * 9 / 10 {
        let received = next(&mut packets).expect("it has not ended");
        let time = received.time;
        let replay = time.replay().expect("each packet is stamped");
        let since_noon = nanos_of(replay.ntp) as i64 - (NOON * 1_000_000_000) as i64;
        assert!((since_noon - time.pts).abs() < 1_000_000, "{time:?}");
        let begins = reached == 0;
        assert_eq!(
            (received.lost, time.begins_anew, replay.is_discontinuous),
            (0, false, begins && time.pts == 0)
        );
        keys += u32::from(replay.is_clean_point && time.pts > reached);
        reached = reached.max(time.pts);
    }
    assert!(keys >= 2, "there is a keyframe at each second");
    assert_eq!(packets.dropped(), 0);
}
