//! The requests of HTTP with which a tunnel begins, and the answers to them.

mod client;
mod refusal;
mod request;
mod response;

pub(in crate::tunnel) use client::request_line;
pub(crate) use refusal::refusal;
pub(in crate::tunnel) use request::Head;
pub use request::{Request, RequestError, RequestKind, SessionCookie};
pub use response::ResponseError;
pub(in crate::tunnel) use response::parse as parse_response;
