use bytes::BytesMut;
use divan::{Bencher, black_box};
use rtspan_core::header::Transport;
use rtspan_core::wire::{Decoder, DecoderLimits, Item, Message};
use rtspan_core::{Tolerances, Url};

const REQUEST: &[u8] = b"SETUP rtsp://192.168.1.10:554/Streaming/Channels/101/trackID=1 RTSP/1.0\r\n\
    CSeq: 4\r\nUser-Agent: Lavf60.16.100\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\
    Session: 1185d20035702ca\r\n\r\n";
const RESPONSE: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 1185d20035702ca;timeout=60\r\n\
    Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4D9C2A11\r\nServer: rtspan\r\n\r\n";

fn message(decoder: &mut Decoder, bytes: &[u8]) -> Message {
    decoder.feed(bytes);
    match decoder.poll().unwrap() {
        Some(Item::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

fn parse(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    let mut decoder = Decoder::new(DecoderLimits::default());
    bencher.bench_local(|| message(&mut decoder, black_box(bytes)));
}

#[divan::bench]
fn parse_setup_request(bencher: Bencher<'_, '_>) {
    parse(bencher, REQUEST);
}

#[divan::bench]
fn parse_setup_response(bencher: Bencher<'_, '_>) {
    parse(bencher, RESPONSE);
}

/// What a server does with a SETUP before it can decide: the message, its URL and its transports.
#[divan::bench]
fn parse_setup_request_with_headers(bencher: Bencher<'_, '_>) {
    let mut decoder = Decoder::new(DecoderLimits::default());
    bencher.bench_local(|| {
        let Message::Request(request) = message(&mut decoder, black_box(REQUEST)) else {
            panic!("a request")
        };
        let transport =
            Transport::parse(request.headers.get("Transport").unwrap(), &mut Tolerances::default());
        (Url::parse(&request.uri).unwrap(), transport.unwrap(), request.cseq())
    });
}

fn encode(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    let message = message(&mut Decoder::new(DecoderLimits::default()), bytes);
    let mut out = BytesMut::with_capacity(4096);
    bencher.bench_local(|| {
        out.clear();
        black_box(&message).encode(&mut out);
    });
}

#[divan::bench]
fn encode_setup_request(bencher: Bencher<'_, '_>) {
    encode(bencher, REQUEST);
}

#[divan::bench]
fn encode_setup_response(bencher: Bencher<'_, '_>) {
    encode(bencher, RESPONSE);
}

/// Frames of 1,400 bytes, 32 to a read; per frame.
#[divan::bench]
fn interleaved_frames(bencher: Bencher<'_, '_>) {
    const FRAMES: usize = 32;
    let mut frame = vec![b'$', 0, 0x05, 0x78];
    frame.resize(1404, 0x41);
    let read = frame.repeat(FRAMES);
    let mut decoder = Decoder::new(DecoderLimits::default());
    bencher.counter(divan::counter::ItemsCount::new(FRAMES)).bench_local(|| {
        decoder.feed(black_box(&read));
        let mut frames = 0;
        while let Some(item) = decoder.poll().unwrap() {
            black_box(item);
            frames += 1;
        }
        assert_eq!(frames, FRAMES);
    });
}
