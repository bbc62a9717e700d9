//! A recording that is played at the client's pace: the server is held up by not reading what it sends.
//!
//! While as many packets wait for the application as may, nothing more is read. Then answers are stuck behind media (ONVIF
//! Streaming Specification, section 6.7), so that nothing that does not come is missed. Keepalives are sent all the same. A
//! command of the application's is a reason to read on, since its answer stands behind what is on its way.

use super::{Client, State};
use crate::Instant;
use crate::header::Lower;

impl Client {
    /// Returns `true` if what plays comes at the client's pace, and over a connection that holds the server up.
    pub(super) fn has_pace(&self) -> bool {
        self.state == State::Play && self.lower == Lower::Tcp && self.playback.is_unpaced()
    }

    /// Returns `true` if nothing is read, because the application has enough to do.
    pub(super) fn is_holding_up(&self) -> bool {
        self.holds_up && self.has_pace() && self.inbox.is_full() && self.running.is_none()
    }

    /// Holds the server up if what was received fills the inbox.
    pub(super) fn consider_holding_up(&mut self) {
        self.holds_up = self.has_pace() && self.inbox.is_full();
    }

    /// Begins to wait anew for signs of the server, once it is read again.
    pub(super) fn let_go_on(&mut self, now: Instant) {
        if self.holds_up && !self.is_holding_up() {
            self.holds_up = false;
            self.liveness.handle_heard(now);
            self.keepalive.forget();
            self.tracks.iter_mut().filter_map(|track| track.presence.as_mut()).for_each(|own| own.begin(now));
        }
    }
}
