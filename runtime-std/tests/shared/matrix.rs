//! Every way that media travels: plain or over TLS, by every carrier, in the clear or by SRTP. What is published any way is read
//! every way.

use rtspan_std::client::{Client, ClientBuilder};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{
    ClientSrtp, Event, Interface, MediaTransport, Profile, ServerConfig, SrtpPolicy, Transports,
};

use super::groups::{HOME, groups};
use super::tls::{Authority, GOOD, HOST};
use super::{LOOPBACK, UDP, description, event, packet};

/// Packets of each media in each cell.
const PACKETS: u16 = 40;

/// The carrier of media.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carrier {
    Tcp,
    Udp,
    Multicast,
    Http,
    WebSocket,
}

/// A way that media travels.
#[derive(Clone, Copy, Debug)]
struct Cell {
    is_secure: bool,
    carrier: Carrier,
    is_encrypted: bool,
}

fn cells() -> Vec<Cell> {
    use Carrier::*;
    let mut cells = Vec::new();
    for carrier in [Tcp, Udp, Multicast, Http, WebSocket] {
        for is_secure in [false, true] {
            cells.extend([false, true].map(|is_encrypted| Cell { is_secure, carrier, is_encrypted }));
        }
    }
    cells
}

impl Cell {
    fn client<R: Runtime>(self, server: &Server<R>, authority: &Authority) -> ClientBuilder<R> {
        let scheme = match (self.carrier, self.is_secure) {
            (Carrier::Http, false) => "rtsp+http",
            (Carrier::Http, true) => "rtsp+https",
            (Carrier::WebSocket, false) => "rtsp+ws",
            (Carrier::WebSocket, true) => "rtsp+wss",
            (_, false) => "rtsp",
            (_, true) => "rtsps",
        };
        let transports = match self.carrier {
            Carrier::Udp => Transports::Udp,
            Carrier::Multicast => Transports::Multicast,
            _ => Transports::Tcp,
        };
        let srtp = ClientSrtp::default().without_tls(true);
        let srtp =
            if self.is_encrypted { srtp.publish(rtspan_std::srtp::Suite::AeadAes128Gcm) } else { srtp };
        let builder = Client::builder(&format!("{scheme}://{}/cam", server.local_addr())).unwrap();
        builder
            .transport(transports)
            .tls(authority.trusted())
            .srtp(srtp)
            .multicast_interface(Interface::Address(HOME))
    }

    /// The transport that the server tells.
    fn transport(self) -> MediaTransport {
        match self.carrier {
            Carrier::Udp => MediaTransport::Udp,
            Carrier::Multicast => MediaTransport::Multicast,
            _ => MediaTransport::Tcp,
        }
    }
}

/// The policy of a server that is published to in one way, and whose readers are all encrypted, or none is; `None` if there is
/// none: a server that takes keys without TLS offers them as well, and our client then takes the offer.
fn policy(from: Cell, to_encrypted: bool) -> Option<SrtpPolicy> {
    match (to_encrypted, from.is_encrypted, from.is_secure) {
        (true, ..) => Some(SrtpPolicy::OfferWithoutTls),
        (false, false, _) => Some(SrtpPolicy::Off),
        (false, true, true) => Some(SrtpPolicy::Accept),
        (false, true, false) => None,
    }
}

pub(crate) async fn what_is_published_any_way_is_read_every_way<R: Runtime>() {
    let authority = Authority::new();
    let cells = cells();
    // Groups are for readers.
    let publishers = cells.iter().filter(|cell| cell.carrier != Carrier::Multicast);
    for from in publishers {
        for to_encrypted in [false, true] {
            let Some(policy) = policy(*from, to_encrypted) else { continue };
            let to = cells.iter().filter(|cell| cell.is_encrypted == to_encrypted);
            relay::<R>(&authority, policy, *from, to).await;
        }
    }
}

/// Publishes one way, and reads several ways at once.
async fn relay<R: Runtime>(
    authority: &Authority,
    policy: SrtpPolicy,
    from: Cell,
    to: impl Iterator<Item = &Cell>,
) {
    let config = ServerConfig::default().udp(Some(UDP)).srtp(policy);
    let builder = Server::<R>::builder().config(config).tls(authority.sign(HOST, GOOD).shown());
    let server = builder.multicast(groups::<R>(), Interface::Address(HOME)).bind(LOOPBACK).await.unwrap();
    let publisher = from.client(&server, authority).publish(description()).await;
    let publisher = publisher.unwrap_or_else(|error| panic!("{from:?}: {error}"));
    event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
    let mut readers = Vec::new();
    for to in to {
        let packets = to.client(&server, authority).play().await;
        let packets = packets.unwrap_or_else(|error| panic!("{from:?} {to:?}: {error}"));
        let profile = packets.client().description().unwrap().medias[0].profile;
        assert_eq!(profile == Profile::Savp, to.is_encrypted, "{to:?}");
        assert!(
            server.sessions().iter().any(|session| session.transport == Some(to.transport())),
            "{to:?}: {:?}",
            server.sessions()
        );
        readers.push((to, packets));
    }
    for number in 0..PACKETS {
        for media in 0..2 {
            let sent = packet(media, number, 100 + usize::from(number) * 25);
            publisher.write(media, sent.clone()).await.unwrap();
            for (to, packets) in &mut readers {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!((received.media, received.lost), (media, 0), "{from:?} {to:?}");
                assert_eq!(received.packet.as_bytes(), sent.as_bytes(), "{from:?} {to:?}");
            }
        }
    }
    for (_, packets) in readers {
        packets.teardown().await.unwrap();
    }
    publisher.teardown().await.unwrap();
    server.close().await;
}
