//! The PROXY protocol, versions 1 and 2: where a connection comes from that a proxy has passed on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::limits::PROXY_HEADER_BYTES_MAX;

/// Bytes of a header of version 1 at most, with its line end (section 2.1 of the specification).
const LINE_BYTES_MAX: usize = 107;
const LINE_START: &[u8] = b"PROXY ";
/// The beginning of a header of version 2 (section 2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of a proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ProxyHeader {
    /// Its bytes.
    pub(crate) len: usize,
    /// The address that has connected to the proxy; `None` if the proxy speaks for itself, or does not know.
    pub(crate) source: Option<SocketAddr>,
}

/// The bytes are no header of a proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NoHeader;

impl ProxyHeader {
    /// Reads the header at the front of `bytes`; `None` before all of it has come.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, NoHeader> {
        if bytes.starts_with(LINE_START) {
            Self::parse_line(bytes)
        } else if bytes.starts_with(SIGNATURE) {
            Self::parse_binary(bytes)
        } else if LINE_START.starts_with(bytes) || SIGNATURE.starts_with(bytes) {
            Ok(None)
        } else {
            Err(NoHeader)
        }
    }

    fn parse_line(bytes: &[u8]) -> Result<Option<Self>, NoHeader> {
        let line = bytes.get(..LINE_BYTES_MAX).unwrap_or(bytes);
        let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
            return if line.len() < LINE_BYTES_MAX { Ok(None) } else { Err(NoHeader) };
        };
        let text = line.get(LINE_START.len()..end).and_then(|text| std::str::from_utf8(text).ok());
        let source = source_of_line(text.ok_or(NoHeader)?).ok_or(NoHeader)?;
        Ok(Some(Self { len: end.saturating_add(2), source }))
    }

    fn parse_binary(bytes: &[u8]) -> Result<Option<Self>, NoHeader> {
        let Some([command, family, high, low]) =
            bytes.get(SIGNATURE.len()..).and_then(|bytes| bytes.first_chunk().copied())
        else {
            return Ok(None);
        };
        let start = SIGNATURE.len().saturating_add(4);
        let len = start.saturating_add(u16::from_be_bytes([high, low]).into());
        if len > PROXY_HEADER_BYTES_MAX {
            return Err(NoHeader);
        }
        let source = |addresses: &[u8]| match (command, family) {
            // LOCAL: a check of the proxy's own; and those that come from no IP address.
            (0x20, _) | (0x21, 0x00 | 0x31 | 0x32) => Ok(None),
            (0x21, 0x11) => source_of::<4>(addresses).map(Some),
            (0x21, 0x21) => source_of::<16>(addresses).map(Some),
            _ => Err(NoHeader),
        };
        let Some(addresses) = bytes.get(start..len) else { return Ok(None) };
        Ok(Some(Self { len, source: source(addresses)? }))
    }
}

/// The source in a line of version 1, without `PROXY `; an inner `None` if the proxy does not know it.
fn source_of_line(text: &str) -> Option<Option<SocketAddr>> {
    let mut words = text.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let mut ip = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, _destination) = (ip()?, ip()?);
    let mut port = || words.next()?.parse::<u16>().ok();
    let (port, _destination) = (port()?, port()?);
    words.next().is_none().then_some(Some(SocketAddr::new(source.to_canonical(), port)))
}

/// The source in the addresses of version 2: both IP addresses of `N` bytes, then both ports.
fn source_of<const N: usize>(addresses: &[u8]) -> Result<SocketAddr, NoHeader>
where
    IpAddr: From<[u8; N]>,
{
    let ip: [u8; N] = addresses.first_chunk().copied().ok_or(NoHeader)?;
    let ports = addresses.get(N.saturating_mul(2)..).and_then(|rest| rest.first_chunk::<4>());
    let [high, low, ..] = *ports.ok_or(NoHeader)?;
    Ok(SocketAddr::new(IpAddr::from(ip).to_canonical(), u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let len = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &len, addresses].concat()
    }

    fn source(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn headers_of_both_versions_are_read_wherever_they_are_cut() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x9c, 0x40, 2, 42];
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        v6[32..].copy_from_slice(&[0x9c, 0x40, 2, 42]);
        let with_more = [&v4[..], &[4, 0, 1, 0]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 554\r\n".to_vec(), source("192.0.2.7:40000")),
            (b"PROXY TCP6 2001:db8::7 ::1 40000 554\r\n".to_vec(), source("[2001:db8::7]:40000")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (binary(0x21, 0x11, &v4), source("192.0.2.7:40000")),
            (binary(0x21, 0x11, &with_more), source("192.0.2.7:40000")),
            (binary(0x21, 0x21, &v6), source("[2001:db8::7]:40000")),
            (binary(0x21, 0x00, &[]), None),
            (binary(0x21, 0x31, &[0; 216]), None),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x20, 0x11, &v4), None),
        ] {
            let name = header.escape_ascii().to_string();
            for cut in 0..header.len() {
                assert_eq!(ProxyHeader::parse(&header[..cut]), Ok(None), "{name} cut at {cut}");
            }
            let bytes = [&header[..], b"OPTIONS"].concat();
            let expected = ProxyHeader { len: header.len(), source: expected };
            assert_eq!(ProxyHeader::parse(&bytes), Ok(Some(expected)), "{name}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_at_once() {
        let long = format!("PROXY UNKNOWN {}", "x".repeat(LINE_BYTES_MAX));
        let too_long = binary(0x21, 0x11, &[0; PROXY_HEADER_BYTES_MAX]);
        for bytes in [
            &b"OPTIONS * RTSP/1.0\r\n"[..],
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 554 1\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 65536\r\n",
            b"PROXY TCP4 2001:db8::7 ::1 40000 554\r\n",
            b"PROXY UDP4 192.0.2.7 10.0.0.1 40000 554\r\n",
            long.as_bytes(),
            &binary(0x11, 0x11, &[0; 12]),
            &binary(0x22, 0x11, &[0; 12]),
            &binary(0x21, 0x12, &[0; 12]),
            &binary(0x21, 0x11, &[0; 11]),
            &too_long,
        ] {
            assert_eq!(ProxyHeader::parse(bytes), Err(NoHeader), "{:?}", bytes.escape_ascii().to_string());
        }
        let longest = binary(0x21, 0x11, &[0; PROXY_HEADER_BYTES_MAX - 16]);
        assert!(matches!(ProxyHeader::parse(&longest), Ok(Some(_))));
    }
}
