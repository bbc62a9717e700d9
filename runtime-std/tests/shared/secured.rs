//! Media that is encrypted by SRTP, over TCP and UDP, with keys that travel over TLS.

use std::time::Duration;

use rtspan_std::client::{Client, ClientBuilder, Packets};
use rtspan_std::description::Direction;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerStream};
use rtspan_std::srtp::Suite;
use rtspan_std::{
    ClientSrtp, Description, Event, Format, Media, MediaKind, Profile, ReconnectPolicy, ServerConfig,
    SrtpPolicy, StartAt, State, Transports,
};

use super::tls::{Authority, GOOD, HOST};
use super::{LOOPBACK, UDP, description, event, number, packet, pause, read};

const PACKETS: u16 = 100;
const TRANSPORTS: [Transports; 2] = [Transports::Tcp, Transports::Udp];

/// A server that offers SRTP, and the authority of its certificate.
struct Secured<R: Runtime> {
    server: Server<R>,
    authority: Authority,
}

impl<R: Runtime> Secured<R> {
    async fn serve(suites: &[Suite]) -> Self {
        let authority = Authority::new();
        let server = Self::at(LOOPBACK, &authority, suites).await;
        Self { server, authority }
    }

    async fn at(addr: &str, authority: &Authority, suites: &[Suite]) -> Server<R> {
        let config = ServerConfig::default().udp(Some(UDP)).srtp(SrtpPolicy::Offer);
        let config = config.srtp_suites(suites.iter().copied());
        let tls = authority.sign(HOST, GOOD).shown();
        Server::builder().config(config).tls(tls).bind(addr).await.unwrap()
    }

    fn client(&self, path: &str) -> ClientBuilder<R> {
        let url = format!("rtsps://{}{path}", self.server.local_addr());
        Client::builder(&url).unwrap().tls(self.authority.trusted())
    }
}

/// Has packets written, and read just as they were.
async fn compare<R: Runtime>(
    stream: &ServerStream,
    readers: &mut [&mut Packets<R>],
    numbers: std::ops::Range<u16>,
) {
    for number in numbers {
        for media in 0..2 {
            let sent = packet(media, number, 100 + usize::from(number) * 10);
            stream.write(media, sent.clone()).unwrap();
            for packets in readers.iter_mut() {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!((received.media, received.lost), (media, 0));
                assert_eq!(received.packet.as_bytes(), sent.as_bytes());
            }
        }
    }
}

fn profile<R: Runtime>(client: &Client<R>) -> Profile {
    client.description().unwrap().medias[0].profile
}

pub(crate) async fn an_encrypted_stream_is_played_over_tcp_and_udp_by_every_suite<R: Runtime>() {
    for suite in Suite::ALL {
        let secured = Secured::<R>::serve(&[suite]).await;
        let stream = secured.server.publish("/cam", description()).unwrap();
        let client = |transports| {
            let srtp = ClientSrtp::default().suite(suite);
            secured.client("/cam").srtp(srtp).transport(transports).play()
        };
        let mut tcp = client(Transports::Tcp).await.unwrap();
        let mut udp = client(Transports::Udp).await.unwrap();
        let mut plain = read(&secured.server, "/cam", Transports::Udp).await;
        let profiles = [tcp.client(), udp.client(), plain.client()].map(profile);
        assert_eq!(profiles, [Profile::Savp, Profile::Savp, Profile::Avp]);
        compare(&stream, &mut [&mut tcp, &mut udp, &mut plain], 0..PACKETS).await;
        for packets in [tcp, udp] {
            let stats = packets.client().media_stats(0).unwrap();
            assert_eq!((stats.packets, stats.unauthentic, stats.invalid), (PACKETS.into(), 0, 0), "{suite}");
            packets.teardown().await.unwrap();
        }
    }
}

pub(crate) async fn what_is_published_encrypted_is_read_encrypted_and_in_the_clear<R: Runtime>() {
    for transports in TRANSPORTS {
        let secured = Secured::<R>::serve(&Suite::ALL).await;
        let srtp = ClientSrtp::default().publish(Suite::AesCm128HmacSha1_80);
        let publisher = secured.client("/cam").transport(transports).srtp(srtp);
        let publisher = publisher.publish(description()).await.unwrap();
        event(&secured.server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
        let mut encrypted = secured.client("/cam").transport(transports).play().await.unwrap();
        let mut plain = read(&secured.server, "/cam", Transports::Tcp).await;
        for number in 0..PACKETS {
            let sent = packet(0, number, 1200);
            publisher.write(0, sent.clone()).await.unwrap();
            for packets in [&mut encrypted, &mut plain] {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!(
                    (received.packet.as_bytes(), received.lost),
                    (sent.as_bytes(), 0),
                    "{transports:?}"
                );
            }
        }
        assert_eq!(profile(encrypted.client()), Profile::Savp);
        publisher.teardown().await.unwrap();
    }
}

pub(crate) async fn a_client_speaks_into_an_encrypted_back_channel<R: Runtime>() {
    for transports in TRANSPORTS {
        let secured = Secured::<R>::serve(&Suite::ALL).await;
        let mut speaker = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        speaker.direction = Some(Direction::SendOnly);
        let picture = Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]);
        let stream = secured.server.publish("/door", Description::new(vec![picture, speaker])).unwrap();
        let builder = secured.client("/door").transport(transports).back_channel(true);
        let mut packets = builder.play().await.unwrap();
        let back = event(&secured.server, |event| match event {
            Event::BackChannelOpened { stream, .. } => Some(stream),
            _ => None,
        });
        let mut heard = secured.server.read(back.await, StartAt::Oldest).unwrap();
        let voice = packets.client().publisher();
        for number in 0..PACKETS {
            let (shown, said) = (packet(0, number, 1200), packet(1, number, 160));
            stream.write(0, shown.clone()).unwrap();
            voice.write(1, said.clone()).await.unwrap();
            assert_eq!(packets.next().await.unwrap().unwrap().packet.as_bytes(), shown.as_bytes());
            assert_eq!(heard.next().await.unwrap().packet.as_bytes(), said.as_bytes());
        }
        packets.teardown().await.unwrap();
    }
}

pub(crate) async fn a_client_that_reconnects_has_new_keys<R: Runtime>() {
    for transports in TRANSPORTS {
        let mut secured = Secured::<R>::serve(&[Suite::AeadAes128Gcm]).await;
        let addr = secured.server.local_addr().to_string();
        let stream = secured.server.publish("/cam", description()).unwrap();
        let policy = ReconnectPolicy::default().wait(Duration::from_millis(5), Duration::from_millis(50));
        let builder = secured.client("/cam").transport(transports).reconnect(policy);
        let mut packets = builder.play().await.unwrap();
        compare(&stream, &mut [&mut packets], 0..10).await;
        secured.server.close().await;
        drop(stream);
        secured.server = Secured::at(&addr, &secured.authority, &[Suite::AesCm128HmacSha1_80]).await;
        let stream = secured.server.publish("/cam", description()).unwrap();
        while packets.client().state() != State::Play || packets.client().reconnects() == 0 {
            pause::<R>().await;
        }
        stream.write(0, packet(0, 900, 100)).unwrap();
        let next = packets.next().await.unwrap().unwrap();
        assert_eq!((number(&next), next.lost), (900, 0), "{transports:?}");
        packets.teardown().await.unwrap();
        secured.server.close().await;
    }
}
