use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The SHA-256 of a certificate, by which it is pinned.
///
/// It is written in hexadecimal, and read with or without colons, as `openssl x509 -fingerprint -sha256` prints it.
///
/// ```
/// use rtspan_core::tls::Fingerprint;
///
/// let pin: Fingerprint = "2C:F2:4D:BA:5F:B0:A3:0E:26:E8:3B:2A:C5:B9:E2:9E:1B:16:1E:5C:1F:A7:42:5E:73:04:33:62:93:8B:98:24".parse()?;
/// assert_eq!(pin, Fingerprint::of(b"hello"));
/// assert_eq!(pin.to_string(), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
/// # Ok::<(), rtspan_core::tls::FingerprintError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 32]);

/// A text that is no SHA-256 in hexadecimal.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits, with colons between pairs of them or none")]
pub struct FingerprintError;

impl Fingerprint {
    /// That of a certificate, which is DER-encoded.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Fingerprint {}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(FingerprintError);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            let [high, low] = *pair else { return Err(FingerprintError) };
            let value = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
            *byte = value.and_then(|value| u8::try_from(value).ok()).ok_or(FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_another_length_or_with_other_digits_is_refused() {
        let whole = Fingerprint::of(b"hello").to_string();
        assert_eq!(whole.parse(), Ok(Fingerprint::of(b"hello")));
        assert_eq!(format!(" {}\n", whole.to_uppercase()).parse(), Ok(Fingerprint::of(b"hello")));
        for text in
            ["", &whole[1..], &format!("{whole}0"), &whole.replace('2', "g"), &whole.replace("2c", "+2")]
        {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
        assert_eq!("é".repeat(32).parse::<Fingerprint>(), Err(FingerprintError));
    }
}
