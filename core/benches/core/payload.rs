pub(crate) mod limits;
mod samples;

use divan::black_box;
use rtspan_core::payload::AccessUnit;

use crate::step::{Step, steps};
use samples::{FORMATS, Sample};

steps! {
    /// Pictures of 200 KB, and pieces of sound one by one.
    packetize(format: &'static str = FORMATS) = packetizing(format);
    depacketize(format: &'static str = FORMATS) = depacketizing(format);
    /// The least that either can cost for a picture: the same bytes copied.
    copy_of_200_kb = copying();
}

fn packetizing(format: &str) -> Step<impl FnMut()> {
    let sample = Sample::of(format);
    let mut packetizer = sample.packetizer();
    let mut packets = sample.packets();
    Step::new(packets.len(), move || {
        packets.clear();
        black_box(&sample).packetize(&mut packetizer, &mut packets);
    })
}

fn depacketizing(format: &str) -> Step<impl FnMut() -> AccessUnit> {
    let sample = Sample::of(format);
    let packets = sample.packets();
    let mut depacketizer = sample.depacketizer();
    Step::new(packets.len(), move || {
        let mut last = None;
        for packet in black_box(&packets) {
            depacketizer.push(packet, 0).unwrap();
            while let Some(unit) = depacketizer.poll() {
                assert!(!unit.is_damaged);
                last = Some(unit);
            }
        }
        last.unwrap()
    })
}

fn copying() -> Step<impl FnMut() -> Vec<u8>> {
    let packets = Sample::of("h264").packets();
    Step::new(packets.len(), move || {
        let mut block = Vec::with_capacity(200_100);
        for packet in black_box(&packets) {
            block.extend_from_slice(packet.payload());
        }
        block
    })
}
