use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Waker};
use std::time::Duration;

use rtspan_core::{Instant, NtpTime};

use super::chance::Chance;
use super::link::Path;
use super::tcp::{Listening, Side, Tcp};
use super::timer::Timed;
use super::udp::Udp;

/// The beginning of simulated wall clocks: 2026-01-01.
const WALL_AT_START: Duration = Duration::from_secs(1_767_225_600);
/// Ports that are chosen where none is named.
const FIRST_PORT: u16 = 32_768;

/// Everything but the tasks: time, hosts, and what is on its way between them.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) chance: Chance,
    queue: BinaryHeap<Reverse<Queued>>,
    /// The number of what was queued last: of two at the same time the earlier comes first.
    order: u64,
    last_id: u64,
    pub(super) hosts: Vec<Host>,
    by_ip: BTreeMap<IpAddr, usize>,
    pub(super) names: BTreeMap<String, Vec<IpAddr>>,
    paths: BTreeMap<(usize, usize), Path>,
    pub(super) tcp: BTreeMap<u64, Tcp>,
    pub(super) listening: BTreeMap<u64, Listening>,
    pub(super) udp: BTreeMap<u64, Udp>,
    pub(super) timers: BTreeMap<u64, Timed>,
    /// Those to wake when nothing is locked.
    pub(super) to_wake: Vec<Waker>,
    /// Wakers that are no longer needed, dropped when nothing is locked.
    pub(super) to_drop: Vec<Waker>,
    pub(super) trace: Trace,
    /// How often tasks have run.
    pub(super) turns: u64,
    /// Spurious wakes, and reads and writes of less than there is.
    pub(super) is_rough: bool,
}

/// A computer with its addresses.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) ips: Vec<IpAddr>,
    /// Nanoseconds that its wall clock is ahead of that of the world.
    pub(super) wall_ahead: i128,
    pub(super) is_stopped: bool,
    pub(super) has_power: bool,
    pub(super) sockets: usize,
    pub(super) sockets_max: usize,
    pub(super) tasks_max: usize,
    next_port: u16,
}

/// Something that happens at a time.
#[derive(Debug)]
pub(super) enum Happening {
    Timer(u64, u64),
    Syn(u64),
    Connected(u64),
    /// Something reaches the other end of a connection.
    Arrives(u64, Side, Segment),
    /// The other end has taken so much.
    Acknowledged(u64, Side, usize),
    /// There may be room to send.
    Pump(u64, Side),
    Probe(u64, Side),
    Datagram {
        to: SocketAddr,
        host: usize,
        from: SocketAddr,
        data: Vec<u8>,
    },
    /// Datagrams may be sent again.
    Room(u64),
    Name(u64),
    Continue(usize),
}

#[derive(Debug)]
pub(super) enum Segment {
    Data(Vec<u8>),
    End,
    Reset,
}

