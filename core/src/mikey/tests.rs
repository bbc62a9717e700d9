use super::*;
use crate::limits::MIKEY_BYTES_MAX;
use crate::srtp::{KeyError, MasterKey, Suite};
use crate::{NtpTime, Tolerance, Tolerances};

fn read(text: &str) -> (Message, Vec<Tolerance>) {
    let mut tolerances = Tolerances::NONE;
    let message = Message::from_base64(text, &mut tolerances).unwrap();
    (message, tolerances.iter().collect())
}

/// A message that gortsplib 5 announces.
const GORTSPLIB: &str = "AQAFAPD7zf0BAAC0YOoxAAAAAAsA7qz3JuZtFSQKEIj5lcPs9ih10/liV5iqYoQBAAAAGAABAQEBEAIBAQMBFAcBAQgBAQoBAQsB\
                         CgAAACIAIAAemt5RfCqzkbS0DL5hpgOqiFucF5ZTbApAdaCbZWAZAA==";
/// Messages that GStreamer 1.22 makes, with the bytes from 0x30 on as key and salt.
const GSTREAMER: &str = "AQAFAN2JFoUBAAARIjNEAAAABQsA7rbZwhqmbb0KEAO8my08I0iqNmKq11UVaC8BAAAAFQABAQEBEAIBAQMBCgcBAQgBAQoBAQAA\
                         ACIAIAAeMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNAA==";
const GSTREAMER_32: &str = "AQAFADhNSdMBAAARIjNEAAAABQsA7rbZwhqtYB8KEMx1uwCIaTnI0nJtrvPbsWYBAAAAFQABAQEBEAIBAQMBBAcBAQgBAQoB\
                            AQAAACIAIAAeMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNAA==";
const GSTREAMER_256: &str = "AQAFAG7uOe0BAAARIjNEAAAABQsA7rbZwhqu4gAKEH9dozOPslvt6xcuR00Kzy4BAAAAFQABAQEBIAIBAQMBCgcBAQgBAQoB\
                             AQAAADIAIAAuMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXQA=";
/// The message of a client in the example of ONVIF's Streaming Specification: without a random value, with an identifier.
const ONVIF: &str = "AQAFAP1td9ABAADCD1UcAAAAAAoAAdOOGc75XD0BAAAAGAABAQEBEAIBAQMBFAcBAQgBAQoBAQsBCgAAACcAIQAe30C59UrClE0e27UP\
                     5h/Wty9UL8+dfzg+2ttmmo3kBAAAAC8A";
/// The message that Milestone XProtect sends, with a byte too many.
const MILESTONE: &str = "AQAFALFAVlcBAAByb\
                         vTbAAAAAAsA7NFQgb7c45cKEN1yJIOVwswabeYOQip/VwkBAAAAGAABAQEBEAIBAQMBFAcBAQgBAQoBAQsBCgAAACIAIAAeXbGNlW9\
                         pZ8wNc/i053akigjEIg5SHcqjuAD1hPwlAAA=";

#[test]
fn messages_of_others_are_read_and_those_in_our_form_are_written_the_same() {
    for (text, csb_id, session, suite, mki, key_begins, tolerances, is_canonical) in [
        (
            GORTSPLIB,
            0xf0fb_cdfd,
            (0xb460_ea31, 0),
            Suite::AesCm128HmacSha1_80,
            &[][..],
            [0x9a, 0xde],
            vec![],
            true,
        ),
        (
            GSTREAMER,
            0xdd89_1685,
            (0x1122_3344, 5),
            Suite::AesCm128HmacSha1_80,
            &[],
            [0x30, 0x31],
            vec![Tolerance::MikeyAuthKeyLength],
            true,
        ),
        (
            GSTREAMER_32,
            0x384d_49d3,
            (0x1122_3344, 5),
            Suite::AesCm128HmacSha1_32,
            &[],
            [0x30, 0x31],
            vec![Tolerance::MikeyAuthKeyLength],
            true,
        ),
        (
            ONVIF,
            0xfd6d_77d0,
            (0xc20f_551c, 0),
            Suite::AesCm128HmacSha1_80,
            &[0, 0, 0, 0x2f],
            [0xdf, 0x40],
            vec![],
            true,
        ),
        (
            MILESTONE,
            0xb140_5657,
            (0x726e_f4db, 0),
            Suite::AesCm128HmacSha1_80,
            &[],
            [0x5d, 0xb1],
            vec![Tolerance::MikeyTrailingByte],
            false,
        ),
    ] {
        let (message, told) = read(text);
        let expected = CryptoSession { policy: 0, ssrc: session.0, roc: session.1 };
        assert_eq!((message.csb_id(), message.sessions(), told), (csb_id, &[expected][..], tolerances));
        let keys = message.master_keys(None).unwrap();
        let [key] = &keys[..] else { panic!("{keys:?}") };
        assert_eq!((key.suite(), key.mki(), &key.key()[..2]), (suite, mki, &key_begins[..]));
        let written = message.to_base64();
        assert_eq!(written == text, is_canonical, "{written}");
        assert_eq!(read(&written).0, message);
    }
}

