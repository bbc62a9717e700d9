//! Media that flows, and what happens where there is no room for it.

use std::future::poll_fn;
use std::iter::repeat_n;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use futures_core::Stream;
use rtspan_std::client::{Client, Error, Packets};
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    ClientConfig, Description, Event, Format, LagPolicy, LogLimits, Media, MediaKind, Received, ServerConfig,
    Transports, WriteError, limits,
};

use super::by_hand::{Ear, go, header, now, play_by_hand, since};
use super::{UDP, description, event, if_ready, number, packet, pause, read, serve, url};

pub(crate) async fn what_is_published_is_read_over_tcp<R: Runtime>() {
    publish_and_read::<R>(Transports::Tcp).await;
}

pub(crate) async fn what_is_published_is_read_over_udp<R: Runtime>() {
    publish_and_read::<R>(Transports::Udp).await;
}

async fn publish_and_read<R: Runtime>(transports: Transports) {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut packets = read(&server, "/cam", transports).await;
    assert_eq!(packets.description().medias.len(), 2);
    // Frames of equal packets with a shorter one at their end, as pictures are.
    for frame in 0..20_u16 {
        let bytes = |part| if part == 9 { 300 } else { 1200 };
        let frame: Vec<_> = (0..10).map(|part| packet(0, frame * 10 + part, bytes(part))).collect();
        stream.write_frame(0, &frame).unwrap();
        for sent in &frame {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((received.media, received.lost), (0, 0));
            assert_eq!(received.packet.as_bytes(), sent.as_bytes());
        }
    }
    stream.write(1, packet(1, 7, 160)).unwrap();
    let received = packets.next().await.unwrap().unwrap();
    assert_eq!((received.media, number(&received)), (1, 7));
    assert_eq!(packets.media_stats(0).unwrap().packets, 200);
    assert_eq!(packets.dropped(), 0);
    assert_eq!(stream.write(2, packet(0, 0, 10)), Err(WriteError::NoSuchMedia(2)));
}

pub(crate) async fn what_a_client_publishes_over_tcp_is_read<R: Runtime>() {
    relay::<R>(Transports::Tcp, Transports::Udp).await;
}

pub(crate) async fn what_a_client_publishes_over_udp_is_read<R: Runtime>() {
    relay::<R>(Transports::Udp, Transports::Tcp).await;
}

async fn relay<R: Runtime>(from: Transports, to: Transports) {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let publisher = Client::<R>::builder(&url(&server, "/live"))
        .unwrap()
        .transport(from)
        .publish(description())
        .await
        .unwrap();
    event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
    let mut packets = read(&server, "/live", to).await;
    for frame in 0..20 {
        let frame: Vec<_> = (0..10).map(|part| packet(0, frame * 10 + part, 1000)).collect();
        publisher.write_frame(0, &frame).await.unwrap();
        for sent in &frame {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!(received.packet.payload(), sent.payload());
            assert_eq!(received.lost, 0);
        }
    }
    publisher.teardown().await.unwrap();
    assert!(matches!(packets.next().await, None | Some(Err(Error::Closed(_)))));
}

pub(crate) async fn a_reader_that_stops_reading_costs_the_others_nothing<R: Runtime>() {
    const PACKETS: u16 = 24_000;
    let limits = LogLimits::default().packets(512);
    let config = ServerConfig::default().udp(Some(UDP)).log(limits).lag(LagPolicy::SkipToLive);
    let server = serve::<R>(config).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut others = vec![read(&server, "/cam", Transports::Tcp).await];
    let _stopped = play_by_hand::<R>(server.local_addr(), "/cam").await;
    for transports in repeat_n(Transports::Tcp, 8).chain([Transports::Udp]) {
        others.push(read(&server, "/cam", transports).await);
    }
    // Far more than the log and all buffers of the system hold.
    for start in (0..PACKETS).step_by(100) {
        let frame: Vec<_> = (start..start + 100).map(|number| packet(0, number, 1400)).collect();
        stream.write_frame(0, &frame).unwrap();
        for packets in &mut others {
            for sent in start..start + 100 {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!((number(&received), received.lost), (sent, 0));
            }
        }
    }
    let dropped = event(&server, |event| match event {
        Event::ReaderLagged { dropped, .. } => Some(dropped),
        _ => None,
    });
    assert!(dropped.await > 0);
}

pub(crate) async fn dropped_packets_are_counted<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let config = ClientConfig::default().transports(Transports::Tcp).received_packets_max(10);
    let mut packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().config(config).play().await.unwrap();
    let frame: Vec<_> = (0..100).map(|number| packet(1, number, 100)).collect();
    stream.write_frame(1, &frame).unwrap();
    while packets.media_stats(1).unwrap().packets < 100 {
        pause::<R>().await;
    }
    assert_eq!(packets.dropped(), 90);
    let received = packets.next().await.unwrap().unwrap();
    assert_eq!((number(&received), received.lost), (90, 90));
}

