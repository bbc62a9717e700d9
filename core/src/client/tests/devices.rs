//! Scripted cameras: for each device the bytes that it sends, and what the client does with them.
//!
//! A table for each subject. A device is added with a [`Camera`], whose script has a step in each line:
//!
//! | step | |
//! | --- | --- |
//! | `describe`, `options`, `setup 0`, `play`, `pause`, `teardown` | the application gives a command |
//! | `> SETUP rtsp://… … interleaved` | the client sends a request that begins so, and has each of the other parts |
//! | `>! User-Agent` | that request does not have this |
//! | `< 200 OK \| Session: 1` | the camera answers; `CSeq` is added unless it is there |
//! | `<< bytes` | the camera sends these bytes |
//! | `frame 0 96 17` | the camera sends a packet on a channel: payload type, sequence number; SSRC, timestamp, size |
//! | `rtp 192.0.2.1:5000 96 17` | the camera sends a packet over UDP |
//! | `closes`, `wait 7.5` | the camera closes the connection; seconds pass |
//! | `packets 17 18` | these sequence numbers came out |
//! | `done`, `failed Status`, `told Timeout` | the next event |
//! | `silent`, `asks nothing` | the client sends nothing; no request |
//! | `plays 30` | the camera sends packets for so many seconds |
//! | `once Authorization` | the last request has this once |
//! | `starts 0:17:51000` | PLAY is done; its answer tells media, sequence number and timestamp |
//! | `times go on` | each packet that came has a later PTS |
//! | `invalid 1`, `reports 1` | packets that were none of the media; reports that the client has sent |
//! | `connects 2` | the client has connected so often |
//! | `formats 96 H264/90000; 0 PCMU/8000` | the description has these formats, medias apart by `;` |
//! | `described`, `described as v=0\|…`, `set up 0`, `playing` | a plain dialogue up to there |
//!
//! `\r`, `\n`, `\t`, `\0` and `\xab` stand for their bytes. At the end the tolerances are compared.
//! `docs/interop.md` is made from the tables: `RTSPAN_INTEROP=write cargo test -p rtspan-core devices` writes it.

mod authentication;
mod descriptions;
mod elsewhere;
mod headers;
mod keepalive;
mod media;
mod page;
mod play;
mod transport;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::rtp::{RtpHeader, RtpPacket};
use crate::udp::Port;
use crate::{Description, Tolerance, Tolerances};

/// A camera, and what is expected of the client.
struct Camera {
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    script: String,
    url: &'static str,
    config: ClientConfig,
    tolerates: &'static [Tolerance],
}

impl Camera {
    fn new(device: &'static str, sends: &'static str, does: &'static str, script: impl Into<String>) -> Self {
        let config = ClientConfig::default().transports(Transports::Tcp);
        Self { device, sends, does, script: script.into(), url: URL, config, tolerates: &[] }
    }

    fn url(self, url: &'static str) -> Self {
        Self { url, ..self }
    }

    fn config(self, config: ClientConfig) -> Self {
        Self { config, ..self }
    }

    fn tolerates(self, tolerates: &'static [Tolerance]) -> Self {
        Self { tolerates, ..self }
    }

    /// Plays the script; `at` is the line that it has reached.
    fn run<'a>(&'a self, at: &mut &'a str) {
        let mut it = Scenario::with(self.url, self.config.clone());
        let mut request = String::new();
        for line in self.script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            *at = line;
            step(&mut it, &mut request, line);
        }
        *at = "the tolerances";
        let mut expected = Tolerances::NONE;
        self.tolerates.iter().for_each(|tolerance| expected.record(*tolerance));
        assert_eq!(it.client.tolerances(), expected);
    }
}

fn message(cause: &(dyn std::any::Any + Send)) -> &str {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or_default()
}

