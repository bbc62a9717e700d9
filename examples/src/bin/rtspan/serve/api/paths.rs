//! One path: its state, and its settings as in the file.

use bytes::Bytes;
use hyper::{Method, Request, StatusCode};
use rtspan_examples::http::{Response, error, json};
use rtspan_std::runtime::Runtime;
use serde_json::json;

use super::{no_content, not_allowed, refused};
use crate::serve::config::PathSettings;
use crate::serve::station::{PathState, Station};

pub(super) fn answer<R: Runtime>(station: &Station<R>, name: &str, request: &Request<Bytes>) -> Response {
    match *request.method() {
        Method::GET => match find(station, name) {
            Some(path) => json(StatusCode::OK, &json!(path)),
            None => no_path(),
        },
        Method::PUT => put(station, name, request.body()),
        Method::DELETE => match station.remove_path(name) {
            Ok(true) => no_content(),
            Ok(false) => no_path(),
            Err(failure) => refused(&failure),
        },
        _ => not_allowed("GET, PUT, DELETE"),
    }
}

fn put<R: Runtime>(station: &Station<R>, name: &str, body: &[u8]) -> Response {
    let settings: PathSettings = match serde_json::from_slice(body) {
        Ok(settings) => settings,
        Err(fault) => {
            let sentence =
                format!("The settings of a path are needed as JSON, with the keys of the file: {fault}.");
            return error(StatusCode::BAD_REQUEST, "faults", sentence);
        }
    };
    let is_new = find(station, name).is_none_or(|path| path.settings.is_none());
    match station.add_path(name, settings) {
        Ok(()) => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            json(status, &json!(find(station, name)))
        }
        Err(failure) => refused(&failure),
    }
}

fn find<R: Runtime>(station: &Station<R>, name: &str) -> Option<PathState> {
    station.paths().into_iter().find(|path| path.name == name)
}

fn no_path() -> Response {
    error(StatusCode::NOT_FOUND, "no_path", "There is no such path. GET /v1/paths lists them.")
}

pub(super) fn no_name() -> Response {
    let sentence =
        "This is no name of a path: it has an empty part, `.`, `..`, or signs that cannot be shown.";
    error(StatusCode::BAD_REQUEST, "name", sentence)
}
