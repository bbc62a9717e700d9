//! The display on terminals of any width, and the lines where there is none.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use unicode_width::UnicodeWidthChar;

use crate::program::{LIMIT, Program, rtspan};

/// A terminal: the end that the test has, and what comes out of it.
struct Terminal {
    master: OwnedFd,
    output: Receiver<Vec<u8>>,
    grid: Grid,
}

/// The characters on a screen that is high enough for all lines; it scrolls never.
#[derive(Debug, Default)]
struct Grid {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// Lines that were broken by the terminal.
    broken: usize,
}

impl Terminal {
    /// Starts the tool, and gives a terminal for its standard error, and for standard output if that is no file.
    fn start(args: &str, columns: u16, stdout: Option<File>, term: &str) -> (Self, std::process::Child) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        resize(&master, columns);
        let stdout = stdout.unwrap_or_else(|| terminal.try_clone().unwrap());
        let child = Command::new(rtspan())
            .args(args.split(' '))
            .env("TERM", term)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(terminal)
            .spawn()
            .unwrap();
        let mut reader = File::from(master.try_clone().unwrap());
        let (send, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The last end of the program's that is closed is an error here.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                let _ = send.send(bytes[..count].to_vec());
            }
        });
        let grid = Grid { columns: columns.into(), rows: vec![Vec::new()], ..Grid::default() };
        (Self { master, output, grid }, child)
    }

    /// Shows what comes until the screen was drawn so often, or until the end; all bytes of it.
    fn show(&mut self, drawn: usize) -> String {
        let mut all = Vec::new();
        let is_drawn = |all: &[u8]| all.windows(3).filter(|bytes| bytes == b"\x1b[J").count() >= drawn;
        while !is_drawn(&all) {
            let Ok(bytes) = self.output.recv_timeout(LIMIT) else { break };
            all.extend(bytes);
        }
        let text = String::from_utf8(all).unwrap();
        self.grid.take(&text);
        text
    }
}

