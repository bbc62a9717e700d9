//! A publisher takes its leave, or is sent away, and its stream waits all the same.

use super::*;
use crate::conn::CloseNote;

const GRACE: Duration = Duration::from_secs(20);

fn config() -> ServerConfig {
    ServerConfig::default().resume(GRACE).resume_after_teardown(true)
}

/// A publisher with its session, and the stream.
fn publishing(config: ServerConfig) -> (Scenario, ConnId, String, StreamId) {
    let mut scenario = Scenario::new(config);
    let conn = scenario.connect();
    assert_eq!(announce(&mut scenario, conn, SDP), 200);
    let session = record(&mut scenario, conn, FIRST, None);
    let stream = scenario.server.stream_at("/live").unwrap();
    (scenario, conn, session, stream)
}

fn tear_down(scenario: &mut Scenario, conn: ConnId, session: &str) {
    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/live|{session}"))), 200);
    scenario.drain();
}

fn is_waited_for(scenario: &Scenario) -> bool {
    scenario.events.iter().any(|event| matches!(event, Event::PublisherGone { .. }))
}

fn unpublished(scenario: &Scenario) -> Option<CloseReason> {
    scenario.events.iter().find_map(|event| match event {
        Event::Unpublished { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}

#[test]
fn readers_stay_for_any_publisher_that_comes_after_teardown() {
    let (mut scenario, conn, session, stream) = publishing(config());
    let reading = reader(&mut scenario);
    give(&mut scenario, conn, &video(1, &[0x65, 1]));
    tear_down(&mut scenario, conn, &session);
    assert!(is_waited_for(&scenario));
    assert!(scenario.server.stream(stream).unwrap().awaits_publisher);
    assert_eq!(ends(&scenario), [CloseReason::Teardown]);
    scenario.advance(GRACE - Duration::from_nanos(1));
    let other = scenario.connect_from("198.51.100.7:40000".parse().unwrap());
    assert_eq!(announce(&mut scenario, other, SAME), 200, "the path is nobody's");
    record(&mut scenario, other, SECOND, None);
    assert_eq!((taken_over(&scenario).len(), scenario.server.stream_at("/live")), (1, Some(stream)));
    assert!(!scenario.server.stream(stream).unwrap().awaits_publisher);
    give(&mut scenario, other, &video(2, &[0x65, 2]));
    assert_eq!(read(&mut scenario, reading), [1, 2]);
}

#[test]
fn the_stream_ends_if_none_comes_in_time_or_one_with_other_medias() {
    for sdp in [None, Some(OTHER)] {
        let (mut scenario, conn, session, stream) = publishing(config());
        let reading = reader(&mut scenario);
        tear_down(&mut scenario, conn, &session);
        let reason = match sdp {
            Some(sdp) => {
                assert_eq!(announce(&mut scenario, conn, sdp), 200);
                CloseReason::TakenOver
            }
            None => {
                scenario.advance(GRACE);
                CloseReason::Teardown
            }
        };
        scenario.advance(Duration::from_secs(1));
        assert_eq!(unpublished(&scenario), Some(reason));
        assert_ne!(scenario.server.stream_at("/live"), Some(stream));
        assert!(scenario.is_closed(reading));
    }
}

#[test]
fn a_stream_without_readers_ends_with_teardown() {
    for config in [config(), config().resume(Duration::ZERO)] {
        let (mut scenario, conn, session, _) = publishing(config);
        tear_down(&mut scenario, conn, &session);
        assert_eq!(unpublished(&scenario), Some(CloseReason::Teardown));
        assert_eq!(scenario.server.stream_at("/live"), None);
    }
}

#[test]
fn the_stream_of_a_publisher_that_the_application_sends_away_waits_if_it_says_so() {
    for is_kept in [false, true] {
        let (mut scenario, conn, _, stream) = publishing(ServerConfig::default().resume(GRACE));
        let note = CloseNote::new("come again");
        let note = if is_kept { note.keep_stream() } else { note };
        let session = scenario.server.stream(stream).and_then(|stream| stream.publisher).unwrap();
        scenario.server.close_session_with(scenario.now, session, note.clone());
        scenario.drain();
        assert_eq!((is_waited_for(&scenario), scenario.is_closed(conn)), (is_kept, true));
        let other = scenario.connect_from("198.51.100.7:40000".parse().unwrap());
        let own = scenario.connect_from(peer(40_001));
        assert_eq!(announce(&mut scenario, other, SAME), if is_kept { 403 } else { 200 });
        if is_kept {
            assert_eq!(announce(&mut scenario, own, SAME), 200);
            record(&mut scenario, own, SECOND, None);
            assert_eq!(scenario.server.stream_at("/live"), Some(stream));
        } else {
            assert_eq!(unpublished(&scenario), Some(CloseReason::Noted(note)));
        }
    }
}
