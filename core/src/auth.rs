//! Authentication: Basic (RFC 7617) and Digest (RFC 7616, and RFC 2617 and 2069 before it), for servers and clients.
//!
//! A server asks with a [`Challenge`], a client answers with an [`Authorization`]. Digest proves that a peer knows a
//! password without sending it; Basic sends it as it is, and is safe over TLS only. A token (Bearer, RFC 6750) is only sent and taken over
//! TLS.
//!
//! ```
//! use rtspan_core::auth::{Action, Secret, User, Users};
//!
//! let users = Users::default()
//!     .with(User::new("admin", Secret::password("tr0ub4dor")).may_all("*"))
//!     .with(User::new("wall", Secret::password("correct horse")).may(Action::Read, "/lobby/*"));
//! assert!(!format!("{users:?}").contains("horse"));
//! ```

mod authorization;
mod challenge;
mod digest;
mod nonce;
mod params;
mod secret;
mod users;

pub use authorization::{Authorization, AuthorizationError, Digest};
pub use challenge::{AuthScheme, Challenge, ChallengeKind};
pub use digest::{Algorithm, UnknownAlgorithm};
pub use secret::Secret;
pub(crate) use users::is_at;
pub use users::{Action, User, Users};

pub(crate) use nonce::{NonceId, NonceKey};
