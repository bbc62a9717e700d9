//! The one place where clocks and the system's entropy are read.

use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant as StdInstant, SystemTime};

use rtspan_core::{Instant, NtpTime};

/// Now, since the first time that anyone asked.
///
/// # Examples
///
/// ```
/// let before = rtspan_std::now();
/// assert!(rtspan_std::now() >= before);
/// ```
pub fn now() -> Instant {
    Instant::ZERO + start().elapsed()
}

/// The wall clock time.
pub fn wall() -> NtpTime {
    NtpTime::from_unix(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// What the core draws all chance from.
pub(crate) fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| io::Error::from(io::ErrorKind::Unsupported))?;
    Ok(seed)
}

/// The same moment on the system's clock; `None` for one beyond its end.
pub(crate) fn to_std(at: Instant) -> Option<StdInstant> {
    start().checked_add(Duration::from_nanos(at.as_nanos()))
}

fn start() -> StdInstant {
    static START: OnceLock<StdInstant> = OnceLock::new();
    *START.get_or_init(StdInstant::now)
}
