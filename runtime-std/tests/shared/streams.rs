//! Uses of a stream of the application's own, beside writing packets.

use std::time::Duration;

use rtspan_std::client::Client;
use rtspan_std::rtp::rtcp::BadCompound;
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    Asks, Event, Format, NtpTime, ReloadError, RtpHeader, RtpPacket, ServerConfig, Transports, WriteError,
};

use super::by_hand::{connect, go, header, play_by_hand};
use super::{UDP, description, event, packet, pause, read, serve, url};

/// An APP packet (RFC 3550, section 6.7).
const APP: &[u8] = &[0x80, 204, 0, 3, 0, 0, 0, 9, b't', b'e', b's', b't', 1, 2, 3, 4];

pub(crate) async fn a_stream_keeps_the_clock_of_its_source<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let camera = NtpTime::from_unix(Duration::from_secs(86_400));
    let ntp_of = |number: u16| camera + Duration::from_secs(160) * number.into() / 90_000;
    let mut number = 0;
    for transports in [Transports::Tcp, Transports::Udp] {
        let mut packets = read(&server, "/cam", transports).await;
        // A report over UDP may come a little later than the packet behind it.
        let apart = loop {
            number += 1;
            stream.write_with_ntp(0, packet(0, number, 100), ntp_of(number)).unwrap();
            let received = packets.next().await.unwrap().unwrap();
            if let Some(ntp) = received.time.reported_ntp() {
                break ntp.to_bits().abs_diff(ntp_of(received.packet.sequence()).to_bits());
            }
            pause::<R>().await;
        };
        // To the millisecond, in units of 2^-32 seconds.
        assert!(apart < (1 << 32) / 1000, "over {transports:?}: {apart}");
    }
}

pub(crate) async fn a_publisher_keeps_the_clock_of_its_source<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let camera = NtpTime::from_unix(Duration::from_secs(86_400));
    let ntp_of = |number: u16| camera + Duration::from_secs(160) * number.into() / 90_000;
    let mut number = 0;
    for (path, transports) in [("/tcp", Transports::Tcp), ("/udp", Transports::Udp)] {
        let builder = Client::<R>::builder(&url(&server, path)).unwrap().transport(transports);
        let publisher = builder.publish(description()).await.unwrap();
        number += 1;
        publisher.write_with_ntp(0, packet(0, number, 100), ntp_of(number)).await.unwrap();
        // Over UDP the report may come later than the packet; until then readers are told the server's clock.
        let session = server.sessions().into_iter().find(|session| session.path == path).unwrap().session;
        let reports = async || {
            let stats = server.session_stats(session).await.unwrap();
            stats.medias.first().map_or(0, |media| media.rtcp_received.packets)
        };
        while reports().await == 0 {
            pause::<R>().await;
        }
        let mut packets = read(&server, path, Transports::Tcp).await;
        let apart = loop {
            number += 1;
            publisher.write_with_ntp(0, packet(0, number, 100), ntp_of(number)).await.unwrap();
            let received = packets.next().await.unwrap().unwrap();
            if let Some(ntp) = received.time.reported_ntp() {
                break ntp.to_bits().abs_diff(ntp_of(received.packet.sequence()).to_bits());
            }
            pause::<R>().await;
        };
        assert!(apart < (1 << 32) / 1000, "over {transports:?}: {apart}");
        let sent = publisher.client().stats().session.medias[0].sent();
        assert!(sent.rtp.packets > 0 && sent.rtcp.packets > 0);
    }
}

pub(crate) async fn picture_and_sound_of_a_client_have_one_time_line<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let camera = NtpTime::from_unix(Duration::from_secs(86_400));
    let ntp_of = |media: usize, number: u16| {
        // Sound is written together with the picture that was made 150 ms later.
        let later = if media == 0 { Duration::from_millis(150) } else { Duration::ZERO };
        camera + later + Duration::from_millis(20) * u32::from(number)
    };
    let frame = |media: usize, sequence: u16| {
        let (payload_type, units) = if media == 0 { (96, 1800) } else { (0, 160) };
        let timestamp = u32::from(sequence) * units;
        let ssrc = media.try_into().unwrap();
        RtpPacket::build(RtpHeader { payload_type, sequence, timestamp, ssrc, marker: true }, &[0x41; 100])
    };
    let mut number = 0;
    for transports in [Transports::Tcp, Transports::Udp] {
        let mut packets = read(&server, "/cam", transports).await;
        let mut first = None;
        // The reports are behind the first packets, over UDP maybe behind some more, and move what comes behind them.
        let mut were_reported = false;
        let apart = loop {
            number += 1;
            for media in 0..2 {
                stream.write_with_ntp(media, frame(media, number), ntp_of(media, number)).unwrap();
            }
            let mut times = [None, None];
            while times.contains(&None) {
                let received = packets.next().await.unwrap().unwrap();
                first = first.or(Some(received.time.pts));
                times[received.media] = Some((received.time, received.packet.sequence()));
            }
            let [(picture, of_picture), (sound, of_sound)] = times.map(Option::unwrap);
            let are_reported = picture.reported_ntp().is_some() && sound.reported_ntp().is_some();
            if were_reported {
                break picture.pts - sound.pts - 20_000_000 * (i64::from(of_picture) - i64::from(of_sound));
            }
            were_reported = are_reported;
            pause::<R>().await;
        };
        assert_eq!(first, Some(0), "the first packet is the start");
        let error = apart.abs_diff(150_000_000);
        assert!(error < 1_000_000, "over {transports:?}: {error} ns");
    }
}

