//! Sessions that are sent elsewhere, one by one or all of a server that drains: each that is asked to go gets there, or
//! says why not.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rtspan_core::client::{ClientCloseReason, RedirectAttempt, State};
use rtspan_core::header::Lower;
use rtspan_core::server::TrackChannels;
use rtspan_core::wire::{Method, Request, Response, StatusCode, name};
use rtspan_core::{Instant, SessionId, Url};

use super::app::PATHS;
use super::hostile::Raw;
use super::ledger::Period;
use super::plan::SLACK;
use super::player::Player;
use super::world::World;

/// How long a REDIRECT may be on its way over a connection to which nothing happens.
const ON_ITS_WAY: Duration = Duration::from_secs(8);
/// How long a client may take to set up what is left and to play: it waits no longer than 12 s for an answer.
const PLAYS_BY: Duration = Duration::from_secs(60);
/// How long a client may take to get there once nothing goes wrong any more and nobody is asked.
const SETTLED: Duration = Duration::from_secs(12);

/// Where sessions were sent.
#[derive(Debug, Default)]
pub(super) struct Redirects {
    /// Each place, and the host whose session was sent there.
    places: BTreeMap<String, IpAddr>,
    drain: Option<Drain>,
}

/// The server takes on no session any more.
#[derive(Debug)]
struct Drain {
    to: Option<Url>,
    /// When those that have not gone are ended.
    until: Instant,
}

/// The request that a player got to go elsewhere, and how it obeys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Journey {
    /// It was asked over the connection from this address to go elsewhere.
    Asked { at: Instant, over: SocketAddr },
    /// It has played, and is to play there; it is about to since it has set something up.
    UnderWay { since: Instant, ready: Option<Instant> },
}

impl Redirects {
    /// Somebody is sent to a place: it was told to that host, or is where the server sends everybody.
    fn check(&self, place: &Url, host: IpAddr) {
        let told = self.places.get(place.as_request_uri());
        let everybodys = self.drain.as_ref().and_then(|drain| drain.to.as_ref());
        let is_everybodys = everybodys.is_some_and(|to| place.same_origin(to));
        assert!(told == Some(&host) || is_everybodys, "{host} is sent to {place}, which is for {told:?}");
    }

    /// Nobody was sent elsewhere, and the server takes on sessions.
    pub(super) fn is_for_nobody(&self) -> bool {
        self.places.is_empty() && self.drain.is_none()
    }

    /// The server drains, and where it sends everybody.
    fn is_to_somewhere(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.to.is_some())
    }
}

/// The server of this world is at a place.
pub(super) fn is_here(host: &str, port: u16) -> bool {
    (host, port) == ("10.0.0.1", 554)
}

/// The path that a URL names, if it is one of this server that can be published at.
pub(super) fn path_of(url: &Url) -> Option<&'static str> {
    let is_same = |path: &&str| **path == *url.path();
    PATHS.iter().copied().find(is_same).filter(|_| is_here(url.host(), url.port()))
}

