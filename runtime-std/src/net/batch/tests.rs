use super::*;

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn datagram(byte: u8, len: usize) -> Bytes {
    Bytes::from(vec![byte; len])
}

/// A socket that takes what it is given, and refuses what it is told to.
struct Fake {
    batch: Batch,
    offload: Offload,
    /// Calls: their messages, the size of segments, and what came of it.
    calls: Vec<(usize, Option<u16>)>,
    /// Datagrams that have left.
    sent: Vec<(u16, Vec<u8>)>,
}

impl Fake {
    fn new(segments_max: usize) -> Self {
        Self { batch: Batch::new(), offload: Offload::new(segments_max), calls: Vec::new(), sent: Vec::new() }
    }

    fn add(&mut self, port: u16, datagram: &Bytes) -> bool {
        self.batch.add((Port::Rtp, None), addr(port), datagram, self.offload.segments_max())
    }

    /// Sends one datagram behind those before it, as a sink does.
    fn send(&mut self, port: u16, datagram: &Bytes) {
        while !self.add(port, datagram) {
            assert!(self.flush(|_, _| Ok(usize::MAX)));
        }
    }

    /// `refuse` says of each call how many of its messages are taken, or why none is.
    fn flush(&mut self, mut refuse: impl FnMut(&[Message], Option<u16>) -> io::Result<usize>) -> bool {
        let Self { batch, offload, calls, sent } = self;
        batch.flush(offload, |bytes, messages, segment| {
            calls.push((messages.len(), segment));
            let taken = refuse(messages, segment)?.min(messages.len());
            for message in &messages[..taken] {
                let size = segment.map_or(usize::MAX, usize::from);
                let datagrams = message.within(bytes).chunks(size);
                sent.extend(datagrams.map(|datagram| (message.to.port(), datagram.to_vec())));
            }
            Ok(taken)
        })
    }

    fn flush_all(&mut self) {
        assert!(self.flush(|_, _| Ok(usize::MAX)));
    }

    /// The datagrams that one destination was sent.
    fn sent_to(&self, port: u16) -> Vec<Vec<u8>> {
        self.sent.iter().filter(|(own, _)| *own == port).map(|(_, datagram)| datagram.clone()).collect()
    }
}

fn refused(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

const EPERM: i32 = 1;
const EIO: i32 = 5;
const EINVAL: i32 = 22;
const EMSGSIZE: i32 = 90;
const ENETUNREACH: i32 = 101;
const ECONNREFUSED: i32 = 111;

#[test]
fn equal_datagrams_go_together_and_a_shorter_one_ends_the_message() {
    let mut fake = Fake::new(64);
    for len in [100, 100, 60, 60] {
        assert!(fake.add(1, &datagram(0, len)));
    }
    fake.flush_all();
    assert_eq!(fake.calls, [(2, Some(100))]);
    assert_eq!(fake.sent_to(1).iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 60, 60]);
}

#[test]
fn what_does_not_go_with_a_message_begins_another_and_another_socket_waits() {
    let mut fake = Fake::new(3);
    for (len, messages) in [(100, 1), (101, 2), (101, 2), (101, 2), (101, 3), (1473, 4), (1473, 5)] {
        assert!(fake.add(1, &datagram(0, len)));
        assert_eq!(fake.batch.room.messages.len(), messages, "{len}");
    }
    assert!(fake.add(2, &datagram(0, 1)));
    assert!(!fake.batch.add((Port::Rtcp, None), addr(2), &datagram(0, 1), 3));
    let own = Some([127, 0, 0, 2].into());
    assert!(!fake.batch.add((Port::Rtp, own), addr(2), &datagram(0, 1), 3), "from another address");
    fake.flush_all();
    assert!(fake.batch.add((Port::Rtp, own), addr(2), &datagram(0, 1), 3));
    assert_eq!(fake.batch.from(), own);
    fake.flush_all();
    assert!(fake.batch.add((Port::Rtcp, None), addr(2), &datagram(0, 1), 3));
    assert_eq!(fake.batch.port(), Port::Rtcp);
}