pub(crate) async fn packets_that_are_held_are_the_oldest_and_what_is_dropped_behind_them_is_told<
    R: Runtime,
>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let config = ClientConfig::default().transports(Transports::Tcp).received_packets_max(16);
    let mut packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().config(config).play().await.unwrap();
    assert!(packets.try_next().is_none());
    let mut got = Vec::new();
    for hundred in 1..=2_u16 {
        let frame: Vec<_> =
            (hundred * 100 - 100..hundred * 100).map(|number| packet(1, number, 100)).collect();
        stream.write_frame(1, &frame).unwrap();
        while packets.media_stats(1).unwrap().packets < u64::from(hundred) * 100 {
            pause::<R>().await;
        }
        // The first time this takes two packets out of the queue.
        let received = packets.next().await.unwrap().unwrap();
        got.push((number(&received), received.lost));
    }
    assert_eq!(packets.dropped(), 84 + 98);
    got.extend(std::iter::from_fn(|| packets.try_next()).map(|received| (number(&received), received.lost)));
    assert_eq!(got[..4], [(84, 84), (85, 0), (184, 98), (185, 0)]);
    assert_eq!(got.len(), 200 - 84 - 98);
    assert_eq!(got.last(), Some(&(199, 0)));
}

/// The next packet, as what combines streams asks for it.
async fn streamed<R: Runtime>(packets: &mut Packets<R>) -> Option<Result<Received, Error>> {
    let mut packets = Pin::new(packets);
    poll_fn(|cx| packets.as_mut().poll_next(cx)).await
}

pub(crate) async fn packets_are_a_stream_that_others_can_combine<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut packets = read(&server, "/cam", Transports::Tcp).await;
    for round in 0..100 {
        // It waits, and a packet that comes while nobody polls it is there the next time.
        assert!(if_ready(streamed(&mut packets)).await.is_none());
        stream.write(0, packet(0, 2 * round, 100)).unwrap();
        stream.write(0, packet(0, 2 * round + 1, 100)).unwrap();
        for expected in [2 * round, 2 * round + 1] {
            let received = streamed(&mut packets).await.unwrap().unwrap();
            assert_eq!((number(&received), received.lost), (expected, 0));
        }
    }
    server.close().await;
    assert!(matches!(streamed(&mut packets).await, Some(Err(Error::Closed(_))) | None));
    assert!(streamed(&mut packets).await.is_none());
}

pub(crate) async fn packets_that_a_handle_has_not_used_are_there_for_the_next<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let client = play::<R>(&url(&server, "/cam")).await;
    let frame: Vec<_> = (0..300).map(|number| packet(0, number, 100)).collect();
    stream.write_frame(0, &frame).unwrap();
    for expected in 0..100 {
        // Each is a handle of its own.
        let received = client.packets().next().await.unwrap().unwrap();
        assert_eq!((number(&received), received.lost), (expected, 0));
    }
    // While there are two, neither holds what the other could have.
    let mut both = [client.packets(), client.packets()];
    for expected in 100..200 {
        let received = both[usize::from(expected % 3 == 0)].next().await.unwrap().unwrap();
        assert_eq!((number(&received), received.lost), (expected, 0));
    }
    let [mut last, other] = both;
    drop(other);
    for expected in 200..300 {
        let received = last.next().await.unwrap().unwrap();
        assert_eq!((number(&received), received.lost), (expected, 0));
    }
    assert_eq!(last.dropped(), 0);
}

pub(crate) async fn packets_that_came_before_the_end_are_told_before_it<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let client = play::<R>(&url(&server, "/cam")).await;
    let mut packets = client.packets();
    let frame: Vec<_> = (0..300).map(|number| packet(0, number, 1000)).collect();
    stream.write_frame(0, &frame).unwrap();
    let first = packets.next().await.unwrap().unwrap();
    assert_eq!(number(&first), 0);
    while client.media_stats(0).unwrap().packets < 300 {
        pause::<R>().await;
    }
    client.teardown().await.unwrap();
    for expected in 1..300 {
        assert_eq!(number(&packets.next().await.unwrap().unwrap()), expected);
    }
    assert!(packets.next().await.is_none());
    assert!(packets.try_next().is_none());
}

