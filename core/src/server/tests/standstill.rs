use std::time::Duration;

use bytes::Bytes;

use super::scenario::{Scenario, peer, session_of, status};
use crate::limits::DEADLINE_GRACE;
use crate::server::{Asks, Event, ServerConfig};
use crate::udp::Port;

const LONG: Duration = Duration::from_secs(200);

#[test]
fn a_server_that_stood_still_reads_what_came_before_it_believes_its_deadlines() {
    let mut scenario = Scenario::with_udp();
    scenario.publish("/cam");
    let (over_udp, asking, silent) = (scenario.connect(), scenario.connect(), scenario.connect());
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
    let setup = scenario.request(over_udp, &format!("SETUP rtsp://h/cam/trackID=0|{offer}"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(over_udp, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
    scenario.stand_still(LONG);
    // Their sockets are read only now.
    scenario.datagram(Port::Rtcp, peer(5001), Bytes::from_static(&[0x80, 0xc9, 0, 1, 0, 0, 0, 0]));
    assert_eq!(status(&scenario.request(asking, "OPTIONS *")), 200);
    scenario.advance(2 * DEADLINE_GRACE);
    assert!(!scenario.is_closed(over_udp) && !scenario.is_closed(asking));
    assert!(scenario.is_closed(silent), "nothing had come of it");
    scenario.advance(LONG);
    assert!(scenario.is_closed(over_udp) && scenario.is_closed(asking), "later ones are believed");
}

#[test]
fn an_application_that_stood_still_may_still_answer() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    scenario.post(conn, "DESCRIBE rtsp://h/cam", "");
    let Some(Event::Describe(question)) = scenario.events.pop() else { panic!("a question") };
    scenario.stand_still(LONG);
    scenario.publish("/cam");
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(status(&scenario.response(conn)), 200);
}
