//! The ciphers of SRTP: the AES-GCM of ring, where TLS has brought it along. It takes half the time of the one that is built in.

use rtspan_core::srtp::Ciphers;

/// The fastest ciphers that there are.
pub(crate) fn ciphers() -> &'static dyn Ciphers {
    #[cfg(feature = "tls")]
    return &of_ring::Ring;
    #[cfg(not(feature = "tls"))]
    &rtspan_core::srtp::BuiltIn
}

#[cfg(feature = "tls")]
mod of_ring {
    use std::fmt;

    use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
    use rtspan_core::srtp::{AEAD_TAG_BYTES, Aead, Ciphers};

    #[derive(Debug)]
    pub(super) struct Ring;

    impl Ciphers for Ring {
        fn aes_gcm(&self, key: &[u8]) -> Option<Box<dyn Aead>> {
            let algorithm =
                [&AES_128_GCM, &AES_256_GCM].into_iter().find(|known| known.key_len() == key.len())?;
            Some(Box::new(Gcm(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))))
        }
    }

    struct Gcm(LessSafeKey);

    impl fmt::Debug for Gcm {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Gcm").finish_non_exhaustive()
        }
    }

    impl Aead for Gcm {
        fn seal(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8]) -> Option<[u8; AEAD_TAG_BYTES]> {
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated), text).ok()?;
            tag.as_ref().try_into().ok()
        }

        fn open(
            &self,
            nonce: &[u8; 12],
            associated: &[u8],
            text: &mut [u8],
            tag: &[u8; AEAD_TAG_BYTES],
        ) -> bool {
            let (nonce, tag) = (Nonce::assume_unique_for_key(*nonce), Tag::from(*tag));
            self.0.open_in_place_separate_tag(nonce, Aad::from(associated), tag, text, 0..).is_ok()
        }
    }

    #[cfg(test)]
    mod tests {
        use bytes::BytesMut;
        use rtspan_core::rtp::{RtpHeader, RtpPacket};
        use rtspan_core::srtp::{BuiltIn, MasterKey, ReceiveContext, SendContext, Suite};

        use super::*;

        #[test]
        fn packets_are_the_same_as_with_what_is_built_in() {
            for suite in [Suite::AeadAes128Gcm, Suite::AeadAes256Gcm] {
                let key = MasterKey::from_seed(suite, [7; 32]);
                let mut senders =
                    [SendContext::with_ciphers(&key, &Ring), SendContext::with_ciphers(&key, &BuiltIn)];
                let mut receiver = ReceiveContext::with_ciphers(&key, &Ring);
                for (sequence, bytes) in [(1, 0), (2, 1), (3, 1400)] {
                    let header = RtpHeader { sequence, ..RtpHeader::default() };
                    let packet = RtpPacket::build(header, &vec![9; bytes]);
                    let [ours, built_in] = senders.each_mut().map(|sender| sender.protect(&packet).unwrap());
                    assert_eq!(ours, built_in);
                    let mut sent = BytesMut::from(&ours.as_bytes()[..]);
                    *sent.last_mut().unwrap() ^= 1;
                    assert!(receiver.unprotect(&mut sent.clone()).is_err());
                    *sent.last_mut().unwrap() ^= 1;
                    let len = receiver.unprotect(&mut sent).unwrap();
                    assert_eq!(&sent[..len], packet.as_bytes());
                    let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
                    let mut sealed = senders.each_mut().map(|sender| {
                        let mut sealed = BytesMut::new();
                        sender.protect_rtcp_into(&report, &mut sealed).unwrap();
                        sealed
                    });
                    assert_eq!(sealed[0], sealed[1]);
                    let len = receiver.unprotect_rtcp(&mut sealed[0]).unwrap();
                    assert_eq!(sealed[0][..len], report);
                }
            }
        }
    }
}
