use super::proxy::ProxyHeader;
use crate::limits::REFUSED_HEAD_BYTES_MAX;
use crate::wire::{Decoder, DecoderLimits, Item, Message};

/// The first request of a connection that is not taken on, of which only the number is read: its refusal names that.
///
/// The header of a proxy in front of it is passed over.
#[derive(Debug)]
pub struct FirstRequest {
    /// A proxy may still say where the connection comes from.
    awaits_proxy: bool,
    decoder: Decoder,
    is_over: bool,
    cseq: Option<u32>,
}

impl Default for FirstRequest {
    fn default() -> Self {
        Self::new()
    }
}

impl FirstRequest {
    /// That of a connection of which nothing is read yet.
    pub fn new() -> Self {
        let limits = DecoderLimits::default().head_bytes(REFUSED_HEAD_BYTES_MAX).body_bytes(0);
        Self { awaits_proxy: true, decoder: Decoder::new(limits), is_over: false, cseq: None }
    }

    /// Room to read into; never empty.
    pub fn read_buf(&mut self) -> &mut [u8] {
        self.decoder.read_buf()
    }

    /// Takes note that the first `n` bytes of [`read_buf`](Self::read_buf) were filled.
    pub fn handle_read(&mut self, n: usize) {
        self.decoder.handle_read(n);
        self.take_proxy_header();
        if self.is_over || self.awaits_proxy {
            return;
        }
        match self.decoder.poll() {
            Ok(None) => return,
            Ok(Some(Item::Message(Message::Request(request)))) => self.cseq = request.cseq(),
            Ok(Some(_)) => {}
            Err(error) => self.cseq = error.cseq(),
        }
        self.is_over = true;
    }

    /// Returns true once nothing more is to be read: the request has come, or something that is none.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The number of the request, once it has come and if it has one.
    pub fn cseq(&self) -> Option<u32> {
        self.cseq
    }

    fn take_proxy_header(&mut self) {
        if !self.awaits_proxy {
            return;
        }
        match ProxyHeader::parse(self.decoder.buffered_bytes()) {
            Ok(None) => return,
            Ok(Some(header)) => self.decoder.discard(header.len),
            // Nobody is trusted here, and a peer without a proxy in front begins with the request.
            Err(_) => {}
        }
        self.awaits_proxy = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

    /// The number of the request in `bytes` that come in portions of that size, and how many bytes it took.
    fn read(bytes: &[u8], portion: usize) -> (Option<u32>, Option<usize>) {
        let mut first = FirstRequest::new();
        let mut taken = 0;
        for portion in bytes.chunks(portion) {
            for portion in portion.chunks(64) {
                first.read_buf()[..portion.len()].copy_from_slice(portion);
                first.handle_read(portion.len());
                taken += portion.len();
            }
            if first.is_over() {
                return (first.cseq(), Some(taken));
            }
        }
        (first.cseq(), None)
    }

    #[test]
    fn the_number_is_read_behind_the_header_of_a_proxy_and_without_one() {
        for header in
            [&b""[..], b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 554\r\n", b"PROXY UNKNOWN\r\n", PROXY_2, b"\r\n"]
        {
            for head in
                ["OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n", "PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 77\r\n\r\n"]
            {
                let bytes = [header, head.as_bytes()].concat();
                for portion in 1..=bytes.len() {
                    let (cseq, _) = read(&bytes, portion);
                    assert_eq!(cseq, Some(77), "{} by {portion}", bytes.escape_ascii());
                }
                assert_eq!(read(&bytes, 1).1, Some(bytes.len()));
                assert_eq!(read(&bytes[..bytes.len() - 1], 1), (None, None));
            }
        }
    }

    #[test]
    fn a_request_whose_body_is_not_read_has_its_number() {
        let bytes = b"ANNOUNCE rtsp://h/cam RTSP/1.0\r\nCSeq: 3\r\nContent-Length: 20\r\n\r\nv=0\r\n";
        assert_eq!(read(bytes, bytes.len()).0, Some(3));
    }

    #[test]
    fn a_head_of_a_byte_too_many_is_not_read_to_its_end() {
        let head = |bytes: usize| {
            let rest = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: \r\n\r\n".len();
            format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: {}\r\n\r\n", "x".repeat(bytes - rest))
        };
        let longest = head(REFUSED_HEAD_BYTES_MAX);
        assert_eq!(read(longest.as_bytes(), 1), (Some(1), Some(longest.len())));
        let too_long = head(REFUSED_HEAD_BYTES_MAX + 1000);
        let (_, taken) = read(too_long.as_bytes(), 1);
        assert!(taken.is_some_and(|taken| taken <= REFUSED_HEAD_BYTES_MAX + 1), "{taken:?}");
    }

    #[test]
    fn what_is_no_request_is_not_waited_for() {
        for bytes in [&b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"[..], b"$\0\0\x01x"] {
            let (cseq, taken) = read(bytes, 1);
            assert_eq!((cseq, taken), (None, Some(bytes.len())), "{}", bytes.escape_ascii());
        }
    }
}
