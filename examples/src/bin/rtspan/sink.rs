//! Files that are written, and standard output in the place of one.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Seek, SeekFrom, Stdout, Write};
use std::path::Path;

use crate::Failure;

/// The path that stands for standard output, and for standard input.
const STANDARD: &str = "-";

/// Returns `true` if a path stands for standard output, or standard input.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
}

/// A place that bytes are written to.
#[derive(Debug)]
pub(crate) enum Sink {
    File(BufWriter<File>),
    Stdout(Stdout),
}

impl Sink {
    /// Creates a file, or takes standard output, which is no terminal unless that is wanted. `what` is what will be written.
    pub(crate) fn create(path: &Path, what: &'static str, force: bool) -> Result<Self, Failure> {
        if !is_standard(path) {
            let file =
                File::create(path).map_err(|source| Failure::WriteFile { path: path.into(), source })?;
            return Ok(Self::File(BufWriter::new(file)));
        }
        if io::stdout().is_terminal() && !force {
            return Err(Failure::Terminal { what });
        }
        Ok(Self::Stdout(io::stdout()))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

impl Seek for Sink {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Stdout(_) => Err(ErrorKind::NotSeekable.into()),
        }
    }
}

/// Why nothing more can be written to `path`: a reader of standard output that has gone is no fault.
pub(crate) fn failed(path: &Path, source: io::Error) -> Failure {
    if is_standard(path) { Failure::Output(source) } else { Failure::WriteFile { path: path.into(), source } }
}
