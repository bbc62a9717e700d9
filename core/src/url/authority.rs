//! Where credentials, host and port of a URL stand.

use std::net::Ipv6Addr;

use super::{SCHEMES, UrlError, UrlScheme};
use crate::tunnel::Tunnel;
use crate::wire::scan::{self, split_once};

/// The pieces of an absolute URL, unchecked but for scheme and control characters.
pub(super) struct Parts<'a> {
    pub(super) scheme: UrlScheme,
    pub(super) tunnel: Tunnel,
    pub(super) userinfo: Option<&'a str>,
    pub(super) authority: &'a str,
    pub(super) tail: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, UrlError> {
        refuse_control_characters(text)?;
        let (scheme, rest) = split_once(text, b':').ok_or(UrlError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::Scheme)?;
        let known = SCHEMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(scheme));
        let (_, scheme, tunnel) = *known.ok_or(UrlError::Scheme)?;
        let (userinfo, rest) = split_credentials(rest);
        let (authority, tail) =
            rest.split_at(scan::find(rest.as_bytes(), [b'/', b'?']).unwrap_or(rest.len()));
        Ok(Self { scheme, tunnel, userinfo, authority, tail })
    }
}

/// Splits the part behind `//` into the credentials, if there are any, and the rest, which begins with the host.
///
/// The authority ends at the first `/` in front of which it makes sense: the part behind its last `@`, or all of it
/// where it has none, is a host, maybe with a port. So `u:p/ss@host/cam` has a password with a slash, since `ss` is
/// the only port that `u` could have and is none, and `host/a@b` and `host:554/a@b` have no credentials. A password
/// that is a port up to its slash (`u:12/34@host`) cannot be told from these: there the slash has to be written `%2F`.
pub(crate) fn split_credentials(rest: &str) -> (Option<&str>, &str) {
    // Hardly any has some.
    if scan::find(rest.as_bytes(), [b'@']).is_none() {
        return (None, rest);
    }
    let first = split_once(rest, b'/').map_or(rest, |(first, _)| first);
    let in_front = first.rfind('@');
    if !rest.get(first.len()..).unwrap_or("").contains('@') {
        return split_at_sign(rest, in_front);
    }
    let behind = in_front.map_or(first, |at| first.get(at.saturating_add(1)..).unwrap_or(""));
    // An empty port is more seldom than a password that begins with a slash.
    if behind.ends_with(':') || !is_authority(behind) {
        let slash_in_password = find_at_sign(rest, first).filter(|_| is_user_and_password(first));
        if slash_in_password.is_some() {
            return split_at_sign(rest, slash_in_password);
        }
    }
    split_at_sign(rest, in_front)
}

/// The last `@` of the first part, between slashes and behind `first`, that leaves a usable host behind it.
fn find_at_sign(rest: &str, first: &str) -> Option<usize> {
    let mut start = first.len();
    rest.get(start..)?.split_inclusive('/').find_map(|part| {
        let at = part.rfind('@').map(|at| start.saturating_add(at));
        start = start.saturating_add(part.len());
        at.filter(|at| {
            rest.get(at.saturating_add(1)..).is_some_and(|behind| is_authority(before_tail(behind)))
        })
    })
}

fn split_at_sign(rest: &str, at: Option<usize>) -> (Option<&str>, &str) {
    let split = at.and_then(|at| Some((rest.get(..at)?, rest.get(at.saturating_add(1)..)?)));
    split.map_or((None, rest), |(userinfo, rest)| (Some(userinfo), rest))
}

pub(super) fn before_tail(text: &str) -> &str {
    text.split(['/', '?']).next().unwrap_or(text)
}

/// Returns `true` if a text is a host, maybe with a port, up to its first `/` or `?`.
pub(super) fn is_authority(text: &str) -> bool {
    host_and_port(before_tail(text)).is_ok()
}

/// Returns `true` if a colon divides a text, and is not one of an IPv6 address.
fn is_user_and_password(text: &str) -> bool {
    text.contains(':') && !text.starts_with('[') && text.parse::<Ipv6Addr>().is_err()
}

pub(super) fn refuse_control_characters(text: &str) -> Result<(), UrlError> {
    match scan::find_control(text.as_bytes()) {
        Some(at) => Err(UrlError::ControlCharacter { at }),
        None => Ok(()),
    }
}

pub(super) fn host_and_port(authority: &str) -> Result<(Box<str>, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']').ok_or(UrlError::Host)?;
            let port = if rest.is_empty() { "" } else { rest.strip_prefix(':').ok_or(UrlError::Host)? };
            (ipv6_host(host)?, port)
        }
        None => {
            let (host, port) = split_once(authority, b':').unwrap_or((authority, ""));
            // A registered name (RFC 3986, 3.2.2), in the letters of any language.
            let foreign = |c: char| {
                !c.is_alphanumeric()
                    && !matches!(c, '-' | '.' | '_' | '~' | '%' | '!' | '$' | '&'..=',' | ';' | '=')
            };
            if host.is_empty() || host.contains(foreign) || port.contains(':') {
                return Err(UrlError::Host);
            }
            (host.into(), port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok((host, Some(port))),
    }
}

/// An IPv6 address with its zone behind a bare `%`, as resolvers take it.
///
/// RFC 6874 writes that `%` as `%25`; people and cameras write `%`.
fn ipv6_host(text: &str) -> Result<Box<str>, UrlError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(UrlError::Host);
    }
    match zone {
        None => Ok(address.into()),
        Some("") => Err(UrlError::Host),
        Some(zone) => {
            let decoded = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
            Ok(format!("{address}%{decoded}").into())
        }
    }
}
