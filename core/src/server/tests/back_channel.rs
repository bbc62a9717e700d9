//! Back channels: medias of a stream that its readers send.

mod rights;

use std::time::Duration;

use super::scenario::{SDP, Scenario, peer, session_of, status};
use crate::conn::CloseReason;
use crate::description::{Description, Direction, Format, Media, MediaKind};
use crate::limits::{GOODBYE_DELAY, RECEIVER_REPORT_PERIOD, SESSION_TIMEOUT};
use crate::rtp::rtcp::{self, Rtcp};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{Event, ServerConfig};
use crate::stream::{Cursor, LagPolicy, LogLimits, StartAt, TrackSet};
use crate::udp::Port;
use crate::{ConnId, StreamId, Tolerances};

const TAG: &str = "Require: www.onvif.org/ver20/backchannel";

/// A door station: a picture, its loudspeaker, and what its microphone hears.
pub(super) fn door() -> Description {
    let mut speaker = Media::new(MediaKind::Audio, vec![Format::pcmu(), Format::pcma()]);
    speaker.direction = Some(Direction::SendOnly);
    let video = Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]);
    Description::new(vec![video, speaker, Media::new(MediaKind::Audio, vec![Format::pcmu()])])
}

/// A server with the door station at `/door`.
fn open(config: ServerConfig) -> Scenario {
    open_in(Scenario::new(config))
}

fn open_in(mut scenario: Scenario) -> Scenario {
    let (stream, log) = scenario.server.add_stream(scenario.now, "/door", door()).unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    scenario.drain();
    scenario.events.clear();
    scenario
}

fn voice(sequence: u16) -> RtpPacket {
    let timestamp = u32::from(sequence) * 160;
    let header = RtpHeader { payload_type: 0, marker: false, sequence, timestamp, ssrc: 0x51 };
    RtpPacket::build(header, &[sequence as u8; 160])
}

fn transport(is_udp: bool, track: u16) -> String {
    let (first, second) = (2 * track, 2 * track + 1);
    match is_udp {
        true => format!("Transport: RTP/AVP;unicast;client_port={}-{}", 5000 + first, 5000 + second),
        false => format!("Transport: RTP/AVP/TCP;unicast;interleaved={first}-{second}"),
    }
}

/// Sets up these tracks; the session, and the status of the last.
fn set_up(scenario: &mut Scenario, conn: ConnId, is_udp: bool, tracks: &[u16]) -> (String, u16) {
    let (mut session, mut last) = (String::new(), 0);
    for track in tracks {
        let offer = transport(is_udp, *track);
        let setup = format!("SETUP rtsp://h/door/trackID={track}|{TAG}|{offer}|{session}");
        let response = scenario.request(conn, &setup);
        last = status(&response);
        if last == 200 {
            session = format!("Session: {}", session_of(&response));
        }
    }
    (session, last)
}

/// A reader that may speak, and the stream of what it says.
fn speaker(scenario: &mut Scenario, is_udp: bool) -> (ConnId, String, StreamId) {
    let conn = scenario.connect();
    let (session, last) = set_up(scenario, conn, is_udp, &[0, 1]);
    assert_eq!(last, 200);
    assert_eq!(act(scenario, conn, "PLAY", &session), 200);
    let back = opened(scenario);
    (conn, session, back)
}

fn act(scenario: &mut Scenario, conn: ConnId, method: &str, session: &str) -> u16 {
    status(&scenario.request(conn, &format!("{method} rtsp://h/door|{TAG}|{session}")))
}

/// The stream of the back channel that has been opened last.
#[track_caller]
fn opened(scenario: &Scenario) -> StreamId {
    let opened = scenario.events.iter().rev().find_map(|event| match event {
        Event::BackChannelOpened { stream, path, .. } => {
            assert_eq!(path, "/door");
            Some(*stream)
        }
        _ => None,
    });
    opened.expect("a back channel was opened")
}

fn closed(scenario: &Scenario) -> Vec<(StreamId, CloseReason)> {
    let closed = scenario.events.iter().filter_map(|event| match event {
        Event::BackChannelClosed { stream, reason, .. } => Some((*stream, reason.clone())),
        _ => None,
    });
    closed.collect()
}

/// Says something on the channel or from the port of a track.
fn say(scenario: &mut Scenario, conn: ConnId, is_udp: bool, track: u16, data: &[u8]) {
    if is_udp {
        scenario.datagram(Port::Rtp, peer(5000 + 2 * track), data.to_vec().into());
    } else {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        let head = [b'$', u8::try_from(2 * track).unwrap(), length[0], length[1]];
        scenario.send(conn, &[&head, data].concat());
    }
}

