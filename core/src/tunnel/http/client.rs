use std::fmt::Write as _;

/// The first two lines of a client's request. What could split them, and what is not of ASCII, is percent-encoded in the
/// target and left out of the host.
pub(in crate::tunnel) fn request_line(method: &str, target: &str, version: &str, host: &str) -> String {
    let mut line = format!("{method} ");
    for byte in target.bytes() {
        match byte {
            b'!'..=b'~' => line.push(char::from(byte)),
            _ => _ = write!(line, "%{byte:02X}"),
        }
    }
    let host = host.replace(|c: char| !c.is_ascii_graphic(), "");
    let _ = write!(line, " {version}\r\nHost: {host}\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_target_or_host_splits_the_request() {
        assert_eq!(
            request_line("GET", "/caf\u{e9} 1\r\nX: y?a=%20", "HTTP/1.0", "h\r\n:80"),
            "GET /caf%C3%A9%201%0D%0AX:%20y?a=%20 HTTP/1.0\r\nHost: h:80\r\n"
        );
    }
}
