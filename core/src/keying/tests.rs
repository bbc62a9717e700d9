use bytes::Bytes;

use super::*;
use crate::header::{HeaderError, KeyMgmt};
use crate::mikey::MikeyError;
use crate::random::Random;
use crate::rtp::{RtpHeader, RtpPacket};
use crate::srtp::{BuiltIn, ProtectError, Suite};
use crate::wire::{Headers, name};
use crate::{NtpTime, Tolerances};

const NOW: NtpTime = NtpTime::from_bits(0xd515_0000_0000_0000);
/// A receiver report.
const REPORT: &[u8] = &[0x80, 201, 0, 1, 0, 0, 0, 9];

fn random() -> Random {
    Random::new([5; 32])
}

fn packet(sequence: u16) -> RtpPacket {
    let header = RtpHeader { payload_type: 96, sequence, ssrc: 7, ..RtpHeader::default() };
    RtpPacket::build(header, b"picture")
}

fn told(key: &OwnKey, rocs: &[(u32, u32)]) -> KeyMgmt {
    key.tell(&mut random(), NOW, rocs.iter().copied())
}

fn headers(values: &[&str]) -> Headers {
    let mut headers = Headers::default();
    values.iter().for_each(|value| headers.push(name::KEY_MGMT, value));
    headers
}

fn of_headers(values: &[&str]) -> Result<Option<PeerKeys>, KeyingError> {
    PeerKeys::of_headers(&headers(values), None, &mut Tolerances::default())
}

#[test]
fn each_side_opens_what_the_other_seals_with_the_key_that_it_has_told() {
    for suite in Suite::ALL {
        for mki in [&[][..], &[0, 0, 0, 9]] {
            let key = OwnKey::draw(suite, &mut random()).with_mki(mki).unwrap();
            let message = told(&key, &[(7, 3)]).with_uri("rtsps://camera/stream/trackID=0");
            let keys = of_headers(&[&message.to_string()]).unwrap().unwrap();
            assert_eq!(
                (keys.suite(), keys.uri(), keys.keys()),
                (suite, message.uri.as_deref(), &[key.key().clone()][..])
            );
            let mut sealer = Sealer::new(&key, &BuiltIn);
            let mut opener = Opener::new(&keys, &BuiltIn).unwrap();
            // The counter that was told, and not zero, is that of the source.
            let sealed = sealer.rtp(&packet(1)).unwrap();
            assert_eq!(opener.rtp(sealed.as_bytes().clone()), None);
            let mut opener = Opener::new(&PeerKeys::from(key.key().clone()), &BuiltIn).unwrap();
            assert_eq!(&opener.rtp(sealed.as_bytes().clone()).unwrap(), packet(1).as_bytes());
            assert_eq!(opener.rtp(sealed.as_bytes().clone()), None, "it came before");
            let report = sealer.rtcp(REPORT).unwrap();
            assert_eq!(opener.rtcp(report.clone()).unwrap(), REPORT);
            assert_eq!(opener.rtcp(report.clone()), None);
            assert_eq!(opener.refused(), 2);
            assert_eq!(sealer.rocs().collect::<Vec<_>>(), [(7, 0)]);
        }
    }
}

#[test]
fn shared_packets_are_copied_into_a_block_and_others_are_opened_where_they_are() {
    let key = OwnKey::draw(Suite::AeadAes128Gcm, &mut random());
    let mut sealer = Sealer::new(&key, &BuiltIn);
    let mut opener = Opener::new(&PeerKeys::from(key.key().clone()), &BuiltIn).unwrap();
    let sealed: Vec<Bytes> = (1..4).map(|at| sealer.rtp(&packet(at)).unwrap().into_bytes()).collect();
    let opened: Vec<Bytes> = sealed.iter().map(|sealed| opener.rtp(sealed.clone()).unwrap()).collect();
    assert!(opened[1].as_ptr() > opened[0].as_ptr() && opened[2].as_ptr() > opened[1].as_ptr());
    let apart = opened[2].as_ptr_range().end as usize - opened[0].as_ptr() as usize;
    assert_eq!(apart, sealed[0].len() * 2 + opened[2].len(), "one behind the other");
    let own = Bytes::from(sealer.rtp(&packet(9)).unwrap().as_bytes().to_vec());
    let place = own.as_ptr();
    assert_eq!(opener.rtp(own).unwrap().as_ptr(), place);
}

