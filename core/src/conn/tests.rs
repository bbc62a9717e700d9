use std::io::IoSlice;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::*;
use crate::Instant;
use crate::description::{Description, Format, Media as MediaSection, MediaKind};
use crate::id::Arena;
use crate::limits::{
    DEADLINE_GRACE, MESSAGE_DEADLINE, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, REQUESTS_WAITING_MAX,
    WRITE_BYTES_MIN, WRITE_STALL,
};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::stream::{Cursor, LagPolicy, LogLimits, StartAt, StreamLog, Streams, TrackSet};
use crate::subscription::Subscription;
use crate::wire::DecoderLimits;

mod cut_off;
mod patience;
mod sent;
mod stalled;
mod stats;

const START: Instant = Instant::from_nanos(1_000_000_000);

fn id<T: From<crate::id::RawId> + Copy>() -> T {
    Arena::default().insert_with(|_| ())
}

struct One(StreamLog);

impl Streams for One {
    fn read(&self, _stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        f(&self.0);
        true
    }
}

fn stream_of(packets: u16) -> One {
    stream_within(LogLimits::default(), packets)
}

fn stream_within(limits: LogLimits, packets: u16) -> One {
    let video = MediaSection::new(MediaKind::Video, vec![Format::new(96, "H263-1998", 90_000)]);
    let mut log = StreamLog::new(&Description::new(vec![video]), limits);
    for sequence in 0..packets {
        let header = RtpHeader { payload_type: 96, marker: true, sequence, timestamp: 0, ssrc: 1 };
        assert!(log.push(START, 0, RtpPacket::build(header, &[0; 100])));
    }
    One(log)
}

fn reader(stream: &One, start: StartAt) -> TxCommand {
    let cursor = Cursor::new(&stream.0, start, LagPolicy::default(), TrackSet::ALL);
    let subscription =
        Subscription::new(id(), id(), cursor, crate::random::Random::new([1; 32]).hex_id(), Duration::ZERO);
    TxCommand(TxOrder::Attach(Box::new(FrameReader {
        subscription,
        channels: std::array::from_fn(|track| (track == 0).then_some((0, 1))),
    })))
}

fn new_tx() -> ConnTx {
    ConnTx::new(id(), WRITE_STALL)
}

fn waiting(tx: &ConnTx) -> usize {
    let mut slices = [IoSlice::new(&[]); 1000];
    let filled = tx.io_slices(&mut slices);
    slices[..filled].iter().map(|slice| slice.len()).sum()
}

#[test]
fn no_more_frames_are_pulled_than_the_outbox_may_hold() {
    let stream = stream_of(100);
    let mut tx = new_tx();
    tx.handle_command(START, reader(&stream, StartAt::Live));
    let frame = 4 + 12 + 100;
    let mut sent = 0;
    for more in [true, true, true, false] {
        tx.pull(START, &stream);
        assert_eq!(tx.has_more(), more);
        assert!(waiting(&tx) <= OUTBOX_FRAMES_MAX * frame);
        sent += waiting(&tx) / frame;
        tx.pull(START, &stream);
        tx.handle_written(START, usize::MAX);
    }
    assert_eq!(sent, 100);
}

const GATHER: Duration = Duration::from_millis(10);

/// A half with a reader, and the packets that came since it began.
fn gathering(packets: u16) -> (ConnTx, One) {
    let stream = stream_of(packets);
    let cursor = Cursor::new(&stream_of(0).0, StartAt::Live, LagPolicy::default(), TrackSet::ALL);
    let subscription =
        Subscription::new(id(), id(), cursor, crate::random::Random::new([1; 32]).hex_id(), Duration::ZERO)
            .gathering(GATHER);
    let mut tx = new_tx();
    let reader =
        FrameReader { subscription, channels: std::array::from_fn(|track| (track == 0).then_some((0, 1))) };
    tx.handle_command(START, TxCommand(TxOrder::Attach(Box::new(reader))));
    (tx, stream)
}

#[test]
fn packets_are_gathered_until_the_first_has_waited_long_enough() {
    let (mut tx, stream) = gathering(3);
    let almost = START + (GATHER - Duration::from_nanos(1));
    for now in [START, almost] {
        tx.pull(now, &stream);
        assert!(!tx.wants_write() && !tx.has_more());
        assert_eq!(tx.poll_timeout(), Some(START + GATHER));
    }
    tx.pull(START + GATHER, &stream);
    assert_eq!(waiting(&tx), 3 * (4 + 12 + 100));
}

