//! Who may do what. It is decided here and looked at wherever packets come and go; what the server makes of it is another
//! matter.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rtspan_core::auth::{Action, Secret, User, Users};
use rtspan_core::server::{Authority, Event, TakeoverPolicy};
use rtspan_core::wire::StatusCode;
use rtspan_core::{ConnId, SessionId, StreamId};

use super::choices::Chance;
use super::source::Origin;

/// How the server finds out who may do what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guard {
    /// By a table of users.
    Table,
    /// By asking the application.
    Question,
}

/// The users that there are, the first for several hosts.
const USERS: [&str; 5] = ["ada", "ada", "ada", "bea", "cyd"];
/// What anybody may read.
const OPEN: &str = "/live";

/// What a user may do, besides what anybody may.
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

/// What hosts know and what was opened by whom.
#[derive(Debug, Default)]
pub(super) struct Rights {
    is_guarded: bool,
    takeover: TakeoverPolicy,
    /// The user whose password a host knows.
    known: BTreeMap<IpAddr, &'static str>,
    conns: BTreeMap<ConnId, IpAddr>,
    sessions: BTreeMap<SessionId, Owner>,
    /// Publishers that have gone and are waited for.
    gone: BTreeMap<StreamId, SessionId>,
    paths: BTreeMap<StreamId, String>,
    /// The hosts of those that make packets; the application has none.
    makers: BTreeMap<Origin, IpAddr>,
    /// Answers to challenges that were sent by others, whole headers.
    overheard: Vec<String>,
}

/// Whose a session is.
#[derive(Clone, Debug)]
struct Owner {
    host: IpAddr,
    user: Option<String>,
    action: Action,
    path: String,
}

impl Rights {
    pub(super) fn new(guard: Option<Guard>, takeover: TakeoverPolicy) -> Self {
        Self { is_guarded: guard.is_some(), takeover, ..Self::default() }
    }

    /// A host comes that may know the password of a user; the same host knows the same.
    pub(super) fn introduce(&mut self, host: IpAddr, chance: &mut Chance<'_>) {
        let user = chance.happens(850).then(|| chance.pick(&USERS));
        if let Some(user) = user.filter(|_| self.is_guarded) {
            self.known.entry(host).or_insert(user);
        }
    }

    /// The user whose password a host knows.
    pub(super) fn user_of(&self, host: IpAddr) -> Option<&'static str> {
        self.known.get(&host).copied()
    }

    /// The name and the password that a client uses: the right ones, wrong ones or none. Also whether they are right.
    pub(super) fn login(
        &self,
        host: IpAddr,
        chance: &mut Chance<'_>,
    ) -> Option<(&'static str, String, bool)> {
        let user = self.user_of(host)?;
        match chance.below(10) {
            8 => None,
            9 => Some((user, "guessed".to_owned(), false)),
            _ => Some((user, password(user), true)),
        }
    }

    /// Somebody at a host makes packets.
    pub(super) fn makes(&mut self, origin: Origin, host: IpAddr) {
        self.makers.insert(origin, host);
    }

    /// Bytes were sent that a host on the way can read.
    pub(super) fn overhear(&mut self, bytes: &[u8]) {
        if !self.is_guarded || self.overheard.len() >= 20 {
            return;
        }
        let text = String::from_utf8_lossy(bytes);
        let header = text.split("Authorization: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        self.overheard.extend(header.filter(|header| header.starts_with("Digest")).map(str::to_owned));
    }

    pub(super) fn any_overheard(&self, chance: &mut Chance<'_>) -> Option<String> {
        (!self.overheard.is_empty()).then(|| chance.pick(&self.overheard))
    }

    /// Whether a host may do this.
    fn may(&self, host: IpAddr, action: Action, path: &str) -> bool {
        let user = self.known.get(&host);
        !self.is_guarded || is_open(action, path) || user.is_some_and(|user| is_right_of(user, action, path))
    }

    fn check(&self, host: IpAddr, action: Action, path: &str) {
        let user = self.known.get(&host);
        assert!(
            self.may(host, action, path),
            "{host}, which knows {user:?}, has no right to {action:?} {path}"
        );
    }

    /// A packet of a stream goes to a host.
    pub(super) fn check_reader(&self, host: IpAddr, stream: StreamId) {
        self.check(host, Action::Read, &self.paths[&stream]);
    }

    /// A packet gets into a log.
    pub(super) fn check_publisher(&self, stream: StreamId, origin: Origin) {
        if let Some(host) = self.makers.get(&origin) {
            self.check(*host, Action::Publish, &self.paths[&stream]);
        }
    }

    /// What the server tells was done by those who may.
    pub(super) fn enter(&mut self, event: &Event) {
        match event {
            Event::ConnOpened { conn, peer } => _ = self.conns.insert(*conn, peer.ip()),
            Event::SessionOpened { session, conn, peer, user, path, action } => {
                let owner =
                    Owner { host: peer.ip(), user: user.clone(), action: *action, path: path.clone() };
                self.check(owner.host, *action, path);
                let is_known = user.is_some() && user.as_deref() == self.user_of(owner.host);
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
            | Event::SessionClosed { session, conn, .. } => self.check_use(*session, *conn),
            Event::PublisherGone { stream, session, .. } => _ = self.gone.insert(*stream, *session),
            Event::Unpublished { stream, .. } => _ = self.gone.remove(stream),
            Event::TakenOver { stream, path, session, conn, former } => {
                self.check_does(*session, *conn, Action::Publish, path);
                let (new, old) = (&self.sessions[session], &self.sessions[former]);
                let is_same = if old.user.is_some() {
                    old.user == new.user
                } else {
                    new.user.is_none() && old.host == new.host
                };
                let may = match (self.gone.remove(stream), self.takeover) {
                    (Some(gone), _) => gone == *former && is_same,
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
        self.check(owner.host, action, path);
        self.check_use(session, conn);
    }

    /// A session is used by the host that has opened it, over another connection or not.
    fn check_use(&self, session: SessionId, conn: ConnId) {
        let (owner, host) = (&self.sessions[&session], self.conns[&conn]);
        assert_eq!(owner.host, host, "{session:?} is used over {conn:?} by another than {owner:?}");
    }
}
