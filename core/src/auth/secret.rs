use std::fmt;

use subtle::ConstantTimeEq;

use super::digest::{Algorithm, Hash, HexHash, hash};

/// A password, a hash that stands for one, or a token. It is never shown.
///
/// ```
/// use rtspan_core::auth::Secret;
///
/// assert_eq!(format!("{:?}", Secret::password("correct horse")), "Secret(..)");
/// ```
#[derive(Clone)]
pub struct Secret(Kind);

#[derive(Clone)]
enum Kind {
    Password(Box<str>),
    /// The hash of `user:realm:password`.
    Ha1(Hash, HexHash),
    Token(Box<str>),
}

impl Secret {
    /// A password as a person types it.
    pub fn password(password: impl Into<Box<str>>) -> Self {
        Self(Kind::Password(password.into()))
    }

    /// The hash of `user:realm:password` in hexadecimal digits, as password files keep it ("HA1", RFC 7616, section 3.4.2).
    ///
    /// It proves a password for this user, this realm and the hash function of this algorithm only. `None` if it does not
    /// have the digits that the hash function gives.
    pub fn ha1(algorithm: Algorithm, digits: &str) -> Option<Self> {
        let hash = algorithm.hash();
        HexHash::read(hash, digits).map(|digits| Self(Kind::Ha1(hash, digits)))
    }

    /// A token (RFC 6750): whoever has it has the rights of its user. It proves nothing as a password, and no password proves it.
    ///
    /// ```
    /// use rtspan_core::auth::{Action, Secret, User};
    ///
    /// let wall = User::new("wall", Secret::token("bVQxNzR3ZjZr")).may(Action::Read, "*");
    /// ```
    pub fn token(token: impl Into<Box<str>>) -> Self {
        Self(Kind::Token(token.into()))
    }

    /// The hash of `user:realm:password`; `None` if another hash function's is all that is known, or a token.
    pub(super) fn ha1_of(&self, function: Hash, user: &str, realm: &str) -> Option<HexHash> {
        match &self.0 {
            Kind::Password(password) => Some(hash(function, &[user, realm, password])),
            Kind::Ha1(known, digits) => (*known == function).then_some(*digits),
            Kind::Token(_) => None,
        }
    }

    /// Returns true for the same secret, kept in the same form.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Password(own), Kind::Password(other)) => own.as_bytes().ct_eq(other.as_bytes()).into(),
            (Kind::Ha1(own, digits), Kind::Ha1(other, others)) => own == other && digits.is(others.as_str()),
            (_, Kind::Token(other)) => self.is_token(other),
            _ => false,
        }
    }

    pub(super) fn as_password(&self) -> Option<&str> {
        match &self.0 {
            Kind::Password(password) => Some(password),
            Kind::Ha1(..) | Kind::Token(_) => None,
        }
    }

    pub(crate) fn as_token(&self) -> Option<&str> {
        match &self.0 {
            Kind::Token(token) => Some(token),
            Kind::Password(_) | Kind::Ha1(..) => None,
        }
    }

    /// Returns true for a token that is this one.
    pub(super) fn is_token(&self, token: &str) -> bool {
        let of = |token| hash(Hash::Sha256, &[token]);
        self.as_token().is_some_and(|own| of(own).is(of(token).as_str()))
    }

    /// Returns true for the password of this secret.
    pub(super) fn is_of(&self, user: &str, realm: &str, password: &str) -> bool {
        // Hashes are of one length, so that the time that this takes tells nothing of the length of a password.
        let function = match &self.0 {
            Kind::Password(_) | Kind::Token(_) => Hash::Sha256,
            Kind::Ha1(function, _) => *function,
        };
        let given = hash(function, &[user, realm, password]);
        self.ha1_of(function, user, realm).is_some_and(|known| known.is(given.as_str()))
    }
}

impl HexHash {
    /// Compares in a time that does not depend on where they differ.
    pub(super) fn is(&self, digits: &str) -> bool {
        self.as_str().as_bytes().ct_eq(digits.to_ascii_lowercase().as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_or_its_hash_is_known_again_and_nothing_else() {
        let md5 = Secret::ha1(Algorithm::Md5, "939E7578ED9E3C518A452ACEE763BCE9").unwrap();
        for secret in [Secret::password("Circle Of Life"), md5] {
            assert!(secret.is_of("Mufasa", "testrealm@host.com", "Circle Of Life"), "{secret:?}");
            assert!(!secret.is_of("Mufasa", "testrealm@host.com", "circle of life"));
            assert!(!secret.is_of("Mufasa", "testrealm@host.com", ""));
        }
        let md5 = Secret::ha1(Algorithm::Md5Sess, "939e7578ed9e3c518a452acee763bce9").unwrap();
        assert!(!md5.is_of("Scar", "testrealm@host.com", "Circle Of Life"), "the hash has the user in it");
        assert!(md5.ha1_of(Hash::Sha256, "Mufasa", "testrealm@host.com").is_none());
    }

    #[test]
    fn a_token_is_known_again_and_is_no_password() {
        let token = Secret::token("abc.def");
        assert!(token.is_token("abc.def") && token.is_same(&Secret::token("abc.def")));
        for other in ["", "abc.de", "ABC.DEF"] {
            assert!(!token.is_token(other) && !token.is_same(&Secret::token(other)), "{other}");
        }
        let password = Secret::password("abc.def");
        assert!(!password.is_token("abc.def") && !password.is_same(&token) && !token.is_same(&password));
        assert!(!token.is_of("", "r", "abc.def") && token.ha1_of(Hash::Md5, "", "r").is_none());
        assert_eq!(format!("{token:?}"), "Secret(..)");
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for digits in
            ["", "939e7578ed9e3c518a452acee763bce", "939e7578ed9e3c518a452acee763bce90", &"g".repeat(32)]
        {
            assert!(Secret::ha1(Algorithm::Md5, digits).is_none(), "{digits}");
        }
        assert!(Secret::ha1(Algorithm::Sha256, &"a".repeat(64)).is_some());
        assert!(Secret::ha1(Algorithm::Sha256, &"a".repeat(32)).is_none());
    }
}
