//! Keyframe detection: it agrees with the depacketizer, and a log takes whatever it is told.

use std::time::Duration;

use rtspan_core::payload::h264::{self, Depacketizer};
use rtspan_core::payload::{AccessPoint, h265};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::stream::{Cursor, LagPolicy, LogLimits, StartAt, StreamLog, TrackSet};
use rtspan_core::{Description, Format, Instant, Media, MediaKind};

use super::input::Input;

/// Takes the bytes for payloads of H.264 and H.265.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let formats = [Format::new(96, "H264", 90_000), Format::new(97, "H265", 90_000)];
    let medias = formats.map(|format| Media::new(MediaKind::Video, vec![format]));
    let mut log = StreamLog::new(&Description::new(medias.into()), LogLimits::default().packets(8));
    let mut now = Instant::ZERO;
    let mut header = RtpHeader::default();
    let tracks: TrackSet = [0, 1].into_iter().collect();
    let mut lagging = Cursor::new(&log, StartAt::Keyframe, LagPolicy::SkipToKeyframe, tracks);
    while !input.is_empty() {
        let flags = input.byte();
        let payload = input.chunk();
        check(payload);
        let track = flags & 1;
        now = now + Duration::from_millis(u64::from(flags >> 4));
        header.payload_type = 96 + track;
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(u32::from(flags & 2) << 8);
        header.marker = flags & 4 != 0;
        assert!(log.push(now, track, RtpPacket::build(header, payload)));
        let number = log.head() - 1;
        let is_access_point = log.get(number).expect("just pushed").access_point;
        let told = if track == 0 { h264::access_point(payload) } else { h265::access_point(payload) };
        assert!(is_access_point || told != Some(AccessPoint::Refresh), "a refresh is an access point");
        let begins = |number| log.get(number).is_some_and(|packet| packet.access_point);
        assert!(log.access_point(tracks).is_none_or(begins));
        let mut start = Cursor::new(&log, StartAt::Keyframe, LagPolicy::SkipToLive, tracks);
        let first = start.pull(&log).expect("a reader that is not closed");
        assert!(log.access_point(tracks).is_none() || first.is_some_and(|packet| packet.access_point));
        if flags & 8 != 0 {
            let next = lagging.position();
            let taken = lagging.pull(&log).expect("a reader that is not closed").is_some();
            assert!(lagging.position() >= next && lagging.position() <= log.head());
            assert!(!taken || lagging.position() > next);
        }
    }
}

/// A picture that is a keyframe by itself is told from its packet, if the packet is as it should be.
fn check(payload: &[u8]) {
    let is_told = h264::access_point(payload) == Some(AccessPoint::Refresh);
    h265::access_point(payload);
    let mut depacketizer = Depacketizer::new();
    let header = RtpHeader { payload_type: 96, marker: true, ..RtpHeader::default() };
    if depacketizer.push(&RtpPacket::build(header, payload), 0).is_err() {
        return;
    }
    depacketizer.flush();
    let unit = depacketizer.poll();
    if depacketizer.take_tolerances().is_empty() && unit.is_some_and(|unit| unit.is_keyframe) {
        assert!(is_told, "a keyframe is not told: {payload:02x?}");
    }
}
