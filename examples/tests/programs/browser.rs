//! The page of `rtspan serve --web` and its player, in a real browser.

mod chromium;
mod firefox;
mod numbered;
mod page;
mod sound;
mod tokens;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs};

use serde_json::json;

use crate::ports::own_port;
use crate::program::Program;
use crate::stall;
use chromium::Chromium;
use firefox::Firefox;
use numbered::Numbered;

/// Players, as `play` begins them in the page: each with its states, and with what `look` has said of each picture.
const SCRIPT: &str = "globalThis.players = [];
    globalThis.play = async (options, look = () => null) => {
        const { Player } = await import('/rtspan.js');
        const seen = { states: [], frames: [], stats: [] };
        const player = new Player({
            ...options,
            video: document.body.appendChild(document.createElement('canvas')),
            onstate: (state) => seen.states.push(state),
            onstats: (stats) => seen.stats.push(stats),
            onframe: ({ canvas }) => seen.frames.push([look(canvas), Date.now()]),
        });
        players.push({ ...seen, player });
    };";

/// A server with its page, and where they are.
struct Server {
    program: Program,
    page: String,
    streams: String,
}

impl Server {
    fn start(options: &str) -> Self {
        // One that is stopped finds its port again.
        let listen = format!("127.0.0.1:{}", own_port());
        let mut program = Program::rtspan(&format!("serve --listen {listen} --web 127.0.0.1:0 {options}"));
        let page = program.line("page at ").split_once("page at ").unwrap().1.to_owned();
        let streams = program.url().replace("rtsp://", "ws://");
        Self { program, page, streams }
    }
}

/// A browser that shows the page of a server, with `play` in it; `None` if there is none.
fn browser(name: &str, server: &Server) -> Option<Chromium> {
    let mut browser = Chromium::start(name)?;
    browser.open(&server.page);
    browser.value(SCRIPT);
    Some(browser)
}

/// `true` if FFmpeg is installed; it has to be where everything is tested.
fn has_ffmpeg() -> bool {
    let is_there = Command::new("ffmpeg").arg("-version").output().is_ok();
    assert!(is_there || env::var("INTEROP").is_err(), "ffmpeg is not installed, and INTEROP is set");
    is_there
}

/// Has FFmpeg make a film of so many seconds, with a tone.
fn film(path: &Path, seconds: u32, encoders: &str) {
    let source = format!(
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration={seconds} -f lavfi -i sine=sample_rate=48000:duration={seconds}"
    );
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-y"]).args(source.split(' ')).arg("-c:v");
    let made = ffmpeg.args(encoders.split(' ')).arg(path).stderr(Stdio::null()).status();
    assert!(made.unwrap().success(), "{}", path.display());
}

#[track_caller]
fn assert_quiet(browser: &Chromium) {
    assert_eq!(browser.take_complaints(), [""; 0]);
}

#[test]
fn pictures_are_seen_in_order_within_a_second_of_being_published() {
    let server = Server::start("--no-demo");
    let Some(mut browser) = browser("order", &server) else { return };
    if !has_ffmpeg() {
        return;
    }
    let meter = stall::meter();
    meter.watch(server.program.pid(), true);
    let published = Numbered::publish(&server.streams.replace("ws://", "rtsp://"), "numbers");
    // The page itself says when there is something to play.
    browser.wait_for("document.querySelector('#streams strong')?.textContent === 'numbers'");
    let url = format!("{}/numbers", server.streams);
    browser.value(&format!("play({{ url: '{url}' }}, {})", numbered::LOOK));
    browser.wait_for("players[0].frames.length >= 100");

    let frames = browser.value("players[0].frames");
    let frames: Vec<(u64, u64)> = serde_json::from_value(frames).unwrap();
    assert!(frames.windows(2).all(|pair| pair[0].0 < pair[1].0), "they are not in order: {frames:?}");
    let (first, last) = (frames[0].0, frames[frames.len() - 1].0);
    let share = frames.len() as f64 / (last - first + 1) as f64;
    assert!(share > 0.5, "most pictures are left out: {frames:?}");
    // Without that for which the machine kept the server and this test from running.
    let (now, today) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let then = |at: u64| now - today.saturating_sub(Duration::from_millis(at));
    let delay = |(number, at): &(u64, u64)| {
        let begun = published.at(*number);
        let kept = meter.between(then(begun), then(*at), &[]).as_millis() as u64;
        at.saturating_sub(begun).saturating_sub(kept)
    };
    let mut delays: Vec<_> = frames.iter().map(delay).collect();
    delays.sort_unstable();
    let (median, most) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    println!("from the encoder to the screen: {median} ms in the middle, {most} ms at most");
    assert!(most < 1_000, "{delays:?}");
    browser.value("players[0].player.stop()");
    assert_quiet(&browser);
}

