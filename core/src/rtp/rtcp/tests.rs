use super::*;

const CAMERA_SDES: [u8; 16] =
    [0x81, 0xca, 0, 3, 0x11, 0x22, 0x33, 0x44, 1, 6, b'c', b'a', b'm', b'e', b'r', b'a'];
const CAMERA_SR: [u8; 28] = [
    0x80, 0xc8, 0, 6, 0, 0x0b, 0x7f, 0xd5, 0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef, 0, 0, 0xd4, 0x50,
    0, 0, 0, 1, 0, 0, 0, 4,
];

fn read(datagram: &[u8]) -> (Vec<Rtcp>, Tolerances) {
    let mut tolerances = Tolerances::default();
    let packets = parse(datagram, &mut tolerances).collect();
    (packets, tolerances)
}

fn camera_report() -> Rtcp {
    Rtcp::SenderReport(SenderReport {
        ssrc: 753_621,
        ntp: NtpTime::from_bits(0x1234_5678_90ab_cdef),
        rtp: 54_352,
        packets: 1,
        octets: 4,
        reports: vec![],
    })
}

fn camera_description() -> Rtcp {
    let source = Source { ssrc: 0x1122_3344, cname: Some("camera".into()) };
    Rtcp::SourceDescription(SourceDescription { sources: vec![source] })
}

fn block() -> ReportBlock {
    ReportBlock {
        ssrc: 3,
        fraction_lost: 4,
        lost: -5,
        highest_sequence: 0x0001_fffe,
        jitter: 6,
        last_sr: 7,
        delay: 8,
    }
}

#[test]
fn a_description_without_its_ending_zero_is_read() {
    let (packets, tolerances) = read(&CAMERA_SDES);
    assert_eq!(packets, [camera_description()]);
    let both = [Tolerance::RtcpWithoutReport, Tolerance::SdesUnterminated];
    assert_eq!(tolerances.iter().collect::<Vec<_>>(), both);

    let (packets, tolerances) = read(&[&CAMERA_SR[..], &CAMERA_SDES].concat());
    assert_eq!(packets, [camera_report(), camera_description()]);
    assert_eq!(tolerances.iter().collect::<Vec<_>>(), [Tolerance::SdesUnterminated]);
}

#[test]
fn bytes_after_the_last_packet_do_not_cost_the_packets_before() {
    let tails: &[&[u8]] = &[&[0], &[0; 4], &[0; 64], &[0x80, 0xc9, 0, 9, 1, 2, 3, 4], &[0x41; 7]];
    for tail in tails {
        let (packets, tolerances) = read(&[&CAMERA_SR[..], tail].concat());
        assert_eq!(packets, [camera_report()], "{tail:02x?}");
        assert_eq!(tolerances.iter().collect::<Vec<_>>(), [Tolerance::RtcpTrailingBytes], "{tail:02x?}");
    }
}

#[test]
fn a_malformed_packet_does_not_cost_those_around_it() {
    let malformed: &[(&str, &[u8])] = &[
        ("SR without content", &[0x80, 200, 0, 0]),
        ("RR with more blocks than bytes", &[0x9f, 201, 0, 1, 0, 0, 0, 1]),
        ("SDES with an item too long", &[0x81, 202, 0, 2, 0, 0, 0, 1, 1, 200, b'x', 0]),
        ("SDES with half an item", &[0x81, 202, 0, 2, 0, 0, 0, 1, 8, 1, b'x', 1]),
        ("SDES with more sources than bytes", &[0x82, 202, 0, 2, 0, 0, 0, 1, 1, 1, b'x', 0]),
        ("BYE with more sources than bytes", &[0x82, 203, 0, 1, 0, 0, 0, 1]),
        ("BYE with a reason too long", &[0x81, 203, 0, 2, 0, 0, 0, 1, 200, b'x', 0, 0]),
    ];
    for (name, bytes) in malformed {
        let (packets, tolerances) = read(&[&CAMERA_SR[..], bytes, &CAMERA_SR].concat());
        assert_eq!(packets, [camera_report(), camera_report()], "{name}");
        assert_eq!(tolerances.iter().collect::<Vec<_>>(), [Tolerance::RtcpMalformed], "{name}");
    }
}

#[test]
fn every_prefix_and_every_flipped_byte_is_survived() {
    let whole = [&CAMERA_SR[..], &CAMERA_SDES, &goodbye_compound(1, "me", "done")].concat();
    for cut in 0..=whole.len() {
        read(&whole[..cut]);
    }
    for at in 0..whole.len() {
        for value in 0..=255 {
            let mut bytes = whole.clone();
            bytes[at] = value;
            assert!(read(&bytes).0.len() <= bytes.len() / 4);
        }
    }
}

#[test]
fn a_datagram_of_nothing_but_headers_takes_linear_time() {
    let (packets, _) = read(&[0x80, 204, 0, 0].repeat(16_384));
    assert_eq!(packets.len(), 16_384);
    assert_eq!(packets[0], Rtcp::Other { packet_type: 204 });
}

