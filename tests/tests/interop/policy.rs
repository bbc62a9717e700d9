//! The policy where a program is not installed.

use std::env;
use std::io::{Write, stderr};
use std::process::{Command, Stdio};

/// A foreign program that tests need.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Needs {
    /// `ffmpeg` and `ffprobe`, with libx264.
    Ffmpeg,
    /// `gst-launch-1.0` with the plugins for RTSP, RTP, SRTP, H.264 and QuickTime.
    Gstreamer,
    /// GStreamer's RTSP server, for Python.
    GstRtspServer,
    /// TLS for GStreamer: glib-networking.
    TlsOfGlib,
    /// `cvlc`, which is started as a user that is not root.
    Vlc,
    /// `etcd`, the registry of a cluster.
    Etcd,
}

/// Says whether all that is needed is installed, and tells loudly if it is not. With `INTEROP=require` that is a
/// failure.
pub(crate) fn installed(needed: &[Needs]) -> bool {
    let Some(missing) = needed.iter().find(|need| !need.is_met()).map(|need| need.name()) else {
        return true;
    };
    skip(&format!("{missing} is not installed"));
    false
}

/// Tells loudly that a test is skipped; with `INTEROP=require` that is a failure.
pub(crate) fn skip(why: &str) {
    let required = env::var("INTEROP").is_ok_and(|value| value == "require");
    assert!(!required, "{why}, and INTEROP=require");
    // Past the capture of test output, which shows nothing of tests that pass.
    let _ = writeln!(stderr(), "SKIPPED: {why}");
}

impl Needs {
    fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer => "GStreamer",
            Self::GstRtspServer => "GStreamer's RTSP server for Python",
            Self::TlsOfGlib => "glib-networking",
            Self::Vlc => "VLC",
            Self::Etcd => "etcd",
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::Ffmpeg => {
                runs("ffmpeg", &["-hide_banner", "-h", "encoder=libx264"], "Encoder libx264")
                    && runs("ffprobe", &["-version"], "")
            }
            Self::Gstreamer => {
                ["rtspsrc", "rtspclientsink", "rtph264depay", "h264parse", "qtdemux", "srtpenc"]
                    .iter()
                    .all(|element| runs("gst-inspect-1.0", &["--exists", element], ""))
            }
            Self::GstRtspServer => {
                let script = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";
                runs(PYTHON, &["-c", script], "")
            }
            Self::TlsOfGlib => {
                let script = "import gi; from gi.repository import Gio; Gio.TlsBackend.get_default().supports_tls() or exit(1)";
                runs(PYTHON, &["-c", script], "")
            }
            Self::Etcd => runs("etcd", &["--version"], "etcd Version"),
            Self::Vlc => {
                // VLC tells root nothing of its abilities.
                let plugins = ["misc/libvod_rtsp_plugin.so", "stream_out/libstream_out_rtp_plugin.so"];
                let find = plugins.map(|plugin| format!("ls /usr/lib/*/vlc/plugins/{plugin}")).join(" && ");
                runs("sh", &["-c", &format!("command -v cvlc && {find}")], "cvlc")
            }
        }
    }
}

/// Debian's own Python, which is the one that GStreamer's bindings are installed for.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// Returns `true` if a program starts, ends well and prints something.
fn runs(program: &str, arguments: &[&str], printed: &str) -> bool {
    Command::new(program).args(arguments).stdin(Stdio::null()).output().is_ok_and(|output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(printed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_missed() {
        assert!(!runs("rtspan-no-such-program", &[], ""));
        assert!(runs("sh", &["-c", "echo something"], "some"));
        assert!(!runs("sh", &["-c", "echo something"], "else"));
        assert!(!runs("sh", &["-c", "exit 1"], ""));
    }
}
