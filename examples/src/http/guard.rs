//! The callers that may ask.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use hyper::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq;

use super::{Response, error};

/// Bytes that a token has at least: fewer can be guessed.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Lets those ask that know a token, or, where there is none, programs of the same host; pages in a browser never.
#[derive(Clone)]
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

impl Guard {
    /// A guard of what listens at this address.
    ///
    /// # Errors
    ///
    /// Other hosts could reach it and there is no token, or the token is none.
    pub fn new(at: SocketAddr, token: Option<String>) -> Result<Self, Refusal> {
        match &token {
            None if !at.ip().to_canonical().is_loopback() => return Err(Refusal::NoToken(at)),
            Some(token) if token.len() < TOKEN_BYTES_MIN => return Err(Refusal::ShortToken),
            Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return Err(Refusal::TokenForm);
            }
            _ => {}
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
            None if headers.get(HOST).is_none_or(is_address_or_localhost) => Ok(()),
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
    let said =
        headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(|value| value.split_at_checked(7));
    said.is_some_and(|(scheme, said)| {
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(said.ct_eq(token.as_bytes()))
    })
}

fn unproved() -> Response {
    let sentence = "Send the token of this server: `Authorization: Bearer TOKEN`.";
    let mut response = error(StatusCode::UNAUTHORIZED, "unauthorized", sentence);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rtspan\""));
    response
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
