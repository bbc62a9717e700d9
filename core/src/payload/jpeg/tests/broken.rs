//! Images and packets that are not as they should be.

use super::*;

#[test]
fn what_rtp_cannot_carry_is_refused_with_its_reason() {
    let size = (64, 48);
    let frame = |samplings: &[u8]| frame_segment(0xc0, size, samplings);
    let with = |frame: &[u8], scan_header: &[u8]| {
        [&[0xff, 0xd8], &quantization_segment(3)[..], frame, scan_header, SCAN, &END].concat()
    };
    let plain = frame(&[0x21, 0x11, 0x11]);
    let third_table = segment(0xdb, &[&[2][..], &[9; 64]].concat());
    let mut own_red = [third_table, plain.clone()].concat();
    *own_red.last_mut().unwrap() = 2;
    let mut deep = plain.clone();
    deep[4] = 12;
    let own_huffman = [&plain[..], &segment(0xc4, &[&[0x00][..], &[0, 1], &[0; 14], &[9]].concat())].concat();
    let no_table = [&plain[..plain.len() - 1], &[3]].concat();
    for (image, reason) in [
        (b"GIF89a".to_vec(), "lacks its beginning"),
        (vec![0xff, 0xd8, 0xff], "lacks its beginning"),
        (image((64, 0), &[], SCAN), "lacks its beginning"),
        (image(size, &[], &[]), "lacks its beginning"),
        (with(&frame_segment(0xc2, size, &[0x22, 0x11, 0x11]), &scan_segment()), "progressive"),
        (with(&deep, &scan_segment()), "more than 8 bits"),
        (with(&frame(&[0x11]), &scan_segment()), "grey"),
        (with(&frame(&[0x11; 3]), &scan_segment()), "sampled neither"),
        (with(&frame(&[0x22, 0x12, 0x12]), &scan_segment()), "sampled neither"),
        (with(&own_red, &scan_segment()), "for each chrominance"),
        (with(&no_table, &scan_segment()), "lacks one of its tables"),
        (with(&plain, &segment(0xda, &[1, 1, 0, 0, 63, 0])), "a scan for each component"),
        (with(&plain, &segment(0xda, &[3, 2, 0, 1, 0x11, 3, 0x11, 0, 63, 0])), "out of order"),
        (with(&own_huffman, &scan_segment()), "Huffman tables"),
    ] {
        let mut packetizer = packetizer(PACKET_BYTES_MAX);
        let mut packets = 0;
        let both = [&image[..], &with(&plain, &scan_segment())];
        let refused = packetizer.packetize(both, 0, |_| packets += 1).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}: {reason}");
        assert_eq!(packets, 1, "the other image is sent");
    }
    let long = image(size, &[], &vec![1; 1 << 24]);
    let too_long = PacketizeError::TooLong { length: 1 << 24, most: (1 << 24) - 1 };
    assert_eq!(packetizer(60_000).packetize([&long[..]], 0, drop), Err(too_long));
}

#[test]
fn what_stands_around_an_image_is_left_out() {
    let canonical = rebuilt(&image((64, 48), &[], SCAN));
    let comment = segment(0xfe, b"a camera");
    let mut other = image((64, 48), &comment, &[SCAN, &[0xff, 0]].concat());
    assert_eq!(rebuilt(&other).len(), canonical.len() + 2, "a stuffed byte is of the scan");
    other.extend_from_slice(b"\xff\xd8 another image");
    other.splice(2..2, [0xff, 0xff]);
    assert_eq!(rebuilt(&other).len(), canonical.len() + 2);
    let mut endless = image((64, 48), &[], SCAN);
    endless.truncate(endless.len() - 2);
    assert_eq!(rebuilt(&endless), canonical);
}

