//! The right of a peer to what it asks for: it is checked for every request before anything else.

mod change;
mod denial;
pub(super) mod guesses;
mod proof;
mod speech;
mod token;

use super::asks::Asks;
use super::request::{Outcome, Step};
use super::{Event, Question, Server};
use crate::auth::{Action, Authorization, NonceId, Secret};
use crate::limits::GRANTS_PER_CONN_MAX;
use crate::url::track::{resolve_aggregate, resolve_setup};
use crate::url::{canonical, same};
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, Tolerance, Tolerances};

pub(super) use proof::NonceCounts;

/// How the application answers the question for a peer's right.
///
/// ```
/// use rtspan_core::auth::Secret;
/// use rtspan_core::server::{Authenticate, Authority, Question, Refusal};
///
/// /// The answer to [`Event::Authenticate`](rtspan_core::server::Event::Authenticate).
/// fn judge(question: &Question<Authenticate>) -> Result<Authority, Refusal> {
///     Ok(match (question.path.as_str(), question.user.as_deref()) {
///         ("/lobby", _) => Authority::Open,
///         (_, Some("wall")) => Authority::Secret(Secret::password("horse")),
///         _ => Authority::Challenge,
///     })
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Authority {
    /// A peer that knows this secret of its user may do it.
    Secret(Secret),
    /// The peer may do it, without a secret: anybody may, or a token in the query was good.
    Open,
    /// The peer is this user, and may do it: its token was good, that of the Authorization header
    /// ([`Question::token`]) or one in the query. Sessions that it opens belong to the user.
    User(String),
    /// The peer is asked for credentials. Those that it has sent, if any, count as wrong.
    Challenge,
}

/// A user that has proved itself.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) user: Box<str>,
    secret: Secret,
}

/// The rights that a connection has proved.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    grants: Vec<Grant>,
    /// The nonce that has proved it last. It does not grow old on its connection: players do not expect that of a
    /// keepalive.
    nonce: Option<NonceId>,
    failures: u32,
    /// The request that comes next has waited for its turn.
    has_waited: bool,
}

#[derive(Clone, Debug)]
struct Grant {
    /// `None` for what anybody may.
    identity: Option<Identity>,
    /// `None` if it is only known which user it is, by a session of its own.
    need: Option<Need>,
}

/// The right that a request needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Need {
    action: Action,
    path: Box<str>,
    query: Option<Box<str>>,
}

/// The proof of its right that a request carries.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Nothing,
    Malformed,
    Credentials(Box<Authorization>),
}

impl Given {
    /// The user that is named.
    fn user(&self) -> Option<String> {
        match self {
            Self::Credentials(authorization) => authorization.user().map(str::to_owned),
            Self::Nothing | Self::Malformed => None,
        }
    }
}

/// Why a request may not go on.
enum Denial {
    /// Credentials are missing, or were made for a nonce that is too old.
    Ask { stale: bool },
    /// The credentials are wrong.
    Wrong,
    /// The credentials are right, but not for this.
    Forbidden,
    /// The session belongs to another user.
    Foreign,
}

