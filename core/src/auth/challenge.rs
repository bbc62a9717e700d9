use std::fmt;

use super::authorization::Authorization;
use super::digest::Algorithm;
use super::params::{Item, items, quote};
use crate::Tolerances;

/// One challenge of a WWW-Authenticate header: a server asks for credentials (RFC 7616, section 3.3; RFC 7617, section 2).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Challenge {
    /// The name of the area that the credentials are for, as a person is told it.
    pub realm: Box<str>,
    /// How they are to be proved.
    pub kind: ChallengeKind,
}

/// A way of proving who one is that a server may offer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum AuthScheme {
    /// The password as it is, which everybody on the way can read without TLS.
    Basic,
    /// A hash of it.
    Digest(Algorithm),
    /// A token (RFC 6750): that of a user ([`Secret::token`](super::Secret::token)), or one that the application judges
    /// ([`Authority::User`](crate::server::Authority::User)). It is offered and taken over TLS only.
    Bearer,
}

impl AuthScheme {
    /// Returns true for credentials of this scheme; those of Digest that name no algorithm use MD5.
    pub(crate) fn is_of(self, authorization: &Authorization) -> bool {
        match (self, authorization) {
            (Self::Basic, Authorization::Basic { .. }) | (Self::Bearer, Authorization::Bearer(_)) => true,
            (Self::Digest(own), Authorization::Digest(digest)) => {
                digest.algorithm.unwrap_or(Algorithm::Md5) == own
            }
            _ => false,
        }
    }
}

/// How credentials are to be proved.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChallengeKind {
    /// By the password as it is.
    Basic,
    /// By a hash of it.
    #[non_exhaustive]
    Digest {
        /// The text that the hash is mixed with.
        nonce: Box<str>,
        /// A text that the answer repeats.
        opaque: Option<Box<str>>,
        /// How the hash is computed; `None` if the challenge does not say, which means MD5.
        ///
        /// TP-Link cameras refuse an answer that names an algorithm where the challenge did not.
        algorithm: Option<Algorithm>,
        /// The nonce of the last answer was too old, and nothing else was wrong with it.
        stale: bool,
        /// The server knows `qop=auth`.
        qop: bool,
    },
    /// By a token (RFC 6750).
    Bearer,
}

impl Challenge {
    /// A challenge of a server's. Answers with and without `qop` are taken.
    pub(crate) fn new(realm: &str, scheme: AuthScheme, nonce: &str, stale: bool) -> Self {
        let kind = match scheme {
            AuthScheme::Basic => ChallengeKind::Basic,
            AuthScheme::Bearer => ChallengeKind::Bearer,
            AuthScheme::Digest(algorithm) => ChallengeKind::Digest {
                nonce: nonce.into(),
                opaque: None,
                algorithm: Some(algorithm),
                stale,
                qop: true,
            },
        };
        Self { realm: realm.into(), kind }
    }

