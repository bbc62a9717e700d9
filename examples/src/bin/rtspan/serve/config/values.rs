//! Values of the file that are more than text and numbers.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use rtspan_examples::Listen;
use rtspan_std::{UdpPorts, without_secrets};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::args::{BadNumber, ports, size, span};

/// A value that is written as text, as on the command line.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T> Deref for Text<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .map(Self)
            .map_err(|error| D::Error::custom(format_args!("{:?}: {error}", without_secrets(&text))))
    }
}

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// One of some words, as on the command line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Choice<T>(pub(crate) T);

impl<'de, T: ValueEnum> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        T::from_str(&text, false).map(Self).map_err(|_| {
            let allowed: Vec<_> =
                T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
            let allowed: Vec<_> = allowed.iter().map(|value| value.get_name()).collect();
            D::Error::custom(format_args!("{text:?} is none of {}", allowed.join(", ")))
        })
    }
}

impl<T: ValueEnum> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let value = self.0.to_possible_value();
        to.serialize_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Where an HTTP server listens: its port has to be named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HttpAddr(pub(crate) Listen);

impl<'de> Deserialize<'de> for HttpAddr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Listen::with_port(&text)
            .map(Self)
            .map_err(|error| D::Error::custom(format_args!("{text:?}: {error}")))
    }
}

impl Serialize for HttpAddr {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// UDP ports: a pair such as `8000-8001`, or a range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ports(pub(crate) UdpPorts);

impl FromStr for Ports {
    type Err = BadNumber;

    fn from_str(text: &str) -> Result<Self, BadNumber> {
        ports(text).map(Self)
    }
}

impl Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            UdpPorts::Fixed(first, last) | UdpPorts::Range(first, last) => write!(f, "{first}-{last}"),
            _ => f.write_str("any"),
        }
    }
}

/// A time: `10s`, `5m`, `12h`, `7d`, or a number of seconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Span(pub(crate) Duration);

/// A size: `500MB`, `2GiB`, or a number of bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Size(pub(crate) u64);

/// Reads a number, or text by a function.
struct Amount<T>(fn(&str) -> Result<T, &'static str>, fn(u64) -> T, &'static str);

impl<T> Visitor<'_> for Amount<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.2)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Ok(self.1(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        u64::try_from(number).map(self.1).map_err(|_| E::custom(format_args!("{number} is below zero")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(|error| E::custom(format_args!("{text:?}: {error}")))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let read = |text: &str| if text == "0s" { Ok(Duration::ZERO) } else { span(text) };
        from.deserialize_any(Amount(read, Duration::from_secs, "a time, such as \"60s\", \"5m\" or \"12h\""))
            .map(Self)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}s", self.0.as_secs()))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Amount(size, |bytes| bytes, "a size, such as \"500MB\" or \"2GB\"")).map(Self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0)
    }
}

/// A secret, or the place where it stands: `"text"`, `{ env = "NAME" }`, `{ file = "PATH" }`. It is never shown.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum SecretText {
    Text(String),
    Env(String),
    File(PathBuf),
}

/// A secret is not where it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSecret {
    #[error("the environment has no variable {0}")]
    Env(String),
    #[error("cannot read {}", .path.display())]
    File { path: PathBuf, source: io::Error },
}

impl SecretText {
    /// Has the path of its file begin at a folder.
    pub(super) fn begin_at(&mut self, base: &Path) {
        if let Self::File(path) = self {
            *path = base.join(&*path);
        }
    }

    /// The secret itself. Of a file that is the first line.
    pub(crate) fn resolve(&self) -> Result<String, NoSecret> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Env(name) => std::env::var(name).map_err(|_| NoSecret::Env(name.clone())),
            Self::File(path) => {
                let text = fs::read_to_string(path);
                let text = text.map_err(|source| NoSecret::File { path: path.clone(), source })?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SecretVisitor(PhantomData))
    }
}

struct SecretVisitor(PhantomData<()>);

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret, { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretText, A::Error> {
        let secret = match map.next_key::<String>()?.as_deref() {
            Some("env") => SecretText::Env(map.next_value()?),
            Some("file") => SecretText::File(map.next_value()?),
            _ => {
                return Err(A::Error::custom("a secret stands in { env = \"NAME\" } or { file = \"PATH\" }"));
            }
        };
        match map.next_key::<String>()? {
            None => Ok(secret),
            Some(_) => Err(A::Error::custom("a secret stands in one place: env or file")),
        }
    }
}
