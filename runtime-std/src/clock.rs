//! The one place where clocks and the system's entropy are read.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as StdInstant, SystemTime};

use rtspan_core::{Instant, NtpTime};

/// The clock of a runtime: the system's, or one of the runtime's own.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<dyn TimeSource>>);

/// A clock that is not the system's, such as that of a simulated world.
pub trait TimeSource: fmt::Debug + Send + Sync {
    /// The time that has passed since some beginning; it never goes back.
    fn now(&self) -> Instant;

    /// The wall clock time, which may be set to another at any time.
    fn wall(&self) -> NtpTime;
}

impl Clock {
    /// The clock of the system.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock of the runtime's own.
    pub fn new(source: Arc<dyn TimeSource>) -> Self {
        Self(Some(source))
    }

    /// The time that has passed since some beginning.
    #[inline]
    pub fn now(&self) -> Instant {
        self.0.as_ref().map_or_else(now, |source| source.now())
    }

    /// The wall clock time.
    #[inline]
    pub fn wall(&self) -> NtpTime {
        self.0.as_ref().map_or_else(wall, |source| source.wall())
    }
}

/// Now by the system's clock, since the first time that anyone asked.
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

/// The wall clock time of the system.
pub fn wall() -> NtpTime {
    NtpTime::from_unix(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// The same moment on the system's clock; `None` for one beyond its end.
pub fn to_std(at: Instant) -> Option<StdInstant> {
    start().checked_add(Duration::from_nanos(at.as_nanos()))
}

/// Unpredictable bytes from the system.
pub(crate) fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| io::Error::from(io::ErrorKind::Unsupported))?;
    Ok(seed)
}

fn start() -> StdInstant {
    static START: OnceLock<StdInstant> = OnceLock::new();
    *START.get_or_init(StdInstant::now)
}
