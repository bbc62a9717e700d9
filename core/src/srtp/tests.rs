use bytes::BytesMut;

use super::*;
use crate::limits::{
    PACKET_BLOCK_BYTES, SRTP_FORMER_KEY_PACKETS, SRTP_KEYS_MAX, SRTP_MKI_BYTES_MAX, SRTP_PACKET_BYTES_MAX,
    SRTP_SOURCES_MAX,
};
use crate::rtp::{RtpHeader, RtpPacket};

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(suite: Suite, seed: u8) -> MasterKey {
    MasterKey::from_seed(suite, [seed; 32])
}

fn packet(ssrc: u32, sequence: u16, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, sequence, ssrc, ..RtpHeader::default() }, payload)
}

/// The outcome at a receiver of a packet as it was sent.
fn received(receiver: &mut ReceiveContext, sent: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    let mut bytes = sent.to_vec();
    let len = receiver.unprotect(&mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

fn received_rtcp(receiver: &mut ReceiveContext, sent: &[u8]) -> Result<Vec<u8>, UnprotectError> {
    let mut bytes = sent.to_vec();
    let len = receiver.unprotect_rtcp(&mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

fn sent_rtcp(sender: &mut SendContext, compound: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    sender.protect_rtcp_into(compound, &mut out).unwrap();
    out.to_vec()
}

const REPORT: &[u8] = b"\x80\xc9\x00\x01\x00\x00\x00\x07";

/// The packets that libsrtp checks itself with.
#[test]
fn packets_are_those_of_libsrtp() {
    const RTP: &str = "800f1234decafbadcafebabeabababababababababababababababab";
    const RTCP: &str = "81c8000bcafebabeabababababababababababababababab";
    for (suite, key, rtp, rtcp) in [
        (
            Suite::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6",
            "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
            "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798",
        ),
        (
            Suite::AeadAes128Gcm,
            "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab",
            "800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
            "81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001",
        ),
    ] {
        let key = MasterKey::from_joined(suite, &unhex(key)).unwrap();
        let mut sender = SendContext::new(&key).rtcp_indices(1..2);
        let mut out = BytesMut::new();
        sender.protect_into(&unhex(RTP), &mut out).unwrap();
        assert_eq!(hex(&out), rtp, "{suite}");
        assert_eq!(hex(&sent_rtcp(&mut sender, &unhex(RTCP))), rtcp, "{suite}");
        let mut receiver = ReceiveContext::new(&key);
        assert_eq!(received(&mut receiver, &unhex(rtp)).map(|bytes| hex(&bytes)), Ok(RTP.to_owned()));
        assert_eq!(received_rtcp(&mut receiver, &unhex(rtcp)).map(|bytes| hex(&bytes)), Ok(RTCP.to_owned()));
    }
}

#[test]
fn packets_of_several_sources_go_through_rollovers_with_loss_and_reordering() {
    for suite in Suite::ALL {
        let key = key(suite, 1).with_mki(*b"key1").unwrap();
        let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
        let mut held = Vec::new();
        // Most are lost, so that many rollovers pass.
        for (at, number) in (0..400_000_u32).step_by(33).enumerate() {
            for ssrc in [7, 8] {
                let plain = packet(ssrc, (number + 60_000 * ssrc) as u16, &number.to_be_bytes());
                let protected = sender.protect(&plain).unwrap();
                assert_eq!(protected.len(), plain.len() + sender.overhead());
                assert_eq!((protected.sequence(), protected.ssrc()), (plain.sequence(), ssrc));
                match at % 8 {
                    3 => {}                             // lost
                    5 => held.push((protected, plain)), // late
                    _ => assert_eq!(
                        received(&mut receiver, protected.as_bytes()).unwrap(),
                        plain.as_bytes()[..]
                    ),
                }
            }
            if at % 8 == 7 {
                for (protected, plain) in held.drain(..) {
                    assert_eq!(received(&mut receiver, protected.as_bytes()).unwrap(), plain.as_bytes()[..]);
                    assert_eq!(received(&mut receiver, protected.as_bytes()), Err(UnprotectError::Replayed));
                }
            }
        }
        let rocs: Vec<(u32, u32)> = sender.rocs().collect();
        assert!(rocs.iter().all(|(_, roc)| *roc >= 6), "{rocs:?}");
        assert_eq!(receiver.rocs().collect::<Vec<_>>(), rocs);
    }
}

#[test]
fn headers_with_sources_extensions_and_padding_stay_in_the_clear_and_the_rest_does_not() {
    for suite in Suite::ALL {
        let key = key(suite, 1);
        let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
        let header = b"\xb2\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07sou1sou2\xbe\xde\x00\x01ext1";
        let bytes = [&header[..], b"payload\x03\x03\x03"].concat();
        let plain = RtpPacket::parse(bytes.clone().into()).unwrap();
        let protected = sender.protect(&plain).unwrap();
        assert_eq!(protected.as_bytes()[..header.len()], header[..]);
        assert_ne!(protected.as_bytes()[header.len()..][..7], b"payload"[..]);
        assert_eq!(protected.payload().len(), 10 + sender.overhead(), "padding is encrypted as well");
        assert_eq!(received(&mut receiver, protected.as_bytes()).unwrap(), bytes);
        assert_eq!(sender.protect(&packet(7, 2, b"")).map(|packet| packet.len()), Ok(12 + sender.overhead()));
    }
}

#[test]
fn reports_are_taken_once_and_in_any_order() {
    for suite in Suite::ALL {
        let key = key(suite, 1).with_mki([9; 3]).unwrap();
        let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
        let sent: Vec<_> = (0..3).map(|_| sent_rtcp(&mut sender, REPORT)).collect();
        assert_eq!(sent[0].len(), REPORT.len() + sender.rtcp_overhead());
        for at in [1, 0, 2] {
            assert_eq!(received_rtcp(&mut receiver, &sent[at]).as_deref(), Ok(REPORT));
            assert_eq!(received_rtcp(&mut receiver, &sent[at]), Err(UnprotectError::Replayed));
        }
    }
}

#[test]
fn a_report_that_is_not_encrypted_is_refused() {
    // RFC 7714, section 17.3: tagged only.
    let key = key(Suite::AeadAes128Gcm, 1);
    let mut sent = sent_rtcp(&mut SendContext::new(&key), REPORT);
    let flag = sent.len() - 4;
    sent[flag] &= 0x7f;
    assert_eq!(received_rtcp(&mut ReceiveContext::new(&key), &sent), Err(UnprotectError::NotEncrypted));
}

#[test]
fn no_sequence_number_is_protected_twice() {
    let mut sender = SendContext::new(&key(Suite::AeadAes128Gcm, 1));
    for sequence in [1, 3, 2, 200] {
        sender.protect(&packet(7, sequence, b"one")).unwrap();
        assert_eq!(sender.protect(&packet(7, sequence, b"two")), Err(ProtectError::Repeated));
    }
    assert_eq!(sender.protect(&packet(7, 72, b"too old to tell")), Err(ProtectError::Repeated));
    sender.protect(&packet(7, 73, b"the last that can be told")).unwrap();
    sender.protect(&packet(8, 1, b"of another source")).unwrap();
}

#[test]
fn what_is_no_packet_is_neither_protected_nor_taken() {
    let key = key(Suite::AesCm128HmacSha1_80, 1);
    let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
    let mut out = BytesMut::from(&b"before"[..]);
    for bytes in [&b""[..], b"\x80", &[0x40; 30], &[0x8f; 30], &[0x90; 14], &[0x90; 30]] {
        let length = bytes.len();
        assert_eq!(sender.protect_into(bytes, &mut out), Err(ProtectError::Malformed { length }));
        assert_eq!(receiver.unprotect(&mut bytes.to_vec()), Err(UnprotectError::Malformed { length }));
    }
    for bytes in [&b""[..], b"\x80\xc8\x00\x00\x00\x00\x00", &[0x40; 30]] {
        let length = bytes.len();
        assert_eq!(sender.protect_rtcp_into(bytes, &mut out), Err(ProtectError::Malformed { length }));
        assert_eq!(receiver.unprotect_rtcp(&mut bytes.to_vec()), Err(UnprotectError::Malformed { length }));
    }
    // Too short for a tag.
    for length in 12..22 {
        assert_eq!(receiver.unprotect(&mut vec![0x80; length]), Err(UnprotectError::Malformed { length }));
    }
    assert_eq!(receiver.unprotect(&mut [0x80; 22]), Err(UnprotectError::Unauthentic));
    for length in 8..22 {
        assert_eq!(
            receiver.unprotect_rtcp(&mut vec![0x80; length]),
            Err(UnprotectError::Malformed { length })
        );
    }
    assert_eq!(receiver.unprotect_rtcp(&mut [0x80; 22]), Err(UnprotectError::Unauthentic));
    assert_eq!(&out[..], b"before");
    assert_eq!(receiver.rocs().count(), 0, "nothing was remembered");
}

#[test]
fn a_packet_one_byte_longer_than_any_transport_takes_is_refused() {
    let mut sender = SendContext::new(&key(Suite::AeadAes128Gcm, 1));
    let longest = SRTP_PACKET_BYTES_MAX - sender.overhead();
    let protected = sender.protect(&packet(7, 1, &vec![0; longest - 12])).unwrap();
    assert_eq!(protected.len(), SRTP_PACKET_BYTES_MAX);
    let too_long = packet(7, 2, &vec![0; longest - 11]);
    assert_eq!(sender.protect(&too_long), Err(ProtectError::TooLong { length: longest + 1 }));
    sender.protect(&packet(7, 2, b"short")).unwrap();
}

#[test]
fn packets_are_cut_out_of_a_block_that_they_share() {
    let mut sender = SendContext::new(&key(Suite::AeadAes128Gcm, 1));
    let first = sender.protect(&packet(7, 0, &[1; 1000])).unwrap();
    let mut end = first.as_bytes().as_ptr_range().end;
    let mut neighbours = 0;
    for sequence in 1..100 {
        let bytes = sender.protect(&packet(7, sequence, &[1; 1000])).unwrap().into_bytes();
        neighbours += usize::from(bytes.as_ptr() == end);
        end = bytes.as_ptr_range().end;
    }
    let in_a_block = PACKET_BLOCK_BYTES / first.len();
    assert!(neighbours >= 99 - 100 / in_a_block - 1, "{neighbours}");
}

#[test]
fn a_receiver_that_comes_late_is_told_the_counter_or_finds_the_one_beside_it() {
    for suite in Suite::ALL {
        let key = key(suite, 1);
        let mut sender = SendContext::new(&key);
        sender.set_roc(7, 5).unwrap();
        let sent: Vec<_> =
            [0xfffe, 0xffff, 0, 1].map(|sequence| sender.protect(&packet(7, sequence, b"x")).unwrap()).into();
        let mut told = ReceiveContext::new(&key);
        told.set_roc(7, 5).unwrap();
        assert!(sent.iter().all(|sent| received(&mut told, sent.as_bytes()).is_ok()));
        // It was told before the sequence rolled over, and hears of it behind.
        let mut late = ReceiveContext::new(&key);
        late.set_roc(7, 5).unwrap();
        assert!(received(&mut late, sent[2].as_bytes()).is_ok());
        assert!(received(&mut late, sent[1].as_bytes()).is_ok());
        assert_eq!(late.rocs().collect::<Vec<_>>(), [(7, 6)]);
        // It was told behind the rollover, and hears of a keyframe before it first.
        let mut early = ReceiveContext::new(&key);
        early.set_roc(7, 6).unwrap();
        assert!(sent.iter().all(|sent| received(&mut early, sent.as_bytes()).is_ok()));
        assert_eq!(early.rocs().collect::<Vec<_>>(), [(7, 6)]);
        let mut untold = ReceiveContext::new(&key);
        assert_eq!(received(&mut untold, sent[2].as_bytes()), Err(UnprotectError::Unauthentic));
        untold.set_roc(7, 6).unwrap();
        assert!(received(&mut untold, sent[2].as_bytes()).is_ok());
    }
}

#[test]
fn a_receiver_that_has_not_heard_of_several_rollovers_finds_the_counter_again() {
    for suite in [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80] {
        let key = key(suite, 1);
        let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
        let mut lost = 0;
        for number in (0..1000).chain((1000..500_000).step_by(1000)).chain(500_000..502_000_u32) {
            let sent = sender.protect(&packet(7, number as u16, b"x")).unwrap();
            // As a reader that was paused.
            if !(1000..500_000).contains(&number) && received(&mut receiver, sent.as_bytes()).is_err() {
                lost += 1;
            }
        }
        assert!(lost <= 24, "{lost} packets until the counter was found");
        assert_eq!(receiver.rocs().collect::<Vec<_>>(), sender.rocs().collect::<Vec<_>>());
    }
}

#[test]
fn forged_packets_change_nothing() {
    let key = key(Suite::AesCm128HmacSha1_80, 1);
    let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
    for sequence in 0..2000_u16 {
        let sent = sender.protect(&packet(7, sequence, b"payload")).unwrap();
        let mut forged = sent.as_bytes().to_vec();
        forged[2] ^= sequence as u8;
        forged[3] ^= 1;
        assert!(received(&mut receiver, &forged).is_err());
        let stranger = packet(u32::from(sequence) + 100, 1, &[0; 40]);
        assert_eq!(received(&mut receiver, stranger.as_bytes()), Err(UnprotectError::Unauthentic));
        assert!(received(&mut receiver, sent.as_bytes()).is_ok());
    }
    assert_eq!(receiver.rocs().collect::<Vec<_>>(), [(7, 0)]);
}

#[test]
fn one_source_more_than_a_key_may_have_is_refused_on_both_sides() {
    let key = key(Suite::AeadAes256Gcm, 1);
    let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
    let most = SRTP_SOURCES_MAX as u32;
    for ssrc in 0..most {
        let sent = sender.protect(&packet(ssrc, 1, b"x")).unwrap();
        received(&mut receiver, sent.as_bytes()).unwrap();
    }
    assert_eq!(sender.protect(&packet(most, 1, b"x")), Err(ProtectError::TooManySources));
    assert_eq!(sender.set_roc(most, 1), Err(ProtectError::TooManySources));
    let sent = SendContext::new(&key).protect(&packet(most, 1, b"x")).unwrap();
    assert_eq!(received(&mut receiver, sent.as_bytes()), Err(UnprotectError::TooManySources));
    assert_eq!(receiver.set_roc(most, 1), Err(UnprotectError::TooManySources));
    sender.protect(&packet(0, 2, b"x")).unwrap();
}

#[test]
fn a_key_lasts_as_long_as_it_may_and_tells_before() {
    let first = key(Suite::AeadAes128Gcm, 1).with_lifetime(160);
    let (mut sender, mut receiver) = (SendContext::new(&first), ReceiveContext::new(&first));
    for sequence in 0..160 {
        assert_eq!((sender.is_expiring(), receiver.is_expiring()), (sequence >= 150, sequence >= 150));
        let sent = sender.protect(&packet(7, sequence, b"x")).unwrap();
        received(&mut receiver, sent.as_bytes()).unwrap();
    }
    assert_eq!(sender.protect(&packet(7, 160, b"x")), Err(ProtectError::KeyExhausted));
    let sent = SendContext::new(&first).protect(&packet(7, 160, b"x")).unwrap();
    assert_eq!(received(&mut receiver, sent.as_bytes()), Err(UnprotectError::KeyExhausted));
    let second = key(Suite::AeadAes128Gcm, 2);
    sender.rekey(&second);
    receiver.rekey(&second);
    let sent = sender.protect(&packet(7, 160, b"x")).unwrap();
    assert!(received(&mut receiver, sent.as_bytes()).is_ok());
    assert!(!sender.is_expiring());
}

#[test]
fn a_counter_that_would_roll_over_itself_ends_the_key() {
    let key = key(Suite::AeadAes128Gcm, 1);
    let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
    sender.set_roc(7, u32::MAX).unwrap();
    receiver.set_roc(7, u32::MAX).unwrap();
    let sent = sender.protect(&packet(7, u16::MAX, b"x")).unwrap();
    received(&mut receiver, sent.as_bytes()).unwrap();
    assert_eq!(sender.protect(&packet(7, 0, b"x")), Err(ProtectError::KeyExhausted));
    let sent = SendContext::new(&key).protect(&packet(7, 0, b"x")).unwrap();
    assert_eq!(received(&mut receiver, sent.as_bytes()), Err(UnprotectError::KeyExhausted));
}

#[test]
fn indices_of_reports_are_divided_between_contexts_and_end() {
    let key = key(Suite::AeadAes128Gcm, 1);
    let mut senders = [0..2, 2..4].map(|indices| SendContext::new(&key).rtcp_indices(indices));
    let mut receiver = ReceiveContext::new(&key);
    for sender in &mut senders {
        for _ in 0..2 {
            received_rtcp(&mut receiver, &sent_rtcp(sender, REPORT)).unwrap();
        }
        let mut out = BytesMut::new();
        assert_eq!(sender.protect_rtcp_into(REPORT, &mut out), Err(ProtectError::KeyExhausted));
    }
    let mut last = SendContext::new(&key).rtcp_indices(0x7fff_ffff..u32::MAX);
    received_rtcp(&mut receiver, &sent_rtcp(&mut last, REPORT)).unwrap();
    assert_eq!(last.protect_rtcp_into(REPORT, &mut BytesMut::new()), Err(ProtectError::KeyExhausted));
}

#[test]
fn the_former_key_is_taken_until_the_new_one_is_in_use() {
    for suite in Suite::ALL {
        let (old, new) = (key(suite, 1), key(suite, 2));
        let (mut sender, mut receiver) = (SendContext::new(&old), ReceiveContext::new(&old));
        sender.set_roc(7, 3).unwrap();
        receiver.set_roc(7, 3).unwrap();
        let before: Vec<_> =
            (0..3).map(|sequence| sender.protect(&packet(7, sequence, b"old")).unwrap()).collect();
        received(&mut receiver, before[0].as_bytes()).unwrap();
        receiver.rekey(&new);
        received(&mut receiver, before[1].as_bytes()).unwrap();
        sender.rekey(&new);
        let mut sequence = 3;
        for _ in 0..SRTP_FORMER_KEY_PACKETS {
            let sent = sender.protect(&packet(7, sequence, b"new")).unwrap();
            assert_eq!(
                received(&mut receiver, sent.as_bytes()).unwrap()[12..],
                b"new"[..],
                "the counter is kept"
            );
            if sequence == 3 {
                received(&mut receiver, before[2].as_bytes()).unwrap();
            }
            sequence += 1;
        }
        let mut former = SendContext::new(&old);
        former.set_roc(7, 3).unwrap();
        let late = former.protect(&packet(7, sequence, b"old")).unwrap();
        assert_eq!(received(&mut receiver, late.as_bytes()), Err(UnprotectError::Unauthentic));
    }
}

#[test]
fn keys_are_told_apart_by_their_identifiers_and_the_oldest_is_forgotten() {
    let suites = [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32];
    let keys: Vec<MasterKey> = (0..=SRTP_KEYS_MAX as u8)
        .map(|number| key(suites[usize::from(number) % 3], number).with_mki([number, 1]).unwrap())
        .collect();
    let mut receiver = ReceiveContext::new(&keys[0]);
    keys[1..SRTP_KEYS_MAX].iter().for_each(|key| receiver.rekey(key));
    let sent = |number: usize, sequence| {
        SendContext::new(&keys[number]).protect(&packet(7, sequence, &[number as u8; 50])).unwrap()
    };
    for number in 0..SRTP_KEYS_MAX {
        let sent = sent(number, number as u16);
        assert_eq!(received(&mut receiver, sent.as_bytes()).unwrap()[12..], [number as u8; 50]);
    }
    receiver.rekey(&keys[1]);
    assert!(received(&mut receiver, sent(0, 100).as_bytes()).is_ok(), "a known identifier pushes none out");
    receiver.rekey(&keys[SRTP_KEYS_MAX]);
    assert!(received(&mut receiver, sent(SRTP_KEYS_MAX, 101).as_bytes()).is_ok());
    assert_eq!(received(&mut receiver, sent(0, 102).as_bytes()), Err(UnprotectError::UnknownMki));
    assert!(received(&mut receiver, sent(1, 103).as_bytes()).is_ok());
}

#[test]
fn keys_have_the_lengths_of_their_suite() {
    for suite in Suite::ALL {
        let (key, salt) = (vec![1; suite.key_bytes()], vec![2; suite.salt_bytes()]);
        let master = MasterKey::new(suite, &key, &salt).unwrap();
        assert_eq!((master.key(), master.salt(), master.mki()), (&key[..], &salt[..], &[][..]));
        assert_eq!(MasterKey::from_joined(suite, &[&key[..], &salt].concat()), Ok(master.clone()));
        for length in [0, key.len() - 1, key.len() + 1] {
            let error = Err(KeyError::KeyLength { suite, length });
            assert_eq!(MasterKey::new(suite, &vec![1; length], &salt), error);
        }
        for length in [0, salt.len() - 1, salt.len() + 1] {
            let error = Err(KeyError::SaltLength { suite, length });
            assert_eq!(MasterKey::new(suite, &key, &vec![1; length]), error);
        }
        assert!(master.clone().with_mki([1; SRTP_MKI_BYTES_MAX]).is_ok());
        let length = SRTP_MKI_BYTES_MAX + 1;
        assert_eq!(master.with_mki(vec![1; length]), Err(KeyError::MkiLength { length }));
        assert_eq!(Suite::from_name(suite.as_str()), Some(suite));
    }
    assert_eq!(Suite::from_name("F8_128_HMAC_SHA1_80"), None);
}

#[test]
fn contexts_go_to_other_threads() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<SendContext>();
    goes::<ReceiveContext>();
    goes::<MasterKey>();
}

#[test]
fn nothing_shows_a_key() {
    let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &[0xab; 16], &[0xcd; 14]).unwrap();
    let shown =
        format!("{key:?} {:?} {:?}", SendContext::new(&key), ReceiveContext::new(&key)).to_lowercase();
    for secret in ["171", "205", "ab, ", "cd, ", "abab", "cdcd"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

/// A cipher of the program's is used for AEAD, and a packet that it has spoilt in a failed attempt is tried as it came.
#[test]
fn a_cipher_can_be_plugged_in() {
    #[derive(Debug)]
    struct Reversed;
    #[derive(Debug)]
    struct ReversedGcm(u8);

    impl Ciphers for Reversed {
        fn aes_gcm(&self, key: &[u8]) -> Option<Box<dyn Aead>> {
            Some(Box::new(ReversedGcm(key[0])))
        }
    }

    impl Aead for ReversedGcm {
        fn seal(&self, nonce: &[u8; 12], _: &[u8], text: &mut [u8]) -> Option<[u8; AEAD_TAG_BYTES]> {
            text.reverse();
            Some([nonce[7] ^ self.0; AEAD_TAG_BYTES])
        }

        fn open(&self, nonce: &[u8; 12], _: &[u8], text: &mut [u8], tag: &[u8; AEAD_TAG_BYTES]) -> bool {
            text.reverse();
            *tag == [nonce[7] ^ self.0; AEAD_TAG_BYTES]
        }
    }

    let (old, new) = (key(Suite::AeadAes128Gcm, 1), key(Suite::AeadAes128Gcm, 2));
    let mut sender = SendContext::with_ciphers(&old, &Reversed);
    let mut receiver = ReceiveContext::with_ciphers(&old, &Reversed);
    receiver.rekey(&new);
    let sent = sender.protect(&packet(7, 1, b"payload")).unwrap();
    assert_eq!(sent.as_bytes()[12..19], b"daolyap"[..]);
    assert_eq!(received(&mut receiver, sent.as_bytes()).unwrap()[12..], b"payload"[..]);
    // The cipher is for AEAD only.
    let other = key(Suite::AesCm128HmacSha1_80, 1);
    let sent = SendContext::with_ciphers(&other, &Reversed).protect(&packet(7, 1, b"payload")).unwrap();
    assert!(received(&mut ReceiveContext::new(&other), sent.as_bytes()).is_ok());
}
