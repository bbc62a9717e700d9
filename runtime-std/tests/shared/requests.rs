//! The requests that a client is set up to make.

use rtspan_std::client::{Client, ClientBuilder, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    ClientConfig, ClientEvent, CustomRequest, Event, MediaKind, Message, Method, Misuse, Port, Request,
    RequestError, ServerConfig, SourcePolicy, StartAt, TrackTransport, Transports, UdpPorts,
};

use super::{UDP, description, event, number, packet, serve, url};

/// The requests of a client so far.
fn sent<R: Runtime>(client: &Client<R>) -> Vec<Request> {
    let events = std::iter::from_fn(|| client.try_next_event());
    let sent = events.filter_map(|event| match event {
        ClientEvent::MessageSent(traced) => Some(traced.message),
        _ => None,
    });
    sent.filter_map(|message| if let Message::Request(request) = message { Some(request) } else { None })
        .collect()
}

pub(crate) async fn no_call_of_a_builder_takes_back_what_another_has_set<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let config = || ClientConfig::default().trace(true).transports(Transports::Udp).user_agent("config");
    let own = |builder: ClientBuilder<R>| {
        builder
            .transport(Transports::Tcp)
            .user_agent("builder")
            .header("X-Site", "roof")
            .medias(MediaKind::Audio)
    };
    let new = || Client::<R>::builder(&url(&server, "/cam")).unwrap();
    for builder in [own(new().config(config())), own(new()).config(config())] {
        let packets = builder.play().await.unwrap();
        let requests = sent(packets.client());
        let methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
        assert_eq!(methods, ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]);
        for request in &requests {
            assert_eq!(request.headers.get("User-Agent"), Some("builder"));
            assert_eq!(request.headers.get("X-Site"), Some("roof"));
        }
        let transport = requests.iter().find_map(|request| request.headers.get("Transport")).unwrap();
        assert!(transport.contains("RTP/AVP/TCP"), "{transport}");
    }
    let refused = new().header("X-Site", "roof\r\nX-Other: cellar").play().await;
    assert!(matches!(refused, Err(Error::Request(RequestError::Value))), "{refused:?}");
}

pub(crate) async fn the_chosen_medias_are_played_and_published<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let new = |path| Client::<R>::builder(&url(&server, path)).unwrap().transport(Transports::Tcp);
    let mut packets = new("/cam").medias(MediaKind::Audio).play().await.unwrap();
    stream.write(0, packet(0, 1, 100)).unwrap();
    stream.write(1, packet(1, 2, 100)).unwrap();
    let received = packets.next().await.unwrap().unwrap();
    assert_eq!((received.media, number(&received)), (1, 2));
    for none in [new("/cam").medias([7]), new("/cam").medias(MediaKind::Application)] {
        assert!(matches!(none.play().await, Err(Error::Misuse(Misuse::NoneChosen))));
    }

    let publisher = new("/live").medias(MediaKind::Audio).publish(description()).await.unwrap();
    let live = event(&server, |event| match event {
        Event::Published { path, stream, .. } if path == "/live" => Some(stream),
        _ => None,
    })
    .await;
    let mut reader = server.read(live, StartAt::Live).unwrap();
    publisher.write(0, packet(1, 3, 100)).await.unwrap();
    assert_eq!(reader.next().await.unwrap().packet.payload_type(), 0);
    let announced = publisher.client().description().unwrap();
    assert_eq!(announced.medias.iter().map(|media| &media.kind).collect::<Vec<_>>(), [&MediaKind::Audio]);
    let none = new("/other").medias(MediaKind::Application).publish(description()).await;
    assert!(matches!(none, Err(Error::Misuse(Misuse::NoneChosen))), "{none:?}");
}

pub(crate) async fn a_request_of_the_applications_own_is_answered<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let client = Client::<R>::builder(&url(&server, "/cam")).unwrap().build().unwrap();
    let options = CustomRequest::new(Method::Options).unwrap().uri("*").unwrap();
    let response = client.request(options).await.unwrap();
    assert_eq!(response.status.as_u16(), 200);
    assert!(response.headers.get("Public").unwrap().contains("DESCRIBE"));
    let unknown = CustomRequest::new(Method::from("X-REBOOT")).unwrap().header("X-Delay", "5").unwrap();
    assert_eq!(client.request(unknown).await.unwrap().status.as_u16(), 501);
    client.teardown().await.unwrap();
    assert!(client.request(CustomRequest::new(Method::Options).unwrap()).await.is_err());
}

pub(crate) async fn a_client_receives_on_the_ports_that_it_was_given<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let config =
        ClientConfig::default().udp_ports(UdpPorts::Range(21_000, 29_999)).source(SourcePolicy::AnyPort);
    let builder =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().config(config).transport(Transports::Udp);
    let client = builder.build().unwrap();
    client.describe().await.unwrap();
    let mut ports = Vec::new();
    for media in [0, 1] {
        let TrackTransport::Udp { client_ports, .. } = client.setup(media).await.unwrap().transport else {
            panic!()
        };
        assert_eq!((client_ports.0 % 2, client_ports.1), (0, client_ports.0 + 1));
        ports.push(client_ports.0);
    }
    assert!(ports[0] != ports[1] && ports.iter().all(|port| (21_000..30_000).contains(port)), "{ports:?}");
    client.play(None).await.unwrap();
    stream.write(1, packet(1, 5, 100)).unwrap();
    assert_eq!(number(&client.packets().next().await.unwrap().unwrap()), 5);
    let learnt = loop {
        let event = client.next_event().await.unwrap();
        if let ClientEvent::SourceLearnt { media: 1, port: Port::Rtp, source } = event {
            break source;
        }
    };
    assert_eq!(learnt.ip(), server.local_addr().ip());
}
