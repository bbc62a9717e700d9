//! Clients that reconnect by themselves.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rtspan_std::client::{Client, ClientBuilder, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{ClientEvent, ReconnectPolicy, SendError, ServerConfig, State, Transports};

use super::by_hand::{Ear, is_simulated};
use super::ports::own_port;
use super::{UDP, both, description, number, packet, pause, read};

fn builder<R: Runtime>(addr: SocketAddr, path: &str) -> ClientBuilder<R> {
    let policy = ReconnectPolicy::default().wait(Duration::from_millis(5), Duration::from_millis(50));
    Client::builder(&format!("rtsp://{addr}{path}")).unwrap().reconnect(policy)
}

/// Where a server can be again: nobody else is there meanwhile.
fn own_addr<R: Runtime>() -> SocketAddr {
    if is_simulated::<R>() { Ear::<R>::new().local_addr() } else { (Ipv4Addr::LOCALHOST, own_port()).into() }
}

async fn serve_at<R: Runtime>(addr: SocketAddr) -> Server<R> {
    Server::builder().config(ServerConfig::default().udp(Some(UDP))).bind(addr).await.unwrap()
}

pub(crate) async fn a_client_plays_on_when_its_server_has_restarted<R: Runtime>() {
    for transports in [Transports::Tcp, Transports::Udp] {
        let server = serve_at::<R>(own_addr::<R>()).await;
        let addr = server.local_addr();
        let stream = server.publish("/cam", description()).unwrap();
        let mut packets = builder::<R>(addr, "/cam").transport(transports).play().await.unwrap();
        stream.write(0, packet(0, 1, 100)).unwrap();
        let first = packets.next().await.unwrap().unwrap();
        assert_eq!(number(&first), 1);
        server.close().await;
        drop(stream);
        assert!(matches!(ending(packets.client()).await, ClientEvent::Reconnecting { attempt: 1, .. }));
        let server = serve_at::<R>(addr).await;
        let stream = server.publish("/cam", description()).unwrap();
        let publish = async {
            while packets.client().state() != State::Play || packets.client().is_reconnecting() {
                pause::<R>().await;
            }
            stream.write(0, packet(0, 900, 100)).unwrap();
        };
        publish.await;
        let next = packets.next().await.unwrap().unwrap();
        assert_eq!((number(&next), next.lost, next.time.begins_anew), (900, 0, true), "{transports:?}");
        assert!(next.time.pts > first.time.pts, "{transports:?}");
        assert_eq!(packets.client().reconnects(), 1);
        packets.teardown().await.unwrap();
        server.close().await;
    }
}

/// The first event that is not told of the end of a media.
async fn ending<R: Runtime>(client: &Client<R>) -> ClientEvent {
    loop {
        match client.next_event().await.unwrap() {
            ClientEvent::Ended(_) | ClientEvent::Disconnected => {}
            event => return event,
        }
    }
}

pub(crate) async fn a_client_waits_for_a_server_that_is_not_there_yet<R: Runtime>() {
    let addr = own_addr::<R>();
    let client = builder::<R>(addr, "/cam").transport(Transports::Tcp).build().unwrap();
    let serve = async {
        for attempt in 1..=3 {
            match client.next_event().await {
                Some(ClientEvent::Reconnecting { attempt: told, .. }) => assert_eq!(told, attempt),
                other => panic!("{other:?}"),
            }
        }
        let server = serve_at::<R>(addr).await;
        let stream = server.publish("/cam", description()).unwrap();
        while client.description().is_none() {
            pause::<R>().await;
        }
        drop(stream);
        server.close().await;
    };
    assert_eq!(both(client.describe(), serve).await.unwrap().medias.len(), 2);
    client.teardown().await.unwrap();
}

pub(crate) async fn a_publisher_goes_on_when_its_server_has_restarted<R: Runtime>() {
    let server = serve_at::<R>(own_addr::<R>()).await;
    let addr = server.local_addr();
    let publish = builder::<R>(addr, "/live").transport(Transports::Tcp).publish(description());
    let publisher = publish.await.unwrap();
    publisher.write(0, packet(0, 1, 100)).await.unwrap();
    server.close().await;
    let refused = loop {
        match publisher.write(0, packet(0, 2, 100)).await {
            Ok(()) => pause::<R>().await,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Send(SendError::Reconnecting)), "{refused:?}");
    let server = serve_at::<R>(addr).await;
    while !matches!(ending(publisher.client()).await, ClientEvent::Reconnected { .. }) {}
    let mut packets = read(&server, "/live", Transports::Tcp).await;
    publisher.write(0, packet(0, 3, 100)).await.unwrap();
    assert_eq!(number(&packets.next().await.unwrap().unwrap()), 3);
    publisher.teardown().await.unwrap();
}
