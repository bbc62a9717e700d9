//! The steady state of the fan-out allocates nothing, whatever the number of readers; everything else has a bound.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use rtspan_core::conn::{ConnCommand, ConnTx, ServerConn};
use rtspan_core::description::{Description, Format, Media, MediaKind};
use rtspan_core::limits::PACKET_BYTES_MAX;
use rtspan_core::payload::{Depacketizer, Packetizer, PacketizerConfig, h264};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::server::{Output, Server, ServerConfig};
use rtspan_core::srtp::{MasterKey, ReceiveContext, SendContext, Suite};
use rtspan_core::stream::{LogLimits, StreamLog, Streams};
use rtspan_core::tunnel::http::{self, Base64Decoder};
use rtspan_core::tunnel::websocket::{FrameHeader, WebSocket};
use rtspan_core::udp::{DatagramSink, Port, UdpMedia, UdpPorts, UdpSpec};
use rtspan_core::wire::{Decoder, Item, Message, Method, Request, Response, StatusCode};
use rtspan_core::{Instant, StreamId};

/// Counts what the current thread allocates; others, such as the test harness's, do not disturb it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on as it is; counting touches no memory that is allocated.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

struct OneStream(StreamId, StreamLog);

impl Streams for OneStream {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        if stream == self.0 {
            f(&self.1);
        }
        stream == self.0
    }
}

struct World {
    server: Server,
    stream: OneStream,
    readers: Vec<ConnTx>,
    udp: UdpMedia,
}

const READERS: u16 = 20;

/// A server with one stream, and readers of it over TCP and UDP.
fn world() -> World {
    let now = Instant::ZERO;
    let spec = UdpSpec::new([127, 0, 0, 1].into(), UdpPorts::Any);
    let config =
        ServerConfig::default().udp(Some(spec)).udp_burst(usize::MAX).log(LogLimits::default().packets(256));
    let mut server = Server::new(config, [7; 32]);
    let Some(Output::OpenUdp(mut udp)) = server.poll_output() else { panic!("a UDP pair to open") };
    let media = Media::new(MediaKind::Video, vec![Format::new(96, "H263-1998", 90_000)]);
    let (id, log) = server.add_stream(now, "/cam", Description::new(vec![media])).expect("a free path");
    let stream = OneStream(id, log);
    server.handle_udp_opened(now, udp.id(), Ok((8000, 8001)), &stream);
    let mut readers = Vec::new();
    for port in 0..2 * READERS {
        let peer = SocketAddr::from(([127, 0, 0, 1], 10_000 + port));
        let ServerConn { id, mut tx, .. } = server.open_conn(now, peer).expect("room for a connection");
        let transport = if port < READERS {
            "RTP/AVP/TCP;interleaved=0-1".to_owned()
        } else {
            format!("RTP/AVP;unicast;client_port={}-{}", 20_000 + 2 * port, 20_001 + 2 * port)
        };
        let setup = Request::new(Method::Setup, "rtsp://h/cam/trackID=0").with_header("Transport", transport);
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
        readers.push(tx);
    }
    World { server, stream, readers, udp: *udp }
}

struct Count(u64);

impl DatagramSink for Count {
    fn send(&mut self, _port: Port, _from: Option<IpAddr>, _to: SocketAddr, _datagram: &Bytes) -> bool {
        self.0 += 1;
        true
    }
}

impl World {
    /// Appends packets and has every reader sent them; frames and datagrams that left.
    fn pass(&mut self, packets: &[RtpPacket]) -> (u64, u64) {
        let now = Instant::ZERO;
        for packet in packets {
            assert!(self.stream.1.push(now, 0, packet.clone()));
        }
        let mut frames = 0;
        for tx in &mut self.readers {
            loop {
                tx.pull(now, &self.stream);
                if !tx.wants_write() {
                    break;
                }
                let mut slices = [IoSlice::new(&[]); 64];
                let filled = tx.io_slices(&mut slices);
                frames += filled as u64 / 2;
                let written = slices[..filled].iter().map(|slice| slice.len()).sum();
                tx.handle_written(now, written);
            }
        }
        let mut datagrams = Count(0);
        self.udp.flush(now, &self.stream, &mut datagrams);
        (frames, datagrams.0)
    }
}

