//! Addresses to listen on, as people write them: `:8554`, `8554`, `localhost:8554`, `[::]:8554`, `0.0.0.0`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::str::FromStr;

/// The port of RTSP where none is given: 554 needs rights that few programs have.
pub const PORT: u16 = 8554;

/// An address, or a name, and a port to listen on. Without an address it is all of this host, of IPv6 and of IPv4.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Listen {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Host {
    All,
    Ip(IpAddr),
    Name(String),
}

/// The text is no place to listen at.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// It is none at all.
    #[error("an address is needed, such as :8554, 127.0.0.1:8554, [::1]:8554 or nvr.local:8554")]
    Form,
    /// It has no port, and there is none that would be meant.
    #[error("a port is needed, such as :9100 or 127.0.0.1:9100")]
    NoPort,
    /// It is a URL.
    #[error("an address is needed and no URL: leave out what is before // and behind the port")]
    Url,
    /// The port is none.
    #[error("a port is a number from 0 to 65535; 0 is any that is free")]
    Port,
}

impl Listen {
    /// Reads one that has to name its port, such as that of an HTTP server.
    ///
    /// # Errors
    ///
    /// The text is no address with a port.
    pub fn with_port(text: &str) -> Result<Self, ListenError> {
        let (host, port) = split(text)?;
        Ok(Self { host, port: port.ok_or(ListenError::NoPort)? })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns `true` if it is all addresses of this host.
    pub fn is_all(&self) -> bool {
        match self.host {
            Host::All => true,
            Host::Ip(ip) => ip.is_unspecified(),
            Host::Name(_) => false,
        }
    }

    /// Listens there: on all addresses, or on the first one of a name that can be listened on.
    ///
    /// # Errors
    ///
    /// The name is unknown, or the system refuses.
    pub fn tcp(&self) -> io::Result<TcpListener> {
        match &self.host {
            Host::All if has_ipv6() => TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)),
            Host::All => TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)),
            Host::Ip(ip) => TcpListener::bind((*ip, self.port)),
            Host::Name(name) => {
                let addrs: Vec<SocketAddr> = (name.as_str(), self.port).to_socket_addrs()?.collect();
                TcpListener::bind(addrs.as_slice())
            }
        }
    }

    /// The address of the UDP sockets of a server that listens on these: the one that all have, or else all addresses, since each
    /// datagram leaves from the address that its reader has connected to.
    pub fn udp_ip(all: &[Self]) -> IpAddr {
        let any = || if has_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let mut ips = all.iter().map(|listen| match listen.host {
            Host::Ip(ip) => Some(ip),
            _ => None,
        });
        let first = ips.next().flatten();
        first.filter(|first| ips.all(|ip| ip == Some(*first))).unwrap_or_else(any)
    }
}

fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok()
}

fn split(text: &str) -> Result<(Host, Option<u16>), ListenError> {
    let port = |text: &str| match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map(Some).map_err(|_| ListenError::Port),
        false => Err(ListenError::Form),
    };
    if text.contains('/') {
        return Err(ListenError::Url);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return port(text).map(|port| (Host::All, port));
    }
    let inner = |text: &'_ str| text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    if let Some(ip) = inner(text).map(IpAddr::V6).or_else(|| text.parse().ok()) {
        return Ok((Host::Ip(ip), None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) => (host, port(digits)?),
        None => (text, None),
    };
    let host = match host {
        "" | "*" => Host::All,
        host => match inner(host).map(IpAddr::V6).or_else(|| host.parse().ok().map(IpAddr::V4)) {
            Some(ip) => Host::Ip(ip),
            None if is_name(host) => Host::Name(host.to_owned()),
            None => return Err(ListenError::Form),
        },
    };
    Ok((host, port))
}

/// RFC 1123, 2.1, and underscores, which people use. One that ends in digits would be a broken address.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let labels = || host.trim_end_matches('.').split('.');
    labels().all(is_label)
        && !labels().next_back().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
}

impl FromStr for Listen {
    type Err = ListenError;

    /// Reads one; without a port it is [`PORT`].
    fn from_str(text: &str) -> Result<Self, ListenError> {
        let (host, port) = split(text)?;
        Ok(Self { host, port: port.unwrap_or(PORT) })
    }
}

/// In the form that [`bind`](rtspan_std::ServerBuilder::bind) takes.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::All => write!(f, ":{}", self.port),
            Host::Ip(ip) => write!(f, "{}", SocketAddr::new(*ip, self.port)),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        for (text, shown) in [
            (":8554", ":8554"),
            ("8554", ":8554"),
            ("*:8554", ":8554"),
            ("0", ":0"),
            ("0.0.0.0", "0.0.0.0:8554"),
            ("0.0.0.0:322", "0.0.0.0:322"),
            ("::", "[::]:8554"),
            ("[::]", "[::]:8554"),
            ("[::]:554", "[::]:554"),
            ("::1", "[::1]:8554"),
            ("localhost", "localhost:8554"),
            ("localhost:0", "localhost:0"),
            ("nvr.local:8554", "nvr.local:8554"),
            ("nvr_2.example.", "nvr_2.example.:8554"),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<Listen>().unwrap(), listen, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_is_needed() {
        for (text, error) in [
            ("", ListenError::Form),
            ("a b:1", ListenError::Form),
            ("camera:rtsp", ListenError::Form),
            ("1.2.3.400:554", ListenError::Form),
            ("[::1:554", ListenError::Form),
            ("[camera]:554", ListenError::Form),
            ("localhost:", ListenError::Form),
            (":65536", ListenError::Port),
            ("99999", ListenError::Port),
            ("rtsp://0.0.0.0:8554", ListenError::Url),
        ] {
            assert_eq!(text.parse::<Listen>(), Err(error), "{text}");
        }
        assert_eq!(Listen::with_port("localhost"), Err(ListenError::NoPort));
        assert_eq!(Listen::with_port("9100").unwrap().to_string(), ":9100");
    }

    #[test]
    fn datagrams_have_the_one_address_of_all_or_any() {
        let udp_ip = |texts: &[&str]| {
            let all: Vec<Listen> = texts.iter().map(|text| text.parse().unwrap()).collect();
            Listen::udp_ip(&all)
        };
        assert_eq!(udp_ip(&["127.0.0.1", "127.0.0.1:322"]), Ipv4Addr::LOCALHOST);
        for all in [&["127.0.0.1", "10.0.0.1"][..], &[":8554"], &["localhost"], &["127.0.0.1", ":1"]] {
            assert!(udp_ip(all).is_unspecified(), "{all:?}");
        }
    }

    #[test]
    fn all_addresses_and_names_are_listened_on() {
        for text in [":0", "localhost:0", "127.0.0.1:0"] {
            let port = text.parse::<Listen>().unwrap().tcp().unwrap().local_addr().unwrap().port();
            let listen: Listen = text.replace(":0", &format!(":{port}")).parse().unwrap();
            let listener = listen.tcp().unwrap();
            let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
            if listener.local_addr().unwrap().ip().to_string() != "::1" {
                std::net::TcpStream::connect(to).unwrap();
            }
        }
    }
}
