//! The output of a program: no task ever waits for its reader.
//!
//! Standard output and standard error have a thread each that writes what is queued. News that find no room, since the
//! reader has stopped reading, are left out and counted; a line says how many once it reads again. Results are never left
//! out.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rtspan_core::Printable;

/// Lines that may wait for each output; news beyond are left out.
pub const LINES_MAX: usize = 1000;
/// Bytes of lines that may wait for each output; news beyond are left out.
pub const BYTES_MAX: usize = 256 << 10;

/// Standard output.
pub static STDOUT: LazyLock<Writer> = LazyLock::new(|| Writer::start(io::stdout));
/// Standard error.
pub static STDERR: LazyLock<Writer> = LazyLock::new(|| Writer::start(io::stderr));

/// Says what goes on, in one printable line on standard output.
pub fn say(line: impl Display) {
    STDOUT.push(Text::news(format!("{}\n", Printable(line))));
}

/// As much as is written at a time: a pipe takes that much whole, and it shows that the reader still reads.
const PIECE: usize = 4096;
/// How long to wait before an output that is not to be waited for is tried again.
const RETRY: Duration = Duration::from_millis(10);

/// Whole lines.
#[derive(Debug)]
pub struct Text {
    text: String,
    is_result: bool,
    is_json: bool,
}

impl Text {
    /// News, which may be left out.
    pub fn news(text: String) -> Self {
        Self { text, is_result: false, is_json: false }
    }

    /// A result, which is never left out.
    pub fn result(text: String) -> Self {
        Self { text, is_result: true, is_json: false }
    }

    /// News in lines of JSON. They may be left out, which is then said in JSON as well.
    pub fn news_json(text: String) -> Self {
        Self { text, is_result: false, is_json: true }
    }

    fn lines(&self) -> usize {
        self.text.lines().count()
    }
}

/// How long a reader is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// With news, or when the user wants to stop: altogether.
    pub at_most: Duration,
    /// With results: as long as it takes nothing.
    pub between: Duration,
}

/// Writes the texts that are pushed, on a thread of its own, so that pushing never waits.
#[derive(Debug)]
pub struct Writer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// For the thread: there is something to write.
    queued: Condvar,
    /// For the end: something was written, or is not waited for any more.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    texts: VecDeque<Text>,
    lines: usize,
    bytes: usize,
    /// Lines that found no room; the line that says so has its place behind those that did.
    left_out: usize,
    /// The last of them were JSON.
    leaves_out_json: bool,
    /// The kind of the text that is being written.
    current: Current,
    /// Pieces that were written.
    pieces: u64,
    /// There is no reader any more.
    is_closed: bool,
    /// Why the first of the results that were lost was lost.
    lost: Option<ErrorKind>,
    in_a_hurry: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Current {
    #[default]
    Nothing,
    News,
    Result,
}

impl Writer {
    /// Begins to write to what `open` opens.
    pub fn start<W: Write>(open: impl FnOnce() -> W + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let started = thread::Builder::new().name("output".into()).spawn(move || its.write_on(open()));
        shared.lock().is_closed = started.is_err();
        Self(shared)
    }

    /// Queues a text; news find no room beyond the bounds, nor before it is said how many lines were left out.
    pub fn push(&self, text: Text) {
        let mut queue = self.0.lock();
        if queue.is_closed {
            queue.lose(&text, ErrorKind::BrokenPipe);
        } else if text.is_result {
            queue.say_left_out();
            queue.insert(text);
        } else if queue.left_out == 0 && queue.has_room_for(&text) {
            queue.insert(text);
        } else {
            queue.left_out = queue.left_out.saturating_add(text.lines());
            queue.leaves_out_json = text.is_json;
        }
        self.0.queued.notify_one();
    }

