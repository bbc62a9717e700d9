//! Makes plans of the paths of a file, and finds what is wrong with them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rtspan_examples::archive::is_camera;
use rtspan_examples::source::FileSource;
use rtspan_std::Url;
use rtspan_std::WithCauses;

use super::check::{agree, choice};
use super::faults::Reading;
use super::file::{PathSettings, Record};
use super::plan::{CLOSE_AFTER, Camera, HOLD, PathPlan, Pattern, Shelf, Source, WAIT, path_name};
use super::values::SecretText;
use crate::serve::recording;

/// The server would not wait longer.
const WAIT_MAX: Duration = Duration::from_secs(50);

/// Plans as they are made.
pub(super) struct Paths<'a, 'b> {
    pub(super) record: Record,
    pub(super) reading: &'a mut Reading<'b>,
    pub(super) plans: Vec<PathPlan>,
}

impl Paths<'_, '_> {
    fn fault(&mut self, name: &str, key: &str, message: impl std::fmt::Display) {
        let keys = ["paths", name, key];
        self.reading.fault(if key.is_empty() { &keys[..2] } else { &keys }, message);
    }

    /// Adds a path of the file.
    pub(super) fn add(&mut self, name: &str, settings: &PathSettings) {
        let pattern = match Pattern::new(name) {
            Ok(pattern) => pattern,
            Err(error) => return self.fault(name, "", error),
        };
        if self.plans.iter().any(|other| other.pattern == pattern) {
            self.fault(name, "", "the path is there twice");
        }
        let source = self.source(name, &pattern, settings);
        let is_pulled = matches!(source, Source::Camera(_) | Source::Looped(_));
        let wait = settings.wait.map_or(WAIT, |span| span.0);
        if wait > WAIT_MAX {
            self.fault(name, "wait", format_args!("readers wait for {} s at most", WAIT_MAX.as_secs()));
        }
        let plan = PathPlan {
            on_demand: is_pulled && settings.on_demand.unwrap_or_else(|| pattern.exact().is_none()),
            source,
            wait,
            close_after: settings.close_after.map_or(CLOSE_AFTER, |span| span.0),
            hold: settings.hold.map_or(HOLD, |span| span.0),
            fallback: settings.fallback.as_deref().map(|path| path_name(path).into_owned()),
            record: self.recording(name, &pattern, settings),
            settings: settings.clone(),
            pattern,
        };
        self.plans.push(plan);
    }

    /// The source that is named, and what else is said that does not belong to it.
    fn source(&mut self, name: &str, pattern: &Pattern, settings: &PathSettings) -> Source {
        let PathSettings { source, film, looped, films, recordings, .. } = settings;
        let given = [
            ("source", source.is_some()),
            ("film", film.is_some()),
            ("looped", looped.is_some()),
            ("films", films.is_some()),
            ("recordings", recordings.is_some()),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(key, is)| is.then_some(key)).collect();
        if let [first, second, ..] = given[..] {
            self.fault(name, second, format_args!("a path has one source, and this one has {first}"));
        }
        let source = match (source.as_deref(), film, looped, films, recordings) {
            (Some(url), ..) if url != "publisher" => {
                Source::Camera(self.camera(name, url, pattern, settings))
            }
            (_, Some(film), ..) => Source::Shelf(Shelf::Film(self.film(name, "film", film))),
            (_, _, Some(film), ..) => Source::Looped(self.film(name, "looped", film)),
            (.., Some(films), _) => Source::Shelf(Shelf::Films(self.folder(name, "films", films))),
            (.., Some(folder)) => Source::Shelf(Shelf::Recordings(self.folder(name, "recordings", folder))),
            _ => Source::Publisher,
        };
        self.check_fit(name, &source, settings);
        if matches!(source, Source::Looped(_)) && pattern.exact().is_none() {
            self.fault(name, "looped", "a film that runs for all readers has one path, without *");
        }
        source
    }

    /// Finds what belongs to another kind of source.
    fn check_fit(&mut self, name: &str, source: &Source, settings: &PathSettings) {
        let is_camera = matches!(source, Source::Camera(_));
        let is_pulled = is_camera || matches!(source, Source::Looped(_));
        let for_all = !matches!(source, Source::Shelf(_));
        let given = [
            ("username", settings.username.is_some(), is_camera, "a camera"),
            ("password", settings.password.is_some(), is_camera, "a camera"),
            ("token", settings.token.is_some(), is_camera, "a camera"),
            ("transport", settings.transport.is_some(), is_camera, "a camera"),
            ("pin", settings.pin.is_some(), is_camera, "a camera"),
            ("insecure", settings.insecure.is_some(), is_camera, "a camera"),
            ("hold", settings.hold.is_some(), is_camera, "a camera"),
            ("on_demand", settings.on_demand.is_some(), is_pulled, "a camera or a looped film"),
            ("wait", settings.wait.is_some(), is_pulled, "a camera or a looped film"),
            ("close_after", settings.close_after.is_some(), is_pulled, "a camera or a looped film"),
            ("fallback", settings.fallback.is_some(), for_all, "a camera, a looped film or a publisher"),
            ("record", settings.record.is_some(), for_all, "a camera, a looped film or a publisher"),
        ];
        for (key, is_given, is_fit, whose) in given {
            if is_given && !is_fit {
                self.fault(name, key, format_args!("this belongs to {whose}, which the path has not"));
            }
        }
    }

