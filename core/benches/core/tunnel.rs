use std::io::IoSlice;

use bytes::BytesMut;
use divan::black_box;
use rtspan_core::tunnel::http::{Base64Decoder, encode_base64};
use rtspan_core::tunnel::websocket::{FrameHeader, WebSocket};

use crate::step::{Step, steps};

/// An interleaved frame of 1,400 bytes.
const FRAME: [u8; 1404] = {
    let mut frame = [0x41; 1404];
    [frame[0], frame[1], frame[2], frame[3]] = [b'$', 0, 0x05, 0x78];
    frame
};
/// A read of that many frames.
const FRAMES: usize = 32;

steps! {
    websocket_header = Step::new(1, || FrameHeader::binary(black_box(FRAME.len())));
    websocket_read_by_a_server = websocket(WebSocket::client([7; 32]), WebSocket::server());
    websocket_read_by_a_client = websocket(WebSocket::server(), WebSocket::client([7; 32]));
    websocket_written_by_a_client = written(|out, socket, frame| socket.frame(frame, out));
    base64_read = base64();
    base64_written = written(|out, _, frame| encode_base64(frame, out));
}

/// The frames are copied in front, which is what reading them from a socket is.
fn websocket(mut writer: WebSocket, mut reader: WebSocket) -> Step<impl FnMut()> {
    let mut frames = BytesMut::new();
    (0..FRAMES).for_each(|_| writer.frame(&[IoSlice::new(&FRAME)], &mut frames));
    let mut read = frames.to_vec();
    Step::new(FRAMES, move || {
        read.copy_from_slice(&frames);
        let decoded = reader.decode(black_box(&mut read));
        assert_eq!(decoded.len, FRAMES * FRAME.len());
    })
}

fn base64() -> Step<impl FnMut()> {
    let mut text = BytesMut::new();
    (0..FRAMES).for_each(|_| encode_base64(&[IoSlice::new(&FRAME)], &mut text));
    let (mut read, mut decoder) = (text.to_vec(), Base64Decoder::default());
    Step::new(FRAMES, move || {
        read.copy_from_slice(&text);
        let decoded = decoder.decode(black_box(&mut read));
        assert_eq!(decoded.len, FRAMES * FRAME.len());
    })
}

/// A frame in two slices, as the outbox of a client has it.
fn written(write: impl Fn(&mut BytesMut, &mut WebSocket, &[IoSlice<'_>])) -> Step<impl FnMut()> {
    let mut socket = WebSocket::client([7; 32]);
    let mut out = BytesMut::with_capacity(4096);
    Step::new(1, move || {
        out.clear();
        let (header, payload) = FRAME.split_at(4);
        write(&mut out, &mut socket, black_box(&[IoSlice::new(header), IoSlice::new(payload)]));
        black_box(&out);
    })
}
