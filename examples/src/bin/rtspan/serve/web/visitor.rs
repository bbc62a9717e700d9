//! The person in front of the page, and the streams that it may read.

use hyper::header::{AUTHORIZATION, HOST, ORIGIN};
use hyper::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use rtspan_examples::http::{Response, bearer, error, is_by_address};
use rtspan_std::{Action, Users};
use subtle::ConstantTimeEq;

use crate::serve::config::{Account, Accounts, Proof};

/// The scheme by which the page says user and password, as `USER:PASSWORD` with percent-encoding. It is one that no browser knows,
/// so that none keeps them or asks for them by itself.
const SCHEME: &str = "Rtspan ";

/// Somebody that asks for the list of streams.
#[derive(Debug)]
pub(super) struct Visitor {
    name: Option<String>,
    /// `None` where everybody may do everything.
    users: Option<Users>,
    /// Only the rights of anyone count.
    has_rights_of_anyone: bool,
}

/// Why somebody is no visitor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// Its credentials are wrong.
    Wrong(&'static str),
    /// It may not ask, whatever its credentials: the kind of the error, and a sentence.
    Stranger(&'static str, &'static str),
}

impl Refused {
    pub(super) fn response(self) -> Response {
        let (kind, sentence) = match self {
            Self::Wrong(sentence) => ("credentials", sentence),
            Self::Stranger(kind, sentence) => (kind, sentence),
        };
        error(StatusCode::FORBIDDEN, kind, sentence)
    }
}

impl Visitor {
    /// The visitor that has sent these headers.
    ///
    /// # Errors
    ///
    /// It is a page of another site, its credentials are wrong, or it has to have some.
    pub(super) fn of(headers: &HeaderMap, accounts: &Accounts) -> Result<Self, Refused> {
        if !is_own_page(headers) {
            return Err(Refused::Stranger("page", "Pages of other sites are not answered."));
        }
        let users = accounts.users();
        // A page of the web can have a browser ask this host by a name of the page's own, and read the answer.
        let has_rights_of_anyone = is_by_address(headers);
        let Some(credentials) = Credentials::of(headers) else {
            if users.is_none() && !has_rights_of_anyone {
                let sentence =
                    "Without users the page is served at an address or at localhost, and at no other name.";
                return Err(Refused::Stranger("host", sentence));
            }
            return Ok(Self { name: None, users, has_rights_of_anyone });
        };
        let accounts = accounts.users.iter().flatten();
        // All are looked at, so that the time that it takes tells nothing.
        let known = accounts.fold(None, |known, account| match credentials.prove(account) {
            true => Some(account),
            false => known,
        });
        let Some(known) = known else {
            return Err(Refused::Wrong(credentials.fault()));
        };
        Ok(Self { name: Some(known.name.clone()), users, has_rights_of_anyone })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn may_read(&self, path: &str) -> bool {
        let is_known = self.name.is_some() || self.has_rights_of_anyone;
        let users = self.users.as_ref();
        is_known && users.is_none_or(|users| users.allow(self.name(), Action::Read, path))
    }
}

/// Returns `true` if there are credentials to be looked at.
pub(super) fn has_credentials(headers: &HeaderMap) -> bool {
    Credentials::of(headers).is_some()
}

/// Returns `true` unless a browser says that a page of another site asks.
fn is_own_page(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    headers.get(ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        origin.zip(host).is_some_and(|((_, page), host)| page.eq_ignore_ascii_case(host))
    })
}

/// The credentials of a visitor.
enum Credentials {
    Password { name: String, password: String },
    Token(Vec<u8>),
}

impl Credentials {
    /// Those of a request, if there are any.
    fn of(headers: &HeaderMap) -> Option<Self> {
        if let Some(token) = bearer(headers) {
            return Some(Self::Token(token.to_vec()));
        }
        let said = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix(SCHEME)?;
        let (name, password) = said.split_once(':')?;
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some(Self::Password { name: decoded(name), password: decoded(password) })
    }

    fn prove(&self, account: &Account) -> bool {
        match (self, &account.proof) {
            (Self::Password { name, password }, Proof::Password(own)) => bool::from(
                name.as_bytes().ct_eq(account.name.as_bytes()) & password.as_bytes().ct_eq(own.as_bytes()),
            ),
            (Self::Token(token), Proof::Token(own)) => token.ct_eq(own.as_bytes()).into(),
            _ => false,
        }
    }

    fn fault(&self) -> &'static str {
        match self {
            Self::Password { .. } => "User or password is wrong.",
            Self::Token(_) => "The token is wrong.",
        }
    }
}

#[cfg(test)]
mod tests;
