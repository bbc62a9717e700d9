//! Servers that show the same streams together: which of them has a path, and where the others get it from.
//!
//! A path belongs to the node that its publisher has come to, or that pulls its camera. The node claims the path in a [`Registry`]: a
//! service such as etcd that all nodes can reach. The claim lasts as long as the node renews its lease. A node whose reader asks for
//! a path of another node sends the reader there, or pulls the stream once for all of its readers.
//!
//! * [`Node`] decides everything. It has no socket, clock or thread: the answers of the registry and the time go in, requests and
//!   decisions come out.
//! * [`Registry`] is the seam to the service. [`etcd::Etcd`] and [`redis::Redis`] stand behind it.
//! * [`Member`] runs a node: with a clock, and a thread that asks a registry.
//! * [`View`] is a picture of the whole cluster; [`View::least_loaded`] chooses the node for a reader in it.
//!
//! **One owner.** A node stops feeding a path a margin before the registry may give the path to another node. It counts by its own
//! monotonic clock, from the moment at which it has sent the request. So two nodes never feed the same path as owners, if their clocks
//! run at the same speed to a few parts in a hundred. With [`Isolated::Serve`] a node goes on instead.
//!
//! ```
//! use std::time::Duration;
//! use rtspan_examples::cluster::{Answer, Claim, Lease, Node, NodeSettings, Output, Request};
//!
//! let settings = NodeSettings::new("a", "rtsp://10.0.0.1:8554");
//! let (mut node, now) = (Node::new(settings, 7), Duration::ZERO);
//! node.want("gate");
//! // The registry gives a lease, and then the path.
//! assert!(matches!(node.poll_request(now), Some(Request::Grant { .. })));
//! let lease = Lease { id: "1".to_owned(), ttl: Duration::from_secs(6) };
//! node.handle_answer(now, Some(Answer::Granted(lease)));
//! let Some(Request::Claim { claim, .. }) = node.poll_request(now) else { panic!() };
//! node.handle_answer(now, Some(Answer::Claimed(claim)));
//! assert_eq!(node.poll_output(), Some(Output::Owned { path: "gate".to_owned() }));
//! // It is not reached any more: the node stops a second before the lease is over.
//! node.handle_timeout(now + Duration::from_secs(5));
//! assert_eq!(node.poll_output(), Some(Output::Lost { path: "gate".to_owned() }));
//! ```

mod address;
mod claims;
pub mod etcd;
mod follow;
mod member;
mod node;
pub mod redis;
mod registry;
mod view;

pub use address::{RegistryAddress, RegistryAddressError};
pub use member::{Member, RegistryNews};
pub use node::{Isolated, Node, NodeSettings, Output};
pub use registry::{Answer, Claim, Lease, Registry, RegistryError, Relay, Request, Told, Watch};
pub use view::{Parent, View};

#[cfg(test)]
mod tests;
