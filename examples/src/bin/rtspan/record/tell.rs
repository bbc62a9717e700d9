//! Events of a recording, as lines for people and as JSON for programs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rtspan_examples::archive::{ArchiveError, ArchiveEvent, Cause};
use rtspan_std::header::UtcTime;
use rtspan_std::{ClientEvent, CommandError, Error, Media, WithCauses};
use serde_json::{Value, json};

use crate::clock;
use crate::output::news_json;
use crate::text::counted;

/// Tells it in one of the two ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tell {
    pub(crate) json: bool,
}

impl Tell {
    /// Tells an event of this name: a line, or its values.
    fn event(self, name: &str, line: String, mut values: Value) {
        if !self.json {
            return clock::event_notice(line);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        values["event"] = name.into();
        values["time"] = json!(now.as_millis() as f64 / 1000.0);
        news_json(&values);
    }

    pub(crate) fn client(self, camera: &str, event: &ClientEvent) {
        match event {
            ClientEvent::Reconnecting { cause, attempt, wait } => self.event(
                "reconnecting",
                format!("{camera} is lost: {}; attempt {attempt} in {:.1} s", WithCauses(cause), wait.as_secs_f64()),
                json!({
                    "camera": camera, "cause": WithCauses(cause).to_string(), "attempt": attempt, "seconds": wait.as_secs_f64(),
                }),
            ),
            ClientEvent::Reconnected { attempts, away } => self.event(
                "reconnected",
                format!("{camera} is back after {:.1} s", away.as_secs_f64()),
                json!({ "camera": camera, "attempts": attempts, "seconds": away.as_secs_f64() }),
            ),
            ClientEvent::DescriptionChanged(_) => self.event(
                "description_changed",
                format!("{camera} describes its stream otherwise than before"),
                json!({ "camera": camera }),
            ),
            ClientEvent::MediaSilent(media) => self.event(
                "media_silent",
                format!("{camera} sends nothing of media {media}"),
                json!({ "camera": camera, "media": media }),
            ),
            _ => {}
        }
    }

    /// The camera cannot be played.
    pub(crate) fn lost(self, camera: &str, error: &Error, again: Duration) {
        self.event(
            "error",
            format!(
                "{camera} cannot be recorded: {}; it is tried again in {} s",
                WithCauses(error),
                again.as_secs()
            ),
            json!({ "camera": camera, "reason": WithCauses(error).to_string(), "seconds": again.as_secs() }),
        );
    }

    /// The camera has ended its stream.
    pub(crate) fn ended(self, camera: &str, again: Duration) {
        self.event(
            "stream_ended",
            format!("{camera} has ended its stream; it is tried again in {} s", again.as_secs()),
            json!({ "camera": camera, "seconds": again.as_secs() }),
        );
    }

    pub(crate) fn unfit(self, camera: &str, error: &ArchiveError) {
        self.event(
            "error",
            format!("{camera} cannot be recorded: {}", WithCauses(error)),
            json!({ "camera": camera, "reason": WithCauses(error).to_string() }),
        );
    }

    pub(crate) fn left_out(self, camera: &str, media: usize, its: &Media) {
        let kind = its.kind.to_string();
        self.event(
            "media_left_out",
            format!("media {media} ({kind}) of {camera} is not recorded: MP4 cannot hold it"),
            json!({ "camera": camera, "media": media, "kind": kind }),
        );
    }

    pub(crate) fn refused(self, camera: &str, media: usize, error: &CommandError) {
        self.event(
            "media_refused",
            format!("media {media} of {camera} is not recorded: {}", WithCauses(error)),
            json!({ "camera": camera, "media": media, "reason": WithCauses(error).to_string() }),
        );
    }

    pub(crate) fn archive(self, event: &ArchiveEvent) {
        let seconds = |nanos: i64| nanos as f64 / 1e9;
        match event {
            ArchiveEvent::Begun { camera, path, follows } => self.event(
                "segment_begun",
                format!("{camera}: {} begins", path.display()),
                json!({ "camera": camera, "file": path.to_string_lossy(), "follows": follows }),
            ),
            ArchiveEvent::Ended { camera, segment } => self.event(
                "segment_ended",
                format!(
                    "{camera}: {} has {} of {:.1} s in {}",
                    segment.path.display(),
                    counted(segment.frames, "frame"),
                    seconds(segment.end - segment.start),
                    counted(segment.bytes, "byte")
                ),
                json!({
                    "camera": camera, "file": segment.path.to_string_lossy(), "start": time(segment.start),
                    "end": time(segment.end), "frames": segment.frames, "bytes": segment.bytes,
                }),
            ),
            ArchiveEvent::Removed { camera, path, bytes, cause } => self.event(
                "segment_removed",
                format!("{camera}: {} is removed", path.display()),
                json!({
                    "camera": camera, "file": path.to_string_lossy(), "bytes": bytes,
                    "cause": if *cause == Cause::Age { "age" } else { "room" },
                }),
            ),
            ArchiveEvent::NotRemoved { camera, path, error } => self.event(
                "not_removed",
                format!("{camera}: {} cannot be removed: {}", path.display(), WithCauses(error)),
                json!({ "camera": camera, "file": path.to_string_lossy(), "reason": WithCauses(error).to_string() }),
            ),
            ArchiveEvent::Gap { camera, from, to } => self.event(
                "gap",
                format!("{camera}: nothing was recorded from {} to {}", time(*from), time(*to)),
                json!({ "camera": camera, "from": time(*from), "to": time(*to) }),
            ),
            ArchiveEvent::LeftOut { camera, pictures } => self.event(
                "pictures_left_out",
                format!("{camera} leaves out {} before the first keyframe", counted(*pictures, "picture")),
                json!({ "camera": camera, "pictures": pictures }),
            ),
            ArchiveEvent::Trouble { camera, error } => self.event(
                "error",
                format!("{camera}: nothing can be written, and frames are lost: {}", WithCauses(error)),
                json!({ "camera": camera, "reason": WithCauses(error).to_string() }),
            ),
            ArchiveEvent::Resumed { camera, lost } => self.event(
                "resumed",
                format!("{camera} is written again; {} lost", counted(*lost, "frame")),
                json!({ "camera": camera, "lost": lost }),
            ),
            ArchiveEvent::NotIndexed { camera, path, error } => self.event(
                "not_indexed",
                format!("{camera}: {} has no line in the index: {}", path.display(), WithCauses(error)),
                json!({ "camera": camera, "file": path.to_string_lossy(), "reason": WithCauses(error).to_string() }),
            ),
            ArchiveEvent::Repaired { camera, path, bytes } => self.event(
                "segment_repaired",
                format!("{camera}: {} has lost its torn end, {}", path.display(), counted(*bytes, "byte")),
                json!({ "camera": camera, "file": path.to_string_lossy(), "bytes": bytes }),
            ),
            ArchiveEvent::ClockSet { by } => self.event(
                "clock_set",
                format!("the clock of this machine was set by {:.3} s", seconds(*by)),
                json!({ "seconds": seconds(*by) }),
            ),
            ArchiveEvent::CameraClockSet { camera, by } => self.event(
                "camera_clock_set",
                format!("the clock of {camera} was set by {:.3} s", seconds(*by)),
                json!({ "camera": camera, "seconds": seconds(*by) }),
            ),
            ArchiveEvent::Missed { count } => {
                self.event("missed", format!("{} could not be told", counted(*count, "event")), json!({ "count": count }));
            }
            _ => {}
        }
    }
}

/// A wall clock time in nanoseconds since 1970, as text.
fn time(since_1970: i64) -> String {
    UtcTime::from_unix(Duration::from_nanos(since_1970.max(0).unsigned_abs())).to_string()
}
