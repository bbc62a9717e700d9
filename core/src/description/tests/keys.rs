//! Keys in descriptions.

use crate::header::KeyMgmt;
use crate::limits::{SOURCES_MAX, SRTP_CRYPTO_MAX};
use crate::{Description, Tolerances};

fn read(attributes: &str) -> Description {
    let sdp = format!("v=0\r\na=key-mgmt:mikey AAAA\r\nm=video 0 RTP/SAVP 96\r\n{attributes}");
    Description::parse(sdp.as_bytes(), &mut Tolerances::default()).unwrap()
}

#[test]
fn messages_of_key_management_are_read_in_front_of_medias_and_within() {
    let description =
        read("a=key-mgmt:other AQAF\r\na=Key-Mgmt: mikey AQAF\r\na=key-mgmt:mikey !\r\na=key-mgmt\r\n");
    assert_eq!(description.key_mgmt().collect::<Vec<_>>(), [KeyMgmt::mikey([0; 3])]);
    let messages: Vec<_> = description.medias[0].key_mgmt().collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages.into_iter().find(KeyMgmt::is_mikey), Some(KeyMgmt::mikey([1, 0, 5])));
}

#[test]
fn keys_in_the_clear_are_read_and_not_shown() {
    let description = read(
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv\r\n\
         a=crypto:2 F8_128_HMAC_SHA1_80 inline:AAAA|2^20|1:4;inline:BBBB KDR=3 UNENCRYPTED_SRTP\r\n\
         a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80\r\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 other:AAAA\r\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:\r\n",
    );
    let keys: Vec<_> = description.medias[0].crypto().collect();
    let [first, second] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!((first.tag, &*first.suite, &*first.session), (1, "AES_CM_128_HMAC_SHA1_80", ""));
    assert_eq!(
        (second.tag, &*second.inline, &*second.session),
        (2, "AAAA|2^20|1:4", "KDR=3 UNENCRYPTED_SRTP")
    );
    let shown = format!("{keys:?} {description:?}");
    assert!(!shown.contains("cJOJ") && !shown.contains("AAAA"), "{shown}");
}

#[test]
fn one_key_more_than_there_is_room_for_is_left_out() {
    let line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n";
    assert_eq!(read(&line.repeat(SRTP_CRYPTO_MAX + 1)).medias[0].crypto().count(), SRTP_CRYPTO_MAX);
}

#[cfg(feature = "srtp")]
#[test]
fn keys_in_the_clear_become_master_keys() {
    use crate::srtp::Suite;

    let inline = "cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv";
    let read = |value: String| read(&format!("a=crypto:{value}\r\n")).medias[0].crypto().next()?.master_key();
    let key = read(format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline}|2^20|258:4")).unwrap();
    assert_eq!(
        (key.suite(), key.lifetime(), key.mki()),
        (Suite::AesCm128HmacSha1_80, 1 << 20, &[0, 0, 1, 2][..])
    );
    assert_eq!((key.key()[0], key.salt()[13]), (0x70, 0x6f));
    assert!(read(format!("1 AES_CM_128_HMAC_SHA1_32 inline:{inline}|1000")).is_some());
    for unusable in [
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline}AAAA"),
        format!("1 AEAD_AES_128_GCM inline:{inline}"),
        format!("1 F8_128_HMAC_SHA1_80 inline:{inline}"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline}|2^64"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline}|256:1"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline}|1:17"),
        format!("1 AES_CM_128_HMAC_SHA1_80 inline:{inline} UNENCRYPTED_SRTCP"),
    ] {
        assert!(read(unusable.clone()).is_none(), "{unusable}");
    }
}

#[test]
fn a_description_without_keys_is_the_same_otherwise() {
    let crypto = "a=Crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\na=key-mgmt:mikey AQAF\r\n";
    let plain = read("a=tool:x\r\n");
    let mut without = read(&format!("{crypto}a=tool:x\r\n")).without_keys();
    assert_eq!(without.medias, plain.medias);
    assert_eq!(without.key_mgmt().count(), 0);
    without.attributes.clone_from(&plain.attributes);
    assert_eq!(without, plain);
}

#[test]
fn sources_are_named_once_and_no_more_of_them_than_are_told_apart() {
    let mut media =
        read("a=ssrc:7 cname:x\r\na=ssrc:7 msid:y\r\na=ssrc:x\r\na=ssrc\r\na=ssrc:8\r\n").medias.remove(0);
    assert_eq!(media.ssrcs().collect::<Vec<_>>(), [7, 8]);
    media.set_ssrcs(1..=SOURCES_MAX as u32 + 1);
    assert_eq!(media.ssrcs().count(), SOURCES_MAX);
    media.set_ssrcs([9]);
    assert_eq!(media.attributes.iter().filter(|attribute| attribute.name == "ssrc").count(), 1);
    assert!(Description::new(vec![media]).to_sdp().contains("a=ssrc:9 msid:-\r\n"));
}
