//! Sockets for datagrams, several pairs of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rtspan_std::client::{Client, Packets, Publisher};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{ServerConfig, TrackTransport, Transports, UdpSpec, limits};

use super::by_hand::{Ear, Mouth, Peer, header, now, since};
use super::{UDP, description, number, packet, pause, read, serve, url};

pub(crate) async fn readers_over_several_udp_pairs_get_everything<R: Runtime>() {
    const PAIRS: usize = 3;
    const READERS: usize = 12;
    const PACKETS: u16 = 200;
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP)).udp_pairs(PAIRS)).await;
    let stream = server.publish("/cam", description()).unwrap();
    // Publishers go to pairs as well, and their readers to others.
    let mut publishers = Vec::new();
    for path in ["/first", "/second"] {
        publishers.push((publish(&server, path).await, read(&server, path, Transports::Udp).await));
    }
    let mut readers = Vec::new();
    let mut ports = BTreeSet::new();
    for _ in 0..READERS {
        let (packets, port) = reader(&server).await;
        readers.push(packets);
        ports.insert(port);
    }
    assert_eq!(ports.len(), PAIRS);
    for sequence in 0..PACKETS {
        stream.write(0, packet(0, sequence, 1000)).unwrap();
        for (publisher, _) in &publishers {
            publisher.write_frame(0, &[packet(0, sequence, 100)]).await.unwrap();
        }
        let published = publishers.iter_mut().map(|(_, packets)| packets);
        for packets in readers.iter_mut().chain(published) {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((number(&received), received.lost), (sequence, 0));
        }
    }
}

/// A host has many addresses, those of loopback among them; a client takes datagrams from the one that it has talked to.
pub(crate) async fn each_peer_is_sent_datagrams_from_the_address_that_it_has_talked_to<R: Runtime>() {
    for any in ["0.0.0.0:0", "[::]:0"].map(|at| at.parse::<SocketAddr>().unwrap()) {
        let spec = UdpSpec::new(any.ip(), UDP.ports);
        let bound = Server::<R>::builder().config(ServerConfig::default().udp(Some(spec))).bind(any).await;
        // A system without IPv6 has no such socket.
        let Ok(server) = bound else { continue };
        let stream = server.publish("/cam", description()).unwrap();
        let at = |home: u8, path: &str| format!("rtsp://127.0.0.{home}:{}{path}", server.local_addr().port());
        let client = |url: &str| Client::<R>::builder(url).unwrap().transport(Transports::Udp);
        let mut readers = Vec::new();
        for home in [2, 3, 2, 4] {
            readers.push(client(&at(home, "/cam")).play().await.unwrap());
        }
        let publisher = client(&at(5, "/live")).publish(description()).await.unwrap();
        let mut published = client(&at(3, "/live")).play().await.unwrap();
        for sequence in 0..100 {
            stream.write(0, packet(0, sequence, 1000)).unwrap();
            publisher.write_frame(0, &[packet(0, sequence, 1000)]).await.unwrap();
            for packets in readers.iter_mut().chain([&mut published]) {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!((number(&received), received.lost), (sequence, 0));
            }
        }
    }
}

async fn publish<R: Runtime>(server: &Server<R>, path: &str) -> Publisher<R> {
    let builder = Client::<R>::builder(&url(server, path)).unwrap().transport(Transports::Udp);
    builder.publish(description()).await.unwrap()
}

/// One that plays `/cam`, and the port that it is sent packets from.
async fn reader<R: Runtime>(server: &Server<R>) -> (Packets<R>, u16) {
    let builder = Client::<R>::builder(&url(server, "/cam")).unwrap().transport(Transports::Udp);
    let client = builder.connect().await.unwrap();
    client.describe().await.unwrap();
    let from = [client.setup(0).await.unwrap().transport, client.setup(1).await.unwrap().transport];
    let [from, same] = from.map(|transport| match transport {
        TrackTransport::Udp { rtp: Some(rtp), .. } => rtp.port(),
        other => panic!("{other:?}"),
    });
    assert_eq!(from, same);
    client.play(None).await.unwrap();
    (client.packets(), from)
}

/// Sockets that nobody has configured hold some 90 packets.
pub(crate) async fn a_large_keyframe_published_over_udp_arrives_whole_in_a_small_socket<R: Runtime>() {
    /// Packets of a keyframe of 2 MB.
    const KEYFRAME: u16 = 1490;
    /// A machine that is busy with something else may lose some, whatever the pace.
    const ATTEMPTS: u16 = 40;
    let (addr, received) = record_by_hand::<R>();
    let builder = Client::<R>::builder(&format!("rtsp://{addr}/live")).unwrap().transport(Transports::Udp);
    let publisher = builder.publish(description()).await.unwrap();
    let whole = async {
        for attempt in 0..ATTEMPTS {
            let (first, begun) = (attempt * KEYFRAME, now::<R>());
            let keyframe: Vec<_> = (first..first + KEYFRAME).map(|number| packet(0, number, 1388)).collect();
            publisher.write_frame(0, &keyframe).await.unwrap();
            let mut expected = first;
            while expected < first + KEYFRAME && since::<R>(begun) < Duration::from_secs(2) {
                match received.try_recv() {
                    Ok(number) if number == expected => expected += 1,
                    Ok(number) if number < first => {}
                    Ok(_) => break,
                    Err(_) => pause::<R>().await,
                }
            }
            if expected == first + KEYFRAME {
                return Some(since::<R>(begun));
            }
        }
        None
    };
    let took = whole.await.expect("one of them arrives whole");
    let bursts = usize::from(KEYFRAME) / limits::UDP_BURST_PACKETS;
    assert!(took > limits::UDP_BURST_PERIOD * u32::try_from(bursts - 2).unwrap(), "{took:?}");
    publisher.teardown().await.unwrap();
}

/// A server that is published to over UDP: where it is, and the numbers of the packets that it gets.
fn record_by_hand<R: Runtime>() -> (SocketAddr, Receiver<u16>) {
    let mut listener = Ear::<R>::new();
    let addr = listener.local_addr();
    let mut media = Mouth::<R>::new();
    let port = media.port();
    let (sender, received) = channel();
    let take = async move {
        let mut datagram = [0; 2000];
        loop {
            let is_rtp = media.recv(&mut datagram).await > 1000;
            if is_rtp && sender.send(u16::from_be_bytes([datagram[2], datagram[3]])).is_err() {
                return;
            }
        }
    };
    R::default().spawn(take).unwrap();
    R::default().spawn(async move { answer_all(listener.accept().await, port).await }).unwrap();
    (addr, received)
}

/// Says yes to everything, up to TEARDOWN.
async fn answer_all<R: Runtime>(mut socket: Peer<R>, port: u16) {
    loop {
        let request = socket.read_message().await;
        let cseq = header(&request, "CSeq").unwrap();
        let transport = header(&request, "Transport")
            .map(|asked| format!("Transport: {asked};server_port={port}-{port}\r\n"))
            .unwrap_or_default();
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n{transport}\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
        if request.starts_with("TEARDOWN") {
            return;
        }
    }
}
