//! The programs that publish and read, each told the same way.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::access_unit::{AccessUnit, compare};
use crate::clip::{Clip, ffmpeg, file, units_of};
use crate::program::{PATIENCE, Program};
#[cfg(feature = "tokio")]
use crate::retina::Retina;
use crate::rtspan::{Runtime, rtspan};

/// How media travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

/// How long a program may take to stop.
const STOPPING: Duration = Duration::from_secs(10);

/// A program that publishes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Publisher {
    Ffmpeg,
    Gstreamer,
    Rtspan(Runtime),
}

/// A program that reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reader {
    Ffmpeg,
    Gstreamer,
    #[cfg(feature = "tokio")]
    Retina,
    Rtspan(Runtime),
}

/// A reader that runs.
#[derive(Debug)]
pub(crate) struct Reading {
    name: String,
    /// Access units at the end that may not be whole.
    unsure: usize,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Program {
        program: Program,
        file: PathBuf,
    },
    #[cfg(feature = "tokio")]
    Retina(Retina),
}

impl Publisher {
    /// Publishes a clip once, at the speed of its time stamps; then the program ends.
    pub(crate) fn publish(self, transport: Transport, clip: &Clip, url: &str) -> Program {
        let name = format!("{self:?} publishing over {transport}");
        match self {
            Self::Ffmpeg => {
                let mut command = ffmpeg();
                command.arg("-re").arg("-i").arg(&clip.mov).args(["-c", "copy", "-f", "rtsp"]);
                Program::start(name, command.args(["-rtsp_transport", transport.name(), url]))
            }
            Self::Gstreamer => {
                let sink = format!("rtspclientsink name=sink location={url} protocols={transport}");
                let source = format!("filesrc location={} ! qtdemux name=demux", clip.mov.display());
                let video = "demux.video_0 ! queue ! h264parse ! sink.sink_0";
                let audio = "demux.audio_0 ! queue ! sink.sink_1";
                launch(name, &[&sink, &source, video, audio].join(" "))
            }
            Self::Rtspan(runtime) => {
                let seconds = clip.seconds_published().to_string();
                let mut command = rtspan(runtime);
                command.args(["publish", "--no-reconnect", url]);
                command.args(["--transport", transport.name(), "--seconds", &seconds]);
                Program::start(name, command.arg("--file").arg(&clip.h264))
            }
        }
    }
}

/// Stops a publisher as a person would.
///
/// Over UDP GStreamer 1.22 sometimes waits for ever for the end of its own RTCP, whatever server it has published to.
/// Then it is killed.
pub(crate) fn stop(publishing: &mut Program) {
    publishing.signal("INT");
    if publishing.wait(STOPPING).is_none() {
        publishing.signal("KILL");
    }
}

impl Reader {
    /// All that are not ours.
    pub(crate) const FOREIGN: &[Self] = &[
        Self::Ffmpeg,
        Self::Gstreamer,
        #[cfg(feature = "tokio")]
        Self::Retina,
    ];

    /// Reads the pictures at a URL until the server ends the session or the connection.
    pub(crate) fn read(self, transport: Transport, url: &str) -> Reading {
        let name = format!("{self:?} reading over {transport}");
        // Hears goodbye on one socket while packets wait in the other.
        let unsure = usize::from(self == Self::Gstreamer && transport == Transport::Udp);
        let file = file();
        let program = match self {
            Self::Ffmpeg => {
                let mut command = ffmpeg();
                command.args(["-rtsp_transport", transport.name(), "-i", url]);
                Program::start(&name, command.args(["-map", "0:v", "-c", "copy", "-f", "h264"]).arg(&file))
            }
            Self::Gstreamer => {
                let source = format!("rtspsrc name=source location={url} protocols={transport}");
                // No filter before the depayloader: gst-launch tries pads on filters, and two at once get in each other's
                // way.
                let video = "source. ! rtph264depay ! h264parse";
                let caps = "video/x-h264,stream-format=byte-stream,alignment=au";
                launch(
                    &name,
                    &format!(
                        "{source} {video} ! {caps} ! filesink buffer-mode=unbuffered location={}",
                        file.display()
                    ),
                )
            }
            #[cfg(feature = "tokio")]
            Self::Retina => {
                return Reading { name, unsure, task: Task::Retina(Retina::read(transport, url)) };
            }
            Self::Rtspan(runtime) => {
                let seconds = PATIENCE.as_secs().to_string();
                let mut command = rtspan(runtime);
                command.args(["play", "--no-reconnect", url]);
                command.args(["--transport", transport.name(), "--seconds", &seconds]);
                Program::start(&name, command.arg("--out").arg(&file))
            }
        };
        Reading { name, unsure, task: Task::Program { program, file } }
    }

