use std::time::Duration;

use super::rtcp::ReportBlock;
use crate::description::Format;
use crate::{Instant, NtpTime};

/// Units of a clock in a time; a clock rate of 0 gives 0.
pub(crate) fn to_units(time: Duration, clock_rate: u32) -> u64 {
    let seconds = time.as_secs().wrapping_mul(u64::from(clock_rate));
    // Below 2^30 times below 2^32 fits.
    let fraction = u64::from(time.subsec_nanos()).wrapping_mul(u64::from(clock_rate)) / 1_000_000_000;
    seconds.wrapping_add(fraction)
}

/// The time that `units` of a clock take, to the nanosecond; a clock rate of 0 gives none.
pub(super) fn to_time(units: u32, clock_rate: u32) -> Option<Duration> {
    let nanos = u64::from(units).saturating_mul(1_000_000_000).checked_div(u64::from(clock_rate))?;
    Some(Duration::from_nanos(nanos))
}

/// The time that `units` of a clock take; nothing without a clock rate.
pub(crate) fn units_to_time(units: u32, clock_rate: u32) -> Duration {
    to_time(units, clock_rate).unwrap_or_default()
}

/// The nanoseconds that `units` of a clock take, towards zero; none without a clock rate.
#[inline]
pub(crate) fn units_to_nanos(units: i64, clock_rate: u32) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    let rate = i64::from(clock_rate);
    if let Some(scaled) = units.checked_mul(SECOND) {
        return scaled.checked_div(rate).unwrap_or_default();
    }
    // The rest is below 2^32, and below 2^62 when scaled.
    let (whole, rest) =
        (units.checked_div(rate).unwrap_or_default(), units.checked_rem(rate).unwrap_or_default());
    let rest = rest.saturating_mul(SECOND).checked_div(rate).unwrap_or_default();
    whole.saturating_mul(SECOND).saturating_add(rest)
}

/// The time to a reader and back (RFC 3550, section 6.4.1): since the sender report that its block names, of which the
/// middle of the time and the moment are in `sent`, less the time that the reader has taken to answer.
pub(crate) fn round_trip(
    came: Instant,
    block: &ReportBlock,
    mut sent: impl Iterator<Item = (u32, Instant)>,
) -> Option<Duration> {
    // Zero stands for no report (RFC 3550, section 6.4.1).
    let (_, sent) = sent.find(|(middle, _)| *middle == block.last_sr && block.last_sr != 0)?;
    Some(came.since(sent).saturating_sub(units_to_time(block.delay, 1 << 16)))
}

/// How far `timestamp` is past `reference`, over the wrap of both: ahead, or behind.
pub(super) fn distance(timestamp: u32, reference: u32) -> Result<u32, u32> {
    let ahead = timestamp.wrapping_sub(reference) as i32;
    if ahead >= 0 { Ok(ahead.unsigned_abs()) } else { Err(ahead.unsigned_abs()) }
}

/// The wall clock time of `timestamp`, where `rtp` belongs to `ntp`; a clock rate of 0 gives none.
pub(super) fn time_of(timestamp: u32, (ntp, rtp): (NtpTime, u32), clock_rate: u32) -> Option<NtpTime> {
    Some(match distance(timestamp, rtp) {
        Ok(ahead) => ntp + to_time(ahead, clock_rate)?,
        Err(behind) => ntp - to_time(behind, clock_rate)?,
    })
}

/// The clock rates of a media's formats, by payload type.
#[derive(Clone, Debug)]
pub(crate) struct ClockRates(Box<[(u8, u32)]>);

impl ClockRates {
    pub(crate) fn new(formats: &[Format]) -> Self {
        Self(formats.iter().map(|format| (format.payload_type, format.clock_rate)).collect())
    }

    /// The clock rate of a payload type; `None` if no format has it.
    #[inline]
    pub(crate) fn of(&self, payload_type: u8) -> Option<u32> {
        self.0.iter().find(|(own, _)| *own == payload_type).map(|(_, clock_rate)| *clock_rate)
    }

    /// How many formats there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The clock rate of the first format; 0 if there is none.
    pub(crate) fn first(&self) -> u32 {
        self.0.first().map_or(0, |(_, clock_rate)| *clock_rate)
    }
}
