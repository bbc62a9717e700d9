use super::*;
use crate::NtpTime;
use crate::limits::{OUTBOX_HELD, READ_BLOCK_BYTES, SENDER_REPORT_PERIOD, SMALL_PAYLOAD_BYTES};
use crate::rtp::rtcp;

const LATER: Instant = Instant::from_nanos(START.as_nanos() + OUTBOX_HELD.as_nanos() as u64);

/// A stream of so many packets, each of a block of its own, and the blocks.
fn stream_of_blocks(packets: u16) -> (One, Vec<Bytes>) {
    let mut stream = stream_of(0);
    let blocks = (0..packets).map(|sequence| {
        let header = RtpHeader { payload_type: 96, marker: true, sequence, timestamp: 0, ssrc: 1 };
        let mut block =
            RtpPacket::build(header, &[sequence as u8; 2 * SMALL_PAYLOAD_BYTES]).as_bytes().to_vec();
        let len = block.len();
        block.resize(READ_BLOCK_BYTES, 0);
        let block = Bytes::from(block);
        assert!(stream.0.push(START, 0, RtpPacket::parse(block.slice(..len)).unwrap()));
        block
    });
    let blocks = blocks.collect();
    (stream, blocks)
}

fn reading(stream: &One, lag: LagPolicy) -> ConnTx {
    let mut tx = new_tx();
    tx.handle_command(START, attach(stream, 0, lag));
    tx
}

/// A reader from the packet `from` on.
fn attach(stream: &One, from: usize, lag: LagPolicy) -> TxCommand {
    let mut cursor = Cursor::new(&stream_of(0).0, StartAt::Live, lag, TrackSet::ALL);
    stream.0.packets_from(0).take(from).for_each(|packet| _ = cursor.take(packet));
    let cname = crate::random::Random::new([1; 32]).hex_id();
    let subscription = Subscription::new(id(), id(), cursor, cname, Duration::ZERO);
    let channels = std::array::from_fn(|track| (track == 0).then_some((0, 1)));
    TxCommand(TxOrder::Attach(Box::new(FrameReader { subscription, channels })))
}

/// Has the peer take up to so many bytes, which come back.
fn take(tx: &mut ConnTx, now: Instant, most: usize) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 200];
    let filled = tx.io_slices(&mut slices);
    let bytes =
        slices[..filled].iter().flat_map(|slice| slice.iter().copied()).take(most).collect::<Vec<_>>();
    tx.handle_written(now, bytes.len());
    bytes
}

/// Has the peer take all that there is.
fn take_all(tx: &mut ConnTx, now: Instant, stream: &One) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        tx.pull(now, stream);
        if !tx.wants_write() {
            return all;
        }
        all.extend(take(tx, now, usize::MAX));
    }
}

#[test]
fn a_peer_that_does_not_read_holds_no_block_and_no_more_than_the_frame_in_front() {
    let frame = 4 + 12 + 2 * SMALL_PAYLOAD_BYTES;
    for written in [0, 1, frame, frame + 1] {
        let (stream, blocks) = stream_of_blocks(100);
        let mut tx = reading(&stream, LagPolicy::default());
        tx.pull(START, &stream);
        take(&mut tx, START, written);
        let just_before = Instant::from_nanos(LATER.as_nanos() - 1);
        tx.pull(just_before, &stream);
        assert_eq!(tx.poll_timeout(), Some(LATER), "so that it is pulled then");
        let held = blocks.iter().map(|block| usize::from(!block.is_unique())).sum::<usize>();
        assert_eq!(held, 100, "the log holds them");
        tx.pull(LATER, &stream);
        drop(stream);
        assert!(blocks.iter().all(Bytes::is_unique), "{written} bytes were written");
        assert_eq!(waiting(&tx), frame - written % frame);
    }
}

#[test]
fn the_clock_of_a_peer_that_does_not_read_runs_on() {
    let stream = stream_of(100);
    let mut tx = reading(&stream, LagPolicy::default());
    tx.pull(START, &stream);
    for (second, is_over) in
        (1..=WRITE_STALL.as_secs()).map(|second| (second, second == WRITE_STALL.as_secs()))
    {
        let now = START + Duration::from_secs(second);
        tx.pull(now, &stream);
        assert_eq!(tx.handle_timeout(now).is_err(), is_over, "{second}");
        assert!(tx.poll_timeout().is_some_and(|at| is_over || at > now), "not a busy loop");
    }
}

