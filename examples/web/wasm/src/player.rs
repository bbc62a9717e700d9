//! The decisions of a player.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use rtspan_core::client::{
    ClientCloseReason, CommandError, ConnectError, ReconnectPolicy, Reply, Transports,
};
use rtspan_core::frame::{Form, Frame, FrameReader, ParameterSetsIn};
use rtspan_core::tunnel::Tunnel;
use rtspan_core::{
    Client, ClientConfig, ClientEvent, ClientOutput, CommandId, Description, Instant, MediaKind, NtpTime,
    Url, UrlError, WithCauses,
};

use crate::output::{Output, Track, is_for_browsers};

/// Pieces of what is to be sent that are gathered for one message.
const SLICES_MAX: usize = 16;

/// Plays a stream.
///
/// [`poll`](Self::poll) gives the page its orders. It is to be called after every other method until it has no more.
#[derive(Debug)]
pub struct Player {
    client: Client,
    frames: FrameReader,
    /// The medias that are played, pictures first.
    medias: Vec<(usize, MediaKind)>,
    describing: Option<CommandId>,
    playing: Option<CommandId>,
    /// Outputs that go before all others.
    outputs: VecDeque<Output>,
    /// A frame whose track is told before it.
    frame: Option<Box<Frame>>,
    /// Medias whose decoder was told of.
    told: Vec<usize>,
    has_sound: bool,
    is_closed: bool,
}

/// Counts of a player.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Bytes of all connections.
    pub bytes: u64,
    /// RTP packets that have come.
    pub packets: u64,
    /// RTP packets that are missing, or were dropped because the page did not take them.
    pub lost: u64,
    /// Frames of which a part is missing.
    pub damaged: u64,
    /// How often the stream was lost and had again.
    pub reconnects: u64,
}

impl Player {
    /// A player of the stream at a URL, such as `rtsp+ws://user:password@server:8554/door`, with a token if it is not empty. It begins to
    /// connect.
    ///
    /// # Errors
    ///
    /// It is no URL of RTSP.
    pub fn new(
        now: Instant,
        (url, token): (&str, &str),
        has_sound: bool,
        wall: NtpTime,
        seed: [u8; 32],
    ) -> Result<Self, UrlError> {
        let config = ClientConfig::default()
            .user_agent("rtspan-web")
            .transports(Transports::Tcp)
            .reconnect(Some(ReconnectPolicy::default()));
        let config = if token.is_empty() { config } else { config.token(token) };
        let mut client = Client::new(Url::parse(url)?, config, seed);
        client.set_wall_clock(now, wall);
        let mut player = Self {
            describing: client.describe(now).ok(),
            client,
            frames: FrameReader::new(&Description::new(Vec::new())),
            medias: Vec::new(),
            playing: None,
            outputs: VecDeque::new(),
            frame: None,
            told: Vec::new(),
            has_sound,
            is_closed: false,
        };
        player.frames.set_form(Form::Container);
        player.frames.set_parameter_sets(ParameterSetsIn::NoFrame);
        Ok(player)
    }