    /// Reads over both transports at once.
    pub(crate) fn read_both(self, url: &str) -> [Reading; 2] {
        [Transport::Tcp, Transport::Udp].map(|transport| self.read(transport, url))
    }
}

impl Reading {
    /// A program that reads into a file.
    pub(crate) fn of(name: String, program: Program, file: PathBuf) -> Self {
        Self { name, unsure: 0, task: Task::Program { program, file } }
    }

    /// The publisher will end amid a picture.
    pub(crate) fn cut_short(self) -> Self {
        Self { unsure: 1, ..self }
    }

    /// Waits until the reader has ended by itself, at most for some time, and returns what it has read.
    pub(crate) fn finish(&mut self, patience: Duration) -> Result<Vec<AccessUnit>, String> {
        match &mut self.task {
            Task::Program { program, file } => match program.wait(patience) {
                Some(status) if status.success() => Ok(units_of(file)),
                // Where the server has closed the session, GStreamer cannot, and calls that a failure.
                Some(_) if program.said().contains("Got EOS from element") => Ok(units_of(file)),
                Some(status) => Err(format!("failed: {status}")),
                None => Err(format!("has not ended after {patience:?}")),
            },
            #[cfg(feature = "tokio")]
            Task::Retina(retina) => retina.finish(),
        }
    }

    /// Waits until the reader has so many access units of a clip, from a keyframe on, and the beginning of another.
    ///
    /// A reader of a group begins in the middle of pictures that it cannot decode: they do not count.
    pub(crate) fn has_read(&self, units: usize, clip: &Clip) {
        let bytes = clip.bytes_of(units);
        let has_read = || match &self.task {
            Task::Program { program, file } => {
                assert!(program.is_running(), "{} has ended early:\n{}", self.name, program.said());
                file.metadata().is_ok_and(|file| file.len() >= bytes) && {
                    let read = units_of(file);
                    let first = read.iter().position(AccessUnit::is_keyframe);
                    first.is_some_and(|first| read.len() - first > units)
                }
            }
            #[cfg(feature = "tokio")]
            Task::Retina(retina) => retina.has_read(units),
        };
        let deadline = Instant::now() + PATIENCE;
        while !has_read() {
            assert!(Instant::now() < deadline, "{} has not read enough after {PATIENCE:?}", self.name);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal to the program, named without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        self.program().0.signal(signal);
    }

    fn program(&self) -> (&Program, &Path) {
        match &self.task {
            Task::Program { program, file } => (program, file),
            #[cfg(feature = "tokio")]
            Task::Retina(_) => panic!("{} is not a program", self.name),
        }
    }
}

/// Demands of readers that they end by themselves in time, and have read what was published, so many access units at
/// least.
pub(crate) fn expect(
    readings: &mut [Reading],
    patience: Duration,
    published: &[AccessUnit],
    demanded: usize,
) {
    let wrong: Vec<String> = readings
        .iter_mut()
        .filter_map(|reading| {
            let wrong = match reading.finish(patience) {
                Ok(mut units) => {
                    units.truncate(units.len().saturating_sub(reading.unsure));
                    format!("{:?}", compare(published, &units, demanded).err()?)
                }
                Err(wrong) => wrong,
            };
            Some(format!("{}: {wrong}", reading.name))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

impl Transport {
    /// In the words of the programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Runs a GStreamer pipeline.
pub(crate) fn launch(name: impl Into<String>, pipeline: &str) -> Program {
    Program::start(name, Command::new("gst-launch-1.0").args(pipeline.split_whitespace()))
}
