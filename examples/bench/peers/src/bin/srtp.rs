//! The cost of protecting and taking a packet of 1,400 bytes: rtspan, with its own ciphers and with those of ring, and the
//! crates webrtc-srtp and rtc-srtp, in turns, so that all have the same machine. The best of many rounds counts.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use rtspan_core::srtp::{
    AEAD_TAG_BYTES, Aead, BuiltIn, Ciphers, MasterKey, ReceiveContext, SendContext, Suite,
};

const ROUNDS: usize = 60;
/// No more than a sequence has, so that rollovers need not be found.
const PACKETS: u16 = 2000;
const PACKET_BYTES: usize = 1400;

#[derive(Debug)]
struct Ring;

struct RingGcm(LessSafeKey);

impl fmt::Debug for RingGcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingGcm").finish_non_exhaustive()
    }
}

impl Ciphers for Ring {
    fn aes_gcm(&self, key: &[u8]) -> Option<Box<dyn Aead>> {
        let algorithm = if key.len() == 32 { &aead::AES_256_GCM } else { &aead::AES_128_GCM };
        Some(Box::new(RingGcm(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))))
    }
}

impl Aead for RingGcm {
    fn seal(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8]) -> Option<[u8; AEAD_TAG_BYTES]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), text).ok()?;
        tag.as_ref().try_into().ok()
    }

    fn open(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8], tag: &[u8; AEAD_TAG_BYTES]) -> bool {
        let (nonce, tag) = (Nonce::assume_unique_for_key(*nonce), aead::Tag::from(*tag));
        self.0.open_in_place_separate_tag(nonce, Aad::from(associated), tag, text, 0..).is_ok()
    }
}

fn packets() -> Vec<Vec<u8>> {
    let packet = |sequence: u16| {
        let mut packet = vec![0x41; PACKET_BYTES];
        packet[..12].copy_from_slice(&[0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet
    };
    (0..PACKETS).map(packet).collect()
}

/// Nanoseconds of each packet.
fn time(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_nanos() as f64 / f64::from(PACKETS)
}

fn rtspan_protect(key: &MasterKey, ciphers: &'static dyn Ciphers, packets: &[Vec<u8>]) -> f64 {
    let mut sender = SendContext::with_ciphers(key, ciphers);
    let mut out = BytesMut::with_capacity(2 * PACKET_BYTES);
    time(|| {
        for packet in packets {
            out.clear();
            sender.protect_into(black_box(packet), &mut out).expect("it may be sent");
            black_box(&out);
        }
    })
}

fn rtspan_unprotect(key: &MasterKey, ciphers: &'static dyn Ciphers, protected: &[Vec<u8>]) -> f64 {
    let mut receiver = ReceiveContext::with_ciphers(key, ciphers);
    let mut came = protected.to_vec();
    time(|| {
        for packet in &mut came {
            black_box(receiver.unprotect(packet)).expect("an authentic packet");
        }
    })
}

/// The two other crates have the same interface, but that one of them is given its ciphers.
macro_rules! peer {
    ($protect:ident, $unprotect:ident, $crate_name:ident $(, $crypto:expr)?) => {
        fn $protect(key: &MasterKey, packets: &[Vec<u8>]) -> f64 {
            let mut context = context!($crate_name, key $(, $crypto)?);
            time(|| {
                for packet in packets {
                    black_box(context.encrypt_rtp(black_box(packet)).expect("it may be sent"));
                }
            })
        }

        fn $unprotect(key: &MasterKey, protected: &[Vec<u8>]) -> f64 {
            let mut context = context!($crate_name, key $(, $crypto)?);
            time(|| {
                for packet in protected {
                    black_box(context.decrypt_rtp(black_box(packet)).expect("an authentic packet"));
                }
            })
        }
    };
}

macro_rules! context {
    ($crate_name:ident, $key:ident $(, $crypto:expr)?) => {{
        use $crate_name::protection_profile::ProtectionProfile;
        let profile = match $key.suite() {
            Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            _ => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        $crate_name::context::Context::new($key.key(), $key.salt(), profile, None, None $(, $crypto)?)
            .expect("a key")
    }};
}

peer!(webrtc_protect, webrtc_unprotect, webrtc_srtp);
peer!(rtc_protect, rtc_unprotect, rtc_srtp, rtc_crypto::default_provider().expect("ring").crypto());

fn main() {
    let packets = packets();
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm] {
        let key = &MasterKey::from_seed(suite, [7; 32]);
        let mut sender = SendContext::new(key);
        let protect = |packet: &Vec<u8>| {
            let mut out = BytesMut::new();
            sender.protect_into(packet, &mut out).expect("it may be sent");
            out.to_vec()
        };
        let protected: Vec<_> = packets.iter().map(protect).collect();
        let measures: [(&str, &dyn Fn() -> f64); 8] = [
            ("protect rtspan", &|| rtspan_protect(key, &BuiltIn, &packets)),
            ("protect rtspan with ring", &|| rtspan_protect(key, &Ring, &packets)),
            ("protect webrtc-srtp", &|| webrtc_protect(key, &packets)),
            ("protect rtc-srtp", &|| rtc_protect(key, &packets)),
            ("unprotect rtspan", &|| rtspan_unprotect(key, &BuiltIn, &protected)),
            ("unprotect rtspan with ring", &|| rtspan_unprotect(key, &Ring, &protected)),
            ("unprotect webrtc-srtp", &|| webrtc_unprotect(key, &protected)),
            ("unprotect rtc-srtp", &|| rtc_unprotect(key, &protected)),
        ];
        let mut best = [f64::INFINITY; 8];
        for _ in 0..ROUNDS {
            for (best, (_, measure)) in best.iter_mut().zip(&measures) {
                *best = best.min(measure());
            }
        }
        for (best, (name, _)) in best.iter().zip(&measures) {
            println!("{suite} {name}: {best:.0} ns");
        }
    }
}
