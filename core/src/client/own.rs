//! Additions of the application to requests: headers on each of them, and requests of its own.

use std::fmt;

use bytes::Bytes;

use super::command::Task;
use super::{Client, ClientConfig};
use crate::Instant;
use crate::limits::{REQUEST_BODY_BYTES_MAX, REQUEST_HEADER_BYTES_MAX, REQUEST_HEADERS_MAX};
use crate::trace::Shown;
use crate::url::Url;
use crate::wire::{Headers, Method, Request, is_token, name};

/// Why a header or a request of the application's is not sent. The application is at fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The name is no token (RFC 2326, section 15.1).
    #[error(
        "the name of a header or method has letters, digits and signs such as '-', and no blanks or colons"
    )]
    Name,
    /// The value has control characters, such as an end of line.
    #[error("the value of a header has no control characters; leave out ends of lines")]
    Value,
    /// The client writes this header itself.
    #[error("the client writes the header {0} itself")]
    HeaderOfClient(&'static str),
    /// There are more than [`REQUEST_HEADERS_MAX`] headers, or more than [`REQUEST_HEADER_BYTES_MAX`] bytes of them.
    #[error(
        "there are {REQUEST_HEADERS_MAX} headers of the application, of {REQUEST_HEADER_BYTES_MAX} bytes, at most"
    )]
    TooManyHeaders,
    /// The method changes the session, so that there is a command for it.
    #[error("the method changes the session: use the client's command for it")]
    MethodOfCommand,
    /// The URI is empty, or has blanks or control characters.
    #[error("a request URI has no blanks and no control characters")]
    Uri,
    /// The body has more than [`REQUEST_BODY_BYTES_MAX`] bytes.
    #[error("the body of a request has {REQUEST_BODY_BYTES_MAX} bytes at most")]
    BodyTooLong,
}

/// Headers that the client writes itself, each where it belongs.
const OF_CLIENT: [&str; 10] = [
    name::CSEQ,
    name::SESSION,
    name::TRANSPORT,
    name::USER_AGENT,
    name::CONTENT_LENGTH,
    name::CONTENT_TYPE,
    name::RANGE,
    name::SCALE,
    name::SPEED,
    name::CONNECTION,
];

/// A header that proves who asks, besides those of RFC 2326: it is for one server only.
const COOKIE: &str = "Cookie";

/// Headers of the application's. `Debug` shows their names, since values may be secret.
#[derive(Clone, Default, Eq, PartialEq)]
pub(super) struct OwnHeaders(Headers);

impl OwnHeaders {
    /// Adds one, in the place of one of the same name.
    fn set(&mut self, name: &str, value: &str) -> Result<(), RequestError> {
        if !is_token(name) {
            return Err(RequestError::Name);
        }
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(RequestError::Value);
        }
        if let Some(own) = OF_CLIENT.into_iter().find(|own| own.eq_ignore_ascii_case(name)) {
            return Err(RequestError::HeaderOfClient(own));
        }
        let others = self.0.iter().filter(|(own, _)| !own.eq_ignore_ascii_case(name)).chain([(name, value)]);
        let (count, bytes) = others.fold((0_usize, 0_usize), |(count, bytes), (name, value)| {
            (count.saturating_add(1), bytes.saturating_add(name.len()).saturating_add(value.len()))
        });
        if count > REQUEST_HEADERS_MAX || bytes > REQUEST_HEADER_BYTES_MAX {
            return Err(RequestError::TooManyHeaders);
        }
        self.0.set(name, value);
        Ok(())
    }

    /// Adds those that a request does not have, but no secret to a request to `other` server than the user's.
    fn dress(&self, request: &mut Request, is_elsewhere: bool) {
        for (name, value) in self.0.iter() {
            let is_there = match name {
                name::REQUIRE => request.headers.get_all(name).any(|own| own == value),
                _ => request.headers.get(name).is_some(),
            };
            let is_secret = is_elsewhere && proves(name);
            if !is_there && !is_secret {
                request.headers.push(name, value);
            }
        }
    }
}

