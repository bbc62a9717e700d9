//! A client speaks to a server while it plays.

use rtspan_std::client::Client;
use rtspan_std::description::Direction;
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    Asks, ClientConfig, ClientEvent, CloseReason, Description, Error, Event, Format, Media, MediaKind,
    SendError, ServerConfig, StartAt, StatusCode, Transports,
};

use super::by_hand::{Ear, Peer, go, header};
use super::through::from_base64;
use super::{UDP, description, event, packet, serve, url};

const PACKETS: u16 = 100;

/// A picture, and the loudspeaker beside it.
fn door() -> Description {
    let mut speaker = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    speaker.direction = Some(Direction::SendOnly);
    Description::new(vec![Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]), speaker])
}

pub(crate) async fn a_client_speaks_while_it_plays_over_tcp<R: Runtime>() {
    speak::<R>(Transports::Tcp).await;
}

pub(crate) async fn a_client_speaks_while_it_plays_over_udp<R: Runtime>() {
    speak::<R>(Transports::Udp).await;
}

async fn speak<R: Runtime>(transports: Transports) {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let stream = server.publish("/door", door()).unwrap();
    let client = Client::<R>::builder(&url(&server, "/door")).unwrap();
    let mut packets = client.transport(transports).back_channel(true).play().await.unwrap();
    let client = packets.client().clone();
    assert_eq!(client.back_channels(), [1]);
    let back = event(&server, |event| match event {
        Event::BackChannelOpened { stream, path, .. } => {
            assert_eq!(path, "/door");
            Some(stream)
        }
        _ => None,
    });
    let mut heard = server.read(back.await, StartAt::Oldest).unwrap();
    let voice = client.publisher();
    for number in 0..PACKETS {
        let (picture, said) = (packet(0, number, 1200), packet(1, number, 160));
        stream.write(0, picture.clone()).unwrap();
        voice.write(1, said.clone()).await.unwrap();
        let received = packets.next().await.unwrap().unwrap();
        assert_eq!((received.media, received.packet.as_bytes()), (0, picture.as_bytes()));
        let received = heard.next().await.unwrap();
        assert_eq!((received.media, received.packet.as_bytes()), (1, said.as_bytes()));
        assert_eq!(received.missed, 0);
    }
    let sent = client.media_stats(1).unwrap();
    assert_eq!((sent.sent_packets, sent.packets), (u64::from(PACKETS), 0));
    let refused = voice.write(0, packet(0, 0, 10)).await;
    assert!(matches!(refused, Err(Error::Send(SendError::NotSent(0)))), "{refused:?}");

    client.teardown().await.unwrap();
    assert!(heard.next().await.is_none());
    let closed = event(&server, |event| match event {
        Event::BackChannelClosed { stream, reason, .. } => Some((stream, reason)),
        _ => None,
    });
    assert!(matches!(closed.await, (stream, CloseReason::Teardown) if stream == heard.stream()));
    let spoken = event(&server, |event| match event {
        Event::SessionClosed { stats, .. } => Some(stats.medias),
        _ => None,
    });
    let spoken = spoken.await.into_iter().find(|media| media.media == 1).unwrap();
    assert_eq!(spoken.received().rtp.packets, u64::from(PACKETS));
}

pub(crate) async fn a_server_hangs_up_and_the_client_plays_on<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/door", door()).unwrap();
    let client = Client::<R>::builder(&url(&server, "/door")).unwrap();
    let mut packets = client.transport(Transports::Tcp).back_channel(true).play().await.unwrap();
    let opened = event(&server, |event| match event {
        Event::BackChannelOpened { stream, .. } => Some(stream),
        _ => None,
    });
    let voice = opened.await;
    let mut heard = server.read(voice, StartAt::Oldest).unwrap();
    server.remove_stream(voice);
    assert!(heard.next().await.is_none());
    let closed = event(&server, |event| match event {
        Event::BackChannelClosed { stream, reason, .. } => Some((stream, reason)),
        _ => None,
    });
    assert!(matches!(closed.await, (stream, CloseReason::Application) if stream == voice));
    let picture = packet(0, 0, 1200);
    stream.write(0, picture.clone()).unwrap();
    let received = packets.next().await.unwrap().unwrap();
    assert_eq!(received.packet.as_bytes(), picture.as_bytes());
}

