use crate::Printable;
use crate::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX};
use crate::trace::without_secrets;
use crate::tunnel::http::Head;

/// Why the answer to a request of HTTP leads to no tunnel; the server is at fault, or does not want one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The head is no answer of HTTP.
    #[error("the head is no answer of HTTP")]
    Malformed,
    /// The head does not end in time.
    #[error("the head is longer than {limit} bytes")]
    HeadTooLong {
        /// The bytes allowed.
        limit: usize,
    },
    /// The head has too many headers.
    #[error("the head has more than {limit} headers")]
    TooManyHeaders {
        /// The headers allowed.
        limit: usize,
    },
    /// The server sends the client elsewhere.
    #[error("the server answers {status} and leads to {}", Printable(without_secrets(.location)))]
    Redirect {
        /// The status code, 300 to 399.
        status: u16,
        /// The URL, or what the server takes for one, without its secrets.
        location: String,
    },
    /// The server wants to know who asks already in HTTP, and not only in RTSP: it, or a proxy in front of it, is set up for
    /// pages of the web.
    #[error("the server answers 401: it wants a password for HTTP, and clients have one for RTSP alone")]
    Unauthorized,
    /// Another status than the one that makes the tunnel.
    #[error("the server answers {status} {}", Printable(without_secrets(.reason)))]
    Status {
        /// The status code.
        status: u16,
        /// The phrase behind it, without secrets.
        reason: String,
    },
    /// The body is in a transfer coding (`chunked`), which a proxy may have made of it.
    #[error("what follows the answer is in a transfer coding")]
    TransferCoding,
}

/// Reads the answer in front of `bytes` and gives what `read` makes of its headers, and how many bytes it takes; `None` before
/// all of it has come.
pub(in crate::tunnel) fn parse<T, E: From<ResponseError>>(
    bytes: &[u8],
    wanted: u16,
    read: impl FnOnce(&Head<'_>) -> Result<T, E>,
) -> Result<Option<(T, usize)>, E> {
    let limit = HTTP_HEAD_BYTES_MAX;
    let within = bytes.get(..limit).unwrap_or(bytes);
    let mut headers = [httparse::EMPTY_HEADER; HTTP_HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut headers);
    let len = match parsed.parse(within) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if within.len() < limit => return Ok(None),
        Ok(httparse::Status::Partial) => return Err(ResponseError::HeadTooLong { limit }.into()),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(ResponseError::TooManyHeaders { limit: HTTP_HEADERS_MAX }.into());
        }
        Err(_) => return Err(ResponseError::Malformed.into()),
    };
    let head = Head(parsed.headers);
    let status = parsed.code.unwrap_or_default();
    if status != wanted {
        let location = head.get("Location").filter(|_| matches!(status, 300..=399));
        return Err(match (status, location) {
            (_, Some(location)) => ResponseError::Redirect { status, location: without_secrets(location) },
            (401, None) => ResponseError::Unauthorized,
            _ => ResponseError::Status { status, reason: without_secrets(parsed.reason.unwrap_or_default()) },
        }
        .into());
    }
    if head.get("Transfer-Encoding").is_some() {
        return Err(ResponseError::TransferCoding.into());
    }
    Ok(Some((read(&head)?, len)))
}
