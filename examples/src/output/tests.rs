use super::*;

/// An output whose reader can stop, and go.
#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<Reader>, Condvar)>);

#[derive(Default)]
struct Reader {
    is_stopped: bool,
    is_waited_for: bool,
    error: Option<ErrorKind>,
    text: String,
}

impl Pipe {
    fn stopped() -> Self {
        let pipe = Self::default();
        pipe.set(|reader| reader.is_stopped = true);
        pipe
    }

    fn set(&self, change: impl FnOnce(&mut Reader)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    /// Waits until a write waits.
    fn wait_for_writer(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |reader| !reader.is_waited_for).unwrap());
    }

    fn text(&self) -> String {
        self.0.0.lock().unwrap().text.clone()
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut reader = self.0.0.lock().unwrap();
        while reader.is_stopped {
            reader.is_waited_for = true;
            self.0.1.notify_all();
            reader = self.0.1.wait(reader).unwrap();
        }
        reader.is_waited_for = false;
        match reader.error {
            Some(kind) => {
                // Full once only.
                reader.error = Some(kind).filter(|kind| *kind != ErrorKind::WouldBlock);
                Err(kind.into())
            }
            None => {
                reader.text += std::str::from_utf8(bytes).unwrap();
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const PATIENT: Patience = Patience { at_most: Duration::from_secs(30), between: Duration::from_secs(30) };
const BRIEF: Duration = Duration::from_millis(50);

fn writer_to(pipe: &Pipe) -> Writer {
    let pipe = pipe.clone();
    Writer::start(move || pipe)
}

fn news(text: impl Into<String>) -> Text {
    Text::news(text.into())
}

/// A writer that is held up by its first line.
fn held_up() -> (Pipe, Writer) {
    let pipe = Pipe::stopped();
    let writer = writer_to(&pipe);
    writer.push(news("first\n"));
    pipe.wait_for_writer();
    (pipe, writer)
}

#[test]
fn what_is_read_is_written_in_its_order() {
    let pipe = Pipe::default();
    let writer = writer_to(&pipe);
    let lines: Vec<_> = (0..100).map(|number| format!("{number}\n")).collect();
    for line in &lines {
        writer.push(news(line));
        writer.push(Text::result(line.clone()));
    }
    writer.finish(PATIENT).unwrap();
    assert_eq!(pipe.text(), lines.iter().map(|line| line.repeat(2)).collect::<String>());
}

#[test]
fn lines_beyond_the_bound_are_left_out_and_counted_in_their_place() {
    let (pipe, writer) = held_up();
    for number in 0..LINES_MAX + 3 {
        writer.push(news(format!("{number}\n")));
    }
    writer.push(Text::result("result\n".into()));
    writer.push(news("no room\n"));
    pipe.set(|reader| reader.is_stopped = false);
    writer.finish(PATIENT).unwrap();
    writer.push(news("again\n"));
    writer.finish(PATIENT).unwrap();
    let text = pipe.text();
    let said: Vec<_> = text.lines().skip(LINES_MAX).collect();
    let left_out = |lines| format!("{lines} lines were left out: they were not read in time");
    assert_eq!(said, [&(LINES_MAX - 1).to_string(), &left_out(3), "result", &left_out(1), "again"]);
}

#[test]
fn that_lines_of_json_were_left_out_is_said_in_json() {
    let (pipe, writer) = held_up();
    for _ in 0..=LINES_MAX {
        writer.push(Text::news_json("{}\n".into()));
    }
    pipe.set(|reader| reader.is_stopped = false);
    writer.finish(PATIENT).unwrap();
    assert_eq!(pipe.text().lines().last(), Some("{\"event\":\"left_out\",\"lines\":1}"));
}

#[test]
fn bytes_beyond_the_bound_are_left_out() {
    let (pipe, writer) = held_up();
    writer.push(news("x".repeat(BYTES_MAX - 1) + "\n"));
    writer.push(news("\n"));
    pipe.set(|reader| reader.is_stopped = false);
    writer.finish(PATIENT).unwrap();
    assert!(pipe.text().ends_with("x\n1 lines were left out: they were not read in time\n"));
}

#[test]
fn the_end_waits_for_a_reader_no_longer_than_it_may() {
    let (pipe, writer) = held_up();
    writer.finish(Patience { at_most: BRIEF, ..PATIENT }).expect("news may be lost");
    writer.push(Text::result("result\n".into()));
    let late = writer.finish(Patience { between: BRIEF, ..PATIENT }).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    writer.hurry();
    let hurried = writer.finish(Patience { at_most: BRIEF, ..PATIENT }).unwrap_err();
    assert_eq!(hurried.kind(), ErrorKind::TimedOut);
    pipe.set(|reader| reader.is_stopped = false);
    writer.finish(PATIENT).unwrap();
    assert_eq!(pipe.text(), "first\nresult\n");
}

#[test]
fn a_reader_that_has_gone_makes_lost_results_a_failure_and_nothing_else() {
    let (pipe, writer) = held_up();
    (0..2 * LINES_MAX).for_each(|_| writer.push(news("line\n")));
    pipe.set(|reader| (reader.is_stopped, reader.error) = (false, Some(ErrorKind::BrokenPipe)));
    writer.finish(PATIENT).expect("news may be lost");
    writer.push(news("nobody\n"));
    writer.finish(PATIENT).expect("news may be lost");
    writer.push(Text::result("result\n".into()));
    assert_eq!(writer.finish(PATIENT).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(pipe.text(), "");
}

#[test]
fn an_output_that_does_not_wait_is_tried_again() {
    let pipe = Pipe::default();
    pipe.set(|reader| reader.error = Some(ErrorKind::WouldBlock));
    let writer = writer_to(&pipe);
    writer.push(news("line\n"));
    writer.finish(PATIENT).unwrap();
    assert_eq!(pipe.text(), "line\n");
}
