//! The application takes a stream whose publisher has gone.

use super::*;
use crate::Tolerances;
use crate::description::Description;
use crate::stream::{Media, StreamLog};

const GRACE: Duration = Duration::from_secs(20);

fn described(sdp: &str) -> Description {
    Description::parse(sdp.as_bytes(), &mut Tolerances::default()).unwrap()
}

/// A stream that waits for its publisher, which has sent one packet, and a reader.
fn waiting() -> (Scenario, StreamId, ConnId) {
    let mut scenario = Scenario::new(ServerConfig::default().resume(GRACE));
    let (publisher, stream) = publisher(&mut scenario, None);
    let reading = reader(&mut scenario);
    give(&mut scenario, publisher, &video(1, &[0x65, 1]));
    assert_eq!(read(&mut scenario, reading), [1]);
    assert_eq!(scenario.server.take_stream("/live", &described(SDP)), None, "its publisher is there");
    scenario.hang_up(publisher);
    scenario.drain();
    (scenario, stream, reading)
}

#[test]
fn the_application_goes_on_with_it_and_readers_see_one_source() {
    let (mut scenario, stream, reading) = waiting();
    assert_eq!(scenario.server.take_stream("/live", &described(OTHER)), None);
    assert_eq!(scenario.server.take_stream("/other", &described(SDP)), None);
    assert_eq!(scenario.server.take_stream("/live", &described(SAME)), Some(stream));
    assert_eq!(scenario.server.take_stream("/live", &described(SAME)), None, "it waits no more");
    let now = scenario.now;
    {
        let mut logs = scenario.logs.0.borrow_mut();
        let log: &mut StreamLog = logs.get_mut(&stream).unwrap();
        log.handle_media(now, Media::Begin { track: 0 });
        let other = video(7000, &[0x65, 2]).with_numbers(7000, 5, 0x0909_0909);
        assert!(log.push_with_ntp(now, 0, other, NtpTime::from_unix(Duration::from_secs(1_800_000_000))));
        let newest = log.get(log.head() - 1).unwrap();
        assert_eq!(newest.rtp.ssrc(), video(1, &[]).ssrc());
        assert!(log.publishers_time(newest).is_some(), "its clock is told by the numbers that readers see");
    }
    scenario.drain();
    assert_eq!(read(&mut scenario, reading), [2]);
    // The time for the publisher is over.
    scenario.advance(GRACE * 2);
    assert_eq!(scenario.server.stream_at("/live"), Some(stream));
    let conn = scenario.connect_from(peer(40_001));
    assert_eq!(announce(&mut scenario, conn, SAME), 403, "it is the application's own");
    scenario.server.remove_stream(scenario.now, stream);
    assert_eq!(scenario.server.stream_at("/live"), None);
}
