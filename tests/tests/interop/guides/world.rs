//! A world for each page: a network, names and processes of its own, and a folder with what its reader has at hand.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::clip::{ffmpeg, folder};
use crate::namespace;
use crate::policy::skip;
use crate::program::Program;
use crate::rtspan;

use super::page::Page;
use super::peers::HOSTS;

/// Tells the test within its world which page it is to run, and where.
const PAGE: &str = "RTSPAN_GUIDE_PAGE";
const FOLDER: &str = "RTSPAN_GUIDE_FOLDER";

/// Everything that is started in a world ends with it. The names that pages use are known in it.
const UNSHARE: [&str; 6] = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Files that the readers of pages have, or the folder, in which they are.
const AT_HAND: [&str; 3] = ["movie.mp4", "hello.ulaw", "films"];

/// The world that a page runs in.
#[derive(Debug)]
pub(super) struct World {
    pub(super) page: String,
    /// Where its commands run.
    pub(super) folder: PathBuf,
}

impl World {
    /// The world that this process is in, if it is in one.
    pub(super) fn entered() -> Option<Self> {
        let page = env::var(PAGE).ok()?;
        let folder = env::var_os(FOLDER)?.into();
        Some(Self { page, folder })
    }

    /// The films that the recorder has.
    pub(super) fn films(&self) -> PathBuf {
        self.folder.join("../../films")
    }
}

/// Returns `true` where the system allows such worlds; else says so.
pub(super) fn is_allowed() -> bool {
    let output = unshare("").arg("true").output();
    let is_allowed = output.as_ref().is_ok_and(|output| output.status.success());
    if !is_allowed {
        skip(&format!("the system allows the guides no world of their own ({output:?})"));
    }
    is_allowed
}

/// A command that runs what is appended to it in a world of its own.
fn unshare(setup: &str) -> Command {
    let mut command = Command::new("unshare");
    // A user that is not root is root in there.
    if fs::read_dir("/root").is_err() {
        command.arg("--map-root-user");
    }
    let setup = format!("{setup}{}", namespace::SETUP);
    command.args(UNSHARE).args(["sh", "-c", &setup, "sh"]);
    command
}

/// Things that all worlds share: programs, films and names.
#[derive(Debug)]
pub(super) struct Shared {
    folder: PathBuf,
}

impl Shared {
    pub(super) fn make(pages: &[Page]) -> Self {
        let folder = folder().join("guides");
        let [bin, films] = ["bin", "films"].map(|name| folder.join(name));
        fs::create_dir_all(&bin).and_then(|()| fs::create_dir(&films)).expect("folders can be made");
        let examples = examples(pages);
        symlink(rtspan::program(), bin.join("rtspan")).expect("a link can be made");
        let cargo = format!("#!/bin/sh\nexamples={}\n{}", examples.display(), include_str!("cargo.sh"));
        script(&bin.join("cargo"), &cargo);
        script(&bin.join("gst-play-1.0"), include_str!("gst-play.sh"));
        film(&films.join("hall.mp4"), 900);
        film(&films.join("movie.mp4"), 100);
        symlink("films/movie.mp4", folder.join("movie.mp4")).expect("a link can be made");
        fs::write(folder.join("hello.ulaw"), [0xd5; 8000]).expect("a file can be written");
        let mut hosts = String::from("127.0.0.1 localhost\n");
        for (name, address) in HOSTS {
            let _ = writeln!(hosts, "{address} {name}");
        }
        fs::write(folder.join("hosts"), hosts).expect("a file can be written");
        Self { folder }
    }

    /// Runs a page, by this test again.
    pub(super) fn enter(&self, page: &Page, test: &str) -> Result<(), String> {
        let folder = self.folder.join("pages").join(page.path.replace('/', "-"));
        fs::create_dir_all(&folder).expect("a folder can be made");
        for name in AT_HAND.iter().filter(|name| page.text.contains(*name)) {
            symlink(self.folder.join(name), folder.join(name)).expect("a link can be made");
        }
        let setup = format!("mount --bind {}/hosts /etc/hosts && ", self.folder.display());
        let bin = self.folder.join("bin");
        let path = env::join_paths(
            [bin].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
        );
        let mut command = unshare(&setup);
        command.arg(env::current_exe().expect("a program knows where it is"));
        command.args(["--exact", test, "--nocapture"]);
        command.env(PAGE, &page.path).env(FOLDER, &folder).env("PATH", path.expect("a path has no colon"));
        // A window and a loudspeaker for ffplay.
        command.env("SDL_VIDEODRIVER", "dummy").env("SDL_AUDIODRIVER", "dummy");
        let output = command.output().expect("unshare ran just before");
        let said = text(&output);
        let has_passed = output.status.success() && said.contains("1 passed");
        if has_passed { Ok(()) } else { Err(format!("==== {}\n{said}", page.path)) }
    }
}

/// Where the examples stand that the pages run. All are built with the tests of the whole workspace; here only those are that
/// are not there.
fn examples(pages: &[Page]) -> PathBuf {
    let folder = rtspan::program().with_file_name("examples");
    let names = pages.iter().flat_map(Page::commands).filter_map(|command| {
        let (_, rest) = command.split_once("--example ")?;
        rest.split_whitespace().next()
    });
    let missing: Vec<&str> = names.filter(|name| !folder.join(name).exists()).collect();
    if !missing.is_empty() {
        let parts: Vec<&str> = missing.into_iter().flat_map(|name| ["--example", name]).collect();
        rtspan::build(&parts);
    }
    folder
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said)).concat()
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).expect("a file can be written");
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("a script can be run");
}

/// A film of so many seconds.
fn film(path: &Path, seconds: u32) {
    let pictures = format!("testsrc=size=160x120:rate=2:duration={seconds}");
    let sound = format!("sine=frequency=440:sample_rate=8000:duration={seconds}");
    let mut encode = ffmpeg();
    encode.args(["-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &sound]);
    encode
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "4", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(path);
    Program::start("ffmpeg, making a film", &mut encode).finish();
}