#[test]
fn another_key_takes_the_place_of_the_former_and_the_rollover_counter_is_kept() {
    let mut key = OwnKey::draw(Suite::AesCm128HmacSha1_80, &mut random());
    let mut sealer = Sealer::new(&key, &BuiltIn);
    let keys = PeerKeys::read([told(&key, &[])], None, &mut Tolerances::default()).unwrap().unwrap();
    let mut opener = Opener::new(&keys, &BuiltIn).unwrap();
    for sequence in [0xffff, 0] {
        opener.rtp(sealer.rtp(&packet(sequence)).unwrap().into_bytes()).unwrap();
    }
    let former = key.key().clone();
    key.renew(&mut Random::new([6; 32]));
    assert_ne!((&former, former.suite()), (key.key(), Suite::AeadAes128Gcm));
    let base64 = crate::base64::encode(&told(&key, &[]).data);
    let header = told(&key, &[]).with_uri("").to_string();
    for body in [format!("mikey: {base64}\r\n"), format!("other: 1\r\nKeyMgmt: {header}\r\n")] {
        let mut tolerances = Tolerances::default();
        let renewed =
            PeerKeys::of_parameters(body.as_bytes(), Some(keys.suite()), &mut tolerances).unwrap().unwrap();
        assert_eq!((renewed.keys(), renewed.csb_id()), (&[key.key().clone()][..], keys.csb_id()));
        assert_eq!(renewed.uri(), None);
        opener.rekey(&renewed);
    }
    sealer.rekey(&key);
    assert_eq!(&opener.rtp(sealer.rtp(&packet(1)).unwrap().into_bytes()).unwrap(), packet(1).as_bytes());
    assert_eq!(sealer.rocs().collect::<Vec<_>>(), [(7, 1)]);
    assert!(!sealer.is_expiring());
}

#[test]
fn senders_that_share_a_key_have_indices_of_their_own() {
    let key = OwnKey::draw(Suite::AeadAes256Gcm, &mut random());
    let mut sealers = [0..1, 1..2].map(|own| Sealer::new(&key, &BuiltIn).rtcp_indices(own));
    let mut opener = Opener::new(&PeerKeys::from(key.key().clone()), &BuiltIn).unwrap();
    for sealer in &mut sealers {
        assert_eq!(opener.rtcp(sealer.rtcp(REPORT).unwrap()).unwrap(), REPORT);
        let error = sealer.rtcp(REPORT);
        assert_eq!(error, Err(ProtectError::KeyExhausted), "the next index is another sender's");
    }
}

#[test]
fn keys_are_told_apart_from_what_is_none() {
    assert_eq!(of_headers(&[]), Ok(None));
    assert_eq!(PeerKeys::of_parameters(b"volume: 3\r\n", None, &mut Tolerances::default()), Ok(None));
    let other = r#"prot=other;uri="";data="AQAF""#;
    assert_eq!(of_headers(&[other]), Err(KeyingError::Protocol("other".into())));
    let bad = r#"prot=mikey;uri="";data="AQAF""#;
    assert!(matches!(of_headers(&[bad, other]), Err(KeyingError::Mikey(MikeyError::Truncated { .. }))));
    assert!(matches!(of_headers(&[other, bad]), Err(KeyingError::Mikey(MikeyError::Truncated { .. }))));
    assert!(matches!(of_headers(&["prot=mikey"]), Err(KeyingError::Header(HeaderError::Missing { .. }))));
    let mut tolerances = Tolerances::default();
    let bad = PeerKeys::of_parameters(b"mikey: !\r\n", None, &mut tolerances);
    assert_eq!(bad, Err(KeyingError::Mikey(MikeyError::NotBase64)));
    let bad = PeerKeys::of_parameters(b"KeyMgmt: prot=mikey\r\n", None, &mut tolerances);
    assert!(matches!(bad, Err(KeyingError::Header(HeaderError::Missing { .. }))));
    // The one that can be used is used.
    let good = told(&OwnKey::draw(Suite::AeadAes128Gcm, &mut random()), &[(0, 0)]).to_string();
    let keys = of_headers(&[&format!("{other},{good}")]).unwrap().unwrap();
    assert_eq!(keys.rocs().count(), 0, "a source of zero is none");
}

#[test]
fn nothing_shows_a_key() {
    let key = OwnKey::draw(Suite::AesCm128HmacSha1_80, &mut random());
    let shown = format!("{key:?} {:?}", PeerKeys::from(key.key().clone()));
    let bytes: Vec<String> = key.key().key().iter().map(u8::to_string).collect();
    assert!(!shown.contains(&bytes[..3].join(", ")), "{shown}");
}
