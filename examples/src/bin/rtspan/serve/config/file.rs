//! The file as it is written, and the options of the command line in its terms.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;

use rtspan_examples::Listen;
use rtspan_examples::cluster::{Isolated, RegistryAddress};
use rtspan_examples::hooks::On;
use rtspan_std::{Dscp, Fingerprint, Interface, IpPrefix};
use serde::{Deserialize, Serialize};

use super::shown;
use super::values::{Choice, HttpAddr, Ports, SecretText, Size, Span, Text};
use crate::args::{AuthKind, PlayTransport, Srtp, Start};

/// All settings of a server. What is not given has its default.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) listen: Option<Vec<Text<Listen>>>,
    pub(crate) metrics: Option<HttpAddr>,
    pub(crate) demo: Option<bool>,
    pub(crate) trace: Option<bool>,
    pub(crate) start: Option<Choice<Start>>,
    pub(crate) resume: Option<Span>,
    pub(crate) realm: Option<String>,
    pub(crate) auth: Option<Vec<Choice<AuthKind>>>,
    pub(crate) dscp: Option<Text<Dscp>>,
    pub(crate) tls: Tls,
    pub(crate) tunnels: Tunnels,
    pub(crate) udp: Udp,
    pub(crate) multicast: MulticastGroups,
    pub(crate) limits: Limits,
    pub(crate) users: Vec<User>,
    pub(crate) anyone: Rights,
    pub(crate) record: Record,
    pub(crate) paths: BTreeMap<String, PathSettings>,
    pub(crate) api: Option<Api>,
    pub(crate) web: Option<Web>,
    pub(crate) hooks: Vec<HookSettings>,
    pub(crate) cluster: ClusterSettings,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) self_signed: Option<Vec<String>>,
    pub(crate) required: Option<bool>,
    pub(crate) srtp: Option<Choice<Srtp>>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tunnels {
    pub(crate) enabled: Option<bool>,
    pub(crate) origins: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Udp {
    pub(crate) enabled: Option<bool>,
    pub(crate) ports: Option<Text<Ports>>,
    pub(crate) pairs: Option<usize>,
    pub(crate) fragments: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MulticastGroups {
    pub(crate) groups: Vec<Text<IpPrefix>>,
    pub(crate) interface: Option<Text<Interface>>,
    pub(crate) ports: Option<Text<Ports>>,
    pub(crate) ttl: Option<u8>,
    pub(crate) only: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) connections: Option<usize>,
    pub(crate) sessions: Option<usize>,
    pub(crate) sessions_per_connection: Option<usize>,
    pub(crate) memory: Option<Size>,
    pub(crate) address_share: Option<usize>,
    pub(crate) shared_addresses: Option<Vec<Text<IpPrefix>>>,
    pub(crate) proxies: Vec<Text<IpPrefix>>,
    pub(crate) session_timeout: Option<Span>,
    pub(crate) write_stall: Option<Span>,
    pub(crate) log_packets: Option<usize>,
    pub(crate) log_bytes: Option<Size>,
    pub(crate) gather_milliseconds: Option<u64>,
}

/// A user and its rights, as patterns of paths.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: Option<SecretText>,
    pub(crate) token: Option<SecretText>,
    pub(crate) read: Vec<String>,
    pub(crate) publish: Vec<String>,
    pub(crate) speak: Vec<String>,
}

/// Figures and texts without a type of their own.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rights {
    pub(crate) read: Vec<String>,
    pub(crate) publish: Vec<String>,
    pub(crate) speak: Vec<String>,
}

/// The control interface over HTTP.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Api {
    pub(crate) listen: Option<HttpAddr>,
    pub(crate) token: Option<SecretText>,
}

/// The page for browsers.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Web {
    pub(crate) listen: Option<HttpAddr>,
}

/// An action when something happens at a path: a command, a line for the shell, or an address that is told.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HookSettings {
    pub(crate) on: Vec<Text<On>>,
    pub(crate) paths: Option<String>,
    #[serde(serialize_with = "shown::command")]
    pub(crate) run: Option<Vec<String>>,
    #[serde(serialize_with = "shown::script")]
    pub(crate) shell: Option<String>,
    #[serde(serialize_with = "shown::host")]
    pub(crate) url: Option<String>,
    pub(crate) retries: Option<u32>,
    pub(crate) timeout: Option<Span>,
}

/// Other servers that show the same streams.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClusterSettings {
    pub(crate) registry: Option<Text<RegistryAddress>>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) name: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) secret: Option<SecretText>,
    pub(crate) redirect: Option<bool>,
    pub(crate) readers: Option<usize>,
    pub(crate) fan_out: Option<NonZero<usize>>,
    pub(crate) ttl: Option<Span>,
    pub(crate) isolated: Option<Choice<Isolated>>,
}

/// How paths are recorded.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Record {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) segment: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_for: Option<Span>,
    /// All paths are recorded that do not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) all: Option<bool>,
}

/// The settings of a path, or of all paths of a pattern.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PathSettings {
    /// `publisher`, or the URL of a camera.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shown::url")]
    pub(crate) source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<SecretText>,
    /// In the place of a username and a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<SecretText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transport: Option<Choice<PlayTransport>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pin: Option<Text<Fingerprint>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) insecure: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_demand: Option<bool>,
    /// How long a reader waits for the first picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<Span>,
    /// How long a source on demand is kept without a reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) close_after: Option<Span>,
    /// How long readers stay when a camera is lost, in case it comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<Span>,
    /// A film: each reader sees it from its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) film: Option<PathBuf>,
    /// A film that runs in a loop, for all readers together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) looped: Option<PathBuf>,
    /// A folder of films.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) films: Option<PathBuf>,
    /// A folder that is recorded to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recordings: Option<PathBuf>,
    /// The path that readers are sent to while there is nothing here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fallback: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<RecordChoice>,
}

/// The recording of a path: on, off, or with settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum RecordChoice {
    Is(bool),
    So(Record),
}

impl<'de> Deserialize<'de> for RecordChoice {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RecordChoice;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("true, false, or { folder = …, segment = …, keep = …, keep_for = … }")
            }

            fn visit_bool<E>(self, is: bool) -> Result<RecordChoice, E> {
                Ok(RecordChoice::Is(is))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<RecordChoice, A::Error> {
                Record::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(RecordChoice::So)
            }
        }
        from.deserialize_any(Visitor)
    }
}