#[test]
fn no_deadline_has_passed_when_the_peer_reads_again_and_nothing_is_pulled_yet() {
    let mut stream = stream_of(100);
    stream.0.set_wall_clock(START, NtpTime::from_bits(1 << 40));
    let mut tx = reading(&stream, LagPolicy::default());
    tx.pull(START, &stream);
    let late = START + (2 * SENDER_REPORT_PERIOD - Duration::from_secs(1));
    tx.pull(LATER, &stream);
    tx.pull(late, &stream);
    take(&mut tx, late, usize::MAX);
    assert!(!tx.wants_write() && tx.has_more());
    assert!(tx.poll_timeout().is_some_and(|at| at > late));
    tx.handle_command(late, TxCommand(TxOrder::Send(Bytes::from_static(b"answer"))));
    assert!(tx.poll_timeout().is_some_and(|at| at > late));
    assert!(take_all(&mut tx, late, &stream).len() > 98 * (4 + 12 + 100));
    assert!(tx.poll_timeout().is_some_and(|at| at > late));
}

#[test]
fn a_peer_that_reads_slowly_is_held_what_it_was_before() {
    let (stream, blocks) = stream_of_blocks(100);
    let mut tx = reading(&stream, LagPolicy::default());
    tx.pull(START, &stream);
    take(&mut tx, START + OUTBOX_HELD / 2, WRITE_BYTES_MIN);
    tx.pull(LATER, &stream);
    drop(stream);
    let held = blocks.iter().filter(|block| !block.is_unique()).count();
    assert_eq!(held, OUTBOX_FRAMES_MAX, "one that takes a byte less holds one");
}

#[test]
fn what_leaves_is_the_same_however_much_is_written_before_the_peer_stops_reading() {
    let mut stream = stream_of(0);
    let compound = |number: u8| rtcp::goodbye_compound(1, "cname", &format!("compound {number}"));
    for number in 0..5 {
        assert_eq!(stream.0.push_rtcp(0, compound(number as u8)), Ok(true));
        let header = RtpHeader { payload_type: 96, marker: true, sequence: number, timestamp: 0, ssrc: 1 };
        assert!(stream.0.push(START, 0, RtpPacket::build(header, &[number as u8; 3])));
    }
    stream.0.push_rtcp(0, compound(5)).unwrap();
    let whole = take_all(&mut reading(&stream, LagPolicy::Disconnect), START, &stream);
    assert!(whole.len() > 5 * (4 + 12 + 3));
    for cut in 0..=whole.len() {
        for is_lent in [false, true] {
            let mut tx = new_tx();
            if is_lent {
                tx.lend(Room::default());
            }
            tx.handle_command(START, attach(&stream, 0, LagPolicy::Disconnect));
            tx.pull(START, &stream);
            let mut bytes = take(&mut tx, START, cut);
            tx.pull(LATER, &stream);
            tx.pull(LATER, &stream);
            bytes.extend(take_all(&mut tx, LATER, &stream));
            assert_eq!(bytes, whole, "{cut} bytes were written");
            assert!(tx.poll_report().is_none());
        }
    }
}

#[test]
fn answers_leave_before_packets_that_were_let_go_and_behind_the_frame_that_has_begun() {
    let stream = stream_of(3);
    let frame = 4 + 12 + 100;
    let mut tx = reading(&stream, LagPolicy::default());
    tx.pull(START, &stream);
    let mut bytes = take(&mut tx, START, 10);
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"one"))));
    tx.handle_reply(START, Frame { channel: 2, payload: Bytes::from_static(b"report") });
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"two"))));
    tx.pull(LATER, &stream);
    assert!(tx.has_more(), "pulled again once that is written");
    assert_eq!(waiting(&tx), frame - 10 + 3 + 4 + 6 + 3);
    bytes.extend(take_all(&mut tx, LATER, &stream));
    assert_eq!(bytes[frame..][..16], *b"one$\x02\x00\x06reporttwo");
    assert_eq!(bytes.len(), 3 * frame + 16);
}

