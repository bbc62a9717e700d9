//! The cost of sending a packet of 1,400 bytes whose payload is copied behind its header, and of one whose payload stays in
//! the picture that it is cut from: header and payload are then two pieces for the system.
//!
//! Twenty packets leave in a system call, over TCP and over UDP (cut up by the system). A figure is the processor time of the
//! sending thread for each packet, with the copy. Both are measured in turns, and the median of many rounds counts.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, sendmsg, setsockopt, sockopt};
use nix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 31;
const CALLS: usize = 2_000;
const PACKETS: usize = 20;
const PAYLOAD_BYTES: usize = 1_380;
/// The header of an interleaved frame, that of RTP, and that of a fragment.
const FRAME_HEAD_BYTES: usize = 4 + PACKET_HEAD_BYTES;
const PACKET_HEAD_BYTES: usize = 12 + 2;
const PICTURES: usize = 16;
const PICTURE_BYTES: usize = 200_000;

/// Sends one burst; each head stands before its payload.
type Send<'a> = &'a mut dyn FnMut(&[IoSlice<'_>]) -> io::Result<()>;

fn main() -> io::Result<()> {
    let pictures: Vec<Vec<u8>> = (0..PICTURES).map(|picture| vec![picture as u8; PICTURE_BYTES]).collect();
    let mut tcp = connected_tcp()?;
    let udp = connected_udp()?;
    let mut over_tcp = |slices: &[IoSlice<'_>]| {
        let mut slices = slices.to_vec();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let written = tcp.write_vectored(rest)?;
            IoSlice::advance_slices(&mut rest, written);
        }
        Ok(())
    };
    let mut over_udp = |slices: &[IoSlice<'_>]| {
        sendmsg::<()>(udp.as_raw_fd(), slices, &[], MsgFlags::empty(), None)?;
        Ok(())
    };
    let ways: [(&str, usize, Send<'_>); 2] =
        [("TCP", FRAME_HEAD_BYTES, &mut over_tcp), ("UDP", PACKET_HEAD_BYTES, &mut over_udp)];
    for (name, head_bytes, send) in ways {
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            figures[0].push(round(&pictures, head_bytes, true, send)?);
            figures[1].push(round(&pictures, head_bytes, false, send)?);
        }
        let [copied, referred] = figures.map(|mut all| {
            all.sort_unstable();
            all[ROUNDS / 2]
        });
        println!("{name}: copied {copied} ns, by reference {referred} ns for a packet");
    }
    Ok(())
}

/// Nanoseconds of the processor for a packet.
fn round(pictures: &[Vec<u8>], head_bytes: usize, is_copied: bool, send: Send<'_>) -> io::Result<u128> {
    let mut block = Vec::with_capacity(PACKETS * (head_bytes + PAYLOAD_BYTES));
    let start = processor_time();
    let bursts = pictures.iter().cycle().flat_map(|picture| picture.chunks_exact(PACKETS * PAYLOAD_BYTES));
    for (number, burst) in bursts.take(CALLS).enumerate() {
        let heads: [[u8; FRAME_HEAD_BYTES]; PACKETS] = [[number as u8; FRAME_HEAD_BYTES]; PACKETS];
        let packets = heads.iter().map(|head| &head[..head_bytes]).zip(burst.chunks_exact(PAYLOAD_BYTES));
        if is_copied {
            block.clear();
            packets.for_each(|(head, payload)| {
                block.extend_from_slice(head);
                block.extend_from_slice(payload);
            });
            send(&[IoSlice::new(&block)])?;
        } else {
            let pieces: Vec<_> =
                packets.flat_map(|(head, payload)| [head, payload].map(IoSlice::new)).collect();
            send(&pieces)?;
        }
    }
    Ok((processor_time() - start) / (CALLS * PACKETS) as u128)
}

fn processor_time() -> u128 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux counts it");
    Duration::from(time).as_nanos()
}

/// A connection whose other end is read all the time.
fn connected_tcp() -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let mut other = listener.accept()?.0;
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while other.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    Ok(stream)
}

/// A socket whose datagrams are cut into packets, and are read all the time.
fn connected_udp() -> io::Result<UdpSocket> {
    let [socket, other] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    socket.connect(other.local_addr()?)?;
    setsockopt(&socket, sockopt::UdpGsoSegment, &((PACKET_HEAD_BYTES + PAYLOAD_BYTES) as i32))?;
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while other.recv(&mut buffer).is_ok() {}
    });
    Ok(socket)
}
