use std::io;
use std::net::SocketAddr;

use rtspan_core::udp::Port;

/// Bytes of segments that are handed to the system in one call, below what one datagram may carry.
const BATCH_BYTES_MAX: usize = 64_000;
/// The largest datagram that is put into a batch: a segment must not be cut into fragments.
const SEGMENT_BYTES_MAX: usize = 1472;

/// Consecutive datagrams of one size to one destination, which the system takes in one call.
#[derive(Debug)]
pub(crate) struct Batch {
    port: Port,
    to: SocketAddr,
    /// All datagrams have this size but the last, which may be shorter.
    segment: usize,
    bytes: Vec<u8>,
    sent: usize,
    /// The system refused the batch as such.
    singly: bool,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            port: Port::Rtp,
            to: SocketAddr::from(([0; 4], 0)),
            segment: 0,
            bytes: Vec::new(),
            sent: 0,
            singly: false,
        }
    }

    /// Adds a datagram if it goes with those before it.
    pub(crate) fn add(&mut self, port: Port, to: SocketAddr, datagram: &[u8], segments_max: usize) -> bool {
        let fits = self.port == port
            && self.to == to
            && self.sent == 0
            && datagram.len() <= self.segment
            && self.segment <= SEGMENT_BYTES_MAX
            && self.bytes.len() % self.segment.max(1) == 0
            && self.bytes.len() / self.segment.max(1) < segments_max
            && self.bytes.len() + datagram.len() <= BATCH_BYTES_MAX
            && !datagram.is_empty();
        if fits {
            self.bytes.extend_from_slice(datagram);
        }
        fits
    }

    /// Begins anew with one datagram, in `room` if there is none.
    pub(crate) fn begin(
        &mut self,
        port: Port,
        to: SocketAddr,
        datagram: &[u8],
        room: impl FnOnce() -> Vec<u8>,
    ) {
        if self.bytes.capacity() == 0 {
            self.bytes = room();
        }
        self.port = port;
        self.to = to;
        self.segment = datagram.len();
        self.bytes.clear();
        self.bytes.extend_from_slice(datagram);
        self.sent = 0;
        self.singly = false;
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
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let together = segments && !self.singly && rest.len() > self.segment;
            let len = if together { rest.len() } else { self.segment.min(rest.len()) };
            match send(self.to, &rest[..len], together.then_some(self.segment)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) if together => self.singly = true,
                _ => self.sent += len,
            }
        }
        self.bytes.clear();
        true
    }

    pub(crate) fn port(&self) -> Port {
        self.port
    }

    /// Takes away the room for datagrams if none wait in it.
    pub(crate) fn take_room(&mut self) -> Option<Vec<u8>> {
        self.bytes.is_empty().then(|| std::mem::take(&mut self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
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
        batch.begin(Port::Rtp, addr(1), &[0; 100], Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &[0; 100], 64));
        assert!(batch.add(Port::Rtp, addr(1), &[0; 60], 64));
        assert!(!batch.add(Port::Rtp, addr(1), &[0; 60], 64));
        assert_eq!(sent(&mut batch, true), [(260, Some(100))]);
    }

    #[test]
    fn what_does_not_go_with_the_batch_is_not_taken() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &[0; 100], Vec::new);
        assert!(!batch.add(Port::Rtcp, addr(1), &[0; 100], 64), "another socket");
        assert!(!batch.add(Port::Rtp, addr(2), &[0; 100], 64), "another destination");
        assert!(!batch.add(Port::Rtp, addr(1), &[0; 101], 64), "longer");
        assert!(!batch.add(Port::Rtp, addr(1), &[], 64), "nothing");
        assert!(!batch.add(Port::Rtp, addr(1), &[0; 100], 1), "too many");
        batch.begin(Port::Rtp, addr(1), &[0; 1473], Vec::new);
        assert!(!batch.add(Port::Rtp, addr(1), &[0; 1473], 64), "larger than a packet of Ethernet");
    }

    #[test]
    fn without_segmentation_each_datagram_goes_alone() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &[0; 100], Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &[0; 60], 64));
        assert_eq!(sent(&mut batch, false), [(100, None), (60, None)]);
    }

    #[test]
    fn a_batch_that_the_system_refuses_is_sent_singly() {
        let mut batch = Batch::new();
        batch.begin(Port::Rtp, addr(1), &[0; 100], Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &[0; 100], 64));
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
        batch.begin(Port::Rtp, addr(1), &[1; 4], Vec::new);
        assert!(batch.add(Port::Rtp, addr(1), &[2; 4], 64));
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
        assert!(!batch.add(Port::Rtp, addr(1), &[3; 4], 64));
        assert!(batch.flush(false, |_, bytes, _| {
            got.extend_from_slice(bytes);
            Ok(())
        }));
        assert_eq!(got, [1, 1, 1, 1, 2, 2, 2, 2]);
    }
}
