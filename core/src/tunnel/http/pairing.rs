use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::{SessionCookie, refusal};
use crate::limits::{TUNNEL_HALF_DEADLINE, TUNNEL_HALVES_MAX, TUNNEL_HALVES_OF_ADDRESS_MAX, TUNNELS_MAX};
use crate::prefix::Origin;
use crate::{Instant, IpPrefix};

/// The halves of tunnels that wait for each other, in either order, and the tunnels that stand.
///
/// `G` is what leads to the connection of a GET, such as a handle of its task, and `P` a connection with a POST.
///
/// ```text
/// ── get ──▶ GET waits ──┬── post ──▶ tunnel ⟲ post: another POST takes the place of the former
///                        └── deadline: expired
/// ── post ─▶ POST waits ─┬── get ──▶ tunnel ── end ──▶ gone
///                        └── deadline: expired
/// ```
///
/// Both have to come from one address, in two connections. A tunnel stands until its GET has [ended](Self::end); a client may
/// close its POST meanwhile, and send another one once it has something to say.
///
/// ```
/// use rtspan_core::Instant;
/// use rtspan_core::tunnel::http::{Pairing, Request, RequestKind};
///
/// let (request, _) = Request::parse(b"GET / HTTP/1.0\r\nx-sessioncookie: a\r\n\r\n")?.expect("whole");
/// let RequestKind::Get(cookie) = request.kind() else { unreachable!() };
/// let mut pairing = Pairing::default();
/// let now = Instant::ZERO; // a runtime reads its clock
/// assert_eq!(pairing.get(now, cookie, "192.0.2.1:40000".parse()?, "task"), Ok(None));
/// assert_eq!(pairing.post(now, cookie, "192.0.2.1:40001".parse()?, "socket"), Ok(Some(("task", "socket"))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pairing<G, P> {
    gets: BTreeMap<SessionCookie, Get<G>>,
    /// Those that wait.
    posts: BTreeMap<SessionCookie, Post<P>>,
    /// All that wait, by the time at which they expire.
    waiting: BTreeSet<(Instant, SessionCookie)>,
    waiting_of: BTreeMap<Origin, usize>,
    shared: Vec<IpPrefix>,
    is_any_address: bool,
    /// How long a half waits.
    patience: Duration,
}

#[derive(Debug)]
struct Get<G> {
    peer: SocketAddr,
    get: G,
    /// As long as it waits; none once the tunnel stands.
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct Post<P> {
    peer: SocketAddr,
    post: P,
    deadline: Instant,
}

/// One half of a tunnel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Half<G, P> {
    /// That of a GET.
    Get(G),
    /// That of a POST.
    Post(P),
}

/// A half that is not taken: given back, to be answered and closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("half of a tunnel is not taken")]
pub struct Refused<T> {
    /// The half.
    pub half: T,
    /// Why it is not taken.
    #[source]
    pub reason: PairingError,
}

/// Why a half of a tunnel is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PairingError {
    /// GET and POST came over the same connection.
    #[error("a tunnel needs two connections, and both of its requests came over one")]
    SameConnection,
    /// There is a half, or a tunnel, with this cookie already.
    #[error("there is a tunnel with this x-sessioncookie already")]
    Duplicate,
    /// The other half came from another address.
    #[error("the halves of the tunnel come from different addresses")]
    Stranger,
    /// There are as many as there may be.
    #[error("as many tunnels as there may be wait for their other half")]
    TooMany,
}

impl PairingError {
    /// The answer of HTTP that says so; the connection closes behind it.
    pub fn answer(&self) -> Bytes {
        let status = match self {
            Self::SameConnection => "400 Bad Request",
            Self::Stranger => "403 Forbidden",
            Self::Duplicate => "409 Conflict",
            Self::TooMany => "503 Service Unavailable",
        };
        refusal(status, "", &format!("This port speaks RTSP: {self}."))
    }
}

/// One without halves, in which loopback may have as many as all.
impl<G, P> Default for Pairing<G, P> {
    fn default() -> Self {
        let loopback =
            [IpPrefix::new(Ipv4Addr::LOCALHOST.into(), 8), IpAddr::from(Ipv6Addr::LOCALHOST).into()];
        Self {
            gets: BTreeMap::new(),
            posts: BTreeMap::new(),
            waiting: BTreeSet::new(),
            waiting_of: BTreeMap::new(),
            shared: loopback.to_vec(),
            is_any_address: false,
            patience: TUNNEL_HALF_DEADLINE,
        }
    }
}

impl<G: Clone, P> Pairing<G, P> {
    /// Takes these for the addresses of many peers, such as a proxy's: as many halves may wait from there as from everywhere.
    #[must_use]
    pub fn with_shared_addresses(self, shared: Vec<IpPrefix>) -> Self {
        Self { shared, ..self }
    }

    /// Pairs halves whatever their addresses, for clients behind several. Then the cookie alone keeps others out, and not every
    /// client makes one that cannot be guessed.
    #[must_use]
    pub fn with_any_address(self, is_any: bool) -> Self {
        Self { is_any_address: is_any, ..self }
    }

