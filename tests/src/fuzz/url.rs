//! URLs and tracks: nothing is rewritten, and no control leads to another server.

use rtspan_core::url::base::{Bases, Way};
use rtspan_core::url::track::{
    TrackPath, joined_track_url, match_control, resolve_aggregate, resolve_setup, track_url,
};
use rtspan_core::{Credentials, Tolerances, Url};

use super::input::text;

/// Takes the lines for a URL, a control, a Content-Base and the control of the whole stream.
pub fn run(data: &[u8]) {
    let text = text(data);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (url, control, content_base, stream_control) = (line(), line(), line(), line());
    for uri in [url, control] {
        if let Ok(TrackPath { path, .. }) = resolve_setup(uri) {
            assert!(is_stream_path(path), "{uri:?} leads to {path:?}");
        }
        if let Ok((path, _)) = resolve_aggregate(uri) {
            assert!(is_stream_path(path), "{uri:?} leads to {path:?}");
        }
    }
    let _ = match_control(url, control, [Some(content_base), None, Some(stream_control)].into_iter());
    let Ok(url) = Url::parse(url) else { return };
    assert_eq!(Url::parse(url.as_request_uri()).as_ref().map(Url::as_request_uri), Ok(url.as_request_uri()));
    assert!(!url.host().is_empty() && url.port() != 0 && url.path().starts_with('/'));
    if let Some(Credentials { user, password }) = url.credentials() {
        // A short one may stand in what is shown by chance.
        let is_shown = password.len() > 8 && format!("{url} {url:?}").contains(&password);
        let is_elsewhere = user.contains(&password) || url.as_request_uri().contains(&password);
        assert!(!is_shown || is_elsewhere, "{url} tells a password");
    }
    let [content_base, stream_control] = [content_base, stream_control].map(Some);
    let bases = Bases { content_base, content_location: stream_control, control: stream_control };
    let base = bases.url(&url, &mut Tolerances::default());
    stays(&url, &base);
    let ways = std::iter::successors(Some(Way::Base), |way| way.next(&url, &base, Some(control)));
    for led in ways.filter_map(|way| way.url(&url, &base, Some(control)).ok()) {
        stays(&url, &led);
    }
    if let Some(joined) = joined_track_url(&url, control) {
        stays(&url, &joined);
    }
    let Ok(track) = track_url(&url, Some(control)) else { return };
    stays(&url, &track);
    if !url.path().contains("/trackID=") && !url.query().is_some_and(|query| query.contains("/trackID=")) {
        let own = track_url(&url, Some("trackID=7")).expect("a control without control characters");
        let named = resolve_setup(own.as_request_uri()).expect("a URL of our own");
        assert_eq!(named.index(), Some(7), "{own}");
        assert_eq!(Ok((named.path, named.query)), resolve_aggregate(url.as_request_uri()), "{own}");
    }
}

fn is_stream_path(path: &str) -> bool {
    path.starts_with('/') && (path == "/" || !path.ends_with('/'))
}

/// The client stays with the server that its user named, for any text of a peer.
fn stays(url: &Url, led: &Url) {
    assert!(led.same_origin(url) && led.credentials() == url.credentials(), "{url} led to {led}");
    let read = Url::parse(led.as_request_uri()).expect("a URL of our own");
    assert!(read.same_origin(url) && read.credentials().is_none(), "{led} reads as {read}");
    assert_eq!(read.as_request_uri(), led.as_request_uri());
}
