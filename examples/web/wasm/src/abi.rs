//! The functions that the module exports, for one player in each instance.
//!
//! A page writes text and bytes where [`player_input`] says, and then calls the function that takes them. [`player_poll`] says
//! by its number what is to be done; [`player_number`], [`player_text`] and [`player_bytes`] have the rest of it until the next
//! call. Times are in milliseconds. Everything else is that of [`Player`].
#![allow(
    unsafe_code,
    reason = "a name is exported by an attribute that is not safe, since two may collide; nothing else is unsafe"
)]

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::{Instant, NtpTime};

use crate::{Output, Player};

/// Bytes that a page hands over at once.
const INPUT_BYTES_MAX: usize = 256 << 10;
/// Numbers of an output at most.
const NUMBERS: usize = 7;
/// Bytes in front of the URL that all chance comes from.
const SEED_BYTES: usize = 32;

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::default();
}

#[derive(Default)]
struct Instance {
    player: Option<Player>,
    input: Vec<u8>,
    numbers: [f64; NUMBERS],
    text: String,
    bytes: Bytes,
}

impl Instance {
    fn with<T>(f: impl FnOnce(&mut Self) -> T) -> T {
        INSTANCE.with_borrow_mut(f)
    }

    fn with_player(f: impl FnOnce(&mut Player)) {
        Self::with(|instance| instance.player.as_mut().map(f));
    }

    fn open(&self, now: Instant, wall: NtpTime, has_sound: bool) -> Result<Player, String> {
        let (seed, text) =
            self.input.split_first_chunk::<SEED_BYTES>().ok_or("a seed and a URL are needed")?;
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let (url, token) = text.split_once('\n').unwrap_or((text, ""));
        Player::new(now, (url, token), has_sound, wall, *seed).map_err(|error| error.to_string())
    }

    /// Keeps an output until the next one; its number.
    fn tell(&mut self, output: Output) -> u32 {
        let zeros = [0.0; NUMBERS];
        let (kind, numbers, text, bytes) = match output {
            Output::Connect(url) => (1, zeros, url, Bytes::new()),
            Output::Disconnect => (2, zeros, String::new(), Bytes::new()),
            Output::Send(bytes) => (3, zeros, String::new(), bytes),
            Output::Track(track) => {
                let (media, kind) = (track.media as f64, f64::from(u8::from(track.is_video)));
                let numbers = [media, kind, track.size.0.into(), track.size.1.into()];
                (4, some(numbers), track.codec, track.configuration)
            }
            Output::Frame(frame) => {
                let wall = frame.time.reported_ntp().and_then(NtpTime::to_unix).map_or(f64::NAN, in_millis);
                let flag = |is_set: bool| f64::from(u8::from(is_set));
                let (pts, dts) = (frame.time.pts as f64 / 1e6, frame.dts as f64 / 1e6);
                let (key, bad) = (flag(frame.is_keyframe), flag(frame.is_damaged || frame.lost > 0));
                let numbers = [frame.media as f64, pts, dts, key, bad, flag(frame.time.begins_anew), wall];
                (5, numbers, String::new(), frame.data.to_bytes())
            }
            Output::Playing => (6, zeros, String::new(), Bytes::new()),
            Output::Reconnecting(why, wait) => (7, some([in_millis(wait)]), why, Bytes::new()),
            Output::Closed(why, status) => (8, some([status.into()]), why, Bytes::new()),
        };
        (self.numbers, self.text, self.bytes) = (numbers, text, bytes);
        kind
    }
}

/// These numbers, and zeros behind them.
fn some<const N: usize>(first: [f64; N]) -> [f64; NUMBERS] {
    let mut numbers = [0.0; NUMBERS];
    numbers.iter_mut().zip(first).for_each(|(number, first)| *number = first);
    numbers
}

fn in_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The time so many milliseconds after the start of the page's clock. A cast saturates.
fn at(now: f64) -> Instant {
    Instant::from_nanos((now * 1e6) as u64)
}