#[test]
fn no_packet_costs_a_reader_an_allocation() {
    let mut world = world();
    let payload = [0x41; 1400];
    let packets: Vec<RtpPacket> = (0..50)
        .map(|sequence| RtpHeader { payload_type: 96, marker: false, sequence, timestamp: 0, ssrc: 1 })
        .map(|header| RtpPacket::build(header, &payload))
        .collect();
    // Queues grow to their size once.
    (0..10).for_each(|_| {
        world.pass(&packets);
    });
    let mut sent = (0, 0);
    let allocations = allocations_of(|| sent = world.pass(&packets));
    assert_eq!(sent, (50 * u64::from(READERS), 50 * u64::from(READERS)));
    assert_eq!(allocations, 0);
    assert!(!world.server.is_empty());
}

/// The message that a decoder gives for these bytes, and the allocations of its `poll`.
fn parsed(bytes: &[u8]) -> (Message, u64) {
    let mut decoder = Decoder::default();
    decoder.feed(bytes);
    let mut item = None;
    let allocations = allocations_of(|| item = decoder.poll().expect("a message"));
    let Some(Item::Message(message)) = item else { panic!("{item:?}") };
    (message, allocations)
}

#[test]
fn a_message_is_read_by_three_allocations_at_most_and_written_by_two() {
    let request = Request::new(Method::Setup, "rtsp://192.168.1.10:554/Streaming/Channels/101/trackID=1")
        .with_header("CSeq", 4)
        .with_header("User-Agent", "Lavf60.16.100")
        .with_header("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")
        .with_header("Session", "1185d20035702ca");
    let response = Response::new(StatusCode::OK)
        .with_header("CSeq", 4)
        .with_header("Session", "1185d20035702ca;timeout=60")
        .with_header("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4D9C2A11")
        .with_header("Server", "rtspan");
    // The list of the headers, their text, and the URI of a request.
    for (message, reading) in [(Message::from(request), 3), (response.into(), 2)] {
        let mut bytes = Bytes::new();
        assert!(allocations_of(|| bytes = message.to_bytes()) <= 2);
        assert_eq!(parsed(&bytes), (message, reading));
    }
}

#[test]
fn a_connection_that_describes_sets_up_plays_and_tears_down_costs_72_allocations_at_most() {
    let mut world = world();
    let now = Instant::ZERO;
    let peer = SocketAddr::from(([127, 0, 0, 1], 9_000));
    let dialogue = |world: &mut World| {
        let ServerConn { id, .. } = world.server.open_conn(now, peer).expect("room for a connection");
        let interleaved = "RTP/AVP/TCP;interleaved=0-1";
        let setup =
            Request::new(Method::Setup, "rtsp://h/cam/trackID=0").with_header("Transport", interleaved);
        let mut answers = 0;
        for request in [Request::new(Method::Describe, "rtsp://h/cam"), setup] {
            world.server.handle_message(now, id, request.with_header("CSeq", 1).into(), &world.stream);
        }
        for method in [Method::Play, Method::Teardown] {
            let request = Request::new(method, "rtsp://h/cam").with_header("CSeq", 2);
            world.server.handle_message(now, id, request.into(), &world.stream);
        }
        while let Some(output) = world.server.poll_output() {
            answers += u32::from(matches!(output, Output::Conn(_, ConnCommand::Tx(_))));
        }
        answers
    };
    dialogue(&mut world);
    let mut answers = 0;
    let allocations = allocations_of(|| answers = dialogue(&mut world));
    assert!(answers >= 4, "{answers}");
    assert!(allocations <= 72, "{allocations}");
}

/// A keyframe: parameter sets and four slices, 200 KB together.
fn keyframe() -> Vec<Vec<u8>> {
    let nal = |(header, bytes): (u8, usize)| {
        let mut nal = vec![0x55; bytes];
        nal[0] = header;
        nal
    };
    [(0x67, 20), (0x68, 4), (0x65, 50_000), (0x65, 50_000), (0x65, 50_000), (0x65, 50_000)].map(nal).into()
}