#[test]
fn a_suite_that_is_not_known_is_told_by_its_parameter() {
    let (message, _) = read(GSTREAMER_256);
    assert_eq!(message.master_keys(None), Err(MikeyError::Policy { parameter: 1, value: 32 }));
}

/// The bytes of a message, with one of them changed.
fn with(text: &str, at: usize, value: u8) -> Vec<u8> {
    let mut bytes = read(text).0.to_bytes();
    bytes[at] = value;
    bytes
}

fn parse(bytes: &[u8]) -> Result<Message, MikeyError> {
    Message::parse(bytes, &mut Tolerances::default())
}

#[test]
fn what_is_written_is_read_for_every_suite_with_and_without_an_identifier() {
    for suite in Suite::ALL {
        for mki in [&[][..], &[1, 2, 3, 4], &[9; 128]] {
            let key = MasterKey::from_seed(suite, [3; 32]).with_mki(mki).unwrap();
            let now = NtpTime::from_bits(0xe8d4_a510_8000_0000);
            let sources = [(1, 0), (u32::MAX, 77)];
            let written = Message::new(5, [6; 16], now, &key, sources);
            let message = parse(&written.to_bytes()).unwrap();
            assert_eq!((&message, message.time(), message.csb_id()), (&written, Some(now), 5));
            assert_eq!(
                message.sessions().iter().map(|session| (session.ssrc, session.roc)).collect::<Vec<_>>(),
                sources
            );
            assert_eq!(message.master_keys(None), Ok(vec![key]));
        }
    }
}

/// As ONVIF has it: the salt in a field of its own, and no authentication beside the cipher.
#[test]
fn a_key_of_aead_is_written_with_its_salt_apart() {
    let key = MasterKey::new(Suite::AeadAes128Gcm, &[0xaa; 16], &[0xbb; 12])
        .unwrap()
        .with_mki([0, 0, 0, 7])
        .unwrap();
    let bytes = Message::new(1, [2; 16], NtpTime::from_bits(3), &key, [(4, 5)]).to_bytes();
    let policy = [1, 0, 0, 0, 21, 0, 1, 6, 1, 1, 16, 2, 1, 0, 4, 1, 12, 7, 1, 1, 8, 1, 1, 20, 1, 16];
    let keys = [&[0, 0, 0, 39, 0, 0x31, 0, 16][..], &[0xaa; 16], &[0, 12], &[0xbb; 12], &[4, 0, 0, 0, 7, 0]]
        .concat();
    assert!(bytes.ends_with(&[&policy[..], &keys].concat()), "{bytes:x?}");
}

#[test]
fn key_and_salt_may_be_joined_or_apart() {
    let joined = MasterKey::from_seed(Suite::AeadAes128Gcm, [1; 32]);
    let bytes = Message::new(1, [2; 16], NtpTime::from_bits(3), &joined, []).to_bytes();
    let at = bytes.len() - 1 - (1 + 1 + 2 + 16 + 2 + 12) - 2;
    let behind_policy = &bytes[..at];
    let key_data = [&[0, 0x20, 0, 28][..], joined.key(), joined.salt(), &[0]].concat();
    let message = parse(&[behind_policy, &[0, 32], &key_data].concat()).unwrap();
    assert_eq!(message.master_keys(None), Ok(vec![joined]));

    // AES-CM with the salt apart.
    let mut bytes = read(GORTSPLIB).0.to_bytes();
    let end = bytes.len();
    bytes[end - 34] = 0x30;
    bytes[end - 32] = 16;
    bytes[end - 36] = 36;
    bytes.splice(end - 15..end - 15, [0, 14]);
    let keys = parse(&bytes).unwrap().master_keys(None);
    assert_eq!(keys, read(GORTSPLIB).0.master_keys(None));
}

