use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use rtspan_core::udp::Port;

/// Bytes of segments that are handed to the system in one call, below what one datagram may carry.
const BATCH_BYTES_MAX: usize = 64_000;
/// The largest datagram that is put into a batch: a segment must not be cut into fragments.
const SEGMENT_BYTES_MAX: usize = 1472;

/// Consecutive datagrams of one size to one destination, which the system takes in one call.
///
/// The readers of a stream are sent the same, one right behind the other: what is in place for one is for the next.
#[derive(Debug)]
pub(crate) struct Batch {
    port: Port,
    to: SocketAddr,
    /// All datagrams have this size but the last, which may be shorter.
    segment: usize,
    /// How many datagrams there are, and their bytes.
    count: usize,
    len: usize,
    sent: usize,
    /// The datagrams, one behind the other, and those behind them that another destination was sent.
    bytes: Vec<u8>,
    copied: Vec<Bytes>,
    /// The system refused the batch as such.
    singly: bool,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            port: Port::Rtp,
            to: SocketAddr::from(([0; 4], 0)),
            segment: 0,
            count: 0,
            len: 0,
            sent: 0,
            bytes: Vec::new(),
            copied: Vec::new(),
            singly: false,
        }
    }

    /// Adds a datagram if it goes with those before it.
    pub(crate) fn add(&mut self, port: Port, to: SocketAddr, datagram: &Bytes, segments_max: usize) -> bool {
        let fits = self.port == port
            && self.to == to
            && self.sent == 0
            && datagram.len() <= self.segment
            && self.segment <= SEGMENT_BYTES_MAX
            && self.len % self.segment.max(1) == 0
            && self.len / self.segment.max(1) < segments_max
            && self.len + datagram.len() <= BATCH_BYTES_MAX
            && !datagram.is_empty();
        if fits {
            self.push(datagram);
        }
        fits
    }

    /// Begins anew with one datagram, in `room` if there is none.
    pub(crate) fn begin(
        &mut self,
        port: Port,
        to: SocketAddr,
        datagram: &Bytes,
        room: impl FnOnce() -> Vec<u8>,
    ) {
        if self.bytes.capacity() == 0 {
            self.bytes = room();
        }
        self.port = port;
        self.to = to;
        self.segment = datagram.len();
        (self.count, self.len, self.sent) = (0, 0, 0);
        self.singly = false;
        self.push(datagram);
    }

    fn push(&mut self, datagram: &Bytes) {
        // It is held on to here, so that nobody else can have the memory.
        let is_same = |own: &Bytes| own.as_ptr() == datagram.as_ptr() && own.len() == datagram.len();
        if !self.copied.get(self.count).is_some_and(is_same) {
            self.copied.truncate(self.count);
            self.bytes.truncate(self.len);
            self.copied.push(datagram.clone());
            self.bytes.extend_from_slice(datagram);
        }
        self.count += 1;
        self.len += datagram.len();
    }

    /// Sends what is there; `false` if the socket would block before the end.
    ///
    /// `send` gets the destination, one or more datagrams and the size of a segment if they are more. What the
    /// system refuses for any other reason is lost, as datagrams are.
    pub(crate) fn flush(
        &mut self,
        segments: bool,
        mut send: impl FnMut(SocketAddr, &[u8], Option<usize>) -> io::Result<()>,
    ) -> bool {
        while let Some(rest) = self.bytes.get(self.sent..self.len).filter(|rest| !rest.is_empty()) {
            let together = segments && !self.singly && rest.len() > self.segment;
            let len = if together { rest.len() } else { self.segment.min(rest.len()) };
            match send(self.to, &rest[..len], together.then_some(self.segment)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) if together => self.singly = true,
                _ => self.sent += len,
            }
        }
        self.len = 0;
        true
    }

    pub(crate) fn port(&self) -> Port {
        self.port
    }

    /// Takes away the room for datagrams if none wait in it.
    pub(crate) fn take_room(&mut self) -> Option<Vec<u8>> {
        if self.len > 0 || self.bytes.capacity() == 0 {
            return None;
        }
        self.copied.clear();
        self.bytes.clear();
        Some(std::mem::take(&mut self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn datagram(byte: u8, len: usize) -> Bytes {
        Bytes::from(vec![byte; len])
    }

    fn sent(batch: &mut Batch, segments: bool) -> Vec<(usize, Option<usize>)> {
        let mut calls = Vec::new();
        assert!(batch.flush(segments, |_, bytes, segment| {
            calls.push((bytes.len(), segment));
            Ok(())
        }));
        calls
    }

    #[test]
    fn equal_datagrams_go_together_and_a_shorter_one_ends_the_batch() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &datagram(0, 100), Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &datagram(0, 100), 64));
        assert!(batch.add(Port::Rtp, addr(1), &datagram(0, 60), 64));
        assert!(!batch.add(Port::Rtp, addr(1), &datagram(0, 60), 64));
        assert_eq!(sent(&mut batch, true), [(260, Some(100))]);
    }

    #[test]
    fn what_does_not_go_with_the_batch_is_not_taken() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &datagram(0, 100), Vec::new);
        assert!(!batch.add(Port::Rtcp, addr(1), &datagram(0, 100), 64), "another socket");
        assert!(!batch.add(Port::Rtp, addr(2), &datagram(0, 100), 64), "another destination");
        assert!(!batch.add(Port::Rtp, addr(1), &datagram(0, 101), 64), "longer");
        assert!(!batch.add(Port::Rtp, addr(1), &Bytes::new(), 64), "nothing");
        assert!(!batch.add(Port::Rtp, addr(1), &datagram(0, 100), 1), "too many");
        batch.begin(Port::Rtp, addr(1), &datagram(0, 1473), Vec::new);
        assert!(!batch.add(Port::Rtp, addr(1), &datagram(0, 1473), 64), "larger than a packet of Ethernet");
    }

    #[test]
    fn without_segmentation_each_datagram_goes_alone() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &datagram(0, 100), Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &datagram(0, 60), 64));
        assert_eq!(sent(&mut batch, false), [(100, None), (60, None)]);
    }

    #[test]
    fn a_batch_that_the_system_refuses_is_sent_singly() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &datagram(0, 100), Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &datagram(0, 100), 64));
        let mut calls = Vec::new();
        assert!(batch.flush(true, |_, bytes, segment| {
            calls.push(bytes.len());
            if segment.is_some() { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(()) }
        }));
        assert_eq!(calls, [200, 100, 100]);
    }

    #[test]
    fn what_would_block_waits_and_nothing_is_sent_twice() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &datagram(1, 4), Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &datagram(2, 4), 64));
        let mut room = 1;
        let mut got = Vec::new();
        let mut send = |_: SocketAddr, bytes: &[u8], _: Option<usize>| {
            if room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            room -= 1;
            got.extend_from_slice(bytes);
            Ok(())
        };
        assert!(!batch.flush(false, &mut send));
        assert!(!batch.add(Port::Rtp, addr(1), &datagram(3, 4), 64));
        assert!(batch.flush(false, |_, bytes, _| {
            got.extend_from_slice(bytes);
            Ok(())
        }));
        assert_eq!(got, [1, 1, 1, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn what_is_sent_to_many_is_copied_once_as_far_as_it_is_the_same() {
        let mut batch = Batch::new();
        let datagrams = [(1, 4), (2, 4), (3, 4), (4, 2)].map(|(byte, len)| datagram(byte, len));
        let equal = datagram(2, 4);
        for (port, chosen) in [
            (1, vec![0, 1, 2, 3]),
            (2, vec![0, 1, 2, 3]),
            (3, vec![0, 1]),
            (4, vec![0, 1, 3]),
            (5, vec![1, 2]),
            (6, vec![0, 1, 2, 3]),
        ] {
            let mut chosen: Vec<_> = chosen.into_iter().map(|index| datagrams[index].clone()).collect();
            if port == 6 {
                chosen[1] = equal.clone();
            }
            batch.begin(Port::Rtp, addr(port), &chosen[0], Vec::new);
            assert!(chosen[1..].iter().all(|datagram| batch.add(Port::Rtp, addr(port), datagram, 64)));
            let mut got = Vec::new();
            assert!(batch.flush(true, |to, bytes, _| {
                assert_eq!(to, addr(port));
                got.extend_from_slice(bytes);
                Ok(())
            }));
            assert_eq!(got, chosen.concat(), "{port}");
        }
        assert!(batch.take_room().is_some_and(|room| room.is_empty() && room.capacity() > 0));
        assert!(batch.copied.is_empty() && batch.take_room().is_none());
    }
}