    /// Reads the challenges of one header's value that can be answered.
    ///
    /// Those of other schemes, of unknown algorithms, or without what they need (`realm`, `nonce`) are left out.
    pub fn parse_all(value: &str, tolerances: &mut Tolerances) -> Vec<Self> {
        let Ok(items) = items(value, tolerances) else { return Vec::new() };
        let mut challenges = Vec::new();
        let mut rest = items.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            let end = behind.iter().position(|item| matches!(item, Item::Word(_))).unwrap_or(behind.len());
            let (params, behind) = behind.split_at_checked(end).unwrap_or((behind, &[]));
            if let Item::Word(scheme) = first {
                challenges.extend(Self::read(scheme, params));
            }
            rest = behind;
        }
        challenges
    }

    fn read(scheme: &str, params: &[Item<'_>]) -> Option<Self> {
        let find = |name: &str| {
            params.iter().find_map(|item| match item {
                Item::Param(own, value) if own.eq_ignore_ascii_case(name) => Some(&**value),
                _ => None,
            })
        };
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "basic" => ChallengeKind::Basic,
            "bearer" => ChallengeKind::Bearer,
            "digest" => ChallengeKind::Digest {
                nonce: find("nonce")?.into(),
                opaque: find("opaque").map(Into::into),
                algorithm: match find("algorithm") {
                    None | Some("") => None,
                    Some(name) => Some(name.parse().ok()?),
                },
                stale: find("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
                qop: match find("qop") {
                    None | Some("") => false,
                    // With auth-int alone the body is hashed too, which no camera is known to ask for.
                    Some(qop) => Some(qop.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")))
                        .filter(|has_auth| *has_auth)?,
                },
            },
            _ => return None,
        };
        let realm = match kind {
            ChallengeKind::Bearer => find("realm").unwrap_or(""),
            _ => find("realm")?,
        };
        Some(Self { realm: realm.into(), kind })
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realm = quote(&self.realm);
        match &self.kind {
            ChallengeKind::Basic => write!(f, "Basic realm={realm}"),
            ChallengeKind::Bearer => write!(f, "Bearer realm={realm}"),
            ChallengeKind::Digest { nonce, opaque, algorithm, stale, qop } => {
                write!(f, "Digest realm={realm}, nonce={}", quote(nonce))?;
                if let Some(opaque) = opaque {
                    write!(f, ", opaque={}", quote(opaque))?;
                }
                if let Some(algorithm) = algorithm {
                    write!(f, ", algorithm={algorithm}")?;
                }
                if *qop {
                    f.write_str(", qop=\"auth\"")?;
                }
                if *stale {
                    f.write_str(", stale=true")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<Challenge> {
        Challenge::parse_all(value, &mut Tolerances::default())
    }

    fn digest(realm: &str, nonce: &str) -> Challenge {
        let kind = ChallengeKind::Digest {
            nonce: nonce.into(),
            opaque: None,
            algorithm: None,
            stale: false,
            qop: false,
        };
        Challenge { realm: realm.into(), kind }
    }

    fn basic(realm: &str) -> Challenge {
        Challenge { realm: realm.into(), kind: ChallengeKind::Basic }
    }

    /// Hikvision and TP-Link send a header for each; lists are allowed as well (RFC 9110, section 11.6.1).
    #[test]
    fn several_challenges_may_stand_in_one_header() {
        assert_eq!(
            read(r#"Digest realm="IP Camera", nonce="7d5b", Basic realm="/", Negotiate abcd==, Bearer"#),
            [
                digest("IP Camera", "7d5b"),
                basic("/"),
                Challenge { realm: "".into(), kind: ChallengeKind::Bearer },
            ],
        );
    }

    #[test]
    fn what_cameras_write_is_read() {
        // Hikvision, with a second blank.
        let hikvision =
            r#"Digest realm="4419b63f5e51",  nonce="8b84a3b789283a8bea8da7fa7d41f08b", stale="FALSE""#;
        assert_eq!(read(hikvision), [digest("4419b63f5e51", "8b84a3b789283a8bea8da7fa7d41f08b")]);
        // Dahua, Prama: algorithms with and without quotes, in either case.
        for (text, algorithm) in [
            (r#"algorithm="MD5""#, Some(Algorithm::Md5)),
            ("algorithm=md5", Some(Algorithm::Md5)),
            (r#"ALGORITHM="SHA-256""#, Some(Algorithm::Sha256)),
            ("algorithm=MD5-sess", Some(Algorithm::Md5Sess)),
            ("algorithm=", None),
            (r#"opaque="""#, None),
        ] {
            let read = read(&format!(r#"DIGEST Realm="a b", Nonce="c", {text}"#));
            let [Challenge { kind: ChallengeKind::Digest { algorithm: read, .. }, .. }] = &read[..] else {
                panic!("{text}: {read:?}");
            };
            assert_eq!(*read, algorithm, "{text}");
        }
        for (stale, expected) in
            [("TRUE", true), ("true", true), (r#""true""#, true), ("FALSE", false), ("", false)]
        {
            let read = read(&format!(r#"Digest realm="a", nonce="b", stale={stale}"#));
            assert!(
                matches!(read[0].kind, ChallengeKind::Digest { stale, .. } if stale == expected),
                "{stale}"
            );
        }
        // IP Webcam.
        for (qop, expected) in
            [(r#""auth""#, true), ("auth", true), (r#""auth-int, auth""#, true), (r#""""#, false)]
        {
            let read = read(&format!(r#"Digest realm="a", nonce="b", qop={qop}"#));
            assert!(matches!(read[0].kind, ChallengeKind::Digest { qop, .. } if qop == expected), "{qop}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_left_out() {
        for text in [
            "",
            "Digest",
            r#"Digest realm="a""#,
            r#"Digest nonce="a""#,
            r#"Digest realm="a", nonce="b", algorithm=SHA-512-256"#,
            r#"Digest realm="a", nonce="b", qop="auth-int""#,
            r#"Digest realm="a", nonce="b"#,
            "Basic",
            r#"realm="a""#,
            r#"NTLM realm="a""#,
        ] {
            assert_eq!(read(text), [], "{text}");
        }
        assert_eq!(read(r#"Digest realm="a", Basic realm="b""#), [basic("b")], "and nothing else");
    }

    #[test]
    fn challenges_are_read_back_as_they_were_written() {
        let full = ChallengeKind::Digest {
            nonce: "n".into(),
            opaque: Some("".into()),
            algorithm: Some(Algorithm::Sha256Sess),
            stale: true,
            qop: true,
        };
        let bearer = Challenge { realm: "r".into(), kind: ChallengeKind::Bearer };
        for challenge in
            [digest("a", "b"), basic(r#"q"\"#), bearer, Challenge { realm: "".into(), kind: full }]
        {
            assert_eq!(read(&challenge.to_string()), [challenge]);
        }
    }
}
