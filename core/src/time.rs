use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of a clock that only the caller can read, in nanoseconds since any fixed start.
///
/// All arithmetic saturates: a clock that jumps costs accuracy, never a panic.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant(u64);

impl Instant {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);

    /// The moment `nanos` nanoseconds after the start of the clock.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start of the clock.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Self> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::from_nanos(self.0).fmt(f)
    }
}

/// Seconds between 1900, where NTP starts to count, and 1970, where Unix does.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// A wall clock time as 32.32 fixed-point seconds since 1900 (RFC 3550, section 4).
///
/// ```
/// use std::time::Duration;
///
/// use rtspan_core::NtpTime;
///
/// let time = NtpTime::from_unix(Duration::from_secs(1_700_000_000));
/// assert_eq!(time.to_unix(), Some(Duration::from_secs(1_700_000_000)));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NtpTime(u64);

impl NtpTime {
    /// The time whose 64 bits are `bits`.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All 64 bits: seconds in the upper half, their fraction in the lower.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The middle 32 bits, as receiver reports echo them (LSR, RFC 3550, section 6.4.1).
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// The time `since_1970` after the start of 1970.
    pub fn from_unix(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs().wrapping_add(NTP_TO_UNIX);
        let fraction =
            ((u64::from(since_1970.subsec_nanos()) << 32).saturating_add(500_000_000)) / 1_000_000_000;
        Self((seconds << 32).wrapping_add(fraction))
    }

    /// The time since the start of 1970; `None` for a time before it.
    pub fn to_unix(self) -> Option<Duration> {
        let seconds = (self.0 >> 32).checked_sub(NTP_TO_UNIX)?;
        let nanos = ((self.0 & 0xffff_ffff).saturating_mul(1_000_000_000).saturating_add(1 << 31)) >> 32;
        Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos)))
    }

    /// Nanoseconds from `other` to this time, over the wrap of both; negative if this is the earlier one.
    pub(crate) fn nanos_since(self, other: Self) -> i64 {
        let apart = i128::from(self.0.wrapping_sub(other.0) as i64);
        // To the nearest one; 2^31 seconds are less than 2^62 nanoseconds.
        (apart.saturating_mul(1_000_000_000).saturating_add(1 << 31) >> 32) as i64
    }

    /// The time so many nanoseconds later, or earlier if they are negative.
    pub(crate) fn plus_nanos(self, nanos: i64) -> Self {
        let by = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { self - by } else { self + by }
    }
}

impl Add<Duration> for NtpTime {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        let fraction = (u64::from(by.subsec_nanos()) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add(by.as_secs() << 32).wrapping_add(fraction))
    }
}

impl Sub<Duration> for NtpTime {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        let fraction = (u64::from(by.subsec_nanos()) << 32) / 1_000_000_000;
        Self(self.0.wrapping_sub(by.as_secs() << 32).wrapping_sub(fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_goes_back_is_zero_and_time_that_overflows_is_the_end() {
        let late = Instant::from_nanos(u64::MAX);
        assert_eq!(late + Duration::from_secs(1), late);
        assert_eq!(Instant::ZERO - late, Duration::ZERO);
    }

    #[test]
    fn ntp_times_round_trip_to_the_nanosecond() {
        let unix = Duration::new(1_366_024_517, 958_404_853);
        let ntp = NtpTime::from_unix(unix);
        assert_eq!(ntp.to_bits(), 15_354_565_283_395_798_332);
        assert_eq!(ntp.to_unix(), Some(unix));
        assert_eq!(
            NtpTime::from_unix(Duration::from_secs(1_366_024_518)).to_bits(),
            15_354_565_283_574_448_128
        );
        assert_eq!(NtpTime::from_bits(1 << 32).to_unix(), None);
    }

    #[test]
    fn the_distance_of_two_ntp_times_is_told_over_the_wrap_of_2036() {
        let late = NtpTime::from_bits(u64::MAX - (1 << 31));
        for nanos in [-1_000_000_000, -1, 0, 1, 3_600_000_000_001] {
            let there = late.plus_nanos(nanos);
            assert_eq!((there.nanos_since(late), late.nanos_since(there)), (nanos, -nanos));
        }
    }
}
