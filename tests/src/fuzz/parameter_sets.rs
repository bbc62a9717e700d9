//! Parameter sets: their values are within their bounds, and so are the decoding times that follow.

use rtspan_core::payload::h264;
use rtspan_core::payload::{DecodingTimes, h265};

use super::input::Input;

/// Takes the bytes for a parameter set, and those behind it for presentation times.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let nal = input.chunk();
    let mut times = DecodingTimes::new();
    if let Ok(sps) = h264::Sps::read(nal) {
        assert!((1..=1 << 16).contains(&sps.width) && (1..=1 << 17).contains(&sps.height));
        assert!(sps.reordering.is_none_or(|frames| frames <= 16) && sps.id < 32);
        times.set_order(sps.reordering, sps.frame_rate);
    }
    if let Ok(sps) = h265::Sps::read(nal) {
        assert!((1..=1 << 16).contains(&sps.width) && (1..=1 << 16).contains(&sps.height));
        assert!(sps.reordering <= 16 && sps.id < 16);
        times.set_order(Some(sps.reordering), sps.frame_rate);
    }
    let mut last = None;
    while !input.is_empty() {
        let pts = i64::from(input.byte()) * 20_000_000;
        let Some(dts) = times.next(pts) else { continue };
        assert!(dts <= pts, "a picture is decoded before it is presented");
        assert!(last.is_none_or(|last| dts > last), "decoding times go ahead");
        last = Some(dts);
    }
}
