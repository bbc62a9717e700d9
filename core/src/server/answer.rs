//! Additions of the application to an answer: headers, a body, a description of its own.

use bytes::Bytes;

use super::ticket::{Describe, SetParameter, Ticket};
use crate::StreamId;
use crate::description::Description;
use crate::header::Range;
use crate::limits::{ANSWER_BODY_BYTES_MAX, ANSWER_HEADER_BYTES_MAX, ANSWER_HEADERS_MAX, MEDIAS_MAX};
use crate::wire::{Headers, Response, is_token, name};

/// Why something was not added to an answer. The application is at fault, and the ticket is as it was.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The name is no token (RFC 2326, section 15.1).
    #[error("the name of a header has letters, digits and signs such as '-', and no blanks or colons")]
    HeaderName,
    /// The value has control characters, such as an end of line.
    #[error("the value of a header has no control characters; leave out ends of lines")]
    HeaderValue,
    /// The server writes this header itself.
    #[error("the server writes the header {0} itself")]
    HeaderOfServer(&'static str),
    /// There are more than [`ANSWER_HEADERS_MAX`] headers, or more than [`ANSWER_HEADER_BYTES_MAX`] bytes of them.
    #[error(
        "an answer has {ANSWER_HEADERS_MAX} headers of the application, of {ANSWER_HEADER_BYTES_MAX} bytes, at most"
    )]
    TooManyHeaders,
    /// The description has no media, or more than a stream may have.
    #[error("a description has 1 to {MEDIAS_MAX} medias")]
    Medias,
    /// A scale or speed is zero or not finite, or a speed is below zero.
    #[error("a scale or speed is finite and not zero, and a speed is above zero")]
    Rate,
    /// The body, or the description as it is written, has more than [`ANSWER_BODY_BYTES_MAX`] bytes.
    #[error("the body of an answer has {ANSWER_BODY_BYTES_MAX} bytes at most")]
    BodyTooLong,
}

/// Headers that the server writes itself, each where it belongs.
const OF_SERVER: [&str; 16] = [
    name::CSEQ,
    name::SESSION,
    name::TRANSPORT,
    name::SERVER,
    name::CONTENT_LENGTH,
    name::CONTENT_TYPE,
    name::CONTENT_BASE,
    name::RANGE,
    name::RTP_INFO,
    name::SCALE,
    name::SPEED,
    name::PUBLIC,
    name::ALLOW,
    name::UNSUPPORTED,
    name::WWW_AUTHENTICATE,
    name::CONNECTION,
];

/// Adds a header of the application's, if there may be such a header.
pub(super) fn add_header(headers: &mut Headers, name: &str, value: &str) -> Result<(), AnswerError> {
    if !is_token(name) {
        return Err(AnswerError::HeaderName);
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(AnswerError::HeaderValue);
    }
    if let Some(own) = OF_SERVER.into_iter().find(|own| own.eq_ignore_ascii_case(name)) {
        return Err(AnswerError::HeaderOfServer(own));
    }
    let bytes = headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
    let bytes = bytes.fold(name.len().saturating_add(value.len()), usize::saturating_add);
    if headers.len() >= ANSWER_HEADERS_MAX || bytes > ANSWER_HEADER_BYTES_MAX {
        return Err(AnswerError::TooManyHeaders);
    }
    headers.push(name, value);
    Ok(())
}

/// Additions to the response to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Extra {
    headers: Headers,
    /// A body of this content type, in the place of what the server would tell.
    pub(super) body: Option<(Box<str>, Bytes)>,
    /// The stream that SETUP is of, in the place of the one at its path.
    pub(super) stream: Option<StreamId>,
    /// The range that PLAY or PAUSE has really led to.
    pub(super) range: Option<Range>,
    pub(super) scale: Option<f32>,
    pub(super) speed: Option<f32>,
}

impl Extra {
    fn set_body(&mut self, content_type: &str, body: Bytes) -> Result<(), AnswerError> {
        if content_type.is_empty() || content_type.chars().any(char::is_control) {
            return Err(AnswerError::HeaderValue);
        }
        if body.len() > ANSWER_BODY_BYTES_MAX || content_type.len() > ANSWER_HEADER_BYTES_MAX {
            return Err(AnswerError::BodyTooLong);
        }
        self.body = Some((content_type.into(), body));
        Ok(())
    }

    /// Adds the headers of another answer to the same request, which came before.
    pub(super) fn behind(mut self: Box<Self>, earlier: Option<Box<Self>>) -> Box<Self> {
        let Some(mut earlier) = earlier else { return self };
        self.headers.iter().for_each(|(name, value)| earlier.headers.push(name, value));
        self.headers = earlier.headers;
        self
    }

    /// Adds the headers to the response.
    pub(super) fn dress(&self, response: &mut Response) {
        self.headers.iter().for_each(|(name, value)| response.headers.push(name, value));
    }
}

impl<A> Ticket<A> {
    /// Adds a header to the response, whether the answer is yes or no.
    ///
    /// A header on the ticket of [`Authenticate`](super::Authenticate) goes into the response to the request, also if another
    /// question follows.
    ///
    /// # Errors
    ///
    /// The name is no token, the value has control characters, the server writes the header itself, or there are too many.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), AnswerError> {
        add_header(&mut self.extra_mut().headers, name, value)
    }
}

impl Ticket<Describe> {
    /// With a yes, DESCRIBE tells this description instead of the published one; nothing has to be published at the path.
    ///
    /// SETUP matches its medias, by index, with the tracks at the path. So leave out no media before one that you keep.
    ///
    /// # Errors
    ///
    /// It has no media or too many, or it is too long.
    pub fn set_description(&mut self, description: Description) -> Result<(), AnswerError> {
        if !(1..=MEDIAS_MAX).contains(&description.medias.len()) {
            return Err(AnswerError::Medias);
        }
        let sdp = description.with_track_controls().to_sdp();
        self.extra_mut().set_body("application/sdp", sdp.into())
    }
}

impl Ticket<SetParameter> {
    /// With a yes, the response has this body, such as the current parameters as `text/parameters`.
    ///
    /// # Errors
    ///
    /// The content type has control characters or is empty, or the body is too long.
    pub fn set_body(&mut self, content_type: &str, body: Bytes) -> Result<(), AnswerError> {
        self.extra_mut().set_body(content_type, body)
    }
}
