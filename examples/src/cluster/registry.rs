//! The seam between a node and the service that all nodes can reach.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::View;

/// The right of a node to have its claims, for a while.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Its name in the registry.
    pub id: String,
    /// How long it lasts from the moment at which the registry has answered.
    pub ttl: Duration,
}

/// The claim of a node to a path.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Claim {
    /// The name of the node.
    pub node: String,
    /// The URL of the node, without a path.
    pub url: String,
    /// Tells this claim from every other one, also from earlier ones of the same node.
    pub term: u64,
}

/// The state of a node, as it tells the others.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Told {
    /// The URL of the node, without a path.
    pub url: String,
    /// The number of readers that it has.
    pub load: u32,
    /// It takes no more readers that others could take.
    #[serde(default)]
    pub is_full: bool,
    /// The paths that it has a source for and pulls if it is asked; a star at the end stands for anything.
    #[serde(default)]
    pub offers: Vec<String>,
    /// The paths that it pulls from other nodes and can show.
    #[serde(default)]
    pub relays: BTreeMap<String, Relay>,
}

/// A path that a node pulls from another one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Relay {
    /// The term of the claim that it comes from.
    pub term: u64,
    /// How many nodes lie between this one and the publisher.
    pub depth: u8,
    /// The node that it is pulled from.
    pub from: String,
}

/// A question to the registry.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// A new lease.
    Grant {
        /// How long it is to last.
        ttl: Duration,
    },
    /// The lease is to last from now on again.
    Renew {
        /// The name of the lease.
        lease: String,
    },
    /// The path, if nobody has it.
    Claim {
        /// The lease that the claim lasts as long as.
        lease: String,
        /// The path.
        path: String,
        /// The claim.
        claim: Claim,
    },
    /// A claim ends, if it is there still.
    Release {
        /// The path.
        path: String,
        /// The claim.
        claim: Claim,
    },
    /// The others are to know this of a node, as long as its lease lasts.
    Tell {
        /// The lease.
        lease: String,
        /// The name of the node.
        node: String,
        /// Its state.
        told: Told,
    },
    /// The whole cluster.
    View,
}

/// An answer of the registry.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Request::Grant`].
    Granted(Lease),
    /// To [`Request::Renew`]: how long the lease lasts from now on.
    Renewed(Duration),
    /// To [`Request::Claim`]: who has the path now.
    Claimed(Claim),
    /// To [`Request::Release`] and [`Request::Tell`].
    Done,
    /// To [`Request::View`].
    View(Arc<View>),
    /// There is no such lease any more.
    NoLease,
}

/// A service that gives each path to one node at a time.
///
/// Calls block, for a second or two at most. A claim lasts as long as its lease, and never ends earlier than the registry has said.
pub trait Registry: Send {
    /// Answers a question.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or it answers what is no answer. The question may have been carried out all the same.
    fn ask(&mut self, request: &Request) -> Result<Answer, RegistryError>;

    /// Ends a lease with all of its claims, so that others need not wait until it is over.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    fn leave(&mut self, lease: &str) -> Result<(), RegistryError>;

    /// Another connection, which waits for claims to begin and end; `None` if the registry does not tell that. It is asked for the
    /// whole cluster now and then all the same.
    fn watch(&self) -> Option<Box<dyn Watch>> {
        None
    }
}

/// Waits for changes of claims.
pub trait Watch: Send {
    /// Waits until a claim has begun or ended, or something may have been missed, for a minute or so at most.
    ///
    /// # Errors
    ///
    /// The registry cannot be reached, or does not tell.
    fn wait(&mut self) -> Result<(), RegistryError>;
}

/// The registry has not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no connection to it, or it takes too long.
    #[error("the registry {at} cannot be reached")]
    Unreachable {
        /// Its address.
        at: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It has answered that it will not.
    #[error("the registry {at} refuses: {message}")]
    Refused {
        /// Its address.
        at: String,
        /// Its words.
        message: String,
    },
    /// It does not know who asks, or not any more.
    #[error("the registry {at} knows nobody by this token: {message}")]
    Unauthenticated {
        /// Its address.
        at: String,
        /// Its words.
        message: String,
    },
    /// It has answered what cannot be understood.
    #[error("the answer of {at} is not one of {kind}; check that this is its address")]
    Foreign {
        /// Its address.
        at: String,
        /// The kind of registry that it should be.
        kind: &'static str,
    },
}
