//! The rights of each host. They are decided here and looked at wherever packets come and go; what the server makes of them
//! is another matter.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rtspan_core::auth::{Action, Secret, User, Users};
use rtspan_core::conn::CloseReason;
use rtspan_core::server::{Authority, Event, TakeoverPolicy};
use rtspan_core::wire::StatusCode;
use rtspan_core::{ConnId, SessionId, StreamId};

use super::app::is_shared;
use super::choices::Chance;
use super::hostile::SECOND_PORTS;
use super::source::Origin;

/// How the server finds out who may do what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guard {
    /// By a table of users.
    Table,
    /// By asking the application.
    Question,
}

/// Somebody at an address. On the hosts of those that keep to no rule there are two, each with half of the ports.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Who(IpAddr, bool);

impl From<SocketAddr> for Who {
    fn from(address: SocketAddr) -> Self {
        Self(address.ip(), is_shared(address.ip()) && address.port() >= SECOND_PORTS)
    }
}

/// The users that there are, the first for several hosts.
const USERS: [&str; 5] = ["ada", "ada", "ada", "bea", "cyd"];
/// The path that anybody may read.
const OPEN: &str = "/live";

/// Returns `true` if a user may do this, besides what anybody may.
fn is_right_of(user: &str, action: Action, path: &str) -> bool {
    match (user, action) {
        ("ada", _) | ("bea", Action::Read) => true,
        ("cyd", Action::Publish) => path.starts_with("/cam"),
        ("cyd", Action::Read) => path == "/cam0",
        _ => false,
    }
}

fn is_open(action: Action, path: &str) -> bool {
    action == Action::Read && path == OPEN
}

/// The right password of a user.
pub(super) fn password(user: &str) -> String {
    format!("of {user}")
}

/// The same for the server.
pub(super) fn users() -> Users {
    let user = |name: &str| User::new(name, Secret::password(password(name)));
    Users::default()
        .with(user("ada").may_all("*"))
        .with(user("bea").may(Action::Read, "*"))
        .with(user("cyd").may(Action::Publish, "/cam*").may(Action::Read, "/cam0"))
        .anyone_may(Action::Read, OPEN)
}

/// How the application answers when it is asked how a peer proves its right.
pub(super) fn authority(user: Option<&str>, action: Action, path: &str) -> Result<Authority, StatusCode> {
    match user {
        _ if is_open(action, path) => Ok(Authority::Open),
        Some(user) if is_right_of(user, action, path) => {
            Ok(Authority::Secret(Secret::password(password(user))))
        }
        Some(user) if USERS.contains(&user) => Err(StatusCode::FORBIDDEN),
        _ => Ok(Authority::Challenge),
    }
}

/// The rights that everybody knows, and the things that were opened, each with its owner.
#[derive(Debug, Default)]
pub(super) struct Rights {
    is_guarded: bool,
    takeover: TakeoverPolicy,
    /// The user whose password somebody knows.
    known: BTreeMap<Who, &'static str>,
    conns: BTreeMap<ConnId, Who>,
    sessions: BTreeMap<SessionId, Owner>,
    /// Publishers that have gone and are waited for.
    gone: BTreeMap<StreamId, SessionId>,
    /// Publishers that have taken their leave: anybody that may publish may follow.
    torn_down: BTreeSet<SessionId>,
    paths: BTreeMap<StreamId, String>,
    /// Those that make packets, without the application.
    makers: BTreeMap<Origin, Who>,
    /// Answers to challenges that were sent by others: the method and the URI of the request, and the header.
    overheard: Vec<[String; 3]>,
}

/// The owner of a session.
#[derive(Clone, Debug)]
struct Owner {
    who: Who,
    user: Option<String>,
    action: Action,
    path: String,
}

impl Rights {
    pub(super) fn new(guard: Option<Guard>, takeover: TakeoverPolicy) -> Self {
        Self { is_guarded: guard.is_some(), takeover, ..Self::default() }
    }

    /// Somebody comes who may know the password of a user.
    pub(super) fn introduce(&mut self, who: Who, chance: &mut Chance<'_>) {
        let user = chance.happens(850).then(|| chance.pick(&USERS));
        if let Some(user) = user.filter(|_| self.is_guarded) {
            self.known.insert(who, user);
        }
    }

