//! The events of whole lives come in the order that the table of [`Event`] states.

use std::collections::BTreeMap;

use super::access::{Player, guarded};
use super::scenario::{SDP, Scenario, description, peer, session_of, video};
use crate::ConnId;
use crate::conn::CloseReason;
use crate::limits::{GOODBYE_DELAY, SESSION_TIMEOUT, TAKEOVER_SILENCE};
use crate::rtp::rtcp::{ReceiverReport, ReportBlock, receiver_report_compound};
use crate::server::{Asks, Event, ServerConfig};
use crate::wire::StatusCode;

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=";

/// The rows of the table.
fn table() -> BTreeMap<&'static str, &'static str> {
    let rows = include_str!("../event.rs").lines().filter_map(|line| line.strip_prefix("/// | "));
    let rows = rows.filter_map(|row| row.strip_suffix(" |")?.split_once(" | "));
    rows.filter(|(life, _)| *life != "Life").collect()
}

/// A server, and the names of what it has told.
struct Life {
    scenario: Scenario,
    says_yes: bool,
    /// A reader gets a stream of its own.
    gives_streams: bool,
    told: Vec<String>,
}

impl Life {
    fn new(config: ServerConfig) -> Self {
        Self::of(Scenario::new(config))
    }

    /// The life of a peer of this server, from here on.
    fn of(mut scenario: Scenario) -> Self {
        scenario.publish("/cam");
        scenario.drain();
        scenario.events.clear();
        Self { scenario, says_yes: true, gives_streams: false, told: Vec::new() }
    }

    /// Takes all events, and answers the questions among them.
    fn look(&mut self) {
        self.scenario.drain();
        while !self.scenario.events.is_empty() {
            let event = self.scenario.events.remove(0);
            let name = format!("{event:?}");
            self.told.push(name.split(['(', ' ']).next().unwrap().to_owned());
            let (now, logs) = (self.scenario.now, &self.scenario.logs);
            let reply = if self.says_yes { Ok(()) } else { Err(StatusCode::FORBIDDEN.into()) };
            let server = &mut self.scenario.server;
            let answered = match event {
                Event::Describe(question) => server.answer(now, question.ticket, reply, logs),
                Event::Announce(question) => server.answer(now, question.ticket, reply, logs),
                Event::Setup(mut question) => {
                    if self.gives_streams {
                        let added = server.add_private_stream(now, &question.path, description());
                        let (stream, log) = added.unwrap();
                        logs.0.borrow_mut().insert(stream, log);
                        question.ticket.set_stream(stream);
                    }
                    server.answer(now, question.ticket, reply, logs)
                }
                Event::Speak(question) => server.answer(now, question.ticket, reply, logs),
                Event::Pause(question) => server.answer(now, question.ticket, reply, logs),
                Event::Play(question) => server.answer(now, question.ticket, reply, logs),
                Event::Record(question) => server.answer(now, question.ticket, reply, logs),
                _ => Ok(()),
            };
            assert_eq!(answered, Ok(()), "{name}");
            self.scenario.drain();
        }
    }

    /// Sends a request and answers what is asked; the status and, if there is one, the session.
    fn request(&mut self, conn: ConnId, request: &str, body: &str) -> (u16, String) {
        self.scenario.post(conn, request, body);
        self.look();
        let response = self.scenario.response(conn);
        let session = response.headers.get("Session").map(|_| session_of(&response)).unwrap_or_default();
        (response.status.as_u16(), session)
    }

    fn accepted(&mut self, conn: ConnId, request: &str, body: &str) -> String {
        let (status, session) = self.request(conn, request, body);
        assert_eq!(status, 200, "{request}");
        format!("Session: {session}")
    }

    /// A reader of a track of `/cam`.
    fn plays(&mut self, conn: ConnId, path: &str, transport: &str) -> String {
        let setup = format!("SETUP rtsp://h{path}/trackID=0|{transport}");
        let session = self.accepted(conn, &setup, "");
        self.accepted(conn, &format!("PLAY rtsp://h{path}|{session}"), "");
        session
    }

