//! The page that shows the streams and plays them: `docs/browser.md` tells of it.
//!
//! The page itself is for everybody. What it shows comes from `/streams`, which has for each caller the streams that it may
//! read; it plays them over WebSockets, by the rules of the server.

mod asset;
mod following;
mod guesses;
mod list;
mod visitor;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    LOCATION,
};
use hyper::{Method, Request, StatusCode};
use rtspan_examples::Listen;
use rtspan_examples::http::{self, Certificate, Origin, OverTls, Response, Serving, error, json};
use rtspan_std::runtime::Runtime;
use serde_json::{Value, json};
use smol::Timer;

use super::config::Web;
use super::station::Station;
use following::Followers;
use guesses::{Guesses, TooMany};
use list::Figures;
use visitor::{Refused, Visitor};

/// Where the page is if nothing is said.
const LISTEN: &str = "127.0.0.1:8080";

/// The type of events (Server-Sent Events).
const EVENTS: &str = "text/event-stream";

/// How long a caller with wrong credentials waits for the answer.
const WRONG_WAIT: Duration = Duration::from_secs(1);

/// Begins to answer at a socket.
pub(super) fn begin<R: Runtime>(station: &Station<R>, listener: TcpListener) -> io::Result<Serving> {
    let (figures, followers, guesses) = Default::default();
    let site = Arc::new(Site { station: station.clone(), figures, followers, guesses });
    let certificate = station.tls().cloned().map(|tls| Box::new(move || tls.current()) as Certificate);
    http::serve_securely(listener, certificate, async move |request: Request<Bytes>| {
        site.answer(&request).await
    })
}

/// Sends a caller without TLS to the same place with it.
fn elsewhere(request: &Request<Bytes>) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let there = format!("https://{host}{}", request.uri().path());
    let mut response =
        error(StatusCode::PERMANENT_REDIRECT, "tls", "This page is served over TLS: use https.");
    response.headers_mut().extend(there.parse().map(|there| (LOCATION, there)));
    response
}

struct Site<R: Runtime> {
    station: Station<R>,
    figures: Figures,
    followers: Followers,
    guesses: Guesses,
}

impl Web {
    pub(super) fn at(&self) -> Listen {
        self.listen.as_ref().map_or_else(|| LISTEN.parse().expect("it is an address"), |at| at.0.clone())
    }
}

impl<R: Runtime> Site<R> {
    async fn answer(self: &Arc<Self>, request: &Request<Bytes>) -> Response {
        let is_open = request.extensions().get::<OverTls>().is_none();
        if is_open && self.station.settings().file.tls.required == Some(true) {
            return elsewhere(request);
        }
        let mut response = match (request.method(), request.uri().path()) {
            (&Method::GET, "/streams") => self.streams(request).await,
            (&Method::GET, path) => asset::find(path)
                .unwrap_or_else(|| error(StatusCode::NOT_FOUND, "not_found", "There are / and /streams.")),
            _ => {
                let sentence = "Here is answered: GET.";
                let mut refusal = error(StatusCode::METHOD_NOT_ALLOWED, "method", sentence);
                refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
                refusal
            }
        };
        self.confine(&mut response);
        response
    }

    /// Has the browser keep the page to itself: it takes scripts from here alone, connects to this server alone, and stands in no
    /// other page.
    fn confine(&self, response: &mut Response) {
        let port = self.rtsp_port();
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
             connect-src 'self' ws://*:{port} wss://*:{port}; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        let headers = response.headers_mut();
        headers.extend(policy.parse().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
        for (name, value) in [
            (CACHE_CONTROL, "no-cache"),
            (HeaderName::from_static("x-content-type-options"), "nosniff"),
            (HeaderName::from_static("referrer-policy"), "no-referrer"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }

    /// The streams that the caller may read: once, or as events for as long as it listens.
    async fn streams(self: &Arc<Self>, request: &Request<Bytes>) -> Response {
        let visitor = match self.visitor(request).await {
            Ok(visitor) => visitor,
            Err(refusal) => return *refusal,
        };
        let accepts = |kind| {
            let mut accepted =
                request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
            accepted.any(|value| value.contains(kind))
        };
        if accepts(EVENTS) {
            match following::follow(self, request.headers()) {
                Some(body) => {
                    let mut response = Response::new(body);
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS));
                    return response;
                }
                None if accepts("json") => {}
                None => {
                    let sentence =
                        "Too many follow the list already: ask for it again and again, as application/json.";
                    return error(StatusCode::SERVICE_UNAVAILABLE, "followers", sentence);
                }
            }
        }
        json(StatusCode::OK, &self.list(&visitor).await)
    }

    /// The visitor that asks. Its credentials are looked at when it is their turn; wrong ones cost time.
    async fn visitor(&self, request: &Request<Bytes>) -> Result<Visitor, Box<Response>> {
        let headers = request.headers();
        let origin = *request.extensions().get::<Origin>().expect("each request has one");
        if visitor::has_credentials(headers) {
            match self.guesses.turn(Instant::now(), origin) {
                Ok(None) => {}
                Ok(Some(at)) => drop(Timer::at(at).await),
                Err(TooMany) => {
                    let sentence =
                        "Too many wrong credentials have come from this address: try again in a while.";
                    return Err(Box::new(error(StatusCode::SERVICE_UNAVAILABLE, "guesses", sentence)));
                }
            }
        }
        let visitor = Visitor::of(headers, &self.station.settings().accounts);
        if let Err(Refused::Wrong(_)) = visitor {
            self.guesses.failed(Instant::now(), origin);
            Timer::after(WRONG_WAIT).await;
        }
        visitor.map_err(|refused| Box::new(refused.response()))
    }

    /// The streams that a visitor may read, with their figures.
    async fn list(&self, visitor: &Visitor) -> Value {
        let streams = self.figures.get(self.station.server()).await;
        let streams = streams.into_iter().filter(|(path, _)| visitor.may_read(path));
        json!({
            "port": self.rtsp_port(), "user": visitor.name(),
            "has_users": self.station.settings().accounts.users.is_some(),
            "streams": streams.map(|(_, shown)| shown).collect::<Vec<_>>(),
        })
    }

    /// The port at which players find the streams.
    fn rtsp_port(&self) -> u16 {
        self.station.server().local_addrs().first().map_or(0, SocketAddr::port)
    }
}
