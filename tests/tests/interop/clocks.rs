//! The time of packets, against clocks that are in the pictures and in the sound themselves.

use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtspan_core::payload::h264::{Depacketizer, write_annex_b};
use rtspan_core::stats::MediaStats;
use rtspan_core::timeline::{MediaTime, WallSource};
use rtspan_std::{Client, Codec, Event, MediaKind, Server, ServerConfig, Transports, UdpPorts, UdpSpec};

use crate::clip::{ffmpeg, file};
use crate::peer::Transport;
use crate::policy::{Needs, PYTHON, installed};
use crate::program::{PATIENCE, Program};
use crate::rtspan::listening;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/gst_clock.py");

/// Pixels in a row and in a column of a picture, which has a bit of the clock in each field of 8 by 8.
const SIDE: usize = 64;

const SOUND_RATE: i64 = 8000;

/// How long is watched: GStreamer sends a first report within five seconds.
const LASTS: Duration = Duration::from_secs(12);

/// Frames of each track that are compared at least.
const FRAMES_MIN: usize = 80;

/// Microseconds from the first reports until tracks are together.
const SETTLED: i64 = 500_000;

/// By how many microseconds a time may be from the truth. A sample of the sound, by which it tells its time, has 125.
const ERROR_MAX: u64 = 1_000;

/// The moment, in seconds since 1970, from which the clocks count: a whole second, a little ago.
fn epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// FFmpeg, with the wall clock time at which each picture and each packet of sound is filtered as its time stamp, and burnt
/// in. Pictures are reordered.
fn ffmpeg_publisher(transport: Transport, epoch: u64, url: &str) -> Program {
    let micros = format!("{epoch}000000");
    let bit = "255*mod(floor(round(T*1000000)/pow(2,floor(X/8)+8*floor(Y/8))),2)";
    let sample = "floor(round(t*8000)/32768)/32768|mod(round(t*8000),32768)/32768";
    let graph = format!(
        "[0:v]settb=1/1000000,setpts=RTCTIME-{micros},geq=lum='{bit}':cb=128:cr=128[v];\
         [1:a]asetpts='(RTCTIME-{micros})/1000000/TB',aeval='{sample}'[a]"
    );
    let mut command = ffmpeg();
    command.args(["-re", "-f", "lavfi", "-i", "color=size=64x64:rate=25,format=yuv420p"]);
    let silence = "anullsrc=sample_rate=8000:channel_layout=stereo:nb_samples=320";
    command.args(["-re", "-f", "lavfi", "-i", silence]);
    command.args(["-filter_complex", &graph, "-map", "[v]", "-map", "[a]", "-copyts"]);
    command.args(["-enc_time_base:v", "1:90000", "-fps_mode", "passthrough", "-c:v", "libx264"]);
    command.args(["-preset", "ultrafast", "-qp", "10", "-bf", "2", "-g", "25", "-c:a", "pcm_s16be"]);
    command.args(["-start_time_realtime", &micros, "-f", "rtsp", "-rtsp_transport", transport.name(), url]);
    Program::start(format!("FFmpeg, publishing clocks over {transport}"), &mut command)
}

fn gst_publisher(transport: Transport, epoch: u64, url: &str) -> Program {
    let mut command = Command::new(PYTHON);
    command.args([SCRIPT, "publish", transport.name(), &epoch.to_string(), url]);
    Program::start(format!("GStreamer, publishing clocks over {transport}"), &mut command)
}

fn gst_server(epoch: u64) -> (Program, String) {
    let mut command = Command::new(PYTHON);
    let program =
        Program::start("GStreamer, serving clocks", command.args([SCRIPT, "serve", &epoch.to_string()]));
    let url = listening(&program);
    (program, url)
}

/// A frame: the time that it says itself, in microseconds since the epoch, and the one that the client tells.
#[derive(Clone, Copy, Debug)]
struct Frame {
    made: i64,
    time: MediaTime,
}

