use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use rtspan_core::Instant;
use rtspan_core::rtp::{Delivery, Receiver, RtpHeader, RtpPacket};

/// All there are, so that the sequence goes on from one round to the next.
const PACKETS: usize = 1 << 16;

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

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let bytes = packets()[0].as_bytes().clone();
    bencher.bench_local(|| RtpPacket::parse(Bytes::clone(black_box(&bytes))).unwrap());
}

fn receive(bencher: Bencher<'_, '_>, packets: &[RtpPacket], delivery: Delivery) {
    let mut receiver = Receiver::new(90_000, delivery, 1);
    bencher.counter(ItemsCount::new(packets.len())).bench_local(|| {
        let mut received = 0;
        for packet in packets {
            receiver.handle_packet(Instant::ZERO, packet.clone());
            while let Some(packet) = receiver.poll_packet() {
                black_box(packet);
                received += 1;
            }
        }
        assert_eq!(received, PACKETS);
    });
}

#[divan::bench(max_time = 1)]
fn receive_over_tcp(bencher: Bencher<'_, '_>) {
    receive(bencher, &packets(), Delivery::Ordered);
}

#[divan::bench(max_time = 1)]
fn receive_over_udp_in_order(bencher: Bencher<'_, '_>) {
    receive(bencher, &packets(), Delivery::Unordered);
}

/// Every eighth packet comes three packets late.
#[divan::bench(max_time = 1)]
fn receive_over_udp_out_of_order(bencher: Bencher<'_, '_>) {
    let mut packets = packets();
    packets.chunks_exact_mut(8).for_each(|chunk| chunk[2..6].rotate_left(1));
    receive(bencher, &packets, Delivery::Unordered);
}