#[test]
fn a_message_that_replaces_a_key_may_lack_the_policy_and_the_random_value() {
    let key = MasterKey::from_seed(Suite::AeadAes256Gcm, [1; 32]).with_mki([1]).unwrap();
    let mut message = Message::new(1, [2; 16], NtpTime::from_bits(3), &key, [(4, 5)]);
    message.policies.clear();
    message.rand = Box::default();
    message.time = None;
    let message = parse(&message.to_bytes()).unwrap();
    assert_eq!(message.master_keys(Some(Suite::AeadAes256Gcm)), Ok(vec![key]));
    let error = KeyError::KeyLength { suite: Suite::AesCm128HmacSha1_80, length: 32 };
    assert_eq!(message.master_keys(None), Err(MikeyError::Key(error)));
    assert_eq!(message.sessions()[0].roc, 5);
}

#[test]
fn a_message_may_have_several_keys_and_payloads_that_change_none() {
    let keys: Vec<_> = (0..3)
        .map(|number| {
            MasterKey::from_seed(Suite::AesCm128HmacSha1_80, [number; 32]).with_mki([number]).unwrap()
        })
        .collect();
    let mut message = Message::new(1, [2; 16], NtpTime::from_bits(3), &keys[0], [(4, 5)]);
    message.keys = keys.iter().map(key_data::KeyData::of).collect();
    assert_eq!(parse(&message.to_bytes()).unwrap().master_keys(None), Ok(keys));

    let mut bytes = read(GORTSPLIB).0.to_bytes();
    bytes[2] = payload::ID;
    let others =
        [&[payload::EXTENSION, 0, 0, 2, b'i', b'd'][..], &[payload::TIME, 1, 0, 5], b"mikey"].concat();
    bytes.splice(19..19, others);
    assert_eq!(parse(&bytes), Ok(read(GORTSPLIB).0));

    // An interval, and a code that authenticates the message.
    let mut bytes = read(GORTSPLIB).0.to_bytes();
    let end = bytes.len();
    bytes[end - 34] = 0x22;
    bytes[end - 36] = 38;
    bytes.pop();
    bytes.extend([1, 7, 2, 8, 8, 1]);
    bytes.extend([0; 20]);
    bytes[end - 36] = 34 + 5;
    assert_eq!(parse(&bytes).unwrap().master_keys(None), read(GORTSPLIB).0.master_keys(None));
}

#[test]
fn a_counter_in_place_of_the_time_is_passed_over() {
    let mut bytes = read(GORTSPLIB).0.to_bytes();
    bytes[20] = 2;
    bytes.drain(21..25);
    let message = parse(&bytes).unwrap();
    assert_eq!((message.time(), message.master_keys(None)), (None, read(GORTSPLIB).0.master_keys(None)));
}

#[test]
fn what_is_not_known_is_told_with_its_place() {
    let end = read(GORTSPLIB).0.to_bytes().len();
    for (at, value, field) in [
        (0, 2, "version"),
        (1, 1, "data type"),
        (3, 1, "pseudo-random function"),
        (9, 1, "type of the crypto session map"),
        (20, 3, "type of the time"),
        (49, 1, "protocol of the policy"),
        (end - 38, 1, "encryption of the keys"),
        (end - 35, 6, "type of the next key"),
        (end - 1, 2, "authentication of the keys"),
    ] {
        let error = MikeyError::Unsupported { field, offset: at, value };
        assert_eq!(parse(&with(GORTSPLIB, at, value)), Err(error));
    }
    let kind = |value| MikeyError::Unsupported { field: "kind of the key", offset: end - 34, value };
    assert_eq!(parse(&with(GORTSPLIB, end - 34, 0x00)), Err(kind(0)));
    assert_eq!(parse(&with(GORTSPLIB, end - 34, 0x10)), Err(kind(1)));
    let validity = MikeyError::Unsupported { field: "validity of the key", offset: end - 34, value: 3 };
    assert_eq!(parse(&with(GORTSPLIB, end - 34, 0x23)), Err(validity));
    let kind = MikeyError::Unsupported { field: "type of the payload", offset: 19, value: 3 };
    assert_eq!(parse(&with(GORTSPLIB, 2, 3)), Err(kind), "Diffie-Hellman");
    assert_eq!(
        parse(&[1, 6, payload::ERROR, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0]),
        Err(MikeyError::Failed { code: 5 })
    );
    assert_eq!(parse(&[1, 0, 0, 0, 0, 0, 0, 1, 0, 0]), Err(MikeyError::NoKey));
    assert_eq!(Message::from_base64("!", &mut Tolerances::default()), Err(MikeyError::NotBase64));
}