pub(crate) async fn a_client_that_may_not_speak_plays<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::SPEAK)).await;
    let stream = server.publish("/door", door()).unwrap();
    let client = Client::<R>::builder(&url(&server, "/door")).unwrap().transport(Transports::Tcp);
    let refuse = async {
        let question = event(&server, |event| match event {
            Event::Speak(question) => Some(question),
            _ => None,
        });
        server.answer(question.await.ticket, Err(StatusCode::FORBIDDEN.into())).unwrap();
    };
    let mut packets = super::both(client.back_channel(true).play(), refuse).await.unwrap();
    let refused = packets.client().refused();
    assert!(
        matches!(&refused[..], [(1, error)] if error.status() == Some(StatusCode::FORBIDDEN)),
        "{refused:?}"
    );
    stream.write(0, packet(0, 1, 100)).unwrap();
    assert_eq!(packets.next().await.unwrap().unwrap().media, 0);
    let refused = packets.client().publisher().write(1, packet(1, 1, 160)).await;
    assert!(matches!(refused, Err(Error::Send(SendError::NotSetUp(1)))), "{refused:?}");
}

pub(crate) async fn a_back_channel_is_there_for_those_that_ask_for_it<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _door = server.publish("/door", door()).unwrap();
    let _camera = server.publish("/cam", description()).unwrap();
    for (path, asks, medias, back_channels) in
        [("/door", false, 1, 0), ("/door", true, 2, 1), ("/cam", true, 2, 0)]
    {
        let config = ClientConfig::default().transports(Transports::Tcp).back_channel(asks);
        let builder = Client::<R>::builder(&url(&server, path)).unwrap().config(config);
        let client = builder.play().await.unwrap().client().clone();
        let described = client.description().unwrap().medias.len();
        assert_eq!((described, client.back_channels().len()), (medias, back_channels), "{path} {asks}");
        let refused = |event: &ClientEvent| matches!(event, ClientEvent::BackChannelRefused(_));
        assert!(!std::iter::from_fn(|| client.try_next_event()).any(|event| refused(&event)));
        client.teardown().await.unwrap();
    }
}

/// A camera that reads requests off the POST of a tunnel, and the voice off its GET.
struct Camera<R: Runtime> {
    get: Peer<R>,
    post: Peer<R>,
}

impl<R: Runtime> Camera<R> {
    async fn accept(mut ear: Ear<R>) -> Self {
        let mut get = ear.accept().await;
        assert!(get.next_message().await.unwrap().starts_with("GET /door"));
        get.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n")
            .await
            .unwrap();
        let mut post = ear.accept().await;
        assert!(post.next_message().await.unwrap().starts_with("POST /door"));
        Self { get, post }
    }

    /// Answers a request, and says which method it had.
    async fn answer(&mut self, sdp: &str) -> String {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut four = [0; 4];
            self.post.read_exact(&mut four).await;
            request.extend(from_base64(&four));
        }
        let request = String::from_utf8(request).unwrap();
        let (method, _) = request.split_once(' ').unwrap();
        let (more, body) = match method {
            "DESCRIBE" => ("Content-Type: application/sdp\r\n".to_owned(), sdp),
            "SETUP" => (format!("Transport: {}\r\n", header(&request, "Transport").unwrap()), ""),
            _ => (String::new(), ""),
        };
        let (sequence, length) = (header(&request, "CSeq").unwrap(), body.len());
        let head = format!(
            "RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nSession: 1\r\nContent-Length: {length}\r\n{more}\r\n"
        );
        self.get.write_all((head + body).as_bytes()).await.unwrap();
        method.to_owned()
    }
}

pub(crate) async fn a_voice_goes_over_the_get_of_a_tunnel_to_cameras_that_want_it_there<R: Runtime>() {
    let ear = Ear::<R>::new();
    let url = format!("rtsp+http://{}/door", ear.local_addr());
    let camera = go::<R, _>(async move {
        let mut camera = Camera::accept(ear).await;
        while camera.answer(&door().with_track_controls().to_sdp()).await != "PLAY" {}
        camera
    });
    let client = Client::<R>::builder(&url).unwrap().back_channel(true).media_on_get(true);
    let client = client.play().await.unwrap().client().clone();
    let (voice, mut camera) = (client.publisher(), camera.await);
    for number in 0..PACKETS {
        let said = packet(1, number, 160);
        voice.write(1, said.clone()).await.unwrap();
        // Reports are frames as well.
        let heard = loop {
            let mut head = [0; 4];
            camera.get.read_exact(&mut head).await;
            assert_eq!(head[0], b'$');
            let mut frame = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
            camera.get.read_exact(&mut frame).await;
            if head[1] % 2 == 0 {
                break frame;
            }
        };
        assert_eq!(heard, **said.as_bytes());
        if number % 10 == 0 {
            let asked = go::<R, _>({
                let client = client.clone();
                async move { client.options().await.unwrap() }
            });
            assert_eq!(camera.answer("").await, "OPTIONS");
            asked.await;
        }
    }
}