/// Room for so many bytes of input; null if these are too many.
#[unsafe(no_mangle)]
pub extern "C" fn player_input(len: usize) -> *mut u8 {
    Instance::with(|instance| {
        if len > INPUT_BYTES_MAX {
            return std::ptr::null_mut();
        }
        instance.input.resize(len, 0);
        instance.input.as_mut_ptr()
    })
}

/// Begins: the input is 32 bytes of chance, the URL, and behind a line feed the token, if there is one. `false` if there can be no player; then the text says why.
#[unsafe(no_mangle)]
pub extern "C" fn player_open(now: f64, unix_millis: f64, has_sound: bool) -> bool {
    let wall = Duration::try_from_secs_f64(unix_millis / 1e3).unwrap_or_default();
    Instance::with(|instance| {
        match instance.open(at(now), NtpTime::from_unix(wall), has_sound) {
            Ok(player) => instance.player = Some(player),
            Err(error) => (instance.player, instance.text) = (None, error),
        }
        instance.player.is_some()
    })
}

/// The WebSocket is open.
#[unsafe(no_mangle)]
pub extern "C" fn player_connected(now: f64) {
    Instance::with_player(|player| player.handle_connected(at(now)));
}

/// The WebSocket has closed, or could not be opened.
#[unsafe(no_mangle)]
pub extern "C" fn player_closed(now: f64) {
    Instance::with_player(|player| player.handle_closed(at(now)));
}

/// The input has come over the WebSocket.
#[unsafe(no_mangle)]
pub extern "C" fn player_read(now: f64) {
    Instance::with(|instance| {
        if let Some(player) = &mut instance.player {
            player.handle_read(at(now), &instance.input);
        }
    });
}

/// Ends the session.
#[unsafe(no_mangle)]
pub extern "C" fn player_stop(now: f64) {
    Instance::with_player(|player| player.stop(at(now)));
}

/// When [`player_handle_timeout`] is to be called; infinite if never.
#[unsafe(no_mangle)]
pub extern "C" fn player_timeout() -> f64 {
    let timeout =
        Instance::with(|instance| instance.player.as_ref().and_then(|player| player.poll_timeout()));
    timeout.map_or(f64::INFINITY, |timeout| timeout.as_nanos() as f64 / 1e6)
}

/// Does what is due.
#[unsafe(no_mangle)]
pub extern "C" fn player_handle_timeout(now: f64) {
    Instance::with_player(|player| player.handle_timeout(at(now)));
}

/// The number of the next output; zero if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn player_poll(now: f64) -> u32 {
    Instance::with(|instance| {
        let output = instance.player.as_mut().and_then(|player| player.poll(at(now)));
        output.map_or(0, |output| instance.tell(output))
    })
}

/// Has [`player_number`] tell the counts: bytes, packets, lost, damaged, reconnects.
#[unsafe(no_mangle)]
pub extern "C" fn player_stats(now: f64) {
    Instance::with(|instance| {
        let Some(stats) = instance.player.as_ref().map(|player| player.stats(at(now))) else { return };
        let counts = [stats.bytes, stats.packets, stats.lost, stats.damaged, stats.reconnects];
        instance.numbers = some(counts.map(|count| count as f64));
    });
}

/// A number of the output.
#[unsafe(no_mangle)]
pub extern "C" fn player_number(index: usize) -> f64 {
    Instance::with(|instance| instance.numbers.get(index).copied().unwrap_or(f64::NAN))
}

/// The text of the output.
#[unsafe(no_mangle)]
pub extern "C" fn player_text() -> *const u8 {
    Instance::with(|instance| instance.text.as_ptr())
}

/// The length of the text.
#[unsafe(no_mangle)]
pub extern "C" fn player_text_len() -> usize {
    Instance::with(|instance| instance.text.len())
}

/// The bytes of the output.
#[unsafe(no_mangle)]
pub extern "C" fn player_bytes() -> *const u8 {
    Instance::with(|instance| instance.bytes.as_ptr())
}

/// The length of the bytes.
#[unsafe(no_mangle)]
pub extern "C" fn player_bytes_len() -> usize {
    Instance::with(|instance| instance.bytes.len())
}
