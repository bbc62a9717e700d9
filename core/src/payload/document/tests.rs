use super::*;
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNITS_READY_MAX};
use crate::rtp::RtpHeader;
use crate::tolerance::Tolerance;

/// Each kind with the beginning of its documents.
fn kinds() -> [(Format, &'static [u8]); 4] {
    let metadata = |coding| Format::onvif_metadata(96, coding);
    [
        (Format::klv(96), &[0x06, 0x0e, 0x2b, 0x34, 2, 0x0b, 1, 1, 0x0e, 1, 3, 1, 1, 0, 0, 0, 0x82]),
        (metadata(MetadataCoding::Xml), b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt:MetadataStream "),
        (metadata(MetadataCoding::Gzip), &[0x1f, 0x8b, 8, 0]),
        (metadata(MetadataCoding::Exi), b"$EXI\xa0"),
    ]
}

fn document(beginning: &[u8], len: usize, seed: usize) -> Vec<u8> {
    beginning.iter().copied().chain((0..).map(|at: usize| (at * 7 + seed) as u8 & 0x3f)).take(len).collect()
}

fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, marker, sequence, timestamp, ssrc: 1 }, payload)
}

fn packets_of(documents: &[Vec<u8>]) -> Vec<RtpPacket> {
    let config = PacketizerConfig { packet_bytes_max: 100, ..PacketizerConfig::new(96, 1, 65_530) };
    let mut packetizer = Packetizer::new(config);
    let mut packets = Vec::new();
    for (document, timestamp) in documents.iter().zip((0..).step_by(3000)) {
        let (front, back) = document.split_at(document.len() / 3);
        packetizer.packetize([front, &[], back], timestamp, |packet| packets.push(packet)).unwrap();
    }
    packets
}

fn polled(depacketizer: &mut Depacketizer) -> Vec<(u32, bool, Vec<u8>)> {
    std::iter::from_fn(|| depacketizer.poll())
        .map(|unit| (unit.timestamp, unit.is_damaged, unit.parts.to_bytes().to_vec()))
        .collect()
}

#[test]
fn documents_of_every_length_come_back() {
    for (format, beginning) in kinds() {
        for len in (4..300).chain([5000]) {
            let documents = [document(beginning, len, 1), document(beginning, 10, 2)];
            let packets = packets_of(&documents);
            assert!(packets.iter().all(|packet| packet.len() <= 100));
            assert_eq!(packets.len(), len.div_ceil(88) + 1);
            let mut depacketizer = Depacketizer::new(&format).unwrap();
            packets.iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
            let [first, second] = documents;
            let expected = [(0, false, first), (3000, false, second)];
            // A document shorter than a beginning is not taken for one.
            if len >= beginning.len() {
                assert_eq!(polled(&mut depacketizer), expected, "{len} bytes of {}", format.encoding);
            }
        }
    }
}

#[test]
fn no_document_with_a_lost_packet_comes_out_as_whole_and_no_other_is_lost_or_marked() {
    for (format, beginning) in kinds() {
        let sizes = [300, 80, 250, 90, 80, 400, 100];
        let documents: Vec<_> =
            sizes.iter().enumerate().map(|(at, len)| document(beginning, *len, at)).collect();
        let packets = packets_of(&documents);
        for from in 0..packets.len() {
            for to in from..packets.len() {
                let mut depacketizer = Depacketizer::new(&format).unwrap();
                for (at, packet) in packets.iter().enumerate().filter(|(at, _)| !(from..to).contains(at)) {
                    let lost = if at == to { to - from } else { 0 };
                    assert_eq!(depacketizer.push(packet, lost as u16), Ok(()), "lost {from}..{to}");
                }
                depacketizer.flush();
                let back = polled(&mut depacketizer);
                for (at, document) in documents.iter().enumerate() {
                    let timestamp = at as u32 * 3000;
                    let is_hit = packets[from..to].iter().any(|packet| packet.timestamp() == timestamp);
                    match back.iter().find(|(found, ..)| *found == timestamp) {
                        Some((_, damaged, bytes)) if is_hit => {
                            assert!(*damaged && document.starts_with(bytes), "lost {from}..{to}");
                        }
                        Some((_, damaged, bytes)) => {
                            assert!(!damaged && bytes == document, "lost {from}..{to}");
                        }
                        None => assert!(is_hit, "document {at} is gone, lost {from}..{to}"),
                    }
                }
            }
        }
    }
}

