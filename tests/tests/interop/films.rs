//! Films that our server plays on demand: each reader goes where it likes in them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rtspan_std::header::NptTime;
use rtspan_std::{Client, Form, Frame, Frames, MediaKind, Playback, Range, Transports};

use crate::access_unit::AccessUnit;
use crate::clip::{Clip, ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::program::Program;
use crate::rtspan::{Runtime, Server};

mod ffmpeg;
mod gstreamer;

/// Pictures in a second of a clip; the first one is a keyframe.
const RATE: usize = 25;

/// A server of the folder that a clip is in, and the URL of the clip.
fn serve(runtime: Runtime, clip: &Clip) -> (Server, String) {
    serve_file(runtime, &clip.mov)
}

fn serve_file(runtime: Runtime, file: &Path) -> (Server, String) {
    let (folder, name) = (file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap());
    let server = Server::start_with(runtime, &["--files", folder.to_str().unwrap()]);
    let url = server.url(&format!("/{name}"));
    (server, url)
}

fn play(url: &str, transports: Transports, playback: Playback) -> Frames {
    let builder = Client::builder(url).unwrap().transport(transports).medias(MediaKind::Video);
    builder.playback(playback).play_frames().unwrap().form(Form::ByteStream)
}

/// Which picture of the clip a frame is.
fn number(clip: &Clip, frame: &Frame) -> usize {
    picture(clip, frame).expect("a frame with a picture")
}

/// The same; `None` of a frame that has parameter sets alone.
fn picture(clip: &Clip, frame: &Frame) -> Option<usize> {
    let data: Vec<u8> = frame.data.slices().flatten().copied().collect();
    let units = AccessUnit::split_annex_b(&data);
    assert!(units.len() <= 1, "{} access units in a frame", units.len());
    let unit = units.first()?;
    Some(clip.units.iter().position(|known| known == unit).expect("a picture of the clip"))
}

fn numbers(clip: &Clip, frames: &mut Frames, count: usize) -> Vec<usize> {
    frames.take(count).map(|frame| number(clip, &frame.unwrap())).collect()
}

/// Ten places of chance in so many seconds, in milliseconds.
fn places(seconds: usize) -> Vec<u64> {
    let mut seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("places from the seed {seed}");
    let length = seconds as u64 * 1000;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % length
    };
    (0..10).map(|_| next()).collect()
}

fn from(millis: u64) -> Range {
    Range::from_npt(Duration::from_millis(millis))
}

#[test]
fn our_client_goes_to_any_place_and_gets_the_pictures_from_the_keyframe_there() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let clip = Clip::brief_high();
    for (runtime, transports) in
        Runtime::ALL.into_iter().zip([Transports::Tcp, Transports::Udp, Transports::Tcp])
    {
        let (_server, url) = serve(runtime, clip);
        let mut frames = play(&url, transports, Playback::new());
        assert_eq!(numbers(clip, &mut frames, 30), (0..30).collect::<Vec<_>>());
        for place in places(clip.units.len() / RATE - 1) {
            let told = frames.client().seek(from(place)).unwrap();
            let second = place / 1000;
            let expected = NptTime::At(Duration::from_secs(second));
            assert!(
                matches!(told.range, Some(Range::Npt { start: Some(start), .. }) if start == expected),
                "{place}: {told:?}"
            );
            let first = frames.find(|frame| frame.as_ref().unwrap().time.begins_anew).unwrap().unwrap();
            let first = number(clip, &first);
            assert_eq!(first, second as usize * RATE, "{place}");
            assert_eq!(numbers(clip, &mut frames, 3), [first + 1, first + 2, first + 3], "{place}");
        }
    }
}

#[test]
fn what_is_paused_goes_on_with_the_very_next_picture_and_ends_with_its_range() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let clip = Clip::brief_high();
    let (_server, url) = serve(Runtime::Std, clip);
    for transports in [Transports::Tcp, Transports::Udp] {
        let mut frames = play(&url, transports, Playback::new());
        let mut seen = numbers(clip, &mut frames, 10);
        for _ in 0..3 {
            frames.client().pause().unwrap();
            frames.client().play(None).unwrap();
            seen.extend(numbers(clip, &mut frames, 10));
        }
        assert_eq!(seen, (0..40).collect::<Vec<_>>(), "{transports:?}");
        let range = Range::Npt {
            start: Some(NptTime::At(Duration::from_secs(1))),
            end: Some(NptTime::At(Duration::from_secs(2))),
        };
        frames.client().seek(range).unwrap();
        let rest: Vec<_> = (&mut frames).map(|frame| number(clip, &frame.unwrap())).collect();
        assert!(rest.ends_with(&(RATE..2 * RATE).collect::<Vec<_>>()), "{transports:?}: {rest:?}");
    }
}

#[test]
fn played_fast_or_backwards_there_are_keyframes_at_their_time() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let clip = Clip::brief_high();
    let (_server, url) = serve(Runtime::Smol, clip);
    for (scale, place, expected) in
        [(4.0, 0, vec![0, RATE, 2 * RATE]), (-4.0, 2_500, vec![2 * RATE, RATE, 0])]
    {
        let mut frames = play(&url, Transports::Tcp, Playback::from(from(place)).scale(scale));
        let played: Vec<_> = (&mut frames).take(3).map(Result::unwrap).collect();
        let pts: Vec<_> = played.iter().map(|frame| frame.time.pts / 1_000_000).collect();
        assert_eq!(played.iter().map(|frame| number(clip, frame)).collect::<Vec<_>>(), expected);
        assert_eq!(pts, [0, 250, 500], "a second of the film in a quarter of one");
    }
    // Twice as fast all pictures come.
    let mut frames = play(&url, Transports::Tcp, Playback::new().scale(2.0));
    let played: Vec<_> = (&mut frames).take(RATE + 1).map(Result::unwrap).collect();
    assert_eq!(
        played.iter().map(|frame| number(clip, frame)).collect::<Vec<_>>(),
        (0..=RATE).collect::<Vec<_>>()
    );
    assert_eq!(played.last().map(|last| last.time.pts / 1_000_000), Some(500));
}

#[test]
fn a_long_film_is_not_read_into_memory() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let clip = Clip::brief_high();
    let long = folder().join("long.mp4");
    let mut copy = ffmpeg();
    copy.args(["-stream_loop", "999", "-i"]).arg(&clip.mov).args(["-map", "0:v", "-c", "copy"]).arg(&long);
    Program::start("ffmpeg, making a long film", &mut copy).finish();
    let bytes = std::fs::metadata(&long).unwrap().len() as usize;
    let (server, url) = serve_file(Runtime::Std, &long);
    let mut frames = play(&url, Transports::Tcp, Playback::new());
    assert_eq!(numbers(clip, &mut frames, 10), (0..10).collect::<Vec<_>>());
    // Nearly at the end, fifty minutes on.
    frames.client().seek(from(2_990_500)).unwrap();
    assert!(frames.find(|frame| frame.as_ref().unwrap().time.begins_anew).is_some());
    let peak = server.memory_peak();
    println!("{bytes} bytes in the file, {peak} in memory");
    assert!(bytes > 150_000_000 && peak < bytes / 2, "{bytes} bytes in the file, {peak} in memory");
}
