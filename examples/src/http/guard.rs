//! The callers that may ask.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use hyper::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq;

use super::{Response, error};

/// Bytes that a token has at least: fewer can be guessed.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Lets those ask that know a token, or, where there is none, programs of the same host; pages in a browser never.
#[derive(Clone, Eq, PartialEq)]
pub struct Guard {
    token: Option<String>,
}

/// Why an address cannot be listened on so.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Anybody who can connect could do anything.
    #[error("{0} can be reached from other hosts, so a token is needed: set one, or listen on 127.0.0.1")]
    NoToken(SocketAddr),
    /// The token can be guessed.
    #[error(
        "the token is too short: it has to have {TOKEN_BYTES_MIN} characters; `openssl rand -hex 16` makes one"
    )]
    ShortToken,
    /// The token cannot be sent.
    #[error("the token has to be of letters, digits and signs of ASCII, without spaces")]
    TokenForm,
}

/// Looks at whether a token can be sent, and not be guessed.
///
/// # Errors
///
/// It is too short, or has other characters than the visible ones of ASCII.
pub fn check_token(token: &str) -> Result<(), Refusal> {
    if token.len() < TOKEN_BYTES_MIN {
        return Err(Refusal::ShortToken);
    }
    if token.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(()) } else { Err(Refusal::TokenForm) }
}

impl Guard {
    /// A guard of what listens at this address.
    ///
    /// # Errors
    ///
    /// Other hosts could reach it and there is no token, or the token is none.
    pub fn new(at: SocketAddr, token: Option<String>) -> Result<Self, Refusal> {
        match &token {
            None if !at.ip().to_canonical().is_loopback() => return Err(Refusal::NoToken(at)),
            Some(token) => check_token(token)?,
            None => {}
        }
        Ok(Self { token })
    }

    /// Lets a request pass, or has the answer for whoever may not ask.
    ///
    /// # Errors
    ///
    /// The answer is boxed, since it is large and seldom.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        if headers.contains_key(ORIGIN) {
            let sentence = "Pages in a browser are not answered: ask from a program, such as curl.";
            return Err(Box::new(error(StatusCode::FORBIDDEN, "page", sentence)));
        }
        match &self.token {
            Some(token) if is_proved(headers, token) => Ok(()),
            Some(_) => Err(Box::new(unproved())),
            // A page can have the browser ask this host by a name of the page's own, and read the answer.
            None if is_by_address(headers) => Ok(()),
            None => {
                let sentence = "Without a token requests are answered whose host is an address or localhost.";
                Err(Box::new(error(StatusCode::FORBIDDEN, "host", sentence)))
            }
        }
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("has_token", &self.token.is_some()).finish()
    }
}

fn is_proved(headers: &HeaderMap, token: &str) -> bool {
    bearer(headers).is_some_and(|said| bool::from(said.ct_eq(token.as_bytes())))
}

/// The token of a request (RFC 6750), if it has one.
pub fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

fn unproved() -> Response {
    let sentence = "Send the token of this server: `Authorization: Bearer TOKEN`.";
    let mut response = error(StatusCode::UNAUTHORIZED, "unauthorized", sentence);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rtspan\""));
    response
}

/// Returns `true` if a request names this host by an address, or as localhost.
///
/// A page of the web can have a browser ask this host by a name of the page's own, and read the answer.
pub fn is_by_address(headers: &HeaderMap) -> bool {
    headers.get(HOST).is_none_or(is_address_or_localhost)
}

fn is_address_or_localhost(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    // The port, which is no part of an address in brackets.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}
