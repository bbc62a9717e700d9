//! Actions of an application on a stream of its own, beside writing packets.

use std::time::Duration;

use bytes::Bytes;

use super::scenario::{Scenario, description, session_of, status, video};
use crate::description::{Format, MediaKind};
use crate::limits::{OUTBOX_FRAMES_MAX, RTCP_WAITING_MAX, SENDER_REPORT_PERIOD};
use crate::rtp::rtcp::{self, Rtcp, SenderReport};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{ReloadError, ServerConfig};
use crate::stream::{SsrcError, StreamLog};
use crate::udp::Port;
use crate::wire::Response;
use crate::{ConnId, NtpTime, StreamId, Tolerances};

const SLICE: &[u8] = &[0x41, 1, 2, 3];
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "Transport: RTP/AVP;unicast;client_port=5000-5001";

fn with_log<T>(scenario: &mut Scenario, stream: StreamId, act: impl FnOnce(&mut StreamLog) -> T) -> T {
    let result = act(scenario.logs.0.borrow_mut().get_mut(&stream).unwrap());
    scenario.drain();
    result
}

fn setup(scenario: &mut Scenario, conn: ConnId, track: u8, transport: &str) -> Response {
    scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID={track}|{transport}"))
}

fn play(scenario: &mut Scenario, conn: ConnId, transport: &str) {
    let setup = setup(scenario, conn, 0, transport);
    let play = format!("PLAY rtsp://h/cam|Session: {}", session_of(&setup));
    assert_eq!(status(&scenario.request(conn, &play)), 200);
}

/// An APP packet (RFC 3550, section 6.7) whose only value is `number`.
fn app(number: u8) -> Bytes {
    Bytes::from(vec![0x80, 204, 0, 3, 0, 0, 0, 9, b't', b'e', b's', b't', 0, 0, 0, number])
}

/// The sequence numbers of packets, and those of APP packets below zero; sender reports are left out.
fn order<'a>(sent: impl IntoIterator<Item = (bool, &'a Bytes)>) -> Vec<i32> {
    let number = |(is_rtcp, data): (bool, &Bytes)| match is_rtcp {
        false => Some(i32::from(RtpPacket::parse(data.clone()).unwrap().sequence())),
        true => (data[1] == 204).then(|| -i32::from(data[15])),
    };
    sent.into_iter().filter_map(number).collect()
}

fn order_of_frames(scenario: &mut Scenario, conn: ConnId) -> Vec<i32> {
    let frames = scenario.frames(conn);
    order(frames.iter().map(|(channel, data)| (*channel == 1, data)))
}

fn order_of_datagrams(scenario: &mut Scenario) -> Vec<i32> {
    let sent = std::mem::take(&mut scenario.datagrams.sent);
    assert!(sent.iter().all(|(port, to, _)| to.port() == 5000 + u16::from(*port == Port::Rtcp)));
    order(sent.iter().map(|(port, _, data)| (*port == Port::Rtcp, data)))
}

/// Two packets, a compound, a packet, two compounds, written at once.
fn write_in_turns(log: &mut StreamLog, scenario_now: crate::Instant) {
    for sequence in [1, 2] {
        assert!(log.push(scenario_now, 0, video(sequence, SLICE)));
    }
    assert_eq!(log.push_rtcp(0, app(1)), Ok(true));
    assert!(log.push(scenario_now, 0, video(3, SLICE)));
    assert_eq!(log.push_rtcp(0, app(2)), Ok(true));
    assert_eq!(log.push_rtcp(1, app(99)), Ok(true));
    assert_eq!(log.push_rtcp(0, app(3)), Ok(true));
}

