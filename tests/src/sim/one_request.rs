//! Sessions that outlive their connections: clients that have a TCP connection for each request, and clients that lose one.

use rtspan_core::SessionId;
use rtspan_core::client::CommandError;
use rtspan_core::header::Lower;
use rtspan_core::wire::{Decoder, DecoderLimits, Item, Message, StatusCode};

use super::books::Reader;
use super::choices::Chance;
use super::plan::Plan;
use super::player::Player;
use super::role::Role;
use super::world::World;

/// A client whose connections end behind the answer to a request, as long as none carries media.
#[derive(Debug)]
pub(super) struct OneRequest(Decoder);

impl OneRequest {
    /// Returns true if a client's connections are of this kind.
    pub(super) fn any(plan: &Plan, chance: &mut Chance<'_>) -> Option<Self> {
        chance.happens(plan.one_request).then(|| Self(Decoder::new(DecoderLimits::default())))
    }

    /// Another connection begins.
    pub(super) fn begin(&mut self) {
        self.0 = Decoder::new(DecoderLimits::default());
    }

    /// Takes the bytes that were read of a connection. Returns `true` if an answer ends in them.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.0.feed(bytes);
        let mut is_answered = false;
        while let Some(item) = self.0.poll().expect("the server writes what can be read") {
            is_answered |= matches!(item, Item::Message(Message::Response(_)));
        }
        is_answered
    }
}

impl World<'_> {
    /// The session of a player's client, also where it has outlived the connection that it was opened over.
    pub(super) fn session_of(&self, player: &Player) -> Option<SessionId> {
        player.peer().and_then(|peer| self.books.opened_over(peer)).or(player.session)
    }

    /// The same, with what was told of it since it plays.
    pub(super) fn reader_of(&self, player: &Player) -> Option<(SessionId, Reader)> {
        let session = self.session_of(player)?;
        Some((session, self.books.reader(session)?))
    }

    /// A player's client has read this: one that has a connection for each request may be done with this one.
    pub(super) fn part_after_answer(&mut self, player: &mut Player, read: &[u8]) {
        let Some(one) = &mut player.one_request else { return };
        let is_bound = player.client.transport() == Some(Lower::Tcp);
        // Only the answer to SETUP tells the name of a session.
        let is_publisher = matches!(player.role, Role::Publisher { .. });
        let is_nameless = is_publisher && player.client.session_id().is_none();
        if !one.take(read) || is_bound || is_nameless {
            return;
        }
        self.player_outputs(player);
        self.take_packets(player);
        self.cut(player);
        self.counts.add("connections for one request", 1);
    }

    /// A session that lives is known over every connection of its peer.
    pub(super) fn check_refusal(&self, player: &Player, error: &CommandError) {
        let is_unknown = error.status() == Some(StatusCode::SESSION_NOT_FOUND);
        let Some(session) = self.session_of(player).filter(|_| is_unknown) else { return };
        let end = self.books.end_of(session);
        assert!(end.is_some(), "client {} hears that {session:?} does not exist", player.index);
    }
}