impl Frame {
    fn is_reported(&self) -> bool {
        self.time.wall().is_some_and(|wall| wall.source == WallSource::SenderReport)
    }

    /// By how many microseconds its wall clock time is later than the truth.
    fn wall_error(&self, epoch: u64) -> i64 {
        let told =
            self.time.wall().expect("arrival is always known").ntp.to_unix().expect("it is after 1970");
        told.as_micros() as i64 - epoch as i64 * 1_000_000 - self.made
    }

    /// Microseconds of the truth at the PTS of zero, by this frame.
    fn zero(&self) -> i64 {
        self.made - self.time.pts / 1000
    }
}

/// The pictures and the sound that come in some time, each in the order of presentation.
fn watch(url: &str, transport: Transport, lasts: Duration) -> [Vec<Frame>; 2] {
    let transports = match transport {
        Transport::Tcp => Transports::Tcp,
        Transport::Udp => Transports::Udp,
    };
    let mut packets = Client::builder(url).unwrap().transport(transports).play().unwrap();
    let described = packets.description();
    let video = described.medias.iter().position(|media| media.kind == MediaKind::Video).unwrap();
    let mut stream = Vec::new();
    // FFmpeg sends them in the description only.
    if let Codec::H264(h264) = described.medias[video].formats[0].codec() {
        write_annex_b(h264.parameter_sets().into_iter().flatten(), &mut stream);
    }
    let mut depacketizer = Depacketizer::new();
    let (mut times, mut pictures, mut sound) = (HashMap::new(), Vec::new(), Vec::new());
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        let received = packets.next_timeout(PATIENCE).expect("a packet").unwrap().expect("it does not end");
        assert_eq!(received.lost, 0, "nothing is lost on this machine");
        let (packet, time) = (received.packet, received.time);
        if received.media != video {
            let sample = packet.payload().first_chunk::<4>().expect("two channels of 16 bits");
            let [high, low] = [[sample[0], sample[1]], [sample[2], sample[3]]].map(u16::from_be_bytes);
            let number = i64::from(high) << 15 | i64::from(low);
            sound.push(Frame { made: number * 1_000_000 / SOUND_RATE, time });
            continue;
        }
        times.entry(packet.timestamp()).or_insert(time);
        depacketizer.push(&packet, 0).unwrap();
        while let Some(unit) = depacketizer.poll() {
            if unit.is_keyframe || !pictures.is_empty() {
                pictures.push(times[&unit.timestamp]);
                write_annex_b(&unit.parts, &mut stream);
            }
        }
    }
    pictures.sort_by_key(|time| time.pts);
    let burnt_in = burnt_in(&stream);
    assert_eq!(burnt_in.len(), pictures.len(), "all pictures are decoded");
    let pictures = burnt_in.into_iter().zip(pictures).map(|(made, time)| Frame { made, time });
    [pictures.collect(), sound]
}

/// Decodes pictures, and reads the clock in each.
fn burnt_in(stream: &[u8]) -> Vec<i64> {
    let [coded, decoded] = [file(), file()];
    fs::write(&coded, stream).unwrap();
    let mut decode = ffmpeg();
    decode.args(["-f", "h264", "-i"]).arg(&coded).args(["-fps_mode", "passthrough", "-f", "rawvideo"]);
    decode.args(["-pix_fmt", "gray"]).arg(&decoded);
    Program::start("ffmpeg, decoding", &mut decode).finish();
    let pixels = fs::read(&decoded).unwrap();
    let bit = |picture: &[u8], bit: usize| picture[(bit / 8 * 8 + 4) * SIDE + bit % 8 * 8 + 4] > 127;
    let pictures = pixels.chunks_exact(SIDE * SIDE);
    pictures.map(|picture| (0..63).map(|n| i64::from(bit(picture, n)) << n).sum()).collect()
}

