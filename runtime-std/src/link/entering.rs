use std::io::{self, ErrorKind};
use std::iter;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::Context;

use bytes::{Bytes, BytesMut};
use rtspan_core::Instant;
use rtspan_core::server::ServerConfig;
use rtspan_core::tunnel::http::{Pairing, PairingError, Request, RequestError, RequestKind, SessionCookie};
use rtspan_core::tunnel::websocket::Origins;
use rtspan_core::tunnel::{Greeting, TunnelError};

use super::halves::{GetHalf, PostHalf, Slot};
use super::pipe::Pipe;
use super::session::Session;
use crate::clock::Clock;
use crate::runtime::TcpSocket;
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ServerTls;
use crate::wake::{Wake, lock};

/// The protocols that the peers of a server may speak.
#[derive(Debug)]
pub(crate) struct Admission {
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    pub(crate) tls: Option<ServerTls>,
    /// Those that speak without TLS are refused.
    pub(crate) requires_tls: bool,
    /// The pages whose WebSockets are taken; `None` if none is.
    pub(crate) websocket: Option<Origins>,
    /// Tunnels of HTTP are taken.
    pub(crate) http_tunnel: bool,
}

/// The entrance of a server, where its peers show what they speak, and the halves of tunnels find each other.
pub(crate) struct Entrance<T> {
    admission: Admission,
    pub(super) tunnels: Mutex<Pairing<Arc<Slot<T>>, PostHalf<T>>>,
    clock: Clock,
    /// Wakes the task that looks at how long halves wait.
    waits: Wake,
}

/// The place of a connection among those of a server.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) peer: SocketAddr,
    /// Wakes its task.
    pub(crate) wake: Arc<Wake>,
    /// A proxy is to say first where it comes from.
    pub(crate) awaits_proxy: bool,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
            tls: None,
            requires_tls: false,
            websocket: Some(Origins::default()),
            http_tunnel: true,
        }
    }
}

impl Admission {
    /// Returns `true` if there is nothing to find out about a peer.
    fn is_only_plain(&self) -> bool {
        !self.has_tls() && !self.requires_tls && self.websocket.is_none() && !self.http_tunnel
    }

    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(any(feature = "tls", feature = "tls-aws-lc-rs")))]
    pub(crate) fn has_tls(&self) -> bool {
        false
    }

    /// Begins a TLS connection; `None` if the server has no certificate.
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    fn accept(&self) -> Option<io::Result<Session>> {
        let accepted = self.tls.as_ref()?.accept();
        Some(accepted.map_err(|error| io::Error::new(ErrorKind::InvalidData, error)))
    }

    #[cfg(not(any(feature = "tls", feature = "tls-aws-lc-rs")))]
    fn accept(&self) -> Option<io::Result<Session>> {
        None
    }

    fn takes(&self, kind: &RequestKind) -> bool {
        match kind {
            RequestKind::WebSocket(_) => self.websocket.is_some(),
            RequestKind::Get(_) | RequestKind::Post(_) => self.http_tunnel,
            _ => false,
        }
    }
}

impl<T> Entrance<T> {
    pub(crate) fn new(admission: Admission, config: &ServerConfig, clock: Clock) -> Self {
        Self { admission, tunnels: Mutex::new(config.tunnel_halves()), clock, waits: Wake::default() }
    }

    pub(super) fn takes_only_plain(&self) -> bool {
        self.admission.is_only_plain()
    }

    /// Closes the halves that have waited too long for the other. Returns when to come back; the task is woken if that becomes
    /// sooner.
    pub(crate) fn expire(&self, cx: &Context<'_>) -> Option<Instant> {
        self.waits.register(cx);
        let now = self.clock.now();
        let mut tunnels = lock(&self.tunnels);
        // A GET that has waited too long is closed by its own task, by the deadline of a message.
        let expired: Vec<_> = iter::from_fn(|| tunnels.poll_expired(now)).collect();
        let next = tunnels.poll_timeout();
        drop(tunnels);
        drop(expired);
        next
    }
}