#[test]
fn policies_of_other_suites_are_refused_and_those_that_say_the_default_are_not() {
    let policy_at = 52;
    for (parameter, value, is_known) in [
        (0, 0, false),
        (0, 2, false),
        (1, 24, false),
        (2, 0, false),
        (3, 16, false),
        (7, 0, false),
        (8, 0, false),
    ]
    .into_iter()
    .chain([(10, 0, false), (11, 8, false), (11, 4, true), (0, 1, true), (3, 20, true)])
    {
        let mut bytes = read(GORTSPLIB).0.to_bytes();
        let at = (policy_at..policy_at + 24).step_by(3).find(|at| bytes[*at] == parameter).unwrap();
        bytes[at + 2] = value;
        let keys = parse(&bytes).unwrap().master_keys(None);
        let value = value.into();
        assert_eq!(keys.as_ref().err(), (!is_known).then_some(&MikeyError::Policy { parameter, value }));
    }
    // Parameters that gortsplib does not write.
    for (parameter, value, is_known) in [
        (4, 14, true),
        (4, 12, false),
        (5, 0, true),
        (5, 1, false),
        (6, 0, true),
        (6, 20, false),
        (12, 0, true),
        (12, 1, false),
    ]
    .into_iter()
    .chain([(9, 1, true), (99, 99, true)])
    {
        let mut bytes = read(GORTSPLIB).0.to_bytes();
        bytes[policy_at + 21] = parameter;
        bytes[policy_at + 23] = value;
        assert_eq!(parse(&bytes).unwrap().master_keys(None).is_ok(), is_known, "{parameter}: {value}");
    }
}

#[test]
fn a_message_that_is_cut_off_anywhere_is_refused_with_the_place() {
    for text in [GORTSPLIB, GSTREAMER, ONVIF] {
        let bytes = read(text).0.to_bytes();
        for end in 0..bytes.len() {
            let error = parse(&bytes[..end]);
            assert!(
                matches!(error, Err(MikeyError::Truncated { offset, .. }) if offset <= end),
                "{end}: {error:?}"
            );
        }
    }
}

#[test]
fn only_one_zero_may_follow() {
    let bytes = read(GORTSPLIB).0.to_bytes();
    let offset = bytes.len();
    for behind in [&[1][..], &[0, 0], &[0, 1]] {
        let error = Err(MikeyError::TrailingBytes { offset, count: behind.len() });
        assert_eq!(parse(&[&bytes[..], behind].concat()), error);
    }
    // Within the keys nothing may follow.
    let mut inside = bytes;
    inside[offset - 36] += 1;
    inside.insert(offset - 1, 0);
    assert_eq!(parse(&inside), Err(MikeyError::TrailingBytes { offset: offset - 1, count: 1 }));
}

#[test]
fn a_message_one_byte_too_long_is_refused() {
    let mut bytes = read(GORTSPLIB).0.to_bytes();
    bytes[2] = payload::ID;
    let len = MIKEY_BYTES_MAX - bytes.len() - 4;
    let id = |len: usize| [&[payload::TIME, 0, (len >> 8) as u8, len as u8][..], &vec![7; len]].concat();
    let with_id = |len| [&bytes[..19], &id(len), &bytes[19..]].concat();
    assert!(parse(&with_id(len)).is_ok());
    assert_eq!(parse(&with_id(len + 1)), Err(MikeyError::TooLong { length: MIKEY_BYTES_MAX + 1 }));
}

#[test]
fn nothing_shows_a_key() {
    let key = MasterKey::new(Suite::AeadAes128Gcm, &[0xab; 16], &[0xcd; 12]).unwrap();
    let shown =
        format!("{:?}", Message::new(1, [2; 16], NtpTime::from_bits(3), &key, [(4, 5)])).to_lowercase();
    for secret in ["171", "205", "abab", "cdcd"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
