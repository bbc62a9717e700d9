//! Recordings as our client gets them from our server.

use std::thread::{self, JoinHandle};

use rtspan_core::header::{ONVIF_REPLAY, Range as Span, Replay, UtcTime};
use rtspan_core::rtp::OnvifExtension;
use rtspan_std::server::Server;
use rtspan_std::threads::{Threads, block_on};
use rtspan_std::{Client, ClientConfig, Frames, Playback, ServerConfig, Transports};

use super::super::super::{Films, asks};
use super::*;

/// A server of the recordings in a folder.
struct Served {
    server: Arc<Server<Threads>>,
    url: String,
    films: Option<JoinHandle<()>>,
}

impl Served {
    fn new(folder: &Folder) -> Self {
        let config = ServerConfig::default().asks(asks()).features([ONVIF_REPLAY]);
        let bound = Server::<Threads>::builder().config(config).bind("127.0.0.1:0");
        let server = Arc::new(block_on(bound).unwrap());
        let url = format!("rtsp://{}/gate", server.local_addr());
        let (events, library) = (Arc::clone(&server), Recordings::new(&folder.0));
        let films = thread::spawn(move || {
            let mut films = Films::new(Arc::clone(&events), library);
            block_on(async {
                while let Some(event) = events.next().await {
                    films.handle(event);
                }
            });
        });
        Self { server, url, films: Some(films) }
    }

    /// Plays the pictures: with the extension of ONVIF and as fast as they are read, or as any other client.
    fn play(&self, playback: Playback, is_replay: bool) -> Frames {
        let playback =
            if is_replay { playback.replay(Replay::new().without_rate_control()) } else { playback };
        let config = ClientConfig::default().transports(Transports::Tcp).onvif_replay(is_replay);
        let client = Client::builder(&self.url).unwrap().config(config).medias(MediaKind::Video);
        client.playback(playback).play_frames().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        block_on(self.server.close());
        self.films.take().into_iter().for_each(|films| films.join().unwrap());
    }
}

fn clock(start: i64, end: Option<i64>) -> Playback {
    let time = |wall: i64| UtcTime::from_unix(Duration::from_nanos(wall.unsigned_abs()));
    Playback::from(Span::Clock { start: Some(time(start)), end: end.map(time) })
}

/// All pictures up to the end of what is played, and what is said of them.
fn replayed(frames: Frames) -> Vec<((u32, i64), OnvifExtension)> {
    frames
        .map(|frame| {
            let frame = frame.unwrap();
            let own = frame.time.replay().expect("each frame has the extension");
            let wall = i64::try_from(own.ntp.to_unix().unwrap().as_nanos()).unwrap();
            assert_eq!(own.is_clean_point, frame.is_keyframe);
            ((number_of(&frame), wall), own)
        })
        .collect()
}

fn numbers_with(
    played: &[((u32, i64), OnvifExtension)],
    is_it: impl Fn(&OnvifExtension) -> bool,
) -> Vec<u32> {
    played.iter().filter(|(_, own)| is_it(own)).map(|((number, _), _)| *number).collect()
}

#[test]
fn an_hour_is_replayed_with_its_gaps_forwards_and_backwards() {
    let folder = Folder::new("replayed");
    let sections = an_hour(&folder, true);
    let all = sections.concat();
    let lasts: Vec<u32> = sections.iter().map(|section| section.last().unwrap().0).collect();
    let (begin, end) = (all[0].1, all.last().unwrap().1 + PICTURE);
    let served = Served::new(&folder);

    let played = replayed(served.play(clock(begin, Some(end)), true));
    let pictures: Vec<_> = played.iter().map(|(picture, _)| *picture).collect();
    assert_same(&pictures, &all);
    assert_eq!(
        numbers_with(&played, |own| own.ends_section),
        lasts,
        "E in front of each gap, and at the end"
    );
    assert_eq!(numbers_with(&played, |own| own.is_last), lasts[3..], "T at the end");

    let back = replayed(served.play(clock(end, Some(begin)).scale(-1.0), true));
    // Groups of pictures one before the other, each of them forwards.
    let mut wanted = Vec::new();
    for section in sections.iter().rev() {
        section.chunks(GROUP as usize).rev().for_each(|group| wanted.extend_from_slice(group));
    }
    let pictures: Vec<_> = back.iter().map(|(picture, _)| *picture).collect();
    assert_same(&pictures, &wanted);
    let keys: Vec<u32> =
        pictures.iter().map(|(number, _)| *number).filter(|number| number % GROUP == 0).collect();
    assert_eq!(numbers_with(&back, |own| own.is_discontinuous), keys, "D at each group");
    // The last picture that comes of a section is in its first group.
    let ends: Vec<u32> = sections.iter().rev().map(|section| section[GROUP as usize - 1].0).collect();
    assert_eq!(numbers_with(&back, |own| own.ends_section), ends);
    assert_eq!(numbers_with(&back, |own| own.is_last), [GROUP - 1]);
}

