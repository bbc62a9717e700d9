use rtspan_core::Instant;

/// Why a simulated world has stopped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// A task has panicked, as a test does that fails.
    #[error("a task of {host} panicked at {at:?}, with seed {seed}: {message}")]
    Panicked {
        /// The host of the task.
        host: String,
        /// The time in the world.
        at: Instant,
        /// The seed that does it again.
        seed: u64,
        /// The message of the panic.
        message: String,
    },
    /// The future that was waited for is not done within its limit.
    #[error("what was waited for is not done at {at:?}, with seed {seed}")]
    TimedOut {
        /// The time in the world.
        at: Instant,
        /// The seed that does it again.
        seed: u64,
    },
    /// Tasks wake themselves again and again, and nothing else happens.
    #[error("a task of {host} keeps waking itself at {at:?}, with seed {seed}")]
    Spinning {
        /// The host of the task that ran last.
        host: String,
        /// The time in the world.
        at: Instant,
        /// The seed that does it again.
        seed: u64,
    },
}
