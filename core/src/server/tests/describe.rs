use bytes::Bytes;

use super::record::{frame, record};
use super::scenario::{Scenario, peer, video};
use super::udp::publisher;
use crate::description::{Codec, Description, Format, Media, MediaKind};
use crate::server::{Asks, Event, ServerConfig};
use crate::udp::Port;
use crate::{ConnId, Tolerances};

const SPS: &[u8] = &[0x67, 0x4d, 0x00, 0x28, 0x95, 0xa8];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
/// Of another resolution.
const NEXT_SPS: &[u8] = &[0x67, 0x64, 0x00, 0x1f, 0x95, 0xa0];
const IDR: &[u8] = &[0x65, 0x88];

fn describe(scenario: &mut Scenario, conn: ConnId, path: &str) -> Description {
    let described = scenario.request(conn, &format!("DESCRIBE rtsp://h{path}"));
    let mut tolerances = Tolerances::NONE;
    let description = Description::parse(&described.body, &mut tolerances).unwrap();
    assert!(tolerances.is_empty(), "{tolerances:?}");
    description
}

/// The parameters that a description tells of the first media: its parameter sets, and profile and level.
fn told(scenario: &mut Scenario, conn: ConnId, path: &str) -> (Option<[Bytes; 2]>, Option<[u8; 3]>) {
    let description = describe(scenario, conn, path);
    let Codec::H264(h264) = &description.medias[0].formats[0].codec else { panic!("{description:?}") };
    (h264.parameter_sets().map(|sets| sets.map(Bytes::clone)), h264.profile_level_id)
}

fn sets(sps: &'static [u8]) -> (Option<[Bytes; 2]>, Option<[u8; 3]>) {
    (Some([sps, PPS].map(Bytes::from_static)), Some([sps[1], sps[2], sps[3]]))
}

#[test]
fn a_description_tells_the_parameter_sets_that_a_publisher_over_tcp_sends() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (conn, reader) = (scenario.connect(), scenario.connect());
    record(&mut scenario, conn);
    assert_eq!(told(&mut scenario, reader, "/live"), (None, None));
    for (sequence, nal) in [(1, SPS), (2, PPS), (3, IDR)] {
        scenario.send(conn, &frame(0, video(sequence, nal).as_bytes()));
    }
    assert_eq!(told(&mut scenario, reader, "/live"), sets(SPS));
    scenario.send(conn, &frame(0, video(4, NEXT_SPS).as_bytes()));
    assert_eq!(told(&mut scenario, reader, "/live"), sets(NEXT_SPS));
}

#[test]
fn a_description_tells_the_parameter_sets_that_a_publisher_over_udp_sends() {
    let (mut scenario, conn, _, _) = publisher();
    for (sequence, nal) in [(1, SPS), (2, PPS), (3, IDR)] {
        scenario.datagram(Port::Rtp, peer(6000), video(sequence, nal).into_bytes());
    }
    assert_eq!(told(&mut scenario, conn, "/live"), sets(SPS));
}

#[test]
fn a_description_tells_the_parameter_sets_that_the_application_writes() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    let mut announced = Description::new(vec![
        Media::new(MediaKind::Video, vec![Format::h264(96, SPS, PPS)]),
        Media::new(MediaKind::Audio, vec![Format::opus(111, true)]),
    ]);
    announced.title = "Yard".to_owned();
    let (stream, log) = scenario.server.add_stream(scenario.now, "/cam", announced).unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    let before = describe(&mut scenario, conn, "/cam");
    for (sequence, nal) in [(1, SPS), (2, PPS), (3, IDR)] {
        scenario.push(stream, 0, video(sequence, nal));
    }
    assert_eq!(describe(&mut scenario, conn, "/cam"), before, "they are those announced");
    scenario.push(stream, 0, video(4, NEXT_SPS));
    assert_eq!(told(&mut scenario, conn, "/cam"), sets(NEXT_SPS));
    let after = describe(&mut scenario, conn, "/cam");
    let known = scenario.server.description(stream, &scenario.logs).unwrap();
    assert_eq!((&known.title, &known.medias[0].formats), (&after.title, &after.medias[0].formats));
    assert_eq!((&after.title, &after.medias[1]), (&before.title, &before.medias[1]), "all else stays");
    scenario.push(stream, 0, video(5, SPS));
    assert_eq!(told(&mut scenario, conn, "/cam"), sets(SPS));
}

#[test]
fn a_description_that_the_application_is_asked_for_tells_them_as_well() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    scenario.post(conn, "DESCRIBE rtsp://h/cam", "");
    let Some(Event::Describe(question)) = scenario.events.pop() else { panic!("a question") };
    let stream = scenario.publish("/cam");
    for (sequence, nal) in [(1, NEXT_SPS), (2, PPS)] {
        scenario.push(stream, 0, video(sequence, nal));
    }
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    scenario.drain();
    let body = scenario.response(conn).body;
    let description = Description::parse(&body, &mut Tolerances::default()).unwrap();
    let Codec::H264(h264) = &description.medias[0].formats[0].codec else { panic!("{description:?}") };
    assert_eq!(h264.sps.as_deref(), Some(NEXT_SPS));
}
