use super::*;
use crate::limits::SESSION_TIMEOUT;

fn is_over(tx: &mut ConnTx, now: Instant) -> bool {
    // A deadline is looked at twice.
    let looks = [now, now + Duration::from_secs(1)];
    looks.into_iter().any(|now| tx.handle_timeout(now).is_err())
}

/// A half whose socket has taken nothing since the beginning.
fn stalled(is_rate_controlled: bool) -> ConnTx {
    let mut stream = stream_of(3);
    stream.0.set_rate_control(is_rate_controlled);
    let mut tx = new_tx().with_patience(SESSION_TIMEOUT);
    tx.handle_command(START, reader(&stream, StartAt::Oldest));
    tx.pull(START, &stream);
    tx
}

#[test]
fn a_reader_with_the_pace_may_stop_reading_as_long_as_it_asks_something() {
    let second = Duration::from_secs(1);
    assert!(is_over(&mut stalled(true), START + WRITE_STALL));
    let mut tx = stalled(false);
    assert!(!is_over(&mut tx, START + (SESSION_TIMEOUT - 2 * second)));
    assert!(is_over(&mut stalled(false), START + SESSION_TIMEOUT));
    let mut now = START;
    for _ in 0..10 {
        now = now + (SESSION_TIMEOUT - 2 * second);
        assert!(!is_over(&mut tx, now));
        tx.handle_command(now, TxCommand(TxOrder::Send(Bytes::from_static(b"RTSP/1.0 200 OK\r\n\r\n"))));
    }
    assert!(is_over(&mut tx, now + SESSION_TIMEOUT));
}
