//! Reconnecting: a session that has ended for a cause that may mend is made anew, by the client itself.
//!
//! ```text
//!            lost                 wait over            as before
//! session ────────▶ Reconnecting ──────────▶ attempt ───────────▶ Reconnected
//!                        ▲                      │
//!                        └──────────────────────┘ lost again, or refused
//! ```
//!
//! The client leads itself to where the application had come, by commands of its own ([`aim`]): DESCRIBE, SETUP of
//! the same medias and PLAY, or ANNOUNCE, SETUP and RECORD. Commands of the application wait behind them.

mod aim;
mod former;
mod policy;
mod remedy;

use std::time::Duration;

pub use policy::ReconnectPolicy;

use super::command::{Command, Task};
use super::presence::Presence;
use super::switch::Fallback;
use super::{Client, ClientCloseReason, ClientConfig, ClientEvent, CommandError, State};
use crate::Instant;
use crate::header::Lower;
use crate::limits::{RECONNECT_SETTLED, UDP_AVOIDED};
use aim::Wanted;
use former::Former;
use remedy::Remedy;

/// The knowledge of sessions that were lost.
#[derive(Debug, Default)]
pub(super) struct Reconnect {
    wanted: Wanted,
    former: Option<Former>,
    /// Since when there is no session, as long as it is tried to have one again.
    lost: Option<Instant>,
    /// Since when there is one again.
    since: Option<Instant>,
    /// Attempts in a row.
    attempts: u32,
    /// The remedy that the last causes have in common, and how many these are.
    same: (Remedy, u32),
    /// When UDP has failed, as long as it is avoided.
    udp_failed: Option<Instant>,
    count: u64,
}

impl Reconnect {
    /// Ends the row of attempts.
    fn settle(&mut self) {
        (self.attempts, self.same) = (0, (Remedy::Time, 0));
    }

    /// Counts an attempt; `false` if there are to be no more.
    fn count_attempt(&mut self, policy: &ReconnectPolicy, remedy: Remedy) -> bool {
        self.attempts = self.attempts.saturating_add(1);
        self.same = match self.same {
            (same, count) if same == remedy => (same, count.saturating_add(1)),
            _ => (remedy, 1),
        };
        let most = match remedy {
            Remedy::Time => u32::MAX,
            Remedy::Credentials => policy.denied_max,
            Remedy::Person => policy.missing_max,
            Remedy::Nothing => 0,
        };
        self.same.1 <= most && policy.attempts_max.is_none_or(|attempts_max| self.attempts <= attempts_max)
    }
}

/// Reconnecting.
impl Client {
    /// Returns `true` if there is no session at the moment, and the client tries to have one ([`ClientConfig::reconnect`]).
    pub fn is_reconnecting(&self) -> bool {
        self.reconnect.lost.is_some() && !self.is_closing()
    }

    /// How often the client has had a session or a connection again after it was lost.
    pub fn reconnects(&self) -> u64 {
        self.reconnect.count
    }

    /// Returns `true` if losses are to be mended.
    pub(super) fn may_reconnect(&self) -> bool {
        self.config.reconnect.is_some() && !self.is_torn_down
    }

    /// Begins to reconnect for this cause; `false` if the client is to close.
    pub(super) fn begin_to_reconnect(&mut self, now: Instant, cause: &ClientCloseReason) -> bool {
        let Some(policy) = self.config.reconnect.filter(|_| !self.is_torn_down && !self.is_complete()) else {
            return false;
        };
        if self.wants_nothing() {
            self.give_up_running();
            self.reconnect.lost = None;
            self.leave_lost(now, cause);
            return true;
        }
        if self.has_settled(now) {
            self.reconnect.settle();
        }
        if !self.reconnect.count_attempt(&policy, Remedy::of(cause)) {
            return false;
        }
        let attempt = self.reconnect.attempts;
        let wait = policy.delay(attempt, &mut self.random);
        self.reconnect.lost.get_or_insert(now);
        self.reconnect.since = None;
        self.event(ClientEvent::Reconnecting { cause: cause.clone(), attempt, wait });
        self.remember_session(now, cause);
        let aim = self.aim();
        self.give_up_running();
        self.queue.retain(|task| task.id.is_some());
        self.put_in_front(aim);
        if self.reconnect.former.is_some() {
            self.queue.push_front(Task::own(Command::Bury));
        }
        self.leave_lost(now, cause);
        self.reconnect_at = Some(now + wait);
        self.advance(now);
        true
    }

    /// Returns `true` if the session has come to something, so that a row of attempts is over.
    fn has_settled(&self, now: Instant) -> bool {
        let has_lasted = self.reconnect.since.is_some_and(|since| now >= since + RECONNECT_SETTLED);
        let mut presences = self.tracks.iter().filter_map(|track| track.presence.as_ref());
        has_lasted
            && match self.state {
                State::Initial => false,
                State::Play => presences.any(Presence::has_heard),
                State::PrePlay | State::PreRecord | State::Record => true,
            }
    }

