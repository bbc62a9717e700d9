use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket as StdUdpSocket};

use rtspan_core::limits;
use rtspan_core::udp::{GroupSpec, UdpOpenError, UdpPorts, UdpSpec};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Interface, Membership, SocketRef, set_keepalive};
use crate::runtime::{Runtime, UdpSocket};
use crate::trace;

/// How often a free port is asked for whose neighbour is free as well.
const PAIR_ATTEMPTS: usize = 64;

/// True if accepted sockets have the options of the one that listens.
pub(crate) const OPTIONS_ARE_INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A socket of the system that listens at `addr` for many connections at once, and does not block.
///
/// At `[::]` it takes IPv4 as well, where the system has such sockets.
///
/// # Errors
///
/// The error of the system: the address is taken, or not one of this host.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    take_ipv4(&socket, addr.ip());
    // Elsewhere the option means that the port may be taken twice.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(limits::LISTEN_BACKLOG)?;
    let listener = socket.into();
    prepare(&listener)?;
    Ok(listener)
}

/// Has a socket for all addresses take IPv4 too. Systems differ in their default, and some have no such sockets.
fn take_ipv4(socket: &Socket, ip: IpAddr) {
    if ip.is_ipv6() && ip.is_unspecified() {
        let _ = socket.set_only_v6(false);
    }
}

/// Gives a socket that listens the options that a server wants, wherever it comes from.
pub(crate) fn prepare(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    if OPTIONS_ARE_INHERITED {
        SockRef::from(listener).set_tcp_nodelay(true)?;
        set_keepalive(listener)?;
    }
    Ok(())
}

/// Two sockets and their ports, for packets and for reports.
type Bound<U> = ([U; 2], (u16, u16));

/// Binds two neighbouring ports, the even one for packets and the one above for reports.
pub(crate) fn bind_pair<R: Runtime>(runtime: &R, spec: &UdpSpec) -> Result<Bound<R::Udp>, UdpOpenError> {
    let bind = |port| runtime.bind_udp(SocketAddr::new(spec.ip, port));
    let pair = |rtp, rtcp| -> io::Result<_> { Ok(([bind(rtp)?, bind(rtcp)?], (rtp, rtcp))) };
    match spec.ports {
        UdpPorts::Fixed(rtp, rtcp) => pair(rtp, rtcp).map_err(refused),
        UdpPorts::Range(first, last) => {
            let first = first.saturating_add(first % 2);
            for rtp in (first..last).step_by(2) {
                match pair(rtp, rtp + 1) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                    bound => return bound.map_err(refused),
                }
            }
            Err(UdpOpenError::NoFreePorts)
        }
        _ => {
            for _ in 0..PAIR_ATTEMPTS {
                match any_pair(bind) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                    bound => return bound.map_err(refused),
                }
            }
            Err(UdpOpenError::NoFreePorts)
        }
    }
}

/// Binds the two ports of a group, and joins it with both sockets.
pub(crate) fn bind_group<R: Runtime>(
    runtime: &R,
    spec: &GroupSpec,
    interface: Option<Interface>,
) -> Result<[R::Udp; 2], UdpOpenError> {
    let GroupSpec { group, ports: (rtp, rtcp), source, ttl } = *spec;
    let membership = Membership { group, source, interface };
    let join = |port| -> io::Result<_> {
        let socket = runtime.bind_udp(membership.at(port))?;
        socket.socket().join(&membership)?;
        socket.socket().set_multicast(ttl, membership.interface.as_ref())?;
        Ok(socket)
    };
    Ok([join(rtp).map_err(refused)?, join(rtcp).map_err(refused)?])
}

/// A port of the system's choice with its neighbour, whichever of the two it chose.
fn any_pair<U: UdpSocket>(bind: impl Fn(u16) -> io::Result<U>) -> io::Result<Bound<U>> {
    let chosen = bind(0)?;
    let port = chosen.local_addr()?.port();
    let neighbour = bind(port ^ 1)?;
    Ok(if port % 2 == 0 {
        ([chosen, neighbour], (port, port + 1))
    } else {
        ([neighbour, chosen], (port - 1, port))
    })
}