impl fmt::Debug for OwnHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Returns true for a header that proves who asks.
fn proves(name: &str) -> bool {
    [name::AUTHORIZATION, name::PROXY_AUTHORIZATION, COOKIE].iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// A request of the application's: any method that leaves the session as it is.
///
/// ```
/// use rtspan_core::client::CustomRequest;
/// use rtspan_core::wire::Method;
///
/// let request = CustomRequest::new(Method::from("X-REBOOT"))?
///     .header("X-Delay", "5")?
///     .body("text/parameters", "why: update\r\n".into())?;
/// # Ok::<(), rtspan_core::client::RequestError>(())
/// ```
#[derive(Clone)]
pub struct CustomRequest {
    method: Method,
    uri: Option<Box<str>>,
    headers: OwnHeaders,
    content_type: Box<str>,
    body: Bytes,
}

impl fmt::Debug for CustomRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomRequest")
            .field("method", &self.method)
            .field("uri", &Shown(&self.uri))
            .field("headers", &self.headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

impl CustomRequest {
    /// A request for the stream, without headers and body.
    ///
    /// # Errors
    ///
    /// The method is no token, or changes the session, so that the client has a command for it: ANNOUNCE, SETUP, PLAY, PAUSE,
    /// RECORD, TEARDOWN.
    pub fn new(method: Method) -> Result<Self, RequestError> {
        let is_of_command = matches!(
            method,
            Method::Announce
                | Method::Setup
                | Method::Play
                | Method::Pause
                | Method::Record
                | Method::Teardown
        );
        if is_of_command {
            return Err(RequestError::MethodOfCommand);
        }
        if !is_token(method.as_str()) {
            return Err(RequestError::Name);
        }
        let (headers, content_type) = (OwnHeaders::default(), Box::default());
        Ok(Self { method, uri: None, headers, content_type, body: Bytes::new() })
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its target, if that is not the stream: a URL, whose credentials are left out, or `*` for the whole server.
    ///
    /// # Errors
    ///
    /// It is empty, or has blanks or control characters.
    pub fn uri(mut self, uri: &str) -> Result<Self, RequestError> {
        if uri.is_empty() || uri.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(RequestError::Uri);
        }
        let without_credentials = Url::parse(uri).map(|url| url.as_request_uri().into());
        self.uri = Some(without_credentials.unwrap_or_else(|_| uri.into()));
        Ok(self)
    }

    /// Adds a header, in the place of one of the same name, be it the application's for [each](ClientConfig::header) request.
    ///
    /// # Errors
    ///
    /// As [`ClientConfig::header`].
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, RequestError> {
        self.headers.set(name, value)?;
        Ok(self)
    }

    /// Sets the body and what it is, such as `text/parameters`.
    ///
    /// # Errors
    ///
    /// The content type is empty or has control characters, or the body is too long.
    pub fn body(mut self, content_type: &str, body: Bytes) -> Result<Self, RequestError> {
        if content_type.is_empty() || content_type.chars().any(char::is_control) {
            return Err(RequestError::Value);
        }
        if body.len() > REQUEST_BODY_BYTES_MAX || content_type.len() > REQUEST_HEADER_BYTES_MAX {
            return Err(RequestError::BodyTooLong);
        }
        (self.content_type, self.body) = (content_type.into(), body);
        Ok(self)
    }
}

impl ClientConfig {
    /// Adds a header to each request that does not have it otherwise; one of the same name takes its place.
    ///
    /// Servers that a redirect leads to get it too, but for `Authorization`, `Proxy-Authorization` and `Cookie`, which are for
    /// the server of the first URL only. Credentials that the client has go before an `Authorization`.
    ///
    /// # Errors
    ///
    /// The name is no token, the value has control characters, the client writes the header itself, or there are too many.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, RequestError> {
        self.headers.set(name, value)?;
        Ok(self)
    }
}

impl Client {
    /// Adds the application's headers to a request.
    pub(super) fn dress(&self, request: &mut Request) {
        self.config.headers.dress(request, self.is_elsewhere());
    }

    pub(super) fn start_custom(&mut self, now: Instant, task: Task, custom: &CustomRequest) {
        let uri = custom.uri.clone().unwrap_or_else(|| self.base().as_request_uri().into());
        let mut request = Request::new(custom.method.clone(), uri);
        custom.headers.dress(&mut request, self.is_elsewhere());
        if !custom.body.is_empty() {
            request = request.with_body(&custom.content_type, custom.body.clone());
        }
        self.run(now, task, request);
    }
}