#[test]
fn many_destinations_leave_in_one_call() {
    let mut fake = Fake::new(64);
    let burst: Vec<_> = (0..20).map(|byte| datagram(byte, 1400)).collect();
    for port in 0..150 {
        burst.iter().for_each(|datagram| fake.send(port, datagram));
    }
    fake.flush_all();
    assert_eq!(fake.calls, [(64, Some(1400)), (64, Some(1400)), (22, Some(1400))]);
    assert!((0..150).all(|port| fake.sent_to(port) == burst));
    assert_eq!(fake.batch.room.bytes.len(), 20 * 1400, "copied once");
}

#[test]
fn single_datagrams_to_many_destinations_leave_in_one_call_without_segments() {
    for segments_max in [1, 64] {
        let mut fake = Fake::new(segments_max);
        let single = datagram(7, 1400);
        (0..100).for_each(|port| fake.send(port, &single));
        fake.flush_all();
        assert_eq!(fake.calls, [(64, None), (36, None)]);
        assert!((0..100).all(|port| fake.sent_to(port) == [&single[..]]));
    }
}

#[test]
fn a_socket_without_segments_takes_each_datagram_as_a_message() {
    let mut fake = Fake::new(1);
    let burst: Vec<_> = (0..20).map(|byte| datagram(byte, 1400)).collect();
    for port in 0..10 {
        burst.iter().for_each(|datagram| fake.send(port, datagram));
    }
    fake.flush_all();
    assert_eq!(fake.calls, [(64, None), (64, None), (64, None), (8, None)]);
    assert!((0..10).all(|port| fake.sent_to(port) == burst));
}

#[test]
fn messages_that_differ_in_their_segments_go_in_calls_of_their_own() {
    let mut fake = Fake::new(64);
    // Shorter single ones fit among segments, longer ones do not.
    for (port, lens) in [
        (1, &[200, 200][..]),
        (2, &[150]),
        (3, &[200, 200, 10]),
        (4, &[300, 300]),
        (5, &[301]),
        (6, &[100]),
        (7, &[301, 301]),
        (8, &[9000]),
        (9, &[5]),
    ] {
        lens.iter().for_each(|len| fake.send(port, &datagram(port.to_be_bytes()[1], *len)));
    }
    fake.flush_all();
    assert_eq!(fake.calls, [(3, Some(200)), (1, Some(300)), (3, Some(301)), (2, None)]);
    assert_eq!(fake.sent.len(), 2 + 1 + 3 + 2 + 1 + 1 + 2 + 1 + 1);
}

#[test]
fn what_is_sent_to_many_is_copied_once_as_far_as_it_is_the_same() {
    let mut fake = Fake::new(64);
    let datagrams = [(1, 4), (2, 4), (3, 4), (4, 2)].map(|(byte, len)| datagram(byte, len));
    let equal = datagram(2, 4);
    let mut copied = Vec::new();
    for (port, chosen) in [
        (1, &[0, 1, 2, 3][..]),
        (2, &[0, 1, 2, 3]),
        (3, &[0, 1]),
        (4, &[0, 1, 3]),
        (5, &[1, 2]),
        (6, &[1, 2]),
    ] {
        let mut chosen: Vec<_> = chosen.iter().map(|index| datagrams[*index].clone()).collect();
        if port == 6 {
            chosen[0] = equal.clone();
        }
        chosen.iter().for_each(|datagram| fake.send(port, datagram));
        copied.push(fake.batch.room.bytes.len());
        fake.flush_all();
        assert_eq!(fake.sent_to(port), chosen, "{port}");
    }
    assert_eq!(copied, [14, 14, 14, 16, 24, 32]);
    assert!(fake.batch.take_room().is_some_and(|room| room.bytes.is_empty() && room.copied.is_empty()));
    assert!(fake.batch.take_room().is_none());
}

