//! Media that comes from a multicast group, on the loopback interface alone.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use rtspan_std::client::{Client, ClientBuilder, Packets};
use rtspan_std::rtp::rtcp;
use rtspan_std::runtime::Runtime;
use rtspan_std::{CommandError, Error, Interface, TrackTransport, Transports, UdpOpenError};

use super::by_hand::{Ear, Mouth, Peer, header};
use super::{description, number, packet};

/// A server that sends to a group; nothing that is sent there leaves the host.
struct Camera<R: Runtime> {
    group: SocketAddr,
    url: String,
    /// The sockets that it sends packets with and receives reports on.
    rtp: Mouth<R>,
    rtcp: Mouth<R>,
    /// A member of the group that hears the reports of the others.
    member: Mouth<R>,
}

impl<R: Runtime> Camera<R> {
    /// Answers so many clients, with these lines in its description.
    fn new(clients: usize, described: &'static str) -> Self {
        // Ports that nobody else has now make a group that nobody else has.
        let (rtp, rtcp) = (Mouth::new(), Mouth::new());
        let [high, low] = rtp.port().to_be_bytes();
        let group = SocketAddr::new(Ipv4Addr::new(239, 255, high, low).into(), rtp.port());
        rtp.sends_to_groups();
        let member = Mouth::member(SocketAddr::new(group.ip(), rtcp.port()));
        let mut listener = Ear::<R>::new();
        let url = format!("rtsp://{}/cam", listener.local_addr());
        let transport =
            format!("RTP/AVP;multicast;destination={};port={}-{};ttl=0", group.ip(), rtp.port(), rtcp.port());
        R::default()
            .spawn(async move {
                for _ in 0..clients {
                    let answering = answer(listener.accept().await, transport.clone(), described);
                    R::default().spawn(answering).unwrap();
                }
            })
            .unwrap();
        Self { group, url, rtp, rtcp, member }
    }

    fn client(&self) -> ClientBuilder<R> {
        Client::<R>::builder(&self.url).unwrap().transport(Transports::Multicast).medias([0])
    }

    async fn send(&mut self, number: u16) {
        self.rtp.send_to(packet(0, number, 100).as_bytes(), self.group).await;
    }
}

/// Says yes to everything a client of the group asks, up to TEARDOWN.
async fn answer<R: Runtime>(mut socket: Peer<R>, transport: String, described: &'static str) {
    while let Some(request) = socket.next_message().await {
        let cseq = header(&request, "CSeq").unwrap();
        let more = match request.split(' ').next().unwrap() {
            "OPTIONS" => "Public: DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n".to_owned(),
            "DESCRIBE" => {
                let sdp = description().with_track_controls().to_sdp();
                let sdp = sdp.replacen("t=0 0\r\n", &format!("t=0 0\r\n{described}"), 1);
                format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
            }
            "SETUP" => format!("Session: 1\r\nTransport: {transport}\r\n\r\n"),
            _ => "Session: 1\r\n\r\n".to_owned(),
        };
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{more}");
        if socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn next<R: Runtime>(packets: &mut Packets<R>) -> (u16, u16) {
    let received = packets.next().await.unwrap().unwrap();
    (number(&received), received.lost)
}

/// RTCP of an application's.
fn report() -> Bytes {
    rtcp::goodbye_compound(7, "reader", "")
}

async fn heard<R: Runtime>(mouth: &mut Mouth<R>) -> Vec<u8> {
    let mut datagram = vec![0; 500];
    let bytes = mouth.recv(&mut datagram).await;
    datagram.truncate(bytes);
    datagram
}

pub(crate) async fn clients_of_a_host_hear_a_group_report_to_it_and_leave_it<R: Runtime>() {
    let mut camera = Camera::<R>::new(2, "");
    let mut first = camera.client().play().await.unwrap();
    let chosen = Interface::Address(Ipv4Addr::LOCALHOST.into());
    let mut second = camera.client().multicast_interface(chosen).play().await.unwrap();
    for number in 0..50 {
        camera.send(number).await;
        assert_eq!(next(&mut first).await, (number, 0));
        assert_eq!(next(&mut second).await, (number, 0));
    }
    let report = report();
    first.client().write_rtcp(0, report.clone()).unwrap();
    assert_eq!(heard(&mut camera.member).await, *report);
    first.client().teardown().await.unwrap();
    for number in 50..60 {
        camera.send(number).await;
        assert_eq!(next(&mut second).await, (number, 0));
    }
    assert!(first.next().await.is_none_or(|end| end.is_err()));
}

pub(crate) async fn the_only_source_of_a_group_is_heard_and_reported_to<R: Runtime>() {
    let mut camera = Camera::<R>::new(1, "a=source-filter: incl IN IP4 * 127.0.0.1\r\n");
    let client = camera.client().connect().await.unwrap();
    client.describe().await.unwrap();
    let transport = client.setup(0).await.unwrap().transport;
    let TrackTransport::Multicast { group, ports, source, ttl } = transport else { panic!("{transport:?}") };
    assert_eq!((group, ports), (camera.group.ip(), (camera.group.port(), camera.rtcp.port())));
    assert_eq!((source, ttl), (Some(Ipv4Addr::LOCALHOST.into()), 0));
    client.play(None).await.unwrap();
    let mut packets = client.packets();
    camera.send(1).await;
    assert_eq!(next(&mut packets).await, (1, 0));
    let report = report();
    client.write_rtcp(0, report.clone()).unwrap();
    assert_eq!(heard(&mut camera.rtcp).await, *report);
}

pub(crate) async fn an_interface_that_is_not_there_is_an_error_that_says_so<R: Runtime>() {
    let camera = Camera::<R>::new(1, "");
    let nowhere = Interface::Name("rtspan-none0".into());
    match camera.client().multicast_interface(nowhere).play().await {
        Err(Error::Command { error: CommandError::Udp(UdpOpenError::Io(error)), .. }) => {
            assert_eq!(error.kind(), ErrorKind::NotFound);
        }
        other => panic!("{other:?}"),
    }
}
