//! Back channels: clients that speak while they play. Their words arrive byte for byte and in order, and only from those that
//! may speak.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bytes::Bytes;
use rtspan_core::client::State;
use rtspan_core::description::Direction;
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::server::Event;
use rtspan_core::{Description, Format, Media, MediaKind, SessionId, StreamId};

use super::app::is_shared;
use super::player::Player;
use super::source::Kind;
use super::world::{Age, World};

/// A speaker: each client of each host is another voice.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Voice(u32);

/// The words that were said, and those of them that were heard.
#[derive(Debug, Default)]
pub(super) struct Talks {
    voices: BTreeMap<Voice, Said>,
    open: BTreeMap<StreamId, Talk>,
    former: BTreeSet<StreamId>,
    /// The hosts of sessions.
    hosts: BTreeMap<SessionId, IpAddr>,
    /// Hosts that were told that they may speak.
    allowed: BTreeSet<IpAddr>,
}

#[derive(Debug)]
struct Said {
    host: IpAddr,
    words: Vec<Bytes>,
}

/// The talk of one session.
#[derive(Debug)]
struct Talk {
    session: SessionId,
    host: IpAddr,
    /// The stream that it reads.
    parent: Option<StreamId>,
    last: Option<(Voice, u32)>,
}

const MARK: &[u8; 4] = b"talk";

impl Talks {
    /// Another client of a host may speak.
    pub(super) fn voice(&mut self, host: IpAddr) -> Voice {
        let voice = Voice(self.voices.len() as u32);
        self.voices.insert(voice, Said { host, words: Vec::new() });
        voice
    }

    pub(super) fn allow(&mut self, host: IpAddr) {
        self.allowed.insert(host);
    }

    pub(super) fn contains(&self, stream: StreamId) -> bool {
        self.open.contains_key(&stream) || self.former.contains(&stream)
    }

    /// The next words of a voice.
    fn next(&self, voice: Voice, length: usize) -> RtpPacket {
        let number = self.voices[&voice].words.len() as u32;
        let words = [&MARK[..], &voice.0.to_be_bytes(), &number.to_be_bytes(), &vec![number as u8; length]];
        let header = RtpHeader {
            payload_type: 0,
            marker: number == 0,
            sequence: number as u16,
            timestamp: number.wrapping_mul(160),
            ssrc: 0x7a1c_0000 | voice.0,
        };
        RtpPacket::build(header, &words.concat())
    }

    /// The words were sent.
    fn say(&mut self, voice: Voice, packet: &RtpPacket) {
        let said = self.voices.get_mut(&voice).expect("a voice of this world");
        said.words.push(Bytes::copy_from_slice(packet.as_bytes()));
    }

    /// The server has heard a packet of a session.
    fn hear(&mut self, stream: StreamId, packet: &RtpPacket) {
        let Some(talk) = self.open.get_mut(&stream) else { return };
        let payload = packet.payload();
        let word = |at: usize| {
            payload.get(at..at + 4).and_then(|word| Some(u32::from_be_bytes(word.try_into().ok()?)))
        };
        let (Some(voice), Some(number), true) = (word(4).map(Voice), word(8), payload.starts_with(MARK))
        else {
            // One that keeps to no rule says anything, and what opens the way through a NAT says nothing.
            assert!(is_shared(talk.host) || payload.is_empty(), "{talk:?} has said {packet:?}");
            return;
        };
        let said = &self.voices[&voice];
        assert_eq!(said.host, talk.host, "{voice:?} is heard of {talk:?}");
        let words = said.words.get(number as usize);
        assert_eq!(
            words.map(|words| &**words),
            Some(&**packet.as_bytes()),
            "what {voice:?} has said is heard otherwise"
        );
        if let Some((former, before)) = talk.last.replace((voice, number)) {
            assert!(
                former == voice && number > before,
                "{number} of {voice:?} is heard behind {before} of {former:?}"
            );
        }
    }
}

impl World<'_> {
    /// How a stream of the application's is described: there may be somebody who listens.
    pub(super) fn describe_stream(&mut self, kinds: &[Kind]) -> Description {
        let mut description = Kind::describe(kinds);
        if self.chance.happens(self.plan.listens) {
            let mut media = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
            media.direction = Some(Direction::SendOnly);
            description.medias.push(media);
        }
        description
    }

    /// The server tells of somebody who speaks.
    pub(super) fn enter_talk(&mut self, event: &Event) {
        match event {
            Event::SessionOpened { session, peer, .. } => {
                self.talks.hosts.insert(*session, peer.ip());
            }
            Event::BackChannelOpened { session, stream, path, .. } => {
                let host = self.talks.hosts[session];
                let is_asked = self.plan.asks_speakers();
                assert!(!is_asked || self.talks.allowed.contains(&host), "{host} speaks, and may not");
                let parent = self.books.stream_at(path);
                let others =
                    self.talks.open.values().filter(|talk| parent.is_some() && talk.parent == parent);
                assert!(others.count() < self.plan.speakers_max, "one more speaks to {path}");
                let talk = Talk { session: *session, host, parent, last: None };
                let former = self.talks.open.insert(*stream, talk);
                assert!(former.is_none(), "{stream:?} is opened twice");
                self.counts.add("back channels opened", 1);
            }
            Event::BackChannelClosed { session, stream, .. } => {
                let talk = self.talks.open.remove(stream);
                let is_its = talk.is_some_and(|talk| talk.session == *session);
                assert!(is_its, "{stream:?} of {session:?} is closed, and was not open");
                self.talks.former.insert(*stream);
            }
            _ => {}
        }
    }

    /// A packet that a session has said.
    pub(super) fn hear_words(&mut self, stream: StreamId, packet: &RtpPacket) {
        self.talks.hear(stream, packet);
        self.counts.add("words heard", 1);
    }

    /// The next words of the application of a client, where there is a back channel.
    fn words(&mut self, player: &Player) -> Option<(usize, RtpPacket)> {
        let is_due = player.client.state() == State::Play && !player.client.is_reconnecting();
        let media = player.client.back_channels().next().filter(|_| is_due)?;
        let length = self.chance.index(200);
        Some((media, self.talks.next(player.voice, length)))
    }

    /// The application of a client speaks.
    pub(super) fn say(&mut self, player: &mut Player) {
        if self.age > Age::Calm {
            return;
        }
        for _ in 0..self.chance.below(4) {
            let Some((media, packet)) = self.words(player) else { return };
            if player.client.send(self.now, media, &packet).is_ok() {
                self.talks.say(player.voice, &packet);
                self.counts.add("words said", 1);
            }
        }
    }

    /// Nobody speaks any more.
    pub(super) fn check_talks_over(&self) {
        assert!(
            self.talks.open.is_empty(),
            "back channels that were never told to end: {:?}",
            self.talks.open
        );
    }
}