#[test]
fn packets_are_gathered_until_one_call_takes_no_more() {
    let frames = OUTBOX_FRAMES_MAX as u16;
    for (packets, expected) in [(frames - 1, 0), (frames, OUTBOX_FRAMES_MAX)] {
        let (mut tx, stream) = gathering(packets);
        tx.pull(START, &stream);
        assert_eq!(waiting(&tx), expected * (4 + 12 + 100));
        let gathers = expected == 0;
        assert_eq!(tx.patience(), if gathers { OUTBOX_FRAMES_MAX as u64 } else { 0 });
    }
}

#[test]
fn nobody_is_patient_who_might_lose_packets_by_it_or_reads_several_streams_or_their_end() {
    let most = OUTBOX_FRAMES_MAX * usize::from(u16::MAX);
    for (limits, patience) in [
        (LogLimits::default().packets(OUTBOX_FRAMES_MAX).bytes(most), OUTBOX_FRAMES_MAX as u64),
        (LogLimits::default().packets(OUTBOX_FRAMES_MAX - 1), 0),
        (LogLimits::default().bytes(most - 1), 0),
    ] {
        let (mut tx, _) = gathering(0);
        tx.pull(START, &stream_within(limits, 3));
        assert!(!tx.wants_write(), "{limits:?}");
        assert_eq!(tx.patience(), patience, "{limits:?}");
    }

    let (mut tx, stream) = gathering(1);
    tx.pull(START, &stream);
    assert!(tx.patience() > 0);
    tx.handle_command(START, reader(&stream, StartAt::Live));
    assert_eq!(tx.patience(), 0);

    let (mut tx, stream) = gathering(1);
    tx.pull(START, &stream);
    tx.handle_command(START, TxCommand(TxOrder::End(id())));
    assert_eq!(tx.patience(), 0);
}

#[test]
fn packets_are_not_gathered_in_a_log_that_would_drop_them() {
    for (limits, waits) in [
        (LogLimits::default().packets(6), true),
        (LogLimits::default().packets(5), false),
        (LogLimits::default().bytes(6 * 112), true),
        (LogLimits::default().bytes(6 * 112 - 1), false),
    ] {
        let (mut tx, _) = gathering(0);
        tx.pull(START, &stream_within(limits, 3));
        assert_eq!(tx.wants_write(), !waits, "{limits:?}");
    }
}

#[test]
fn what_was_gathered_leaves_with_the_end_of_its_stream() {
    let (mut tx, stream) = gathering(1);
    tx.pull(START, &stream);
    assert!(!tx.wants_write());
    tx.handle_command(START, TxCommand(TxOrder::End(id())));
    tx.pull(START, &stream);
    assert!(waiting(&tx) > 4 + 12 + 100, "the packet, and goodbye behind it");
    let (mut tx, mut stream) = gathering(1);
    stream.0.close();
    tx.pull(START, &stream);
    assert_eq!(waiting(&tx), 4 + 12 + 100);
}

#[test]
fn a_socket_that_takes_nothing_for_too_long_is_given_up() {
    let stream = stream_of(1);
    let mut tx = new_tx();
    tx.handle_command(START, reader(&stream, StartAt::Live));
    assert!(tx.handle_timeout(START + WRITE_STALL).is_ok(), "with nothing to write nothing stalls");
    let began = START + Duration::from_secs(60);
    tx.pull(began, &stream);
    assert!(tx.wants_write());
    tx.handle_timeout(began + (WRITE_STALL - DEADLINE_GRACE)).unwrap();
    tx.handle_timeout(began + (WRITE_STALL - Duration::from_nanos(1))).unwrap();
    assert_eq!(tx.handle_timeout(began + WRITE_STALL), Err(CloseReason::WriteStalled));
}

#[test]
fn a_reader_whose_server_stood_still_is_not_taken_for_stalled() {
    let stream = stream_of(1);
    let mut tx = new_tx();
    tx.handle_command(START, reader(&stream, StartAt::Live));
    tx.pull(START, &stream);
    let resumed = START + 3 * WRITE_STALL;
    tx.handle_timeout(resumed).unwrap();
    // The socket has had room all the time, which its driver hears of a little later.
    tx.handle_written(resumed + DEADLINE_GRACE / 2, waiting(&tx));
    assert!(tx.handle_timeout(resumed + DEADLINE_GRACE).is_ok());
}

