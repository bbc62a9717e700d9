//! A server counts just what its peers get and send, while they are there and when they have gone.

use std::time::Duration;

use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::stats::Counted;
use rtspan_std::{Event, LogLimits, ServerConfig, SessionStats, Transports};

use super::by_hand::play_by_hand;
use super::{UDP, description, event, packet, pause, read, serve, url};

pub(crate) async fn what_a_reader_got_over_tcp_is_what_is_counted<R: Runtime>() {
    read_and_count::<R>(Transports::Tcp).await;
}

pub(crate) async fn what_a_reader_got_over_udp_is_what_is_counted<R: Runtime>() {
    read_and_count::<R>(Transports::Udp).await;
}

async fn read_and_count<R: Runtime>(transports: Transports) {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut packets = read(&server, "/cam", transports).await;
    let mut got = Counted::default();
    for number in 0..200 {
        stream
            .write(usize::from(number % 10 == 9), packet(usize::from(number % 10 == 9), number, 700))
            .unwrap();
        let received = packets.next().await.unwrap().unwrap();
        got = Counted { packets: got.packets + 1, bytes: got.bytes + received.packet.len() as u64 };
    }
    let all = server.stats().await;
    let (info, session) = &all.sessions[0];
    assert_eq!((session.sent().rtp, session.received().rtp), (got, Counted::default()));
    let packets_of = |media: usize| session.medias[media].sent().rtp.packets;
    assert_eq!((packets_of(0), packets_of(1)), (180, 20));
    assert_eq!(session.medias[1].formats[0].last_sequence, Some(199));
    assert_eq!((session.skips.packets, session.lag.map(|lag| lag.packets)), (0, Some(0)));
    assert_eq!((all.streams[0].1.published.packets, all.streams[0].1.sent.rtp), (200, got));
    let conn = server.connection_stats(info.conns[0]).await.unwrap();
    let carried = if transports == Transports::Tcp { got.bytes } else { 0 };
    assert!(conn.bytes_sent > carried && conn.bytes_received > 0);
    assert!(server.session_stats(info.session).await.unwrap().at >= session.at);
    let own = packets.client().stats();
    let of_media = |media: usize| own.session.medias[media].received().rtp.packets;
    assert_eq!((own.session.received().rtp, of_media(0), of_media(1)), (got, 180, 20));
    assert_eq!(own.session.medias[1].formats[0].last_sequence, Some(199));
    assert_eq!((own.connections, own.tracks.len()), (1, 2));
    assert!(own.conn.bytes_received > carried && own.conn.bytes_sent > 0);
    drop(packets);
    // A session over UDP may be told to be closed after its connection.
    let (mut session_sent, mut conn_sent) = (None, None);
    while session_sent.is_none() || conn_sent.is_none() {
        match server.next().await.unwrap() {
            Event::SessionClosed { stats, .. } => session_sent = Some(stats.sent().rtp),
            Event::ConnClosed { stats, .. } => conn_sent = Some(stats.bytes_sent),
            _ => {}
        }
    }
    assert_eq!(session_sent, Some(got));
    assert!(conn_sent > Some(carried));
    assert_eq!(server.session_stats(info.session).await.map(|stats| stats.sent().rtp), None);
    let readers_gone = server.stream_stats(all.streams[0].0.stream).await.unwrap();
    assert_eq!(readers_gone.sent.rtp, got);
}

/// The statistics of the first session that is told to be closed.
async fn last<R: Runtime>(server: &rtspan_std::server::Server<R>) -> SessionStats {
    let closed = |event| match event {
        Event::SessionClosed { stats, .. } => Some(*stats),
        _ => None,
    };
    event(server, closed).await
}

pub(crate) async fn what_a_publisher_has_sent_is_counted_to_its_end<R: Runtime>() {
    for transports in [Transports::Tcp, Transports::Udp] {
        let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
        let client = Client::<R>::builder(&url(&server, "/live")).unwrap().transport(transports);
        let publisher = client.publish(description()).await.unwrap();
        let mut sent = Counted::default();
        for number in 0..100 {
            let packet = packet(0, number, 900);
            sent = Counted { packets: sent.packets + 1, bytes: sent.bytes + packet.len() as u64 };
            publisher.write(0, packet).await.unwrap();
        }
        let session = server.sessions()[0].session;
        while server.session_stats(session).await.unwrap().received().rtp.packets < 100 {
            pause::<R>().await;
        }
        publisher.teardown().await.unwrap();
        let last = last::<R>(&server).await;
        assert_eq!(last.received().rtp, sent, "over {transports:?}");
        let (receiver, format) = (last.receiver(), &last.medias[0].formats[0]);
        assert_eq!((receiver.lost, receiver.duplicates, receiver.late), (0, 0, 0));
        assert_eq!((format.last_sequence, format.payload_type), (Some(99), Some(96)));
        assert_eq!(format.remote_ssrc, Some(packet(0, 0, 3).ssrc()));
    }
}

pub(crate) async fn nothing_is_counted_as_sent_that_a_reader_does_not_take<R: Runtime>() {
    let config = ServerConfig::default().log(LogLimits::default().packets(64));
    let server = serve::<R>(config.write_stall(Duration::from_secs(60))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let socket = play_by_hand::<R>(server.local_addr(), "/cam").await;
    let session = server.sessions()[0].session;
    let mut number = 0;
    // Beyond what the system holds for a reader that does not read. Where it has no time between, it takes 64 packets of each
    // hundred: so they are large.
    let stats = loop {
        for _ in 0..100 {
            stream.write(0, packet(0, number, 60_000)).unwrap();
            number = number.wrapping_add(1);
        }
        pause::<R>().await;
        let stats = server.session_stats(session).await.unwrap();
        let conn = server.connection_stats(server.connections()[0].conn).await.unwrap();
        if conn.bytes_waiting > 0 && stats.lag.is_some_and(|lag| lag.packets > 64) {
            break stats;
        }
    };
    let published = server.streams()[0].stream;
    let written = server.stream_stats(published).await.unwrap().published.packets;
    let sent = stats.sent().rtp.packets;
    assert!(sent > 0 && sent + stats.skips.packets + 64 < written, "{sent} of {written}: {:?}", stats.skips);
    let bytes = server.connection_stats(server.connections()[0].conn).await.unwrap().bytes_sent;
    assert!(stats.sent().rtp.bytes < bytes, "the frames that were written are in it");
    drop(socket);
    let last = last::<R>(&server).await;
    assert!(last.sent().rtp.packets >= sent);
    assert!(last.sent().rtp.packets + last.skips.packets <= written, "what waited was not sent");
}

pub(crate) async fn losses_that_a_reader_reports_are_told<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let mut socket = play_by_hand::<R>(server.local_addr(), "/cam").await;
    // A quarter since the report before, and seven in all (RFC 3550, section 6.4.2).
    let mut report = [0; 32];
    report[..4].copy_from_slice(&[0x81, 201, 0, 7]);
    report[12..16].copy_from_slice(&[64, 0, 0, 7]);
    socket.write_all(&[&[b'$', 1, 0, 32], &report[..]].concat()).await.unwrap();
    let told = event(&server, |event| match event {
        Event::LossReported { session, media, fraction_lost, lost, .. } => {
            Some((session, media, fraction_lost, lost))
        }
        _ => None,
    });
    assert_eq!(told.await, (server.sessions()[0].session, 0, 64, 7));
}