fn resize(master: &OwnedFd, columns: u16) {
    tcsetwinsize(master, Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

impl Grid {
    fn take(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => self.column = 0,
                '\n' => {
                    (self.row, self.column) = (self.row + 1, 0);
                    self.rows.resize(self.rows.len().max(self.row + 1), Vec::new());
                }
                '\x1b' => {
                    let sequence: String = chars.by_ref().take_while(|c| !c.is_ascii_uppercase()).collect();
                    let up = sequence.trim_start_matches('[').parse::<usize>();
                    match up {
                        Ok(up) => self.row -= up,
                        Err(_) => {
                            assert_eq!((&*sequence, self.column), ("[", 0), "only what is below is cleared");
                            self.rows.truncate(self.row);
                            self.rows.push(Vec::new());
                        }
                    }
                }
                c => {
                    let width = c.width().unwrap_or(0);
                    if self.column + width > self.columns {
                        self.broken += 1;
                        self.column = 0;
                        self.row += 1;
                        self.rows.resize(self.rows.len().max(self.row + 1), Vec::new());
                    }
                    self.rows[self.row].push(c);
                    self.column += width;
                }
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.iter().collect()).collect()
    }
}

#[test]
fn figures_fit_into_terminals_of_any_width_and_make_room_for_the_result() {
    for columns in [20, 40, 80, 200] {
        let (mut terminal, mut child) = Terminal::start("demo --seconds 3", columns, None, "xterm");
        let text = terminal.show(usize::MAX);
        assert!(child.wait().unwrap().success(), "{text}");
        let lines = terminal.grid.lines();
        let shown = lines.join("\n");
        assert!(text.contains("\x1b[4A"), "four medias: {text:?}");
        assert!(!text.contains("\x1b[3") && !text.contains("m\x1b"), "no colours: {text:?}");
        assert_eq!(shown.matches("video").count(), 2, "the figures are gone, the table is there: {shown}");
        let words: Vec<_> = shown.split_whitespace().collect();
        assert!(words.join(" ").ends_with("all packets arrived, over UDP and over TCP"), "{shown}");
        // Its first text is long.
        assert!(terminal.grid.broken <= usize::from(100 / columns), "{columns}: {shown}");
    }
}

#[test]
fn figures_fit_again_when_the_terminal_becomes_narrower() {
    let (mut terminal, mut child) = Terminal::start("demo --seconds 4", 120, None, "xterm");
    terminal.show(1);
    resize(&terminal.master, 30);
    let rest = terminal.show(usize::MAX);
    assert!(child.wait().unwrap().success());
    let drawn: Vec<_> = rest.split("\x1b[J").filter(|part| part.contains("\x1b[4A")).collect();
    let last = drawn.last().unwrap();
    assert!(last.lines().all(|line| line.trim_end_matches("\x1b[4A").chars().count() < 30), "{last:?}");
    assert!(last.contains("bit/s"), "{last:?}");
}

#[test]
fn lines_of_a_log_stand_above_the_figures_which_stay() {
    let (_server, url) = Program::serve("smol");
    let play = format!("play {url}/demo --transport tcp --seconds 4 -vvv");
    let (mut terminal, mut child) = Terminal::start(&play, 200, None, "xterm");
    let text = terminal.show(usize::MAX);
    assert!(child.wait().unwrap().success(), "{text}");
    // The next line that is cleared begins at the left edge.
    let draws = |part: &str| part.trim_end_matches('\r').ends_with("\x1b[2A");
    let parts: Vec<_> = text.split("\x1b[J").collect();
    let first = parts.iter().position(|part| draws(part)).unwrap();
    let last = parts.iter().rposition(|part| draws(part)).unwrap();
    let with_lines = parts[first..=last].iter().filter(|part| part.contains(" trace: read bytes=")).count();
    assert!(with_lines > 10, "{with_lines} lines were said while figures were shown: {text:?}");
    for part in &parts[first..=last] {
        assert!(draws(part), "the figures have gone: {part:?}");
    }
    let is_log = |line: &str| line.get(2..3) == Some(":") && line.get(8..9) == Some(".");
    for line in terminal.grid.lines().iter().filter(|line| line.contains("trace: ")) {
        assert!(is_log(line) && line.matches("trace: ").count() == 1, "a line is torn: {line:?}");
    }
    assert!(terminal.grid.lines().iter().all(|line| !line.contains("bit/s") || !is_log(line)));
}

#[test]
fn where_there_is_no_terminal_to_draw_on_nothing_is_drawn() {
    let (mut terminal, mut child) = Terminal::start("demo --seconds 5", 40, None, "dumb");
    let text = terminal.show(usize::MAX);
    assert!(child.wait().unwrap().success());
    assert!(!text.contains('\x1b') && text.contains(" s: udp video"), "{text:?}");
    let piped = Program::rtspan("demo --seconds 2").end();
    assert_eq!(piped.stderr.lines().count(), 1, "{piped:?}");
    assert!(!piped.well().contains('\x1b'));
}

#[test]
fn a_result_goes_to_a_file_whole_while_figures_go_to_a_terminal() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("result.txt");
    let file = File::create(&path).unwrap();
    let (mut terminal, mut child) = Terminal::start("demo --seconds 2", 40, Some(file), "xterm");
    let text = terminal.show(usize::MAX);
    assert!(child.wait().unwrap().success());
    assert!(text.contains("\x1b[4A"), "{text:?}");
    assert!(terminal.grid.lines().iter().all(String::is_empty), "{:?}", terminal.grid);
    let result = fs::read_to_string(&path).unwrap();
    assert!(result.contains(" lost") && !result.contains('\x1b'), "{result}");
    assert!(
        result.lines().any(|line| line.starts_with("udp  video  H264") && line.ends_with(" ms jitter")),
        "{result}"
    );
}

#[test]
fn a_terminal_is_told_what_is_waited_for_until_it_comes() {
    // Nobody answers there.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = silent.local_addr().unwrap();
    for (command, said) in [
        ("play", "connecting to rtsp://127"),
        ("probe", "examining rtsp://127"),
        ("publish", "connecting to"),
    ] {
        let (mut terminal, mut child) = Terminal::start(&format!("{command} {addr}"), 30, None, "xterm");
        let text = terminal.show(1);
        assert!(text.contains(said) && terminal.grid.broken == 0, "{text:?}");
        let kill = format!("kill -INT {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        terminal.show(usize::MAX);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(terminal.grid.lines().concat(), "rtspan: interrupted");
    }
}

#[test]
fn a_stream_is_not_written_to_a_terminal_unless_that_is_wanted() {
    let (_server, url) = Program::serve("smol");
    let play = format!("play {url}/demo --seconds 1 --out -");
    let (mut terminal, mut child) = Terminal::start(&play, 200, None, "xterm");
    let text = terminal.show(usize::MAX);
    assert_eq!(child.wait().unwrap().code(), Some(2), "{text}");
    assert!(text.contains("standard output is a terminal") && text.contains("--force"), "{text}");
}
