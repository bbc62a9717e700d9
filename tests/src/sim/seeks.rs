//! Clients that go elsewhere while they play: packets behind the answer are of the place that was asked for.

use std::time::Duration;

use rtspan_core::client::{CommandId, Playback, State};
use rtspan_core::header::{Lower, NptTime, Range};

use super::ledger::Period;
use super::player::Player;
use super::role::Role;
use super::world::World;

impl World<'_> {
    /// A reader over TCP goes elsewhere. Over UDP what was sent before may come behind the answer.
    pub(super) fn seek_elsewhere(&mut self, player: &mut Player) {
        let is_tcp = player.client.transport() == Some(Lower::Tcp);
        if !is_tcp || !matches!(player.role, Role::Reader { .. }) {
            return;
        }
        self.take_packets(player);
        let start = self.chance.happens(800).then(|| self.chance.millis(0, 60_000));
        let playback = Playback::from(start.map(Range::from_npt));
        let scale = self.chance.pick(&[None, Some(2.0), Some(-1.0)]);
        // Backwards it is played to the beginning, which the client says.
        let end = scale.filter(|scale| *scale < 0.0).map(|_| NptTime::At(Duration::ZERO));
        let range = start.map(|start| Range::Npt { start: Some(NptTime::At(start)), end });
        let playback = scale.map_or(playback, |scale| playback.scale(scale));
        let asked = player.asked.len();
        self.command(player, |player, world| player.client.seek(world.now, playback));
        if player.asked.len() > asked {
            player.sought = player.asked.back().map(|id| (*id, range));
            self.expect_packets(player);
            self.counts.add("seeks", 1);
        }
    }

    /// Returns true if PLAY was answered to a seek; the server was asked for where it was to lead.
    pub(super) fn has_sought(&mut self, player: &mut Player, id: CommandId) -> bool {
        let Some((_, range)) = player.sought.take_if(|(own, _)| *own == id) else { return false };
        if let Some(told) = self.told_to(player).filter(|told| told.start.is_some() && !player.is_unsure) {
            assert!(
                range.is_none() || told.asked == range,
                "{range:?} was asked for, and {told:?} is answered"
            );
            self.counts.add("seeks in private streams", 1);
        }
        self.counts.add("seeks answered", 1);
        true
    }

    /// Forgets what is known of a player whose seek has failed: it may be paused, or be let play once the answer comes too late.
    pub(super) fn has_sought_in_vain(&mut self, player: &mut Player, id: CommandId) {
        if player.sought.take_if(|(own, _)| *own == id).is_some() {
            self.take_packets(player);
            let plays_on = player.client.state() == State::Play;
            player.period = plays_on.then(|| Period::after_switch(self.now, None));
            self.counts.add("seeks failed", 1);
        }
    }
}