    fn camera(&mut self, name: &str, url: &str, pattern: &Pattern, settings: &PathSettings) -> Camera {
        if let Err(error) = Url::parse(&url.replace('*', "x")) {
            let expected =
                "\"publisher\", or the URL of a camera such as \"rtsp://camera/main\", is needed here";
            self.fault(name, "source", format_args!("{expected}: {}", WithCauses(&error)));
        }
        match (pattern.exact(), url.matches('*').count()) {
            (Some(_), 0) | (None, 1) => {}
            (Some(_), _) => self.fault(name, "source", "a * stands for that of the path, which has none"),
            (None, _) => {
                self.fault(
                    name,
                    "source",
                    "the URL of many paths needs one *, which stands for what that of the path does",
                );
            }
        }
        if pattern.exact().is_none() && settings.on_demand == Some(false) {
            self.fault(name, "on_demand", "many paths are pulled on demand only");
        }
        let password = self.secret(name, "password", settings.password.as_ref());
        let token = self.secret(name, "token", settings.token.as_ref());
        if settings.username.is_some() && settings.token.is_some() {
            self.fault(name, "token", "there is a username; leave out one of the two");
        }
        if settings.username.is_none() && settings.password.is_some() {
            self.fault(name, "password", "a password needs a username");
        }
        if settings.username.is_some() && settings.password.is_none() {
            let message = "there is no password; write password = \"\" if the camera wants an empty one";
            self.reading.doubt(&["paths", name, "username"], message);
        }
        if settings.pin.is_some() && settings.insecure == Some(true) {
            self.fault(name, "insecure", "there is a pin, which is safe; leave this out");
        }
        Camera {
            url: url.to_owned(),
            token,
            credentials: settings.username.clone().map(|user| (user, password.unwrap_or_default())),
            transport: settings.transport.map(|transport| transport.0).unwrap_or_default(),
            pin: settings.pin.map(|pin| pin.0),
            insecure: settings.insecure.unwrap_or_default(),
        }
    }

    /// A secret of a path, which has to be where it is said to be.
    fn secret(&mut self, name: &str, key: &str, secret: Option<&SecretText>) -> Option<String> {
        let resolved = secret?.resolve();
        resolved.map_err(|error| self.fault(name, key, WithCauses(&error))).ok()
    }

    fn film(&mut self, name: &str, key: &str, path: &Path) -> PathBuf {
        if let Err(error) = FileSource::open(path, 25.0) {
            self.fault(
                name,
                key,
                format_args!("{} cannot be played: {}", path.display(), WithCauses(&error)),
            );
        }
        path.to_owned()
    }

    fn folder(&mut self, name: &str, key: &str, path: &Path) -> PathBuf {
        // A folder of recordings is made when the first one begins.
        let is_recorded_to = self.record.folder.as_deref() == Some(path);
        if !path.is_dir() && !is_recorded_to {
            self.fault(name, key, format_args!("{} is no folder", path.display()));
        }
        path.to_owned()
    }

    fn recording(
        &mut self,
        name: &str,
        pattern: &Pattern,
        settings: &PathSettings,
    ) -> Option<super::plan::Recording> {
        let Some(recording) = choice(settings, &self.record)? else {
            self.fault(name, "record", "a recording needs a folder, here or in [record]");
            return None;
        };
        let key = if settings.record.is_some() { "record" } else { "" };
        if let Some(path) = pattern.exact() {
            let camera = recording::name(path);
            let same = |other: &PathPlan| {
                let is_same = other.pattern.exact().is_some_and(|path| recording::name(path) == camera);
                is_same && other.record.as_ref().is_some_and(|other| other.folder == recording.folder)
            };
            if !is_camera(&camera) {
                self.fault(name, key, "what is recorded has a name of letters, digits and - _ . /");
            } else if let Some(other) = self.plans.iter().find(|plan| same(plan)) {
                let message =
                    format!("{} is recorded as {camera} too; record one of the two elsewhere", other.pattern);
                self.fault(name, key, message);
            }
        }
        if recording.folder.exists() && !recording.folder.is_dir() {
            self.fault(name, key, format_args!("{} is no folder", recording.folder.display()));
        }
        if !agree(&self.plans, &recording) {
            let folder = recording.folder.display();
            self.fault(
                name,
                key,
                format_args!("other paths are recorded to {folder} otherwise; choose another folder"),
            );
        }
        Some(recording)
    }

    /// All of them, in the order in which they are looked at.
    pub(super) fn end(mut self) -> Vec<PathPlan> {
        self.plans.sort_by_key(|plan| plan.pattern.rank());
        let plans = self.plans.clone();
        for plan in &plans {
            let Some(fallback) = &plan.fallback else { continue };
            let name = plan.pattern.to_string();
            if plan.pattern.rest(fallback).is_some() {
                self.fault(&name, "fallback", "the path would be its own fallback");
            } else if plans.iter().all(|other| other.pattern.rest(fallback).is_none()) {
                self.fault(&name, "fallback", format_args!("there is no path {fallback}"));
            }
        }
        self.plans
    }
}
