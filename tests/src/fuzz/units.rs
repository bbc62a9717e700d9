//! Units of media from the packets that a fuzzer makes, for the targets of media that is no picture.

use rtspan_core::Format;
use rtspan_core::limits::ACCESS_UNIT_BYTES_MAX;
use rtspan_core::payload::{AccessUnit, Depacketizer};
use rtspan_core::rtp::{RtpHeader, RtpPacket};

use super::input::Input;

const MARKER: u8 = 1;
const NEW_TIMESTAMP: u8 = 1 << 1;
const LOST: u8 = 1 << 2;
const UNPOLLED: u8 = 1 << 3;
const LONG: u8 = 1 << 4;

/// Takes the bytes for one of `formats` and the size of packets, and then in records: flags, length, payload; a long one comes
/// twice. A new timestamp is `duration` later. Calls `check` with the format, each unit and the size of packets.
pub(super) fn for_each_unit(
    data: &[u8],
    mut formats: Vec<Format>,
    duration: u32,
    check: impl Fn(&Format, &AccessUnit, usize),
) {
    let mut input = Input::new(data);
    let format = formats.swap_remove(usize::from(input.byte()) % formats.len());
    let packet_bytes_max = 64 + usize::from(input.byte()) * 4;
    let mut depacketizer = Depacketizer::new(&format).expect("it is supported");
    let check_ready = |depacketizer: &mut Depacketizer| {
        while let Some(unit) = depacketizer.poll() {
            assert!((1..=ACCESS_UNIT_BYTES_MAX).contains(&unit.parts.total_bytes()));
            assert!(unit.is_keyframe);
            check(&format, &unit, packet_bytes_max);
        }
    };
    let mut header = RtpHeader { payload_type: 96, ssrc: 1, ..RtpHeader::default() };
    while !input.is_empty() {
        let flags = input.byte();
        let lost = u16::from(flags & LOST != 0);
        header.marker = flags & MARKER != 0;
        header.timestamp =
            header.timestamp.wrapping_add(if flags & NEW_TIMESTAMP == 0 { 0 } else { duration });
        header.sequence = header.sequence.wrapping_add(1 + lost);
        let payload = input.chunk().repeat(if flags & LONG == 0 { 1 } else { 2 });
        // It is an error that is looked for, not a way to end.
        let _ = depacketizer.push(&RtpPacket::build(header, &payload), lost);
        if flags & UNPOLLED == 0 {
            check_ready(&mut depacketizer);
        }
    }
    depacketizer.flush();
    depacketizer.take_tolerances();
    check_ready(&mut depacketizer);
}
