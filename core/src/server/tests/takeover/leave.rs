//! The application leaves a stream of its own to a publisher.

use super::super::scenario::description;
use super::*;
use crate::Tolerances;
use crate::description::Description;
use crate::stream::StreamLog;

const PATIENCE: Duration = Duration::from_secs(10);

fn publish(scenario: &mut Scenario, sdp: &str, path: &str) -> StreamId {
    let description = Description::parse(sdp.as_bytes(), &mut Tolerances::default()).unwrap();
    let (stream, log) = scenario.server.add_stream(scenario.now, path, description).unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    stream
}

/// A server that asks about publishers, a stream of its own with one packet, and a reader that has it.
fn relaying() -> (Scenario, StreamId, ConnId) {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::ANNOUNCE));
    let stream = publish(&mut scenario, SDP, "/live");
    let reading = reader(&mut scenario);
    let now = scenario.now;
    write(&mut scenario, stream, |log| log.push(now, 0, video(1, &[0x65, 1])));
    assert_eq!(read(&mut scenario, reading), [1]);
    (scenario, stream, reading)
}

fn write(scenario: &mut Scenario, stream: StreamId, write: impl FnOnce(&mut StreamLog) -> bool) {
    assert!(write(scenario.logs.0.borrow_mut().get_mut(&stream).unwrap()));
    scenario.drain();
}

/// A publisher asks, and the application does something before it says yes.
fn comes(scenario: &mut Scenario, sdp: &str, before: impl FnOnce(&mut Scenario)) -> (ConnId, u16) {
    let conn = scenario.connect_from(peer(40_001));
    scenario.post(conn, "ANNOUNCE rtsp://h/live", sdp);
    let Some(Event::Announce(question)) = scenario.events.pop() else { panic!("a question") };
    assert_eq!(question.replaces, None);
    before(scenario);
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    scenario.drain();
    (conn, status(&scenario.response(conn)))
}

fn leaves(scenario: &mut Scenario, stream: StreamId) {
    assert!(scenario.server.leave_stream(scenario.now, stream, PATIENCE));
}

#[test]
fn a_publisher_takes_the_stream_that_the_application_leaves_and_its_readers_stay() {
    let (mut scenario, stream, reading) = relaying();
    let (conn, status) = comes(&mut scenario, SDP, |scenario| leaves(scenario, stream));
    assert_eq!(status, 200);
    let taken = scenario
        .events
        .iter()
        .any(|event| matches!(event, Event::TakenOver { stream: own, former: None, .. } if *own == stream));
    assert!(taken, "{:?}", scenario.events);
    record(&mut scenario, conn, FIRST, None);
    give(&mut scenario, conn, &video(2, &[0x65, 1]));
    give(&mut scenario, conn, &video(3, &[0x65, 1]));
    assert_eq!(read(&mut scenario, reading), [2, 3]);
    // The time that it would have waited is over, and then its publisher goes.
    scenario.advance(PATIENCE * 2);
    assert_eq!(scenario.server.stream_at("/live"), Some(stream));
    scenario.hang_up(conn);
    assert_eq!(scenario.server.stream_at("/live"), None);
}

#[test]
fn a_yes_without_leaving_the_stream_is_none() {
    let (mut scenario, stream, reading) = relaying();
    let (_, status) = comes(&mut scenario, SDP, |_| ());
    assert_eq!((status, scenario.server.stream_at("/live")), (403, Some(stream)));
    let now = scenario.now;
    write(&mut scenario, stream, |log| log.push(now, 0, video(2, &[0x65, 1])));
    assert_eq!(read(&mut scenario, reading), [2]);
}

#[test]
fn a_publisher_of_other_medias_ends_the_stream_that_is_left() {
    let (mut scenario, stream, reading) = relaying();
    let (conn, status) = comes(&mut scenario, OTHER, |scenario| leaves(scenario, stream));
    assert_eq!(status, 200);
    record(&mut scenario, conn, SECOND, None);
    assert_ne!(scenario.server.stream_at("/live"), Some(stream));
    scenario.advance(Duration::from_secs(1));
    assert!(scenario.is_closed(reading));
}

#[test]
fn a_stream_that_is_left_ends_if_no_publisher_comes_in_time_or_the_application_is_done_with_it() {
    for is_removed in [false, true] {
        let (mut scenario, stream, reading) = relaying();
        leaves(&mut scenario, stream);
        assert!(!scenario.server.leave_stream(scenario.now, stream, PATIENCE), "once");
        scenario.advance(PATIENCE - Duration::from_nanos(1));
        assert_eq!(scenario.server.stream_at("/live"), Some(stream));
        match is_removed {
            true => scenario.server.remove_stream(scenario.now, stream),
            false => scenario.advance(Duration::from_nanos(1)),
        }
        assert_eq!(scenario.server.stream_at("/live"), None);
        scenario.advance(Duration::from_secs(1));
        assert!(scenario.is_closed(reading) && scenario.logs.0.borrow().is_empty());
    }
}

#[test]
fn only_a_stream_of_the_applications_own_can_be_left() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (_, stream) = publisher(&mut scenario, None);
    assert!(!scenario.server.leave_stream(scenario.now, stream, PATIENCE), "a publisher's");
    let sound =
        "v=0\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=sendonly\r\nm=audio 0 RTP/AVP 0\r\na=recvonly\r\n";
    let door = publish(&mut scenario, sound, "/door");
    assert!(!scenario.server.leave_stream(scenario.now, door, PATIENCE), "readers speak into it");
    let (own, log) = scenario.server.add_private_stream(scenario.now, "/own", description()).unwrap();
    scenario.logs.0.borrow_mut().insert(own, log);
    assert!(!scenario.server.leave_stream(scenario.now, own, PATIENCE), "it has no path");
    scenario.server.remove_stream(scenario.now, door);
    assert!(!scenario.server.leave_stream(scenario.now, door, PATIENCE), "it has ended");
    assert_eq!(scenario.server.stream_at("/live"), Some(stream));
}

#[test]
fn without_a_question_the_publisher_of_a_path_that_is_left_is_let_in_and_every_other_is_refused() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let stream = publish(&mut scenario, SDP, "/live");
    let conn = scenario.connect();
    assert_eq!(announce(&mut scenario, conn, SDP), 403);
    leaves(&mut scenario, stream);
    assert_eq!(announce(&mut scenario, conn, SDP), 200);
    let second = scenario.connect_from(peer(40_001));
    assert_eq!(announce(&mut scenario, second, SDP), 403);
}
