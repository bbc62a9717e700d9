/// The length of the request or frame in front, if it is there as a whole.
pub(crate) fn item(bytes: &[u8]) -> Option<usize> {
    let len = match *bytes {
        [b'$', _, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        [b'$', ..] => return None,
        _ => {
            let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
            let text = String::from_utf8_lossy(&bytes[..head]);
            head + header(&text, "Content-Length:").and_then(|body| body.parse().ok()).unwrap_or(0)
        }
    };
    (bytes.len() >= len).then_some(len)
}

pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
