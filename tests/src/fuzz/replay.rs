//! Packets of a replay: the header extension lies within the packet, what is written reads the same, and whatever it says of
//! time, the time line goes on.

use bytes::Bytes;
use rtspan_core::rtp::{HEADER_BYTES, OnvifExtension, RtpPacket};
use rtspan_core::timeline::{MediaTime, Timeline};
use rtspan_core::{Instant, NtpTime};

use super::input::Input;

/// Bytes that an extension adds.
const ADDED: usize = 16;

/// Takes the bytes as a pace and a scale, and then packets with the time that lies before each and its track.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut timeline = Timeline::new();
    let scale = f32::from(input.byte() as i8) / 4.0;
    timeline.set_rates(if scale == 0.0 { 1.0 } else { scale }, 1.0);
    timeline.set_rate_control(input.byte() & 1 == 0);
    let mut now = Instant::ZERO;
    let mut tracks: [Option<(RtpPacket, MediaTime)>; 2] = [None, None];
    while !input.is_empty() {
        let place = input.byte();
        // From none to some minutes.
        now = now + std::time::Duration::from_millis(1 << (place & 0x1f).min(20));
        let track = usize::from(place >> 7);
        let Ok(packet) = RtpPacket::parse(Bytes::copy_from_slice(input.chunk())) else { continue };
        check_extension(&packet, place);
        let time = timeline.time_of(now, track, &packet, 90_000);
        check_time(&packet, &time, tracks[track].as_ref());
        tracks[track] = Some((packet, time));
    }
}

/// An extension that is added to a packet is read again, and all else is as it was.
fn check_extension(packet: &RtpPacket, seed: u8) {
    let extension = OnvifExtension::of(packet);
    if extension.is_some() {
        return;
    }
    let mut added = OnvifExtension::default();
    added.ntp = NtpTime::from_bits(u64::from(seed) << 33 | 1);
    added.is_clean_point = seed & 1 != 0;
    added.ends_section = seed & 2 != 0;
    added.is_discontinuous = seed & 4 != 0;
    added.is_last = seed & 8 != 0;
    added.cseq = seed;
    let extended = added.add_to(packet);
    assert_eq!(OnvifExtension::of(&extended), Some(added));
    assert_eq!(RtpPacket::parse(extended.as_bytes().clone()).as_ref(), Ok(&extended));
    assert_eq!(extended.payload(), packet.payload());
    let mut bytes = extended.as_bytes().to_vec();
    let sources = 4 * usize::from(bytes[0] & 0xf);
    bytes.drain(HEADER_BYTES + sources..HEADER_BYTES + sources + ADDED);
    assert_eq!(bytes[1..], packet.as_bytes()[1..]);
    assert_eq!(bytes[0] & 0xef, packet.as_bytes()[0] & 0xef);
}

fn check_time(packet: &RtpPacket, time: &MediaTime, before: Option<&(RtpPacket, MediaTime)>) {
    assert_eq!(time.timestamp as u32, packet.timestamp());
    let is_same = |(other, _): &&(RtpPacket, MediaTime)| {
        (other.ssrc(), other.timestamp()) == (packet.ssrc(), packet.timestamp())
    };
    if let Some((_, of_first)) = before.filter(is_same) {
        assert_eq!(time.replay(), of_first.replay(), "all packets of a frame have what its first says");
        return;
    }
    let (told, own) = (time.replay(), OnvifExtension::of(packet));
    assert_eq!(told.map(|told| (told.cseq, told.is_last)), own.map(|own| (own.cseq, own.is_last)));
    if let Some(own) = own.filter(|own| own.ntp != NtpTime::default()) {
        assert_eq!((told, time.reported_ntp()), (Some(own), Some(own.ntp)));
    }
    if let Some((_, last)) = before.filter(|_| time.begins_anew) {
        assert!(time.pts > last.pts, "{time:?} behind {last:?}");
    }
}
