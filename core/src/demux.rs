//! Tells RTP packets from RTCP packets by their contents (RFC 5761, section 4).

use crate::udp::Port;
use crate::{Tolerance, Tolerances};

/// The payload type, if the packet is of RTP.
#[inline]
pub(crate) fn payload_type(data: &[u8]) -> Option<u8> {
    data.get(1).map(|second| second & 0x7f)
}

/// Tells RTP from RTCP, of a packet that came where `port` is expected; `is_announced` says that [its payload
/// type](payload_type) is announced there.
///
/// The packet types of RTCP look like the payload types 64 to 95 with a marker. Those are RTP where they are announced,
/// but never on the channel or port of RTCP.
#[inline]
pub(crate) fn port_of(port: Port, data: &[u8], is_announced: bool, tolerances: &mut Tolerances) -> Port {
    match port {
        Port::Rtp if is_announced => Port::Rtp,
        _ => doubtful(port, data, is_announced, tolerances),
    }
}

/// The port of a packet that is not announced, or not where it belongs.
#[cold]
fn doubtful(port: Port, data: &[u8], is_announced: bool, tolerances: &mut Tolerances) -> Port {
    const VERSION: u8 = 2;
    let &[first, second, ..] = data else { return port };
    let is_rtcp_type = matches!(second, 192..=223);
    if first >> 6 != VERSION || is_rtcp_type == (port == Port::Rtcp) {
        return port;
    }
    match port {
        Port::Rtp if !is_announced && is_compound(data) => {
            tolerances.record(Tolerance::RtcpOnRtp);
            Port::Rtcp
        }
        Port::Rtcp if is_announced && data.len() >= crate::rtp::HEADER_BYTES => {
            tolerances.record(Tolerance::RtpOnRtcp);
            Port::Rtp
        }
        _ => port,
    }
}

/// Returns `true` if RTCP packets fill the data to the last byte. RTP packets with a marker and an unknown payload type
/// seldom look like that.
fn is_compound(mut data: &[u8]) -> bool {
    while let &[_, 192..=223, high, low, ..] = data {
        let length = usize::from(u16::from_be_bytes([high, low])).saturating_add(1).saturating_mul(4);
        let Some(rest) = data.get(length..) else { return false };
        data = rest;
    }
    data.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The port and the tolerances of a packet of 12 bytes on either port, where payload types 72 and 96 are announced.
    fn told(first: u8, second: u8) -> [(Port, Vec<Tolerance>); 2] {
        [Port::Rtp, Port::Rtcp].map(|port| {
            let mut tolerances = Tolerances::NONE;
            let packet = [first, second, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
            let is_announced = payload_type(&packet).is_some_and(|own| [72, 96].contains(&own));
            let found = port_of(port, &packet, is_announced, &mut tolerances);
            (found, tolerances.iter().collect())
        })
    }

    #[test]
    fn what_is_where_it_belongs_stays_there() {
        for (payload_type, packet_type) in [(96, 200), (96 | 0x80, 201), (0, 192), (127, 223)] {
            assert_eq!(told(0x80, payload_type)[0], (Port::Rtp, vec![]));
            assert_eq!(told(0x80, packet_type)[1], (Port::Rtcp, vec![]));
        }
    }

    #[test]
    fn reports_among_packets_and_packets_among_reports_are_told_apart() {
        for packet_type in [192, 201, 202, 203, 207, 223] {
            assert_eq!(told(0x81, packet_type)[0], (Port::Rtcp, vec![Tolerance::RtcpOnRtp]), "{packet_type}");
        }
        for second in [96, 96 | 0x80, 72] {
            assert_eq!(told(0x80, second)[1], (Port::Rtp, vec![Tolerance::RtpOnRtcp]), "{second}");
        }
    }

    #[test]
    fn what_may_be_either_is_what_belongs_there() {
        // Payload type 72 with a marker, and a sender report.
        assert_eq!(told(0x80, 200), [(Port::Rtp, vec![]), (Port::Rtcp, vec![])]);
        // Payload types that are not announced, and packets of another version.
        for (first, second) in [(0x80, 97), (0x80, 191), (0x80, 225), (0x40, 96), (0x40, 201)] {
            assert_eq!(told(first, second), [(Port::Rtp, vec![]), (Port::Rtcp, vec![])], "{first} {second}");
        }
    }

    #[test]
    fn only_reports_that_fill_the_packet_are_taken_for_such() {
        for packet in
            [&[0x80, 201, 0, 1, 0, 0, 0, 0][..], &[0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 203, 0, 1, 0, 0, 0, 0]]
        {
            let told = |data: &[u8]| port_of(Port::Rtp, data, false, &mut Tolerances::default());
            assert_eq!(told(packet), Port::Rtcp);
            assert_eq!(told(&packet[..packet.len() - 1]), Port::Rtp);
            assert_eq!(told(&[packet, &[0]].concat()), Port::Rtp);
            assert_eq!(told(&[packet, &[0x80, 96, 0, 0]].concat()), Port::Rtp);
        }
    }

    #[test]
    fn what_is_too_short_to_tell_stays_where_it_is() {
        for data in [&[][..], &[0x80], &[0x80, 96, 0, 0]] {
            for port in [Port::Rtp, Port::Rtcp] {
                assert_eq!(port_of(port, data, true, &mut Tolerances::default()), port);
            }
        }
    }
}