    /// Waits until all is written, for a while.
    ///
    /// # Errors
    ///
    /// If a result was lost.
    pub fn finish(&self, patience: Patience) -> io::Result<()> {
        let start = Instant::now();
        let mut queue = self.0.lock();
        let (mut since, mut pieces) = (start, queue.pieces);
        while !queue.is_done() {
            if queue.pieces != pieces {
                (since, pieces) = (Instant::now(), queue.pieces);
            }
            let until = if queue.has_results() && !queue.in_a_hurry {
                since + patience.between
            } else {
                start + patience.at_most
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return if queue.has_results() { Err(ErrorKind::TimedOut.into()) } else { queue.ended() };
            }
            queue = self.0.written.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.ended()
    }

    /// Waits no longer at the end than with news.
    pub fn hurry(&self) {
        self.0.lock().in_a_hurry = true;
        self.0.written.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the program ends.
    fn write_on(&self, mut out: impl Write) {
        loop {
            let text = self.next();
            let written = self.write(&mut out, text.text.as_bytes());
            let mut queue = self.lock();
            queue.current = Current::Nothing;
            if let Err(error) = written {
                queue.lose(&text, error.kind());
                if error.kind() == ErrorKind::BrokenPipe {
                    queue.close();
                }
            }
            drop(queue);
            self.written.notify_all();
        }
    }

    /// Waits for the next text.
    fn next(&self) -> Text {
        let mut queue = self.lock();
        loop {
            if queue.texts.is_empty() {
                queue.say_left_out();
            }
            if let Some(text) = queue.remove() {
                queue.current = if text.is_result { Current::Result } else { Current::News };
                return text;
            }
            queue = self.queued.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&self, out: &mut impl Write, text: &[u8]) -> io::Result<()> {
        for mut piece in text.chunks(PIECE) {
            while !piece.is_empty() {
                match out.write(piece) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(n) => piece = piece.get(n..).unwrap_or_default(),
                    Err(error) => again(error)?,
                }
            }
            self.lock().pieces += 1;
            self.written.notify_all();
        }
        loop {
            match out.flush() {
                Ok(()) => return Ok(()),
                Err(error) => again(error)?,
            }
        }
    }
}

/// Waits where trying again makes sense: a terminal that is shared may be set not to wait.
fn again(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock => {
            thread::sleep(RETRY);
            Ok(())
        }
        _ => Err(error),
    }
}

impl Queue {
    fn has_room_for(&self, text: &Text) -> bool {
        self.lines + text.lines() <= LINES_MAX && self.bytes + text.text.len() <= BYTES_MAX
    }

    fn insert(&mut self, text: Text) {
        self.lines += text.lines();
        self.bytes += text.text.len();
        self.texts.push_back(text);
    }

    fn remove(&mut self) -> Option<Text> {
        let text = self.texts.pop_front()?;
        self.lines -= text.lines();
        self.bytes -= text.text.len();
        Some(text)
    }

    fn say_left_out(&mut self) {
        match std::mem::take(&mut self.left_out) {
            0 => {}
            lines if self.leaves_out_json => {
                self.insert(Text::news(format!("{{\"event\":\"left_out\",\"lines\":{lines}}}\n")));
            }
            lines => {
                self.insert(Text::news(format!("{lines} lines were left out: they were not read in time\n")))
            }
        }
    }

    fn lose(&mut self, text: &Text, why: ErrorKind) {
        if text.is_result {
            self.lost.get_or_insert(why);
        }
    }

    /// Nobody will read what waits.
    fn close(&mut self) {
        while let Some(text) = self.remove() {
            self.lose(&text, ErrorKind::BrokenPipe);
        }
        self.left_out = 0;
        self.is_closed = true;
    }

    fn is_done(&self) -> bool {
        self.texts.is_empty() && self.left_out == 0 && self.current == Current::Nothing
    }

    fn has_results(&self) -> bool {
        self.current == Current::Result || self.texts.iter().any(|text| text.is_result)
    }

    fn ended(&self) -> io::Result<()> {
        self.lost.map_or(Ok(()), |why| Err(why.into()))
    }
}

#[cfg(test)]
mod tests;