/// Compares what a client tells of each frame with the clock in it, from when both tracks have been told the wall clock time
/// by sender reports.
fn compare(name: &str, epoch: u64, tracks: &[Vec<Frame>; 2]) {
    let told = tracks.each_ref().map(|frames| {
        let first = frames.iter().find(|frame| frame.is_reported());
        first.unwrap_or_else(|| panic!("{name}: sender reports come")).made
    });
    let settled = told[0].max(told[1]) + SETTLED;
    let last = tracks[0].last().expect("there are pictures").zero();
    let mut figures = Vec::new();
    for frames in tracks {
        let after: Vec<_> = frames.iter().filter(|frame| frame.made >= settled).collect();
        assert!(after.len() >= FRAMES_MIN, "{name}: {} frames behind the reports", after.len());
        assert!(after.iter().all(|frame| frame.is_reported()), "{name}: sender reports are forgotten");
        let pts = after.iter().map(|frame| frame.zero().abs_diff(last)).max().unwrap();
        let wall = after.iter().map(|frame| frame.wall_error(epoch).unsigned_abs()).max().unwrap();
        let before = frames.iter().map(|frame| frame.zero().abs_diff(last)).max().unwrap();
        figures.push((after.len(), pts, wall, before));
    }
    let [(pictures, pts, wall, before), (sounds, sound_pts, sound_wall, sound_before)] = figures[..] else {
        panic!("there are two tracks")
    };
    println!(
        "{name}: reports after {} ms; {pictures} pictures, PTS {pts} µs and wall clock {wall} µs from the truth at most; {sounds} packets of \
         sound, {sound_pts} µs and {sound_wall} µs; before the reports {before} µs and {sound_before} µs",
        (settled - SETTLED - tracks[0][0].made.min(tracks[1][0].made)) / 1000,
    );
    let worst = [pts, wall, sound_pts, sound_wall].into_iter().max().unwrap();
    assert!(worst <= ERROR_MAX, "{name}: {worst} µs: {tracks:?}");
}

#[test]
fn clocks_in_pictures_and_sound_that_gstreamer_serves_are_those_that_the_client_tells() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    for transport in [Transport::Tcp, Transport::Udp] {
        let epoch = epoch();
        let (_server, url) = gst_server(epoch);
        compare(&format!("GStreamer serves over {transport}"), epoch, &watch(&url, transport, LASTS));
    }
}

/// Waits until the publisher has told the wall clock time of both tracks. The server goes by when packets come before that.
fn await_reports(server: &Server) {
    let deadline = Instant::now() + PATIENCE;
    let publisher = loop {
        let event = server.next_timeout(PATIENCE).expect("it publishes").expect("the server goes on");
        if let Event::Published { session, .. } = event {
            break session.expect("it is published by a session");
        }
    };
    let has_reported = || {
        let stats = server.session_stats(publisher).expect("it goes on");
        let is_told = |media: &MediaStats| media.formats.iter().any(|format| format.last_ntp.is_some());
        stats.medias.len() == 2 && stats.medias.iter().all(is_told)
    };
    while !has_reported() {
        assert!(Instant::now() < deadline, "no sender reports after {PATIENCE:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn published_by(name: &str, publish: fn(Transport, u64, &str) -> Program) {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    for transport in [Transport::Tcp, Transport::Udp] {
        let epoch = epoch();
        let spec = UdpSpec::new(Ipv4Addr::LOCALHOST.into(), UdpPorts::Any);
        let config = ServerConfig::default().udp(Some(spec));
        let server = Server::builder().config(config).bind("127.0.0.1:0").unwrap();
        let url = format!("rtsp://{}/live", server.local_addr());
        let _publisher = publish(transport, epoch, &url);
        await_reports(&server);
        compare(&format!("{name} publishes over {transport}"), epoch, &watch(&url, transport, LASTS));
    }
}

#[test]
fn clocks_in_pictures_and_sound_that_ffmpeg_publishes_are_those_that_a_reader_tells() {
    published_by("FFmpeg", ffmpeg_publisher);
}

#[test]
fn clocks_in_pictures_and_sound_that_gstreamer_publishes_are_those_that_a_reader_tells() {
    published_by("GStreamer", gst_publisher);
}
