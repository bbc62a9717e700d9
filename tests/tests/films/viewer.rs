//! A viewer who goes elsewhere, pauses and changes the scale as it likes, and looks at each frame that comes.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::frame::Frame;
use rtspan_core::header::{Frames as Wanted, Range, Replay, UtcTime};
use rtspan_core::timeline::WallSource;
use rtspan_std::client::{Error, Frames};
use rtspan_std::sim::{Client, SimRuntime, sleep};
use rtspan_std::{ClientConfig, Playback, Transports};

use crate::chance::Chance;
use crate::run::{Run, Wish};
use crate::tape::{self, GROUP, PICTURE, PICTURES};

/// How often a viewer looks whether something has come.
const LOOK: Duration = Duration::from_millis(10);
/// How long nothing may come before all has come that comes.
const QUIET: Duration = Duration::from_secs(8);

/// Counts of what viewers have done and seen, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    pub(crate) fn add(&mut self, what: &'static str, often: u64) {
        *self.0.entry(what).or_default() += often;
    }

    fn is_zero(&self, what: &str) -> bool {
        !self.0.contains_key(what)
    }

    pub(crate) fn with(mut self, other: &Self) -> Self {
        other.0.iter().for_each(|(what, often)| self.add(what, *often));
        self
    }

    /// Asserts that everything has happened that has to happen in so many worlds.
    pub(crate) fn assert_all_were_seen(&self) {
        let due = [
            "pictures",
            "sounds",
            "seeks",
            "pauses",
            "scales",
            "ends",
            "backwards",
            "unpaced",
            "intra",
            "times",
        ];
        let missing: Vec<_> = due.into_iter().filter(|what| !self.0.contains_key(what)).collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

#[derive(Debug)]
pub(crate) struct Viewer {
    client: Client,
    frames: Frames<SimRuntime>,
    chance: Chance,
    is_replay: bool,
    /// The run that the viewer sees.
    run: Run,
    /// The runs of later PLAYs, whose first picture has not come.
    later: VecDeque<Run>,
    /// The last picture has told that it is the last.
    is_told_last: bool,
    counts: Counts,
}

impl Viewer {
    /// Begins to see a recording.
    pub(crate) async fn open(url: &str, is_replay: bool, mut chance: Chance) -> Result<Self, Error> {
        let config = ClientConfig::default().transports(Transports::Tcp).onvif_replay(is_replay);
        let client = Client::builder(url).expect("a URL").config(config).connect().await?;
        let description = client.describe().await?;
        let tracks: Vec<_> = description.medias.iter().map(|media| media.onvif_track.as_deref()).collect();
        assert_eq!(tracks, [Some("VIDEO001"), Some("AUDIO001")]);
        for media in 0..description.medias.len() {
            client.setup(media).await?;
        }
        let frames = client.packets().frames();
        let wish = any_wish(is_replay, &mut chance);
        client.play(playback(wish, false)).await?;
        let (run, later, counts) = (run_of(wish, None), VecDeque::new(), Counts::default());
        Ok(Self { client, frames, chance, is_replay, run, later, is_told_last: false, counts })
    }

    /// Does this and that.
    pub(crate) async fn act(&mut self) -> Result<(), Error> {
        let time = Duration::from_millis(200 + self.chance.below(6_000));
        self.watch(time).await;
        match self.chance.below(10) {
            0..4 => self.seek().await,
            4..7 => self.pause().await,
            7..9 => self.change_scale().await,
            _ => self.see_the_end().await,
        }
    }

    /// Leaves, and says what it has seen.
    pub(crate) async fn leave(mut self) -> Result<Counts, Error> {
        self.watch(LOOK * 30).await;
        self.frames.teardown().await?;
        Ok(self.counts)
    }

    /// Sees what comes for a while. A viewer sets the pace where the server does not: it does not always look.
    async fn watch(&mut self, time: Duration) {
        let looks = time.as_nanos() / LOOK.as_nanos();
        let is_slow = self.chance.happens(300);
        for _ in 0..looks {
            let most = if is_slow { 1 } else { usize::MAX };
            self.look(most);
            sleep(LOOK).await;
        }
    }

    /// Takes frames that have come; returns their number.
    fn look(&mut self, most: usize) -> usize {
        let mut count = 0;
        while count < most {
            let Some(frame) = self.frames.try_next() else { break };
            self.see(&frame);
            count += 1;
        }
        count
    }

    fn see(&mut self, frame: &Frame) {
        assert!(
            !frame.is_damaged && frame.lost == 0,
            "{} packets are lost over TCP: {:?}",
            frame.lost,
            frame.time
        );
        let is_picture = frame.media == PICTURE;
        let number = read(frame, self.is_replay);
        self.counts.add("times", self.is_replay.into());
        // The first packet of all does not begin anew.
        let what = if is_picture { "pictures" } else { "sounds" };
        let begins_anew = frame.time.begins_anew || self.counts.is_zero(what);
        self.counts.add(what, 1);
        if is_picture {
            let is_first = |run: &Run| begins_anew && run.next() == Some(number);
            if let Some(at) = self.later.iter().rposition(is_first) {
                self.run = self.later.drain(..=at).next_back().expect("it is there");
                let is_told = frame.time.replay().is_some_and(|own| own.is_discontinuous);
                assert!(is_told || !self.is_replay, "the first picture of a PLAY goes on: {:?}", frame.time);
            }
            self.run.take(number, frame.time.pts);
            self.is_told_last = match frame.time.replay() {
                Some(replay) => {
                    self.run.check_end(number, replay.ends_section);
                    replay.is_last
                }
                None => !self.is_replay,
            };
        } else {
            let is_of_run = self.run.takes_sound(number, begins_anew);
            let later = self.later.iter_mut().rev().filter(|_| !is_of_run);
            let mut later = later.filter(|run| run.takes_sound(number, begins_anew));
            later.next().unwrap_or(&mut self.run).take_sound(number, begins_anew);
        }
    }

    async fn seek(&mut self) -> Result<(), Error> {
        let mut wish = any_wish(self.is_replay, &mut self.chance);
        // The first picture tells which PLAY it belongs to.
        while self.may_come(run_of(wish, None).next()) {
            wish = any_wish(self.is_replay, &mut self.chance);
        }
        let is_immediate = self.is_replay && self.chance.happens(500);
        self.go(wish, is_immediate).await?;
        self.counts.add("seeks", 1);
        Ok(())
    }

    /// Returns `true` if a picture may come without a further PLAY and look as if it were the first of one.
    fn may_come(&self, picture: Option<u32>) -> bool {
        let mut runs = self.later.iter().chain([&self.run]);
        picture.is_some_and(|picture| runs.any(|run| run.may_begin_anew_with(picture)))
    }

    fn begin(&mut self, run: Run) {
        let Wish { scale, is_rate_controlled, frames, .. } = run.wish;
        let is_intra = matches!(frames, Wanted::Intra { .. });
        for (what, is_it) in
            [("backwards", scale < 0.0), ("unpaced", !is_rate_controlled), ("intra", is_intra)]
        {
            if is_it {
                self.counts.add(what, 1);
            }
        }
        self.later.push_back(run);
    }

    async fn change_scale(&mut self) -> Result<(), Error> {
        self.stop().await?;
        let Some(at) = self.run.next().filter(|_| self.later.is_empty()) else { return self.seek().await };
        let wish = Wish { from: None, until: None, ..any_wish(self.is_replay, &mut self.chance) };
        if wish.scale == self.run.wish.scale {
            return self.seek().await;
        }
        self.client.play(playback(wish, false)).await?;
        self.begin(run_of(wish, Some(at)));
        self.counts.add("scales", 1);
        Ok(())
    }

    async fn pause(&mut self) -> Result<(), Error> {
        self.stop().await?;
        // Without a range PLAY has no end any more.
        let goes_on = self.later.is_empty() && self.run.next().is_some() && self.run.wish.until.is_none();
        if !goes_on {
            return self.seek().await;
        }
        sleep(Duration::from_millis(self.chance.below(20_000))).await;
        assert_eq!(self.look(usize::MAX), 0, "nothing comes while it is paused");
        let wish = Wish { from: None, ..self.run.wish };
        self.client.play(playback(wish, false)).await?;
        self.run.go_on();
        self.counts.add("pauses", 1);
        Ok(())
    }

    /// Pauses, and sees all that was sent before.
    async fn stop(&mut self) -> Result<(), Error> {
        let client = self.client.clone();
        self.looking_meanwhile(async move { client.pause().await }).await?;
        self.look(usize::MAX);
        Ok(())
    }

    async fn go(&mut self, wish: Wish, is_immediate: bool) -> Result<(), Error> {
        let (client, playback) = (self.client.clone(), playback(wish, is_immediate));
        self.begin(run_of(wish, None));
        self.looking_meanwhile(async move { client.seek(playback).await }).await?;
        Ok(())
    }

    /// An answer may be stuck behind media as long as nobody takes that.
    async fn looking_meanwhile<T>(&mut self, command: impl Future<Output = T>) -> T {
        let mut command = pin!(command);
        loop {
            let polled = poll_fn(|context| Poll::Ready(command.as_mut().poll(context))).await;
            if let Poll::Ready(answer) = polled {
                return answer;
            }
            self.look(usize::MAX);
            sleep(LOOK).await;
        }
    }

    /// Waits until a run is over; the session stays.
    async fn see_the_end(&mut self) -> Result<(), Error> {
        let from = tape::time_of(PICTURES - 2 * GROUP - self.chance.below(3 * u64::from(GROUP)) as u32);
        let until = self.chance.happens(500).then(|| from + self.chance.below(700_000_000) as i64 + 1);
        let wish = Wish { from: Some(from), until, scale: 1.0, ..any_wish(self.is_replay, &mut self.chance) };
        self.go(wish, false).await?;
        let patience = (QUIET.as_nanos() / LOOK.as_nanos()) as usize;
        let mut quiet = 0;
        while quiet < patience {
            sleep(LOOK).await;
            quiet = if self.look(usize::MAX) > 0 { 0 } else { quiet + 1 };
        }
        assert!(self.later.is_empty() && self.run.next().is_none(), "the end does not come: {:?}", self.run);
        assert!(self.is_told_last, "the last frame is not told to be the last: {:?}", self.run.last);
        self.counts.add("ends", 1);
        self.seek().await
    }
}

/// The number of a frame that is whole: it is as it was recorded, and a replay says when that was.
pub(crate) fn read(frame: &Frame, is_replay: bool) -> u32 {
    let is_picture = frame.media == PICTURE;
    let is_slice = |part: &&Bytes| !is_picture || matches!(part[0] & 0x1f, 1 | 5);
    let [bytes] = &frame.data.iter().filter(is_slice).collect::<Vec<_>>()[..] else {
        panic!("a frame of many parts: {:?}", frame.time);
    };
    let number = tape::number_of(frame.media, bytes);
    let (recorded, time) = match is_picture {
        true => (tape::picture(number), tape::time_of(number)),
        false => (tape::sound(number), tape::time_of_sound(number)),
    };
    assert!(**bytes == recorded, "frame {number} of media {} is not as it was", frame.media);
    if is_replay {
        let wall = frame.time.wall().filter(|wall| wall.source == WallSource::OnvifExtension);
        let ntp = wall.and_then(|wall| wall.ntp.to_unix()).map(|told| told.as_nanos() as i64);
        let off = ntp.map_or(i64::MAX, |told| (told - time).abs());
        assert!(off < 1_000, "{off} ns off: {:?} of a frame that was recorded at {time}", frame.time);
    }
    number
}

/// A wish that leads to something.
pub(crate) fn any_wish(is_replay: bool, chance: &mut Chance) -> Wish {
    loop {
        let wish = any_place(is_replay, chance);
        if run_of(wish, None).next().is_some() {
            return wish;
        }
    }
}

fn any_place(is_replay: bool, chance: &mut Chance) -> Wish {
    let length = (tape::end() - tape::BEGIN) as u64;
    let from = tape::BEGIN + chance.below(length) as i64;
    let is_rate_controlled = !is_replay || chance.happens(600);
    let scale = if is_rate_controlled {
        chance.pick(&[1.0, 1.0, 2.0, 4.0, 0.5, -1.0, -4.0])
    } else {
        chance.pick(&[1.0, -1.0])
    };
    let every = Some(Duration::from_millis(chance.pick(&[300, 1_000, 4_000])));
    let wanted =
        [Wanted::All, Wanted::All, Wanted::Predicted, Wanted::Intra { every: None }, Wanted::Intra { every }];
    let frames = if is_replay { chance.pick(&wanted) } else { Wanted::All };
    let until = (scale > 0.0 && chance.happens(300)).then(|| from + chance.below(20_000_000_000) as i64 + 1);
    Wish { from: Some(from), until, scale, frames, is_rate_controlled, is_replay }
}

pub(crate) fn playback(wish: Wish, is_immediate: bool) -> Playback {
    let utc = |nanos: i64| UtcTime::from_unix(Duration::from_nanos(nanos.unsigned_abs()));
    let mut playback = Playback::new().scale(wish.scale);
    if let Some(from) = wish.from {
        playback = playback.range(Range::Clock { start: Some(utc(from)), end: wish.until.map(utc) });
    }
    if wish.is_replay {
        let replay = Replay::new().only(wish.frames);
        let replay = if wish.is_rate_controlled { replay } else { replay.without_rate_control() };
        playback = playback.replay(if is_immediate { replay.immediate() } else { replay });
    }
    playback
}

pub(crate) fn run_of(wish: Wish, at: Option<u32>) -> Run {
    match wish.from {
        Some(from) => wish.run_at_time(from),
        None => wish.run_at(at.unwrap_or(PICTURES)),
    }
}
