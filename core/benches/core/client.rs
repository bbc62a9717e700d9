use std::collections::VecDeque;
use std::io::IoSlice;

use divan::black_box;
use rtspan_core::Instant;
use rtspan_core::client::{Client, ClientConfig, State, Transports};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::url::Url;
use rtspan_core::wire::Frame;

use crate::step::{Step, steps};

/// Packets that come together, such as those of a picture.
const BURST: usize = 20;
const BYTES: usize = 1400;
const BURSTS: usize = 100;

steps! {
    receive_over_tcp = receive(0);
    receive_over_tcp_a_frame_each = receive(960);
}

/// Answers the request that the client has to write.
fn answer(client: &mut Client, headers: &str, body: &str) {
    let mut slices = [IoSlice::new(&[])];
    assert_eq!(client.io_slices(&mut slices), 1);
    let request = String::from_utf8(slices[0].to_vec()).unwrap();
    client.handle_written(Instant::ZERO, request.len());
    let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap();
    let answer =
        format!("RTSP/1.0 200 OK\r\n{cseq}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    read(client, answer.as_bytes());
    while client.poll_output().is_some() {}
}

fn read(client: &mut Client, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = client.read_with(Instant::ZERO, |into| {
            let n = bytes.len().min(into.capacity() - into.len());
            into.extend_from_slice(&bytes[..n]);
            n
        });
        bytes = &bytes[n..];
    }
}

/// A client that plays one video over TCP.
fn playing() -> Client {
    let url = Url::parse("rtsp://192.0.2.1/live").unwrap();
    let config = ClientConfig::default().transports(Transports::Tcp);
    let mut client = Client::new(url, config, [7; 32]);
    client.describe(Instant::ZERO).unwrap();
    while client.poll_output().is_some() {}
    client.handle_connected(Instant::ZERO, Ok("192.0.2.1:554".parse().unwrap()));
    // It asks for the options first.
    answer(&mut client, "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", "");
    let sdp = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:1\r\n";
    answer(&mut client, "Content-Type: application/sdp\r\n", sdp);
    client.setup(Instant::ZERO, 0).unwrap();
    answer(&mut client, "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "");
    client.play(Instant::ZERO, None).unwrap();
    answer(&mut client, "Session: 1\r\n", "");
    assert_eq!(client.state(), State::Play);
    client
}

/// Gives the packets of a burst the sequence numbers that follow, and timestamps that are so far apart.
fn go_on(burst: &mut [u8], sequence: &mut u16, timestamps: u32) {
    for frame in burst.chunks_exact_mut(4 + BYTES) {
        frame[6..8].copy_from_slice(&sequence.to_be_bytes());
        frame[8..12].copy_from_slice(&u32::from(*sequence).wrapping_mul(timestamps).to_be_bytes());
        *sequence = sequence.wrapping_add(1);
    }
}

/// From the bytes to the application.
fn receive(timestamps: u32) -> Step<impl FnMut()> {
    let mut client = playing();
    let packet =
        RtpPacket::build(RtpHeader { payload_type: 96, ..RtpHeader::default() }, &[0x41; BYTES - 12]);
    let mut burst = [&Frame::header(0, BYTES as u16)[..], packet.as_bytes()].concat().repeat(BURST);
    let mut sequence = 0;
    let mut batch = VecDeque::new();
    Step::new(BURSTS * BURST, move || {
        for _ in 0..BURSTS {
            go_on(&mut burst, &mut sequence, timestamps);
            read(&mut client, &burst);
            let mut received = 0;
            while client.has_packets() {
                client.poll_packets(&mut batch);
                received += batch.drain(..).map(black_box).count();
            }
            assert_eq!(received, BURST);
        }
    })
}