    /// Has a half wait so long for the other ([`TUNNEL_HALF_DEADLINE`] by default).
    #[must_use]
    pub fn with_deadline(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Takes a GET; gives the POST that has waited for it, or none if it waits itself.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub fn get(
        &mut self,
        now: Instant,
        cookie: &SessionCookie,
        peer: SocketAddr,
        get: G,
    ) -> Result<Option<P>, Refused<G>> {
        let checked = match self.posts.get(cookie) {
            _ if self.gets.contains_key(cookie) => Err(PairingError::Duplicate),
            Some(post) => self.check(post.peer, peer),
            None => self.admit(peer),
        };
        if let Err(reason) = checked {
            return Err(Refused { half: get, reason });
        }
        let post = self.posts.remove(cookie);
        if let Some(post) = &post {
            self.end_wait(post.deadline, cookie, post.peer);
        }
        let deadline = post.is_none().then(|| self.begin_wait(now, cookie, peer));
        self.gets.insert(cookie.clone(), Get { peer, get, deadline });
        Ok(post.map(|post| post.post))
    }

    /// Takes a POST; gives it back with what leads to its GET, or none if it waits. A tunnel that has a POST already goes on
    /// with this one instead.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub fn post(
        &mut self,
        now: Instant,
        cookie: &SessionCookie,
        peer: SocketAddr,
        post: P,
    ) -> Result<Option<(G, P)>, Refused<P>> {
        let checked = match self.gets.get(cookie) {
            Some(get) => self.check(get.peer, peer),
            None if self.posts.contains_key(cookie) => Err(PairingError::Duplicate),
            None => self.admit(peer),
        };
        if let Err(reason) = checked {
            return Err(Refused { half: post, reason });
        }
        let Some(get) = self.gets.get_mut(cookie) else {
            let deadline = self.begin_wait(now, cookie, peer);
            self.posts.insert(cookie.clone(), Post { peer, post, deadline });
            return Ok(None);
        };
        let (handle, waited, first) = (get.get.clone(), get.deadline.take(), get.peer);
        if let Some(deadline) = waited {
            self.end_wait(deadline, cookie, first);
        }
        Ok(Some((handle, post)))
    }

    /// Forgets a GET, from this peer, whose connection has ended, and the tunnel that it is of.
    pub fn end(&mut self, cookie: &SessionCookie, peer: SocketAddr) {
        if self.gets.get(cookie).is_none_or(|get| get.peer != peer) {
            return;
        }
        if let Some(deadline) = self.gets.remove(cookie).and_then(|get| get.deadline) {
            self.end_wait(deadline, cookie, peer);
        }
    }

    /// When [`poll_expired`](Self::poll_expired) has to be called at the latest; none as long as no half waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.first().map(|(deadline, _)| *deadline)
    }

    /// A half that has waited too long for the other, and is to be closed; to be called until there is none.
    pub fn poll_expired(&mut self, now: Instant) -> Option<Half<G, P>> {
        let (deadline, cookie) = self.waiting.first().filter(|(deadline, _)| *deadline <= now)?.clone();
        let (half, peer) = match self.gets.remove(&cookie) {
            Some(get) => (Half::Get(get.get), get.peer),
            None => self.posts.remove(&cookie).map(|post| (Half::Post(post.post), post.peer))?,
        };
        self.end_wait(deadline, &cookie, peer);
        Some(half)
    }

    /// Checks that the second half is of the peer that the first one is of, in a connection of its own.
    fn check(&self, first: SocketAddr, second: SocketAddr) -> Result<(), PairingError> {
        if first == second {
            return Err(PairingError::SameConnection);
        }
        let is_same = Origin::from(first.ip()) == Origin::from(second.ip());
        if is_same || self.is_any_address { Ok(()) } else { Err(PairingError::Stranger) }
    }

    /// Checks that there is room for another half that waits.
    fn admit(&self, peer: SocketAddr) -> Result<(), PairingError> {
        let of_address = self.waiting_of.get(&peer.ip().into()).copied().unwrap_or_default();
        let is_shared = self.shared.iter().any(|prefix| prefix.contains(peer.ip()));
        let is_full = self.waiting.len() >= TUNNEL_HALVES_MAX
            || self.gets.len().saturating_add(self.posts.len()) >= TUNNELS_MAX
            || (of_address >= TUNNEL_HALVES_OF_ADDRESS_MAX && !is_shared);
        if is_full { Err(PairingError::TooMany) } else { Ok(()) }
    }

    fn begin_wait(&mut self, now: Instant, cookie: &SessionCookie, peer: SocketAddr) -> Instant {
        let deadline = now + self.patience;
        self.waiting.insert((deadline, cookie.clone()));
        let count = self.waiting_of.entry(peer.ip().into()).or_default();
        *count = count.saturating_add(1);
        deadline
    }

    fn end_wait(&mut self, deadline: Instant, cookie: &SessionCookie, peer: SocketAddr) {
        self.waiting.remove(&(deadline, cookie.clone()));
        let origin = peer.ip().into();
        if let Some(count) = self.waiting_of.get_mut(&origin) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.waiting_of.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests;
