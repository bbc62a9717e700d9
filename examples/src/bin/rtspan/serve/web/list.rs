//! The streams that there are, with their figures.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtspan_std::StreamInfo;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use serde_json::{Value, json};

use crate::serve::config::trimmed;

/// How old figures may become, however many visitors there are.
const AGE_MAX: Duration = Duration::from_millis(900);

/// A stream: its path as the server has it, and what is shown of it.
pub(super) type Stream = (String, Value);

/// The figures of all streams, which are made for all visitors together.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<Option<(Instant, Vec<Stream>)>>);

impl Figures {
    /// The streams, in the order of the server.
    pub(super) async fn get<R: Runtime>(&self, server: &Server<R>) -> Vec<Stream> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, streams)) = known.filter(|(at, _)| at.elapsed() < AGE_MAX) {
            return streams;
        }
        let at = Instant::now();
        let mut streams = Vec::new();
        for info in server.streams().into_iter().filter(|info| !info.is_private && info.speaker.is_none()) {
            streams.extend(shown(server, &info).await.map(|shown| (info.path.clone(), shown)));
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, streams.clone()));
        streams
    }
}

/// A stream as the page shows it; `None` if it has just ended.
async fn shown<R: Runtime>(server: &Server<R>, info: &StreamInfo) -> Option<Value> {
    let stats = server.stream_stats(info.stream).await?;
    let description = server.description(info.stream)?;
    let publisher = match info.publisher {
        Some(session) => server.session_stats(session).await,
        None => None,
    };
    let encodings = description.medias.iter().flat_map(|media| &media.formats);
    let keyframe_interval = stats.medias.iter().find_map(|media| media.keyframe_interval);
    Some(json!({
        "path": trimmed(&info.path),
        "formats": encodings.map(|format| format.encoding()).collect::<Vec<_>>(),
        "readers": info.readers.len(),
        "bitrate": stats.bitrate,
        "packets": stats.published.packets,
        "bytes": stats.published.bytes,
        "lost": publisher.map(|stats| stats.receiver().lost),
        "keyframe_interval": keyframe_interval.map(|time| time.as_secs_f64()),
    }))
}