#[test]
fn ranges_lead_over_gaps_and_into_them() {
    let folder = Folder::new("ranges");
    let sections = an_hour(&folder, false);
    let served = Served::new(&folder);
    for pair in sections.windows(2) {
        let (last, next) = (pair[0].last().unwrap(), pair[1][0]);
        let (start, end) = (last.1 - 5 * SECOND, next.1 + 3 * SECOND);
        let played = replayed(served.play(clock(start, Some(end)), true));
        // From the clean point on that is at or before the start.
        let first = pair[0].iter().rposition(|(number, wall)| *wall <= start && number % GROUP == 0).unwrap();
        let behind = pair[1].iter().filter(|(_, wall)| *wall < end);
        let wanted: Vec<_> = pair[0][first..].iter().chain(behind).copied().collect();
        let pictures: Vec<_> = played.iter().map(|(picture, _)| *picture).collect();
        assert_same(&pictures, &wanted);
        assert_eq!(numbers_with(&played, |own| own.ends_section)[0], last.0);

        // In the gap: forwards what comes behind it, backwards the last clean point before it.
        let within = (last.1 + next.1) / 2;
        let forwards = served.play(clock(within, None), true).next().unwrap().unwrap();
        assert_eq!(number_of(&forwards), next.0);
        let backwards = served.play(clock(within, Some(last.1 - 60 * SECOND)).scale(-1.0), true);
        assert_eq!(number_of(&backwards.into_iter().next().unwrap().unwrap()), last.0 - last.0 % GROUP);
    }
}

#[test]
fn a_plain_client_passes_over_gaps_without_waiting() {
    let folder = Folder::new("plain");
    let sections = an_hour(&folder, false);
    let served = Served::new(&folder);
    let begun = Instant::now();
    thread::scope(|scope| {
        for pair in sections.windows(2) {
            let served = &served;
            scope.spawn(move || {
                let (last, next) = (pair[0].last().unwrap(), pair[1][0]);
                let (start, end) = (last.1 - 2 * SECOND, next.1 + SECOND);
                let frames: Vec<_> =
                    served.play(clock(start, Some(end)), false).map(Result::unwrap).collect();
                let numbers: Vec<u32> = frames.iter().map(number_of).collect();
                let first = pair[0].iter().rposition(|(number, wall)| *wall <= start && number % GROUP == 0);
                let behind = pair[1].iter().filter(|(_, wall)| *wall < end);
                let wanted: Vec<u32> =
                    pair[0][first.unwrap()..].iter().chain(behind).map(|(number, _)| *number).collect();
                assert_eq!(numbers, wanted);
                assert!(frames.iter().all(|frame| frame.time.replay().is_none()));
                for two in frames.windows(2) {
                    let step = two[1].time.pts - two[0].time.pts;
                    assert!((step - PICTURE).abs() < 5 * MILLI, "{step} ns between {numbers:?}");
                }
            });
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(15), "the gaps are longer than that");
}

#[test]
fn the_description_tells_when_it_was_recorded_and_npt_counts_from_the_beginning() {
    let folder = Folder::new("described");
    let sections = an_hour(&folder, false);
    let served = Served::new(&folder);
    let playback = Playback::from(Span::from_npt(Duration::from_secs(12 * 60 + 10)));
    let mut frames = served.play(playback, true);
    let told = frames.client().description().and_then(|described| described.range).unwrap();
    assert!(told.starts_with("clock=20260921T233000"), "{told}");
    // Gaps are not played, and do not count: ten seconds of the second section.
    let first = frames.next().unwrap().unwrap();
    let wanted = sections[1][0].1 + 10 * SECOND;
    let picture = sections[1].iter().rfind(|(number, wall)| *wall <= wanted && number % GROUP == 0).unwrap();
    assert_eq!(number_of(&first), picture.0);
}

#[test]
fn what_is_being_recorded_is_replayed_as_it_comes() {
    let folder = Folder::new("tail");
    let mut recorder = Recorder::new(&folder, false);
    recorder.record(4 * 90);
    let served = Served::new(&folder);
    // The last minute.
    let mut frames = served.play(clock(recorder.wall - 60 * SECOND, None), true);
    let first = number_of(&frames.next().unwrap().unwrap());
    assert!((4 * 27..=4 * 30).contains(&first), "{first}");
    recorder.record(4 * 40);
    let rest: Vec<_> = frames.by_ref().take(4 * 95).map(|frame| number_of(&frame.unwrap())).collect();
    assert_eq!(rest, (first + 1..=first + 4 * 95).collect::<Vec<_>>());
    // The recorder ends: so does what is played.
    drop(recorder);
    let last: Vec<_> = frames.map(|frame| number_of(&frame.unwrap())).collect();
    assert_eq!(last.last(), Some(&(4 * 130 - 1)));
}