/// The packets that are kept of a stream: track and bytes.
fn heard(scenario: &Scenario, stream: StreamId) -> Vec<(u8, Vec<u8>)> {
    let logs = scenario.logs.0.borrow();
    let Some(log) = logs.get(&stream) else { return Vec::new() };
    log.packets_from(log.tail()).map(|packet| (packet.track, packet.rtp.as_bytes().to_vec())).collect()
}

fn described(scenario: &mut Scenario, conn: ConnId, headers: &str) -> Vec<(String, Option<String>)> {
    let response = scenario.request(conn, &format!("DESCRIBE rtsp://h/door|{headers}"));
    assert_eq!(status(&response), 200, "{headers}");
    let description = Description::parse(&response.body, &mut Tolerances::default()).unwrap();
    let medias = description.medias.iter();
    let direction = |media: &Media| media.direction.map(|direction| direction.to_string());
    medias.map(|media| (media.control.clone().unwrap(), direction(media))).collect()
}

#[test]
fn a_back_channel_is_described_to_those_that_know_of_it() {
    let mut scenario = open(ServerConfig::default());
    let conn = scenario.connect();
    let media = |number: usize, direction: &str| (format!("trackID={number}"), Some(direction.to_owned()));
    let all = [media(0, "recvonly"), media(1, "sendonly"), media(2, "recvonly")];
    for headers in [TAG, "Require: x-none,|Require: www.onvif.org/ver20/backchannel"] {
        if headers == TAG {
            assert_eq!(described(&mut scenario, conn, headers), all);
        } else {
            let response = scenario.request(conn, &format!("DESCRIBE rtsp://h/door|{headers}"));
            assert_eq!((status(&response), response.headers.get("Unsupported")), (551, Some("x-none")));
        }
    }
    // Those that are left keep their controls, so that nothing else changes for the others.
    assert_eq!(described(&mut scenario, conn, ""), [all[0].clone(), all[2].clone()]);
    assert_eq!(
        scenario
            .server
            .description(scenario.server.stream_at("/door").unwrap(), &scenario.logs)
            .unwrap()
            .medias
            .len(),
        3
    );
}

#[test]
fn what_a_reader_says_is_a_stream_of_its_own() {
    for is_udp in [false, true] {
        let mut scenario = open_in(Scenario::with_udp());
        let (conn, session, back) = speaker(&mut scenario, is_udp);
        scenario.datagrams.sent.clear();
        for sequence in 1..=3 {
            say(&mut scenario, conn, is_udp, 1, voice(sequence).as_bytes());
        }
        let said: Vec<_> = (1..=3).map(|sequence| (1, voice(sequence).as_bytes().to_vec())).collect();
        assert_eq!(heard(&scenario, back), said);
        // The reader is told how it is heard.
        scenario.advance(RECEIVER_REPORT_PERIOD);
        let reports: Vec<Vec<u8>> = match is_udp {
            true => scenario
                .datagrams
                .sent
                .iter()
                .filter(|sent| sent.1.port() == 5003)
                .map(|sent| sent.2.to_vec())
                .collect(),
            false => scenario
                .frames(conn)
                .into_iter()
                .filter(|frame| frame.0 == 3)
                .map(|frame| frame.1.to_vec())
                .collect(),
        };
        let mut blocks = reports
            .iter()
            .flat_map(|report| rtcp::parse(report, &mut Tolerances::default()).collect::<Vec<_>>());
        let is_heard = |packet: Rtcp| matches!(packet, Rtcp::ReceiverReport(report) if report.reports.iter().any(|block| block.ssrc == 0x51));
        assert!(blocks.any(is_heard), "{reports:?}");
        // And what is published comes as ever.
        let door = scenario.server.stream_at("/door").unwrap();
        let info = scenario.server.sessions().next().unwrap();
        assert_eq!((info.stream, info.back_channel, info.tracks.len()), (Some(door), Some(back), 2));
        assert_eq!(scenario.server.stream(back).unwrap().speaker, Some(info.session));
        assert_eq!(scenario.server.streams().count(), 1);

        assert_eq!(act(&mut scenario, conn, "TEARDOWN", &session), 200);
        assert_eq!(closed(&scenario), [(back, CloseReason::Teardown)]);
        let stats = scenario.events.iter().find_map(|event| match event {
            Event::SessionClosed { stats, .. } => Some(stats.clone()),
            _ => None,
        });
        let medias = stats.expect("the session was closed").medias;
        let received = medias.iter().find(|media| media.media == 1).unwrap().received();
        assert_eq!((received.rtp.packets, received.rtp.bytes), (3, 3 * 172), "{is_udp}");
        assert!(!scenario.logs.0.borrow().contains_key(&back));
        scenario.hang_up(conn);
        assert_eq!((scenario.server.session_count(), scenario.server.streams().count()), (0, 1));
    }
}

