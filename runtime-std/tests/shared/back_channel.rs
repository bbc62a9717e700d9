//! A client speaks to a server while it plays.

use rtspan_std::client::Client;
use rtspan_std::description::Direction;
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    Asks, ClientConfig, ClientEvent, CloseReason, Description, Error, Event, Format, Media, MediaKind,
    SendError, ServerConfig, StartAt, StatusCode, Transports,
};

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
