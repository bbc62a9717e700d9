//! Pictures that carry a number, from a publisher that goes down a list of addresses to readers of three kinds.

use std::io::Read;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtspan_std::payload::Parts;
use rtspan_std::{Client, Description, Format, Frame, Media, MediaKind, Transports};

use crate::program::{LIMIT, Program, rtspan};
use crate::stall::{self, Mark, Meter};

/// A picture each.
pub(super) const EACH: Duration = Duration::from_millis(20);
/// Shorter times between two pictures are within every bound.
const NOTICED: Duration = Duration::from_millis(200);
/// Rows and columns of a picture: one macroblock.
const SIDE: usize = 16;
const WHITE: u8 = 235;
const BLACK: u8 = 16;

/// Baseline, level 1, 16 × 16.
const SPS: [u8; 6] = [0x67, 0x42, 0xc0, 0x0a, 0xda, 0x79];
const PPS: [u8; 4] = [0x68, 0xce, 0x38, 0x80];
/// The bytes of an IDR slice before its samples; the third tells it from the slice before, and so differs by one.
const SLICE: [u8; 5] = [0x65, 0x88, 0x82, 0x21, 0xa0];

/// An IDR picture of H.264 whose macroblock is stored sample by sample (`I_PCM`). Each column of it is a bit of the number. `place`
/// is its place in the stream: decoders take two slices that are alike in what it changes for one picture.
fn picture(number: u16, place: usize) -> Vec<u8> {
    let mut nal = SLICE.to_vec();
    nal[2] |= (place & 1) as u8;
    let row = (0..SIDE).map(|bit| if number >> bit & 1 == 1 { WHITE } else { BLACK });
    nal.extend(row.collect::<Vec<u8>>().repeat(SIDE));
    nal.extend([128; SIDE * SIDE / 2]);
    nal.push(0x80);
    nal
}

/// A film of so many pictures, in annex B.
pub(super) fn film(pictures: u16) -> Vec<u8> {
    let nals = [SPS.to_vec(), PPS.to_vec()]
        .into_iter()
        .chain((0..pictures).map(|number| picture(number, number.into())));
    nals.flat_map(|nal| [vec![0, 0, 0, 1], nal].concat()).collect()
}

/// The number in a row of a picture.
fn number(row: &[u8]) -> u16 {
    (0..SIDE).map(|bit| u16::from(row[bit] > 127) << bit).sum()
}

/// A camera: it publishes at the first address that lets it, and goes down the list when that one ends.
///
/// The numbers of its pictures go on with the time, also while nobody takes them: they tell how long a gap is.
pub(super) struct Publisher {
    is_over: Arc<AtomicBool>,
    /// Of its addresses, the one that it publishes at; past the last one if at none.
    at: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
    /// The numbers of the pictures that it has sent: on a busy machine it is late, and leaves some out.
    sent: Arc<Mutex<Vec<u16>>>,
    begun: Instant,
    first: u16,
}