fn step(it: &mut Scenario, request: &mut String, line: &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "options" => _ = it.client.options(it.now).unwrap(),
        "describe" => _ = it.client.describe(it.now).unwrap(),
        "setup" => _ = it.client.setup(it.now, number(rest)).unwrap(),
        "play" => _ = it.client.play(it.now, None).unwrap(),
        "pause" => _ = it.client.pause(it.now).unwrap(),
        "teardown" => _ = it.client.teardown(it.now).unwrap(),
        ">" => {
            *request = it.request();
            let mut parts = rest.split(" … ");
            assert!(request.starts_with(parts.next().unwrap_or_default()), "{request}");
            parts.for_each(|part| assert!(request.contains(part), "{request}"));
        }
        ">!" => assert!(!request.contains(rest), "{request}"),
        "<" => it.answer(&String::from_utf8(bytes(rest)).unwrap()),
        "<<" => it.receive(&bytes(rest)),
        "frame" => {
            let (channel, packet) = rest.split_once(' ').unwrap();
            it.frame(number(channel) as u8, &packet_of(packet));
        }
        "rtp" => {
            let (from, packet) = rest.split_once(' ').unwrap();
            it.datagram(Port::Rtp, from, packet_of(packet));
        }
        "closes" => it.close(),
        "wait" => it.advance(Duration::from_secs_f64(rest.parse().unwrap())),
        "packets" => {
            let came: Vec<_> = it.packets().iter().map(|(_, sequence, _)| sequence.to_string()).collect();
            assert_eq!(came.join(" "), rest);
        }
        "done" => _ = it.done(),
        "failed" => {
            let error = format!("{:?}", it.failed());
            assert!(error.starts_with(rest), "{error}");
        }
        "told" => {
            let event = format!("{:?}", it.event());
            assert!(event.starts_with(rest), "{event}");
        }
        "silent" => it.expect_nothing_sent(),
        "connects" => {
            let connects = it.log.iter().filter(|line| line.starts_with("connect ")).count();
            assert_eq!(connects, number(rest));
        }
        "formats" => assert_eq!(formats(it.client.description().unwrap()), rest),
        "described" => describe_as(it, request, rest.strip_prefix("as ").unwrap_or(SDP)),
        "set" => set_up(it, request, number(rest.strip_prefix("up ").unwrap())),
        "plays" => play_for(it, Duration::from_secs_f64(rest.parse().unwrap())),
        "asks" => {
            it.frames.clear();
            it.expect_nothing_sent();
        }
        "once" => assert_eq!(request.matches(rest).count(), 1, "{request}"),
        "starts" => {
            let Reply::Playing(playing) = it.done() else { panic!("no answer to PLAY") };
            let or_none = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |own| own.to_string());
            let starts = playing.tracks.iter().map(|TrackStart { media, sequence, timestamp, .. }| {
                format!("{media}:{}:{}", or_none(sequence.map(u32::from)), or_none(*timestamp))
            });
            assert_eq!(starts.collect::<Vec<_>>().join(" "), rest);
        }
        "times" => {
            let times: Vec<_> =
                std::iter::from_fn(|| it.client.poll_packet()).map(|it| it.time.pts).collect();
            assert!(times.len() > 1 && times.is_sorted_by(|a, b| a < b), "{times:?}");
        }
        "invalid" => {
            assert_eq!(it.client.media_stats(it.now, 0).unwrap().invalid, number(rest) as u64);
        }
        "reports" => {
            let reports = it.frames.iter().filter(|frame| frame.payload.get(1) == Some(&201)).count();
            assert!(reports >= number(rest), "{reports}");
        }
        "playing" => {
            let dialogue = ["play", "> PLAY", "< 200 OK", "done"];
            dialogue.iter().for_each(|line| step(it, request, line));
            assert_eq!(it.client.state(), State::Play);
        }
        _ => panic!("no such step"),
    }
}