/// A UDP socket of the system that is bound to `addr`, has room for a burst, and does not block.
///
/// One at `[::]` has IPv4 as well, where the system has such sockets.
///
/// One that is bound to a multicast group [shares](SocketRef::share) it with the sockets of other programs.
///
/// # Errors
///
/// The error of the system: the address is taken, or not one of this host.
pub fn bind_udp(addr: SocketAddr) -> io::Result<StdUdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    take_ipv4(&socket, addr.ip());
    socket.set_nonblocking(true)?;
    // The system may allow less; then bursts are lost earlier, and that is all.
    let _ = socket.set_recv_buffer_size(limits::UDP_RECEIVE_BUFFER_BYTES);
    trace::receive_buffer(&socket, limits::UDP_RECEIVE_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(limits::UDP_SEND_BUFFER_BYTES);
    if !addr.ip().is_multicast() {
        socket.bind(&addr.into())?;
        return Ok(socket.into());
    }
    SocketRef::new(&socket).share()?;
    // There an address has to be one of the host's.
    #[cfg(windows)]
    let addr = match addr {
        SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, addr.port()).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, addr.port()).into(),
    };
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

fn refused(error: io::Error) -> UdpOpenError {
    match error.kind() {
        io::ErrorKind::AddrInUse => UdpOpenError::NoFreePorts,
        _ => UdpOpenError::Io(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::threads::Threads;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn spec(ports: UdpPorts) -> UdpSpec {
        UdpSpec::new(LOOPBACK, ports)
    }

    #[test]
    fn any_ports_are_an_even_one_and_the_one_above() {
        for _ in 0..20 {
            let ([rtp, rtcp], ports) = bind_pair(&Threads, &spec(UdpPorts::Any)).unwrap();
            assert_eq!(ports.0 % 2, 0);
            assert_eq!(ports.1, ports.0 + 1);
            assert_eq!(rtp.local_addr().unwrap().port(), ports.0);
            assert_eq!(rtcp.local_addr().unwrap().port(), ports.1);
        }
    }

    #[test]
    fn ports_that_are_taken_are_passed_over_in_a_range_and_refused_when_fixed() {
        let (_held, (rtp, rtcp)) = bind_pair(&Threads, &spec(UdpPorts::Any)).unwrap();
        assert_eq!(
            bind_pair(&Threads, &spec(UdpPorts::Fixed(rtp, rtcp))).unwrap_err(),
            UdpOpenError::NoFreePorts
        );
        assert_eq!(
            bind_pair(&Threads, &spec(UdpPorts::Range(rtp, rtcp))).unwrap_err(),
            UdpOpenError::NoFreePorts
        );
        if let Ok((_, ports)) = bind_pair(&Threads, &spec(UdpPorts::Range(rtp - 1, rtcp.saturating_add(200))))
        {
            assert!(ports.0 > rtp && ports.0 % 2 == 0);
        }
    }

    #[test]
    fn an_address_of_another_host_is_refused_with_its_kind() {
        let elsewhere = UdpSpec::new(Ipv4Addr::new(192, 0, 2, 1).into(), UdpPorts::Any);
        assert_eq!(
            bind_pair(&Threads, &elsewhere).unwrap_err(),
            UdpOpenError::Io(io::ErrorKind::AddrNotAvailable.into())
        );
    }

    #[test]
    fn what_is_accepted_inherits_the_options_of_connections_where_the_system_does_that() {
        let listener = listen(SocketAddr::new(LOOPBACK, 0)).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert_eq!(accepted.nodelay().unwrap(), OPTIONS_ARE_INHERITED);
        let accepted = SockRef::from(&accepted);
        assert_eq!(accepted.keepalive().unwrap(), OPTIONS_ARE_INHERITED);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            assert_eq!(accepted.tcp_keepalive_time().unwrap(), limits::TCP_PROBE_IDLE);
            assert_eq!(accepted.tcp_keepalive_interval().unwrap(), limits::TCP_PROBE_PERIOD);
            assert_eq!(accepted.tcp_keepalive_retries().unwrap(), limits::TCP_PROBES_MAX);
            assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(limits::TCP_UNACKNOWLEDGED_MAX));
        }
    }
}
