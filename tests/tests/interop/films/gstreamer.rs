//! GStreamer goes to places in films that our server plays, fast, slowly and backwards; our client does so at its server.

use std::iter;
use std::process::Command;
use std::time::Duration;

use rtspan_std::header::NptTime;
use rtspan_std::{Client, Form, Frames, MediaKind, Playback, Range, Transports};

use super::{RATE, picture, places, serve};
use crate::clip::{Clip, file, units_of};
use crate::foreign::gst_server;
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::Runtime;

/// A server of GStreamer 1.22 that has sent nothing for so long never will: on a busy machine, about once in a hundred seeks, it
/// answers PLAY and leaves its pipeline paused (its sinks wait for the state after the preroll).
const STALLED: Duration = Duration::from_secs(8);
/// Sessions that are tried until one of them plays.
const TRIES: usize = 4;

/// The pictures that GStreamer shows after each seek, in the order of decoding. A seek is a rate, the place where it
/// starts and where it stops (`-` for none), flags, and how many pictures are waited for.
fn seek(clip: &Clip, url: &str, properties: &[&str], seeks: &[String]) -> Vec<Vec<usize>> {
    let out = file();
    let mut command = Command::new("/usr/bin/python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/gst_seek.py")).arg(url).arg(&out);
    let mut program = Program::start("GStreamer, seeking", command.args(properties).arg("--").args(seeks));
    program.finish();
    let shown = |seek| {
        let pictures = units_of(format!("{}-{seek}", out.display()).as_ref()).into_iter();
        pictures
            .map(|unit| clip.units.iter().position(|known| *known == unit).expect("a picture of the clip"))
    };
    (0..seeks.len()).map(|seek| shown(seek).collect()).collect()
}

/// The next pictures, whatever parameter sets come alone.
fn pictures(clip: &Clip, frames: &mut Frames, count: usize) -> Vec<usize> {
    frames.filter_map(|frame| picture(clip, &frame.unwrap())).take(count).collect()
}

fn needs() -> bool {
    installed(&[Needs::Ffmpeg, Needs::GstRtspServer])
}

#[test]
fn gstreamer_shows_the_pictures_at_any_place() {
    if !needs() {
        return;
    }
    // A long one: where a film ends between two seeks, its goodbye may come behind the second one over UDP.
    let clip = Clip::high();
    let (_server, url) = serve(Runtime::Std, clip);
    for protocols in ["protocols=tcp", "protocols=udp"] {
        let places = places(clip.units.len() / RATE - 1);
        let seeks: Vec<_> = places.iter().map(|place| format!("1:{place}:-:-:8")).collect();
        for (place, shown) in places.iter().zip(seek(clip, &url, &[protocols], &seeks)) {
            let first = (place / 1000) as usize * RATE;
            // Pictures that have waited in a UDP socket are shown as well.
            let stale = shown.iter().take_while(|shown| **shown != first).count();
            assert!(stale == 0 || protocols == "protocols=udp" && stale < 4, "from {place} ms: {shown:?}");
            let expected: Vec<_> = (first..first + 8 - stale).collect();
            assert_eq!(shown[stale..], expected, "from {place} ms with {protocols}");
        }
    }
}

#[test]
fn gstreamer_plays_fast_and_backwards_and_by_key_units() {
    if !needs() {
        return;
    }
    let clip = Clip::high();
    let (_server, url) = serve(Runtime::Smol, clip);
    let key_units = "trickmode+trickmode-key-units";
    for (seeks, expected) in [
        // Twice as fast, all pictures come.
        ("2:1000:-:-:26".to_owned(), (RATE..2 * RATE + 1).collect::<Vec<_>>()),
        ("-1:0:8500:-:3".to_owned(), vec![8 * RATE, 7 * RATE, 6 * RATE]),
        ("-2:0:8500:-:3".to_owned(), vec![8 * RATE, 7 * RATE, 6 * RATE]),
        (format!("4:0:-:{key_units}:3"), vec![0, RATE, 2 * RATE]),
        (format!("-4:0:8500:{key_units}:3"), vec![8 * RATE, 7 * RATE, 6 * RATE]),
    ] {
        let shown = seek(clip, &url, &["protocols=tcp"], std::slice::from_ref(&seeks));
        assert_eq!(shown, [expected], "{seeks}");
    }
}

#[test]
fn our_client_goes_to_places_in_what_gstreamer_serves() {
    if !needs() {
        return;
    }
    let clip = Clip::high();
    let (_server, url) = gst_server("play", &clip.mov);
    for transports in [Transports::Tcp, Transports::Udp] {
        let builder = Client::builder(&url).unwrap().transport(transports).medias(MediaKind::Video);
        let mut frames = builder.play_frames().unwrap().form(Form::ByteStream);
        for place in places(clip.units.len() / RATE - 1) {
            let told = frames.client().seek(Range::from_npt(Duration::from_millis(place))).unwrap();
            assert!(matches!(told.range, Some(Range::Npt { start: Some(NptTime::At(_)), .. })), "{told:?}");
            // It begins at the keyframe before; what was sent before the seek may come in front of that.
            let first = (place / 1000) as usize * RATE;
            // GStreamer may send parameter sets in a packet of another time than the picture's.
            let mut shown = (&mut frames).take(50).filter_map(|frame| picture(clip, &frame.unwrap()));
            assert!(shown.any(|shown| shown == first), "{place} over {transports:?}");
            assert_eq!(pictures(clip, &mut frames, 3), [first + 1, first + 2, first + 3], "{place}");
        }
    }
}

#[test]
fn our_client_sees_what_gstreamer_serves_fast_and_backwards() {
    if !needs() {
        return;
    }
    let clip = Clip::high();
    let (_server, url) = gst_server("play", &clip.mov);
    for transports in [Transports::Tcp, Transports::Udp] {
        let shown = |rate: f32| {
            let playback = Playback::from(Range::from_npt(Duration::from_secs(3))).scale(rate);
            let builder = Client::builder(&url).unwrap().transport(transports).medias(MediaKind::Video);
            let mut frames = builder.playback(playback).play_frames().unwrap().form(Form::ByteStream);
            let frames = iter::from_fn(|| frames.next_timeout(STALLED).ok()?);
            let shown = frames.map_while(Result::ok).filter_map(|frame| picture(clip, &frame));
            shown.take(RATE + 10).collect::<Vec<_>>()
        };
        let shown = |rate| {
            let mut tries = iter::repeat_with(|| shown(rate)).take(TRIES);
            tries.find(|shown| !shown.is_empty()).expect("GStreamer's server plays")
        };
        let fast = shown(2.0);
        assert!(fast[0] % RATE == 0 && fast[0] <= 3 * RATE, "{transports:?}: {fast:?}");
        assert!(fast.is_sorted_by(|one, next| *next == one + 1), "{transports:?}: {fast:?}");
        // Groups of pictures come backwards, their pictures forwards.
        let back = shown(-1.0);
        let before: Vec<_> = back.iter().copied().skip_while(|shown| *shown >= 3 * RATE).collect();
        let groups = (2 * RATE..3 * RATE).chain(RATE..2 * RATE);
        assert_eq!(before, groups.take(before.len()).collect::<Vec<_>>(), "{transports:?}: {back:?}");
        assert!(before.len() > RATE, "{transports:?}: {back:?}");
    }
}