/// A peer speaks without TLS, which is required.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the peer speaks without TLS, which the server requires")]
pub(crate) struct NotSecured;

/// A connection whose peer is to show what it speaks.
pub(super) struct Entering<T> {
    entrance: Arc<Entrance<T>>,
    place: Place,
    is_secured: bool,
    /// The bytes that have come, if they do not tell yet, or there was no room for them.
    held: BytesMut,
    /// They are RTSP.
    is_told: bool,
    /// They are still to be looked at.
    has_rest: bool,
}

/// The next step of a connection that is entered.
pub(super) enum Step<T> {
    /// Bytes of RTSP were appended.
    Read(usize),
    /// From here on all is RTSP; so many bytes of it were appended.
    Rtsp(usize),
    /// From here on it is a WebSocket: the answer that accepts it, and what has come behind its handshake.
    WebSocket(Bytes, BytesMut),
    /// It is written from here on, and what is read comes over another connection.
    Get(GetHalf<T>),
    /// It is a half of another connection, and this has come behind its request.
    Post(SessionCookie, BytesMut),
}

impl<T: TcpSocket> Entering<T> {
    pub(super) fn new(entrance: Arc<Entrance<T>>, place: Place) -> Self {
        Self { entrance, place, is_secured: false, held: BytesMut::new(), is_told: false, has_rest: false }
    }

    /// Returns `true` if the peer has begun something that does not tell yet what it is.
    pub(super) fn has_begun(&self) -> bool {
        !self.held.is_empty()
    }

    /// Returns `true` if there is more to hand on, whatever the socket says.
    pub(super) fn has_input(&self) -> bool {
        self.is_told || self.has_rest
    }

    pub(super) fn into_held(self) -> Bytes {
        self.held.freeze()
    }

    /// Reads on, and finds out what the peer speaks.
    pub(super) fn step(&mut self, pipe: &mut Pipe<T>, into: &mut BytesMut) -> io::Result<Step<T>> {
        if self.is_told {
            return Ok(self.hand_on(into));
        }
        let before = into.len();
        let has_more = mem::take(&mut self.has_rest);
        let is_at_end = !has_more && pipe.read(into)? == 0;
        let came = into.get(before..).unwrap_or_default();
        // Mostly all comes at once, and stays where it was read.
        let may_be_plain = self.is_secured || !self.entrance.admission.requires_tls;
        let is_first = self.held.is_empty() && !self.place.awaits_proxy;
        if may_be_plain && is_first && Greeting::of(came) == Some(Greeting::Rtsp) {
            return Ok(Step::Rtsp(came.len()));
        }
        self.held.extend_from_slice(came);
        into.truncate(before);
        if self.place.awaits_proxy && !is_at_end {
            return self.take_header(into);
        }
        match self.greeting(&self.held)? {
            Some(Greeting::Tls) => match self.entrance.admission.accept() {
                Some(session) => self.secure(pipe, session?, into),
                None => Ok(self.hand_on(into)),
            },
            Some(Greeting::Http) => self.take_request(pipe, into),
            None if !is_at_end => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(self.hand_on(into)),
        }
    }

    /// Hands on the header of a proxy, of which RTSP has to know.
    fn take_header(&mut self, into: &mut BytesMut) -> io::Result<Step<T>> {
        match Greeting::header_of_proxy(&self.held) {
            None => Err(ErrorKind::WouldBlock.into()),
            // RTSP refuses it.
            Some((0, _)) => Ok(self.hand_on(into)),
            Some((len, source)) => {
                source.into_iter().for_each(|source| self.place.peer = source);
                into.extend_from_slice(&self.held.split_to(len));
                self.place.awaits_proxy = false;
                self.has_rest = !self.held.is_empty();
                Ok(Step::Read(len))
            }
        }
    }

