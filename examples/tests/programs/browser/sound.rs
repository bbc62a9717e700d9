//! Sound with pieces that cannot be decoded.

use std::fs;
use std::path::Path;

use super::chromium::Chromium;
use super::{SCRIPT, Server, assert_quiet, film, has_ffmpeg};

/// Pieces of sound for which `isBad` says so are no sound; decoders and their faults are counted.
const SPOIL: &str = "globalThis.pieces = 0; globalThis.decoders = 0; globalThis.faults = 0;
    globalThis.isBad = () => false;
    globalThis.AudioDecoder = class extends AudioDecoder {
        constructor({ output, error }) {
            super({ output, error: (fault) => { faults += 1; error(fault); } });
            decoders += 1;
        }
        decode(chunk) {
            pieces += 1;
            const { type, timestamp } = chunk;
            const data = new Uint8Array(64).fill(255);
            super.decode(isBad(pieces) ? new EncodedAudioChunk({ type, timestamp, data }) : chunk);
        }
    };";

#[test]
fn sound_goes_on_behind_a_bad_piece_and_is_given_up_where_all_are_bad() {
    let Some(mut browser) = Chromium::start("sound") else { return };
    if !has_ffmpeg() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-sound");
    fs::create_dir_all(&folder).unwrap();
    film(&folder.join("tone.mp4"), 90, "libx264 -preset ultrafast -g 25 -c:a aac");
    let server = Server::start(&format!("--no-demo --files {}", folder.display()));
    browser.open(&server.page);
    browser.value(SCRIPT);
    browser.value(SPOIL);
    browser.value(&format!("play({{ url: '{}/tone.mp4' }})", server.streams));
    browser.value("players[0].player.unmute()");
    let heard = "(players[0].stats.at(-1)?.heard ?? 0)";
    browser.wait_for(&format!("{heard} > 20"));
    for _ in 0..7 {
        browser.value(
            "globalThis.bad = pieces + 1; globalThis.known = faults; isBad = (piece) => piece === bad",
        );
        browser.wait_for("faults > known");
        browser.value(&format!("globalThis.before = {heard}"));
        browser.wait_for(&format!("{heard} > before + 20"));
    }

    browser.value("globalThis.known = faults; globalThis.made = decoders; isBad = () => true");
    browser.wait_for("faults >= known + 5");
    browser.value("players[0].frames.length = 0");
    browser.wait_for("players[0].frames.length > 25");
    assert_eq!(browser.value("decoders - made"), 4, "it is not begun anew for ever");
    assert_quiet(&browser);
}
