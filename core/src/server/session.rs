use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::access::Identity;
use super::credit::Credit;
use super::output::MediaTransport;
use super::secure::TrackKeys;
use super::stats::Tally;
use super::streams::Published;
use super::table::StateKind;
use super::{Event, Server, ServerConfig};
use crate::conn::Routes;
use crate::description::Description;
use crate::few::Few;
use crate::heard::Heard;
use crate::id::Arena;
use crate::ingest::Intake;
use crate::limits::SESSION_TIMEOUT_MARGIN;
use crate::random::HexId;
use crate::tap::Tap;
use crate::url::track::match_control;
use crate::wire::{Response, StatusCode};
use crate::{ConnId, Instant, SessionId, StreamId, Tolerances, UdpId};

/// A session, from its first SETUP or ANNOUNCE on.
#[derive(Debug)]
pub(super) struct Session {
    /// Its id in the Session header.
    pub(super) key: HexId,
    /// The address of the peer that made it.
    pub(super) peer: SocketAddr,
    /// The address of the server's that this peer has talked to, which its datagrams leave from; `None` if that is not known.
    pub(super) local: Option<IpAddr>,
    /// The user that has proved its right to it; `None` if anybody may.
    pub(super) owner: Option<Box<Identity>>,
    pub(super) path: Box<str>,
    /// The query of the URL that it began with.
    pub(super) query: Option<Box<str>>,
    /// The connection that it was used over last, which events name.
    pub(super) conn: ConnId,
    /// The connections that it was used over.
    pub(super) conns: Few<ConnId>,
    /// When it was opened.
    pub(super) since: Instant,
    /// The last sign of life.
    pub(super) alive: Instant,
    /// The bytes that it may be sent over UDP.
    pub(super) credit: Credit,
    /// It has played or recorded.
    pub(super) has_begun: bool,
    /// The tracks that were set up, in that order.
    pub(super) tracks: Vec<Track>,
    /// The number of the log of encrypted packets that it reads.
    pub(super) secure_log: Option<u32>,
    pub(super) state: State,
    /// The counts of the media plane.
    pub(super) tally: Tally,
}

/// Each state with what only it has.
#[derive(Debug)]
pub(super) enum State {
    PrePlay(Reading),
    Play(Reading),
    PreRecord(Publishing),
    Record(Publishing),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) stream: StreamId,
    /// The stream of what its peer says, from the first PLAY with a back channel on.
    pub(super) back_channel: Option<StreamId>,
    /// How many of its groups have been told that the stream has ended.
    pub(super) groups_ended: usize,
}

impl Reading {
    pub(super) fn new(stream: StreamId) -> Self {
        Self { stream, back_channel: None, groups_ended: 0 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Publishing {
    pub(super) announce_uri: Box<str>,
    /// The announced description; empty from the first RECORD on, because then the stream's text tells the same.
    pub(super) text: Bytes,
    /// The intakes of each media's packets, from the first RECORD on.
    pub(super) intakes: Box<[Intake]>,
    /// Bytes that are counted for the description.
    pub(super) described: usize,
    /// From the first RECORD on.
    pub(super) stream: Option<StreamId>,
}

/// A track that was set up.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// The index of the media in the description.
    pub(super) index: u8,
    /// The URL that it was set up with, as RTP-Info names it.
    pub(super) uri: Box<str>,
    pub(super) channels: Channels,
    /// It is a back channel: the session reads, and its peer sends this.
    pub(super) is_spoken: bool,
    /// Its keys, if it is protected (SRTP).
    pub(super) keys: Option<Box<TrackKeys>>,
}

/// The channels or addresses that carry a track.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Channels {
    /// Interleaved frames of a connection.
    Frames { conn: ConnId, rtp: u8, rtcp: u8 },
    /// UDP datagrams of a pair of sockets, to or from these addresses.
    Udp { pair: UdpId, rtp: SocketAddr, rtcp: SocketAddr },
    /// UDP datagrams to a group, whose packets are those of the log of encrypted packets with this number.
    Group { rtp: SocketAddr, rtcp: SocketAddr, secure: Option<u32> },
}

impl Track {
    /// The receiver of a reader's reports.
    pub(super) fn heard(&self, config: &ServerConfig) -> Heard {
        Heard::new(Tap::new(config.rtcp_events), self.opener(config))
    }
}

impl Channels {
    pub(super) fn transport(self) -> MediaTransport {
        match self {
            Self::Frames { .. } => MediaTransport::Tcp,
            Self::Udp { .. } => MediaTransport::Udp,
            Self::Group { .. } => MediaTransport::Multicast,
        }
    }
}

impl Publishing {
    /// The announced description; it is read anew each time, because nobody knows how much more than its text it holds.
    pub(super) fn announced(&self, streams: &Arena<Published>) -> Option<Description> {
        if self.has_recorded() {
            Description::parse_written(&streams.get(self.stream?)?.sdp)
        } else {
            Description::parse(&self.text, &mut Tolerances::default()).ok()
        }
    }

    pub(super) fn has_recorded(&self) -> bool {
        self.text.is_empty()
    }

    /// The announced media that a SETUP URL names, before the first RECORD.
    pub(super) fn track_of(&self, uri: &str) -> Option<u8> {
        let announced = Description::parse(&self.text, &mut Tolerances::default()).ok()?;
        let controls = announced.medias.iter().map(|media| media.control.as_deref());
        let index = match_control(uri, &self.announce_uri, controls)?;
        u8::try_from(index).ok()
    }
}

impl Session {
    pub(super) fn kind(&self) -> StateKind {
        match self.state {
            State::PrePlay(_) => StateKind::PrePlay,
            State::Play(_) => StateKind::Play,
            State::PreRecord(_) => StateKind::PreRecord,
            State::Record(_) => StateKind::Record,
        }
    }

