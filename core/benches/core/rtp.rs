use bytes::Bytes;
use divan::black_box;
use rtspan_core::Instant;
use rtspan_core::rtp::{Delivery, Receiver, RtpError, RtpHeader, RtpPacket};

use crate::step::{Step, steps};

/// All there are, so that the sequence goes on from one round to the next.
const PACKETS: usize = 1 << 16;

steps! {
    parse = parse_packet();
    receive_over_tcp = receive(packets(), Delivery::Ordered);
    receive_over_udp_in_order = receive(packets(), Delivery::Unordered);
    receive_over_udp_out_of_order = receive(packets_out_of_order(), Delivery::Unordered);
}

/// Packets of a video, 50 to a picture; short ones, since their payloads are not looked at.
fn packets() -> Vec<RtpPacket> {
    let payload = [0x41; 20];
    let build = |sequence: u16| {
        let timestamp = u32::from(sequence) / 50 * 3600;
        let header =
            RtpHeader { payload_type: 96, marker: sequence % 50 == 49, sequence, timestamp, ssrc: 7 };
        RtpPacket::build(header, &payload)
    };
    (0..=u16::MAX).map(build).collect()
}

/// Every eighth packet comes three packets late.
fn packets_out_of_order() -> Vec<RtpPacket> {
    let mut packets = packets();
    packets.chunks_exact_mut(8).for_each(|chunk| chunk[2..6].rotate_left(1));
    packets
}

fn parse_packet() -> Step<impl FnMut() -> Result<RtpPacket, RtpError>> {
    let bytes = packets()[0].as_bytes().clone();
    Step::new(1, move || RtpPacket::parse(Bytes::clone(black_box(&bytes))))
}

fn receive(packets: Vec<RtpPacket>, delivery: Delivery) -> Step<impl FnMut()> {
    let mut receiver = Receiver::new(90_000, delivery, 1);
    Step::new(packets.len(), move || {
        let mut received = 0;
        for packet in &packets {
            receiver.handle_packet(Instant::ZERO, packet.clone());
            while let Some(packet) = receiver.poll_packet() {
                black_box(packet);
                received += 1;
            }
        }
        assert_eq!(received, PACKETS);
    })
}
