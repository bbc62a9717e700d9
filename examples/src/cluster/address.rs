//! The address of a registry, as it is written in settings.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::Registry;
use super::etcd::Etcd;
use super::redis::Redis;
use crate::trust::Trust;

/// The beginning of the keys of all nodes if nothing is said.
const PREFIX: &str = "rtspan";

/// Where the registry is: `etcd://USER:PASSWORD@HOST:2379,HOST:2379/PREFIX` or `redis://USER:PASSWORD@HOST:6379/PREFIX`, over TLS
/// with `etcds` and `rediss`. The user of Redis may be empty.
#[derive(Clone, Eq, PartialEq)]
pub struct RegistryAddress {
    kind: Kind,
    is_secured: bool,
    hosts: Vec<String>,
    login: Option<Login>,
    prefix: String,
}

/// A user of the registry.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// Shown without its password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Etcd,
    Redis,
}

/// It is no address of a registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expected etcd://HOST:2379, with more servers behind commas, or redis://HOST:6379; USER:PASSWORD@ may stand before the host"
)]
pub struct RegistryAddressError;

impl FromStr for RegistryAddress {
    type Err = RegistryAddressError;

    fn from_str(text: &str) -> Result<Self, RegistryAddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(RegistryAddressError)?;
        let (kind, is_secured, port) = match scheme {
            "etcd" => (Kind::Etcd, false, 2379),
            "etcds" => (Kind::Etcd, true, 2379),
            "redis" => (Kind::Redis, false, 6379),
            "rediss" => (Kind::Redis, true, 6379),
            _ => return Err(RegistryAddressError),
        };
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        let login = login.map(|login| Login::parse(login, kind)).transpose()?;
        let hosts: Vec<_> = hosts.split(',').map(|host| with_port(host, port)).collect();
        let is_one = kind == Kind::Etcd || hosts.len() == 1;
        if !is_one || hosts.iter().any(|host| host.starts_with(':')) {
            return Err(RegistryAddressError);
        }
        let prefix = Some(prefix.trim_end_matches('/')).filter(|prefix| !prefix.is_empty()).unwrap_or(PREFIX);
        Ok(Self { kind, is_secured, hosts, login, prefix: prefix.to_owned() })
    }
}

impl Login {
    /// Reads `USER:PASSWORD`; signs that mean something in a URL stand as `%40`.
    fn parse(text: &str, kind: Kind) -> Result<Self, RegistryAddressError> {
        let (user, password) = text.split_once(':').ok_or(RegistryAddressError)?;
        let decoded = |text| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
        let user = decoded(user).map_err(|_| RegistryAddressError)?;
        let password = decoded(password).map_err(|_| RegistryAddressError)?;
        if user.is_empty() && kind == Kind::Etcd {
            return Err(RegistryAddressError);
        }
        Ok(Self { user, password })
    }
}

fn with_port(host: &str, port: u16) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port && !host.ends_with(']') { host.to_owned() } else { format!("{host}:{port}") }
}

impl RegistryAddress {
    /// The registry, which is not connected to yet. Its servers are known by `trust`, if it is asked over TLS.
    pub fn open(&self, trust: &Trust) -> Box<dyn Registry> {
        let trust = self.is_secured.then_some(trust);
        let login = self.login.clone();
        match self.kind {
            Kind::Etcd => Box::new(Etcd::with(self.hosts.clone(), &self.prefix, login, trust)),
            Kind::Redis => Box::new(Redis::with(&self.hosts[0], &self.prefix, login, trust)),
        }
    }

    /// It is asked over TLS.
    pub fn is_secured(&self) -> bool {
        self.is_secured
    }
}

/// Shown without its user and password.
impl std::fmt::Display for RegistryAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.kind {
            Kind::Etcd => "etcd",
            Kind::Redis => "redis",
        };
        let secured = if self.is_secured { "s" } else { "" };
        write!(f, "{scheme}{secured}://{}/{}", self.hosts.join(","), self.prefix)
    }
}

impl std::fmt::Debug for RegistryAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RegistryAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_their_defaults_and_shown_without_passwords() {
        for (text, shown) in [
            ("etcd://a", "etcd://a:2379/rtspan"),
            ("etcd://10.0.0.1:1,[::1]:2,[::1]/x/", "etcd://10.0.0.1:1,[::1]:2,[::1]:2379/x"),
            ("redis://:hunter2@a", "redis://a:6379/rtspan"),
            ("rediss://me:hunter2@a:1", "rediss://a:1/rtspan"),
            ("etcds://me:hunter2@a,b", "etcds://a:2379,b:2379/rtspan"),
        ] {
            let address: RegistryAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?} {:?}", address.login).contains("hunter2"));
        }
        let address: RegistryAddress = "etcd://m%3ae:p%40%2F@a".parse().unwrap();
        assert_eq!(address.login, Some(Login { user: "m:e".to_owned(), password: "p@/".to_owned() }));
        for text in [
            "",
            "a:2379",
            "http://a",
            "etcd://",
            "etcd://a,",
            "etcd://u@a",
            "etcd://:p@a",
            "redis://a,b",
            "redis://u@a",
        ] {
            assert_eq!(text.parse::<RegistryAddress>().unwrap_err(), RegistryAddressError, "{text}");
        }
    }
}
