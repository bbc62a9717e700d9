use std::fmt;

use super::Secret;
use super::challenge::{Challenge, ChallengeKind};
use super::digest::{Algorithm, HexHash, Inputs};
use super::params::{Item, items, quote};
use crate::trace::Shown;
use crate::{Tolerances, base64};

/// The value of an Authorization header: how a client answers a [`Challenge`] (RFC 7616, section 3.4; RFC 7617, section 2).
///
/// Passwords, tokens and responses are never shown.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Authorization {
    /// A user and its password as it is.
    #[non_exhaustive]
    Basic {
        /// The user; empty with an empty password for clients that have no credentials and say so.
        user: Box<str>,
        /// The password.
        password: Box<str>,
    },
    /// A user and a hash that only those can make who know its password.
    Digest(Digest),
    /// A token (RFC 6750).
    Bearer(Box<str>),
}

/// The parameters of a Digest answer.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Digest {
    /// The user.
    pub user: Box<str>,
    /// The realm of the challenge.
    pub realm: Box<str>,
    /// The nonce of the challenge.
    pub nonce: Box<str>,
    /// The URI that the hash is made for.
    pub uri: Box<str>,
    /// The algorithm, if the answer names it.
    pub algorithm: Option<Algorithm>,
    /// `nc` of an answer with `qop=auth`: how often its nonce was used.
    pub count: Option<u32>,
    response: Box<str>,
    opaque: Option<Box<str>>,
    cnonce: Option<Box<str>>,
    /// `nc` as it was written, since that is what is hashed.
    nc: Option<Box<str>>,
}

/// An Authorization header cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// A quote is not closed, or there are too many parameters.
    #[error("the Authorization header is not a list of parameters")]
    Unreadable,
    /// The scheme is not one of those that are known.
    #[error("the Authorization header has a scheme that is not known")]
    UnknownScheme,
    /// The credentials of Basic are not `user:password` in base64.
    #[error("the Authorization header has no user and password in base64")]
    NotBasic,
    /// A parameter is missing.
    #[error("the Authorization header has no {0}")]
    Missing(&'static str),
    /// A parameter is there twice.
    #[error("the Authorization header has {0} twice")]
    Repeated(&'static str),
    /// A parameter has a value that it cannot have.
    #[error("the Authorization header has a {0} that cannot be read")]
    Invalid(&'static str),
}

impl Authorization {
    /// Reads a header's value.
    ///
    /// # Errors
    ///
    /// If it has no known scheme, or not the parameters of it, each once.
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Result<Self, AuthorizationError> {
        let value = value.trim();
        let (scheme, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Self::read_basic(rest).ok_or(AuthorizationError::NotBasic),
            "bearer" if rest.trim().is_empty() => Err(AuthorizationError::Missing("token")),
            "bearer" => Ok(Self::Bearer(rest.trim().into())),
            "digest" => Digest::read(rest, tolerances).map(Self::Digest),
            _ => Err(AuthorizationError::UnknownScheme),
        }
    }

    /// A user and its password as it is.
    pub fn basic(user: &str, password: &str) -> Self {
        Self::Basic { user: user.into(), password: password.into() }
    }

    fn read_basic(token: &str) -> Option<Self> {
        let bytes = base64::decode(token)?;
        // Bytes that are not UTF-8 are Latin-1, as browsers send them.
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
        let (user, password) = text.split_once(':')?;
        Some(Self::basic(user, password))
    }

    /// The answer to a challenge by a client that knows a user's secret.
    ///
    /// `count` is how often the nonce was used, this time included, and `cnonce` is the client's own: both are only used
    /// where the challenge asks for them. `None` if the secret is a hash that does not fit the challenge, or if one
    /// asks for a token and the other is a password.
    pub fn answer(
        challenge: &Challenge,
        user: &str,
        secret: &Secret,
        (method, uri): (&str, &str),
        (count, cnonce): (u32, &str),
    ) -> Option<Self> {
        match &challenge.kind {
            ChallengeKind::Basic => Some(Self::basic(user, secret.as_password()?)),
            ChallengeKind::Bearer => Some(Self::Bearer(secret.as_token()?.into())),
            ChallengeKind::Digest { nonce, opaque, algorithm, qop, .. } => {
                let uses_cnonce = *qop || algorithm.is_some_and(Algorithm::is_session);
                let mut digest = Digest {
                    user: user.into(),
                    realm: challenge.realm.clone(),
                    nonce: nonce.clone(),
                    uri: uri.into(),
                    algorithm: *algorithm,
                    count: qop.then_some(count),
                    response: Box::default(),
                    opaque: opaque.clone(),
                    cnonce: uses_cnonce.then(|| cnonce.into()),
                    nc: qop.then(|| format!("{count:08x}").into()),
                };
                digest.response = digest.expected(secret, &challenge.realm, method)?.as_str().into();
                Some(Self::Digest(digest))
            }
        }
    }

    /// The user that it names; `None` for a token.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Basic { user, .. } => Some(user),
            Self::Digest(digest) => Some(&digest.user),
            Self::Bearer(_) => None,
        }
    }

    /// The token (RFC 6750).
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Bearer(token) => Some(token),
            Self::Basic { .. } | Self::Digest(_) => None,
        }
    }

    /// Returns whether its sender knows the secret, for a request of this method.
    ///
    /// The time that it takes does not depend on where the proof and the right one differ. The nonce and the URI of a
    /// digest are not looked at.
    pub fn proves(&self, secret: &Secret, realm: &str, method: &str) -> bool {
        match self {
            Self::Basic { user, password } => secret.is_of(user, realm, password),
            Self::Bearer(token) => secret.is_token(token),
            Self::Digest(digest) => {
                let expected = digest.expected(secret, realm, method);
                *digest.realm == *realm && expected.is_some_and(|expected| expected.is(&digest.response))
            }
        }
    }

    /// The value of the header. It may have a password in it.
    pub fn to_header_value(&self) -> String {
        match self {
            Self::Basic { user, password } => {
                format!("Basic {}", base64::encode(format!("{user}:{password}").as_bytes()))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
            Self::Digest(digest) => digest.to_header_value(),
        }
    }
}

