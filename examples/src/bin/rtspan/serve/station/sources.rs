//! The sources of paths: where they begin, and what they tell.

use std::sync::Arc;

use rtspan_std::runtime::Runtime;
use rtspan_std::server::ServerStream;
use rtspan_std::{AddStreamError, Description};
use serde_json::json;
use smol::channel::bounded;

use super::Station;
use super::question::Waiting;
use super::state::Running;
use crate::serve::config::{PathPlan, Source};
use crate::serve::sources;
use crate::stop::sleep;

/// Sources that run at once because of a pattern: whoever asks for many paths has no more of them.
const PATTERN_MAX: usize = 256;
/// How often, and how long, it is tried to publish at a path that another source is just leaving.
const TRIES: u32 = 20;
const TRY_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// The place of a source at its station.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: Arc<str>,
    pub(crate) plan: Arc<PathPlan>,
    number: u64,
}

impl Source {
    /// It is a task of the station's.
    pub(super) fn is_pulled(&self) -> bool {
        matches!(self, Self::Camera(_) | Self::Looped(_) | Self::Demo { .. })
    }
}

impl<R: Runtime> Station<R> {
    pub(super) fn start_source(&self, path: &str, plan: Arc<PathPlan>) -> Result<(), String> {
        let mut state = self.state();
        let of_patterns = state.running.values().filter(|other| other.plan.pattern.exact().is_none()).count();
        if plan.pattern.exact().is_none() {
            if of_patterns >= PATTERN_MAX {
                return Err("too many cameras are pulled".to_owned());
            }
            let rest = plan.pattern.rest(path).unwrap_or_default();
            if !is_fit(rest) {
                return Err("there is no such camera".to_owned());
            }
        }
        let (stop, stopped) = bounded(1);
        let number = state.next_number();
        let place = Place { path: path.into(), plan: Arc::clone(&plan), number };
        let running = Running { plan, number, stop, is_live: false, trouble: None, waiting: Vec::new() };
        state.running.insert(path.to_owned(), running);
        drop(state);
        self.spawn(sources::run(self.clone(), place, stopped));
        Ok(())
    }

    /// Publishes the stream of a source, once another one that was there has ended.
    ///
    /// # Errors
    ///
    /// The path is taken for longer, or nothing in the description can be sent.
    pub(crate) async fn publish(
        &self,
        place: &Place,
        description: &Description,
    ) -> Result<ServerStream, AddStreamError> {
        let mut tries = 0;
        loop {
            match self.server().publish(&format!("/{}", place.path), description.clone()) {
                Err(_) if tries < TRIES => sleep::<R>(TRY_AGAIN).await,
                published => return published,
            }
            tries += 1;
        }
    }

    /// A source can be read. Those that wait for it get their answer.
    pub(crate) fn live(&self, place: &Place) {
        let mut state = self.state();
        let Some(running) = state.source_mut(&place.path, place.number) else { return };
        (running.is_live, running.trouble) = (true, None);
        let waiting = std::mem::take(&mut running.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waiting)| waiting.answer(self.server(), Ok(())));
    }

    /// There is nothing to read of a source. Those that wait for it are told why.
    pub(crate) fn away(&self, place: &Place, why: &str) {
        let mut state = self.state();
        let Some(running) = state.source_mut(&place.path, place.number) else { return };
        (running.is_live, running.trouble) = (false, Some(why.to_owned()));
        let waiting = std::mem::take(&mut running.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waiting)| waiting.send_away(self.server(), &place.plan, why));
        let line = format!("{}: {why}", place.path);
        self.tell("source_away", line, json!({ "path": &*place.path, "reason": why }));
    }

    /// A source is tried again, and readers may wait for it.
    pub(crate) fn tries(&self, place: &Place) {
        let mut state = self.state();
        let own = state.source_mut(&place.path, place.number);
        if let Some(running) = own.filter(|_| place.plan.on_demand) {
            running.trouble = None;
        }
    }

    /// A source on demand that nobody reads wants to end. `false` if somebody has come meanwhile.
    pub(crate) fn leave(&self, place: &Place) -> bool {
        let mut state = self.state();
        match state.source_mut(&place.path, place.number) {
            Some(running) if !running.waiting.is_empty() => false,
            Some(_) => state.running.remove(&*place.path).is_some(),
            None => true,
        }
    }
}

/// The place of a star has names and slashes only, so that it leads nowhere else.
fn is_fit(rest: &str) -> bool {
    let is_fit = |char: char| char.is_ascii_alphanumeric() || "-_./".contains(char);
    !rest.is_empty()
        && rest.chars().all(is_fit)
        && rest.split('/').all(|part| !part.starts_with('.') && !part.is_empty())
}

/// Readers that wait for a source that has gone.
pub(super) fn dismiss<R: Runtime>(station: &Station<R>, plan: &PathPlan, waiting: Vec<(u64, Waiting)>) {
    for (_, waiting) in waiting {
        waiting.send_away(station.server(), plan, "the path has just been changed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_star_stands_for_leads_nowhere_else() {
        for (rest, fits) in [
            ("1", true),
            ("a/b-c_1.sdp", true),
            ("", false),
            ("../x", false),
            ("a//b", false),
            ("a?b", false),
            ("@h/x", false),
            ("a%2e", false),
        ] {
            assert_eq!(is_fit(rest), fits, "{rest}");
        }
    }
}
