use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use rtspan_core::payload::h264::{Depacketizer, Packetizer};
use rtspan_core::payload::{PacketizerConfig, g711};
use rtspan_core::rtp::RtpPacket;

/// A keyframe: parameter sets and four slices, 200 KB together.
fn access_unit() -> Vec<Vec<u8>> {
    let slice = |kind: u8, bytes: usize| {
        let mut nal = vec![0x55; bytes];
        nal[0] = kind;
        nal
    };
    let slices = (0..4).map(|_| slice(0x65, 50_000));
    [slice(0x67, 20), slice(0x68, 4)].into_iter().chain(slices).collect()
}

fn packetize(packetizer: &mut Packetizer, unit: &[Vec<u8>], packets: &mut Vec<RtpPacket>) {
    packets.clear();
    packetizer.packetize(unit.iter().map(Vec::as_slice), 0, |packet| packets.push(packet));
}

/// Per packet.
#[divan::bench]
fn packetize_h264_of_200_kb(bencher: Bencher<'_, '_>) {
    let unit = access_unit();
    let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0));
    let mut packets = Vec::new();
    packetize(&mut packetizer, &unit, &mut packets);
    let count = packets.len();
    bencher
        .counter(ItemsCount::new(count))
        .bench_local(|| packetize(&mut packetizer, black_box(&unit), &mut packets));
}

/// Per packet.
#[divan::bench]
fn depacketize_h264_of_200_kb(bencher: Bencher<'_, '_>) {
    let unit = access_unit();
    let mut packets = Vec::new();
    packetize(&mut Packetizer::new(PacketizerConfig::new(96, 7, 0)), &unit, &mut packets);
    bencher.counter(ItemsCount::new(packets.len())).bench_local(|| {
        let mut depacketizer = Depacketizer::new();
        for packet in black_box(&packets) {
            depacketizer.push(packet, 0).unwrap();
        }
        let unit = depacketizer.poll().unwrap();
        assert_eq!(unit.nals.len(), 6);
        unit
    });
}

/// Per packet: the least that either can cost, the same bytes copied into memory of the same size.
#[divan::bench]
fn copy_of_200_kb(bencher: Bencher<'_, '_>) {
    let unit = access_unit();
    let mut packets = Vec::new();
    packetize(&mut Packetizer::new(PacketizerConfig::new(96, 7, 0)), &unit, &mut packets);
    bencher.counter(ItemsCount::new(packets.len())).bench_local(|| {
        let mut block = Vec::with_capacity(200_100);
        for packet in black_box(&packets) {
            block.extend_from_slice(packet.payload());
        }
        block
    });
}

/// 20 ms of sound.
#[divan::bench]
fn packetize_g711(bencher: Bencher<'_, '_>) {
    let samples = [0x7f; 160];
    let mut packetizer = g711::Packetizer::new(PacketizerConfig::new(0, 7, 0), 1);
    bencher.bench_local(|| {
        packetizer.packetize(black_box(&samples), 0, |packet| {
            black_box(packet);
        });
    });
}
