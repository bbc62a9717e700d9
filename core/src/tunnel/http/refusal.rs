use bytes::Bytes;

/// The answer to a request that leads nowhere, behind which the connection closes. `status` is a code with its phrase, `text`
/// is for the person who reads it, and each of `headers` ends in CRLF.
pub(crate) fn refusal(status: &str, headers: &str, text: &str) -> Bytes {
    let length = text.len().saturating_add(1);
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n");
    Bytes::from(format!("{head}{headers}Connection: close\r\n\r\n{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_as_long_as_it_says() {
        assert_eq!(
            refusal("405 Method Not Allowed", "Allow: GET\r\n", "No."),
            "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\
             Allow: GET\r\nConnection: close\r\n\r\nNo.\n"
        );
    }
}
