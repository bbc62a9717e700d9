//! A client that keeps up gets what is published within a bound, whatever has happened before: another encoder, packets
//! that were missed, packets that somebody has forged.

use std::time::Duration;

use rtspan_core::client::State;
use rtspan_core::description::MediaKind;
use rtspan_core::header::Lower;
use rtspan_core::limits::UDP_BURST_PACKETS;
use rtspan_core::{Instant, StreamId};

use super::ledger::{Period, medias};
use super::player::Player;
use super::role::Role;
use super::source::Origin;
use super::spoofs::Spoof;
use super::truth::Entry;
use super::world::World;

/// How long a packet may be on its way, with all that tasks put off and clocks overshoot.
const ON_ITS_WAY: Duration = Duration::from_secs(8);
/// How long nothing must have happened before a packet, so that it is to come through.
const SETTLED: Duration = Duration::from_secs(4);
/// Packets of a source after which it must have been taken over UDP.
pub(super) const SETTLED_RUN: u32 = 10;

/// The packets that have to have come when it is looked at again.
#[derive(Debug)]
pub(super) struct Watch {
    at: Instant,
    due: Vec<Due>,
}

#[derive(Debug)]
enum Due {
    /// A reader gets this packet of a media, if it has kept up since.
    Read { media: usize, stream: StreamId, number: u64, since: Instant, dropped: u64 },
    /// This packet of a track gets into the log.
    Published { origin: Origin, track: u8, number: u32 },
}

fn earlier(at: Instant, by: Duration) -> Instant {
    Instant::ZERO + (at - Instant::ZERO).saturating_sub(by)
}

impl World<'_> {
    /// Looks at whether what was due has come, and at what is due next.
    pub(super) fn watch(&mut self, player: &mut Player) {
        if player.watch.as_ref().is_some_and(|watch| self.now < watch.at + ON_ITS_WAY) {
            return;
        }
        let watch = player.watch.take();
        watch.into_iter().flat_map(|watch| watch.due).for_each(|due| self.check_due(player, &due));
        let due = match &player.role {
            Role::Reader { .. } => self.due_to_reader(player),
            Role::Publisher { .. } => self.due_of_publisher(player),
        };
        player.watch = Some(Watch { at: self.now, due });
    }

    fn due_to_reader(&self, player: &Player) -> Vec<Due> {
        let Some(period) = &player.period else { return Vec::new() };
        let Some(stream) = self.stream_of(player) else { return Vec::new() };
        let due = medias(player).filter_map(|media| {
            let described = player.client.description()?.medias.get(media)?;
            let is_udp = player.client.transport() == Some(Lower::Udp);
            let is_settled = |(_, entry): &(u64, &Entry)| !is_udp || entry.run > SETTLED_RUN;
            let (number, entry) = self.truth.track(stream, media as u8).next_back().filter(is_settled)?;
            described.format(entry.payload_type)?;
            let waits =
                if described.kind == MediaKind::Video { self.plan.access_wait() } else { Duration::ZERO };
            let since = earlier(entry.at, waits + SETTLED);
            let began = self.truth.began(stream, media as u8)?;
            let keeps_up = began + waits <= entry.at && self.keeps_up(player, period, since);
            let dropped = player.client.media_stats(self.now, media)?.dropped;
            keeps_up.then_some(Due::Read { media, stream, number, since, dropped })
        });
        due.collect()
    }

    fn due_of_publisher(&self, player: &Player) -> Vec<Due> {
        let Role::Publisher { source, origin, .. } = &player.role else { return Vec::new() };
        if !self.is_published(player, *origin, self.now) {
            return Vec::new();
        }
        source.settled().map(|(track, number)| Due::Published { origin: *origin, track, number }).collect()
    }

    fn check_due(&mut self, player: &Player, due: &Due) {
        match *due {
            Due::Read { media, stream, number, since, dropped } => {
                let Some(period) = &player.period else { return };
                if self.stream_of(player) != Some(stream) || !self.keeps_up(player, period, since) {
                    return;
                }
                // Its application has not kept up, so that pictures are left out up to the next that can be decoded.
                let own = player.client.media_stats(self.now, media);
                if own.is_none_or(|own| own.dropped != dropped || own.awaits_access_point) {
                    return;
                }
                let last = period.last_of(media);
                assert!(
                    last >= Some(number),
                    "client {} keeps up with {stream:?}, and {number} of media {media} is due and {last:?} has come",
                    player.index
                );
                self.counts.add("readers that kept up", 1);
                if player.link.is_none() {
                    self.counts.add("readers that kept up without a connection", 1);
                }
                let entries = self.truth.entries(stream);
                let ssrc = entries[number as usize].ssrc;
                let is_another = |entry: &Entry| usize::from(entry.track) == media && entry.ssrc != ssrc;
                if entries[..number as usize].iter().any(is_another) {
                    self.counts.add("readers that kept up with sources that changed", 1);
                }
            }
            Due::Published { origin, track, number } => {
                let own = self.books.stream_at(player.role.path());
                let own = own.filter(|stream| self.truth.is_of(*stream, origin));
                let at = earlier(self.now, ON_ITS_WAY);
                let Some(stream) = own.filter(|_| self.is_published(player, origin, at)) else { return };
                let newest = self.truth.newest(stream, track, origin);
                assert!(
                    newest >= Some(number),
                    "client {} records {stream:?}, and {number} of track {track} is due and {newest:?} has come",
                    player.index
                );
                self.counts.add("publishers that got through", 1);
                if player.link.is_none() {
                    self.counts.add("publishers that got through without a connection", 1);
                }
            }
        }
    }

    /// Returns `true` if a reader has kept up since then, and nothing was in its way.
    fn keeps_up(&self, player: &Player, period: &Period, since: Instant) -> bool {
        let Some((session, reader)) = self.reader_of(player) else { return false };
        let is_settled = player.asked.is_empty() && !player.is_unsure && player.client.state() == State::Play;
        let has_lagged = reader.told().is_some_and(|told| told >= since);
        let plays = is_settled && period.is_since(since) && self.books.end_of(session).is_none();
        plays && !has_lagged && self.way_is_free(player, since)
    }

    /// Returns `true` if all that a publisher sends since then has to get through.
    fn is_published(&self, player: &Player, origin: Origin, since: Instant) -> bool {
        let is_settled =
            player.asked.is_empty() && !player.is_unsure && player.client.state() == State::Record;
        is_settled && self.truth.lossless(origin).is_some() && self.way_is_free(player, since)
    }

    fn way_is_free(&self, player: &Player, since: Instant) -> bool {
        let link = player.link.and_then(|link| self.tcp.get(link));
        match player.client.transport() {
            Some(Lower::Tcp) => link.is_some_and(|link| link.is_steady(since)),
            Some(Lower::Udp) => {
                let is_quick = self.plan.udp_burst() >= UDP_BURST_PACKETS && !self.plan.limits_unproven();
                // Sources that are forged so that they prove themselves keep others waiting that are new.
                let is_alone = self.plan.spoof != Some(Spoof::Sources);
                self.plan.is_lossless() && is_quick && is_alone && !player.is_rebound
            }
            None => false,
        }
    }
}
