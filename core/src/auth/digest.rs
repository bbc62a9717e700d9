use std::fmt;
use std::str::FromStr;

use md5::Md5;
use sha2::Sha256;

/// How a digest is computed (RFC 7616, section 3.2).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Algorithm {
    /// MD5, which every player and camera knows.
    Md5,
    /// MD5 with a key for each session of nonces.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// SHA-256 with a key for each session of nonces.
    Sha256Sess,
}

/// There is no algorithm of this name here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected MD5, MD5-sess, SHA-256 or SHA-256-sess")]
pub struct UnknownAlgorithm;

impl Algorithm {
    const ALL: [Self; 4] = [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess];

    /// The name in headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    pub(super) const fn hash(self) -> Hash {
        match self {
            Self::Md5 | Self::Md5Sess => Hash::Md5,
            Self::Sha256 | Self::Sha256Sess => Hash::Sha256,
        }
    }

    pub(crate) const fn is_sha256(self) -> bool {
        matches!(self.hash(), Hash::Sha256)
    }

    pub(super) const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
            .ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hash {
    Md5,
    Sha256,
}

/// A hash in lower-case hexadecimal digits.
#[derive(Clone, Copy)]
pub(super) struct HexHash {
    digits: [u8; 64],
    function: Hash,
}

impl HexHash {
    pub(super) fn new(function: Hash, bytes: &[u8]) -> Self {
        let mut digits = [b'0'; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            if let [high, low] = pair {
                (*high, *low) = (digit(byte >> 4), digit(byte & 0xf));
            }
        }
        Self { digits, function }
    }

    /// Digits of either case, as many as the hash function gives.
    pub(super) fn read(function: Hash, text: &str) -> Option<Self> {
        let is_hash = text.len() == function.digits() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut hash = Self { digits: [b'0'; 64], function };
        for (own, digit) in hash.digits.iter_mut().zip(text.bytes()) {
            *own = digit.to_ascii_lowercase();
        }
        is_hash.then_some(hash)
    }

    pub(super) fn as_str(&self) -> &str {
        self.digits
            .get(..self.function.digits())
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .unwrap_or("")
    }
}

impl Hash {
    const fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha256 => 64,
        }
    }
}

/// The hash of parts with colons between them.
pub(super) fn hash(function: Hash, parts: &[&str]) -> HexHash {
    match function {
        Hash::Md5 => HexHash::new(function, &digest::<Md5>(parts)),
        Hash::Sha256 => HexHash::new(function, &digest::<Sha256>(parts)),
    }
}

fn digest<D: md5::Digest>(parts: &[&str]) -> md5::digest::Output<D> {
    let mut digest = D::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            digest.update(b":");
        }
        digest.update(part.as_bytes());
    }
    digest.finalize()
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' | value } else { b'a'.wrapping_add(value).wrapping_sub(10) }
}

/// The inputs of a response to a Digest challenge, without the secret (RFC 7616, section 3.4.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) nonce: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    /// `nc` and `cnonce` of a response with `qop=auth`.
    pub(super) counted: Option<(&'a str, &'a str)>,
    /// `cnonce`, which the session algorithms need also without `qop`.
    pub(super) cnonce: &'a str,
}

impl Inputs<'_> {
    /// The response of a peer who knows the secret with the hash `ha1`.
    pub(super) fn response(&self, ha1: &HexHash) -> HexHash {
        let function = self.algorithm.hash();
        let session = hash(function, &[ha1.as_str(), self.nonce, self.cnonce]);
        let ha1 = if self.algorithm.is_session() { &session } else { ha1 };
        let ha2 = hash(function, &[self.method, self.uri]);
        match self.counted {
            None => hash(function, &[ha1.as_str(), self.nonce, ha2.as_str()]),
            Some((nc, cnonce)) => {
                hash(function, &[ha1.as_str(), self.nonce, nc, cnonce, "auth", ha2.as_str()])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUFASA: Inputs<'_> = Inputs {
        algorithm: Algorithm::Md5,
        nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        method: "GET",
        uri: "/dir/index.html",
        counted: Some(("00000001", "0a4f113b")),
        cnonce: "0a4f113b",
    };

    /// RFC 2617, section 3.5.
    #[test]
    fn the_example_of_rfc_2617() {
        let ha1 = hash(Hash::Md5, &["Mufasa", "testrealm@host.com", "Circle Of Life"]);
        assert_eq!(ha1.as_str(), "939e7578ed9e3c518a452acee763bce9");
        assert_eq!(MUFASA.response(&ha1).as_str(), "6629fae49393a05397450978507c4ef1");
    }

    /// RFC 2069, section 2.4, with the response that its errata (749) give: the one in the text is wrong.
    #[test]
    fn the_example_of_rfc_2069() {
        let ha1 = hash(Hash::Md5, &["Mufasa", "testrealm@host.com", "CircleOfLife"]);
        let inputs = Inputs { counted: None, cnonce: "", ..MUFASA };
        assert_eq!(inputs.response(&ha1).as_str(), "1949323746fe6a43ef61f9606e7febea");
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_examples_of_rfc_7616() {
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, response) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let ha1 = hash(algorithm.hash(), &["Mufasa", "http-auth@example.org", "Circle of Life"]);
            let inputs = Inputs {
                algorithm,
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                counted: Some(("00000001", cnonce)),
                cnonce,
                ..MUFASA
            };
            assert_eq!(inputs.response(&ha1).as_str(), response, "{algorithm}");
        }
    }

    /// RFC 2617, section 3.2.2.2: the key is `H(H(user:realm:password):nonce:cnonce)`. Computed with Python's hashlib.
    #[test]
    fn session_algorithms_mix_the_nonces_into_the_key() {
        for (algorithm, response) in [
            (Algorithm::Md5Sess, "8e3825c57e897f5a0dec6c2d4e5059d0"),
            (Algorithm::Sha256Sess, "b8822e12417cb7750f4e2b8515f0dcf25b7dd26993e80bee1426201446a7f59b"),
        ] {
            let ha1 = hash(algorithm.hash(), &["Mufasa", "testrealm@host.com", "Circle Of Life"]);
            let inputs = Inputs { algorithm, ..MUFASA };
            assert_eq!(inputs.response(&ha1).as_str(), response, "{algorithm}");
        }
    }

    #[test]
    fn names_are_read_in_any_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().to_lowercase().parse(), Ok(algorithm));
        }
        for text in ["", "SHA256", "MD-5", "SHA-512-256"] {
            assert_eq!(text.parse::<Algorithm>(), Err(UnknownAlgorithm), "{text}");
        }
    }
}
