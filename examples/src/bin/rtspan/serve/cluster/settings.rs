//! The settings of a node, checked.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use rtspan_examples::cluster::{Isolated, RegistryAddress};
use rtspan_examples::trust::Trust;
use rtspan_std::{Action, Url};

use crate::serve::config::{Account, File, Proof};

/// The user as which the nodes of a cluster read from each other.
pub(crate) const NODE_USER: &str = "rtspan-node";
/// How long a path stays with a node that has fallen silent.
const TTL: Duration = Duration::from_secs(6);
/// A lease cannot be shorter: etcd gives none below two seconds.
const TTL_MIN: Duration = Duration::from_secs(2);

/// The part of a node in a cluster.
#[derive(Clone, PartialEq)]
pub(crate) struct ClusterPlan {
    pub(crate) registry: RegistryAddress,
    /// The servers of the registry are known by these.
    pub(crate) trust: Trust,
    pub(crate) name: String,
    /// Where the others reach it.
    pub(crate) url: String,
    /// The password of the nodes among each other.
    pub(crate) secret: Option<String>,
    /// Readers are sent to nodes that have the stream.
    pub(crate) redirects: bool,
    pub(crate) readers_max: Option<usize>,
    /// Nodes that pull a path from the same node, about; as `NodeSettings` has it if nothing is said.
    pub(crate) fan_out: Option<NonZero<usize>>,
    pub(crate) ttl: Duration,
    /// The way without the registry.
    pub(crate) isolated: Isolated,
}

impl std::fmt::Debug for ClusterPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterPlan").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ClusterPlan {
    /// The settings of the file for the cluster; `None` if it has none.
    ///
    /// # Errors
    ///
    /// A setting, and what is wrong with it.
    pub(crate) fn of(file: &File) -> Result<Option<Self>, (&'static str, String)> {
        let given = &file.cluster;
        let Some(registry) = &given.registry else {
            let is_given = *given != Default::default();
            let missing =
                || ("registry", "a cluster needs a registry, such as etcd://10.0.0.1:2379".to_owned());
            return if is_given { Err(missing()) } else { Ok(None) };
        };
        let url = match &given.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => own_url(file).ok_or_else(|| {
                let message = "the other nodes need to know where this one is, such as rtsp://10.0.0.1:8554";
                ("url", message.to_owned())
            })?,
        };
        let parsed = Url::parse(&format!("{url}/x")).map_err(|error| ("url", error.to_string()))?;
        let authority = url.split_once("://").map_or(&*url, |(_, rest)| rest).to_owned();
        if authority.contains(['/', '@', '?']) {
            return Err(("url", format!("{parsed} is more than a scheme, a host and a port")));
        }
        let ttl = given.ttl.map_or(TTL, |span| span.0);
        if ttl < TTL_MIN {
            return Err(("ttl", format!("a lease lasts {} s at least", TTL_MIN.as_secs())));
        }
        let secret = given.secret.as_ref().map(|secret| secret.resolve()).transpose();
        let secret = secret.map_err(|error| ("secret", rtspan_std::WithCauses(&error).to_string()))?;
        if secret.is_none() && (!file.users.is_empty()) {
            let message = "a server with users needs a secret by which nodes read from each other";
            return Err(("secret", message.to_owned()));
        }
        let trust = given.ca.as_deref().map_or_else(|| Ok(Trust::default()), trust)?;
        if given.ca.is_some() && !registry.0.is_secured() {
            return Err(("ca", "the registry is not asked over TLS; write etcds:// or rediss://".to_owned()));
        }
        Ok(Some(Self {
            registry: registry.0.clone(),
            trust,
            name: given.name.clone().unwrap_or(authority),
            url,
            secret,
            redirects: given.redirect == Some(true),
            readers_max: given.readers,
            fan_out: given.fan_out,
            ttl,
            isolated: given.isolated.map_or_else(Default::default, |isolated| isolated.0),
        }))
    }

    /// The account of the other nodes: they read everything.
    pub(crate) fn account(&self) -> Option<Account> {
        let rights = vec![(Action::Read, "*".to_owned())];
        Some(Account { name: NODE_USER.to_owned(), proof: Proof::Password(self.secret.clone()?), rights })
    }
}

/// The certificates of a file.
fn trust(path: &Path) -> Result<Trust, (&'static str, String)> {
    let fault = |error: &(dyn std::error::Error + 'static)| {
        ("ca", format!("{} cannot be used: {}", path.display(), rtspan_std::WithCauses(error)))
    };
    let text = std::fs::read(path).map_err(|error| fault(&error))?;
    Trust::pem(&text).map_err(|error| fault(&error))
}

/// The address that a server listens on, if it is one that others can come to.
fn own_url(file: &File) -> Option<String> {
    let [at] = file.listen.as_deref()? else { return None };
    let addr: std::net::SocketAddr = at.to_string().parse().ok()?;
    (!addr.ip().is_unspecified() && addr.port() != 0).then(|| format!("rtsp://{addr}"))
}
