use std::collections::VecDeque;

use super::{BYTES, Event, SEGMENT_UNITS};
use crate::Tolerances;
use crate::limits::{ACCESS_UNIT_PARTS_MAX, ACCESS_UNITS_READY_MAX};
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;
use crate::tolerance::Tolerance;

/// Tells of each event when it begins and when it has ended.
///
/// Packets that go on with an event, or repeat its end, tell nothing more. An event whose first packets are lost begins with
/// the first one that comes. One of whose end no packet comes has ended when another one begins, and is marked as damaged.
#[derive(Debug, Default)]
pub struct Depacketizer {
    /// The event that was told last.
    current: Option<Current>,
    ready: VecDeque<AccessUnit>,
    tolerances: Tolerances,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    ssrc: u32,
    /// When it began.
    start: u32,
    /// When the segment began that came last.
    segment_start: u32,
    /// Units before that segment.
    before: u32,
    event: Event,
}

impl Depacketizer {
    /// A depacketizer that waits for an event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet. The events themselves show a loss before it.
    ///
    /// # Errors
    ///
    /// When the payload is too short, or units wait to be polled; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, _lost: u16) -> Result<(), PayloadError> {
        if self.ready.len() >= ACCESS_UNITS_READY_MAX {
            return Err(PayloadError::Unpolled);
        }
        let payload = packet.payload();
        let length = payload.len();
        let (first, others) = match payload.split_at_checked(BYTES) {
            None if length == 0 => return Err(PayloadError::Empty),
            None => return Err(PayloadError::Truncated { needed: BYTES, length }),
            Some(split) => split,
        };
        if !others.is_empty() {
            self.tolerances.record(Tolerance::BytesBehindEvent);
        }
        if let Some(event) = Event::read_payload(first) {
            self.take(packet, event);
        }
        Ok(())
    }

    /// The next unit.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }

    /// Ends an event whose end has not come, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.cut_off();
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    fn take(&mut self, packet: &RtpPacket, event: Event) {
        let (ssrc, timestamp) = (packet.ssrc(), packet.timestamp());
        let Some(current) = self.current.as_mut().filter(|current| current.is_of(ssrc, timestamp, event))
        else {
            return self.begin(ssrc, timestamp, event);
        };
        let was_over = current.event.is_end;
        current.before = current.before.saturating_add(timestamp.wrapping_sub(current.segment_start));
        current.segment_start = timestamp;
        let duration = current.before.saturating_add(event.duration);
        if was_over {
            return;
        }
        current.event = Event { duration: duration.max(current.event.duration), ..event };
        if event.is_end {
            let (start, event) = (current.start, current.event);
            self.tell(start, event, false);
        }
    }

    fn begin(&mut self, ssrc: u32, timestamp: u32, event: Event) {
        self.cut_off();
        self.current = Some(Current { ssrc, start: timestamp, segment_start: timestamp, before: 0, event });
        self.tell(timestamp, event, false);
    }

    /// Ends an event whose end has not come.
    fn cut_off(&mut self) {
        if let Some(Current { start, event, .. }) =
            self.current.take().filter(|current| !current.event.is_end)
        {
            self.tell(start, Event { is_end: true, ..event }, true);
        }
    }

    fn tell(&mut self, timestamp: u32, event: Event, is_damaged: bool) {
        let parts = event.to_parts();
        self.ready.push_back(AccessUnit {
            timestamp,
            parts,
            is_keyframe: true,
            is_damaged,
            configuration: None,
        });
    }
}

impl Current {
    /// The packet belongs to the event: to the segment that came last, to one that follows, or, if packets are lost, a later one.
    fn is_of(&self, ssrc: u32, timestamp: u32, event: Event) -> bool {
        let passed = timestamp.wrapping_sub(self.segment_start);
        let segments = passed.checked_div(SEGMENT_UNITS).unwrap_or(0);
        let is_later = passed % SEGMENT_UNITS == 0 && segments as usize <= ACCESS_UNIT_PARTS_MAX;
        ssrc == self.ssrc
            && event.event == self.event.event
            && (passed == 0 || is_later && !self.event.is_end)
    }
}
