//! Commands and questions, their answers and their errors.

use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::time::Duration;

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{
    Asks, BindError, ClientCloseReason, ClientConfig, ClientEvent, ConnectAttempt, ConnectError, Event,
    Message, Method, ServerConfig, StatusCode, Transports, UdpOpenError, UdpPorts, UdpSpec, limits,
};

use super::by_hand::{Mouth, connect, is_simulated};
use super::connecting::Refusing;
use super::{LOOPBACK, UDP, both, description, event, packet, pause, serve, url};

pub(crate) async fn every_command_has_its_typed_answer<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let client = Client::<R>::builder(&url(&server, "/cam"))
        .unwrap()
        .transport(Transports::Tcp)
        .connect()
        .await
        .unwrap();
    assert!(client.options().await.unwrap().contains(&Method::Play));
    assert_eq!(client.describe().await.unwrap().medias.len(), 2);
    assert_eq!(client.setup(1).await.unwrap().media, 1);
    assert!(matches!(client.setup(1).await, Err(Error::Misuse(_))));
    let playing = client.play(None).await.unwrap();
    assert_eq!(playing.tracks.first().map(|track| track.media), Some(1));
    stream.write(1, packet(1, 0, 160)).unwrap();
    let mut packets = client.packets();
    assert_eq!(packets.next().await.unwrap().unwrap().media, 1);
    client.get_parameter(Default::default()).await.unwrap();
    client.pause().await.unwrap();
    client.play(None).await.unwrap();
    let (other, _) = (client.clone(), client);
    other.teardown().await.unwrap();
    assert!(packets.next().await.is_none());
    assert!(matches!(other.options().await, Err(Error::Closed(ClientCloseReason::TornDown))));
}

pub(crate) async fn a_client_tells_its_dialogue_and_its_end<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let builder = Client::<R>::builder(&url(&server, "/cam")).unwrap();
    let config = ClientConfig::default().transports(Transports::Tcp).trace(true);
    let packets = builder.config(config).play().await.unwrap();
    let client = packets.client().clone();
    packets.teardown().await.unwrap();
    let mut told = Vec::new();
    let ended = loop {
        let traced = match client.next_event().await {
            Some(ClientEvent::MessageSent(traced) | ClientEvent::MessageReceived(traced)) => traced,
            other => break other,
        };
        match traced.message {
            Message::Request(request) => told.push(request.method.to_string()),
            Message::Response(response) => told.push(response.status.as_u16().to_string()),
        }
    };
    let methods = ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"];
    let dialogue: Vec<_> = methods.iter().flat_map(|method| [method, "200"]).collect();
    assert_eq!(told, dialogue);
    assert!(matches!(ended, Some(ClientEvent::Closed(ClientCloseReason::TornDown))), "{ended:?}");
    assert!(client.next_event().await.is_none());
    assert!(client.try_next_event().is_none());
}

pub(crate) async fn a_refusal_leaves_the_client_usable<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let client = Client::<R>::builder(&url(&server, "/cam")).unwrap().connect().await.unwrap();
    match client.describe().await {
        Err(Error::Command { error, .. }) => assert_eq!(error.status(), Some(StatusCode::NOT_FOUND)),
        other => panic!("{other:?}"),
    }
    let _stream = server.publish("/cam", description()).unwrap();
    assert!(client.describe().await.is_ok());
}

