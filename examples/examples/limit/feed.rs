use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtspan_examples::Synthetic;

/// Bursts that are kept for slow readers.
const BURSTS: usize = 256;
const CLOCK_RATE: f64 = 90_000.0;
/// The channel of interleaved RTP packets; all readers ask for the first one.
const CHANNEL: u8 = 0;

/// The last bursts, by number.
pub(crate) struct Feed {
    synthetic: Synthetic,
    size: u16,
    period: Duration,
    start: Instant,
    due: Instant,
    bursts: VecDeque<Vec<Bytes>>,
    /// The number of the burst that comes next.
    head: u64,
}

/// Where a reader stands: the burst, and how many bytes of it are written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place {
    burst: u64,
    written: usize,
}

impl Feed {
    pub(crate) fn new(rate: f64, size: u16, burst: u32) -> Self {
        let now = Instant::now();
        let synthetic = Synthetic::new(size, burst);
        Self {
            size,
            period: synthetic.period(rate),
            synthetic,
            start: now,
            due: now,
            bursts: VecDeque::new(),
            head: 0,
        }
    }

    /// Bytes of a packet.
    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    /// When the next burst is due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Makes all bursts that are due, and says how many.
    pub(crate) fn advance(&mut self) -> usize {
        let now = Instant::now();
        let mut made = 0;
        while self.due <= now {
            let ticks = self.due.duration_since(self.start).as_secs_f64() * CLOCK_RATE;
            let mut packets = Vec::new();
            self.synthetic.picture(ticks as u64 as u32, &mut packets);
            if self.bursts.len() == BURSTS {
                self.bursts.pop_front();
            }
            self.bursts.push_back(packets.into_iter().map(|packet| packet.into_bytes()).collect());
            self.head += 1;
            self.due += self.period;
            made += 1;
        }
        made
    }

    /// The place behind all that there is.
    pub(crate) fn end(&self) -> Place {
        Place { burst: self.head, written: 0 }
    }

    /// The newest bursts.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = &[Bytes]> {
        self.bursts.iter().skip(self.bursts.len().saturating_sub(count)).map(Vec::as_slice)
    }

    /// Packets that were made since a place.
    pub(crate) fn since(&self, place: Place) -> u64 {
        (self.head - place.burst) * u64::from(self.synthetic.burst())
    }

    /// The four bytes before every packet: all are of one length.
    pub(crate) fn header(&self) -> [u8; 4] {
        let [high, low] = self.size.to_be_bytes();
        [b'$', CHANNEL, high, low]
    }

    /// Fills `slices` with what follows a place, and says how many it filled; none if that is no longer there.
    pub(crate) fn slices<'a>(
        &'a self,
        place: Place,
        header: &'a [u8; 4],
        slices: &mut [IoSlice<'a>],
    ) -> Option<usize> {
        let behind = usize::try_from(self.head - place.burst).ok()?;
        let first = self.bursts.len().checked_sub(behind)?;
        let frame = header.len() + usize::from(self.size);
        let packets = self.bursts.range(first..).flatten().skip(place.written / frame);
        let parts = packets.flat_map(|packet| [&header[..], packet]);
        let mut skip = place.written % frame;
        let mut filled = 0;
        for part in parts {
            let rest = part.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            if rest.is_empty() {
                continue;
            }
            let Some(slice) = slices.get_mut(filled) else { break };
            *slice = IoSlice::new(rest);
            filled += 1;
        }
        Some(filled)
    }

    /// The place `n` bytes further on.
    pub(crate) fn forward(&self, place: Place, n: usize) -> Place {
        let burst = (4 + usize::from(self.size)) * self.synthetic.burst() as usize;
        let written = place.written + n;
        Place { burst: place.burst + (written / burst) as u64, written: written % burst }
    }
}
