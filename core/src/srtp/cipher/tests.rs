//! The vectors of RFC 3711, appendix B.2, RFC 6188, section 7.1, and RFC 7714, sections 16 and 17.

use aes::Aes256Enc;

use super::*;
use crate::srtp::tests::{hex, unhex};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SALT: u128 = 0x5175_6964_2070_726f_2071_756f;

/// The ciphers of RFC 7714 with the session key of its examples.
fn gcm(suite: Suite) -> Transform {
    let aead = built_in(suite, unhex(KEY).as_slice().try_into().unwrap());
    Transform::Gcm { aead, salt: SALT }
}

fn goes_both_ways(transform: &Transform, unit: Unit, packet: &str, encrypted: &str, tag: &str) {
    let mut bytes = unhex(packet);
    let sealed = transform.seal(&mut bytes, unit).unwrap();
    assert_eq!((hex(&bytes), hex(sealed.as_bytes())), (encrypted.to_owned(), tag.to_owned()));
    assert!(transform.open(&mut bytes, unit, sealed.as_bytes()));
    assert_eq!(hex(&bytes), packet);
}

#[test]
fn rtp_is_protected_as_in_rfc_7714_section_16() {
    const PACKET: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361\
                          20696e207061727465732074726573";
    let unit = Unit::rtp(0x5501_a0b2, 0xf17b, 12);
    assert_eq!(hex(&nonce(unit, SALT)), "51753c6580c2726f20718414");
    goes_both_ways(
        &gcm(Suite::AeadAes128Gcm),
        unit,
        PACKET,
        "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833",
        "899d7f27beb16a9152cf765ee4390cce",
    );
    goes_both_ways(
        &gcm(Suite::AeadAes256Gcm),
        unit,
        PACKET,
        "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b",
        "7aa3db36dfffd6b0f9bb7878d7a76c13",
    );
}

#[test]
fn rtcp_is_protected_as_in_rfc_7714_section_17() {
    const PACKET: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeef\
                          deadbeefdeadbeef";
    let unit = Unit::rtcp(0x4d61_7273, 0x5d4);
    assert_eq!(hex(unit.rtcp_index()), "800005d4");
    goes_both_ways(
        &gcm(Suite::AeadAes128Gcm),
        unit,
        PACKET,
        "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b",
        "c84aa45896cf4d2fc5abf87245d9eade",
    );
    goes_both_ways(
        &gcm(Suite::AeadAes256Gcm),
        unit,
        PACKET,
        "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad",
        "1d1eb30c4446839f57ff6f6cb26ac3be",
    );
}

#[test]
fn the_key_stream_is_that_of_rfc_3711_appendix_b_2() {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&unhex("2b7e151628aed2a6abf7158809cf4f3c"));
    let mode = CounterMode::new(&key, 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd, &[0; 20], 10);
    let mut stream = vec![0; 0xff02 * 16];
    mode.key_stream(Unit::rtp(0, 0, 0)).apply_keystream(&mut stream);
    for (block, expected) in [
        (0, "e03ead0935c95e80e166b16dd92b4eb4"),
        (1, "d23513162b02d0f72a43a2fe4a5f97ab"),
        (2, "41e95b3bb0a2e8dd477901e4fca894c0"),
        (0xfeff, "ec8cdf7398607cb0f2d21675ea9ea1e4"),
        (0xff00, "362b7c3c6773516318a077d7fc5073ae"),
        (0xff01, "6a2cc3787889374fbeb4c81b17ba6c44"),
    ] {
        assert_eq!(hex(&stream[block * 16..][..16]), expected, "block {block:x}");
    }
}

#[test]
fn the_key_stream_of_256_bits_is_that_of_rfc_6188_section_7_1() {
    let key: [u8; 32] =
        unhex("57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98").try_into().unwrap();
    let iv: [u8; 16] = unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000").try_into().unwrap();
    let aes = Aes256Enc::new((&key).into());
    let mut stream = vec![0; 0xff02 * 16];
    let core = CtrCore::<_, Ctr32BE>::inner_iv_init(&aes, (&iv).into());
    StreamCipherCoreWrapper::from_core(core).apply_keystream(&mut stream);
    for (block, expected) in [
        (0, "92bdd28a93c3f52511c677d08b5515a4"),
        (1, "9da71b2378a854f67050756ded165bac"),
        (2, "63c4868b7096d88421b563b8c94c9a31"),
        (0xfeff, "cea518c90fd91ced9cbb18c078a54711"),
        (0xff00, "3dbc4814f4da5f00a08772b63c6a046d"),
        (0xff01, "6eb246913062a16891433e97dd01a57f"),
    ] {
        assert_eq!(hex(&stream[block * 16..][..16]), expected, "block {block:x}");
    }
}

#[test]
fn a_bit_that_is_changed_anywhere_is_noticed() {
    for transform in [
        gcm(Suite::AeadAes128Gcm),
        Transform::CounterMode(Box::new(CounterMode::new(&[3; 32], 5, &[7; 20], 10))),
    ] {
        for unit in [Unit::rtp(1, 2, 12), Unit::rtcp(1, 2)] {
            let mut packet = [0x80; 40];
            let tag = transform.seal(&mut packet, unit).unwrap();
            for bit in 0..8 * (packet.len() + tag.as_bytes().len()) {
                let mut changed = packet;
                let mut changed_tag = tag.as_bytes().to_vec();
                match changed.get_mut(bit / 8) {
                    Some(byte) => *byte ^= 1 << (bit % 8),
                    None => changed_tag[bit / 8 - packet.len()] ^= 1 << (bit % 8),
                }
                assert!(!transform.open(&mut changed, unit, &changed_tag), "bit {bit}");
            }
            let other = if unit.is_rtcp { Unit::rtcp(1, 3) } else { Unit::rtp(1, 0x1_0002, 12) };
            assert!(!transform.open(&mut packet.clone(), other, tag.as_bytes()), "another index");
            assert!(
                !transform.open(&mut packet.clone(), unit, &tag.as_bytes()[1..]),
                "a tag that is too short"
            );
            assert!(transform.open(&mut packet.clone(), unit, tag.as_bytes()));
        }
    }
}