#[test]
fn rtcp_of_the_application_goes_to_all_readers_in_order_with_the_packets() {
    let mut scenario = Scenario::with_udp();
    let stream = scenario.publish("/cam");
    let (over_tcp, over_udp) = (scenario.connect(), scenario.connect());
    play(&mut scenario, over_tcp, TCP);
    play(&mut scenario, over_udp, UDP);
    let now = scenario.now;
    with_log(&mut scenario, stream, |log| write_in_turns(log, now));
    let expected = [1, 2, -1, 3, -2, -3];
    assert_eq!(order_of_frames(&mut scenario, over_tcp), expected);
    assert_eq!(order_of_datagrams(&mut scenario), expected);
    // A compound with no packet beside it, and all that a late reader gets.
    let late = scenario.connect();
    play(&mut scenario, late, TCP);
    assert_eq!(with_log(&mut scenario, stream, |log| log.push_rtcp(0, app(4))), Ok(true));
    assert_eq!(order_of_frames(&mut scenario, over_tcp), [-4]);
    assert_eq!(order_of_datagrams(&mut scenario), [-4]);
    assert_eq!(order_of_frames(&mut scenario, late), [3, -2, -3, -4], "it begins at the newest picture");
}

#[test]
fn of_rtcp_that_nobody_takes_one_over_the_bound_is_forgotten() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    play(&mut scenario, conn, TCP);
    let most = u8::try_from(RTCP_WAITING_MAX).unwrap();
    with_log(&mut scenario, stream, |log| {
        (0..=most).for_each(|number| assert_eq!(log.push_rtcp(0, app(number)), Ok(true)));
    });
    let expected: Vec<i32> = (1..=most).map(|number| -i32::from(number)).collect();
    assert_eq!(order_of_frames(&mut scenario, conn), expected);
    // More than an outbox holds at once goes out piece by piece.
    let now = scenario.now;
    with_log(&mut scenario, stream, |log| {
        for sequence in 0..=OUTBOX_FRAMES_MAX as u16 {
            assert!(log.push(now, 0, video(sequence, SLICE)));
            assert_eq!(log.push_rtcp(0, app(sequence as u8 % 100)), Ok(true));
        }
    });
    let sent = order_of_frames(&mut scenario, conn);
    let packets: Vec<i32> = sent.iter().copied().filter(|number| *number > 0).collect();
    assert_eq!(packets, (1..=OUTBOX_FRAMES_MAX as i32).collect::<Vec<_>>());
    assert!(sent.len() > packets.len() + RTCP_WAITING_MAX / 2);
}

#[test]
fn what_is_no_rtcp_is_refused() {
    let (mut scenario, _, stream) = Scenario::with_stream(ServerConfig::default());
    let rtp = video(1, SLICE).into_bytes();
    let cut = app(1).slice(..12);
    let trailing = Bytes::from([&app(1)[..], &[0x80]].concat());
    let mut words = vec![0_u8; crate::limits::RTCP_BYTES_MAX + 4];
    let length = u16::try_from(words.len() / 4 - 1).unwrap().to_be_bytes();
    words[..4].copy_from_slice(&[0x80, 204, length[0], length[1]]);
    with_log(&mut scenario, stream, |log| {
        for bad in [Bytes::new(), rtp, cut] {
            assert_eq!(log.push_rtcp(0, bad), Err(rtcp::BadCompound::NoPacket { offset: 0 }));
        }
        assert_eq!(log.push_rtcp(0, trailing), Err(rtcp::BadCompound::NoPacket { offset: 16 }));
        let bytes = words.len();
        assert_eq!(log.push_rtcp(0, words.into()), Err(rtcp::BadCompound::TooLarge { bytes }));
        assert_eq!(log.push_rtcp(2, app(1)), Ok(false), "there is no such track");
        log.close();
        assert_eq!(log.push_rtcp(0, app(1)), Ok(false));
    });
}

/// The sender reports that a reader is sent on channel 1.
fn reports(scenario: &mut Scenario, conn: ConnId) -> Vec<SenderReport> {
    let frames = scenario.frames(conn).into_iter().filter(|(channel, _)| *channel == 1);
    let packets =
        frames.flat_map(|(_, data)| rtcp::parse(&data, &mut Tolerances::default()).collect::<Vec<_>>());
    let sent = packets.filter_map(|packet| match packet {
        Rtcp::SenderReport(report) => Some(report),
        _ => None,
    });
    sent.collect()
}

