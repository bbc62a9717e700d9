//! Sockets for datagrams, several pairs of them.

use std::collections::BTreeSet;

use rtspan_std::client::{Client, Packets, Publisher};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{ServerConfig, TrackTransport, Transports};

use super::{UDP, description, number, packet, read, serve, url};

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

async fn publish<R: Runtime>(server: &Server<R>, path: &str) -> Publisher {
    let builder = Client::<R>::builder(&url(server, path)).unwrap().transport(Transports::Udp);
    builder.publish(description()).await.unwrap()
}

/// One that plays `/cam`, and the port that it is sent packets from.
async fn reader<R: Runtime>(server: &Server<R>) -> (Packets, u16) {
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