    /// The user whose password somebody knows.
    pub(super) fn user_of(&self, who: Who) -> Option<&'static str> {
        self.known.get(&who).copied()
    }

    /// The name and the password that a client uses: the right ones, wrong ones or none. Also whether they are right.
    pub(super) fn login(&self, who: Who, chance: &mut Chance<'_>) -> Option<(&'static str, String, bool)> {
        let user = self.user_of(who)?;
        match chance.below(10) {
            8 => None,
            9 => Some((user, "guessed".to_owned(), false)),
            _ => Some((user, password(user), true)),
        }
    }

    /// Somebody makes packets.
    pub(super) fn makes(&mut self, origin: Origin, who: Who) {
        self.makers.insert(origin, who);
    }

    /// Bytes were sent that a host on the way can read.
    pub(super) fn overhear(&mut self, bytes: &[u8]) {
        if !self.is_guarded || self.overheard.len() >= 20 {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let header = text.split("Authorization: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut words = text.split(' ');
        let (method, uri) = (words.next(), words.next());
        // A host that overhears a password knows it: only digests are kept.
        if let (Some(method), Some(uri), Some(header)) =
            (method, uri, header.filter(|header| header.starts_with("Digest")))
        {
            self.overheard.push([method, uri, header].map(str::to_owned));
        }
    }

    /// The proof of somebody else: the method and the URI of its request, and the header.
    pub(super) fn any_overheard(&self, chance: &mut Chance<'_>) -> Option<[String; 3]> {
        (!self.overheard.is_empty()).then(|| chance.pick(&self.overheard))
    }

    /// Returns true if somebody may do this.
    fn may(&self, who: Who, action: Action, path: &str) -> bool {
        let user = self.known.get(&who);
        !self.is_guarded || is_open(action, path) || user.is_some_and(|user| is_right_of(user, action, path))
    }

    fn check(&self, who: Who, action: Action, path: &str) {
        let user = self.known.get(&who);
        assert!(self.may(who, action, path), "{who:?} knows {user:?}, and has no right to {action:?} {path}");
    }

    /// A packet of a stream is read by somebody.
    pub(super) fn check_reader(&self, who: Who, stream: StreamId) {
        self.check(who, Action::Read, &self.paths[&stream]);
    }

    /// A packet of a stream is sent to an address, where somebody may have asked for it.
    pub(super) fn check_address(&self, ip: IpAddr, stream: StreamId) {
        let path = &self.paths[&stream];
        let mut all = [Who(ip, false), Who(ip, true)].into_iter();
        assert!(
            all.any(|who| self.may(who, Action::Read, path)),
            "{path} is sent to {ip}, which may not read it"
        );
    }

    /// A packet gets into a log.
    pub(super) fn check_publisher(&self, stream: StreamId, origin: Origin) {
        if let Some(who) = self.makers.get(&origin) {
            self.check(*who, Action::Publish, &self.paths[&stream]);
        }
    }

    /// Checks that the things that the server tells were done by those who may.
    pub(super) fn enter(&mut self, event: &Event) {
        match event {
            Event::ConnOpened { conn, peer } => _ = self.conns.insert(*conn, (*peer).into()),
            Event::SessionOpened { session, conn, peer, user, path, action } => {
                let owner =
                    Owner { who: (*peer).into(), user: user.clone(), action: *action, path: path.clone() };
                self.check(owner.who, *action, path);
                let is_known = user.is_some() && user.as_deref() == self.user_of(owner.who);
                let needs_none = user.is_none() && (!self.is_guarded || is_open(*action, path));
                assert!(is_known || needs_none, "{peer} opens {session:?} to {action:?} {path} as {user:?}");
                self.sessions.insert(*session, owner);
                self.check_use(*session, *conn);
            }
            Event::Published { stream, path, session, conn } => {
                self.paths.insert(*stream, path.clone());
                if let Some((session, conn)) = session.zip(*conn) {
                    self.check_does(session, conn, Action::Publish, path);
                }
            }
            Event::Playing { session, conn, path, .. } => {
                self.check_does(*session, *conn, Action::Read, path);
            }
            Event::Recording { session, conn, path, .. } => {
                self.check_does(*session, *conn, Action::Publish, path);
            }
            Event::Paused { session, conn }
            | Event::TrackClosed { session, conn, .. }
            | Event::SessionClosed { session, conn, .. } => {
                self.check_use(*session, *conn);
                if let Event::SessionClosed { reason: CloseReason::Teardown, .. } = event {
                    self.torn_down.insert(*session);
                }
            }
            Event::PublisherGone { stream, session, .. } => _ = self.gone.insert(*stream, *session),
            Event::Unpublished { stream, .. } => _ = self.gone.remove(stream),
            Event::TakenOver { stream, path, session, conn, former: Some(former) } => {
                self.check_does(*session, *conn, Action::Publish, path);
                let (new, old) = (&self.sessions[session], &self.sessions[former]);
                let is_same = if old.user.is_some() {
                    old.user == new.user
                } else {
                    new.user.is_none() && old.who.0 == new.who.0
                };
                let may = match (self.gone.remove(stream), self.takeover) {
                    (Some(gone), _) => gone == *former && (is_same || self.torn_down.contains(former)),
                    (None, TakeoverPolicy::SameAddress) => is_same,
                    (None, policy) => policy == TakeoverPolicy::Ask,
                };
                assert!(may, "{new:?} takes {path} over from {old:?}");
            }
            _ => {}
        }
    }

    /// A session does what it was opened for.
    fn check_does(&self, session: SessionId, conn: ConnId, action: Action, path: &str) {
        let owner = &self.sessions[&session];
        assert_eq!((owner.action, &*owner.path), (action, path), "{session:?} was opened for something else");
        self.check(owner.who, action, path);
        self.check_use(session, conn);
    }

    /// A session is used by the user that has opened it, and from the same address, over another connection or not.
    fn check_use(&self, session: SessionId, conn: ConnId) {
        let (owner, who) = (&self.sessions[&session], self.conns[&conn]);
        let is_own = owner.user.is_none() || owner.user.as_deref() == self.user_of(who);
        assert!(is_own && owner.who.0 == who.0, "{session:?} of {owner:?} is used over {conn:?} by {who:?}");
    }
}