#[test]
fn a_stream_plays_again_once_its_server_is_back() {
    let server = Server::start("");
    let Some(mut browser) = browser("again", &server) else { return };
    browser.value(&format!("play({{ url: '{}/demo' }})", server.streams));
    browser.wait_for("players[0].frames.length > 10");
    assert_quiet(&browser);

    let listen = server.streams.trim_start_matches("ws://").to_owned();
    server.program.interrupt().well();
    browser.wait_for("players[0].states.at(-1).state === 'waiting'");
    let _again = Program::rtspan(&format!("serve --listen {listen}"));
    browser.wait_for("players[0].states.at(-1).state === 'playing'");
    browser.value("players[0].frames.length = 0");
    browser.wait_for("players[0].frames.length > 10");
}

#[test]
fn a_websocket_that_the_page_closes_gets_nothing_more() {
    let server = Server::start("");
    let Some(mut browser) = browser("closed", &server) else { return };
    // The page itself needs no other socket once it has its picture.
    browser.wait_for("document.querySelector('#streams canvas')?.width === 640");
    browser.value(
        "globalThis.sockets = [];
        globalThis.WebSocket = class extends WebSocket {
            constructor(...options) {
                super(...options);
                sockets.push(this);
            }
        };",
    );
    browser.value(&format!("play({{ url: '{}/demo' }})", server.streams));
    for round in 0..3 {
        browser.wait_for("players[0].frames.length > 5");
        browser.value("sockets.at(-1).close()");
        browser.wait_for("sockets.at(-1).readyState === WebSocket.CLOSED");
        browser.value("players[0].frames.length = 0");
        assert_quiet(&browser);
        browser.wait_for(&format!("sockets.length > {round} + 1"));
    }
}

#[test]
fn ten_players_play_at_once() {
    let server = Server::start("");
    let Some(mut browser) = browser("ten", &server) else { return };
    let play = format!("play({{ url: '{}/demo' }})", server.streams);
    browser.value(&format!("Promise.all(Array.from({{ length: 10 }}, () => {play}))"));
    browser.wait_for("players.length === 10 && players.every(({ frames }) => frames.length >= 50)");
    browser.value("players.forEach(({ player }) => player.stop())");
    browser.wait_for("players.every(({ states }) => states.at(-1).state === 'closed')");
    assert_quiet(&browser);
}

#[test]
fn each_codec_that_browsers_have_is_seen_and_heard() {
    let films = [
        ("b-frames.mp4", "libx264 -preset ultrafast -bf 2 -g 25 -c:a aac", "avc1."),
        ("vp8.mkv", "libvpx -deadline realtime -g 25 -c:a libopus", "vp8"),
        ("vp9.mkv", "libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -c:a libmp3lame", "vp09."),
        ("av1.mkv", "libsvtav1 -preset 12 -g 25 -c:a aac", "av01."),
    ];
    let h265 = ("h265.mp4", "libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -an", "hvc1.");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-films");
    fs::create_dir_all(&folder).unwrap();
    let Some(mut browser) = Chromium::start("codecs") else { return };
    if !has_ffmpeg() {
        return;
    }
    for (name, encoders, _) in films.into_iter().chain([h265]) {
        film(&folder.join(name), 20, encoders);
    }
    let server = Server::start(&format!("--no-demo --files {}", folder.display()));
    browser.open(&server.page);
    browser.value(SCRIPT);
    for (place, (name, _, codec)) in films.iter().enumerate() {
        browser.value(&format!("play({{ url: '{}/{name}' }})", server.streams));
        browser.value(&format!("players[{place}].player.unmute()"));
        let seen = format!("players[{place}].stats.at(-1)");
        browser.wait_for(&format!("{seen}?.fps > 20 && {seen}.heard > 20"));
        let told = browser.value(&format!("{seen}.codec"));
        assert!(told.as_str().unwrap().starts_with(codec), "{told} of {name}");
        browser.value(&format!("players[{place}].player.stop()"));
    }
    let is_there =
        "VideoDecoder.isConfigSupported({ codec: 'hvc1.1.6.L60.90' }).then(({ supported }) => supported)";
    let has_h265 = browser.value(is_there) == true;
    browser.value(&format!("play({{ url: '{}/h265.mp4' }})", server.streams));
    if has_h265 {
        browser.wait_for("players[4].frames.length > 20");
    } else {
        browser.wait_for("players[4].states.at(-1).state === 'closed'");
        let told = browser.value("players[4].states.at(-1).message");
        let words = "this browser has no decoder for H.265 (hvc1.";
        assert!(told.as_str().unwrap().starts_with(words), "{told}");
    }
    assert_quiet(&browser);
}

