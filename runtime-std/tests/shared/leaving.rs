//! Servers that are closed while somebody waits, servers that drain, and publishers that leave and come back.

use std::time::Duration;

use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::{Event, Secret, ServerConfig, Transports, Url, User, Users, WithCauses};

use super::by_hand::{now, publish_by_hand, since};
use super::{LIMIT, UDP, both, description, event, number, packet, read, serve, url};

pub(crate) async fn a_server_is_closed_while_its_events_are_waited_for<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let waited = async { while server.next().await.is_some() {} };
    both(waited, server.close()).await;
    assert!(server.next().await.is_none(), "and it stays closed");
}

pub(crate) async fn a_server_that_drains_sends_its_readers_to_another<R: Runtime>() {
    let old = serve::<R>(ServerConfig::default()).await;
    let new = serve::<R>(ServerConfig::default()).await;
    let _there = old.publish("/cam", description()).unwrap();
    let here = new.publish("/cam", description()).unwrap();
    let mut packets = read(&old, "/cam", Transports::Tcp).await;
    let to = Url::parse(&url(&new, "/")).unwrap();
    let moved = async {
        event(&new, |event| matches!(event, Event::Playing { .. }).then_some(())).await;
        here.write(0, packet(0, 900, 100)).unwrap();
    };
    let begun = now::<R>();
    // The reader goes by itself, long before it would be made to.
    let received = both(packets.next(), both(old.drain(Some(&to), LIMIT), moved)).await;
    assert_eq!(number(&received.unwrap().unwrap()), 900);
    assert!(since::<R>(begun) < LIMIT);
    // Newcomers are sent there too.
    let _late = read(&old, "/cam", Transports::Tcp).await;
    event(&new, |event| matches!(event, Event::Playing { .. }).then_some(())).await;
}

pub(crate) async fn a_server_that_drains_waits_no_longer_than_it_may<R: Runtime>() {
    const WAIT: Duration = Duration::from_secs(1);
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let mut packets = read(&server, "/cam", Transports::Tcp).await;
    let begun = now::<R>();
    let ended = async { while let Some(Ok(_)) = packets.next().await {} };
    both(server.drain(None, WAIT), ended).await;
    assert!(since::<R>(begun) >= WAIT);
    let refused = Client::<R>::builder(&url(&server, "/cam")).unwrap().play().await;
    assert!(WithCauses(&refused.unwrap_err()).to_string().contains("503"));
}

pub(crate) async fn readers_go_on_when_their_publisher_comes_back<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP)).resume(LIMIT)).await;
    let mut publisher = publish_by_hand::<R>(server.local_addr(), "/live", &description()).await;
    event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
    let mut readers =
        [read(&server, "/live", Transports::Tcp).await, read(&server, "/live", Transports::Udp).await];
    for sent in 1..=10 {
        let packet = packet(0, sent, 100);
        let frame = [&[b'$', 0, 0, packet.len() as u8][..], packet.as_bytes()].concat();
        publisher.write_all(&frame).await.unwrap();
        for packets in &mut readers {
            assert_eq!(number(&packets.next().await.unwrap().unwrap()), sent);
        }
    }
    drop(publisher);
    event(&server, |event| matches!(event, Event::PublisherGone { .. }).then_some(())).await;
    let again = Client::<R>::builder(&url(&server, "/live")).unwrap().publish(description()).await.unwrap();
    event(&server, |event| matches!(event, Event::TakenOver { .. }).then_some(())).await;
    // It does not know what has come, and sends some of it once more.
    let frame: Vec<_> = (6..=20).map(|number| packet(0, number, 100)).collect();
    again.write_frame(0, &frame).await.unwrap();
    for packets in &mut readers {
        for sent in 11..=20 {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((number(&received), received.lost), (sent, 0));
        }
    }
}

pub(crate) async fn readers_go_on_when_the_application_takes_the_stream_of_a_publisher_that_has_gone<
    R: Runtime,
>() {
    let server = serve::<R>(ServerConfig::default().resume(LIMIT)).await;
    let mut publisher = publish_by_hand::<R>(server.local_addr(), "/live", &description()).await;
    event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
    let mut packets = read(&server, "/live", Transports::Tcp).await;
    let first = packet(0, 1, 100);
    let frame = [&[b'$', 0, 0, first.len() as u8][..], first.as_bytes()].concat();
    publisher.write_all(&frame).await.unwrap();
    assert_eq!(number(&packets.next().await.unwrap().unwrap()), 1);
    assert!(server.take("/live", &description()).is_none(), "its publisher is there");
    drop(publisher);
    event(&server, |event| matches!(event, Event::PublisherGone { .. }).then_some(())).await;
    let stream = server.take("/live", &description()).unwrap();
    stream.write(0, packet(0, 7, 100).with_numbers(900, 5, 0x0909_0909)).unwrap();
    let received = packets.next().await.unwrap().unwrap();
    assert_eq!((number(&received), received.lost), (7, 0));
    assert_eq!((received.packet.ssrc(), received.packet.sequence()), (first.ssrc(), first.sequence() + 1));
}

pub(crate) async fn a_user_with_the_password_reads<R: Runtime>() {
    let users = Users::default().with(User::new("wall", Secret::password("horse")).may_all("/cam"));
    let server = serve::<R>(ServerConfig::default().users(users)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let own = url(&server, "/cam").replace("://", "://wall:horse@");
    let mut packets = Client::<R>::builder(&own).unwrap().play().await.unwrap();
    stream.write(0, packet(0, 7, 100)).unwrap();
    assert_eq!(number(&packets.next().await.unwrap().unwrap()), 7);
    for (wrong, told) in [("://", "asks for credentials"), ("://wall:donkey@", "refuses the credentials")] {
        let url = url(&server, "/cam").replace("://", wrong);
        let error = Client::<R>::builder(&url).unwrap().play().await.unwrap_err();
        let error = WithCauses(&error).to_string();
        assert!(error.contains(told), "{error}");
    }
}
