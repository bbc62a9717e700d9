use std::collections::BTreeMap;

use super::super::command::{Command, Task};
use super::super::setup::Setup;
use super::super::{Client, CommandError, State};
use crate::description::{Description, Media, MediaKind};

/// The medias that the application has set up, and how they were described then.
#[derive(Debug, Default)]
pub(super) struct Wanted(BTreeMap<usize, Shape>);

/// The part of a media's description that has to stay for what comes of it to be of any use.
#[derive(Debug)]
struct Shape {
    kind: MediaKind,
    encoding: Box<str>,
    clock_rate: u32,
}

impl Shape {
    fn of(media: &Media) -> Option<Self> {
        let format = media.formats.first()?;
        Some(Self {
            kind: media.kind.clone(),
            encoding: (*format.encoding).into(),
            clock_rate: format.clock_rate,
        })
    }

    fn fits(&self, media: &Media) -> bool {
        media.kind == self.kind
            && media.formats.iter().any(|format| {
                format.clock_rate == self.clock_rate && format.encoding.eq_ignore_ascii_case(&self.encoding)
            })
    }
}

impl Wanted {
    fn add(&mut self, index: usize, description: &Description) {
        if let Some(shape) = description.medias.get(index).and_then(Shape::of) {
            self.0.insert(index, shape);
        }
    }
}

impl Client {
    /// Takes note of a media that is set up.
    pub(in super::super) fn want(&mut self, media: usize) {
        if let Some(presentation) = &self.presentation {
            self.reconnect.wanted.add(media, &presentation.description);
        }
    }

    /// Forgets the medias of a description that another takes the place of.
    pub(in super::super) fn want_nothing(&mut self) {
        self.reconnect.wanted.0.clear();
        self.forget_counts();
    }

    /// Checks that a media that the client sets up again is still what the application has set up.
    pub(in super::super) fn check_fit(&self, index: usize, media: &Media) -> Result<(), CommandError> {
        let wanted = self.reconnect.wanted.0.get(&index);
        if wanted.is_some_and(|shape| !shape.fits(media)) {
            return Err(CommandError::MediaChanged(index));
        }
        Ok(())
    }

    /// The commands that lead from nothing to where the application has come, or was about to be led by the client itself.
    pub(super) fn aim(&self) -> Vec<Task> {
        let own = self.own_tasks();
        let is_own = |which: fn(&Command) -> bool| own.iter().any(|command| which(command));
        let is_announced = matches!(self.state, State::PreRecord | State::Record)
            || is_own(|command| matches!(command, Command::Announce(_)));
        let flows = matches!(self.state, State::Play | State::Record)
            || is_own(|command| matches!(command, Command::Play(_) | Command::Record));
        let setups = self.reconnect.wanted.0.keys().map(|media| Command::Setup(Setup::new(*media)));
        let setups = setups.collect::<Vec<_>>();
        // The controls of a description may be good for one session only.
        let is_needed = self.presentation.is_some() && self.planned_setups().next().is_some();
        let (first, last) = match self.description().filter(|_| is_announced) {
            Some(announced) => (Command::Announce(Box::new(announced.clone())), Command::Record),
            None if setups.is_empty() && !is_needed => return Vec::new(),
            None => (Command::Describe, Command::Play(self.playback)),
        };
        let last = flows.then_some(last);
        std::iter::once(first).chain(setups).chain(last).map(Task::own).collect()
    }

    /// Returns `true` if neither a session nor a command of the application's is to go on over another connection.
    pub(super) fn wants_nothing(&self) -> bool {
        let running = self.running.iter().map(|running| &running.task);
        let goes_on = |task: &&Task| task.command.is_repeatable() || !task.retried;
        let commands = running.filter(goes_on).chain(&self.queue);
        !commands.into_iter().any(|task| task.id.is_some()) && self.aim().is_empty()
    }

    /// Commands that the client has given itself.
    fn own_tasks(&self) -> Vec<&Command> {
        let running = self.running.iter().map(|running| &running.task);
        let own = running.chain(&self.queue).filter(|task| task.id.is_none());
        own.map(|task| &task.command).collect()
    }

    /// Returns `true` once the client has led itself to where it was before.
    pub(super) fn has_arrived(&self) -> bool {
        self.link.is_up() && self.own_tasks().is_empty()
    }
}