impl Publisher {
    /// Publishes a path at one of these servers. `first` is the number of the first picture.
    pub(super) fn start(servers: &[&str], path: &str, first: u16) -> Self {
        let urls: Vec<_> = servers.iter().map(|server| format!("{server}/{path}")).collect();
        let (is_over, at) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(urls.len())));
        let begun = Instant::now();
        let sent = Arc::<Mutex<Vec<_>>>::default();
        let (stop, place, numbers) = (Arc::clone(&is_over), Arc::clone(&at), Arc::clone(&sent));
        let meter = stall::meter();
        let thread = thread::spawn(move || {
            meter.watch_this_thread(true);
            for index in (0..urls.len()).cycle() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let begins = || place.store(index, Ordering::Relaxed);
                publish_until_it_ends(&urls[index], &stop, begun, begins, |number| {
                    let mut sent = numbers.lock().unwrap();
                    sent.push(first + number);
                    picture(first + number, sent.len())
                });
                place.store(urls.len(), Ordering::Relaxed);
                thread::sleep(EACH);
            }
        });
        Self { is_over, at, thread: Some(thread), sent, begun, first }
    }

    /// Waits until it publishes at the server of this index.
    #[track_caller]
    pub(super) fn comes_to(&self, index: usize) {
        until("the publisher comes", || self.at.load(Ordering::Relaxed) == index);
    }

    /// The number of the picture that is due now.
    pub(super) fn now(&self) -> u16 {
        self.first + number_at(self.begun)
    }

    /// Ends the session, as a camera that is switched off.
    pub(super) fn end(mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn number_at(begun: Instant) -> u16 {
    u16::try_from(begun.elapsed().as_millis() / EACH.as_millis()).unwrap()
}

fn publish_until_it_ends(
    url: &str,
    stop: &AtomicBool,
    begun: Instant,
    begins: impl FnOnce(),
    picture: impl Fn(u16) -> Vec<u8>,
) {
    let video = Media::new(MediaKind::Video, vec![Format::h264(96, &SPS, &PPS)]);
    let builder = Client::builder(url).unwrap().transport(Transports::Tcp);
    let Ok(mut publisher) = builder.publish_frames(Description::new(vec![video])) else { return };
    begins();
    while !stop.load(Ordering::Relaxed) {
        let number = number_at(begun);
        let unit = [&[0, 0, 0, 1][..], &picture(number)].concat();
        let time = (EACH * u32::from(number)).as_nanos() as i64;
        if publisher.write(&Frame::new(0, time, Parts::from_annex_b(&unit.into()))).is_err() {
            return;
        }
        let due = EACH * (u32::from(number) + 1);
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    let _ = publisher.teardown();
}

/// A program that reads a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Rtspan,
    Ffmpeg,
    Gstreamer,
    /// As a program that follows no redirect, by its name.
    Retina,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Rtspan, Self::Ffmpeg, Self::Gstreamer];

    /// A command that writes pictures to standard output.
    fn command(self, url: &str) -> Command {
        let (mut command, args) = match self {
            // It writes what has arrived, in annex B. The others decode it.
            Self::Rtspan | Self::Retina => {
                let name = if self == Self::Retina { " --user-agent retina" } else { "" };
                let output = "--transport tcp --no-reconnect --out - --format h264";
                (Command::new(rtspan()), format!("play {url} {output}{name}"))
            }
            Self::Ffmpeg => {
                let input = "-v error -fflags nobuffer -flags low_delay -probesize 32 -rtsp_transport tcp";
                let output = "-fps_mode passthrough -f rawvideo -pix_fmt gray -flush_packets 1 -";
                (Command::new("ffmpeg"), format!("{input} -i {url} {output}"))
            }
            Self::Gstreamer => {
                let source =
                    format!("rtspsrc location={url} protocols=tcp latency=0 ! rtph264depay ! h264parse");
                let sink = "avdec_h264 ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink sync=false";
                (Command::new("gst-launch-1.0"), format!("-q {source} ! {sink}"))
            }
        };
        command.args(args.split(' '));
        command
    }

    /// Takes the next whole picture from the front of what has been read.
    fn take(self, read: &mut Vec<u8>) -> Option<u16> {
        let (begin, bytes) = match self {
            Self::Rtspan | Self::Retina => {
                let is_slice = |bytes: &[u8]| bytes[..2] == SLICE[..2] && bytes[3..] == SLICE[3..];
                (read.windows(SLICE.len()).position(is_slice)? + SLICE.len(), SIDE * SIDE)
            }
            Self::Ffmpeg | Self::Gstreamer => (0, SIDE * SIDE),
        };
        let number = number(read.get(begin..begin + bytes)?);
        read.drain(..begin + bytes);
        Some(number)
    }
}