#[derive(Debug)]
struct Queued {
    at: Instant,
    order: u64,
    what: Happening,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A number that is the same only for the same run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace(pub(super) u64);

impl Trace {
    /// Takes note of something that has happened.
    pub(super) fn note(&mut self, now: Instant, kind: u64, about: u64) {
        for part in [now.as_nanos(), kind, about] {
            self.0 = (self.0 ^ part).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
    }
}

/// The readiness of a socket, as far as it knows, and the task that it wakes.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    pub(super) is_ready: bool,
    pub(super) waker: Option<Waker>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Instant::ZERO,
            chance: Chance::new(seed),
            queue: BinaryHeap::new(),
            order: 0,
            last_id: 0,
            hosts: Vec::new(),
            by_ip: BTreeMap::new(),
            names: BTreeMap::new(),
            paths: BTreeMap::new(),
            tcp: BTreeMap::new(),
            listening: BTreeMap::new(),
            udp: BTreeMap::new(),
            timers: BTreeMap::new(),
            to_wake: Vec::new(),
            to_drop: Vec::new(),
            trace: Trace(seed),
            turns: 0,
            is_rough: true,
        }
    }

    pub(super) fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The host with an address, which is made if there is none.
    pub(super) fn host(&mut self, ip: IpAddr) -> usize {
        if let Some(host) = self.by_ip.get(&ip) {
            return *host;
        }
        let host = self.hosts.len();
        self.hosts.push(Host {
            ips: vec![ip],
            wall_ahead: 0,
            is_stopped: false,
            has_power: true,
            sockets: 0,
            sockets_max: usize::MAX,
            tasks_max: usize::MAX,
            next_port: FIRST_PORT,
        });
        self.by_ip.insert(ip, host);
        host
    }

    pub(super) fn add_ip(&mut self, host: usize, ip: IpAddr) {
        self.by_ip.insert(ip, host);
        self.hosts[host].ips.push(ip);
    }

    /// The host that an address leads to from `from`.
    pub(super) fn reached(&self, from: usize, ip: IpAddr) -> Option<usize> {
        let ip = ip.to_canonical();
        if ip.is_loopback() { Some(from) } else { self.by_ip.get(&ip).copied() }
    }

    pub(super) fn path(&mut self, from: usize, to: usize) -> &mut Path {
        let path = || if from == to { Path::loopback() } else { Path::default() };
        self.paths.entry((from, to)).or_insert_with(path)
    }

    /// A path and chance, to find out what becomes of something.
    pub(super) fn path_and_chance(&mut self, from: usize, to: usize) -> (&mut Path, &mut Chance) {
        let path = || if from == to { Path::loopback() } else { Path::default() };
        (self.paths.entry((from, to)).or_insert_with(path), &mut self.chance)
    }

    /// The wall clock of a host.
    pub(super) fn wall(&self, host: usize) -> NtpTime {
        let world = (WALL_AT_START.as_nanos() + u128::from(self.now.as_nanos())) as i128;
        let nanoseconds = (world + self.hosts[host].wall_ahead).max(0) as u128;
        NtpTime::from_unix(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }

    /// Has something happen later.
    pub(super) fn schedule(&mut self, at: Instant, what: Happening) {
        self.order += 1;
        self.queue.push(Reverse(Queued { at, order: self.order, what }));
    }

    /// When something happens next.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse(queued)| queued.at)
    }

    /// Lets everything happen that is due. Returns `true` if there was anything.
    pub(super) fn let_happen(&mut self) -> bool {
        let mut any = false;
        while self.next_at().is_some_and(|at| at <= self.now) {
            let Some(Reverse(queued)) = self.queue.pop() else { break };
            any = true;
            match queued.what {
                Happening::Timer(id, setting) => self.timer_fires(id, setting),
                Happening::Syn(id) => self.syn_arrives(id),
                Happening::Connected(id) => self.connected(id),
                Happening::Arrives(id, to, segment) => self.segment_arrives(id, to, segment),
                Happening::Acknowledged(id, side, bytes) => self.acknowledged(id, side, bytes),
                Happening::Pump(id, side) => self.pump(id, side),
                Happening::Probe(id, side) => self.probe(id, side),
                Happening::Datagram { to, host, from, data } => self.datagram_arrives(host, to, from, data),
                Happening::Room(id) => self.room_for_datagrams(id),
                Happening::Name(id) => self.timer_fires(id, 0),
                Happening::Continue(host) => self.hosts[host].is_stopped = false,
            }
        }
        any
    }

    /// A free port of a host, or the one that is asked for.
    pub(super) fn choose_port(
        &mut self,
        host: usize,
        port: u16,
        is_taken: impl Fn(&Self, u16) -> bool,
    ) -> io::Result<u16> {
        if port != 0 {
            return if is_taken(self, port) { Err(ErrorKind::AddrInUse.into()) } else { Ok(port) };
        }
        for _ in FIRST_PORT..=u16::MAX {
            let own = &mut self.hosts[host];
            let port = own.next_port;
            own.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !is_taken(self, port) {
                return Ok(port);
            }
        }
        Err(ErrorKind::AddrInUse.into())
    }

    /// Fails unless an address is one of the host's.
    pub(super) fn check_own(&self, host: usize, ip: IpAddr) -> io::Result<()> {
        let is_own = ip.is_unspecified() || ip.is_loopback() || self.hosts[host].ips.contains(&ip);
        if is_own { Ok(()) } else { Err(ErrorKind::AddrNotAvailable.into()) }
    }

    /// Takes the place of one more socket.
    pub(super) fn open_socket(&mut self, host: usize) -> io::Result<()> {
        let host = &mut self.hosts[host];
        if host.sockets >= host.sockets_max {
            // EMFILE: the process has too many open files.
            return Err(io::Error::from_raw_os_error(24));
        }
        host.sockets += 1;
        Ok(())
    }

    pub(super) fn close_socket(&mut self, host: usize) {
        self.hosts[host].sockets = self.hosts[host].sockets.saturating_sub(1);
    }

    /// The address that a host speaks to another from.
    pub(super) fn source(&self, host: usize, bound: IpAddr, to: IpAddr) -> IpAddr {
        if !bound.is_unspecified() && !bound.is_multicast() {
            return bound;
        }
        let to = to.to_canonical();
        if to.is_loopback() {
            return to;
        }
        let own = self.hosts[host].ips.iter().find(|ip| ip.is_ipv4() == to.is_ipv4());
        own.copied().unwrap_or(match to {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        })
    }

    /// Remembers whom to wake.
    pub(super) fn register(slot: &mut Option<Waker>, old: &mut Vec<Waker>, cx: &Context<'_>) {
        if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            old.extend(slot.replace(cx.waker().clone()));
        }
    }
}

impl Readiness {
    pub(super) fn raise(&mut self, to_wake: &mut Vec<Waker>) {
        self.is_ready = true;
        to_wake.extend(self.waker.take());
    }
}

/// Returns `true` if a socket that is bound to `bound` is the one that `to` leads to.
pub(super) fn leads_to(bound: SocketAddr, to: SocketAddr) -> bool {
    let same_family = bound.is_ipv4() == to.is_ipv4() || (bound.is_ipv6() && bound.ip().is_unspecified());
    bound.port() == to.port() && same_family && (bound.ip().is_unspecified() || bound.ip() == to.ip())
}

/// How a socket names a peer: one for both families names the older one in the form of the newer.
pub(super) fn as_named(bound: SocketAddr, peer: SocketAddr) -> SocketAddr {
    match peer.ip() {
        IpAddr::V4(ip) if bound.is_ipv6() => SocketAddr::new(ip.to_ipv6_mapped().into(), peer.port()),
        _ => peer,
    }
}
