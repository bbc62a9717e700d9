use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::SourceError;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes at the beginning of a pipe that are kept until its format is known.
const HEAD_BYTES_MAX: usize = 16 << 20;

/// The bytes of a file, or of a pipe.
#[derive(Debug)]
pub(super) enum Input {
    File(BufReader<File>),
    Pipe(Pipe),
}

/// The bytes that come through a pipe. Until their format is known, they are kept, so that it can be read again from the beginning.
pub(super) struct Pipe {
    from: Box<dyn Read + Send>,
    head: Vec<u8>,
    /// The next byte of the head that is read; behind its end the pipe goes on.
    at: usize,
    keeps: bool,
}

impl From<File> for Input {
    fn from(file: File) -> Self {
        Self::File(BufReader::with_capacity(BUFFER_BYTES, file))
    }
}

impl Input {
    pub(super) fn pipe(from: impl Read + Send + 'static) -> Self {
        Self::Pipe(Pipe { from: Box::new(from), head: Vec::new(), at: 0, keeps: true })
    }

    /// The first bytes, fewer if there are no more; they are read once more.
    pub(super) fn peek(&mut self, bytes: u64) -> Result<Vec<u8>, SourceError> {
        let mut head = Vec::new();
        self.take(bytes).read_to_end(&mut head)?;
        self.go_to(0)?;
        Ok(head)
    }

    /// Goes to a place of a file, or of what is kept of a pipe.
    pub(super) fn go_to(&mut self, at: u64) -> Result<(), SourceError> {
        match self {
            Self::File(file) => Ok(file.seek(SeekFrom::Start(at)).map(drop)?),
            Self::Pipe(pipe) => pipe.go_to(at),
        }
    }

    /// Goes to a place, once the format is known: nothing more of a pipe is kept.
    pub(super) fn begin_at(&mut self, at: u64) -> Result<(), SourceError> {
        self.go_to(at)?;
        self.keep_no_more();
        Ok(())
    }

    /// Nothing more of a pipe is kept: its format is known.
    pub(super) fn keep_no_more(&mut self) {
        if let Self::Pipe(pipe) = self {
            pipe.keeps = false;
        }
    }

    /// The length of a file.
    pub(super) fn len(&self) -> Result<u64, SourceError> {
        match self {
            Self::File(file) => Ok(file.get_ref().metadata()?.len()),
            Self::Pipe(_) => Err(SourceError::Pipe),
        }
    }
}

impl Pipe {
    fn go_to(&mut self, at: u64) -> Result<(), SourceError> {
        let at = usize::try_from(at).ok().filter(|at| self.keeps && *at <= HEAD_BYTES_MAX);
        let at = at.ok_or(SourceError::Pipe)?;
        let missing = at.saturating_sub(self.head.len());
        if missing > 0 {
            self.at = self.head.len();
            io::copy(&mut self.by_ref().take(missing as u64), &mut io::sink())?;
        }
        if !self.keeps {
            return Err(SourceError::Pipe);
        }
        self.at = at.min(self.head.len());
        Ok(())
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(kept @ [_, ..]) = self.head.get(self.at..) {
            let count = kept.len().min(buffer.len());
            buffer[..count].copy_from_slice(&kept[..count]);
            self.at += count;
            return Ok(count);
        }
        if !self.keeps && !self.head.is_empty() {
            (self.head, self.at) = (Vec::new(), 0);
        }
        let count = self.from.read(buffer)?;
        if self.keeps {
            self.head.extend_from_slice(&buffer[..count]);
            self.at = self.head.len();
            self.keeps = self.head.len() <= HEAD_BYTES_MAX;
        }
        Ok(count)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("kept", &self.head.len()).field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_pipe_can_be_read_again_until_its_format_is_known() {
        let mut input = Input::pipe(&b"0123456789"[..]);
        assert_eq!(input.peek(4).unwrap(), b"0123");
        input.go_to(7).unwrap();
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "789");
        input.begin_at(1).unwrap();
        rest.clear();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "123456789");
        assert!(matches!(input.go_to(0), Err(SourceError::Pipe)));
    }

    #[test]
    fn no_more_than_a_bound_is_kept_of_a_pipe() {
        let mut input = Input::pipe(io::repeat(7));
        input.go_to(HEAD_BYTES_MAX as u64).unwrap();
        input.begin_at(0).unwrap();
        let mut input = Input::pipe(io::repeat(7));
        assert!(matches!(input.go_to(HEAD_BYTES_MAX as u64 + 1), Err(SourceError::Pipe)));
        let mut all = vec![0; HEAD_BYTES_MAX + 1];
        input.read_exact(&mut all).unwrap();
        assert!(matches!(input.go_to(0), Err(SourceError::Pipe)));
    }
}