/// A unit of each of the formats that are used most, `bytes` long where it may be of any length.
fn units(bytes: usize) -> Vec<(Format, Vec<Vec<u8>>)> {
    let beginning = |header: &[u8], bytes: usize| {
        let mut media = header.to_vec();
        media.resize(bytes, 0x55);
        media
    };
    let hevc = [(&[0x40, 1], 20), (&[0x42, 1], 20), (&[0x44, 1], 20), (&[0x26, 1], bytes)];
    let mut image = b"\xff\xd8\xff\xdb\0\x84\0".to_vec();
    image.extend([3; 64].iter().chain(&[1]).chain(&[4; 64]));
    image.extend(b"\xff\xc0\0\x11\x08\x02\xd0\x05\0\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
    image.extend(b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0");
    vec![
        (Format::h264(96, &[], &[]), vec![beginning(&[0x67], 20), beginning(&[0x65], bytes)]),
        (Format::h265(96, &[], &[], &[]), hevc.map(|(header, bytes)| beginning(header, bytes)).into()),
        (Format::av1(96, 0, 8), vec![beginning(&[0x08], 11), beginning(&[0x30], bytes)]),
        (Format::vp8(96), vec![beginning(&[0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 7, 0x38, 4], bytes)]),
        (Format::vp9(96, 0), vec![beginning(&[0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0], bytes)]),
        (Format::jpeg(), vec![beginning(&image, bytes)]),
        (Format::mpeg4_video(96, &[]), vec![beginning(&[0, 0, 1, 0xb6, 0x10], bytes)]),
        (Format::mpeg_ts(), vec![beginning(&[0x47], 188).repeat(bytes / 188)]),
        (Format::mpeg4_audio(96, &[0x11, 0x90]).expect("AAC-LC"), vec![vec![0x21; 400]]),
        (Format::opus(96, true), vec![beginning(&[0xfc], 160)]),
        (Format::pcmu(), vec![vec![0x7f; 160]]),
    ]
}

/// The packets of a unit, and the allocations that a packetizer makes which has made some before.
fn packetized(format: &Format, unit: &[Vec<u8>]) -> (Vec<RtpPacket>, u64) {
    let config = PacketizerConfig::new(0, 7, 0);
    let mut packetizer = Packetizer::new(format, config).expect("a format that can be sent");
    let mut packets = Vec::with_capacity(1000);
    let mut packetize = || {
        packets.clear();
        let sent = packetizer.packetize(unit.iter().map(Vec::as_slice), 0, |packet| packets.push(packet));
        sent.expect("a good unit");
    };
    packetize();
    let allocations = allocations_of(packetize);
    (packets, allocations)
}

#[test]
fn a_unit_of_any_format_is_packetized_by_two_allocations_for_each_block_of_packets() {
    const BLOCK: usize = 32 << 10;
    const FEW: u64 = 3;
    for (format, unit) in units(200_000) {
        let (packets, allocations) = packetized(&format, &unit);
        let bytes: usize = packets.iter().map(RtpPacket::len).sum();
        let blocks = bytes.div_ceil(BLOCK - PACKET_BYTES_MAX) as u64;
        assert!(allocations <= 2 * blocks + FEW, "{}: {allocations} for {bytes} bytes", format.encoding());
        let is_large = unit.iter().any(|part| part.len() > 1000);
        assert_eq!(packets.len() > 130, is_large, "{}", format.encoding());
    }
}

#[test]
fn a_unit_of_any_format_is_depacketized_by_as_many_allocations_whatever_its_packets() {
    let allocations_of_size = |bytes: usize| -> Vec<(Box<str>, u64)> {
        let of_format = |(format, unit): (Format, Vec<Vec<u8>>)| {
            let (packets, _) = packetized(&format, &unit);
            let mut depacketizer = Depacketizer::new(&format).expect("a format that can be read");
            let mut bytes = 0;
            let mut depacketize = || {
                for packet in &packets {
                    depacketizer.push(packet, 0).expect("a packet in order");
                    while let Some(unit) = depacketizer.poll() {
                        bytes += unit.parts.total_bytes();
                    }
                }
            };
            // Buffers grow to their size once.
            depacketize();
            let allocations = allocations_of(depacketize);
            assert!(bytes >= 2 * unit.iter().map(Vec::len).sum::<usize>(), "{}", format.encoding());
            (format.encoding().into(), allocations)
        };
        units(bytes).into_iter().map(of_format).collect()
    };
    let few = allocations_of_size(50_000);
    assert_eq!(few, allocations_of_size(200_000));
    assert!(few.iter().all(|(_, allocations)| *allocations <= 10), "{few:?}");
}

#[test]
fn an_access_unit_of_four_slices_is_depacketized_by_10_allocations_at_most() {
    let mut packets = Vec::new();
    let unit = keyframe();
    let mut packetizer = h264::Packetizer::new(PacketizerConfig::new(96, 7, 0));
    let sent = packetizer.packetize(unit.iter().map(Vec::as_slice), 0, |packet| packets.push(packet));
    sent.expect("units of H.264");
    let mut depacketizer = h264::Depacketizer::new();
    let mut depacketize = || {
        packets.iter().for_each(|packet| depacketizer.push(packet, 0).expect("a packet in order"));
        depacketizer.poll().expect("a whole unit")
    };
    assert_eq!(depacketize().parts, unit);
    let mut nals = 0;
    let allocations = allocations_of(|| nals = depacketize().parts.len());
    // The list of the units, which grows once, and for each of the four large ones a buffer that is cut to its length.
    assert!(allocations <= 10, "{allocations}");
    assert_eq!(nals, 6);
}

/// A stream is encrypted once for all of its readers; what comes is decrypted where it was read.
#[test]
fn packets_are_protected_by_two_allocations_for_each_block_and_taken_by_none() {
    const BLOCK: usize = 32 << 10;
    const PACKETS: u16 = 1000;
    for suite in Suite::ALL {
        let key = MasterKey::from_seed(suite, [1; 32]);
        let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
        let build =
            |sequence| RtpPacket::build(RtpHeader { sequence, ssrc: 7, ..RtpHeader::default() }, &[0; 1388]);
        let packets: Vec<_> = (0..=PACKETS).map(build).collect();
        let mut protected = Vec::with_capacity(packets.len());
        let mut protect = |packet| protected.push(sender.protect(packet).expect("it may be sent"));
        protect(&packets[0]);
        let allocations = allocations_of(|| packets[1..].iter().for_each(protect));
        let bytes = usize::from(PACKETS) * protected[0].len();
        assert!(allocations as usize <= 2 * bytes.div_ceil(BLOCK - 1500), "{suite}: {allocations}");

        let mut came: Vec<_> = protected.iter().map(|packet| packet.as_bytes().to_vec()).collect();
        receiver.unprotect(&mut came[0]).expect("an authentic packet");
        let allocations = allocations_of(|| {
            for came in &mut came[1..] {
                assert_eq!(receiver.unprotect(came), Ok(1400));
            }
        });
        assert_eq!(allocations, 0, "{suite}");
    }
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations_of(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn tunnels_allocate_nothing_for_what_they_read() {
    let packet = [b"$\0\x05\x84".as_slice(), &[0x41; 1412]].concat();
    let slices = [IoSlice::new(&packet)];
    let (mut frames, mut text) = (BytesMut::new(), BytesMut::new());
    let mut client = WebSocket::client([7; 32]);
    for _ in 0..20 {
        client.frame(&slices, &mut frames);
        http::encode_base64(&slices, &mut text);
    }
    let expected = packet.repeat(20);
    let (mut socket, mut base64) = (WebSocket::server(), Base64Decoder::default());
    // Reads that cut headers, payloads and groups.
    for size in [1, 13, 1000, usize::MAX] {
        let (mut framed, mut encoded) = (frames.clone(), text.clone());
        let (mut of_frames, mut of_text) = (0, 0);
        let allocations = allocations_of(|| {
            framed.chunks_mut(size).for_each(|read| of_frames += socket.decode(read).len);
            encoded.chunks_mut(size).for_each(|read| of_text += base64.decode(read).len);
            let header = FrameHeader::binary(packet.len());
            assert_eq!(header.len(), 4);
        });
        assert_eq!(
            (of_frames, of_text, allocations),
            (expected.len(), expected.len(), 0),
            "in reads of {size}"
        );
    }
    // A client copies each frame once, into the buffer that it is written from.
    let allocations = allocations_of(|| {
        for _ in 0..100 {
            frames.clear();
            text.clear();
            client.frame(&slices, &mut frames);
            http::encode_base64(&slices, &mut text);
        }
    });
    assert_eq!(allocations, 0);
}