/// A reader, and the pictures that it has seen.
pub(super) struct Reader {
    program: Program,
    name: String,
    seen: Arc<Mutex<Vec<(u16, Instant)>>>,
    meter: Meter,
    /// The program, and the thread that takes its pictures.
    marks: [Mark; 2],
}

impl Reader {
    pub(super) fn start(kind: Kind, server: &str, path: &str) -> Self {
        let url = format!("{server}/{path}");
        let command = kind.command(&url);
        let (program, mut output) = Program::streaming(command);
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let pictures = Arc::clone(&seen);
        let meter = stall::meter();
        let (mark, marks) = channel();
        let own = meter.clone();
        thread::spawn(move || {
            mark.send(own.watch_this_thread(false)).unwrap();
            drop(own);
            let (mut part, mut read) = ([0; 16_384], Vec::new());
            while let Ok(length @ 1..) = output.read(&mut part) {
                read.extend_from_slice(&part[..length]);
                let at = Instant::now();
                while let Some(number) = kind.take(&mut read) {
                    pictures.lock().unwrap().push((number, at));
                }
            }
        });
        let marks = [meter.watch(program.pid(), false), marks.recv().unwrap()];
        Self { program, name: format!("{kind:?} at {url}"), seen, meter, marks }
    }

    /// Waits until it has seen a picture of this number or a later one.
    #[track_caller]
    pub(super) fn sees(&self, number: u16) {
        until(&format!("{} sees {number}, not only {:?}", self.name, self.last()), || {
            self.last().is_some_and(|last| last >= number)
        });
    }

    /// The number of the last picture that it has seen.
    pub(super) fn last(&self) -> Option<u16> {
        self.seen.lock().unwrap().last().map(|(number, _)| *number)
    }

    /// All pictures that it has seen, and when.
    pub(super) fn seen(&self) -> Vec<(u16, Instant)> {
        self.seen.lock().unwrap().clone()
    }

    /// For how long the machine has kept it, and what it reads from, from running.
    pub(super) fn kept(&self, from: Instant, to: Instant) -> Duration {
        self.meter.between(from, to, &self.marks)
    }

    /// The longest time between two pictures from a moment on, without that for which the machine kept it or the nodes from running.
    pub(super) fn wait(&self, since: Instant) -> Duration {
        let seen = self.seen();
        let pairs = seen.windows(2).map(|pair| (pair[0].1, pair[1].1));
        let waits = pairs.filter(|(_, to)| *to >= since).map(|(from, to)| {
            let wait = to - from;
            // It is not asked for each picture.
            if wait < NOTICED {
                return wait;
            }
            let kept = self.kept(from, to);
            println!("{}: {wait:?} between two pictures, {kept:?} of it kept by the machine", self.name);
            wait.saturating_sub(kept)
        });
        waits.max().unwrap()
    }

    /// The same of pictures which are all in order and no picture twice.
    #[track_caller]
    pub(super) fn gap(&self, since: Instant) -> Duration {
        let seen = self.seen();
        for pair in seen.windows(2) {
            let (before, after) = (pair[0].0, pair[1].0);
            assert!(before < after, "{}: {before} before {after}", self.name);
        }
        self.wait(since)
    }

    /// Checks that it has seen all pictures that were sent, from this number on up to the last one that it has seen.
    #[track_caller]
    pub(super) fn misses_nothing(&self, publisher: &Publisher, first: u16) {
        let seen: Vec<_> = self.seen().into_iter().map(|(number, _)| number).collect();
        let last = *seen.last().unwrap();
        let mut sent = publisher.sent.lock().unwrap().clone();
        sent.retain(|number| (first..=last).contains(number));
        sent.retain(|number| !seen.contains(number));
        assert!(last > first && sent.is_empty(), "{} sees {first} to {last} without {sent:?}", self.name);
    }

    /// It has ended by itself.
    pub(super) fn is_over(&mut self) -> bool {
        self.program.has_ended()
    }
}

/// Waits until something is so.
#[track_caller]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