#[test]
fn without_markers_a_document_ends_where_time_goes_on_or_another_begins() {
    // A camera that sets no marker, then one that has no time either.
    let xml = Format::onvif_metadata(96, MetadataCoding::Xml);
    let mut depacketizer = Depacketizer::new(&xml).unwrap();
    let pieces: [(u32, &[u8]); 6] = [
        (0, b"<tt:MetadataStream xmlns:tt=\"http://www.onvif.org/ver10/schema\">"),
        (0, b"</tt:MetadataStream>"),
        (3000, b"\xef\xbb\xbf<?xml version=\"1.0\"?><MetadataStream>"),
        (3000, b"</MetadataStream>"),
        (3000, b"<?xml version=\"1.0\"?>\r\n<tt:MetadataStream/>"),
        (3000, b"<tt:MetadataStream>"),
    ];
    for (sequence, (timestamp, piece)) in (0..).zip(pieces) {
        depacketizer.push(&packet(sequence, timestamp, false, piece), 0).unwrap();
    }
    depacketizer.flush();
    let back = polled(&mut depacketizer);
    let expected = [
        (0, [pieces[0].1, pieces[1].1].concat()),
        (3000, [pieces[2].1, pieces[3].1].concat()),
        (3000, pieces[4].1.to_vec()),
        (3000, pieces[5].1.to_vec()),
    ];
    assert_eq!(back, expected.map(|(timestamp, document)| (timestamp, false, document)));
    let tolerances: Vec<_> = depacketizer.take_tolerances().iter().collect();
    assert_eq!(tolerances, [Tolerance::MarkerMissing]);
}

#[test]
fn whoever_joins_in_the_midst_of_a_document_waits_for_the_next() {
    for (format, beginning) in kinds() {
        let documents = [document(beginning, 300, 1), document(beginning, 200, 2)];
        let packets = packets_of(&documents);
        for from in 1..4 {
            let mut depacketizer = Depacketizer::new(&format).unwrap();
            packets[from..].iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
            assert_eq!(polled(&mut depacketizer), [(3000, false, documents[1].clone())]);
        }
    }
}

#[test]
fn documents_are_bounded() {
    let (format, beginning) = kinds()[1].clone();
    let mut depacketizer = Depacketizer::new(&format).unwrap();
    let piece = vec![b'x'; 60_000];
    depacketizer.push(&packet(0, 0, false, beginning), 0).unwrap();
    let count = (ACCESS_UNIT_BYTES_MAX / piece.len()) as u16;
    let errors: Vec<_> = (1..=count + 1)
        .filter_map(|sequence| depacketizer.push(&packet(sequence, 0, false, &piece), 0).err())
        .collect();
    assert_eq!(errors, [PayloadError::TooLong]);
    depacketizer.push(&packet(count + 2, 0, true, &piece), 0).unwrap();
    for at in 0..ACCESS_UNITS_READY_MAX as u16 {
        depacketizer.push(&packet(count + 3 + at, 1, true, b"<"), 0).unwrap();
    }
    let next = packet(count + 3 + ACCESS_UNITS_READY_MAX as u16, 1, true, b"<");
    assert_eq!(depacketizer.push(&next, 0), Err(PayloadError::Unpolled));
    assert_eq!(polled(&mut depacketizer).len(), ACCESS_UNITS_READY_MAX);
    assert_eq!(depacketizer.push(&next, 0), Ok(()));
    let empty = packet(next.sequence() + 1, 2, true, b"");
    assert_eq!(depacketizer.push(&empty, 0), Err(PayloadError::Empty));
}