#[test]
fn a_message_whose_server_stood_still_is_not_taken_for_unfinished() {
    let mut rx = rx();
    feed(&mut rx, b"OPTI");
    assert!(rx.poll_input(START).unwrap().is_none());
    let resumed = START + 3 * MESSAGE_DEADLINE;
    rx.handle_timeout(resumed);
    feed(&mut rx, b"ONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert!(matches!(rx.poll_input(resumed), Ok(Some(Inbound::Message(_)))));
    assert!(rx.poll_input(resumed).unwrap().is_none());
    rx.handle_timeout(resumed + DEADLINE_GRACE);
    assert!(rx.poll_input(resumed + DEADLINE_GRACE).is_ok());
}

#[test]
fn a_socket_that_takes_a_byte_less_than_it_has_to_is_given_up() {
    for (taken, is_enough) in [(WRITE_BYTES_MIN, true), (WRITE_BYTES_MIN - 1, false)] {
        let mut tx = new_tx();
        tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from(vec![0; 3 * WRITE_BYTES_MIN]))));
        tx.handle_written(START + Duration::from_secs(1), 1);
        tx.handle_written(START + Duration::from_secs(2), taken - 1);
        tx.handle_timeout(START + (WRITE_STALL - DEADLINE_GRACE)).unwrap();
        assert_eq!(tx.handle_timeout(START + WRITE_STALL).is_ok(), is_enough, "{taken}");
        let later = START + Duration::from_secs(2) + WRITE_STALL;
        let _ = tx.handle_timeout(START + Duration::from_secs(2) + (WRITE_STALL - DEADLINE_GRACE));
        assert_eq!(tx.handle_timeout(later), Err(CloseReason::WriteStalled), "the time begins anew");
    }
}

#[test]
fn answers_that_are_not_read_are_bounded() {
    let mut tx = new_tx();
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from(vec![0; OUTBOX_BYTES_MAX]))));
    tx.handle_timeout(START).unwrap();
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"x"))));
    assert_eq!(tx.handle_timeout(START), Err(CloseReason::OutboxFull));
}

#[test]
fn replies_beyond_the_bound_are_left_out() {
    let mut tx = new_tx();
    for _ in 0..100 {
        tx.handle_reply(START, Frame { channel: 1, payload: Bytes::from_static(b"report") });
    }
    assert_eq!(waiting(&tx), OUTBOX_FRAMES_MAX * (4 + 6));
}

#[test]
fn a_deviation_is_told_once_however_often_it_comes() {
    let mut rx = rx();
    let mut told = 0;
    for _ in 0..100 {
        feed(&mut rx, b"\r\n$\0\0\0");
        while let Some(inbound) = rx.poll_input(START).unwrap() {
            assert!(matches!(inbound, Inbound::Report(Report::Tolerated(..))));
            told += 1;
        }
    }
    assert_eq!(told, 1);
}

#[test]
fn a_connection_is_finished_when_it_is_to_close_and_all_is_written() {
    let mut tx = new_tx();
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"bye"))));
    assert!(!tx.is_finished());
    tx.handle_command(START, TxCommand(TxOrder::Close));
    assert!(!tx.is_finished());
    tx.handle_written(START, 3);
    assert!(tx.is_finished());
}

#[test]
fn a_session_that_is_not_there_has_ended_at_once() {
    let mut tx = new_tx();
    tx.handle_command(START, TxCommand(TxOrder::End(id())));
    assert!(matches!(tx.poll_report(), Some(Report::Ended(session)) if session == id()));
    assert!(tx.poll_report().is_none());
}

fn rx() -> ConnRx {
    ConnRx::new(id(), DecoderLimits::default(), MESSAGE_DEADLINE)
}

fn feed(rx: &mut ConnRx, bytes: &[u8]) {
    for chunk in bytes.chunks(64) {
        rx.read_buf()[..chunk.len()].copy_from_slice(chunk);
        rx.handle_read(START, chunk.len());
    }
}

#[test]
fn nothing_is_parsed_while_too_many_requests_wait_for_their_answer() {
    let mut rx = rx();
    for cseq in 0..REQUESTS_WAITING_MAX + 2 {
        feed(&mut rx, format!("OPTIONS * RTSP/1.0\r\nCSeq: {cseq}\r\n\r\n").as_bytes());
    }
    let count = |rx: &mut ConnRx| std::iter::from_fn(|| rx.poll_input(START).unwrap()).count();
    assert_eq!(count(&mut rx), REQUESTS_WAITING_MAX);
    assert!(!rx.wants_read());
    assert_eq!(rx.poll_timeout(), None, "the peer is not to blame for what waits for us");
    rx.handle_command(START, RxCommand(RxOrder::Answered));
    assert_eq!(count(&mut rx), 1);
    rx.handle_command(START, RxCommand(RxOrder::Answered));
    assert_eq!(count(&mut rx), 1);
    assert!(rx.wants_read());
}