#[test]
fn packets_count_only_while_the_back_channel_that_they_are_for_plays() {
    for is_udp in [false, true] {
        let mut scenario = open_in(Scenario::with_udp());
        let conn = scenario.connect();
        let (session, _) = set_up(&mut scenario, conn, is_udp, &[0, 1]);
        say(&mut scenario, conn, is_udp, 1, voice(1).as_bytes());
        assert_eq!(act(&mut scenario, conn, "PLAY", &session), 200);
        let back = opened(&scenario);
        // Not set up; of the picture; of a format that is none of it; no packet at all.
        say(&mut scenario, conn, is_udp, 2, voice(2).as_bytes());
        say(&mut scenario, conn, is_udp, 0, voice(3).as_bytes());
        let mut other = voice(4).as_bytes().to_vec();
        other[1] = 96;
        say(&mut scenario, conn, is_udp, 1, &other);
        say(&mut scenario, conn, is_udp, 1, b"neither");
        // A datagram may overtake the order to hear it, so that the first is kept.
        let early = if is_udp { 1 } else { 0 };
        assert_eq!(heard(&scenario, back).len(), early);
        say(&mut scenario, conn, is_udp, 1, voice(5).as_bytes());
        assert_eq!(act(&mut scenario, conn, "PAUSE", &session), 200);
        say(&mut scenario, conn, is_udp, 1, voice(6).as_bytes());
        assert_eq!(heard(&scenario, back).len(), early + 1);
        assert_eq!(act(&mut scenario, conn, "PLAY", &session), 200);
        assert_eq!(opened(&scenario), back, "it goes on in the same stream");
        say(&mut scenario, conn, is_udp, 1, voice(7).as_bytes());
        assert_eq!(heard(&scenario, back).len(), early + 2);
        assert_eq!(scenario.server.session_count(), 1);
        scenario.hang_up(conn);
        scenario.advance(SESSION_TIMEOUT * 2);
        assert_eq!((scenario.server.session_count(), closed(&scenario).len()), (0, 1));
    }
}

#[test]
fn what_is_said_at_once_over_udp_is_heard_though_its_sockets_are_told_late() {
    let mut scenario = open_in(Scenario::with_udp());
    let conn = scenario.connect();
    let (session, _) = set_up(&mut scenario, conn, true, &[0, 1]);
    scenario.while_udp_is_late(|scenario| {
        assert_eq!(act(scenario, conn, "PLAY", &session), 200);
        say(scenario, conn, true, 1, voice(1).as_bytes());
    });
    say(&mut scenario, conn, true, 1, voice(2).as_bytes());
    assert_eq!(heard(&scenario, opened(&scenario)).len(), 2);
    // An application that comes later hears it from its beginning.
    let logs = scenario.logs.0.borrow();
    let log = &logs[&opened(&scenario)];
    let read = |start| {
        let mut cursor = Cursor::new(log, start, LagPolicy::SkipToKeyframe, TrackSet::ALL);
        std::iter::from_fn(|| cursor.pull(log).unwrap().map(|packet| packet.rtp.sequence()))
            .collect::<Vec<_>>()
    };
    assert_eq!((read(StartAt::Oldest), read(StartAt::Live).contains(&1)), (vec![1, 2], false));
}

#[test]
fn a_flood_of_speech_is_kept_within_the_bounds_of_a_log() {
    for is_udp in [false, true] {
        let bytes = 64 << 10;
        let limits = LogLimits::default().bytes(bytes).packets(100);
        let mut scenario = open_in(Scenario::with_udp_and(|config| config.log(limits)));
        let (conn, _, back) = speaker(&mut scenario, is_udp);
        for sequence in 0..=1000 {
            say(&mut scenario, conn, is_udp, 1, voice(sequence).as_bytes());
        }
        let kept = heard(&scenario, back);
        assert!(kept.len() <= 100 && kept.last().unwrap().1 == voice(1000).as_bytes()[..], "{}", kept.len());
    }
}

