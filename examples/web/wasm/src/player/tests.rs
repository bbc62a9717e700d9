use std::collections::BTreeMap;
use std::time::Duration;

use rtspan_core::auth::{Action, Secret, User, Users};
use rtspan_core::conn::{ConnCommand, ConnRx, ConnTx, Inbound};
use rtspan_core::frame::FrameWriter;
use rtspan_core::stream::{StreamLog, Streams};
use rtspan_core::tls::Secured;
use rtspan_core::{ConnId, Format, Media, Server, ServerConfig, ServerOutput, StreamId};

use super::*;

/// Of `examples/clip/demo.h264`.
const SPS: [u8; 26] = [
    0x67, 0x42, 0xc0, 0x1f, 0xa6, 0x11, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
    0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc8, 0x46,
];
const PPS: [u8; 6] = [0x68, 0xc8, 0x42, 0x02, 0xb2, 0xc8];

struct Logs(BTreeMap<StreamId, StreamLog>);

impl Streams for Logs {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.0.get(&stream).map(f).is_some()
    }
}

/// A player, and a server with one stream at `/cam`.
struct Rig {
    now: Instant,
    player: Player,
    server: Server,
    logs: Logs,
    stream: StreamId,
    conn: Option<(ConnId, ConnRx, ConnTx)>,
    told: Vec<String>,
}

impl Rig {
    fn new(url: &str, medias: Vec<Media>) -> Self {
        Self::with((url, ""), medias, ServerConfig::default())
    }

    fn with((url, token): (&str, &str), medias: Vec<Media>, config: ServerConfig) -> Self {
        let now = Instant::ZERO;
        let mut server = Server::new(config, [1; 32]);
        let (stream, log) = server.add_stream(now, "/cam", Description::new(medias)).expect("a stream");
        let player = Player::new(now, (url, token), true, NtpTime::default(), [2; 32]).expect("a URL");
        let logs = Logs(BTreeMap::from([(stream, log)]));
        Self { now, player, server, logs, stream, conn: None, told: Vec::new() }
    }

    /// Does what is to be done now, until neither side has anything for the other.
    fn run(&mut self) {
        loop {
            while let Some(output) = self.player.poll(self.now) {
                self.handle(output);
            }
            if !self.serve() {
                return;
            }
        }
    }

    fn handle(&mut self, output: Output) {
        let told = match output {
            Output::Connect(url) => {
                let conn = self.server.open_conn(self.now, "192.0.2.1:4000".parse().expect("an address"));
                let conn = conn.expect("there is room");
                if url.starts_with("wss:") {
                    self.server.set_secured(conn.id, Secured::default());
                }
                self.conn = Some((conn.id, conn.rx, conn.tx));
                self.player.handle_connected(self.now);
                format!("connect {url}")
            }
            Output::Send(bytes) => {
                let (_, rx, _) = self.conn.as_mut().expect("what is sent goes over a connection");
                rx.read_buf()[..bytes.len()].copy_from_slice(&bytes);
                rx.handle_read(self.now, bytes.len());
                return;
            }
            Output::Disconnect => {
                self.conn = None;
                "disconnect".to_owned()
            }
            Output::Track(track) => format!("track {} {}", track.media, track.codec),
            Output::Frame(frame) => format!("frame {} of {} bytes", frame.media, frame.data.total_bytes()),
            Output::Playing => "playing".to_owned(),
            Output::Reconnecting(why, _) => format!("reconnecting: {why}"),
            Output::Closed(why, status) => format!("closed {status}: {why}"),
        };
        self.told.push(told);
    }

    /// The server's turn; `true` if the player has something to read.
    fn serve(&mut self) -> bool {
        let Some((id, rx, tx)) = &mut self.conn else { return false };
        let mut has_written = false;
        while let Some(inbound) = rx.poll_input(self.now).expect("the player writes RTSP") {
            match inbound {
                Inbound::Message(message) => self.server.handle_message(self.now, *id, message, &self.logs),
                Inbound::Report(report) => self.server.handle_report(self.now, report),
                _ => {}
            }
        }
        while let Some(output) = self.server.poll_output() {
            match output {
                ServerOutput::Conn(_, ConnCommand::Rx(command)) => rx.handle_command(self.now, command),
                ServerOutput::Conn(_, ConnCommand::Tx(command)) => tx.handle_command(self.now, command),
                _ => {}
            }
        }
        tx.pull(self.now, &self.logs);
        while tx.wants_write() {
            let mut slices = [IoSlice::new(&[])];
            tx.io_slices(&mut slices);
            let bytes = slices[0].to_vec();
            tx.handle_written(self.now, bytes.len());
            self.player.handle_read(self.now, &bytes);
            has_written = true;
        }
        has_written
    }

