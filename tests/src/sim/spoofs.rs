//! Packets with a publisher's address on them that are not its own, and those of them that may reach a log.

use std::collections::BTreeMap;

use rtspan_core::client::State;
use rtspan_core::limits::{REORDER_DELAY, SOURCE_LIVES, SOURCE_RESTART_PERIOD};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::{Instant, StreamId};

use super::choices::Chance;
use super::player::Player;
use super::role::Role;
use super::source::{Made, Origin, Source};
use super::truth::Entry;
use super::udp::Datagram;
use super::world::{Age, Task, World};

/// How a forger goes about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spoof {
    /// An SSRC of its own for each packet.
    Strays,
    /// Two packets in a row of each SSRC, so that they prove themselves.
    Sources,
    /// The publisher's SSRC, far away in its sequence.
    Sequence,
}

/// The packets that were forged, and those of them that were taken.
#[derive(Debug, Default)]
pub(super) struct Spoofs {
    forged: BTreeMap<u32, Forged>,
    /// When a source of a track was last taken beyond one for each format, while another lived, and beside whose: behind
    /// a takeover it is counted anew.
    taken: BTreeMap<(StreamId, u8), (Origin, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Forged {
    spoof: Spoof,
    /// The maker that it seems to have, and how many formats that has.
    origin: Origin,
    formats: usize,
    /// Nothing else happens to what the publisher sends.
    is_sole: bool,
}

impl Spoofs {
    /// A forged packet was taken behind `before`.
    pub(super) fn check(&mut self, stream: StreamId, before: &[Entry], entry: &Entry) {
        let number = entry.made.map_or(0, |made| made.number);
        let Some(forged) = self.forged.get(&number).filter(|forged| forged.is_sole) else { return };
        let entry = &entry.as_sent();
        let track = || before.iter().rev().map(Entry::as_sent).filter(|other| other.track == entry.track);
        let is_known = track().any(|other| other.made.is_some_and(|made| made.origin == forged.origin));
        let newest = track().next().map(|newest| newest.at);
        let lives = newest.is_some_and(|at| entry.at.since(at) + REORDER_DELAY < SOURCE_LIVES);
        // Where no source lives, one that is new need not prove itself; one that is known still does.
        let of_same = track().find(|other| other.ssrc == entry.ssrc);
        let is_of_known = forged.spoof == Spoof::Sequence && of_same.is_some();
        // One that was taken while no source lived has carried the sequence off, and the next may follow it.
        let is_carried_off = is_of_known && of_same.is_some_and(|other| other.is_spoofed());
        if !is_known || (!lives && !is_of_known) || is_carried_off {
            return;
        }
        assert_eq!(forged.spoof, Spoof::Sources, "{stream:?} took {entry:?}, which has not proved itself");
        if track().any(|other| other.ssrc == entry.ssrc) {
            return;
        }
        let mut ssrcs: Vec<_> = track().map(|other| other.ssrc).collect();
        ssrcs.sort_unstable();
        ssrcs.dedup();
        if ssrcs.len() < forged.formats {
            return;
        }
        let taken = self.taken.insert((stream, entry.track), (forged.origin, entry.at));
        if let Some((_, last)) = taken.filter(|(beside, _)| *beside == forged.origin) {
            let since = entry.at.since(last);
            assert!(since >= SOURCE_RESTART_PERIOD, "{stream:?} took two sources within {since:?}");
        }
    }
}

impl World<'_> {
    /// Somebody writes a publisher's address on packets, some a second.
    pub(super) fn run_forger(&mut self) {
        let Some(spoof) = self.plan.spoof.filter(|_| self.age == Age::Storm) else { return };
        for index in 0..self.players.len() {
            let Some(player) = self.players[index].take() else { continue };
            self.spoof(&player, spoof);
            self.players[index] = Some(player);
        }
        let next = self.now + self.chance.millis(200, 500);
        self.wake(Task::Forger, next);
    }

    fn spoof(&mut self, player: &Player, spoof: Spoof) {
        let Role::Publisher { source, origin, description, .. } = &player.role else { return };
        let records = player.client.state() == State::Record && !player.has_vanished;
        let ways: Vec<_> = player.ways().collect();
        if !records || ways.is_empty() {
            return;
        }
        let (media, from, to) = self.chance.pick(&ways);
        let Some(packets) = forge(self.now, spoof, source, media as u8, &mut self.chance) else { return };
        let is_sole = self.truth.lossless(*origin).is_some();
        let formats = description.medias[media].formats.len();
        for packet in packets {
            let number = Made::of(&packet).map_or(0, |made| made.number);
            self.truth.spoofs.forged.insert(number, Forged { spoof, origin: *origin, formats, is_sole });
            self.send_datagram(Datagram { from, to, data: packet.into_bytes() });
            self.counts.add("packets spoofed", 1);
        }
    }
}

fn forge(
    now: Instant,
    spoof: Spoof,
    source: &Source,
    track: u8,
    chance: &mut Chance<'_>,
) -> Option<Vec<RtpPacket>> {
    let next = source.next_header(now, track)?;
    let far = next.sequence.wrapping_add(chance.between(10_000, 50_000) as u16) & !1;
    let ssrc = if spoof == Spoof::Sequence { next.ssrc } else { chance.below(1 << 32) as u32 };
    let count = if spoof == Spoof::Sources { 2 } else { 1 };
    let packet = |n: u16| {
        let number = chance.below(1 << 32) as u32;
        let made = Made { origin: Origin::SPOOFER, track, number };
        let header = RtpHeader { sequence: far.wrapping_add(n), ssrc, ..next };
        RtpPacket::build(header, &made.payload(now, &[0x41], 4))
    };
    Some((0..count).map(packet).collect())
}