pub(crate) async fn a_client_stays_alive_while_nobody_comes_back_who_waited_for_packets<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    for (path, transports) in [("/tcp", Transports::Tcp), ("/udp", Transports::Udp)] {
        let stream = server.publish(path, description()).unwrap();
        let write = |numbers: Range<u16>| {
            let frame: Vec<_> = numbers.map(|number| packet(0, number, 1000)).collect();
            stream.write_frame(0, &frame).unwrap();
        };
        let client = play_over::<R>(&url(&server, path), transports).await;
        let begun = now::<R>();
        let mut packets = client.packets();
        assert!(if_ready(packets.next()).await.is_none());
        write(0..50);
        while client.media_stats(0).unwrap().packets < 50 {
            pause::<R>().await;
        }
        for expected in 0..50 {
            assert_eq!(number(&packets.next().await.unwrap().unwrap()), expected);
        }

        // One that is kept and not asked again, while there are answers to be read.
        let mut next = Box::pin(packets.next());
        assert!(if_ready(next.as_mut()).await.is_none());
        client.options().await.unwrap();
        assert!(if_ready(next.as_mut()).await.is_none());
        write(50..100);
        client.options().await.unwrap();
        assert_eq!(number(&next.await.unwrap().unwrap()), 50, "{transports:?}");
        for expected in 51..100 {
            assert_eq!(number(&packets.next().await.unwrap().unwrap()), expected);
        }
        assert!(since::<R>(begun) < limits::RECEIVER_REPORT_PERIOD, "only a timer has helped");
    }
}

pub(crate) async fn tasks_that_wait_for_packets_share_them<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let client = play::<R>(&url(&server, "/cam")).await;
    let (got, numbers) = mpsc::channel();
    for _ in 0..3 {
        let (mut packets, got) = (client.packets(), got.clone());
        let task = async move {
            while let Some(Ok(received)) = packets.next().await {
                got.send(number(&received)).unwrap();
            }
        };
        R::default().spawn(task).unwrap();
    }
    let mut first = 0;
    for together in [1, 2, 3, 50] {
        for _ in 0..20 {
            let frame: Vec<_> = (first..first + together).map(|number| packet(0, number, 100)).collect();
            stream.write_frame(0, &frame).unwrap();
            let mut came = Vec::new();
            while came.len() < frame.len() {
                came.extend(numbers.try_iter());
                pause::<R>().await;
            }
            came.sort_unstable();
            assert_eq!(came, (first..first + together).collect::<Vec<_>>());
            first += together;
        }
    }
}

async fn play<R: Runtime>(url: &str) -> Client<R> {
    play_over(url, Transports::Tcp).await
}

async fn play_over<R: Runtime>(url: &str, transports: Transports) -> Client<R> {
    let client = Client::<R>::builder(url).unwrap().transport(transports).connect().await.unwrap();
    client.describe().await.unwrap();
    client.setup(0).await.unwrap();
    client.play(None).await.unwrap();
    client
}

pub(crate) async fn a_publisher_without_room_waits_and_goes_on<R: Runtime>() {
    const PACKETS: u16 = 20_000;
    let mut listener = Ear::<R>::new();
    let addr = listener.local_addr();
    let read_on = Arc::new(AtomicBool::new(false));
    let may_read = Arc::clone(&read_on);
    let server = go::<R, _>(async move {
        let mut socket = listener.accept().await;
        for _ in 0..5 {
            let request = socket.read_message().await;
            let cseq = header(&request, "CSeq").unwrap();
            let transport =
                header(&request, "Transport").map_or(String::new(), |line| format!("Transport: {line}\r\n"));
            let response = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n{transport}\r\n");
            socket.write_all(response.as_bytes()).await.unwrap();
            if request.starts_with("RECORD") {
                break;
            }
        }
        while !may_read.load(Ordering::Relaxed) {
            pause::<R>().await;
        }
        let mut count = 0;
        while count < usize::from(PACKETS) {
            let mut head = [0; 4];
            socket.read_exact(&mut head).await;
            let mut frame = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
            socket.read_exact(&mut frame).await;
            count += usize::from(head[1] % 2 == 0);
        }
    });
    let publisher = Client::<R>::builder(&format!("rtsp://{addr}/live"))
        .unwrap()
        .transport(Transports::Tcp)
        .publish(Description::new(vec![Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])]))
        .await
        .unwrap();
    let frame: Vec<_> = (0..PACKETS).map(|number| packet(0, number, 1400)).collect();
    let taken = publisher.try_write_frame(0, &frame).unwrap();
    assert!(0 < taken && taken < frame.len(), "{taken} were taken at once");
    read_on.store(true, Ordering::Relaxed);
    publisher.write_frame(0, &frame[taken..]).await.unwrap();
    server.await;
}

pub(crate) async fn more_than_there_is_room_for_is_sent_over_udp_in_turn<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let publisher = Client::<R>::builder(&url(&server, "/live"))
        .unwrap()
        .transport(Transports::Udp)
        .publish(description())
        .await
        .unwrap();
    let frame: Vec<_> = (0..10_000).map(|number| packet(0, number, 1000)).collect();
    assert!(publisher.try_write_frame(0, &frame).unwrap() < frame.len());
    publisher.write_frame(0, &frame).await.unwrap();
    assert!(publisher.media_stats(0).unwrap().sent_packets > 10_000);
}
