use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Stdin};

use super::SourceError;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// The bytes of a file, or of standard input.
#[derive(Debug)]
pub(super) enum Input {
    File(BufReader<File>),
    Stdin(Stdin),
}

impl From<File> for Input {
    fn from(file: File) -> Self {
        Self::File(BufReader::with_capacity(BUFFER_BYTES, file))
    }
}

impl From<Stdin> for Input {
    fn from(stdin: Stdin) -> Self {
        Self::Stdin(stdin)
    }
}

impl Input {
    /// Goes to a place of a file.
    pub(super) fn go_to(&mut self, at: u64) -> Result<(), SourceError> {
        match self {
            Self::File(file) => Ok(file.seek(SeekFrom::Start(at)).map(drop)?),
            Self::Stdin(_) => Err(SourceError::Pipe),
        }
    }

    /// The length of a file.
    pub(super) fn len(&self) -> Result<u64, SourceError> {
        match self {
            Self::File(file) => Ok(file.get_ref().metadata()?.len()),
            Self::Stdin(_) => Err(SourceError::Pipe),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stdin(stdin) => stdin.read(buffer),
        }
    }
}
