//! The control interface over HTTP: what `docs/api.md` tells.

mod paths;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use rtspan_examples::http::{self, Guard, Refusal, Response, Serving, error, json};
use rtspan_examples::{Listen, metrics};
use rtspan_std::runtime::Runtime;
use rtspan_std::{Action, SessionInfo, SessionStats, WithCauses};
use serde_json::{Value, json};

use super::config::Api;
use super::station::Station;
use crate::Failure;
use crate::events::over;

/// Where it listens if nothing is said.
const LISTEN: &str = "127.0.0.1:9997";

impl Api {
    pub(super) fn at(&self) -> Listen {
        self.listen.as_ref().map_or_else(|| LISTEN.parse().expect("it is an address"), |at| at.0.clone())
    }

    /// The callers that may ask.
    pub(super) fn guard(&self, token: Option<String>) -> Result<Guard, Refusal> {
        let at = self.at();
        // A name other than localhost may stand for an address that others reach.
        let addr: SocketAddr = match at.to_string().replace("localhost", "127.0.0.1").parse() {
            Ok(addr) => addr,
            Err(_) => ([0, 0, 0, 0], at.port()).into(),
        };
        Guard::new(addr, token)
    }
}

/// The guard of the control interface, which other settings replace; nobody is let in without one.
pub(super) type Guards = Arc<Mutex<Option<Guard>>>;

/// Begins to answer at a socket.
pub(super) fn begin<R: Runtime>(
    station: &Station<R>,
    guards: &Guards,
    listener: TcpListener,
) -> io::Result<Serving> {
    let (station, guards) = (station.clone(), Arc::clone(guards));
    http::serve(listener, async move |request: Request<Bytes>| {
        let guard = guards.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match guard {
            Some(guard) => answer(&station, &guard, &request).await,
            None => error(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_open",
                "The server is just opening or closing this.",
            ),
        }
    })
}

async fn answer<R: Runtime>(station: &Station<R>, guard: &Guard, request: &Request<Bytes>) -> Response {
    let path = request.uri().path();
    if path == "/v1/health" && request.method() == Method::GET {
        return json(StatusCode::OK, &json!({ "status": "ok" }));
    }
    if let Err(refusal) = guard.admit(request.headers()) {
        return *refusal;
    }
    let method = request.method();
    let (get, delete) = (Method::GET, Method::DELETE);
    if let Some(name) = path.strip_prefix("/v1/paths/") {
        return match decoded(name) {
            Some(name) => paths::answer(station, &name, request),
            None => paths::no_name(),
        };
    }
    if let Some(id) = path.strip_prefix("/v1/sessions/") {
        return match method {
            _ if *method == get => session(station, id).await,
            _ if *method == delete && station.kick(id) => no_content(),
            _ if *method == delete => no_session(),
            _ => not_allowed("GET, DELETE"),
        };
    }
    match (path, method == Method::GET, method == Method::POST) {
        ("/v1/paths", true, _) => json(StatusCode::OK, &json!({ "paths": station.paths() })),
        ("/v1/sessions", true, _) => {
            let sessions: Vec<_> = station.sessions().iter().map(told).collect();
            json(StatusCode::OK, &json!({ "sessions": sessions }))
        }
        ("/v1/stats", true, _) => stats(station).await,
        ("/v1/config", true, _) => json(StatusCode::OK, &json!(station.settings().file)),
        ("/v1/reload", _, true) => reload(station).await,
        ("/metrics", true, _) => metrics::answer(station.server().stats().await),
        ("/v1/reload", ..) => not_allowed("POST"),
        ("/v1/health" | "/v1/paths" | "/v1/sessions" | "/v1/stats" | "/v1/config" | "/metrics", ..) => {
            not_allowed("GET")
        }
        _ => {
            let sentence = "There are /v1/paths, /v1/sessions, /v1/stats, /v1/config, /v1/reload, /v1/health and /metrics.";
            error(StatusCode::NOT_FOUND, "not_found", sentence)
        }
    }
}

/// A name as it stands in a URL, if it can be one.
fn decoded(name: &str) -> Option<String> {
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let is_good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
    name.split('/').all(is_good).then(|| name.into_owned())
}

async fn reload<R: Runtime>(station: &Station<R>) -> Response {
    match station.reload().await {
        Ok(changes) => json(StatusCode::OK, &json!(changes)),
        Err(failure) => refused(&failure),
    }
}

/// Faults of settings, or what else has kept them from being so.
fn refused(failure: &Failure) -> Response {
    let (status, kind) = match failure {
        Failure::Config(_) => (StatusCode::BAD_REQUEST, "faults"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    };
    error(status, kind, WithCauses(failure).to_string())
}

async fn stats<R: Runtime>(station: &Station<R>) -> Response {
    let stats = station.server().stats().await;
    let of = |action| stats.sessions.iter().filter(|(info, _)| info.action == action).count();
    let sum =
        |count: fn(&SessionStats) -> u64| stats.sessions.iter().map(|(_, stats)| count(stats)).sum::<u64>();
    json(
        StatusCode::OK,
        &json!({
            "connections": stats.connections.len(), "streams": stats.streams.len(),
            "readers": of(Action::Read), "publishers": of(Action::Publish),
            "sent": { "packets": sum(|stats| stats.sent().rtp.packets), "bytes": sum(|stats| stats.sent().rtp.bytes) },
            "received": {
                "packets": sum(|stats| stats.received().rtp.packets),
                "bytes": sum(|stats| stats.received().rtp.bytes),
            },
        }),
    )
}

async fn session<R: Runtime>(station: &Station<R>, id: &str) -> Response {
    let Some(info) = station.sessions().into_iter().find(|info| info.session.to_string() == id) else {
        return no_session();
    };
    let mut session = told(&info);
    if let Some(stats) = station.server().session_stats(info.session).await {
        let (sent, received) = (stats.sent().rtp, stats.received().rtp);
        session["sent"] = json!({ "packets": sent.packets, "bytes": sent.bytes });
        session["received"] = json!({ "packets": received.packets, "bytes": received.bytes });
        session["reported_lost"] = stats.reported_lost().into();
    }
    json(StatusCode::OK, &session)
}

fn told(info: &SessionInfo) -> Value {
    json!({
        "id": info.session.to_string(), "path": info.path.trim_start_matches('/'),
        "action": if info.action == Action::Publish { "publish" } else { "read" },
        "peer": info.peer.to_string(), "user": info.user, "transport": info.transport.map(over),
        "medias": info.tracks.iter().map(|track| track.media).collect::<Vec<_>>(),
    })
}

fn no_session() -> Response {
    error(StatusCode::NOT_FOUND, "no_session", "There is no such session. GET /v1/sessions lists them.")
}

fn no_content() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn not_allowed(allowed: &'static str) -> Response {
    let mut response =
        error(StatusCode::METHOD_NOT_ALLOWED, "method", format!("Here is answered: {allowed}."));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