#[test]
fn packets_that_leave_their_log_meanwhile_are_missed_as_the_policy_has_it() {
    for (lag, told) in [
        (LagPolicy::SkipToLive, Report::Lagged { session: id(), dropped: 8 }),
        (LagPolicy::Disconnect, Report::Overtaken(id())),
    ] {
        let mut stream = stream_within(LogLimits::default().packets(4), 4);
        let mut tx = reading(&stream, lag);
        tx.pull(START, &stream);
        let begun = take(&mut tx, START, 10);
        for sequence in 4..10 {
            let header =
                RtpHeader { payload_type: 96, marker: true, sequence, timestamp: sequence.into(), ssrc: 1 };
            stream.0.push(START, 0, RtpPacket::build(header, &[0; 100]));
        }
        tx.pull(LATER, &stream);
        let bytes = [begun, take_all(&mut tx, LATER, &stream)].concat();
        assert_eq!(
            format!("{:?}", tx.poll_report()),
            format!("{:?}", Some(told)),
            "of ten all but the one that had begun and the newest"
        );
        let sequences = bytes.chunks(4 + 12 + 100).map(|frame| frame[7]).collect::<Vec<_>>();
        assert_eq!(sequences, if lag == LagPolicy::Disconnect { vec![0] } else { vec![0, 9] });
    }
}

#[test]
fn a_reader_that_is_overtaken_before_it_lets_go_is_told_of_all_that_it_misses() {
    for lag in [LagPolicy::SkipToLive, LagPolicy::SkipToKeyframe] {
        let mut stream = stream_within(LogLimits::default().packets(40), 0);
        let mut tx = reading(&stream, lag);
        let (mut received, mut missed) = (0, 0);
        for sequence in 0..200 {
            let header =
                RtpHeader { payload_type: 96, marker: true, sequence, timestamp: sequence.into(), ssrc: 1 };
            stream.0.push(START, 0, RtpPacket::build(header, &[0; 100]));
            tx.pull(START, &stream);
        }
        assert_eq!(waiting(&tx), OUTBOX_FRAMES_MAX * (4 + 12 + 100));
        tx.pull(LATER, &stream);
        assert_eq!(waiting(&tx), 4 + 12 + 100);
        for second in 1..5 {
            received +=
                take_all(&mut tx, LATER + Duration::from_secs(second), &stream).len() / (4 + 12 + 100);
            while let Some(report) = tx.poll_report() {
                let Report::Lagged { dropped, .. } = report else { panic!("{report:?}") };
                missed += dropped;
            }
        }
        assert_eq!(received as u64 + missed, 200, "{lag:?}");
    }
}

#[test]
fn what_a_session_was_sent_before_it_paused_leaves_before_the_answer() {
    let stream = stream_of(5);
    let frame = 4 + 12 + 100;
    let mut tx = reading(&stream, LagPolicy::default());
    tx.pull(START, &stream);
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    tx.handle_command(START, TxCommand(TxOrder::Send(Bytes::from_static(b"PAUSE, PLAY"))));
    tx.handle_command(START, attach(&stream, 4, LagPolicy::default()));
    tx.pull(START, &stream);
    tx.pull(LATER, &stream);
    assert_eq!(waiting(&tx), 5 * frame + 11);
    let bytes = take_all(&mut tx, LATER, &stream);
    assert_eq!(bytes[5 * frame..][..11], *b"PAUSE, PLAY");
    assert_eq!(bytes.len(), 6 * frame + 11, "and only the last one behind it");
    assert_eq!(bytes[5 * frame + 11..][7], 4);
}

#[test]
fn frames_of_nobody_any_more_hold_no_block_either() {
    let (stream, blocks) = stream_of_blocks(3);
    let mut tx = reading(&stream, LagPolicy::default());
    tx.pull(START, &stream);
    let before = waiting(&tx);
    tx.handle_command(START, TxCommand(TxOrder::Detach(id())));
    assert_eq!(tx.poll_timeout(), Some(LATER));
    tx.pull(LATER, &stream);
    drop(stream);
    assert!(blocks.iter().all(Bytes::is_unique));
    assert_eq!(waiting(&tx), before, "but they leave, as they were sent before the answer");
}

#[test]
fn a_report_that_was_let_go_is_made_anew_behind_the_first_packet() {
    let mut stream = stream_of(2);
    stream.0.set_wall_clock(START, NtpTime::from_bits(1 << 40));
    let mut tx = reading(&stream, LagPolicy::default());
    tx.pull(START, &stream);
    let before = waiting(&tx);
    tx.pull(LATER, &stream);
    assert_eq!(waiting(&tx), 4 + 12 + 100);
    let bytes = take_all(&mut tx, LATER, &stream);
    assert_eq!(bytes.len(), before);
    assert_eq!(bytes[2 * (4 + 12 + 100)..][..2], [b'$', 1]);
}