/// A camera whose clock is years behind, and whose sound has two formats with a clock rate and an SSRC of their own.
#[test]
fn reports_tell_the_clock_that_packets_were_written_with_by_the_rate_of_each_format() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let mut both = description();
    both.medias = vec![both.medias.remove(1)];
    both.medias[0].formats.push(Format::new(97, "opus", 48_000));
    let (stream, log) = scenario.server.add_stream(scenario.now, "/cam", both).unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    let conn = scenario.connect();
    play(&mut scenario, conn, TCP);
    let camera = NtpTime::from_unix(Duration::from_secs(1_000));
    let write = |scenario: &mut Scenario, payload_type: u8, ssrc: u32, timestamp: u32, ntp: NtpTime| {
        let header = RtpHeader { payload_type, marker: true, sequence: 1, timestamp, ssrc };
        let now = scenario.now;
        let packet = RtpPacket::build(header, SLICE);
        assert!(with_log(scenario, stream, |log| log.push_with_ntp(now, 0, packet, ntp)));
    };
    write(&mut scenario, 0, 1, 8_000, camera);
    write(&mut scenario, 97, 2, 48_000, camera);
    let first: Vec<_> = reports(&mut scenario, conn).iter().map(|it| (it.ssrc, it.ntp, it.rtp)).collect();
    assert_eq!(first, [(1, camera, 8_000), (2, camera, 48_000)]);
    // One SSRC goes over to another format: its time line goes on at that format's rate.
    let later = camera + Duration::from_secs(1);
    scenario.advance(Duration::from_secs(1));
    write(&mut scenario, 97, 1, 50_000, later);
    // A time of zero is that of a camera without a clock, and says nothing.
    write(&mut scenario, 97, 1, 60_000, NtpTime::default());
    scenario.advance(SENDER_REPORT_PERIOD - Duration::from_secs(1));
    let then: Vec<_> = reports(&mut scenario, conn).iter().map(|it| (it.ssrc, it.ntp, it.rtp)).collect();
    let at = camera + SENDER_REPORT_PERIOD;
    let units = |seconds: u64| u32::try_from(seconds * 48_000).unwrap();
    let period = SENDER_REPORT_PERIOD.as_secs();
    assert_eq!(then, [(1, at, 50_000 + units(period - 1)), (2, at, 48_000 + units(period))]);
}

#[test]
fn setup_tells_the_ssrc_that_a_media_was_given_before_its_first_packet() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let told = |scenario: &mut Scenario, track: u8| {
        let conn = scenario.connect();
        let transport = setup(scenario, conn, track, TCP);
        let transport = transport.headers.get("Transport").unwrap().to_owned();
        transport.split_once("ssrc=").map(|(_, ssrc)| ssrc.get(..8).unwrap().to_uppercase())
    };
    assert_eq!(told(&mut scenario, 0), None, "what is not known is not told");
    assert_eq!(with_log(&mut scenario, stream, |log| log.set_ssrc(0, 0xab)), Ok(()));
    assert_eq!(told(&mut scenario, 0).as_deref(), Some("000000AB"));
    let refused = with_log(&mut scenario, stream, |log| log.set_ssrc(1, 0xab));
    assert_eq!(refused, Err(SsrcError::InUse(0)), "two medias never share one");
    assert_eq!(
        with_log(&mut scenario, stream, |log| log.set_ssrc(0, 0xab)),
        Ok(()),
        "nor does it with itself"
    );
    assert_eq!(with_log(&mut scenario, stream, |log| log.set_ssrc(2, 0xcd)), Err(SsrcError::NoSuchTrack(2)));
    let logs = scenario.logs.0.take();
    let mut logs = logs;
    let log = logs.get_mut(&stream).unwrap();
    let chosen = scenario.server.choose_ssrc(log, 1).unwrap();
    assert_eq!(scenario.server.choose_ssrc(log, 1), Some(chosen), "it is chosen once");
    assert_eq!(scenario.server.choose_ssrc(log, 0), Some(0xab));
    assert_eq!(scenario.server.choose_ssrc(log, 2), None);
    scenario.logs.0.replace(logs);
    assert_eq!(told(&mut scenario, 1), Some(format!("{chosen:08X}")));
    // The packets' own is the truth.
    scenario.push(stream, 0, video(1, SLICE));
    assert_eq!(told(&mut scenario, 0).as_deref(), Some("00000ABC"));
    assert!(!scenario.is_closed(conn));
}