pub(crate) async fn a_server_that_is_not_there_is_an_error_with_its_kind<R: Runtime>() {
    let nobody = Refusing::<R>::new().await;
    let gone = nobody.addr;
    let refused = Client::<R>::builder(&format!("rtsp://{gone}/cam")).unwrap().play().await;
    match refused {
        Err(Error::Closed(ClientCloseReason::Connect(ConnectError::Refused(tried)))) => {
            let refused = ConnectAttempt::new(gone, std::io::ErrorKind::ConnectionRefused);
            assert_eq!(tried, [refused]);
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn addresses_that_cannot_be_had_are_errors_that_say_why<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    match Server::<R>::builder().bind(server.local_addr()).await {
        Err(BindError::Listen { source, .. }) => assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse),
        other => panic!("{other:?}"),
    }
    assert!(matches!(Server::<R>::builder().bind("camera").await, Err(BindError::Address(_))));
    let taken = Mouth::<R>::new();
    let port = taken.port();
    let spec = UdpSpec::new(UDP.ip, UdpPorts::Fixed(port, port));
    let refused = Server::<R>::builder().config(ServerConfig::default().udp(Some(spec))).bind(LOOPBACK).await;
    assert!(matches!(refused, Err(BindError::Udp(UdpOpenError::NoFreePorts))), "{refused:?}");
}

pub(crate) async fn addresses_come_and_go_and_connections_stay<R: Runtime>() {
    let server = Server::<R>::builder().bind(LOOPBACK).await.unwrap();
    let _stream = server.publish("/cam", description()).unwrap();
    let former = server.local_addr();
    let describe = async |at: SocketAddr| {
        let client = Client::<R>::builder(&format!("rtsp://{at}/cam")).unwrap().connect().await.unwrap();
        client.describe().await.unwrap();
        client
    };
    let stays = describe(former).await;
    let [added] = server.listen(LOOPBACK).await.unwrap()[..] else { panic!("{server:?}") };
    assert_eq!(server.local_addrs(), [former, added]);
    describe(added).await;
    assert!(server.stop_listening(former) && !server.stop_listening(former));
    assert_eq!((server.local_addr(), server.local_addrs()), (added, vec![added]));
    // The task that accepts closes the socket as soon as it runs.
    while R::default().connect(former).await.is_ok() {
        R::default().sleep(Duration::from_millis(5)).await;
    }
    stays.describe().await.unwrap();
    describe(added).await;
    server.close().await;
    assert!(matches!(server.listen(LOOPBACK).await, Err(BindError::Closed)));
}

pub(crate) async fn a_socket_that_listens_already_is_served<R: Runtime>() {
    assert!(matches!(Server::<R>::builder().start().await, Err(BindError::Nowhere)));
    // As a supervisor hands it over: it blocks, and nothing is set.
    let handed = TcpListener::bind(LOOPBACK).unwrap();
    let at = handed.local_addr().unwrap();
    let started = Server::<R>::builder().also_listen(LOOPBACK).listener(handed).start().await;
    if is_simulated::<R>() {
        // Its hosts have sockets of their own.
        let Err(BindError::Adopt(source)) = started else { panic!("{started:?}") };
        assert_eq!(source.kind(), std::io::ErrorKind::Unsupported);
        return;
    }
    let server = started.unwrap();
    let [own, adopted] = server.local_addrs()[..] else { panic!("{server:?}") };
    assert_eq!((server.local_addr(), adopted), (own, at));
    let _stream = server.publish("/cam", description()).unwrap();
    for at in [own, adopted] {
        let client = Client::<R>::builder(&format!("rtsp://{at}/cam")).unwrap().connect().await.unwrap();
        assert!(client.describe().await.is_ok());
    }
}

pub(crate) async fn a_question_is_answered_by_the_application<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE | Asks::ANNOUNCE)).await;
    let client = Client::<R>::builder(&url(&server, "/late")).unwrap().connect().await.unwrap();
    let mut describe = pin!(client.describe());
    let mut stream = None;
    let question = async {
        let question = event(&server, |event| match event {
            Event::Describe(question) => Some(question),
            _ => None,
        })
        .await;
        assert_eq!(question.path, "/late");
        stream = Some(server.publish("/late", description()).unwrap());
        server.answer(question.ticket, Ok(())).unwrap();
    };
    let described = both(&mut describe, question).await;
    assert_eq!(described.unwrap().medias.len(), 2);
    let mut publish = pin!(Client::<R>::builder(&url(&server, "/mine")).unwrap().publish(description()));
    let refuse = async {
        let question = event(&server, |event| match event {
            Event::Announce(question) => Some(question),
            _ => None,
        })
        .await;
        server.answer(question.ticket, Err(StatusCode::FORBIDDEN.into())).unwrap();
    };
    match both(&mut publish, refuse).await {
        Err(Error::Command { error, .. }) => assert_eq!(error.status(), Some(StatusCode::FORBIDDEN)),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn news_that_nobody_takes_are_dropped_and_counted<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let news_max = u64::try_from(limits::EVENTS_MAX).unwrap();
    let mut connections = 0;
    while server.events_dropped() < 10 {
        assert!(connections < news_max, "each connection is news twice");
        connections += 1;
        drop(connect(&server).await);
        pause::<R>().await;
    }
    assert!(connections * 2 > news_max);
    assert!(matches!(server.next().await, Some(Event::Missed { count: 10.. })));
    assert!(matches!(server.next().await, Some(Event::ConnOpened { .. } | Event::ConnClosed { .. })));
}
