use super::*;
use crate::stream::{SecureOrder, Secured};
use crate::subscription::Protection;

#[test]
fn nothing_is_due_for_a_reader_whose_encrypted_log_has_gone() {
    let mut stream = stream_of(0);
    stream.0.handle_secure(SecureOrder(Secured::Begin(0, Vec::new())));
    let cursor = Cursor::new(&stream.0, StartAt::Live, LagPolicy::default(), TrackSet::ALL);
    let cname = crate::random::Random::new([1; 32]).hex_id();
    let subscription = Subscription::new(id(), id(), cursor, cname, Duration::ZERO)
        .gathering(GATHER)
        .protected(Some(Protection { log: 0, sealers: vec![None] }));
    let mut tx = new_tx();
    let channels = std::array::from_fn(|track| (track == 0).then_some((0, 1)));
    let reader = FrameReader { subscription, channels };
    tx.handle_command(START, TxCommand(TxOrder::Attach(Box::new(reader))));
    let header = RtpHeader { payload_type: 96, ..RtpHeader::default() };
    assert!(stream.0.push(START, 0, RtpPacket::build(header, &[])));
    tx.pull(START, &stream);
    assert_eq!(tx.poll_timeout(), Some(START + GATHER));
    stream.0.handle_secure(SecureOrder(Secured::End(0)));
    tx.pull(START + GATHER, &stream);
    assert_eq!(tx.poll_timeout(), None);
}
