//! Clients that reconnect by themselves: each loss is told once and in order, attempts keep to their policy, and a client
//! that finds a server that takes it plays again soon.

use std::time::Duration;

use rtspan_core::client::{ClientCloseReason, CommandError, ReconnectPolicy, State};
use rtspan_core::limits::RECONNECT_SETTLED;
use rtspan_core::{Description, Format, Instant, MediaKind, StreamId};

use super::choices::Chance;
use super::elsewhere::path_of;
use super::ledger::Period;
use super::plan::Plan;
use super::player::Player;
use super::role::Role;
use super::truth::Lossless;
use super::world::{Age, World};

/// How long an attempt may take where nothing is in its way: a TEARDOWN that nobody answers, and then all requests.
const ATTEMPT: Duration = Duration::from_secs(15);

/// How a client comes back, and how far it has come.
#[derive(Debug)]
pub(super) struct Comeback {
    least: Duration,
    most: Duration,
    attempts_max: Option<u32>,
    denied_max: u32,
    missing_max: u32,
    /// Attempts in a row, and how many of the last causes have been of one kind.
    row: u32,
    same: (Kind, u32),
    lost: Option<Lost>,
    /// Since when it is back.
    back: Option<Instant>,
    count: u64,
    /// How often its connection was ended, or did not come about, and for how many of that an attempt was told.
    cuts: u64,
    told: u64,
    /// The description that its application knows.
    known: Option<Description>,
}

/// A session that was lost.
#[derive(Clone, Copy, Debug)]
struct Lost {
    since: Instant,
    /// When the attempt that was told last begins.
    begins: Instant,
    /// The stream that there was when it was told, if nothing could go wrong any more.
    stream: Option<StreamId>,
    is_other: bool,
}

/// The remedy for a cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Time,
    Credentials,
    Person,
    Nothing,
}

impl Kind {
    fn of(cause: &ClientCloseReason) -> Self {
        let ClientCloseReason::RestartFailed(error) = cause else {
            return if *cause == ClientCloseReason::TornDown { Self::Nothing } else { Self::Time };
        };
        match error {
            CommandError::TornDown | CommandError::Closed | CommandError::Downgrade => Self::Nothing,
            CommandError::Timeout | CommandError::ConnectionLost | CommandError::Udp(_) => Self::Time,
            CommandError::Unauthorized(_) | CommandError::CredentialsRefused(_) => Self::Credentials,
            CommandError::Status { status, .. } => match status.as_u16() {
                403 => Self::Credentials,
                408 | 453..=455 | 500.. => Self::Time,
                _ => Self::Person,
            },
            _ => Self::Person,
        }
    }
}

impl Comeback {
    pub(super) fn any(plan: &Plan, chance: &mut Chance<'_>) -> Option<Self> {
        chance.happens(plan.comebacks).then(|| {
            let least = chance.millis(10, 2_000);
            Self {
                least,
                most: least + chance.millis(0, 6_000),
                attempts_max: chance.pick(&[None, None, Some(2), Some(6)]),
                denied_max: chance.pick(&[1, 5]),
                missing_max: chance.pick(&[2, 20]),
                row: 0,
                same: (Kind::Time, 0),
                lost: None,
                back: None,
                count: 0,
                cuts: 0,
                told: 0,
                known: None,
            }
        })
    }

    pub(super) fn policy(&self) -> ReconnectPolicy {
        ReconnectPolicy::default()
            .wait(self.least, self.most)
            .attempts_max(self.attempts_max)
            .denied_max(self.denied_max)
            .missing_max(self.missing_max)
    }

    /// The connection is ended by the other side, or does not come about.
    pub(super) fn cut(&mut self) {
        self.cuts += 1;
    }

    /// The client wants a connection.
    pub(super) fn connects(&self, now: Instant) {
        let waits = self.lost.filter(|lost| now < lost.begins);
        assert!(waits.is_none(), "a connection is asked for before the wait is over: {waits:?}");
    }

    /// The application is told of a description.
    pub(super) fn describe(&mut self, description: &Description, is_change: bool) {
        let is_same = self.known.as_ref() == Some(description);
        assert!(!is_change || !is_same, "a change is told where there is none: {description:?}");
        if let Some(lost) = &mut self.lost {
            lost.is_other |= is_change;
        }
        self.known = Some(description.clone());
    }

