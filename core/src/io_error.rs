use std::io;
use std::ops::Deref;

/// An error of the system's that can be copied and compared, which an [`io::Error`] cannot.
///
/// A runtime makes it of an [`io::Error`], or of its kind. Two are equal if they are of the same [kind](io::Error::kind).
///
/// ```
/// use std::io;
///
/// use rtspan_core::IoError;
///
/// let error = IoError::from(io::Error::other("the cable is cut"));
/// assert_eq!(error.clone().to_string(), "the cable is cut");
/// assert_eq!(error.kind(), io::ErrorKind::Other);
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct IoError(io::Error);

impl IoError {
    /// The error itself.
    pub fn as_io(&self) -> &io::Error {
        &self.0
    }
}

impl Clone for IoError {
    fn clone(&self) -> Self {
        Self(match self.0.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None if self.0.get_ref().is_some() => io::Error::new(self.0.kind(), self.0.to_string()),
            None => self.0.kind().into(),
        })
    }
}

impl PartialEq for IoError {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind() == other.0.kind()
    }
}

impl Eq for IoError {}

impl Deref for IoError {
    type Target = io::Error;

    fn deref(&self) -> &io::Error {
        &self.0
    }
}

impl From<io::Error> for IoError {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl From<io::ErrorKind> for IoError {
    fn from(kind: io::ErrorKind) -> Self {
        Self(kind.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_of_the_same_kind_and_says_the_same() {
        let errors = [
            io::Error::from_raw_os_error(111),
            io::ErrorKind::TimedOut.into(),
            io::Error::new(io::ErrorKind::NotFound, "no such name"),
        ];
        for error in errors.map(IoError::from) {
            let copy = error.clone();
            assert_eq!((copy.kind(), copy.raw_os_error()), (error.kind(), error.raw_os_error()));
            assert_eq!(copy.to_string(), error.to_string());
            assert_eq!(copy, error);
        }
        assert_ne!(IoError::from(io::ErrorKind::TimedOut), IoError::from(io::ErrorKind::NotFound));
    }
}