#[test]
fn the_clock_of_a_message_starts_at_its_first_byte() {
    let mut rx = rx();
    assert!(rx.poll_input(START).unwrap().is_none());
    assert_eq!(rx.poll_timeout(), None);
    feed(&mut rx, b"OPTI");
    assert!(rx.poll_input(START).unwrap().is_none());
    feed(&mut rx, b"ONS * RTSP/1.0\r\n");
    assert!(rx.poll_input(START + Duration::from_secs(5)).unwrap().is_none());
    assert_eq!(rx.poll_timeout(), Some(START + (MESSAGE_DEADLINE - DEADLINE_GRACE)));
    feed(&mut rx, b"\r\nDESC");
    assert!(rx.poll_input(START + Duration::from_secs(6)).unwrap().is_some());
    assert!(rx.poll_input(START + Duration::from_secs(6)).unwrap().is_none());
    let due = START + Duration::from_secs(6) + MESSAGE_DEADLINE;
    assert_eq!(rx.poll_timeout(), Some(START + Duration::from_secs(6) + (MESSAGE_DEADLINE - DEADLINE_GRACE)));
    rx.handle_timeout(START + Duration::from_secs(15));
    assert_eq!(rx.poll_timeout(), Some(due));
    assert!(rx.poll_input(due).is_ok());
    rx.handle_timeout(due);
    for _ in 0..2 {
        assert_eq!(rx.poll_input(due).unwrap_err(), CloseReason::MessageTimeout);
    }
    assert!(!rx.wants_read());
    assert_eq!(rx.poll_timeout(), None);
}

#[test]
fn no_report_comes_behind_the_end_of_its_session() {
    let media = MediaSection::new(MediaKind::Video, vec![Format::new(96, "H263-1998", 90_000)]);
    let delivery = crate::rtp::Delivery::Ordered;
    let ingest = crate::ingest::Ingest::new(
        START,
        id(),
        id(),
        (0, (&media).into()),
        delivery,
        (7, "cname"),
        WRITE_STALL,
    );
    let mut rx = rx();
    rx.handle_command(START, RxCommand(RxOrder::Route(Routes::Publisher(vec![(0, 1, ingest)]))));
    let header = RtpHeader { payload_type: 96, ..RtpHeader::default() };
    let packet = RtpPacket::build(header, b"x");
    let mut frame = Frame::header(0, packet.len() as u16).to_vec();
    frame.extend_from_slice(packet.as_bytes());
    rx.read_buf()[..frame.len()].copy_from_slice(&frame);
    rx.handle_read(START, frame.len());
    while rx.poll_input(START).unwrap().is_some() {}

    let later = rx.poll_timeout().unwrap();
    rx.handle_timeout(later);
    assert!(matches!(rx.poll_input(later), Ok(Some(Inbound::Reply(_)))));
    let later = rx.poll_timeout().unwrap();
    rx.handle_timeout(later);
    rx.handle_command(later, RxCommand(RxOrder::Unroute(id())));
    assert!(matches!(rx.poll_input(later), Ok(Some(Inbound::Report(Report::Stats(_))))));
    assert!(matches!(rx.poll_input(later), Ok(None)));
}

#[test]
fn the_half_that_writes_gives_back_what_it_was_lent_once_all_is_written() {
    let mut tx = new_tx();
    tx.lend(Room::default());
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"answer"))));
    tx.handle_written(START, waiting(&tx));
    assert!(tx.take_room().is_some(), "another connection may write with it");
    assert!(tx.take_room().is_none(), "it is given back once");
}

#[test]
fn the_half_that_reads_gives_back_what_it_was_lent_once_all_is_parsed() {
    let mut rx = ConnRx::new(id(), DecoderLimits::default(), MESSAGE_DEADLINE);
    rx.lend(|| BytesMut::with_capacity(5000));
    rx.read_with(START, |into| into.extend_from_slice(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
    assert!(matches!(rx.poll_input(START), Ok(Some(Inbound::Message(_)))));
    assert!(matches!(rx.poll_input(START), Ok(None)));
    assert!(rx.take_memory().is_some_and(|memory| memory.capacity() > 0), "another may read into it");
    assert!(rx.take_memory().is_none(), "it is given back once");
}

#[test]
fn what_stands_behind_the_header_of_a_proxy_is_read_at_once() {
    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
    for (header, is_read) in [(&b"PROXY UNKNOWN\r\n"[..], true), (b"PROXY TCP9 x\r\n", false), (b"", false)] {
        let mut rx = ConnRx::new(id(), DecoderLimits::default(), MESSAGE_DEADLINE).behind_proxy();
        let bytes = [header, request].concat();
        rx.read_buf()[..bytes.len()].copy_from_slice(&bytes);
        rx.handle_read(START, bytes.len());
        assert_eq!(rx.buffered(), bytes.len());
        match rx.poll_input(START) {
            Ok(Some(Inbound::Message(_))) => assert!(is_read),
            Err(_) => assert!(!is_read),
            other => panic!("{other:?}"),
        }
        assert!(!is_read || rx.buffered() == 0);
    }
}
