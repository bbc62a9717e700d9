//! A program's packets, put together again by us.

use std::process::Command;

use bytes::Bytes;
use rtspan_core::Instant;
use rtspan_core::client::Received;
use rtspan_core::frame::{Frame, FrameReader, FrameStats};
use rtspan_core::rtp::{Delivery, Receiver};
use rtspan_core::timeline::Timeline;
use rtspan_std::{Client, Codec, Description, Event, Form, StartAt, Transports};

use super::frames::Known;
use super::material::Material;
use super::server::{serve, until};
use super::table::{Loss, Peer, Row};
use super::{GST_FRAMES, TAIL, frames, link};
use crate::clip::ffmpeg;
use crate::peer::Transport;
use crate::policy::PYTHON;
use crate::program::Program;
use crate::rtspan::listening;

/// Histories of a link that the packets over UDP are sent through.
const LINKS: u64 = 50;

/// A description and the packets of its only media, none of which is missing.
type Sent = (Description, Vec<Received>);

/// Has a program send the frames of a format, of which all have to come; over UDP also through links that lose packets.
pub(super) fn try_out(row: &Row, peer: Peer, transport: Transport) {
    if !peer.sends(row) {
        return;
    }
    let material = Material::of(row);
    let known = row.units.of(material.frames.iter().map(|known| known.bytes.clone()));
    let (description, packets) = match peer {
        Peer::Ffmpeg => from_ffmpeg(row, material, transport),
        Peer::Gstreamer => from_gstreamer(row, material, transport),
    };
    let name = format!("{} from {peer:?} over {transport}", row.name);
    assert!(packets.iter().all(|received| received.lost == 0), "{name}: packets are missing");
    // The end of the session may come before the last packets over UDP.
    let tail = row.kept + if transport == Transport::Tcp { 0 } else { TAIL };
    let (frames, stats) = read(&description, packets.iter().cloned());
    assert_eq!(stats.last_error, None, "{name}");
    row.is_right_of(&description.medias[0].formats[0]);
    let parameters =
        frames.iter().rev().find_map(|frame| frame.new_parameters.as_ref()).expect("they are told");
    assert_eq!(parameters.configuration.is_some(), row.container.is_some(), "{name}: {parameters:?}");
    assert!(!frames.iter().any(|frame| frame.is_damaged), "{name}: a whole frame is marked");
    let result = row.units.expect_all(&known, &row.units.of(frames.iter().map(bytes)), tail);
    assert_eq!(result, Ok(()), "{name}");
    if transport == Transport::Udp {
        let mut marks = false;
        for seed in 0..LINKS {
            let passed = through_link(&description, &packets, seed);
            let lost = packets.len() > passed.len();
            let came = read(&description, passed.into_iter()).0;
            marks |= came.iter().any(|frame| frame.is_damaged);
            let whole = row.units.of(came.iter().filter(|frame| !frame.is_damaged).map(bytes));
            let result = row.units.expect_some(&known, &whole);
            assert_eq!(result, Ok(()), "{name}, with seed {seed}");
            assert!(
                lost && whole.len() * 4 > frames.len(),
                "{name}, with seed {seed}: {} whole",
                whole.len()
            );
        }
        let is_as_told = row.loss == Loss::Doubts || marks == (row.loss == Loss::Marks);
        assert!(is_as_told, "{name}: frames that lack something are marked: {marks}");
    }
}

fn bytes(frame: &Frame) -> Bytes {
    frame.data.to_bytes()
}

/// FFmpeg publishes to a server of ours.
fn from_ffmpeg(row: &Row, material: &Material, transport: Transport) -> Sent {
    let server = serve();
    let url = format!("rtsp://{}/x", server.local_addr());
    let mut command = ffmpeg();
    command.args(["-readrate", "3"]);
    command.args(row.demuxer).arg("-i").arg(material.file.as_ref().expect("FFmpeg can read it"));
    command.args(["-map", "0:0", "-c", "copy"]).args(row.ffmpeg.sends.expect("it is not left out"));
    command.args(["-f", "rtsp", "-rtsp_transport", transport.name(), &url]);
    let mut program = Program::start(format!("FFmpeg sending {} over {transport}", row.name), &mut command);
    let stream = until(&server, &program, |event| match event {
        Event::Published { stream, .. } => Some(stream),
        _ => None,
    });
    let description = server.description(stream).expect("it is published");
    let packets = server.read(stream, StartAt::Oldest).expect("it is published");
    let received = packets.map(|packet| {
        assert_eq!(packet.missed, 0, "{}: too much for the log", row.name);
        Received::new(packet.media, packet.packet, packet.time)
    });
    let received = received.collect();
    program.finish();
    (description, received)
}

/// GStreamer's server serves a client of ours.
fn from_gstreamer(row: &Row, material: &Material, transport: Transport) -> Sent {
    let headers = (row.gstreamer.headers)(material).into_iter().map(|bytes| Known { pts: 0, bytes });
    let file = frames::write(headers.chain(material.frames.iter().cloned()));
    let (caps, chain) = row.gstreamer.sends.expect("it is not left out");
    let hex: String = material.extradata.iter().map(|byte| format!("{byte:02x}")).collect();
    let launch = format!("appsrc name=src format=time max-bytes=0 caps=\"{caps}\" ! {chain} name=pay0");
    let launch = launch.replace("{config}", &hex);
    let mut command = Command::new(PYTHON);
    command.args([GST_FRAMES, "serve", &launch]).arg(&file);
    let server = Program::start(format!("GStreamer sending {}", row.name), &mut command);
    let transports = if transport == Transport::Tcp { Transports::Tcp } else { Transports::Udp };
    let builder = Client::builder(&listening(&server)).expect("a URL").transport(transports);
    let packets = builder.play().expect("it plays");
    let description = packets.description();
    (description, packets.map(|received| received.expect("it plays to its end")).collect())
}

/// The frames of packets, and what was counted.
fn read(description: &Description, packets: impl Iterator<Item = Received>) -> (Vec<Frame>, FrameStats) {
    let mut reader = FrameReader::new(description);
    if let Codec::H264(_) | Codec::H265(_) = description.medias[0].formats[0].codec() {
        reader.set_form(Form::ByteStream);
    }
    let mut frames = Vec::new();
    for received in packets {
        // Packets that cannot be read are marked and counted.
        let _ = reader.push(&received);
        frames.extend(std::iter::from_fn(|| reader.poll()));
    }
    reader.flush();
    frames.extend(std::iter::from_fn(|| reader.poll()));
    (frames, reader.stats(0).expect("there is a media"))
}

/// The packets as they come out of a receiver behind a link that loses some and delivers others late.
fn through_link(description: &Description, packets: &[Received], seed: u64) -> Vec<Received> {
    let clock_rate = description.medias[0].formats[0].clock_rate();
    let mut receiver = Receiver::new(clock_rate, Delivery::Unordered, 1);
    let mut timeline = Timeline::new();
    let mut received = Vec::new();
    for sent in link::pass(packets.to_vec(), seed) {
        receiver.handle_packet(Instant::ZERO, sent.packet);
        received.extend(std::iter::from_fn(|| receiver.poll_packet()));
    }
    if let Some(deadline) = receiver.poll_timeout() {
        receiver.handle_timeout(deadline);
    }
    received.extend(std::iter::from_fn(|| receiver.poll_packet()));
    let times = received.into_iter().map(|rtspan_core::rtp::Received { packet, lost }| {
        let time = timeline.time_of(Instant::ZERO, 0, &packet, clock_rate);
        Received::new(0, packet, time).with_lost(lost)
    });
    times.collect()
}