#[test]
fn a_compound_without_a_report_in_front_is_read_and_recorded() {
    let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 7];
    for (bytes, packets, recorded) in [
        (&goodbye[..], 1, vec![Tolerance::RtcpWithoutReport]),
        (&[&goodbye[..], &CAMERA_SR].concat(), 2, vec![Tolerance::RtcpWithoutReport]),
        (&[&CAMERA_SR[..], &goodbye].concat(), 2, vec![]),
    ] {
        let (read, tolerances) = read(bytes);
        assert_eq!((read.len(), tolerances.iter().collect::<Vec<_>>()), (packets, recorded));
    }
}

#[test]
fn a_sender_report_is_followed_by_the_name_and_read_back() {
    let report = SenderReport {
        ssrc: 1,
        ntp: NtpTime::from_bits(15_354_565_283_395_798_332),
        rtp: u32::MAX,
        packets: 2,
        octets: 3,
        reports: vec![block(); 2],
    };
    let (packets, tolerances) = read(&sender_report_compound(&report, "user@host"));
    let source = Source { ssrc: 1, cname: Some("user@host".into()) };
    assert_eq!(
        packets,
        [Rtcp::SenderReport(report), Rtcp::SourceDescription(SourceDescription { sources: vec![source] })]
    );
    assert!(tolerances.is_empty());
}

#[test]
fn a_name_of_any_length_is_written_so_that_it_can_be_read() {
    for len in 0..300 {
        let name = "é".repeat(len);
        let report = ReceiverReport { ssrc: 9, reports: vec![block()] };
        let bytes = receiver_report_compound(&report, &name);
        assert_eq!(bytes.len() % 4, 0);
        let (packets, tolerances) = read(&bytes);
        assert_eq!(packets[0], Rtcp::ReceiverReport(report));
        let Rtcp::SourceDescription(description) = &packets[1] else { panic!("{packets:?}") };
        assert_eq!(description.sources[0].cname.as_deref(), Some(&*"é".repeat(len.min(127))));
        assert!(tolerances.is_empty(), "{len}: {tolerances:?}");
    }
}

#[test]
fn a_goodbye_comes_after_a_report_and_the_name() {
    let bytes = goodbye_compound(0x0102_0304, "me", "teardown");
    #[rustfmt::skip]
    assert_eq!(bytes[..], [
        0x80, 201, 0, 1, 1, 2, 3, 4,
        0x81, 202, 0, 3, 1, 2, 3, 4, 1, 2, b'm', b'e', 0, 0, 0, 0,
        0x81, 203, 0, 4, 1, 2, 3, 4, 8, b't', b'e', b'a', b'r', b'd', b'o', b'w', b'n', 0, 0, 0,
    ]);
    let (packets, _) = read(&bytes);
    let goodbye = Goodbye { sources: vec![0x0102_0304], reason: Some("teardown".into()) };
    assert_eq!(packets[2], Rtcp::Goodbye(goodbye));

    let (packets, _) = read(&goodbye_compound(1, "me", ""));
    assert_eq!(packets[2], Rtcp::Goodbye(Goodbye { sources: vec![1], reason: None }));
}

#[test]
fn more_blocks_than_a_count_can_say_are_left_out_and_losses_stay_within_24_bits() {
    let many = ReceiverReport { ssrc: 1, reports: vec![block(); 40] };
    let Rtcp::ReceiverReport(read_back) = &read(&receiver_report_compound(&many, "me")).0[0] else {
        panic!("not a receiver report")
    };
    assert_eq!(read_back.reports, vec![block(); 31]);

    for (lost, written) in
        [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-1, -1), (0, 0), (0x7f_ffff, 0x7f_ffff)]
    {
        let report = ReceiverReport { ssrc: 1, reports: vec![ReportBlock { lost, ..block() }] };
        let Rtcp::ReceiverReport(read_back) = &read(&receiver_report_compound(&report, "me")).0[0] else {
            panic!("not a receiver report")
        };
        assert_eq!(read_back.reports[0].lost, written);
    }
}

#[test]
fn a_description_with_padding_has_no_more_sources_than_it_says() {
    let mut padded = [&[0xa1, 202, 0, 4, 0, 0, 0, 1, 1, 1, b'x', 0, 0, 0, 0, 0][..], &[0, 0, 0, 4]].concat();
    let source = Source { ssrc: 1, cname: Some("x".into()) };
    let expected = Rtcp::SourceDescription(SourceDescription { sources: vec![source] });
    padded.extend_from_slice(&CAMERA_SR);
    assert_eq!(read(&padded).0, [expected, camera_report()]);
}

#[test]
fn descriptions_of_several_sources_are_read_whatever_their_first_bytes_are() {
    #[rustfmt::skip]
    let packet = [
        0x83, 202, 0, 8,
        0, 0, 0, 1, 2, 1, b'n', 1, 1, b'a', 0, 0,
        0, 0, 0, 2, 0, 0, 0, 0,
        0, 0, 0, 3, 1, 2, b'b', 0xff, 0, 0, 0, 0,
    ];
    let (packets, tolerances) = read(&packet);
    let source = |ssrc, cname: Option<&str>| Source { ssrc, cname: cname.map(Into::into) };
    let sources = vec![source(1, Some("a")), source(2, None), source(3, Some("b\u{fffd}"))];
    assert_eq!(packets, [Rtcp::SourceDescription(SourceDescription { sources })]);
    assert_eq!(tolerances.iter().collect::<Vec<_>>(), [Tolerance::RtcpWithoutReport]);
}
