use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::Port;
use crate::Instant;
use crate::limits::{EARLY_BYTES_MAX, EARLY_DATAGRAMS_MAX, EARLY_DELAY};

/// Datagrams that nobody has claimed: the order that says whose they are may still be on its way.
#[derive(Debug, Default)]
pub(super) struct Early {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
}

#[derive(Debug)]
struct Datagram {
    came: Instant,
    port: Port,
    from: SocketAddr,
    data: Bytes,
}

impl Early {
    pub(super) fn keep(&mut self, now: Instant, port: Port, from: SocketAddr, data: Bytes) {
        self.bytes = self.bytes.saturating_add(data.len());
        self.datagrams.push_back(Datagram { came: now, port, from, data });
        while self.datagrams.len() > EARLY_DATAGRAMS_MAX
            || self.bytes > EARLY_BYTES_MAX
            || self.datagrams.front().is_some_and(|oldest| now >= oldest.came + EARLY_DELAY)
        {
            let Some(oldest) = self.datagrams.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.data.len());
        }
    }

    /// Takes the datagrams that came from this address not long ago, in order.
    pub(super) fn claim(&mut self, now: Instant, port: Port, from: SocketAddr) -> Vec<Bytes> {
        let mut claimed = Vec::new();
        self.datagrams.retain(|datagram| {
            let is_own = datagram.port == port && datagram.from == from;
            if is_own && now < datagram.came + EARLY_DELAY {
                claimed.push(datagram.data.clone());
            }
            !is_own
        });
        self.bytes = self.datagrams.iter().map(|datagram| datagram.data.len()).sum();
        claimed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn from(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn claimed(early: &mut Early, now: Instant, port: u16) -> usize {
        early.claim(now, Port::Rtp, from(port)).len()
    }

    #[test]
    fn datagrams_are_kept_for_their_address_and_given_once() {
        let mut early = Early::default();
        let now = Instant::ZERO;
        for (port, byte) in [(1, 1), (2, 2), (1, 3)] {
            early.keep(now, Port::Rtp, from(port), vec![byte].into());
        }
        assert_eq!(early.claim(now, Port::Rtcp, from(1)), Vec::<Bytes>::new());
        assert_eq!(early.claim(now, Port::Rtp, from(1)), [vec![1], vec![3]]);
        assert_eq!((claimed(&mut early, now, 1), claimed(&mut early, now, 2)), (0, 1));
    }

    #[test]
    fn no_more_are_kept_than_may_be_and_none_for_long() {
        let mut early = Early::default();
        let now = Instant::ZERO;
        for _ in 0..=EARLY_DATAGRAMS_MAX {
            early.keep(now, Port::Rtp, from(1), Bytes::from_static(b"x"));
        }
        assert_eq!(claimed(&mut early, now, 1), EARLY_DATAGRAMS_MAX);
        for _ in 0..5 {
            early.keep(now, Port::Rtp, from(1), vec![0; EARLY_BYTES_MAX / 4].into());
        }
        assert_eq!(claimed(&mut early, now, 1), 4);
        early.keep(now, Port::Rtp, from(1), Bytes::from_static(b"old"));
        let later = now + EARLY_DELAY;
        early.keep(later, Port::Rtp, from(2), Bytes::from_static(b"new"));
        assert_eq!((claimed(&mut early, later, 1), claimed(&mut early, later, 2)), (0, 1));
        early.keep(now, Port::Rtp, from(1), Bytes::from_static(b"old"));
        assert_eq!(claimed(&mut early, later + Duration::from_nanos(1), 1), 0);
    }
}