    /// Hands on what is held, as far as there is room.
    fn hand_on(&mut self, into: &mut BytesMut) -> Step<T> {
        let room = into.capacity().saturating_sub(into.len());
        let part = self.held.split_to(room.min(self.held.len()));
        into.extend_from_slice(&part);
        self.is_told = !self.held.is_empty();
        if self.is_told { Step::Read(part.len()) } else { Step::Rtsp(part.len()) }
    }

    fn greeting(&self, bytes: &[u8]) -> io::Result<Option<Greeting>> {
        let told = Greeting::of(bytes);
        let is_plain = told.is_some_and(|told| told != Greeting::Tls);
        if is_plain && self.entrance.admission.requires_tls && !self.is_secured {
            return Err(io::Error::new(ErrorKind::PermissionDenied, NotSecured));
        }
        Ok(told)
    }

    /// Goes on in TLS.
    fn secure(
        &mut self,
        pipe: &mut Pipe<T>,
        mut session: Session,
        into: &mut BytesMut,
    ) -> io::Result<Step<T>> {
        let pushed = session.push(&self.held.split(), into);
        pipe.secure(session);
        self.is_secured = true;
        pushed?;
        Err(ErrorKind::WouldBlock.into())
    }

    /// Reads the request of HTTP that begins a tunnel.
    fn take_request(&mut self, pipe: &mut Pipe<T>, into: &mut BytesMut) -> io::Result<Step<T>> {
        let (request, len) = match Request::parse(&self.held) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Err(ErrorKind::WouldBlock.into()),
            // The parser of RTSP answers those who have come to the wrong port.
            Err(RequestError::NoTunnel | RequestError::Method) => return Ok(self.hand_on(into)),
            Err(error) => return Err(refused(pipe, &error.answer(), error)),
        };
        if !self.entrance.admission.takes(request.kind()) {
            return Ok(self.hand_on(into));
        }
        let step = match request.kind() {
            RequestKind::WebSocket(upgrade) => {
                let origins = self.entrance.admission.websocket.clone().unwrap_or_default();
                let accepted = upgrade.accept(&origins);
                let accepted = accepted.map_err(|error| refused(pipe, &error.answer(), error))?;
                Step::WebSocket(accepted.answer, self.held.split_off(len))
            }
            RequestKind::Get(cookie) => Step::Get(self.get(pipe, cookie)?),
            RequestKind::Post(cookie) => Step::Post(cookie.clone(), self.held.split_off(len)),
            _ => return Ok(self.hand_on(into)),
        };
        self.held.clear();
        Ok(step)
    }

    /// Makes the half of a GET, which waits for its POST or has it already.
    fn get(&self, pipe: &mut Pipe<T>, cookie: &SessionCookie) -> io::Result<GetHalf<T>> {
        let slot = Arc::new(Slot::new(Arc::clone(&self.place.wake)));
        let (now, peer) = (self.entrance.clock.now(), self.place.peer);
        let post = lock(&self.entrance.tunnels).get(now, cookie, peer, Arc::clone(&slot));
        let post = post.map_err(|error| refused(pipe, &error.reason.answer(), error.reason))?;
        Ok(GetHalf::new(Arc::clone(&self.entrance), self.place.clone(), cookie.clone(), slot, post))
    }

    /// Gives a POST to its GET, or has it wait for that.
    pub(super) fn pair(
        self,
        cookie: &SessionCookie,
        post: PostHalf<T>,
    ) -> Result<(), (PostHalf<T>, PairingError)> {
        let now = self.entrance.clock.now();
        let paired = lock(&self.entrance.tunnels).post(now, cookie, self.place.peer, post);
        match paired.map_err(|refused| (refused.half, refused.reason))? {
            Some((slot, post)) => slot.put(post),
            None => self.entrance.waits.wake(),
        }
        Ok(())
    }
}

/// Answers that there is no tunnel.
fn refused<T: TcpSocket>(pipe: &mut Pipe<T>, answer: &[u8], error: impl Into<TunnelError>) -> io::Error {
    pipe.push(answer);
    io::Error::new(ErrorKind::InvalidData, error.into())
}