impl World<'_> {
    /// The application sends sessions elsewhere, one or all.
    pub(super) fn app_redirects(&mut self) {
        let often = self.plan.redirects;
        if self.chance.happens(often) {
            let sessions: Vec<SessionId> = self.server.sessions().map(|info| info.session).collect();
            if !sessions.is_empty() {
                let session = self.chance.pick(&sessions);
                self.app_redirects_session(session);
            }
        }
        let is_late = self.steps * 2 > self.plan.steps;
        let is_due = is_late && self.plan.drains && self.redirects.drain.is_none();
        if is_due && self.chance.happens(20) {
            self.app_drains();
        }
    }

    fn app_redirects_session(&mut self, session: SessionId) {
        let place = self.any_place_elsewhere();
        let Some(info) = self.server.session(session) else { return };
        self.redirects.places.insert(place.as_request_uri().to_owned(), info.peer.ip());
        let asked = self.door(|server, _, _| server.redirect_session(session, &place));
        if asked {
            self.counts.add("sessions redirected", 1);
            self.expect_journeys(|own| own == session);
        }
    }

    /// A server that stops sends everybody elsewhere, or only takes on nobody any more.
    pub(super) fn app_drains(&mut self) {
        let limit = self.chance.millis(0, 40_000);
        let to = if self.plan.redirects > 0 { self.chance.below(3) } else { 0 };
        let to = (to > 0).then(|| self.any_place_elsewhere());
        self.counts.add(if to.is_some() { "servers drained to another" } else { "servers drained" }, 1);
        self.note(4, || format!("draining for {limit:?}"));
        // Sessions that were opened before are told before.
        self.hear_all();
        self.books.drains();
        self.redirects.drain = Some(Drain { to: to.clone(), until: self.now + limit });
        let is_somewhere = to.is_some();
        self.door(|server, now, _| server.drain(now, to, limit));
        if is_somewhere {
            self.expect_journeys(|_| true);
        }
    }

    /// A place on this server, or one where nobody answers; no two are the same.
    fn any_place_elsewhere(&mut self) -> Url {
        let number = self.redirects.places.len();
        let path = self.chance.pick(PATHS);
        let host = self.chance.pick(&["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.9.9.9", "10.0.0.1:555"]);
        Url::parse(&format!("rtsp://{host}{path}?number={number}")).expect("a URL")
    }

    /// The players that have those sessions are to get what they were sent.
    fn expect_journeys(&mut self, is_asked: impl Fn(SessionId) -> bool) {
        let now = self.now;
        for index in 0..self.players.len() {
            let Some(mut player) = self.players[index].take() else { continue };
            let session = self.session_of(&player).filter(|session| is_asked(*session));
            let is_there = session.is_some_and(|session| self.server.session(session).is_some());
            let is_tcp = player.client.transport() == Some(Lower::Tcp);
            let is_idle = player.asked.is_empty() && player.journey.is_none() && !player.has_vanished;
            if let Some(over) = player.peer().filter(|_| is_there && is_tcp && is_idle) {
                player.journey = Some(Journey::Asked { at: now, over });
            }
            self.players[index] = Some(player);
        }
    }

    /// A player's client goes elsewhere.
    pub(super) fn player_goes(&mut self, player: &mut Player, place: &Url) {
        self.redirects.check(place, player.host);
        self.counts.add("clients redirected", 1);
        self.player_begins_at(player, place);
    }

    /// Nobody answers there, so that it goes back to where it has begun.
    pub(super) fn player_goes_back(&mut self, player: &mut Player, attempt: &RedirectAttempt) {
        self.counts.add("clients that found nobody elsewhere", 1);
        let is_refused = is_here(attempt.url.host(), attempt.url.port());
        self.counts.add("clients that found nobody here", u64::from(is_refused));
        let first = player.client.url().clone();
        self.player_begins_at(player, &first);
    }

    fn player_begins_at(&mut self, player: &mut Player, place: &Url) {
        if let Some(path) = path_of(place) {
            player.role.set_path(path);
        }
        let has_played = player.period.is_some();
        let peer = player.peer();
        player.session = None;
        player.media_ports.clear();
        player.media_destinations.clear();
        player.period = player.period.take().map(|_| Period::after_switch(self.now, peer));
        player.journey = has_played.then_some(Journey::UnderWay { since: self.now, ready: None });
        self.expect_packets(player);
    }

    /// A client has closed because of a redirect.
    pub(super) fn player_ends_elsewhere(&mut self, player: &mut Player, reason: &ClientCloseReason) {
        match reason {
            ClientCloseReason::Redirected(Some(place)) => {
                self.redirects.check(place, player.host);
                self.counts.add("publishers redirected", 1);
                player.place = Some(place.clone());
            }
            ClientCloseReason::RedirectFailed(attempts) => {
                assert!(!attempts.is_empty(), "nobody was tried");
                self.counts.add("clients that found nobody anywhere", 1);
            }
            ClientCloseReason::RestartFailed(_) => {
                self.counts.add("clients that could not begin again", 1);
            }
            _ => {}
        }
        player.journey = None;
    }

    /// Looks at how far a player has come that was sent elsewhere.
    pub(super) fn watch_journey(&mut self, player: &mut Player) {
        match player.journey.filter(|_| !player.is_over) {
            Some(Journey::Asked { at, over }) => {
                let link = player.link.and_then(|link| self.tcp.get(link));
                let is_same = link.is_some_and(|link| link.peer == over && link.is_steady(at));
                let is_late = self.now > at + ON_ITS_WAY;
                // Its own requests may keep it where it is.
                let has_asked = is_late && !player.asked.is_empty();
                if !is_same || has_asked || player.client.state() == State::Initial {
                    player.journey = None;
                } else {
                    assert!(!is_late, "client {} was to be asked to go elsewhere, and was not", player.index);
                }
            }
            Some(Journey::UnderWay { .. }) if player.client.state() == State::Play => {
                self.learn_ports(player);
                player.journey = None;
                self.counts.add("clients that play elsewhere", 1);
            }
            Some(Journey::UnderWay { since, ready }) => {
                let waits = player.client.poll_timeout().is_some() || player.is_about_to();
                assert!(waits, "client {} goes elsewhere and waits for nothing", player.index);
                let is_ready = player.client.state() == State::PrePlay;
                let ready = ready.or(is_ready.then_some(self.now));
                let is_due = ready.is_some_and(|ready| self.now > ready + PLAYS_BY);
                assert!(!is_due, "client {} is ready to play elsewhere, and does not", player.index);
                player.journey = Some(Journey::UnderWay { since, ready });
            }
            None => {}
        }
    }

    /// Asks the server for the ports that a client has set up by itself.
    pub(super) fn learn_ports(&self, player: &mut Player) {
        let session = self.session_of(player).and_then(|session| self.server.session(session));
        for track in session.iter().flat_map(|session| &session.tracks) {
            if let TrackChannels::Udp(rtp, _) = track.channels {
                player.media_ports.insert(track.media, rtp.port());
            }
        }
    }

    /// Everything is at rest: each client that went elsewhere has got there, or has said why not.
    pub(super) fn check_journey(&self, player: &Player) {
        let Some(Journey::UnderWay { since, .. }) = player.journey.as_ref().filter(|_| !player.is_over)
        else {
            return;
        };
        let is_due = *since + SETTLED < self.now && self.plan.asks_nobody();
        assert!(!is_due, "client {} went elsewhere at {since:?}, and is nowhere", player.index);
    }

    /// A server that drains has no session left once its limit is over.
    pub(super) fn check_drained(&self) {
        let Some(drain) = &self.redirects.drain else { return };
        let is_due = self.now > drain.until + SLACK && self.server.session_count() > 0;
        let left: Vec<_> = if is_due { self.server.sessions().collect() } else { Vec::new() };
        assert!(!is_due, "sessions have outlived the drain: {left:?}");
    }

    /// The server asks one that keeps to no rule to go elsewhere.
    pub(super) fn raw_request(&mut self, raw: &mut Raw, request: &Request) {
        self.note(u64::from(raw.redirects), || format!("asked {request:?}"));
        assert_eq!(request.method, Method::Redirect, "the server asks for something: {request:?}");
        raw.redirects += 1;
        assert_eq!(request.cseq(), Some(raw.redirects), "a request out of its turn: {request:?}");
        let place = request.headers.get(name::LOCATION).map(Url::parse);
        let Some(Ok(place)) = place else { panic!("no place to go: {request:?}") };
        let peer = self.tcp.get(raw.link).map(|link| link.peer);
        peer.into_iter().for_each(|peer| self.redirects.check(&place, peer.ip()));
        let key = request.headers.get(name::SESSION);
        assert!(key.is_some(), "a request of no session: {request:?}");
        self.counts.add("hostile hosts redirected", 1);
        let cseq = request.cseq().unwrap_or_default();
        let responses = match self.chance.below(8) {
            0 => vec![],
            1 => vec![(StatusCode::NOT_IMPLEMENTED, Some(cseq))],
            2 => vec![(StatusCode::OK, Some(cseq + 7)), (StatusCode::OK, None)],
            3 => vec![(StatusCode::UNAUTHORIZED, Some(cseq)); 3],
            _ => vec![(StatusCode::OK, Some(cseq))],
        };
        for (status, cseq) in responses {
            let mut response = Response::new(status);
            cseq.into_iter().for_each(|cseq| response.headers.push(name::CSEQ, cseq));
            raw.out.extend(response.to_bytes());
        }
    }

    /// An answer sends one that keeps to no rule elsewhere.
    pub(super) fn check_found(&mut self, response: &Response) {
        if response.status != StatusCode::FOUND {
            return;
        }
        let place = response.headers.get(name::LOCATION).map(Url::parse);
        let Some(Ok(place)) = place else { panic!("no place to go: {response:?}") };
        assert!(self.redirects.is_to_somewhere(), "sent away by a server that goes on: {response:?}");
        self.redirects.check(&place, IpAddr::from([0; 4]));
    }
}