#[test]
fn firefox_shows_and_plays_a_stream_too() {
    let server = Server::start("");
    let Some(mut firefox) = Firefox::start() else { return };
    firefox.open(&format!("{}#demo", server.page));
    firefox.wait_for("document.querySelector('#streams canvas')?.width === 640");
    firefox.wait_for("parseFloat(document.querySelector('dd.fps').textContent) > 20");
}

#[test]
fn nobody_without_a_right_sees_a_name_or_a_picture() {
    let server = Server::start("--user viewer:horse:read:/demo --user other:staple:read:/else");
    let Some(mut browser) = browser("rights", &server) else { return };
    browser.wait_for("!document.querySelector('#empty').hidden");
    let list = "fetch('/streams', { headers: said ? { Authorization: `Rtspan ${said}` } : {} })
        .then(async (answer) => [answer.status, (await answer.json()).streams?.map(({ path }) => path)])";
    let mut listed = |said: &str| browser.value(&list.replace("said", &format!("'{said}'")));
    assert_eq!(listed(""), json!([200, []]));
    assert_eq!(listed("other:staple"), json!([200, []]));
    assert_eq!(listed("viewer:horse"), json!([200, ["demo"]]));
    assert_quiet(&browser);
    let mut listed = |said: &str| browser.value(&list.replace("said", &format!("'{said}'")));
    assert_eq!(listed("viewer:wrong"), json!([403, null]));
    browser.take_complaints();

    let refused = [
        ("", 401),
        (", username: 'viewer', password: 'wrong'", 401),
        (", username: 'other', password: 'staple'", 403),
    ];
    for (place, (user, status)) in refused.iter().enumerate() {
        browser.value(&format!("play({{ url: '{}/demo'{user} }})", server.streams));
        browser.wait_for(&format!("players[{place}].states.at(-1)?.state === 'closed'"));
        let seen = format!("[players[{place}].states.at(-1).status, players[{place}].frames.length]");
        assert_eq!(browser.value(&seen), json!([status, 0]));
    }
    browser
        .value(&format!("play({{ url: '{}/demo', username: 'viewer', password: 'horse' }})", server.streams));
    browser.wait_for("players[3].frames.length > 10");
    assert_quiet(&browser);
}

/// With `SCREENSHOTS=docs/images` in front it makes the pictures of the documentation, which `base64 --decode` unpacks.
#[test]
fn the_page_shows_and_plays_what_is_there() {
    let server = Server::start("");
    let Some(mut browser) = browser("page", &server) else { return };
    let _second = Program::rtspan(&format!("publish {}/yard", server.streams.replace("ws://", "rtsp://")));
    browser.wait_for("document.querySelectorAll('#streams li').length === 2");
    let pictures = "[...document.querySelectorAll('#streams canvas')].every(({ width }) => width === 640)";
    browser.wait_for(pictures);
    browser.value("location.hash = '#demo'");
    browser.wait_for("parseFloat(document.querySelector('dd.fps').textContent) > 20");
    browser.wait_for("document.querySelector('svg.fps path').getAttribute('d').split('L').length > 5");
    let is_narrow = "document.documentElement.scrollWidth <= innerWidth";
    for (name, width, is_dark) in
        [("page", 1_000, false), ("page-dark", 1_000, true), ("page-narrow", 360, false)]
    {
        let shot = browser.screenshot(width, 990, is_dark);
        browser.wait_for(is_narrow);
        if let Some(folder) = env::var_os("SCREENSHOTS") {
            fs::write(Path::new(&folder).join(format!("{name}.png.base64")), shot).unwrap();
        }
    }
    browser.order("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "Escape", "code": "Escape" }));
    browser.wait_for("document.querySelector('#view').hidden");
    assert_quiet(&browser);
}