    /// Returns `true` if all that was to be played has come to the end that the server has told: nothing is to be had again.
    pub(super) fn is_complete(&self) -> bool {
        let mut presences = self.tracks.iter().map(|track| track.presence.as_ref());
        let is_complete = |presence: Option<&Presence>| presence.is_some_and(Presence::is_complete);
        self.state == State::Play && !self.tracks.is_empty() && presences.all(is_complete)
    }

    /// Has the command that ran run again, or fail if this is the second session that it has ended with.
    fn give_up_running(&mut self) {
        let Some(running) = self.running.take() else { return };
        let mut task = self.unsent(running);
        let Some(id) = task.id else { return };
        if !task.command.is_repeatable() && std::mem::replace(&mut task.retried, true) {
            return self.event(ClientEvent::Done(id, Err(CommandError::ConnectionLost)));
        }
        self.put_back(task);
    }

    /// Leaves the connection, behind a TEARDOWN if that may be heard, and goes back to where the client has begun.
    fn leave_lost(&mut self, now: Instant, cause: &ClientCloseReason) {
        if matches!(cause, ClientCloseReason::Connect(_) | ClientCloseReason::ConnectionLost(_)) {
            self.link.reset();
        }
        let is_deaf = matches!(
            cause,
            ClientCloseReason::Wire(_) | ClientCloseReason::Stalled | ClientCloseReason::SessionLost
        );
        self.held = None;
        let there = match cause {
            ClientCloseReason::Redirected(Some(url)) => Some(Box::new(url.clone())),
            _ => None,
        };
        // The answer to the server's TEARDOWN is still to be written.
        let is_answering = *cause == ClientCloseReason::TornDownByServer;
        let is_heard = self.link.is_up() && (self.session.exists() || is_answering) && !is_deaf;
        if is_heard {
            self.say_goodbye(now);
            self.stop_media();
            self.state = State::Initial;
        } else {
            self.leave();
        }
        if is_heard || there.is_some() {
            self.queue.push_front(Task::own(Command::Restart(there)));
        }
        self.url = self.redirects.begin_anew();
        self.choose_transport(now);
        self.ask_for_back_channel_again();
    }

    /// Takes UDP again where it is preferred, unless it has failed not long ago.
    fn choose_transport(&mut self, now: Instant) {
        let preferred = self.config.lower(&self.url);
        let has_failed =
            preferred == Lower::Udp && (self.lower == Lower::Tcp || self.tcp_refused().is_some());
        if !has_failed {
            self.reconnect.udp_failed = None;
            return;
        }
        let failed = *self.reconnect.udp_failed.get_or_insert(now);
        if now >= failed + UDP_AVOIDED {
            self.reconnect.udp_failed = None;
            self.lower = preferred;
            self.fallback = Fallback::default();
        }
    }

    /// Tells the application once all is as it was before.
    pub(super) fn check_reconnected(&mut self, now: Instant) {
        let Some(lost) = self.reconnect.lost.filter(|_| self.has_arrived()) else { return };
        self.reconnect.lost = None;
        self.reconnect.since = Some(now);
        self.reconnect.count = self.reconnect.count.saturating_add(1);
        let away: Duration = now - lost;
        if self.state == State::Initial {
            // None of them plays.
            self.tell_refused();
        }
        self.event(ClientEvent::Reconnected { attempts: self.reconnect.attempts, away });
    }
}

impl ClientConfig {
    /// The client reconnects by itself if its connection or session ends, or if its first connection fails; off (`None`) by
    /// default.
    ///
    /// The client then does not close. It emits [`ClientEvent::Reconnecting`], waits, and repeats the commands that led to the
    /// application's state: DESCRIBE, SETUP of the same medias, and PLAY with the same range if it played; or ANNOUNCE, SETUP,
    /// and RECORD. Then it emits [`ClientEvent::Reconnected`]. Meanwhile:
    ///
    /// * Commands are accepted as if there were a session, wait, and run afterwards. The command that ran when the session was
    ///   lost runs again; GET_PARAMETER, SET_PARAMETER and PAUSE run again once, and then fail with
    ///   [`CommandError::ConnectionLost`].
    /// * TEARDOWN ends the reconnecting at once.
    /// * Packets and RTCP that are to be sent are refused with [`SendError::Reconnecting`](super::SendError::Reconnecting).
    /// * The [state](Client::state) is [`State::Initial`], or the one that the attempt has reached.
    ///
    /// If nothing is set up and no command waits, the client does not reconnect until the next command.
    ///
    /// The client asks for the description again, and [`ClientEvent::DescriptionChanged`] reports one that differs. A media that
    /// no longer has the same kind and encoding is left out ([`ClientEvent::MediaRefused`]), and asked for again at the next
    /// attempt. PTS advance by the time that has passed.
    ///
    /// If UDP has failed, the client asks for TCP at once within [`UDP_AVOIDED`]. A session that the server may still have is
    /// torn down first.
    ///
    /// The client closes if no attempt can succeed: after a redirect from TLS to a connection without TLS, if TLS fails, after
    /// too many attempts ([`ReconnectPolicy`]), and once everything that it played has ended as the server announced.
    #[must_use]
    pub fn reconnect(mut self, policy: Option<ReconnectPolicy>) -> Self {
        self.reconnect = policy;
        self
    }
}