#[test]
fn a_batch_that_has_sent_once_allocates_no_more() {
    let mut fake = Fake::new(64);
    let burst: Vec<_> = (0..20).map(|byte| datagram(byte, 1400)).collect();
    let mut capacities = None;
    let mut room = Room::default();
    for _ in 0..10 {
        fake.batch.lend(|| std::mem::take(&mut room));
        for port in 0..100 {
            burst.iter().for_each(|datagram| fake.send(port, datagram));
        }
        fake.flush_all();
        room = fake.batch.take_room().expect("all has left");
        let now = (room.bytes.capacity(), room.copied.capacity(), room.messages.capacity());
        assert_eq!(*capacities.get_or_insert(now), now);
    }
}

#[test]
fn no_more_is_copied_than_there_may_be() {
    let mut fake = Fake::new(64);
    let burst: Vec<_> = (0..200).map(|byte| datagram(byte, 1400)).collect();
    for port in [1, 1, 2] {
        for datagram in &burst {
            fake.send(port, datagram);
            assert!(fake.batch.room.bytes.len() <= BYTES_MAX);
        }
    }
    fake.flush_all();
    assert_eq!(fake.sent_to(1), [&burst[..], &burst[..]].concat());
    assert_eq!(fake.sent_to(2), burst);
}

#[test]
fn a_destination_that_is_refused_loses_its_own_and_no_other() {
    for code in [EPERM, EINVAL, EMSGSIZE, ENETUNREACH, ECONNREFUSED] {
        for segments_max in [1, 64] {
            let mut fake = Fake::new(segments_max);
            let burst: Vec<_> = (0..3).map(|byte| datagram(byte, 1400)).collect();
            for port in 0..10 {
                burst.iter().for_each(|datagram| fake.send(port, datagram));
            }
            // The system tells of the first message only; those before one that it refuses are sent.
            assert!(fake.flush(|messages, _| {
                match messages.iter().position(|message| message.to == addr(4)) {
                    Some(0) => Err(refused(code)),
                    first => Ok(first.unwrap_or(messages.len())),
                }
            }));
            assert_eq!(fake.sent_to(4), Vec::<Vec<u8>>::new());
            assert!((0..10).filter(|port| *port != 4).all(|port| fake.sent_to(port) == burst), "{code}");
            assert_eq!(fake.offload.segments_max(), segments_max, "it was not the segments");
        }
    }
}

