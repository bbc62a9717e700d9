//! The files of the page, which are a part of the program.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use rtspan_examples::http::{Body, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($path:literal: $file:literal, $content_type:expr;)*) => {
        [$(($path, $content_type, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $file)).as_slice())),*]
    };
}

/// Each with its type.
static FILES: [(&str, &str, &[u8]); 15] = files! {
    "/": "index.html", "text/html; charset=utf-8";
    "/style.css": "style.css", "text/css; charset=utf-8";
    "/icon.svg": "icon.svg", "image/svg+xml";
    "/page.js": "page.js", SCRIPT;
    "/feed.js": "feed.js", SCRIPT;
    "/cards.js": "cards.js", SCRIPT;
    "/view.js": "view.js", SCRIPT;
    "/plot.js": "plot.js", SCRIPT;
    "/rtspan.js": "rtspan.js", SCRIPT;
    "/core.js": "core.js", SCRIPT;
    "/clock.js": "clock.js", SCRIPT;
    "/decoder.js": "decoder.js", SCRIPT;
    "/picture.js": "picture.js", SCRIPT;
    "/sound.js": "sound.js", SCRIPT;
    "/rtspan.wasm.gz": "rtspan.wasm.gz", "application/gzip";
};

/// The file at this path.
pub(super) fn find(path: &str) -> Option<Response> {
    let (_, content_type, bytes) = FILES.iter().find(|(own, ..)| *own == path)?;
    let mut response = Response::new(Body::from(Bytes::from_static(bytes)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Some(response)
}
