use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use divan::black_box;
use rtspan_core::conn::{ConnCommand, ConnTx, Room, ServerConn};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::server::{Output, Server, ServerConfig};
use rtspan_core::stream::{StreamLog, Streams};
use rtspan_core::udp::{DatagramSink, Port, UdpMedia, UdpPorts, UdpSpec};
use rtspan_core::wire::{Method, Request};
use rtspan_core::{Description, Format, Instant, Media, MediaKind, StreamId};

use crate::step::{Step, steps};

const BURST: u16 = 20;
/// Of one stream.
const READERS: [usize; 4] = [1, 10, 100, 1000];

steps! {
    push_to_the_log = push("H263-1998");
    /// With a look at what each packet holds.
    push_to_the_log_h264 = push("H264");
    /// From the log to what `writev` takes, for each packet and reader.
    pull_over_tcp(readers: usize = READERS) = pull(readers);
    /// From the log to the batches of datagrams, for each packet and reader.
    flush_over_udp(readers: usize = READERS) = flush(readers);
}

/// A server with one stream and its readers, without anything that the system does.
struct World {
    stream: One,
    readers: Vec<ConnTx>,
    udp: UdpMedia,
    packets: Vec<RtpPacket>,
}

/// The only stream of a server.
pub(crate) struct One(pub(crate) StreamId, pub(crate) StreamLog);

impl Streams for One {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        if stream == self.0 {
            f(&self.1);
        }
        stream == self.0
    }
}

struct Count(usize);

impl DatagramSink for Count {
    fn send(&mut self, _: Port, _: Option<IpAddr>, _: SocketAddr, datagram: &Bytes) -> bool {
        black_box(datagram);
        self.0 += 1;
        true
    }
}

impl World {
    fn new(encoding: &str, readers: usize, transport: impl Fn(usize) -> String) -> Self {
        let now = Instant::ZERO;
        let spec = UdpSpec::new([127, 0, 0, 1].into(), UdpPorts::Any);
        let mut server = Server::new(ServerConfig::default().udp(Some(spec)).udp_burst(usize::MAX), [7; 32]);
        let Some(Output::OpenUdp(mut udp)) = server.poll_output() else { panic!("a pair to open") };
        let media = Media::new(MediaKind::Video, vec![Format::new(96, encoding, 90_000)]);
        let (id, log) = server.add_stream(now, "/cam", Description::new(vec![media])).unwrap();
        let stream = One(id, log);
        server.handle_udp_opened(now, udp.id(), Ok((8000, 8001)), &stream);
        let connect = |number: usize| {
            let peer = SocketAddr::from(([127, 0, 0, 1], 10_000 + number as u16));
            let ServerConn { id, mut tx, .. } = server.open_conn(now, peer).unwrap();
            let setup = Request::new(Method::Setup, "rtsp://h/cam/trackID=0")
                .with_header("Transport", transport(number));
            for request in [setup, Request::new(Method::Play, "rtsp://h/cam")] {
                server.handle_message(now, id, request.with_header("CSeq", 1).into(), &stream);
            }
            while let Some(output) = server.poll_output() {
                match output {
                    Output::Conn(_, ConnCommand::Tx(command)) => tx.handle_command(now, command),
                    Output::Udp(_, command) => udp.handle_command(now, command),
                    _ => {}
                }
            }
            // Of a reader over UDP only a datagram from its port proves that it is there.
            udp.handle_datagram(now, Port::Rtp, reader_port(number), Bytes::from_static(&[0x80]));
            tx.handle_written(now, usize::MAX);
            tx
        };
        let readers = (0..readers).map(connect).collect();
        let header = RtpHeader { payload_type: 96, marker: false, sequence: 0, timestamp: 0, ssrc: 1 };
        let packets = (0..BURST)
            .map(|sequence| RtpPacket::build(RtpHeader { sequence, ..header }, &[0x41; 1388]))
            .collect();
        Self { stream, readers, udp: *udp, packets }
    }

    fn push(&mut self) {
        for packet in &self.packets {
            self.stream.1.push(Instant::ZERO, 0, packet.clone());
        }
    }
}

fn push(encoding: &str) -> Step<impl FnMut() + use<>> {
    let mut world = World::new(encoding, 0, |_| String::new());
    Step::new(BURST.into(), move || world.push())
}

fn pull(readers: usize) -> Step<impl FnMut()> {
    let mut world = World::new("H263-1998", readers, |_| "RTP/AVP/TCP;interleaved=0-1".to_owned());
    let items = readers * usize::from(BURST);
    let mut room = Room::default();
    Step::new(items, move || {
        world.push();
        let mut bytes = 0;
        for tx in &mut world.readers {
            // As threads do that serve many.
            tx.lend(std::mem::take(&mut room));
            tx.pull(Instant::ZERO, &world.stream);
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = tx.io_slices(&mut slices);
            let written = black_box(&slices[..filled]).iter().map(|slice| slice.len()).sum();
            bytes += written;
            tx.handle_written(Instant::ZERO, written);
            room = tx.take_room().unwrap();
        }
        assert_eq!(bytes, items * 1404);
    })
}

fn reader_port(number: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * number as u16))
}

fn flush(readers: usize) -> Step<impl FnMut()> {
    let ports = |number: usize| {
        let port = reader_port(number).port();
        format!("RTP/AVP;unicast;client_port={port}-{}", port + 1)
    };
    let mut world = World::new("H263-1998", readers, ports);
    let items = readers * usize::from(BURST);
    Step::new(items, move || {
        world.push();
        let mut datagrams = Count(0);
        world.udp.flush(Instant::ZERO, &world.stream, &mut datagrams);
        assert_eq!(datagrams.0, items);
    })
}
