use bytes::Bytes;

use super::config::Asks;
use super::request::{Outcome, Step};
use super::{Event, Server};
use crate::ConnId;
use crate::url::track::resolve_aggregate;
use crate::wire::{Request, Response, StatusCode, name};

impl Server {
    /// DESCRIBE (RFC 2326, section 10.2).
    pub(super) fn describe(&self, conn: ConnId, request: &Request) -> Result<Outcome, Response> {
        let (path, query) = path_of(request)?;
        if self.stream_at(path).is_none() && self.config.asks.contains(Asks::DESCRIBE) {
            let question = self.question(conn, (path, query), None, Bytes::new())?;
            return Ok(Outcome::ask(Step::Describe, Event::Describe(question)));
        }
        self.describe_published(request)
    }

    pub(super) fn describe_published(&self, request: &Request) -> Result<Outcome, Response> {
        let (path, _) = path_of(request)?;
        let published = self.stream_at(path).and_then(|stream| self.published.get(stream));
        let published = published.ok_or_else(|| Response::new(StatusCode::NOT_FOUND))?;
        let slash = if request.uri.ends_with('/') { "" } else { "/" };
        Ok(Response::new(StatusCode::OK)
            .with_header(name::CONTENT_BASE, format_args!("{}{slash}", request.uri))
            .with_body("application/sdp", published.sdp.clone())
            .into())
    }
}

/// The path of a stream and the query, from a request's URL.
pub(super) fn path_of(request: &Request) -> Result<(&str, Option<&str>), Response> {
    resolve_aggregate(&request.uri).map_err(|_| Response::new(StatusCode::BAD_REQUEST))
}
