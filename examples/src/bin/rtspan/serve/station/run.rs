//! The task that runs a station: events, questions, and what is asked of it from outside.

use std::path::PathBuf;
use std::sync::Arc;

use futures_lite::future::or;
use rtspan_examples::vod::Films;
use rtspan_std::runtime::Runtime;
use rtspan_std::{Event, StartAt};

use super::Station;
use crate::Failure;
use crate::args::EventsFormat;
use crate::clock;
use crate::events::{describe, dialogue, to_json};
use crate::output::news_json;
use crate::serve::config::Source;
use crate::serve::shelves::Shelves;
use crate::voice;

impl<R: Runtime> Station<R> {
    /// Runs until the server is closed. `quiet` says nothing of its events.
    pub(crate) async fn run(&self, quiet: bool) -> Result<(), Failure> {
        or(self.handle_events(quiet), self.run_tasks()).await
    }

    async fn handle_events(&self, quiet: bool) -> Result<(), Failure> {
        let mut films = Films::new(Arc::clone(&self.0.server), Shelves::new(self.clone()));
        while let Some(event) = self.0.server.next().await {
            self.note(&event);
            let Some(event) = self.handle(event).and_then(|event| films.handle(event)) else { continue };
            match self.0.format {
                _ if quiet => {}
                EventsFormat::Text => {
                    describe(&event).into_iter().chain(dialogue(&event)).for_each(clock::event)
                }
                EventsFormat::Json => news_json(&to_json(&event)),
            }
            if let Event::BackChannelOpened { session, stream, path, .. } = &event {
                let said = self.loudspeaker(path).zip(self.server().read(*stream, StartAt::Oldest));
                if let Some((dir, said)) = said {
                    voice::record::<R>(&dir, &session.to_string(), said)
                        .map_err(|source| Failure::WriteIn { path: dir, source })?;
                }
            }
        }
        Ok(())
    }

    /// The folder that is written to what is said into the stream of a path.
    fn loudspeaker(&self, path: &str) -> Option<PathBuf> {
        match self.state().settings.plan(path)?.source.clone() {
            Source::Demo { loudspeaker } => loudspeaker,
            _ => None,
        }
    }

    async fn run_tasks(&self) -> Result<(), Failure> {
        while let Ok(task) = self.0.tasks.1.recv().await {
            R::default().spawn(task).map_err(Failure::Runtime)?;
        }
        Ok(())
    }
}