    fn has_lasted(&self, now: Instant) -> bool {
        self.back.is_some_and(|back| now >= back + RECONNECT_SETTLED)
    }

    /// Another attempt is told.
    fn lose(&mut self, now: Instant, cause: &ClientCloseReason, attempt: u32, wait: Duration) {
        let is_first = attempt == 1 && self.lost.is_none() && (self.row == 0 || self.has_lasted(now));
        assert!(is_first || attempt == self.row + 1, "attempt {attempt} behind {}", self.row);
        assert!(self.attempts_max.is_none_or(|most| attempt <= most), "attempt {attempt} of {self:?}");
        let kind = Kind::of(cause);
        self.same = match self.same {
            (former, count) if former == kind && !is_first => (kind, count + 1),
            _ => (kind, 1),
        };
        let is_allowed = match kind {
            Kind::Time => true,
            Kind::Credentials => self.same.1 <= self.denied_max,
            Kind::Person => self.same.1 <= self.missing_max,
            Kind::Nothing => false,
        };
        assert!(is_allowed, "{} attempts for {cause:?}", self.same.1);
        let longest = self.least.saturating_mul(1 << attempt.min(20)).min(self.most);
        let bounds = self.least.min(longest)..=longest;
        assert!(bounds.contains(&wait), "{wait:?} before attempt {attempt}, of {bounds:?}");
        let is_cut = matches!(cause, ClientCloseReason::ConnectionLost(_) | ClientCloseReason::Connect(_));
        assert!(!is_cut || self.told < self.cuts, "{cause:?} is told, and there was none");
        self.told = self.cuts;
        self.row = attempt;
        let since = self.lost.map_or(now, |lost| lost.since);
        self.lost = Some(Lost { since, begins: now + wait, stream: None, is_other: false });
        self.back = None;
    }

    /// All is as before.
    fn come_back(&mut self, now: Instant, attempts: u32, away: Duration) {
        let lost = self.lost.take().expect("nothing was lost");
        assert_eq!((attempts, away), (self.row, now - lost.since), "{lost:?}");
        self.back = Some(now);
        self.count += 1;
    }

    /// The client closes although it may reconnect.
    fn check_end(&self, reason: &ClientCloseReason) {
        let kind = Kind::of(reason);
        let same = if self.same.0 == kind { self.same.1 } else { 0 };
        let is_believed = match kind {
            Kind::Nothing => true,
            Kind::Credentials => same >= self.denied_max,
            Kind::Person => same >= self.missing_max,
            Kind::Time => false,
        };
        let is_spent = self.attempts_max.is_some_and(|most| self.row >= most);
        assert!(is_believed || is_spent, "closed for {reason:?}: {self:?}");
    }
}

/// The kind and the formats of each media.
fn contents(description: &Description) -> Vec<(&MediaKind, &[Format])> {
    description.medias.iter().map(|media| (&media.kind, &media.formats[..])).collect()
}