    /// A publisher at `/live`.
    fn records(&mut self, conn: ConnId) -> String {
        self.accepted(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
        let setup = format!("SETUP rtsp://h/live/streamid=0|{TCP}0-1;mode=record");
        let session = self.accepted(conn, &setup, "");
        let setup = format!("SETUP rtsp://h/live/streamid=1|{session}|{TCP}2-3;mode=record");
        self.accepted(conn, &setup, "");
        self.accepted(conn, &format!("RECORD rtsp://h/live|{session}"), "");
        session
    }

    fn hangs_up(&mut self, conn: ConnId) {
        self.scenario.hang_up(conn);
        self.look();
    }

    fn has_told(mut self, life: &str) {
        self.look();
        assert_eq!(Some(&*self.told.join(", ")), table().get(life).copied(), "{life}");
    }
}

fn all_asked() -> ServerConfig {
    let reader = Asks::DESCRIBE | Asks::SETUP | Asks::SPEAK | Asks::PLAY | Asks::PAUSE;
    ServerConfig::default().asks(reader | Asks::ANNOUNCE | Asks::RECORD)
}

#[test]
fn a_readers_life_is_told_in_order() {
    let mut life = Life::new(all_asked());
    let conn = life.scenario.connect();
    life.accepted(conn, "DESCRIBE rtsp://h/cam", "");
    let session = life.accepted(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}0-1"), "");
    life.accepted(conn, &format!("SETUP rtsp://h/cam/trackID=1|{session}|{TCP}2-3"), "");
    for method in ["PLAY", "PAUSE", "PLAY", "TEARDOWN"] {
        life.accepted(conn, &format!("{method} rtsp://h/cam|{session}"), "");
    }
    life.hangs_up(conn);
    life.has_told("reader");
}

#[test]
fn a_reader_that_gives_up_a_track_is_told_in_order() {
    let mut life = Life::new(ServerConfig::default());
    let conn = life.scenario.connect();
    let session = life.accepted(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}0-1"), "");
    life.accepted(conn, &format!("SETUP rtsp://h/cam/trackID=1|{session}|{TCP}2-3"), "");
    for request in ["PLAY rtsp://h/cam", "TEARDOWN rtsp://h/cam/trackID=0", "TEARDOWN rtsp://h/cam"] {
        life.accepted(conn, &format!("{request}|{session}"), "");
    }
    life.hangs_up(conn);
    life.has_told("reader that gives up a track");
}

#[test]
fn the_life_of_a_reader_that_speaks_is_told_in_order() {
    let udp = "Transport: RTP/AVP;unicast;client_port=";
    for [first, second] in
        [[format!("{TCP}0-1"), format!("{TCP}2-3")], [format!("{udp}5000-5001"), format!("{udp}5002-5003")]]
    {
        let mut scenario = Scenario::with_udp_and(|config| config.asks(all_asked().asks));
        let (_, log) =
            scenario.server.add_stream(scenario.now, "/door", super::back_channel::door()).unwrap();
        let door = scenario.server.stream_at("/door").unwrap();
        scenario.logs.0.borrow_mut().insert(door, log);
        let mut life = Life::of(scenario);
        let conn = life.scenario.connect();
        life.accepted(conn, "DESCRIBE rtsp://h/door", "");
        let session = life.accepted(conn, &format!("SETUP rtsp://h/door/trackID=0|{first}"), "");
        life.accepted(conn, &format!("SETUP rtsp://h/door/trackID=1|{session}|{second}"), "");
        for method in ["PLAY", "PAUSE", "PLAY", "TEARDOWN"] {
            life.accepted(conn, &format!("{method} rtsp://h/door|{session}"), "");
        }
        life.hangs_up(conn);
        life.has_told("reader that speaks");
    }
}

#[test]
fn the_life_of_a_reader_with_a_stream_of_its_own_is_told_in_order() {
    let mut life = Life::new(all_asked());
    life.gives_streams = true;
    let conn = life.scenario.connect();
    let session = life.plays(conn, "/film", &format!("{TCP}0-1"));
    for method in ["PLAY", "TEARDOWN"] {
        life.accepted(conn, &format!("{method} rtsp://h/film|{session}"), "");
    }
    life.hangs_up(conn);
    life.has_told("reader of a private stream");
}

#[test]
fn the_messages_of_a_reader_are_told_in_order_if_that_is_wanted() {
    let mut life = Life::new(ServerConfig::default().trace(true));
    let conn = life.scenario.connect();
    let session = life.plays(conn, "/cam", &format!("{TCP}0-1"));
    life.accepted(conn, &format!("TEARDOWN rtsp://h/cam|{session}"), "");
    life.hangs_up(conn);
    life.has_told("traced reader");
}

#[test]
fn a_publishers_life_is_told_in_order() {
    let mut life = Life::new(all_asked());
    let conn = life.scenario.connect();
    let session = life.records(conn);
    for method in ["PAUSE", "RECORD", "TEARDOWN"] {
        life.accepted(conn, &format!("{method} rtsp://h/live|{session}"), "");
    }
    life.hangs_up(conn);
    life.has_told("publisher");
}

#[test]
fn peers_that_are_refused_open_no_session() {
    let mut reader = Life::new(all_asked());
    reader.says_yes = false;
    let conn = reader.scenario.connect();
    assert_eq!(reader.request(conn, "DESCRIBE rtsp://h/cam", "").0, 403);
    assert_eq!(reader.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}0-1"), "").0, 403);
    reader.hangs_up(conn);
    reader.has_told("refused reader");

    let mut publisher = Life::new(all_asked());
    publisher.says_yes = false;
    let conn = publisher.scenario.connect();
    let announce = "ANNOUNCE rtsp://h/live|Content-Type: application/sdp";
    assert_eq!(publisher.request(conn, announce, SDP).0, 403);
    publisher.hangs_up(conn);
    publisher.has_told("refused publisher");

    let mut guesser = Life::new(guarded());
    let mut player = Player::new(&mut guesser.scenario, "wall", "wrong");
    let refused = player.request(&mut guesser.scenario, "DESCRIBE rtsp://h/cam", "");
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    guesser.hangs_up(player.conn);
    guesser.has_told("wrong credentials");
}

#[test]
fn the_sessions_of_a_lost_connection_end_before_it_if_it_carries_their_media() {
    let mut reader = Life::new(ServerConfig::default());
    let conn = reader.scenario.connect();
    reader.plays(conn, "/cam", &format!("{TCP}0-1"));
    reader.hangs_up(conn);
    reader.has_told("lost reader");

    let mut publisher = Life::new(ServerConfig::default());
    let conn = publisher.scenario.connect();
    publisher.records(conn);
    publisher.hangs_up(conn);
    publisher.has_told("lost publisher");

    let mut over_udp = Life::of(Scenario::with_udp());
    let conn = over_udp.scenario.connect();
    over_udp.plays(conn, "/cam", "Transport: RTP/AVP;unicast;client_port=5000-5001");
    over_udp.hangs_up(conn);
    over_udp.scenario.advance(SESSION_TIMEOUT * 2);
    over_udp.has_told("lost reader over UDP");
}

#[test]
fn the_losses_of_a_publisher_are_told_while_its_session_is_open() {
    let mut life = Life::new(ServerConfig::default());
    let conn = life.scenario.connect();
    let session = life.records(conn);
    for (channel, sequence) in [(0, 1), (0, 5)] {
        let packet = video(sequence, &[0x41]);
        let mut frame = vec![b'$', channel, 0, u8::try_from(packet.len()).unwrap()];
        frame.extend_from_slice(packet.as_bytes());
        life.scenario.send(conn, &frame);
    }
    life.scenario.send(conn, &[b'$', 2, 0, 1, 0]);
    life.accepted(conn, &format!("TEARDOWN rtsp://h/live|{session}"), "");
    life.hangs_up(conn);
    life.has_told("publisher with losses");
}

#[test]
fn the_losses_that_a_reader_reports_are_told_while_it_plays() {
    let mut life = Life::new(ServerConfig::default());
    let conn = life.scenario.connect();
    let session = life.plays(conn, "/cam", &format!("{TCP}0-1"));
    let block = ReportBlock { ssrc: 0xabc, fraction_lost: 8, lost: 3, ..ReportBlock::default() };
    let report = ReceiverReport { ssrc: 7, reports: vec![block] };
    let compound = receiver_report_compound(&report, "reader");
    for _ in 0..2 {
        let head = [b'$', 1, 0, u8::try_from(compound.len()).unwrap()];
        life.scenario.send(conn, &[&head, &compound[..]].concat());
    }
    life.accepted(conn, &format!("TEARDOWN rtsp://h/cam|{session}"), "");
    life.hangs_up(conn);
    life.has_told("reader with losses");
}

#[test]
fn a_publisher_that_comes_back_is_told_in_order() {
    let mut life = Life::new(ServerConfig::default());
    let (before, after) = (life.scenario.connect(), life.scenario.connect());
    life.records(before);
    life.scenario.advance(TAKEOVER_SILENCE);
    life.look();
    life.told.clear();
    life.records(after);
    life.has_told("publisher that comes back");
}

#[test]
fn a_publisher_is_told_to_be_closed_before_its_readers() {
    let mut life = Life::new(ServerConfig::default());
    let (publisher, reader) = (life.scenario.connect(), life.scenario.connect_from(peer(41_000)));
    let session = life.records(publisher);
    // It has not begun to play, so that it ends at once.
    life.accepted(reader, &format!("SETUP rtsp://h/live/trackID=0|{TCP}0-1"), "");
    life.scenario.post(publisher, &format!("TEARDOWN rtsp://h/live|{session}"), "");
    life.scenario.drain();
    let closed = life.scenario.events.iter().filter_map(|event| match event {
        Event::SessionClosed { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(closed.collect::<Vec<_>>(), [CloseReason::Teardown, CloseReason::StreamEnded]);
}

#[test]
fn a_server_that_closes_ends_all_that_it_has() {
    let mut life = Life::new(ServerConfig::default());
    let (publisher, reader) = (life.scenario.connect(), life.scenario.connect_from(peer(41_000)));
    life.records(publisher);
    life.plays(reader, "/live", &format!("{TCP}0-1"));
    let (now, cam) = (life.scenario.now, life.scenario.server.stream_at("/cam").unwrap());
    life.scenario.server.remove_stream(now, cam);
    life.look();
    life.told.clear();
    life.scenario.server.close(now);
    life.look();
    life.scenario.advance(GOODBYE_DELAY);
    assert!(life.scenario.server.is_empty());
    life.has_told("publisher and reader of a server that closes");
}
