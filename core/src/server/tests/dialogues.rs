use bytes::Bytes;

use super::scenario::{SDP, Scenario, session_of, video};
use crate::ConnId;
use crate::server::ServerConfig;
use crate::stream::StartAt;

/// The results of a dialogue: the bytes for the client, the packets for the stream, and the events for the application.
#[derive(Debug, PartialEq)]
struct Outcome {
    received: Bytes,
    published: Vec<(u8, Bytes)>,
    events: String,
}

/// A server with a stream of two packets at `/cam`, that readers start at the first of.
fn fresh() -> (Scenario, ConnId) {
    let (mut scenario, conn, stream) =
        Scenario::with_stream(ServerConfig::default().start(StartAt::Keyframe));
    scenario.push(stream, 0, video(1, &[0x65, 1]));
    scenario.push(stream, 0, video(2, &[0x41, 1]));
    (scenario, conn)
}

fn outcome<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let (mut scenario, conn) = fresh();
    chunks.for_each(|chunk| scenario.send(conn, chunk));
    let logs = scenario.logs.0.borrow();
    let packets = logs.values().flat_map(|log| log.packets_from(0));
    let published = packets.map(|packet| (packet.track, packet.rtp.as_bytes().clone())).collect();
    Outcome { received: scenario.transcript(conn), published, events: format!("{:?}", scenario.events) }
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'$', channel, 0, u8::try_from(payload.len()).unwrap()];
    frame.extend_from_slice(payload);
    frame
}

/// The session id that the first SETUP is given: the seed decides.
fn session() -> String {
    let (mut scenario, conn) = fresh();
    session_of(&scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP"))
}

fn reading() -> Vec<u8> {
    let id = session();
    format!(
        "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n\
         DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n\
         SETUP rtsp://h/cam/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n\
         SETUP rtsp://h/cam/trackID=1 RTSP/1.0\nCSeq: 4\nSession: {id}\nTransport: RTP/AVP/TCP;interleaved=2-3\n\n\
         PLAY rtsp://h/cam/ RTSP/1.0\r\nCSeq: 5\r\nSession: {id};timeout=55\r\nRange: npt=0-\r\n\r\n\
         $\x01\x00\x08\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\r\n\
         GET_PARAMETER rtsp://h/cam/ RTSP/1.0\r\nCSeq: 6\r\nSession: {id}\r\nContent-Length: 4\r\n\r\n$abc\
         PAUSE rtsp://h/cam/ RTSP/1.0\r\nCSeq: 7\r\nSession: {id}\r\n\r\n\
         TEARDOWN rtsp://h/cam/ RTSP/1.0\r\nCSeq: 8\r\nSession: {id}\r\n\r\n"
    )
    .into_bytes()
}

fn publishing() -> Vec<u8> {
    let id = session();
    let mut bytes = format!(
        "ANNOUNCE rtsp://h/live RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}\
         SETUP rtsp://h/live/streamid=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1;mode=record\r\n\r\n\
         SETUP rtsp://h/live/streamid=1 RTSP/1.0\r\nCSeq: 3\r\nSession: {id}\r\nTransport: RTP/AVP/TCP;interleaved=2-3;mode=record\r\n\r\n\
         RECORD rtsp://h/live RTSP/1.0\r\nCSeq: 4\r\nSession: {id}\r\n\r\n",
        SDP.len()
    )
    .into_bytes();
    for sequence in 1..5 {
        bytes.extend(frame(0, video(sequence, b"$RTSP/1.0").as_bytes()));
    }
    bytes.extend(b"\r\nOPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\n");
    bytes.extend(frame(7, b"nobody's"));
    bytes.extend(frame(0, video(5, &[0x41]).as_bytes()));
    bytes
}

fn refused() -> Vec<u8> {
    b"\r\n\r\nFOO rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\nPLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\n\r\n\
      DESCRIBE rtsp://h/none RTSP/1.0\r\nCSeq: 3\r\nno colon here\r\n\r\nOPTIONS * RTSP/2.0\r\nCSeq: 4\r\n\r\n"
        .to_vec()
}

#[test]
fn a_dialogue_goes_the_same_way_however_its_bytes_arrive() {
    for (dialogue, packets) in [(reading(), 2), (publishing(), 7), (refused(), 2)] {
        let whole = outcome(std::iter::once(&*dialogue));
        assert_eq!(whole.published.len(), packets);
        assert!(whole.received.starts_with(b"RTSP/1.0 "));
        assert_eq!(outcome(dialogue.chunks(1)), whole, "byte by byte");
        for cut in 0..dialogue.len() {
            let (first, second) = dialogue.split_at(cut);
            assert_eq!(outcome([first, second].into_iter()), whole, "cut at {cut}");
        }
    }
}