impl World<'_> {
    /// A client has lost its session, or has not got it back.
    pub(super) fn player_loses(
        &mut self,
        player: &mut Player,
        cause: &ClientCloseReason,
        (attempt, wait): (u32, Duration),
    ) {
        // Earlier packets are of the time before.
        self.take_packets(player);
        self.check_attempt(player, cause);
        let now = self.now;
        player.comeback.as_mut().expect("it has no policy").lose(now, cause, attempt, wait);
        self.counts.add("clients that reconnect", 1);
        let mut first = player.client.url().clone();
        if let ClientCloseReason::Redirected(Some(place)) = cause {
            // It is told where it goes.
            first = place.clone();
        }
        path_of(&first).into_iter().for_each(|path| player.role.set_path(path));
        let peer = player.peer();
        player.session = None;
        player.journey = None;
        player.watch = None;
        player.left_out.clear();
        player.media_ports.clear();
        player.media_destinations.clear();
        player.period = player.period.take().map(|_| Period::after_switch(now, peer));
        if let Role::Publisher { source, origin, .. } = &mut player.role {
            self.truth.set_lossless(*origin, None);
            *source = source.go_on(now);
        }
        self.expect_packets(player);
        let stream = self.books.stream_at(player.role.path()).filter(|_| self.takes_anybody());
        let lost = player.comeback.as_mut().and_then(|comeback| comeback.lost.as_mut());
        lost.into_iter().for_each(|lost| lost.stream = stream);
    }

    /// A client has its session again.
    pub(super) fn player_is_back(&mut self, player: &mut Player, attempts: u32, away: Duration) {
        let now = self.now;
        let comeback = player.comeback.as_mut().expect("it has no policy");
        comeback.come_back(now, attempts, away);
        assert_eq!(player.client.reconnects(), comeback.count, "comebacks are counted");
        let known = comeback.known.as_ref().filter(|_| player.client.state() == State::Play);
        if let (Some(known), Some(described)) = (known, player.client.description()) {
            assert_eq!(contents(known), contents(described), "another description is not told");
        }
        self.learn_ports(player);
        match player.client.state() {
            State::Play => {
                self.counts.add("clients that play again", 1);
                player.period.iter_mut().for_each(|period| period.play(now));
            }
            State::Record => {
                self.counts.add("clients that record again", 1);
                self.repeat(player);
                player.next = now;
            }
            _ => self.counts.add("clients that are connected again", 1),
        }
    }

    /// A client that may reconnect has closed.
    pub(super) fn check_end(&self, player: &Player, reason: &ClientCloseReason) {
        let has_ended = player.period.as_ref().is_some_and(Period::has_ended);
        let Some(comeback) = player.comeback.as_ref().filter(|_| !player.is_leaving && !has_ended) else {
            return;
        };
        comeback.check_end(reason);
    }

    /// Nothing of this world keeps a reader from what is there.
    fn takes_anybody(&self) -> bool {
        let is_quiet = matches!(self.age, Age::Calm | Age::Still);
        is_quiet && self.plan.takes_everybody() && self.redirects.is_for_nobody()
    }

    /// Nothing has been in the way of an attempt since it began.
    fn had_its_way(&self, player: &Player) -> bool {
        let Some(lost) = player.comeback.as_ref().and_then(|comeback| comeback.lost) else { return false };
        let is_reader = matches!(player.role, Role::Reader { .. });
        let stream = self.books.stream_at(player.role.path());
        let is_there = lost.stream.is_some() && lost.stream == stream && !lost.is_other;
        let link = player.link.and_then(|link| self.tcp.get(link));
        let is_steady = link.is_none_or(|link| link.is_steady(lost.begins));
        is_reader && is_there && is_steady && self.takes_anybody()
    }

    /// An attempt that fails where nothing is in its way fails for no reason.
    fn check_attempt(&self, player: &Player, cause: &ClientCloseReason) {
        let is_told = matches!(
            cause,
            ClientCloseReason::RestartFailed(CommandError::Status { .. } | CommandError::Timeout)
        );
        let fails = is_told && self.had_its_way(player);
        assert!(!fails, "client {} could come back, and has failed: {cause:?}", player.index);
    }

    /// Looks at how far a client has come that reconnects.
    pub(super) fn watch_comeback(&self, player: &Player) {
        let lost = player.comeback.as_ref().and_then(|comeback| comeback.lost);
        let Some(lost) = lost.filter(|_| !player.is_over && !player.is_leaving) else { return };
        assert!(player.client.is_reconnecting(), "client {} has forgotten that it was lost", player.index);
        let waits = player.client.poll_timeout().is_some() || player.is_about_to();
        assert!(waits, "client {} reconnects, and waits for nothing", player.index);
        let is_late = self.now > lost.begins + ATTEMPT && self.had_its_way(player);
        assert!(!is_late, "client {} could come back since {:?}, and has not", player.index, lost.begins);
    }

    /// All that a publisher sends comes through from here on, if nothing is lost on its way.
    pub(super) fn way_of_publisher(&self, player: &Player) -> Option<Lossless> {
        let is_tcp = player.client.transport() == Some(rtspan_core::header::Lower::Tcp);
        match (is_tcp, self.plan.is_lossless()) {
            (true, _) => Some(Lossless::All),
            (false, true) => Some(Lossless::Sources),
            (false, false) => None,
        }
    }
}
