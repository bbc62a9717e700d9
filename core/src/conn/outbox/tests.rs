use super::*;

fn filled() -> Outbox {
    let mut outbox = Outbox::default();
    outbox.push_message(Bytes::from_static(b"RTSP/1.0 200 OK\r\n\r\n"));
    assert!(outbox.push_frame(2, Bytes::from_static(b"payload")));
    assert!(outbox.push_frame(3, Bytes::new()));
    outbox.push_message(Bytes::from_static(b"OPTIONS"));
    outbox
}

fn drain(outbox: &mut Outbox, slices: usize, at_once: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while !outbox.is_empty() {
        let mut buffers = vec![IoSlice::new(&[]); slices];
        let filled = outbox.io_slices(&mut buffers);
        assert!(filled > 0);
        let bytes: Vec<u8> = buffers[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        let n = bytes.len().min(at_once);
        all.extend_from_slice(&bytes[..n]);
        outbox.handle_written(n);
    }
    all
}

#[test]
fn any_partial_write_gives_the_same_bytes() {
    let whole = b"RTSP/1.0 200 OK\r\n\r\n$\x02\x00\x07payload$\x03\x00\x00OPTIONS";
    for at_once in 1..=whole.len() {
        for slices in 1..8 {
            let mut outbox = filled();
            assert_eq!(drain(&mut outbox, slices, at_once), whole, "{at_once} bytes, {slices} slices");
            assert_eq!((outbox.message_bytes(), outbox.frames()), (0, 0));
        }
    }
}

#[test]
fn a_frame_that_its_length_field_cannot_hold_is_left_out() {
    let mut outbox = Outbox::default();
    assert!(!outbox.push_frame(0, Bytes::from(vec![0; 65536])));
    assert!(outbox.push_frame(0, Bytes::from(vec![0; 65535])));
    assert_eq!(outbox.frames(), 1);
}

#[test]
fn memory_goes_from_one_to_the_next_unless_something_waits_in_it() {
    let mut first = Outbox::default();
    first.lend(Room::default());
    first.push_message(Bytes::from_static(b"x"));
    drain(&mut first, 8, usize::MAX);
    let room = first.take_room().unwrap();
    let memory = room.items.capacity();
    assert!(memory > 0 && first.items.capacity() == 0);
    assert!(first.take_room().is_none(), "nothing is lent");
    let mut second = Outbox::default();
    second.lend(room);
    second.push_message(Bytes::from_static(b"y"));
    second.lend(Room::default());
    assert_eq!(second.items.capacity(), memory);
    assert_eq!(second.take_room().unwrap().items.capacity(), 0);
    assert_eq!(drain(&mut second, 1, 1), b"y");
}

#[test]
fn packets_that_others_write_as_well_are_the_same_bytes_however_far_each_gets() {
    let block = Bytes::from((0..40).collect::<Vec<u8>>());
    let packets = [0, 10, 20, 30].map(|from| block.slice(from..from + 10));
    let expected: Vec<u8> =
        packets.iter().flat_map(|packet| [&[b'$', 4, 0, 10], &packet[..]].concat()).collect();
    for (readers_before, slices_filled) in [(0, 8), (1, 1), (2, 1)] {
        for at_once in 1..=expected.len() {
            let mut room = Room::default();
            for _ in 0..readers_before {
                let mut outbox = Outbox::default();
                outbox.lend(room);
                assert!(packets.iter().all(|packet| outbox.push_packet(4, packet)));
                outbox.handle_written(expected.len());
                room = outbox.take_room().unwrap();
            }
            let mut outbox = Outbox::default();
            outbox.lend(room);
            assert!(packets.iter().all(|packet| outbox.push_packet(4, packet)));
            let mut buffers = [IoSlice::new(&[]); 9];
            let filled = outbox.io_slices(&mut buffers);
            assert_eq!(filled, slices_filled, "what is one behind the other is one slice");
            let mut written: Vec<u8> =
                buffers[..filled].iter().flat_map(|slice| slice.iter().copied()).take(at_once).collect();
            outbox.handle_written(at_once);
            if at_once % 2 == 0 {
                // The socket has no room for the rest, and another connection goes on with the memory.
                let mut other = Outbox::default();
                other.lend(outbox.take_room().unwrap());
                assert!(other.push_packet(4, &Bytes::from(vec![1; 10])));
            }
            written.extend(drain(&mut outbox, 8, 7));
            assert_eq!(written, expected, "{at_once} bytes at once");
        }
    }
}

#[test]
fn frames_messages_and_packets_without_a_frame_keep_their_order() {
    let packets = [1, 2, 3].map(|byte| Bytes::from(vec![byte; 3]));
    let mut room = Room::default();
    for slices_filled in [7, 3, 3] {
        let mut outbox = Outbox::default();
        outbox.lend(room);
        assert!(outbox.push_packet(0, &packets[0]));
        assert!(outbox.push_packet(0, &packets[1]));
        outbox.push_message(Bytes::from_static(b"OPTIONS"));
        assert!(outbox.push_packet(0, &packets[2]));
        let mut buffers = [IoSlice::new(&[]); 9];
        assert_eq!(outbox.io_slices(&mut buffers), slices_filled);
        let whole = b"$\x00\x00\x03\x01\x01\x01$\x00\x00\x03\x02\x02\x02OPTIONS$\x00\x00\x03\x03\x03\x03";
        for slices in 1..5 {
            let mut buffers = vec![IoSlice::new(&[]); slices];
            let filled = outbox.io_slices(&mut buffers);
            let bytes: Vec<u8> = buffers[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
            assert!(whole.starts_with(&bytes) && filled > 0, "{slices} slices");
        }
        assert_eq!(drain(&mut outbox, 2, 5), whole);
        room = outbox.take_room().unwrap();
    }
}

#[test]
fn more_written_than_there_was_is_harmless() {
    let mut outbox = filled();
    outbox.handle_written(usize::MAX);
    assert!(outbox.is_empty());
    outbox.push_message(Bytes::from_static(b"x"));
    assert_eq!(drain(&mut outbox, 1, 1), b"x");
}