impl Digest {
    fn read(text: &str, tolerances: &mut Tolerances) -> Result<Self, AuthorizationError> {
        use AuthorizationError::{Invalid, Missing, Repeated, Unreadable};
        let items = items(text, tolerances).map_err(|_| Unreadable)?;
        let find = |name: &'static str| {
            let mut own = items.iter().filter_map(|item| match item {
                Item::Param(param, value) if param.eq_ignore_ascii_case(name) => Some(&**value),
                _ => None,
            });
            match (own.next(), own.next()) {
                (value, None) => Ok(value),
                _ => Err(Repeated(name)),
            }
        };
        let need = |name| find(name)?.ok_or(Missing(name)).map(Into::into);
        let algorithm = match find("algorithm")? {
            None | Some("") => None,
            Some(name) => Some(name.parse().map_err(|_| Invalid("algorithm"))?),
        };
        let cnonce = find("cnonce")?;
        let nc = match find("qop")? {
            None | Some("") => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => {
                cnonce.ok_or(Missing("cnonce"))?;
                Some(find("nc")?.ok_or(Missing("nc"))?)
            }
            Some(_) => return Err(Invalid("qop")),
        };
        if algorithm.is_some_and(Algorithm::is_session) && cnonce.is_none() {
            return Err(Missing("cnonce"));
        }
        let is_count = |nc: &&str| nc.len() == 8 && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
        let count = nc.map(|nc| Some(nc).filter(is_count).ok_or(Invalid("nc"))).transpose()?;
        let count = count.map(|nc| u32::from_str_radix(nc, 16).map_err(|_| Invalid("nc"))).transpose()?;
        Ok(Self {
            user: need("username")?,
            realm: need("realm")?,
            nonce: need("nonce")?,
            uri: need("uri")?,
            response: need("response")?,
            algorithm,
            count,
            opaque: find("opaque")?.map(Into::into),
            cnonce: cnonce.map(Into::into),
            nc: nc.map(Into::into),
        })
    }

    /// The response of those who know the secret; `None` if it is a hash that does not fit.
    fn expected(&self, secret: &Secret, realm: &str, method: &str) -> Option<HexHash> {
        let algorithm = self.algorithm.unwrap_or(Algorithm::Md5);
        let cnonce = self.cnonce.as_deref().unwrap_or("");
        let ha1 = secret.ha1_of(algorithm.hash(), &self.user, realm)?;
        let inputs = Inputs {
            algorithm,
            nonce: &self.nonce,
            method,
            uri: &self.uri,
            counted: self.nc.as_deref().map(|nc| (nc, cnonce)),
            cnonce,
        };
        Some(inputs.response(&ha1))
    }

    /// Values are quoted as the RFCs show them: there are servers that read `algorithm`, `qop` and `nc` only so.
    fn to_header_value(&self) -> String {
        let quoted = [
            ("username", &self.user),
            ("realm", &self.realm),
            ("nonce", &self.nonce),
            ("uri", &self.uri),
            ("response", &self.response),
        ];
        let quoted = quoted.into_iter().chain(self.opaque.as_ref().map(|opaque| ("opaque", opaque)));
        let quoted = quoted.chain(self.cnonce.as_ref().map(|cnonce| ("cnonce", cnonce)));
        let mut params: Vec<String> =
            quoted.map(|(name, value)| format!("{name}={}", quote(value))).collect();
        params.extend(self.algorithm.map(|algorithm| format!("algorithm={algorithm}")));
        params.extend(self.nc.as_ref().map(|nc| format!("qop=auth, nc={nc}")));
        format!("Digest {}", params.join(", "))
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => write!(f, "Basic {{ user: {user:?}, .. }}"),
            Self::Digest(digest) => digest.fmt(f),
            Self::Bearer(_) => f.write_str("Bearer(..)"),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, realm, uri, algorithm, count, .. } = self;
        f.debug_struct("Digest")
            .field("user", user)
            .field("realm", realm)
            .field("uri", &Shown(uri))
            .field("algorithm", algorithm)
            .field("count", count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUFASA: &str = concat!(
        r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", "#,
        r#"uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", "#,
        r#"response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
    );

    fn read(value: &str) -> Result<Authorization, AuthorizationError> {
        Authorization::parse(value, &mut Tolerances::default())
    }

    fn proves(value: &str, password: &str) -> bool {
        let authorization = read(value).unwrap();
        let realm = match &authorization {
            Authorization::Digest(digest) => digest.realm.clone(),
            _ => "r".into(),
        };
        authorization.proves(&Secret::password(password), &realm, "GET")
    }

    #[test]
    fn the_examples_of_the_rfcs_prove_their_passwords() {
        // RFC 2617, section 3.5; RFC 2069, section 2.4, with the response of errata 749; RFC 7617, section 2.
        assert!(proves(MUFASA, "Circle Of Life"));
        let old = concat!(
            r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", "#,
            r#"uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea""#,
        );
        assert!(proves(old, "CircleOfLife"));
        assert!(proves("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "open sesame"));
        assert!(proves("basic dGVzdDoxMjPCow==", "123£"), "RFC 7617, section 2.1");
        // RFC 7616, section 3.9.1.
        let [md5, sha256] = [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ]
        .map(|(algorithm, response)| {
            [
                r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html""#,
                &format!("algorithm={algorithm}"),
                r#"nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001"#,
                r#"cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth"#,
                &format!(r#"response="{response}""#),
                r#"opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
            ]
            .join(", ")
        });
        assert!(proves(&md5, "Circle of Life") && proves(&sha256, "Circle of Life"));
    }

    #[test]
    fn a_proof_with_anything_changed_proves_nothing() {
        assert!(!proves(MUFASA, "Circle Of Lif"));
        for (old, new) in [
            ("Mufasa", "mufasa"),
            ("testrealm", "otherrealm"),
            ("dcd98b", "dcd98c"),
            ("/dir/", "/dirs/"),
            ("nc=00000001", "nc=00000002"),
            (r#"cnonce="0a"#, r#"cnonce="0b"#),
            ("qop=auth, ", ""),
            ("6629fa", "6629fb"),
            (r#"response="6629fae49393a05397450978507c4ef1""#, r#"response="""#),
            ("uri=", r#"algorithm=SHA-256, uri="#),
        ] {
            assert!(MUFASA.contains(old), "{old}");
            assert!(!proves(&MUFASA.replacen(old, new, 1), "Circle Of Life"), "{old} {new}");
        }
        let digest = read(MUFASA).unwrap();
        assert!(!digest.proves(&Secret::password("Circle Of Life"), "testrealm@host.com", "PUT"));
        assert!(!digest.proves(&Secret::password("Circle Of Life"), "other realm", "GET"));
        let token = read("Bearer x").unwrap();
        assert!(token.proves(&Secret::token("x"), "", "GET"));
        assert!(
            !token.proves(&Secret::token("y"), "", "GET") && !token.proves(&Secret::password("x"), "", "GET")
        );
        let upper = MUFASA.replace("6629fae49393a05397450978507c4ef1", "6629FAE49393A05397450978507C4EF1");
        assert!(proves(&upper, "Circle Of Life"), "digits of either case");
    }

    #[test]
    fn every_parameter_of_a_digest_is_needed_once() {
        use AuthorizationError::{Missing, Repeated};
        let params: Vec<&str> = MUFASA.strip_prefix("Digest ").unwrap().split(", ").collect();
        let names = ["username", "realm", "nonce", "uri", "qop", "nc", "cnonce", "response", "opaque"];
        for (at, name) in names.into_iter().enumerate() {
            let without: Vec<&str> = params.iter().filter(|param| **param != params[at]).copied().collect();
            match (name, read(&format!("Digest {}", without.join(", ")))) {
                ("qop" | "opaque", Ok(_)) => {}
                (_, result) => assert_eq!(result, Err(Missing(name)), "without {name}"),
            }
            assert_eq!(read(&format!("{MUFASA}, {}", params[at])), Err(Repeated(name)));
        }
    }

    #[test]
    fn what_is_no_authorization_is_refused_and_says_why() {
        use AuthorizationError::{Invalid, Missing, NotBasic, UnknownScheme, Unreadable};
        for (value, expected) in [
            ("", UnknownScheme),
            ("NTLM abc", UnknownScheme),
            // CVE-2020-6095.
            ("Basic", NotBasic),
            ("Basic ", NotBasic),
            ("Basic !!!!", NotBasic),
            ("Basic YWJj", NotBasic),
            ("Bearer ", Missing("token")),
            ("Digest", Missing("username")),
            (r#"Digest username="a"#, Unreadable),
            (&format!("Digest {}", "a=b,".repeat(65)), Unreadable),
            (&MUFASA.replace("qop=auth", "qop=auth-int"), Invalid("qop")),
            (&MUFASA.replace("nc=00000001", "nc=1"), Invalid("nc")),
            (&MUFASA.replace("nc=00000001", "nc=+0000001"), Invalid("nc")),
            (&MUFASA.replace("qop=auth", "algorithm=SHA-1, qop=auth"), Invalid("algorithm")),
            (
                &MUFASA.replace(r#"qop=auth, nc=00000001, cnonce="0a4f113b""#, "algorithm=MD5-sess"),
                Missing("cnonce"),
            ),
        ] {
            let error = read(value).unwrap_err();
            assert_eq!(error, expected, "{value}");
            assert!(error.to_string().starts_with("the Authorization header "), "{error}");
        }
    }

    #[test]
    fn a_password_may_have_colons_and_need_not_be_ascii() {
        for (value, user, password) in [
            ("Basic Og==", "", ""),
            ("Basic YTpiOmM=", "a", "b:c"),
            ("Basic YTpiOmM", "a", "b:c"),
            // Latin-1.
            ("Basic dGVzdDoxMjOj", "test", "123£"),
        ] {
            let expected = Authorization::Basic { user: user.into(), password: password.into() };
            assert_eq!(read(value), Ok(expected), "{value}");
        }
    }

    #[test]
    fn each_challenge_is_answered_as_it_asks() {
        let request = ("DESCRIBE", "rtsp://cam/stream");
        let secret = Secret::password("pa:ss\"w");
        for (text, needed, not_needed) in [
            (r#"Basic realm="r""#, "Basic ", "realm"),
            (
                r#"Digest realm="r", nonce="n""#,
                r#"realm="r", nonce="n", uri="rtsp://cam/stream""#,
                "algorithm",
            ),
            (r#"Digest realm="r", nonce="n", algorithm=MD5"#, "algorithm=MD5", "cnonce"),
            (r#"Digest realm="r", nonce="n", algorithm=SHA-256, opaque="""#, r#"opaque="""#, "nc="),
            (
                r#"Digest realm="r", nonce="n", qop="auth""#,
                r#"cnonce="c", qop=auth, nc=0000001f"#,
                "algorithm",
            ),
            (r#"Digest realm="r", nonce="n", algorithm=MD5-sess"#, r#"cnonce="c""#, "nc="),
            (r#"Digest realm="r", nonce="n", algorithm=SHA-256-sess, qop="auth""#, "SHA-256-sess", "opaque"),
        ] {
            let challenge = &Challenge::parse_all(text, &mut Tolerances::default())[0];
            let answer = Authorization::answer(challenge, "us\\er", &secret, request, (31, "c")).unwrap();
            let value = answer.to_header_value();
            assert!(value.contains(needed) && !value.contains(not_needed), "{value}");
            let read = read(&value).unwrap();
            assert_eq!(read, answer);
            assert_eq!(read.user(), Some("us\\er"));
            assert!(read.proves(&secret, "r", "DESCRIBE"), "{value}");
            assert!(!read.proves(&Secret::password("pass"), "r", "DESCRIBE"), "{value}");
        }
    }

    #[test]
    fn a_hash_answers_the_challenges_that_it_fits() {
        let ha1 = Secret::ha1(Algorithm::Md5, "939e7578ed9e3c518a452acee763bce9").unwrap();
        for (text, fits) in [
            (r#"Digest realm="testrealm@host.com", nonce="n""#, true),
            (r#"Digest realm="testrealm@host.com", nonce="n", algorithm=SHA-256"#, false),
            (r#"Basic realm="testrealm@host.com""#, false),
        ] {
            let challenge = &Challenge::parse_all(text, &mut Tolerances::default())[0];
            let answer = Authorization::answer(challenge, "Mufasa", &ha1, ("GET", "/"), (1, ""));
            assert_eq!(answer.is_some(), fits, "{text}");
            let password = Secret::password("Circle Of Life");
            assert!(answer.is_none_or(|answer| answer.proves(&password, "testrealm@host.com", "GET")));
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for value in [MUFASA, "Basic dGVzdDpzZWNyZXQ=", "Bearer secret"] {
            let shown = format!("{:?}", read(value).unwrap());
            assert!(!shown.contains("secret") && !shown.contains("6629fae4"), "{shown}");
        }
    }
}
