//! The writer of a stream learns when its readers have been sent what it wrote.

use super::scenario::{Scenario, session_of, status, video};
use crate::server::ServerConfig;
use crate::{ConnId, StreamId};

/// A reader that plays, over TCP or at this port.
fn play(scenario: &mut Scenario, port: Option<u16>) -> (ConnId, String) {
    let conn = scenario.connect();
    let transport = match port {
        Some(port) => format!("RTP/AVP;unicast;client_port={port}-{}", port + 1),
        None => "RTP/AVP/TCP;interleaved=0-1".to_owned(),
    };
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|Transport: {transport}"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    (conn, session)
}

/// The numbers that were told of since this was last asked.
fn told(scenario: &mut Scenario) -> Vec<u64> {
    std::mem::take(&mut scenario.sent).into_iter().map(|(_, number)| number).collect()
}

/// A packet that no driver has looked at, and the question whether it was sent.
fn write_and_ask(scenario: &mut Scenario, stream: StreamId) -> u64 {
    let (now, mut head) = (scenario.now, 0);
    if let Some(log) = scenario.logs.0.borrow_mut().get_mut(&stream) {
        assert!(log.push(now, 0, video(log.head() as u16, b"\x41picture")));
        head = log.head();
    }
    scenario.server.ask_if_sent(stream, head);
    head
}

#[test]
fn the_writer_is_told_once_each_reader_that_plays_was_sent_all() {
    let mut scenario = Scenario::with_udp();
    let stream = scenario.publish("/cam");
    let nobody = write_and_ask(&mut scenario, stream);
    scenario.drain();
    assert_eq!(told(&mut scenario), [nobody], "nobody is waited for");
    let readers = [None, None, Some(5000)].map(|port| play(&mut scenario, port));
    let (first, second) = (readers[0].0, readers[1].0);
    // One of them has not been told of the question, and then has not read.
    scenario.while_conn_is_late(first, |scenario| {
        scenario.frames(second);
        let asked = write_and_ask(scenario, stream);
        scenario.drain();
        assert_eq!((told(scenario), scenario.frames(second).len()), (vec![], 1));
        // A smaller number is told with the larger.
        scenario.server.ask_if_sent(stream, asked - 1);
        scenario.drain();
        assert_eq!(told(scenario), []);
    });
    scenario.drain();
    assert_eq!(told(&mut scenario), [2]);
    scenario.frames(first);
    let paused = scenario.request(first, &format!("PAUSE rtsp://h/cam|Session: {}", readers[0].1));
    assert_eq!(status(&paused), 200);
    scenario.while_conn_is_late(first, |scenario| {
        assert_eq!((write_and_ask(scenario, stream), scenario.drain()), (3, ()));
        assert_eq!(told(scenario), [3], "one that pauses is not waited for");
    });
}

#[test]
fn a_reader_that_pauses_or_leaves_holds_up_nobody_any_more() {
    for how in ["PAUSE", "TEARDOWN", "hang up"] {
        let mut scenario = Scenario::with_udp();
        let stream = scenario.publish("/cam");
        let (stays, _) = play(&mut scenario, None);
        let (conn, session) = play(&mut scenario, Some(5000));
        scenario.while_udp_is_late(|scenario| {
            let asked = write_and_ask(scenario, stream);
            scenario.drain();
            assert_eq!((told(scenario), !scenario.frames(stays).is_empty()), (vec![], true));
            match how {
                "hang up" => {
                    let id =
                        scenario.server.sessions().find(|own| own.conns.contains(&conn)).unwrap().session;
                    scenario.server.close_session(scenario.now, id);
                }
                method => _ = scenario.request(conn, &format!("{method} rtsp://h/cam|Session: {session}")),
            }
            scenario.drain();
            assert_eq!(told(scenario), [asked], "{how}");
        });
        scenario.drain();
        assert_eq!(told(&mut scenario), [], "{how}: and it is told once");
    }
}

#[test]
fn whoever_asks_about_a_stream_that_ends_is_answered() {
    let (mut scenario, _, stream) = Scenario::with_stream(ServerConfig::default());
    let (conn, _) = play(&mut scenario, None);
    scenario.while_conn_is_late(conn, |scenario| {
        write_and_ask(scenario, stream);
        scenario.server.remove_stream(scenario.now, stream);
        scenario.drain();
        assert_eq!(told(scenario), [], "the rest is still sent");
    });
    scenario.drain();
    assert_eq!(told(&mut scenario).len(), 1);
    scenario.server.ask_if_sent(stream, 7);
    scenario.drain();
    assert_eq!(told(&mut scenario), [7], "the stream is gone");
}
