use super::*;
use crate::limits::OUTBOX_HELD;

const FRAME: usize = 4 + 12 + 100;

fn told(tx: &mut ConnTx) -> Option<u64> {
    match tx.poll_report() {
        Some(Report::Sent(session, number)) => {
            assert_eq!(session, id());
            Some(number)
        }
        other => {
            assert!(other.is_none(), "{other:?}");
            None
        }
    }
}

/// A half whose reader has three packets in front, which is asked about the first two.
fn asked() -> (ConnTx, One) {
    let (stream, mut tx) = (stream_of(3), new_tx());
    tx.handle_command(START, reader(&stream, StartAt::Oldest));
    tx.handle_command(START, TxCommand(TxOrder::TellSent(id(), 2)));
    tx.pull(START, &stream);
    (tx, stream)
}

#[test]
fn packets_are_told_to_be_sent_once_the_last_byte_that_was_pulled_with_them_is_written() {
    let (mut tx, stream) = asked();
    let waiting = waiting(&tx);
    assert!(waiting >= 3 * FRAME);
    tx.handle_written(START, waiting - 1);
    assert!(!tx.has_more());
    tx.pull(START, &stream);
    assert_eq!(told(&mut tx), None);
    tx.handle_written(START, 1);
    assert!(tx.has_more(), "it is to be pulled, so that it is told");
    tx.pull(START, &stream);
    assert_eq!((told(&mut tx), told(&mut tx)), (Some(2), None));
}

#[test]
fn packets_that_went_back_to_their_log_are_not_sent() {
    let (mut tx, stream) = asked();
    // The first is held for the socket, the others go back.
    tx.handle_written(START, 10);
    let later = START + OUTBOX_HELD;
    tx.pull(later, &stream);
    assert_eq!(waiting(&tx), FRAME - 10);
    tx.handle_written(later, FRAME - 10);
    assert!(!tx.has_more() || told(&mut tx).is_none());
    tx.pull(later, &stream);
    assert_eq!(told(&mut tx), None, "the second is only in the outbox again");
    let rest = waiting(&tx);
    tx.handle_written(later, rest);
    tx.pull(later, &stream);
    assert_eq!(told(&mut tx), Some(2));
}

#[test]
fn of_a_reader_that_is_gone_nothing_is_told() {
    let (mut tx, stream) = asked();
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    tx.handle_written(START, usize::MAX);
    tx.pull(START, &stream);
    let reports: Vec<_> = std::iter::from_fn(|| tx.poll_report()).collect();
    assert!(!reports.iter().any(|report| matches!(report, Report::Sent(..))), "{reports:?}");
}