#[test]
fn the_application_hangs_up_and_the_reader_plays_on() {
    for is_udp in [false, true] {
        let mut scenario = open_in(Scenario::with_udp());
        let (conn, session, back) = speaker(&mut scenario, is_udp);
        say(&mut scenario, conn, is_udp, 1, voice(1).as_bytes());
        scenario.server.remove_stream(scenario.now, back);
        scenario.drain();
        assert_eq!(closed(&scenario), [(back, CloseReason::Application)]);
        say(&mut scenario, conn, is_udp, 1, voice(2).as_bytes());
        assert_eq!(scenario.server.session_count(), 1);
        // It may try again, which is another call.
        assert_eq!(act(&mut scenario, conn, "PAUSE", &session), 200);
        assert_eq!(act(&mut scenario, conn, "PLAY", &session), 200);
        let second = opened(&scenario);
        assert_ne!(second, back);
        say(&mut scenario, conn, is_udp, 1, voice(3).as_bytes());
        assert_eq!(heard(&scenario, second), [(1, voice(3).as_bytes().to_vec())]);
        assert_eq!(act(&mut scenario, conn, "TEARDOWN", &session), 200);
        scenario.advance(GOODBYE_DELAY);
        let ended =
            scenario.events.iter().filter(|event| matches!(event, Event::SessionClosed { .. })).count();
        assert_eq!((closed(&scenario).len(), ended), (2, 1), "{is_udp}");
    }
}

#[test]
fn a_back_channel_is_torn_down_by_itself() {
    for is_udp in [false, true] {
        for gives_up in [0, 1] {
            let mut scenario = open_in(Scenario::with_udp());
            let (conn, session, back) = speaker(&mut scenario, is_udp);
            say(&mut scenario, conn, is_udp, 1, voice(1).as_bytes());
            let teardown = format!("TEARDOWN rtsp://h/door/trackID={gives_up}|{session}");
            assert_eq!(status(&scenario.request(conn, &teardown)), 200);
            say(&mut scenario, conn, is_udp, 1, voice(2).as_bytes());
            // Without the picture it is still heard.
            match gives_up {
                0 => assert_eq!(heard(&scenario, back).len(), 2, "{is_udp}"),
                _ => assert_eq!(closed(&scenario), [(back, CloseReason::Teardown)], "{is_udp}"),
            }
            assert_eq!(act(&mut scenario, conn, "TEARDOWN", &session), 200);
            let ended =
                scenario.events.iter().filter(|event| matches!(event, Event::SessionClosed { .. })).count();
            assert_eq!((closed(&scenario).len(), ended), (1, 1), "{is_udp} {gives_up}");
        }
    }
}

#[test]
fn speech_alone_keeps_a_session_over_udp_alive_and_its_pauses_are_not_told() {
    let mut scenario = open_in(Scenario::with_udp());
    let conn = scenario.connect();
    let (session, _) = set_up(&mut scenario, conn, true, &[1]);
    assert_eq!(act(&mut scenario, conn, "PLAY", &session), 200);
    for sequence in 0..10 {
        scenario.advance(SESSION_TIMEOUT / 2);
        say(&mut scenario, conn, true, 1, voice(sequence).as_bytes());
    }
    assert_eq!(scenario.server.session_count(), 1);
    assert!(!scenario.events.iter().any(|event| matches!(event, Event::MediaSilent { .. })));
    scenario.advance(SESSION_TIMEOUT + Duration::from_secs(5));
    assert_eq!(closed(&scenario).iter().map(|(_, reason)| reason).collect::<Vec<_>>(), [&CloseReason::Idle]);
}

#[test]
fn a_publisher_has_no_back_channels() {
    let mut scenario = open(ServerConfig::default());
    let conn = scenario.connect();
    let sdp = SDP.replace("a=control:streamid=1", "a=sendonly\r\na=control:streamid=1");
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", &sdp);
    scenario.response(conn);
    let mut session = String::new();
    for track in [0, 1] {
        let offer = format!("{};mode=record", transport(false, track));
        let setup = format!("SETUP rtsp://h/live/streamid={track}|{offer}|{session}");
        session = format!("Session: {}", session_of(&scenario.request(conn, &setup)));
    }
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|{session}"))), 200);
    let reader = scenario.connect();
    let response = scenario.request(reader, "DESCRIBE rtsp://h/live");
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    assert_eq!(text.matches("m=").count(), 2, "{text}");
    let setup = format!("SETUP rtsp://h/live/trackID=1|{}", transport(false, 0));
    assert_eq!(status(&scenario.request(reader, &setup)), 200);
    assert!(!scenario.server.sessions().any(|session| session.back_channel.is_some()));
}
