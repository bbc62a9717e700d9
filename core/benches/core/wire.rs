use bytes::BytesMut;
use divan::black_box;
use rtspan_core::header::Transport;
use rtspan_core::wire::{Decoder, DecoderLimits, Item, Message};
use rtspan_core::{Tolerances, Url};

use crate::step::{Step, steps};

const REQUEST: &[u8] = b"SETUP rtsp://192.168.1.10:554/Streaming/Channels/101/trackID=1 RTSP/1.0\r\n\
    CSeq: 4\r\nUser-Agent: Lavf60.16.100\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\
    Session: 1185d20035702ca\r\n\r\n";
const RESPONSE: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 1185d20035702ca;timeout=60\r\n\
    Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4D9C2A11\r\nServer: rtspan\r\n\r\n";

/// A read of that many frames.
const FRAMES: usize = 32;

steps! {
    parse_setup_request = parse(REQUEST);
    parse_setup_response = parse(RESPONSE);
    parse_setup_request_with_headers = parse_with_headers();
    encode_setup_request = encode(REQUEST);
    encode_setup_response = encode(RESPONSE);
    interleaved_frames = interleaved_frames_of_1400_bytes();
}

fn message(decoder: &mut Decoder, bytes: &[u8]) -> Message {
    decoder.feed(bytes);
    match decoder.poll().unwrap() {
        Some(Item::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

fn parse(bytes: &[u8]) -> Step<impl FnMut() -> Message> {
    let mut decoder = Decoder::new(DecoderLimits::default());
    Step::new(1, move || message(&mut decoder, black_box(bytes)))
}

/// The work of a server on a SETUP before it can decide: reading the message, its URL and its transports.
fn parse_with_headers() -> Step<impl FnMut() -> (Url, Transport, Option<u32>)> {
    let mut decoder = Decoder::new(DecoderLimits::default());
    Step::new(1, move || {
        let Message::Request(request) = message(&mut decoder, black_box(REQUEST)) else {
            panic!("a request")
        };
        let transport =
            Transport::parse(request.headers.get("Transport").unwrap(), &mut Tolerances::default());
        (Url::parse(&request.uri).unwrap(), transport.unwrap(), request.cseq())
    })
}

fn encode(bytes: &[u8]) -> Step<impl FnMut()> {
    let message = message(&mut Decoder::new(DecoderLimits::default()), bytes);
    let mut out = BytesMut::with_capacity(4096);
    Step::new(1, move || {
        out.clear();
        black_box(&message).encode(&mut out);
    })
}

fn interleaved_frames_of_1400_bytes() -> Step<impl FnMut()> {
    let mut frame = vec![b'$', 0, 0x05, 0x78];
    frame.resize(1404, 0x41);
    let read = frame.repeat(FRAMES);
    let mut decoder = Decoder::new(DecoderLimits::default());
    Step::new(FRAMES, move || {
        decoder.feed(black_box(&read));
        let mut frames = 0;
        while let Some(item) = decoder.poll().unwrap() {
            if let Item::Frame(frame) = black_box(item) {
                // As media that is wanted.
                decoder.handle_kept(frame.payload.len());
            }
            frames += 1;
        }
        assert_eq!(frames, FRAMES);
    })
}