    /// Returns `true` if its peer's next request is awaited soon: it has not begun, or a publisher pauses and readers wait.
    ///
    /// GStreamer's `rtspclientsink`, interrupted, sends PAUSE and then, in two runs of three, no TEARDOWN.
    pub(super) fn is_awaited(&self) -> bool {
        match self.state {
            State::PrePlay(_) => !self.has_begun,
            State::PreRecord(_) => true,
            State::Play(_) | State::Record(_) => false,
        }
    }

    /// Returns `true` if it belongs to a peer at this address: the only identity that there is.
    pub(super) fn is_of(&self, peer: SocketAddr) -> bool {
        self.peer.ip() == peer.ip()
    }

    /// Has a publisher begin or pause; its description, which may be long, is not kept beside the stream's text.
    pub(super) fn record(&mut self, is_recording: bool, stream: Option<StreamId>) {
        self.has_begun |= is_recording;
        let state = std::mem::replace(&mut self.state, State::PreRecord(Publishing::default()));
        self.state = match state {
            State::PreRecord(publishing) | State::Record(publishing) => {
                let publishing = Publishing { stream: publishing.stream.or(stream), ..publishing };
                match is_recording {
                    true => State::Record(Publishing { text: Bytes::new(), ..publishing }),
                    false => State::PreRecord(publishing),
                }
            }
            state => state,
        };
    }

    /// Bytes that are counted for the description that it has announced.
    pub(super) fn described(&self) -> usize {
        match &self.state {
            State::PreRecord(publishing) | State::Record(publishing) => publishing.described,
            State::PrePlay(_) | State::Play(_) => 0,
        }
    }

    /// The stream that it reads.
    pub(super) fn read_stream(&self) -> Option<StreamId> {
        match &self.state {
            State::PrePlay(reading) | State::Play(reading) => Some(reading.stream),
            State::PreRecord(_) | State::Record(_) => None,
        }
    }

    /// The stream that it has recorded.
    pub(super) fn recorded_stream(&self) -> Option<StreamId> {
        match &self.state {
            State::PreRecord(publishing) | State::Record(publishing) => publishing.stream,
            State::PrePlay(_) | State::Play(_) => None,
        }
    }

    /// The tracks that it is sent.
    pub(super) fn read_tracks(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| !track.is_spoken)
    }

    /// True if its medias are protected (SRTP); `None` before the first SETUP.
    pub(super) fn is_secure(&self) -> Option<bool> {
        self.tracks.first().map(|track| track.keys.is_some())
    }

    /// The track that was set up with this URL.
    pub(super) fn track_at(&self, uri: &str) -> Option<u8> {
        self.tracks.iter().find(|track| *track.uri == *uri).map(|track| track.index)
    }

    /// The connection that carries its media, if one does; it cannot live without it.
    pub(super) fn bound_to(&self) -> Option<ConnId> {
        self.tracks.iter().find_map(|track| match track.channels {
            Channels::Frames { conn, .. } => Some(conn),
            Channels::Udp { .. } | Channels::Group { .. } => None,
        })
    }

    /// Where the reports of a reader over interleaved frames come, and that they are its own.
    pub(super) fn report_routes(&self, id: SessionId, config: &ServerConfig) -> Option<(ConnId, Routes)> {
        let reports = |track: &Track| match track.channels {
            Channels::Frames { rtcp, .. } => Some((rtcp, track.index, track.heard(config))),
            Channels::Udp { .. } | Channels::Group { .. } => None,
        };
        Some((self.bound_to()?, Routes::Reader(id, self.read_tracks().filter_map(reports).collect())))
    }

    /// The addresses of its tracks over UDP, of packets and of reports.
    pub(super) fn udp_peers(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> + '_ {
        self.tracks.iter().filter_map(|track| match track.channels {
            Channels::Udp { rtp, rtcp, .. } => Some((rtp, rtcp)),
            Channels::Frames { .. } | Channels::Group { .. } => None,
        })
    }

    /// The pair of sockets that carries all its tracks, if they go over UDP to or from its peer.
    pub(super) fn udp_pair(&self) -> Option<UdpId> {
        self.tracks.iter().find_map(|track| match track.channels {
            Channels::Udp { pair, .. } => Some(pair),
            Channels::Frames { .. } | Channels::Group { .. } => None,
        })
    }

    pub(super) fn transport(&self) -> Option<MediaTransport> {
        self.tracks.first().map(|track| track.channels.transport())
    }
}

/// The content of a Session header for a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    key: HexId,
    timeout: Duration,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};timeout={}", &*self.key, self.timeout.as_secs().max(1))
    }
}

impl Server {
    /// The session, or the answer that there is none (454).
    pub(super) fn existing(&self, session: Option<SessionId>) -> Result<(SessionId, &Session), Response> {
        let found = session.and_then(|id| Some((id, self.sessions.get(id)?)));
        found.ok_or_else(|| Response::new(StatusCode::SESSION_NOT_FOUND))
    }

    /// Tells of a session, as long as there is one.
    pub(super) fn tell_of_session(&mut self, id: SessionId, event: impl FnOnce(&Session) -> Event) {
        if let Some(event) = self.sessions.get(id).map(event) {
            self.emit(event);
        }
    }

    /// The Session header of a response: the timeout is told a little shorter, for those that refresh at the last moment.
    pub(super) fn session_header(&self, session: &Session) -> Told {
        let timeout = self.config.session_timeout.saturating_sub(SESSION_TIMEOUT_MARGIN);
        Told { key: session.key, timeout }
    }
}