#[test]
fn the_end_of_an_image_is_added_where_it_is_not_sent() {
    let canonical = rebuilt(&image((64, 48), &[], &scan(1000, 1)));
    let head = [&[0, 0, 0, 0, 1, 255, 8, 6, 0, 0, 0, 128][..], &[3; 64], &[4; 64]].concat();
    let next = |offset: u16| [&[0, 0][..], &offset.to_be_bytes(), &[1, 255, 8, 6]].concat();
    let data = scan(1000, 1);
    let ended = [&data[..], &END].concat();
    for (data, cut) in [(&data, 900), (&ended, 900), (&ended, 1000), (&ended, 1001)] {
        let mut packets = [[&head, &data[..cut]].concat(), [&next(cut as u16), &data[cut..]].concat()]
            .map(|payload| packet(0, &payload));
        for (packet, sequence) in packets.iter_mut().zip(1..) {
            let marker = sequence == 2;
            let header = RtpHeader { payload_type: 26, marker, sequence, ssrc: 1, ..RtpHeader::default() };
            *packet = RtpPacket::build(header, packet.payload());
        }
        assert_eq!(image_of(&mut Depacketizer::new(), &packets), canonical, "{cut}");
    }
    // Fields of interlaced video are images of their own, with half of the rows.
    let field = image_of(&mut Depacketizer::new(), &[packet(1, &[1, 0, 0, 0, 1, 20, 4, 2, 7])]);
    assert_eq!(told(&field.into()).unwrap().video.pixel_aspect, Some((1, 2)));
}

#[test]
fn what_cannot_be_read_damages_its_image_and_no_other() {
    let images = [image((64, 48), &[], &scan(3000, 1)), image((64, 48), &[], &scan(50, 2))];
    let mut packetizer = packetizer(1000);
    let packets: Vec<_> =
        (0..).zip(&images).flat_map(|(at, image)| packets_with(&mut packetizer, image, at)).collect();
    let broken = |payload: &[u8]| {
        let header =
            RtpHeader { payload_type: 26, sequence: packets[1].sequence(), ssrc: 1, ..RtpHeader::default() };
        RtpPacket::build(header, payload)
    };
    let elsewhere = PayloadError::Malformed("a fragment is not where the one before ends");
    let empty = PayloadError::Malformed("the first packet of an image has nothing of its scan");
    for (payload, error) in [
        (&[][..], PayloadError::Empty),
        (&[0, 0, 0, 1, 1, 255, 8], PayloadError::Truncated { needed: 8, length: 7 }),
        (&[0, 0, 0, 1, 65, 255, 8, 6, 0], PayloadError::Truncated { needed: 12, length: 9 }),
        (&[0, 0, 0, 0, 1, 255, 8, 6, 0, 0], PayloadError::Truncated { needed: 4, length: 2 }),
        (&[0, 0, 0, 0, 1, 255, 8, 6, 0, 0, 0, 128, 1], PayloadError::Truncated { needed: 132, length: 5 }),
        (&[0, 0, 0, 1, 2, 255, 8, 6, 7], PayloadError::Unsupported(2)),
        (&[0, 0, 0, 1, 1, 255, 8, 6, 7], elsewhere),
        (&[0, 0, 0, 0, 1, 20, 8, 6], empty),
    ] {
        let mut depacketizer = Depacketizer::new();
        depacketizer.push(&packets[0], 0).unwrap();
        assert_eq!(depacketizer.push(&broken(payload), 0), Err(error), "{payload:02x?}");
        for packet in &packets[2..] {
            let _ = depacketizer.push(packet, 0);
        }
        let damaged: Vec<_> = polled(&mut depacketizer).iter().map(|unit| unit.is_damaged).collect();
        assert_eq!(damaged, [true, false], "{payload:02x?}");
    }
}

#[test]
fn an_endless_image_ends_at_the_bound_and_units_that_nobody_polls_stop_it() {
    let mut packetizer = packetizer(60_000);
    let mut packets =
        packets_with(&mut packetizer, &image((64, 48), &[], &scan(ACCESS_UNIT_BYTES_MAX, 1)), 0);
    for at in 1..ACCESS_UNITS_READY_MAX as u32 + 2 {
        packets.extend(packets_with(&mut packetizer, &image((64, 48), &[], &scan(40, 1)), at));
    }
    let mut depacketizer = Depacketizer::new();
    let errors: Vec<_> = packets.iter().filter_map(|packet| depacketizer.push(packet, 0).err()).collect();
    assert_eq!(errors, [PayloadError::TooLong, PayloadError::Unpolled]);
    assert_eq!(polled(&mut depacketizer).len(), ACCESS_UNITS_READY_MAX);
    assert_eq!(depacketizer.push(packets.last().unwrap(), 0), Ok(()), "it was not taken before");
}
