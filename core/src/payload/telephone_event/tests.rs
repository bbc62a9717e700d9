use super::*;
use crate::limits::ACCESS_UNITS_READY_MAX;
use crate::payload::{PacketizeError, PacketizerConfig, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::tolerance::Tolerance;

const CONFIG: PacketizerConfig = PacketizerConfig::new(101, 1, 65_530);

fn event(event: u8, duration: u32, is_end: bool) -> Event {
    Event { event, is_end, volume: 10, duration }
}

/// The packets of events, each with its beginning and its states.
fn packets_of(events: &[(u32, &[Event])]) -> Vec<RtpPacket> {
    let mut packetizer = Packetizer::new(CONFIG);
    let mut packets = Vec::new();
    for (timestamp, states) in events {
        for state in *states {
            packetizer
                .packetize(state.to_parts().slices(), *timestamp, |packet| packets.push(packet))
                .unwrap();
        }
    }
    packets
}

fn told<'a>(packets: impl IntoIterator<Item = &'a RtpPacket>) -> Vec<(u32, Event, bool)> {
    let mut depacketizer = Depacketizer::new();
    let mut told = Vec::new();
    let mut poll = |depacketizer: &mut Depacketizer| {
        while let Some(unit) = depacketizer.poll() {
            told.push((unit.timestamp, Event::read(&unit.parts).unwrap(), unit.is_damaged));
        }
    };
    for packet in packets {
        depacketizer.push(packet, 0).unwrap();
        poll(&mut depacketizer);
    }
    depacketizer.flush();
    poll(&mut depacketizer);
    told
}

fn packet(timestamp: u32, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 101, timestamp, ssrc: 1, ..RtpHeader::default() }, payload)
}

/// "911" as RFC 4733 has it in section 2.6: ended keys, and one that is still held.
fn nine_one_one() -> Vec<RtpPacket> {
    packets_of(&[
        (0, &[event(9, 400, false), event(9, 800, false), event(9, 1600, true)]),
        (5600, &[event(1, 400, false), event(1, 2000, true)]),
        (12_000, &[event(1, 400, false), event(1, 800, false), event(1, 1600, false)]),
    ])
}

#[test]
fn an_event_begins_goes_on_and_ends_three_times() {
    let packets = nine_one_one();
    let written: Vec<_> = packets
        .iter()
        .map(|packet| (packet.marker(), packet.timestamp(), packet.payload().to_vec()))
        .collect();
    let end = (false, 0, vec![9, 0x80 | 10, 0x06, 0x40]);
    assert_eq!(
        written[..5],
        [
            (true, 0, vec![9, 10, 0x01, 0x90]),
            (false, 0, vec![9, 10, 0x03, 0x20]),
            end.clone(),
            end.clone(),
            end
        ]
    );
    let markers = written.iter().filter(|(marker, ..)| *marker).count();
    assert_eq!((packets.len(), markers), (12, 3));
    let expected = [
        (0, event(9, 400, false), false),
        (0, event(9, 1600, true), false),
        (5600, event(1, 400, false), false),
        (5600, event(1, 2000, true), false),
        (12_000, event(1, 400, false), false),
        // The end of the last one does not come.
        (12_000, event(1, 1600, true), true),
    ];
    assert_eq!(told(&packets), expected);
}

#[test]
fn every_burst_of_losses_costs_no_event_of_which_a_packet_comes() {
    let packets = nine_one_one();
    for from in 0..packets.len() {
        for to in from..=packets.len() {
            let left: Vec<_> =
                packets.iter().enumerate().filter(|(at, _)| !(from..to).contains(at)).collect();
            let told = told(left.iter().map(|(_, packet)| *packet));
            for start in [0, 5600, 12_000] {
                let its: Vec<_> = left.iter().filter(|(_, packet)| packet.timestamp() == start).collect();
                let of_it: Vec<_> = told.iter().filter(|(at, ..)| *at == start).collect();
                let has_end = its.iter().any(|(_, packet)| packet.payload()[1] & END != 0);
                let Some((_, end, damaged)) = of_it.last() else {
                    assert!(its.is_empty(), "lost {from}..{to}");
                    continue;
                };
                assert_eq!((end.is_end, *damaged), (true, !has_end), "lost {from}..{to}");
                let last =
                    its.iter().map(|(_, packet)| Event::read_payload(packet.payload()).unwrap().duration);
                assert_eq!(Some(end.duration), last.max());
                assert!(of_it.len() <= 2);
            }
        }
    }
}

#[test]
fn a_long_event_comes_in_segments() {
    let states =
        [event(7, 60_000, false), event(7, 70_000, false), event(7, 140_000, false), event(7, 150_000, true)];
    let packets = packets_of(&[(1000, &states)]);
    let written: Vec<_> = packets
        .iter()
        .map(|packet| {
            let event = Event::read_payload(packet.payload()).unwrap();
            (packet.timestamp() - 1000, event.duration, event.is_end)
        })
        .collect();
    let end = (131_070, 18_930, true);
    let expected = [
        (0, 60_000, false),
        (0, 65_535, false),
        (65_535, 4_465, false),
        (65_535, 65_535, false),
        (131_070, 8_930, false),
        end,
        end,
        end,
    ];
    assert_eq!(written, expected);
    assert_eq!(states[3].to_parts().len(), 3);
    let expected = [(1000, event(7, 60_000, false), false), (1000, event(7, 150_000, true), false)];
    assert_eq!(told(&packets), expected);
    // Nothing is lost with the middle.
    assert_eq!(told([&packets[0], &packets[6]]), expected);
    let longest = event(7, u32::MAX, true).to_parts();
    assert_eq!((longest.len(), Event::read(&longest).unwrap().duration), (512, 512 * 65_535));
}

#[test]
fn an_end_that_comes_first_is_a_whole_event() {
    let ended = [5, 0x80 | 10, 0x03, 0x20];
    let expected = [(160, event(5, 800, true), false)];
    assert_eq!(told(&[packet(160, &ended), packet(160, &ended), packet(160, &[5, 10, 1, 0])]), expected);
    // The same key again, later.
    let again = [packet(160, &ended), packet(4000, &ended)];
    assert_eq!(told(&again), [expected[0], (4000, event(5, 800, true), false)]);
}

#[test]
fn what_cannot_be_read_is_said() {
    let mut depacketizer = Depacketizer::new();
    assert_eq!(depacketizer.push(&packet(0, &[]), 0), Err(PayloadError::Empty));
    let cut = PayloadError::Truncated { needed: 4, length: 3 };
    assert_eq!(depacketizer.push(&packet(0, &[1, 10, 0]), 0), Err(cut));
    depacketizer.push(&packet(0, &[1, 0x80, 0, 1, 2, 10, 0, 1]), 0).unwrap();
    assert_eq!(depacketizer.take_tolerances().iter().collect::<Vec<_>>(), [Tolerance::BytesBehindEvent]);
    for at in 1..=ACCESS_UNITS_READY_MAX as u32 {
        let _ = depacketizer.push(&packet(at, &[1, 0x80, 0, 1]), 0);
    }
    assert_eq!(depacketizer.push(&packet(99, &[1, 0x80, 0, 1]), 0), Err(PayloadError::Unpolled));
    let mut packetizer = Packetizer::new(CONFIG);
    let result = packetizer.packetize([&[1, 2, 3][..]], 0, |_| panic!("nothing is sent"));
    assert_eq!(result, Err(PacketizeError::Malformed("no event of four bytes")));
}