#[test]
fn a_call_that_would_block_goes_on_where_it_was() {
    let burst: Vec<_> = (0..5).map(|byte| datagram(byte, 1000)).collect();
    for (segments_max, blocked) in (0..60).flat_map(|at| [(1, at), (64, at)]) {
        let mut fake = Fake::new(segments_max);
        for port in 0..10 {
            burst.iter().for_each(|datagram| assert!(fake.add(port, datagram)));
        }
        let mut room = blocked;
        let taken = fake.flush(|messages, _| {
            let taken = messages.len().min(room);
            room -= taken;
            if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
        });
        let messages = if segments_max == 1 { 50 } else { 10 };
        assert_eq!(taken, blocked >= messages);
        assert!(taken || fake.batch.take_room().is_none());
        if blocked > 0 && !taken {
            assert!(!fake.add(11, &burst[0]), "what waits goes first");
        }
        fake.flush_all();
        let expected = (0..10).flat_map(|port| burst.iter().map(move |datagram| (port, datagram.to_vec())));
        assert_eq!(fake.sent, expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_call_that_is_interrupted_is_made_again() {
    let mut fake = Fake::new(64);
    assert!(fake.add(1, &datagram(1, 10)));
    let mut interrupted = true;
    assert!(fake.flush(|_, _| match std::mem::take(&mut interrupted) {
        true => Err(io::ErrorKind::Interrupted.into()),
        false => Ok(1),
    }));
    assert_eq!(fake.sent.len(), 1);
}

#[test]
fn segments_that_are_refused_go_one_by_one_and_soon_are_not_tried() {
    for code in [EIO, EINVAL] {
        let mut fake = Fake::new(64);
        let burst: Vec<_> = (0..20).map(|byte| datagram(byte, 1400)).collect();
        let refuse = |messages: &[Message], segment: Option<u16>| match segment {
            Some(_) => Err(refused(code)),
            None => Ok(messages.len()),
        };
        for port in 0..20 {
            burst.iter().for_each(|datagram| assert!(fake.add(port, datagram)));
        }
        assert!(fake.flush(refuse));
        assert!((0..20).all(|port| fake.sent_to(port) == burst));
        let refusals = fake.calls.iter().filter(|(_, segment)| segment.is_some()).count();
        assert_eq!((refusals, fake.offload.segments_max()), (usize::from(REFUSALS_MAX), 1));

        fake.calls.clear();
        for port in 20..23 {
            burst.iter().for_each(|datagram| assert!(fake.add(port, datagram)));
        }
        assert!(fake.flush(refuse));
        assert_eq!(fake.calls, [(60, None)]);
    }
}

#[test]
fn a_path_that_takes_no_segments_does_not_deny_them_to_the_others() {
    let mut fake = Fake::new(64);
    let burst: Vec<_> = (0..3).map(|byte| datagram(byte, 1400)).collect();
    for _ in 0..100 {
        for port in 0..4 {
            burst.iter().for_each(|datagram| fake.send(port, datagram));
        }
        // The first has a path of small packets: its datagrams have to be cut into fragments.
        assert!(fake.flush(|messages, segment| match messages.iter().position(|own| own.to == addr(0)) {
            Some(0) if segment.is_some() => Err(refused(EINVAL)),
            Some(0) | None => Ok(messages.len()),
            Some(first) => Ok(first),
        }));
        fake.calls.clear();
    }
    assert_eq!(fake.offload.segments_max(), 64);
    assert!((0..4).all(|port| fake.sent_to(port).len() == 300));
}

#[test]
fn datagrams_that_are_too_big_are_told_with_where_they_went_as_many_as_are_remembered() {
    let mut fake = Fake::new(64);
    fake.send(1, &datagram(0, 1400));
    fake.send(2, &datagram(1, 1000));
    (0..3).for_each(|byte| fake.send(3, &datagram(byte, 1300)));
    assert!(fake.flush(|messages, _| match messages[0].segment {
        1000 => Ok(1),
        _ => Err(refused(EMSGSIZE)),
    }));
    let big = [(addr(1), 1400), (addr(3), 1300), (addr(3), 1300), (addr(3), 1300)];
    assert_eq!(fake.batch.take_too_big().collect::<Vec<_>>(), big);
    for port in 0..=u16::try_from(TOO_BIG_MAX).unwrap() {
        fake.send(port, &datagram(0, 1400));
        assert!(fake.flush(|_, _| Err(refused(EMSGSIZE))));
    }
    assert_eq!(fake.batch.take_too_big().count(), TOO_BIG_MAX);
    fake.send(1, &datagram(0, 1400));
    assert!(fake.flush(|_, _| Err(refused(ENETUNREACH))));
    assert_eq!(fake.batch.take_too_big().count(), 0);
}

#[test]
fn a_short_datagram_among_segments_that_its_path_refuses_goes_alone() {
    let mut fake = Fake::new(64);
    fake.send(1, &datagram(1, 1460));
    for byte in [2, 3] {
        fake.send(2, &datagram(byte, 1460));
    }
    assert!(fake.flush(|messages, segment| match segment {
        Some(_) if messages[0].to == addr(1) => Err(refused(EMSGSIZE)),
        _ => Ok(messages.len()),
    }));
    assert_eq!(fake.calls, [(2, Some(1460)), (1, None), (1, Some(1460))]);
    assert_eq!(fake.sent.len(), 3);
}
