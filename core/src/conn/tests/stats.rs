//! A packet counts as sent once the whole of its frame is written.

use super::*;
use crate::conn::Room;
use crate::limits::{OUTBOX_HELD, READERS_LEAVING_MAX};
use crate::stats::{Counted, StatsPart};

const FRAME: usize = 4 + 12 + 100;

fn parts(report: Report) -> Vec<StatsPart> {
    let Report::Stats(report) = report else { panic!("not statistics but {report:?}") };
    report.sessions
}

fn told(tx: &mut ConnTx, stream: &One) -> Vec<StatsPart> {
    tx.pull(START, stream);
    std::iter::from_fn(|| tx.poll_report()).flat_map(parts).collect()
}

fn sent(part: &StatsPart) -> Counted {
    part.stats.sent().rtp
}

fn of(packets: u64) -> Counted {
    Counted { packets, bytes: packets * 112 }
}

/// A half that has pulled four packets, and none has been written; others of the thread may have pulled them before.
fn pulled(readers_before: usize) -> (ConnTx, One) {
    let (stream, later) = (stream_of(0), stream_of(4));
    let mut room = Room::default();
    for _ in 0..=readers_before {
        let mut tx = new_tx();
        tx.lend(room);
        tx.handle_command(START, reader(&stream, StartAt::Live));
        tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"answer"))));
        tx.pull(START, &later);
        if readers_before == 0 {
            return (tx, later);
        }
        tx.handle_written(START, usize::MAX);
        room = tx.take_room().unwrap();
    }
    let mut tx = new_tx();
    tx.lend(room);
    tx.handle_command(START, reader(&stream, StartAt::Live));
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"answer"))));
    tx.pull(START, &later);
    (tx, later)
}

#[test]
fn what_was_not_wholly_written_when_its_connection_is_over_was_not_sent() {
    for readers_before in [0, 2] {
        for written in 0..=6 + 4 * FRAME + 10 {
            let (mut tx, stream) = pulled(readers_before);
            tx.handle_written(START, written);
            let last = parts(tx.last_stats(START, &stream));
            let whole = (written.saturating_sub(6) / FRAME).min(4) as u64;
            assert!(last[0].is_last);
            assert_eq!(sent(&last[0]), of(whole), "{written} bytes, {readers_before} readers before");
            assert!(parts(tx.last_stats(START, &stream)).is_empty(), "it is told once");
        }
    }
}

#[test]
fn a_reader_that_goes_is_told_of_once_its_last_packet_is_written() {
    let (mut tx, stream) = pulled(0);
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    assert!(told(&mut tx, &stream).is_empty());
    assert_eq!(tx.streams().count(), 1, "its stream is still looked at");
    tx.handle_written(START, 6 + 4 * FRAME - 1);
    assert!(!tx.has_more() && told(&mut tx, &stream).is_empty());
    tx.handle_written(START, usize::MAX);
    assert!(tx.has_more(), "somebody has to pull");
    let last = told(&mut tx, &stream);
    assert_eq!((last.len(), last[0].is_last, sent(&last[0])), (1, true, of(4)));
    assert_eq!(tx.streams().count(), 0);
}

#[test]
fn counts_that_nobody_has_polled_are_told_with_the_last() {
    let (mut tx, stream) = pulled(0);
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    tx.handle_written(START, usize::MAX);
    tx.pull(START, &stream);
    let last = parts(tx.last_stats(START, &stream));
    assert_eq!((last.len(), last[0].is_last, sent(&last[0])), (1, true, of(4)));
    assert!(tx.poll_report().is_none(), "they are told once");
}

#[test]
fn a_reader_that_comes_back_while_its_former_packets_wait_has_none_of_them() {
    let (mut tx, stream) = pulled(0);
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    tx.handle_command(START, reader(&stream_of(2), StartAt::Live));
    tx.pull(START, &stream);
    tx.handle_written(START, 6 + FRAME);
    let last = parts(tx.last_stats(START, &stream));
    assert_eq!(last.iter().map(sent).collect::<Vec<_>>(), [of(1), of(0)]);
    let (mut tx, stream) = pulled(0);
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    tx.handle_command(START, reader(&stream_of(2), StartAt::Live));
    tx.pull(START, &stream);
    tx.handle_written(START, 6 + 5 * FRAME);
    let last = parts(tx.last_stats(START, &stream));
    assert_eq!(last.iter().map(sent).collect::<Vec<_>>(), [of(4), of(1)]);
}

#[test]
fn of_one_reader_over_the_bound_that_waits_to_be_told_of_the_first_is_told_at_once() {
    let (mut tx, stream) = pulled(0);
    for _ in 0..READERS_LEAVING_MAX {
        tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
        assert!(told(&mut tx, &stream).is_empty());
        tx.handle_command(START, reader(&stream, StartAt::Live));
    }
    tx.handle_written(START, 6 + FRAME);
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    let last = told(&mut tx, &stream);
    assert_eq!(last.iter().map(sent).collect::<Vec<_>>(), [of(1)]);
}

#[test]
fn a_reader_that_comes_when_the_connection_is_to_close_is_told_of_all_the_same() {
    let (stream, mut tx) = (stream_of(1), new_tx());
    tx.handle_command(START, TxCommand(TxOrder::Close));
    tx.handle_command(START, reader(&stream, StartAt::Live));
    let last = told(&mut tx, &stream);
    assert_eq!((last.len(), last[0].is_last, sent(&last[0])), (1, true, of(0)));
}

#[test]
fn packets_that_go_back_to_their_log_are_counted_once_and_when_they_are_sent() {
    let later = START + OUTBOX_HELD;
    for written in [0, 1, FRAME, 5 * FRAME + 3] {
        for reads_again in [false, true] {
            let (stream, all) = (stream_of(0), stream_of(20));
            let mut tx = new_tx();
            tx.handle_command(START, reader(&stream, StartAt::Live));
            tx.pull(START, &all);
            tx.handle_written(START, written);
            tx.pull(later, &all);
            assert!(tx.has_more(), "they went back");
            while reads_again && (tx.wants_write() || tx.has_more()) {
                tx.pull(later, &all);
                tx.handle_written(later, usize::MAX);
            }
            let last = parts(tx.last_stats(later, &all));
            let whole = if reads_again { 20 } else { written / FRAME };
            assert_eq!(sent(&last[0]), of(whole as u64), "{written} bytes, reads again: {reads_again}");
        }
    }
}