    /// Publishes a frame of each media.
    fn publish(&mut self, frames: &[Frame]) {
        let medias = self.server.description(self.stream, &self.logs).expect("there is a stream");
        let log = self.logs.0.get_mut(&self.stream).expect("it has a log");
        let mut writer = FrameWriter::new(&medias, [3; 32]).expect("its formats are known");
        for frame in frames {
            let track = u8::try_from(frame.media).expect("there are few medias");
            let push = |packet| {
                log.push(self.now, track, packet);
            };
            writer.write(frame, push).expect("a frame");
        }
    }

    fn take_told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

fn picture() -> Media {
    Media::new(MediaKind::Video, vec![Format::h264(96, &SPS, &PPS)])
}

#[test]
fn pictures_and_sound_come_behind_the_parameters_of_their_decoders() {
    let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
    let mut rig = Rig::new("rtsp+ws://server:8554/cam", vec![sound, picture()]);
    rig.run();
    assert_eq!(rig.take_told(), ["connect ws://server:8554/cam", "playing"]);

    rig.publish(&[Frame::new(1, 0, vec![0x65, 0x88, 0x80]), Frame::new(0, 0, vec![0xd5; 160])]);
    rig.run();
    let all = ["track 1 avc1.42C01F", "frame 1 of 7 bytes", "track 0 alaw", "frame 0 of 160 bytes"];
    assert_eq!(rig.take_told(), all);
}

#[test]
fn a_stream_that_browsers_do_not_play_is_named() {
    let text = Media::new(MediaKind::Application, vec![Format::new(98, "vnd.onvif.metadata", 90_000)]);
    let mut rig = Rig::new("rtsp+wss://server/cam", vec![text]);
    rig.run();
    let told = rig.take_told();
    assert_eq!(told[0], "connect wss://server:443/cam");
    assert_eq!(told[1], "closed 0: the stream has nothing that browsers play: vnd.onvif.metadata");
    assert!(!told[2..].iter().any(|told| told.starts_with("closed")), "it is told once");
}

#[test]
fn a_token_is_told_over_tls_only() {
    let users = Users::default().with(User::new("wall", Secret::token("abc.def")).may(Action::Read, "/cam"));
    let end = |url: &str, token: &str| {
        let mut rig = Rig::with((url, token), vec![picture()], ServerConfig::default().users(users.clone()));
        rig.run();
        rig.take_told()
            .into_iter()
            .find(|told| *told == "playing" || told.starts_with("closed"))
            .expect("an end")
    };
    assert_eq!(end("rtsp+wss://server/cam", "abc.def"), "playing");
    for (url, token, words) in [
        ("rtsp+wss://server/cam", "", "closed 401: server asks for credentials"),
        ("rtsp+wss://server/cam", "abc", "closed 401: server refuses the credentials"),
        ("rtsp+ws://server/cam", "abc.def", "closed 401: a token is only sent over TLS"),
    ] {
        let end = end(url, token);
        assert!(end.starts_with(words), "{end}");
    }
}

#[test]
fn a_path_that_is_not_there_ends_with_its_status() {
    let mut rig = Rig::new("rtsp+ws://server:8554/other", vec![picture()]);
    rig.run();
    assert_eq!(rig.take_told()[1], "closed 404: server answered 404 Not Found");
}

#[test]
fn a_connection_that_is_lost_is_made_again_and_plays_again() {
    let mut rig = Rig::new("rtsp+ws://server:8554/cam", vec![picture()]);
    rig.run();
    rig.take_told();
    rig.conn = None;
    rig.player.handle_closed(rig.now);
    rig.run();
    assert_eq!(rig.take_told(), ["reconnecting: server closed the connection"]);

    rig.now = rig.now + Duration::from_secs(3);
    rig.player.handle_timeout(rig.now);
    rig.run();
    assert_eq!(rig.take_told(), ["connect ws://server:8554/cam", "playing"]);
}

#[test]
fn a_websocket_that_cannot_be_opened_is_tried_again_later() {
    let mut rig = Rig::new("rtsp+ws://server:8554/cam", vec![picture()]);
    assert!(matches!(rig.player.poll(rig.now), Some(Output::Connect(_))));
    rig.player.handle_closed(rig.now);
    let Some(Output::Reconnecting(why, wait)) = rig.player.poll(rig.now) else { panic!("it goes on trying") };
    assert_eq!(why, "no WebSocket to the server: it is off, or does not let this page in");
    assert!(rig.player.poll_timeout() <= Some(rig.now + wait));
}