impl Server {
    /// Looks at whether a request may go on: `Ok(None)` if it may.
    pub(super) fn authorize(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Option<Outcome>, Response> {
        if !self.config.is_guarded() {
            return Ok(None);
        }
        let Some(need) = self.need_of(request, session)? else { return Ok(None) };
        let given = self.given(conn, request, &need);
        if !matches!(given, Given::Nothing) {
            if let Some(at) = self.turn(now, conn)? {
                return Ok(Some(Outcome::Later(at)));
            }
        }
        let verdict = match session {
            Some(session) => self.check_owner(now, conn, request, session, &given).map(|()| None),
            None => self.check_right(now, conn, request, need.clone(), given.clone()),
        };
        let verdict = match verdict {
            Ok(None) => self.check_right_to_speak(now, conn, request, session, given.clone()),
            verdict => verdict,
        };
        verdict.map_err(|denial| self.deny(now, conn, session, &need, &given, &denial))
    }

    /// The application has told how a peer proves its right to `need`: `Ok(None)` if the request may go on. The right to
    /// speak comes after that to read, if the request is about speaking by now.
    pub(super) fn authority_told(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        (need, given): (Need, Given),
        authority: Authority,
    ) -> Result<Option<Outcome>, Response> {
        let verdict = match (authority, &given) {
            (Authority::Open, _) => Ok(None),
            (Authority::User(user), given) => {
                let secret = match given {
                    Given::Credentials(authorization) => authorization.token().map(Secret::token),
                    Given::Nothing | Given::Malformed => None,
                };
                let secret = secret.unwrap_or_else(|| self.nonce_key.nobodys_secret());
                Ok(Some(Identity { user: user.into(), secret }))
            }
            (Authority::Secret(_) | Authority::Challenge, Given::Nothing) => {
                Err(Denial::Ask { stale: false })
            }
            (Authority::Secret(secret), Given::Credentials(authorization)) => {
                let user = authorization.user().unwrap_or("").into();
                self.check(now, conn, request, authorization, &secret)
                    .map(|()| Some(Identity { user, secret }))
            }
            (Authority::Secret(_) | Authority::Challenge, _) => Err(Denial::Wrong),
        };
        let identity = verdict.map_err(|denial| self.deny(now, conn, None, &need, &given, &denial))?;
        self.grant_right(conn, identity, Some(need.clone()));
        let session = self.find_session(now, conn, request)?;
        if need.action == Action::Speak {
            return if self.still_speaks(conn, request, session, &need.path) {
                Ok(None)
            } else {
                Err(Response::new(StatusCode::NOT_FOUND))
            };
        }
        self.check_right_to_speak(now, conn, request, session, given.clone())
            .map_err(|denial| self.deny(now, conn, session, &need, &given, &denial))
    }

    /// The user of a new session for reading or publishing at a path: the one who has proved its right to that.
    pub(super) fn owner_of_new(&self, conn: ConnId, action: Action, path: &str) -> Option<Identity> {
        let grants = &self.conns.get(conn)?.access.grants;
        let is_for = |need: &Need| need.action == action && same(&need.path, path);
        grants.iter().rev().find(|grant| grant.need.as_ref().is_some_and(is_for))?.identity.clone()
    }

    /// Returns `true` if a connection may be told if a session exists. To others, every session seems to be one that they
    /// have to prove themselves for.
    pub(super) fn may_know_sessions(&self, conn: ConnId, request: &Request) -> bool {
        let has_proved = self.conns.get(conn).is_some_and(|connection| !connection.access.grants.is_empty());
        !self.config.is_guarded() || has_proved || request.headers.get(name::AUTHORIZATION).is_some()
    }

    /// The right that a request needs; `None` for one that anybody may send.
    fn need_of(&self, request: &Request, session: Option<SessionId>) -> Result<Option<Need>, Response> {
        if let Some(session) = session.and_then(|id| self.sessions.get(id)) {
            let action = if session.read_stream().is_some() { Action::Read } else { Action::Publish };
            return Ok(Some(Need { action, path: session.path.clone(), query: None }));
        }
        let bad = |_| Response::new(StatusCode::BAD_REQUEST);
        let action = match request.method {
            Method::Announce => Action::Publish,
            Method::Setup | Method::Describe => Action::Read,
            Method::GetParameter | Method::SetParameter if !request.body.is_empty() => Action::Read,
            // Without a session the others lead nowhere.
            _ => return Ok(None),
        };
        let (path, query) = match request.method {
            Method::Setup => resolve_setup(&request.uri).map(|place| (place.path, place.query)),
            _ => resolve_aggregate(&request.uri),
        }
        .map_err(bad)?;
        Ok(Some(Need { action, path: canonical(path).into(), query: query.map(Into::into) }))
    }

    fn given(&mut self, conn: ConnId, request: &Request, need: &Need) -> Given {
        let mut headers = request.headers.get_all(name::AUTHORIZATION);
        let Some(value) = headers.next() else { return self.given_in_query(conn, need) };
        if headers.next().is_some() {
            return Given::Malformed;
        }
        let mut tolerances = Tolerances::NONE;
        let authorization = Authorization::parse(value, &mut tolerances);
        let given = match authorization {
            Err(_) => Given::Malformed,
            Ok(Authorization::Basic { user, password }) if user.is_empty() && password.is_empty() => {
                tolerances.record(Tolerance::EmptyCredentials);
                Given::Nothing
            }
            // Credentials that were not asked for are not looked at, so that nobody can use them to guess.
            Ok(authorization) if !self.takes(conn, &authorization) => Given::Nothing,
            Ok(authorization) => Given::Credentials(Box::new(authorization)),
        };
        self.tolerate(conn, tolerances);
        given
    }

    fn takes(&self, conn: ConnId, authorization: &Authorization) -> bool {
        self.schemes(conn).any(|scheme| scheme.is_of(authorization))
    }

    /// A session belongs to the user that has opened it.
    fn check_owner(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: SessionId,
        given: &Given,
    ) -> Result<(), Denial> {
        let Some(session) = self.sessions.get(session) else { return Err(Denial::Foreign) };
        let Some(owner) = session.owner.clone() else { return Ok(()) };
        let grants = self.conns.get(conn).map(|connection| &*connection.access.grants).unwrap_or_default();
        let users = || grants.iter().filter_map(|grant| grant.identity.as_ref());
        match given {
            Given::Malformed => Err(Denial::Wrong),
            Given::Nothing if users().any(|identity| identity.user == owner.user) => Ok(()),
            // Tokens are renewed, so that this one may be another than the session was opened with.
            Given::Credentials(authorization)
                if authorization.token().is_some() && users().any(|identity| identity.user == owner.user) =>
            {
                Ok(())
            }
            Given::Nothing if users().next().is_none() => Err(Denial::Ask { stale: false }),
            Given::Credentials(authorization)
                if authorization.token().is_some() || authorization.user() == Some(&owner.user) =>
            {
                self.check(now, conn, request, authorization, &owner.secret)?;
                if self.conns.get(conn).is_some_and(|connection| connection.access.grants.is_empty()) {
                    // It need not prove again that it is this user, and may nothing else by it.
                    self.grant_right(conn, Some(*owner), None);
                }
                Ok(())
            }
            Given::Nothing | Given::Credentials(_) => Err(Denial::Foreign),
        }
    }

    /// Checks a right of a peer without a session; a question, if the application is to decide.
    fn check_right(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        need: Need,
        given: Given,
    ) -> Result<Option<Outcome>, Denial> {
        let known = self.conns.get(conn).and_then(|connection| connection.access.grant_for(&need, &given));
        match (known, &given) {
            (Some(None), _) | (Some(Some(_)), Given::Nothing) => return Ok(None),
            (Some(Some(identity)), Given::Credentials(authorization)) => {
                return self.check(now, conn, request, authorization, &identity.secret).map(|()| None);
            }
            _ => {}
        }
        if matches!(given, Given::Malformed) {
            return Err(Denial::Wrong);
        }
        if self.config.asks.contains(Asks::AUTHENTICATE) {
            return self.ask_for_right(now, conn, request, need, given);
        }
        let Some(users) = &self.config.users else { return Ok(None) };
        if users.is_open(need.action, &need.path) {
            return Ok(None);
        }
        let Given::Credentials(authorization) = &given else { return Err(Denial::Ask { stale: false }) };
        let user = match authorization.token() {
            Some(token) => users.of_token(token),
            None => authorization.user().and_then(|name| users.get(name)),
        };
        let user = user.cloned();
        // It takes as long to find out that there is no such user, and nothing passes as its password.
        let secret =
            user.as_ref().map_or_else(|| self.nonce_key.nobodys_secret(), |user| user.secret().clone());
        self.check(now, conn, request, authorization, &secret)?;
        let user = user.ok_or(Denial::Wrong)?;
        if !user.is_allowed(need.action, &need.path) {
            return Err(Denial::Forbidden);
        }
        self.grant_right(conn, Some(Identity { user: user.name().into(), secret }), Some(need));
        Ok(None)
    }

    fn ask_for_right(
        &self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        need: Need,
        given: Given,
    ) -> Result<Option<Outcome>, Denial> {
        if let Given::Credentials(authorization) = &given {
            self.check_nonce(now, conn, authorization)?;
        }
        let user = given.user();
        let place = (&*need.path, need.query.as_deref());
        let Ok(question) = self.question(conn, request, None, place) else { return Err(Denial::Foreign) };
        let takes_token = matches!(&given, Given::Credentials(given) if given.token().is_some());
        let question = Question { user, action: need.action, takes_token, ..question };
        Ok(Some(Outcome::ask(Step::Authenticate(need, given), Event::Authenticate(question))))
    }

    fn grant_right(&mut self, conn: ConnId, identity: Option<Identity>, need: Option<Need>) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        let grants = &mut connection.access.grants;
        grants.retain(|grant| grant.need != need);
        if grants.len() >= GRANTS_PER_CONN_MAX {
            grants.remove(0);
        }
        grants.push(Grant { identity, need });
    }
}

impl Access {
    /// The users that have proved themselves, each once.
    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        let users = self.grants.iter().filter_map(|grant| grant.identity.as_ref().map(|own| &*own.user));
        users.enumerate().filter_map(move |(place, user)| {
            let identities = self.grants.iter().filter_map(|grant| grant.identity.as_ref());
            (!identities.take(place).any(|earlier| *earlier.user == *user)).then_some(user)
        })
    }

    /// The user that is known to have the right to `need`; `Some(None)` if anybody may.
    fn grant_for(&self, need: &Need, given: &Given) -> Option<Option<Identity>> {
        let grant = self.grants.iter().find(|grant| {
            let user = grant.identity.as_ref().map(|identity| &*identity.user);
            let names_another = match given {
                Given::Credentials(authorization) => user.is_some() && authorization.user() != user,
                _ => false,
            };
            grant.need.as_ref() == Some(need) && !names_another
        });
        grant.map(|grant| grant.identity.clone())
    }
}