pub(crate) async fn rtcp_of_the_application_reaches_readers_behind_the_packets_before_it<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut socket = play_by_hand::<R>(server.local_addr(), "/cam").await;
    stream.write(0, packet(0, 7, 100)).unwrap();
    stream.write_rtcp(0, APP.into()).unwrap();
    stream.write(0, packet(0, 8, 100)).unwrap();
    let mut order = Vec::new();
    while order.len() < 3 {
        let mut head = [0; 4];
        socket.read_exact(&mut head).await;
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
        socket.read_exact(&mut payload).await;
        match head[1] {
            0 => order.push(payload[3]),
            _ if payload == APP => order.push(APP[1]),
            _ => assert_eq!(payload[1], 200, "the rest are the server's sender reports"),
        }
    }
    assert_eq!(order, [7, APP[1], 8]);
    let refused = stream.write_rtcp(0, APP[..12].to_vec().into());
    assert_eq!(refused, Err(WriteError::Rtcp(BadCompound::NoPacket { offset: 0 })));
    assert_eq!(stream.write_rtcp(2, APP.into()), Err(WriteError::NoSuchMedia(2)));
    server.close().await;
    assert_eq!(stream.write_rtcp(0, APP.into()), Err(WriteError::Closed));
}

pub(crate) async fn a_stream_is_described_anew_while_it_is_read<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut packets = read(&server, "/cam", Transports::Tcp).await;
    let mut other = description();
    other.medias[0].formats = vec![Format::h264(96, &[0x67, 0x64, 0, 0x1f], &[0x68])];
    stream.reload(&other).unwrap();
    let late = Client::<R>::builder(&url(&server, "/cam")).unwrap().connect().await.unwrap();
    assert_eq!(late.describe().await.unwrap().medias[0].formats, other.medias[0].formats);
    stream.write(0, packet(0, 1, 100)).unwrap();
    assert!(packets.next().await.unwrap().is_ok());
    other.medias.pop();
    assert_eq!(stream.reload(&other), Err(ReloadError::Medias));
    server.close().await;
    assert_eq!(stream.reload(&description()), Err(ReloadError::Ended));
}

pub(crate) async fn the_ssrc_of_each_media_is_told_before_its_first_packet<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    stream.set_ssrc(0, 0xab).unwrap();
    assert_eq!(stream.set_ssrc(1, 0xab), Err(WriteError::SsrcInUse(0)));
    let ssrcs = [stream.ssrc(0).unwrap(), stream.ssrc(1).unwrap()];
    assert_eq!(ssrcs[0], 0xab);
    assert_ne!(ssrcs[1], 0xab);
    assert_eq!(stream.ssrc(2), Err(WriteError::NoSuchMedia(2)));
    for (media, ssrc) in ssrcs.iter().enumerate() {
        let addr = server.local_addr();
        let mut socket = connect(&server).await;
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        let setup = format!("SETUP rtsp://{addr}/cam/trackID={media} RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n");
        socket.write_all(setup.as_bytes()).await.unwrap();
        let granted = header(&socket.read_message().await, "Transport").unwrap();
        assert!(granted.to_uppercase().contains(&format!("SSRC={ssrc:08X}")), "{granted}");
    }
}

pub(crate) async fn each_reader_has_a_stream_of_its_own<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::SETUP | Asks::PLAY)).await;
    let mut readers = Vec::new();
    for number in 1..=2 {
        let address = server.local_addr();
        let reader = go::<R, _>(async move { play_by_hand::<R>(address, "/film").await });
        let mut question = event(&server, |event| match event {
            Event::Setup(question) => Some(question),
            _ => None,
        })
        .await;
        let stream = server.publish_private(&question.path, description()).unwrap();
        question.ticket.set_stream(stream.id());
        // The peer may ask to play as soon as it has the answer.
        stream.write(0, packet(0, 99, 100)).unwrap();
        server.answer(question.ticket, Ok(())).unwrap();
        let question = event(&server, |event| match event {
            Event::Play(question) => Some(question),
            _ => None,
        })
        .await;
        stream.write(0, packet(0, number, 100)).unwrap();
        server.answer(question.ticket, Ok(())).unwrap();
        readers.push((reader.await, stream, number));
    }
    for (mut socket, stream, number) in readers {
        let mut frame = [0; 8];
        socket.read_exact(&mut frame).await;
        assert_eq!(frame[6..], number.to_be_bytes(), "what was written since it asked to play");
        drop(socket);
        let ended = |event| match event {
            Event::Unpublished { stream: own, .. } => (own == stream.id()).then_some(()),
            _ => None,
        };
        event(&server, ended).await;
        assert_eq!(stream.write(0, packet(0, 9, 100)), Err(WriteError::Closed));
    }
}
