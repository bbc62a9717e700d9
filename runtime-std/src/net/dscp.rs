//! The class of service that packets ask for.

use std::fmt;
use std::io;
use std::str::FromStr;

use socket2::SockRef;

use super::AsSocket;
use super::socket::{Handle, Lent, SocketRef};

/// The two bits beside the code point, which tell of congestion (RFC 3168) and are left as they are.
const ECN: u32 = 0b11;

/// The class of service that packets ask for: a differentiated services code point (RFC 2474), 0 to 63.
///
/// Networks that are set up for it let some classes go first: [`AF41`](Self::AF41) is usual for video, [`EF`](Self::EF) for
/// voice (RFC 4594). Others ignore it, or set it back.
///
/// ```
/// use rtspan_std::Dscp;
///
/// assert_eq!("af41".parse(), Ok(Dscp::AF41));
/// assert_eq!("46".parse(), Ok(Dscp::EF));
/// assert!("64".parse::<Dscp>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dscp(u8);

/// The text names no class of service.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a DSCP: expected 0 to 63, CS0 to CS7, AF11 to AF43 or EF")]
pub struct NotADscp(());

impl Dscp {
    /// Voice: expedited forwarding (RFC 3246).
    pub const EF: Self = Self(46);
    /// Video of conferences and cameras: assured forwarding (RFC 2597).
    pub const AF41: Self = Self(34);

    /// The class with this number; `None` beyond 63.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 64 { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// Its number.
impl fmt::Display for Dscp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Dscp {
    type Err = NotADscp;

    fn from_str(text: &str) -> Result<Self, NotADscp> {
        let digit = |digit: u8, most: u8| Some(digit.wrapping_sub(b'0')).filter(|own| *own <= most);
        let number = match text.to_ascii_uppercase().as_bytes() {
            b"EF" => Some(Self::EF.0),
            [b'C', b'S', class] => digit(*class, 7).map(|class| class * 8),
            [b'A', b'F', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
                Some((class - b'0') * 8 + (drop - b'0') * 2)
            }
            _ => text.parse().ok(),
        };
        number.and_then(Self::new).ok_or(NotADscp(()))
    }
}

impl SocketRef<'_> {
    /// Has all that the socket sends ask for a class of service.
    ///
    /// # Errors
    ///
    /// The error of the system, or the socket has no such option.
    pub fn set_dscp(&self, dscp: Dscp) -> io::Result<()> {
        match &self.0 {
            Lent::System(socket) => set(*socket, dscp),
            Lent::Other(socket) => socket.set_dscp(dscp),
        }
    }
}

/// Has all that a TCP socket sends from now on ask for a class of service.
///
/// # Errors
///
/// The error of the system.
pub fn set_dscp(socket: &impl AsSocket, dscp: Dscp) -> io::Result<()> {
    SocketRef::new(socket).set_dscp(dscp)
}

fn set(socket: Handle<'_>, dscp: Dscp) -> io::Result<()> {
    let (socket, class) = (SockRef::from(&socket), u32::from(dscp.0) << 2);
    let v4 = || socket.set_tos_v4(class | (socket.tos_v4()? & ECN));
    if socket.local_addr()?.is_ipv4() {
        return v4();
    }
    // On a socket for both families, it is set for both. Some systems cannot set it for IPv4 there, and it is then missing for
    // IPv4.
    let _ = v4();
    set_v6(&socket, class)
}

#[cfg(unix)]
fn set_v6(socket: &SockRef<'_>, class: u32) -> io::Result<()> {
    socket.set_tclass_v6(class | (socket.tclass_v6()? & ECN))
}

/// Elsewhere there is no safe way to it.
#[cfg(not(unix))]
fn set_v6(_: &SockRef<'_>, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn classes_are_named_as_routers_name_them() {
        let numbers = |names: &str| -> Vec<_> {
            names.split(' ').map(|name| name.parse::<Dscp>().map(Dscp::number).ok()).collect()
        };
        assert_eq!(numbers("0 63 cs0 CS7 af11 AF13 Af43 ef"), [0, 63, 0, 56, 10, 14, 38, 46].map(Some));
        assert_eq!(numbers("64 -1 cs8 cs af14 af51 af01 efx "), [None; 9]);
    }

    #[test]
    fn a_class_is_set_for_each_family_and_what_tells_of_congestion_stays() {
        for at in ["127.0.0.1:0", "[::]:0"] {
            let socket = UdpSocket::bind(at).unwrap();
            let options = SockRef::from(&socket);
            options.set_tos_v4(0b10).unwrap();
            if at.starts_with('[') {
                options.set_tclass_v6(0b10).unwrap();
            }
            set_dscp(&socket, Dscp::AF41).unwrap();
            assert_eq!(options.tos_v4().unwrap(), 34 << 2 | 0b10);
            if at.starts_with('[') {
                assert_eq!(options.tclass_v6().unwrap(), 34 << 2 | 0b10);
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        set_dscp(&connection, Dscp::EF).unwrap();
        assert_eq!(SockRef::from(&connection).tos_v4().unwrap(), 46 << 2);
    }
}
