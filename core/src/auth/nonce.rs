use std::net::IpAddr;

use md5::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::Secret;
use crate::Instant;
use crate::url::hex_pair;

/// The key of a server's nonces.
///
/// A nonce says when and to which address it was given, and carries a mark that only the key can make. So none has to be
/// kept, however many are given.
#[derive(Clone)]
pub(crate) struct NonceKey([u8; 32]);

/// The identity of a nonce among those that one key has made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct NonceId {
    pub(crate) given: Instant,
    serial: u32,
}

const ID_BYTES: usize = 12;
const MARK_BYTES: usize = 12;

impl NonceKey {
    /// The key of a server whose other chance comes from the same seed.
    pub(crate) fn of(seed: [u8; 32]) -> Self {
        Self(Sha256::new().chain_update(b"nonces").chain_update(seed).finalize().into())
    }

    /// A secret that nobody knows, to be looked at for users that do not exist.
    pub(crate) fn nobodys_secret(&self) -> Secret {
        let hash = Sha256::new().chain_update(b"nobody").chain_update(self.0).finalize();
        Secret::password(hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// A nonce for the peers at an address. The serial number tells apart those that are given at the same time.
    pub(crate) fn give(&self, now: Instant, serial: u32, ip: IpAddr) -> String {
        let id = NonceId { given: now, serial }.to_bytes();
        let mark = self.mark(&id, ip);
        id.iter().chain(&mark).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Identifies a nonce; `None` if it was given to another address, by another key, or by nobody.
    pub(crate) fn read(&self, nonce: &str, ip: IpAddr) -> Option<NonceId> {
        let mut bytes = [0; ID_BYTES + MARK_BYTES];
        let digits = Some(nonce.as_bytes()).filter(|digits| digits.len() == bytes.len().saturating_mul(2))?;
        for (byte, digits) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = match digits {
                [high, low] => hex_pair(*high, *low)?,
                _ => return None,
            };
        }
        let (id, mark) = bytes.split_at_checked(ID_BYTES)?;
        let id: [u8; ID_BYTES] = id.try_into().ok()?;
        let is_own: bool = self.mark(&id, ip).ct_eq(mark).into();
        is_own.then(|| NonceId::from_bytes(id))
    }

    /// All that goes in has one length and what comes out is cut, so that hashing the key in front is safe.
    fn mark(&self, id: &[u8; ID_BYTES], ip: IpAddr) -> [u8; MARK_BYTES] {
        let ip = match ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let hash = Sha256::new().chain_update(self.0).chain_update(id).chain_update(ip.octets()).finalize();
        hash.first_chunk().copied().unwrap_or_default()
    }
}

impl NonceId {
    fn to_bytes(self) -> [u8; ID_BYTES] {
        let mut bytes = [0; ID_BYTES];
        let parts = self.given.as_nanos().to_be_bytes().into_iter().chain(self.serial.to_be_bytes());
        bytes.iter_mut().zip(parts).for_each(|(own, part)| *own = part);
        bytes
    }

    fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        let [given @ .., a, b, c, d] = bytes;
        Self {
            given: Instant::from_nanos(u64::from_be_bytes(given)),
            serial: u32::from_be_bytes([a, b, c, d]),
        }
    }
}

impl std::fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NonceKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_nonce_is_known_again_at_its_address_and_with_its_key_only() {
        let (key, other) = (NonceKey::of([1; 32]), NonceKey::of([2; 32]));
        let now = Instant::ZERO + Duration::from_secs(5);
        let [here, there, mapped]: [IpAddr; 3] =
            ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1"].map(|ip| ip.parse().unwrap());
        let nonce = key.give(now, 7, here);
        assert_eq!(key.read(&nonce, here), Some(NonceId { given: now, serial: 7 }));
        assert_eq!(key.read(&nonce, mapped), key.read(&nonce, here));
        assert_eq!(key.read(&nonce.to_uppercase(), here), key.read(&nonce, here));
        assert_eq!(key.read(&nonce, there), None);
        assert_eq!(other.read(&nonce, here), None);
        assert_ne!(key.give(now, 8, here), nonce);
    }

    #[test]
    fn a_nonce_with_any_digit_changed_is_nobodys() {
        let key = NonceKey::of([1; 32]);
        let ip = "2001:db8::1".parse().unwrap();
        let nonce = key.give(Instant::ZERO, 0, ip);
        for at in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(key.read(std::str::from_utf8(&forged).unwrap(), ip), None, "{at}");
        }
        for text in ["", &nonce[1..], &format!("{nonce}0"), "é"] {
            assert_eq!(key.read(text, ip), None, "{text}");
        }
    }
}
