use std::error::Error;
use std::fmt;

use crate::Printable;

/// Shows an error and its causes in one line: `DESCRIBE rtsp://camera/main failed: server answered 404 Not Found`.
///
/// The [`Display`](fmt::Display) of an error tells its own level only, and [`source`](Error::source) is the next one. A
/// reporter that walks along the sources, as those of `anyhow` and `eyre` do, prints each text once; whoever has none prints
/// this. What a peer or the system has said is [escaped](Printable).
///
/// ```
/// use std::io;
///
/// use rtspan_core::WithCauses;
/// use rtspan_core::udp::UdpOpenError;
///
/// let error = UdpOpenError::Io(io::Error::other("no such device").into());
/// assert_eq!(error.to_string(), "UDP sockets cannot be opened");
/// assert_eq!(WithCauses(&error).to_string(), "UDP sockets cannot be opened: no such device");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WithCauses<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for WithCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(self.0).fmt(f)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {}", Printable(error))?;
            next = error.source();
        }
        Ok(())
    }
}