#[test]
fn a_description_is_reloaded_while_it_is_read() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    play(&mut scenario, conn, TCP);
    let mut other = description();
    other.medias[0].formats = vec![Format::h264(96, &[0x67, 0x64, 0, 0x1f], &[0x68])];
    assert_eq!(scenario.server.reload(stream, &other), Ok(()));
    with_log(&mut scenario, stream, |log| log.reload(&other));
    let late = scenario.connect();
    let described = scenario.request(late, "DESCRIBE rtsp://h/cam");
    let described = String::from_utf8(described.body.to_vec()).unwrap();
    assert!(described.contains("profile-level-id=64001F") || described.contains("profile-level-id=64001f"));
    scenario.push(stream, 0, video(1, SLICE));
    scenario.push(stream, 0, video(2, SLICE));
    assert_eq!(order_of_frames(&mut scenario, conn), [1, 2], "the reader goes on");
    // Parameter sets that come in band are told again, once they differ.
    scenario.push(stream, 0, video(3, &[0x67, 0x4d, 0x00, 0x28, 0x95, 0xa8]));
    scenario.push(stream, 0, video(4, &[0x68, 0xce, 0x3c, 0x80]));
    let described = scenario.request(late, "DESCRIBE rtsp://h/cam");
    let described = String::from_utf8(described.body.to_vec()).unwrap().to_lowercase();
    assert!(described.contains("profile-level-id=4d0028"), "{described}");
}

#[test]
fn a_description_with_other_medias_is_not_taken() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    let before = scenario.request(conn, "DESCRIBE rtsp://h/cam").body;
    let (mut fewer, mut other) = (description(), description());
    fewer.medias.pop();
    other.medias[1].kind = MediaKind::Video;
    for bad in [fewer, other] {
        assert_eq!(scenario.server.reload(stream, &bad), Err(ReloadError::Medias));
    }
    assert_eq!(scenario.request(conn, "DESCRIBE rtsp://h/cam").body, before);
    let publisher = scenario.connect();
    super::record::record(&mut scenario, publisher);
    let recorded = scenario.server.stream_at("/live").unwrap();
    assert_eq!(scenario.server.reload(recorded, &description()), Err(ReloadError::Publishers));
    scenario.server.remove_stream(scenario.now, stream);
    assert_eq!(scenario.server.reload(stream, &description()), Err(ReloadError::Ended));
}

#[test]
fn a_source_goes_by_the_clock_rate_that_its_format_was_reloaded_with() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default());
    play(&mut scenario, conn, TCP);
    scenario.push(stream, 0, video(1, SLICE));
    assert_eq!(reports(&mut scenario, conn).len(), 1);
    let mut other = description();
    other.medias[0].formats = vec![Format::new(96, "H263-1998", 1_000)];
    scenario.server.reload(stream, &other).unwrap();
    with_log(&mut scenario, stream, |log| {
        log.reload(&other);
        assert_eq!(log.ssrc(0), Some(0xabc), "the source is still there");
    });
    scenario.push(stream, 0, video(2, SLICE));
    scenario.advance(SENDER_REPORT_PERIOD);
    let report = reports(&mut scenario, conn).pop().unwrap();
    assert_eq!(report.rtp, 2 * 3000 + u32::try_from(SENDER_REPORT_PERIOD.as_millis()).unwrap());
}