    /// The WebSocket is open.
    pub fn handle_connected(&mut self, now: Instant) {
        // A page does not learn the address, which only media over UDP needs.
        self.client.handle_connected(now, Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))));
    }

    /// The WebSocket has closed, or could not be opened.
    pub fn handle_closed(&mut self, now: Instant) {
        self.client.handle_connected(now, Err(ConnectError::of(Vec::new())));
        self.client.handle_closed(now);
    }

    /// Takes the bytes of a message.
    pub fn handle_read(&mut self, now: Instant, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.client.wants_read() {
            let room = self.client.read_buf();
            let (now_read, rest) = bytes.split_at(room.len().min(bytes.len()));
            room[..now_read.len()].copy_from_slice(now_read);
            self.client.handle_read(now, now_read.len());
            bytes = rest;
            while let Some(received) = self.client.poll_packet() {
                // A packet that cannot be read is counted, and its frame marked.
                let _ = self.frames.push(&received);
            }
        }
    }

    /// Ends the session with the server.
    pub fn stop(&mut self, now: Instant) {
        // One that is closed has nothing to end.
        let _ = self.client.teardown(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
    }

    /// The next order to the page.
    pub fn poll(&mut self, now: Instant) -> Option<Output> {
        loop {
            if let Some(bytes) = self.unsent(now) {
                return Some(Output::Send(bytes));
            }
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            match self.client.poll_output() {
                Some(output) => self.handle_output(now, output),
                None => break,
            }
        }
        self.frame.take().map(Output::Frame).or_else(|| self.next_frame())
    }

    /// The counts so far.
    pub fn stats(&self, now: Instant) -> Stats {
        let stats = self.client.stats(now);
        let sum = |count: fn(&rtspan_core::client::TrackStats) -> u64| stats.tracks.iter().map(count).sum();
        let frames = self.medias.iter().filter_map(|(media, _)| self.frames.stats(*media));
        Stats {
            bytes: stats.conn.bytes_received,
            packets: sum(|track| track.packets),
            lost: sum(|track| track.lost.saturating_add(track.dropped)),
            damaged: frames.map(|stats| stats.damaged).sum(),
            reconnects: stats.reconnects,
        }
    }

    fn unsent(&mut self, now: Instant) -> Option<Bytes> {
        if !self.client.wants_write() {
            return None;
        }
        let mut bytes = BytesMut::new();
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = self.client.io_slices(&mut slices);
        slices.iter().take(filled).for_each(|slice| bytes.extend_from_slice(slice));
        self.client.handle_written(now, bytes.len());
        Some(bytes.freeze())
    }

    fn handle_output(&mut self, now: Instant, output: ClientOutput) {
        match output {
            ClientOutput::Connect { host, port, secure, target, tunnel, .. } => {
                if tunnel != Tunnel::WebSocket {
                    return self.close(
                        now,
                        "the server sends this page to a URL that is none of a WebSocket",
                        0,
                    );
                }
                let scheme = if secure { "wss" } else { "ws" };
                let host = if host.contains(':') { format!("[{host}]") } else { host };
                self.outputs.push_back(Output::Connect(format!("{scheme}://{host}:{port}{target}")));
            }
            ClientOutput::Disconnect => self.outputs.push_back(Output::Disconnect),
            ClientOutput::Event(event) => self.handle_event(now, event),
            // Media goes over the connection.
            _ => {}
        }
    }

    fn handle_event(&mut self, now: Instant, event: ClientEvent) {
        match event {
            ClientEvent::Done(command, result) if Some(command) == self.describing => match result {
                Ok(Reply::Described(description)) => self.set_up(now, &description),
                Ok(_) => {}
                Err(error) => self.fail(now, &error),
            },
            ClientEvent::Done(command, result) if Some(command) == self.playing => match result {
                Ok(_) => self.outputs.push_back(Output::Playing),
                Err(error) => self.fail(now, &error),
            },
            ClientEvent::Reconnecting { cause, wait, .. } => {
                self.outputs.push_back(Output::Reconnecting(in_words(&cause), wait));
            }
            ClientEvent::Reconnected { .. } => self.outputs.push_back(Output::Playing),
            ClientEvent::DescriptionChanged(description) => {
                self.frames.set_description(&description);
                self.told.clear();
            }
            ClientEvent::Closed(reason) if !self.is_closed => {
                self.is_closed = true;
                self.outputs.push_back(Output::Closed(in_words(&reason), 0));
            }
            _ => {}
        }
    }

    /// Sets up the first media of pictures and the first of sound that browsers know.
    fn set_up(&mut self, now: Instant, description: &Description) {
        let kinds = [(MediaKind::Video, true), (MediaKind::Audio, self.has_sound)];
        let sent: Vec<usize> = self.client.default_medias().collect();
        for (kind, _) in kinds.into_iter().filter(|(_, is_wanted)| *is_wanted) {
            let mut medias = description.medias.iter().enumerate().filter(|(index, _)| sent.contains(index));
            let is_good = |media: &rtspan_core::Media| media.formats.first().is_some_and(is_for_browsers);
            if let Some((index, _)) = medias.find(|(_, media)| media.kind == kind && is_good(media)) {
                self.medias.push((index, kind));
            }
        }
        if self.medias.is_empty() {
            let formats = description.medias.iter().flat_map(|media| &media.formats);
            let names: Vec<_> = formats.map(|format| format.encoding().to_owned()).collect();
            let words = format!("the stream has nothing that browsers play: {}", names.join(", "));
            return self.close(now, &words, 0);
        }
        self.frames.set_description(description);
        for (media, _) in &self.medias {
            // PLAY fails if none of them succeeds, and says why.
            let _ = self.client.setup(now, *media);
        }
        self.playing = self.client.play(now, None).ok();
    }

    /// The next frame that can be decoded, behind its track if that is new.
    fn next_frame(&mut self) -> Option<Output> {
        loop {
            let mut frame = self.frames.poll()?;
            let Some((_, kind)) = self.medias.iter().find(|(media, _)| *media == frame.media) else {
                continue;
            };
            let news = frame.new_parameters.take();
            let is_told = self.told.contains(&frame.media);
            let parameters = match news {
                Some(news) => Some(*news),
                None if is_told => None,
                None => self.frames.parameters(frame.media),
            };
            let track = parameters.and_then(|parameters| Track::new(frame.media, kind, &parameters));
            match track {
                Some(track) => {
                    if !is_told {
                        self.told.push(frame.media);
                    }
                    self.frame = Some(Box::new(frame));
                    return Some(Output::Track(Box::new(track)));
                }
                // Its parameters are not known yet, so that nothing can decode it.
                None if !is_told => {}
                None => return Some(Output::Frame(Box::new(frame))),
            }
        }
    }

    fn fail(&mut self, now: Instant, error: &CommandError) {
        self.close(now, &WithCauses(error).to_string(), error.status().map_or(0, |status| status.as_u16()));
    }

    fn close(&mut self, now: Instant, words: &str, status: u16) {
        self.is_closed = true;
        self.outputs.push_back(Output::Closed(words.to_owned(), status));
        self.stop(now);
    }
}

/// A reason, for a person in front of a page. A browser does not tell the page why there is no WebSocket.
fn in_words(reason: &ClientCloseReason) -> String {
    match reason {
        ClientCloseReason::Connect(_) => {
            "no WebSocket to the server: it is off, or does not let this page in".to_owned()
        }
        reason => WithCauses(reason).to_string(),
    }
}

#[cfg(test)]
mod tests;
