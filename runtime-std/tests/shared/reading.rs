//! An application reads a stream in its own process, and has RTCP with one session.

use std::time::Duration;

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    ClientConfig, ClientEvent, Event, LogLimits, NtpTime, RtpHeader, RtpPacket, SendError, ServerConfig,
    StartAt, Transports, WallSource, WriteRtcpError,
};

use super::by_hand::play_by_hand;
use super::{UDP, both, description, event, if_ready, packet, serve, url};

const PACKETS: u16 = 200;

pub(crate) async fn an_application_reads_what_a_client_publishes<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    for transports in [Transports::Tcp, Transports::Udp] {
        let client = Client::<R>::builder(&url(&server, "/live")).unwrap().transport(transports);
        let publisher = client.publish(description()).await.unwrap();
        let published = |event| match event {
            Event::Published { stream, .. } => Some(stream),
            _ => None,
        };
        let stream = event(&server, published).await;
        assert_eq!(server.description(stream).unwrap().medias.len(), 2);
        let mut reader = server.read(stream, StartAt::Live).unwrap();
        assert_eq!(reader.stream(), stream);
        assert!(reader.try_next().is_none());
        let publish = async {
            for number in 0..PACKETS {
                let media = usize::from(number % 2);
                publisher.write(media, packet(media, number / 2, 100)).await.unwrap();
            }
            publisher.teardown().await.unwrap();
        };
        let read = async {
            let mut read = Vec::new();
            while let Some(packet) = reader.next().await {
                assert_eq!(packet.missed, 0);
                read.push((packet.media, packet.packet.sequence()));
            }
            read
        };
        let read = both(read, publish).await;
        for media in 0..2 {
            let of_media: Vec<_> =
                read.iter().filter(|(own, _)| *own == media).map(|(_, number)| *number).collect();
            assert_eq!(of_media, (0..PACKETS / 2).collect::<Vec<_>>(), "media {media} over {transports:?}");
        }
        assert!(reader.next().await.is_none() && server.read(stream, StartAt::Live).is_none());
        assert!(server.description(stream).is_none());
    }
}

pub(crate) async fn a_reader_in_the_process_knows_the_time_of_the_source_and_what_it_has_missed<
    R: Runtime,
>() {
    let log = LogLimits::default().packets(10);
    let server = serve::<R>(ServerConfig::default().log(log)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut reader = server.read(stream.id(), StartAt::Live).unwrap();
    stream.write(0, packet(0, 0, 100)).unwrap();
    let first = reader.next().await.unwrap();
    assert_eq!(
        (first.packet.sequence(), first.time.reported_ntp()),
        (0, None),
        "the source has told no time"
    );
    let camera = NtpTime::from_unix(Duration::from_secs(86_400));
    let ntp_of = |number: u16| camera + Duration::from_secs(160) * number.into() / 90_000;
    stream.write_with_ntp(0, packet(0, 1, 100), ntp_of(1)).unwrap();
    for number in 2..=PACKETS {
        stream.write(0, packet(0, number, 100)).unwrap();
    }
    // No keyframe is kept, so that it waits for the next one.
    let [keyframe, after] = [PACKETS + 1, PACKETS + 2];
    let header = RtpHeader {
        payload_type: 96,
        sequence: keyframe,
        timestamp: u32::from(keyframe) * 160,
        marker: true,
        ssrc: 0x1234_5678,
    };
    stream.write(0, RtpPacket::build(header, &[0x65; 10])).unwrap();
    stream.write(0, packet(0, after, 100)).unwrap();
    let next = reader.next().await.unwrap();
    assert_eq!((next.packet.sequence(), next.missed, next.access_point), (keyframe, PACKETS.into(), true));
    let last = reader.next().await.unwrap();
    assert_eq!((last.packet.sequence(), last.missed, last.access_point), (after, 0, false));
    let apart =
        next.time.reported_ntp().unwrap().to_bits().abs_diff(ntp_of(next.packet.sequence()).to_bits());
    assert!(apart < (1 << 32) / 1000, "{apart}");
    assert_eq!((first.time.pts, first.time.wall().unwrap().source), (0, WallSource::Arrival));
    let passed = 160 * i64::from(keyframe) * 1_000_000_000 / 90_000;
    assert_eq!((next.time.pts, next.time.timestamp), (passed, 160 * i64::from(keyframe)));
}

pub(crate) async fn a_reader_in_the_process_ends_with_its_stream_and_its_server<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let streams = ["/1", "/2", "/3"].map(|path| server.publish(path, description()).unwrap());
    let mut readers = streams.each_ref().map(|stream| server.read(stream.id(), StartAt::Live).unwrap());
    let [first, second, third] = streams;
    first.write(0, packet(0, 1, 100)).unwrap();
    assert!(if_ready(readers[1].next()).await.is_none(), "it waits");
    drop(first);
    assert!(readers[0].next().await.is_some(), "what was written before the end");
    assert!(readers[0].next().await.is_none());
    let close = async {
        server.close().await;
        drop(second);
    };
    assert!(both(async { readers[1].next().await }, close).await.is_none());
    drop(server);
    assert!(readers[2].next().await.is_none());
    drop(third);
}

/// A request for a keyframe (PLI, RFC 4585, section 6.3.1).
const PLI: &[u8] = &[0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1];

pub(crate) async fn rtcp_goes_between_an_application_and_one_session<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().rtcp_events(true)).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let mut socket = play_by_hand::<R>(server.local_addr(), "/cam").await;
    let playing = |event| match event {
        Event::Playing { session, .. } => Some(session),
        _ => None,
    };
    let session = event(&server, playing).await;
    server.write_rtcp(session, 0, PLI.into()).unwrap();
    let frame = [&[b'$', 1, 0, 12], PLI].concat();
    let mut got = [0; 16];
    socket.read_exact(&mut got).await;
    assert_eq!(got, *frame);
    socket.write_all(&frame).await.unwrap();
    let received = |event| match event {
        Event::RtcpReceived { session, media, compound, .. } => Some((session, media, compound)),
        _ => None,
    };
    assert_eq!(event(&server, received).await, (session, 0, PLI.into()));
    drop(socket);
    event(&server, |event| matches!(event, Event::SessionClosed { .. }).then_some(())).await;
    assert_eq!(server.write_rtcp(session, 0, PLI.into()), Err(WriteRtcpError::Gone));
}

pub(crate) async fn rtcp_goes_between_two_applications<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().rtcp_events(true)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let config = ClientConfig::default().transports(Transports::Tcp).rtcp_events(true);
    let builder = Client::<R>::builder(&url(&server, "/cam")).unwrap().config(config);
    let packets = builder.play().await.unwrap();
    let client = packets.client();
    client.write_rtcp(1, PLI.into()).unwrap();
    let received = |event| match event {
        Event::RtcpReceived { media, compound, .. } => Some((media, compound)),
        _ => None,
    };
    assert_eq!(event(&server, received).await, (1, PLI.into()));
    stream.write_rtcp(0, PLI.into()).unwrap();
    match client.next_event().await {
        Some(ClientEvent::RtcpReceived { media: 0, compound }) => assert_eq!(compound, PLI),
        other => panic!("{other:?}"),
    }
    let refused = client.write_rtcp(0, b"no rtcp"[..].into());
    assert!(matches!(refused, Err(Error::Send(SendError::Rtcp(_)))), "{refused:?}");
}