fn describe_as(it: &mut Scenario, request: &mut String, description: &str) {
    let options = format!("< 200 OK | {PUBLIC}");
    ["describe", "> OPTIONS", &options, "> DESCRIBE"].iter().for_each(|line| step(it, request, line));
    let body = bytes(&description.replace('|', "\r\n"));
    let cseq = request.split(" | ").find(|header| header.starts_with("CSeq: ")).unwrap();
    let head = format!(
        "RTSP/1.0 200 OK\r\n{cseq}\r\nContent-Type: application/sdp\r\n\
         Content-Base: rtsp://192.0.2.1/cam?q=1/\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    it.receive(&[head.as_bytes(), &body].concat());
    step(it, request, "done");
}

fn set_up(it: &mut Scenario, request: &mut String, media: usize) {
    let (rtp, rtcp) = (2 * media, 2 * media + 1);
    let answer =
        format!("< 200 OK | Session: 1234 | Transport: RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}");
    let setup = format!("setup {media}");
    [&setup, "> SETUP", &answer, "done"].iter().for_each(|line| step(it, request, line));
}

/// Sends a packet each half second.
fn play_for(it: &mut Scenario, time: Duration) {
    let end = it.now + time;
    while it.now < end {
        it.advance((end - it.now).min(Duration::from_millis(500)));
        let sequence = it.now.as_nanos() / 500_000_000;
        it.frame(0, video(sequence as u16).as_bytes());
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}

/// A packet: payload type, sequence number and, if they matter, SSRC, timestamp and bytes of payload.
fn packet_of(text: &str) -> Vec<u8> {
    let numbers: Vec<_> = text.split(' ').map(number).collect();
    let or = |index: usize, default: usize| numbers.get(index).copied().unwrap_or(default);
    let header = RtpHeader {
        payload_type: numbers[0] as u8,
        marker: true,
        sequence: numbers[1] as u16,
        ssrc: or(2, 0xabcd) as u32,
        timestamp: or(3, numbers[1] * 3000) as u32,
    };
    RtpPacket::build(header, &vec![7; or(4, 100)]).into_bytes().to_vec()
}

/// The bytes of a text with escapes.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        let (byte, behind) = match (byte, behind) {
            (b'\\', [b'r', behind @ ..]) => (b'\r', behind),
            (b'\\', [b'n', behind @ ..]) => (b'\n', behind),
            (b'\\', [b't', behind @ ..]) => (b'\t', behind),
            (b'\\', [b'0', behind @ ..]) => (0, behind),
            (b'\\', [b'x', high, low, behind @ ..]) => {
                let digits = String::from_utf8(vec![*high, *low]).unwrap();
                (u8::from_str_radix(&digits, 16).unwrap(), behind)
            }
            (byte, behind) => (*byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    bytes
}

/// The formats of all medias, as far as they say what is in the packets.
fn formats(description: &Description) -> String {
    let medias = description.medias.iter().map(|media| {
        let formats = media.formats.iter().map(|format| {
            let channels = format.channels.map(|channels| format!("/{channels}")).unwrap_or_default();
            format!("{} {}/{}{channels}", format.payload_type, format.encoding, format.clock_rate)
        });
        formats.collect::<Vec<_>>().join(", ")
    });
    medias.collect::<Vec<_>>().join("; ")
}

/// Runs the cameras of a table, all of them although one fails.
fn run(cameras: &[Camera]) {
    let failed: Vec<_> = cameras
        .iter()
        .filter_map(|camera| {
            let mut at = "the beginning";
            let cause = catch_unwind(AssertUnwindSafe(|| camera.run(&mut at))).err()?;
            Some(format!("{} ({}), at {at:?}: {}", camera.device, camera.sends, message(&*cause)))
        })
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

#[test]
fn descriptions_are_read() {
    run(&descriptions::cameras());
}

#[test]
fn messages_and_headers_are_read() {
    run(&headers::cameras());
}

#[test]
fn transports_and_sessions_are_agreed_on() {
    run(&transport::cameras());
}

#[test]
fn credentials_are_accepted() {
    run(&authentication::cameras());
}

#[test]
fn sessions_begin_and_end() {
    run(&play::cameras());
}

#[test]
fn sessions_are_kept_alive() {
    run(&keepalive::cameras());
}

#[test]
fn media_comes_out() {
    run(&media::cameras());
}
