use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use rtspan_core::header::ONVIF_REPLAY;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerStream, WriteError};
use rtspan_std::{Instant, NtpTime, Pause, Play, Question, StatusCode};
use smol::channel::Receiver;

use super::{Due, Film, FilmError, Replayed, Started, Step, Wish};

/// The goodbye of a source, behind an empty report (RFC 3550, section 6.6); the SSRC goes into both.
const GOODBYE: [u8; 16] = [0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 203, 0, 1, 0, 0, 0, 0];
/// Packets that may be written and not yet sent when the next frame is written.
const UNSENT_MAX: u64 = 64;
/// The frames within this time are sent before PLAY is answered, so that the answer tells the first packet of each media.
const FIRST: Duration = Duration::from_millis(300);
/// The most frames that are sent so.
const FIRST_FRAMES_MAX: usize = 64;
/// A delay that is not made up for.
const TOO_LATE: Duration = Duration::from_secs(1);
/// How often it is looked whether more was recorded.
const LATER: Duration = Duration::from_millis(200);

/// A question that a player answers.
#[derive(Debug)]
pub(super) enum Order {
    Play(Box<Question<Play>>),
    Pause(Box<Question<Pause>>),
}

/// A task that plays a film for a reader.
pub(super) struct Player<R: Runtime> {
    server: Arc<Server<R>>,
    runtime: R,
    film: Film,
    stream: ServerStream,
    orders: Receiver<Order>,
    playing: Option<Playing>,
}

/// Since when is played, and how much of what is played was played before that.
#[derive(Clone, Copy, Debug)]
struct Playing {
    since: Instant,
    wall: NtpTime,
    passed: Duration,
}

impl<R: Runtime> Player<R> {
    pub(super) fn new(
        server: Arc<Server<R>>,
        runtime: R,
        film: Film,
        stream: ServerStream,
        orders: Receiver<Order>,
    ) -> Self {
        Self { server, runtime, film, stream, orders, playing: None }
    }

    /// Plays until nobody gives orders any more, or the stream has ended.
    pub(super) async fn run(mut self) {
        while let Ok(order) = self.next_order().await {
            let written = match order {
                Some(Order::Play(question)) => self.play(*question),
                Some(Order::Pause(question)) => self.pause(*question).await,
                None => self.write_in_time(),
            };
            if written.is_err() {
                return;
            }
        }
    }

    /// The next order; `None` when a frame is to be written.
    async fn next_order(&mut self) -> Result<Option<Order>, WriteError> {
        let due = self.next_due()?;
        let order = async { self.orders.recv().await.map(Some).map_err(|_| WriteError::Closed) };
        let Some(due) = due else { return order.await };
        let ready = async {
            self.runtime.sleep_until(due).await;
            self.stream.drained(UNSENT_MAX).await?;
            Ok(None)
        };
        or(order, ready).await
    }

    /// When the next frame is due. At the end of what is played, or of what can be read, a goodbye is said.
    fn next_due(&mut self) -> Result<Option<Instant>, WriteError> {
        let Some(Playing { since, passed, .. }) = self.playing else { return Ok(None) };
        Ok(match self.film.due() {
            Ok(Due::In(due)) => Some(since + due.saturating_sub(passed)),
            Ok(Due::Later) => Some(self.runtime.clock().now() + LATER),
            Ok(Due::Never) | Err(_) => {
                self.playing = None;
                self.say_goodbye()?;
                None
            }
        })
    }

    fn play(&mut self, mut question: Question<Play>) -> Result<(), WriteError> {
        let answer = match self.start(&question) {
            Ok(started) => {
                question.ticket.set_range(started.range);
                // They are rates that are played.
                let _ = question.ticket.set_scale(started.scale);
                let _ = started.speed.map(|speed| question.ticket.set_speed(speed));
                self.write_first()?;
                Ok(())
            }
            Err(FilmError::NoSuchPlace) => Err(StatusCode::INVALID_RANGE.into()),
            Err(FilmError::Source(_)) => Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into()),
        };
        let _ = self.server.answer(question.ticket, answer);
        Ok(())
    }

    fn start(&mut self, question: &Question<Play>) -> Result<Started, FilmError> {
        let is_replay = question.requires(ONVIF_REPLAY);
        let replayed = is_replay.then(|| Replayed { replay: question.replay(), cseq: question.cseq() as u8 });
        let (range, scale, speed) = (question.range(), question.scale(), question.speed());
        let started = self.film.play(&Wish { range, scale, speed, replayed })?;
        self.stream.set_rate_control(!self.film.is_paced_by_reader());
        // It goes on where it was, or begins.
        let passed = match self.film.due()? {
            Due::In(due) => due,
            Due::Never if range.is_some() => return Err(FilmError::NoSuchPlace),
            Due::Later | Due::Never => Duration::ZERO,
        };
        let clock = self.runtime.clock();
        self.playing = Some(Playing { since: clock.now(), wall: clock.wall(), passed });
        Ok(started)
    }

    /// Writes what the answer to PLAY tells of: what is due, and the first packets of each media.
    fn write_first(&mut self) -> Result<(), WriteError> {
        let Some(Playing { passed, .. }) = self.playing else { return Ok(()) };
        let mut begun = BTreeSet::new();
        for _ in 0..FIRST_FRAMES_MAX {
            let Ok(Due::In(due)) = self.film.due() else { break };
            let is_due = due <= passed && !self.film.is_paced_by_reader();
            let is_first = due <= passed + FIRST && begun.len() < self.film.medias_sent();
            if !is_due && !is_first {
                break;
            }
            begun.extend(self.write()?);
        }
        Ok(())
    }

    /// Everything that was written before has left when it is answered.
    async fn pause(&mut self, question: Question<Pause>) -> Result<(), WriteError> {
        self.playing = None;
        self.stream.drained(0).await?;
        let _ = self.server.answer(question.ticket, Ok(()));
        Ok(())
    }

    /// Writes the frame that is due. A reader that has held it up for long sees what follows so much later.
    fn write_in_time(&mut self) -> Result<(), WriteError> {
        let now = self.runtime.clock().now();
        if let (Ok(Due::In(due)), Some(playing)) = (self.film.due(), &mut self.playing) {
            let late = now - (playing.since + due.saturating_sub(playing.passed));
            if late > TOO_LATE {
                playing.since = playing.since + late;
                playing.wall = playing.wall + late;
            }
        }
        self.write()?;
        Ok(())
    }

    /// Writes the frame that is due; the index of its media.
    fn write(&mut self) -> Result<Option<usize>, WriteError> {
        let Some(Step { presented, media, packets }) = self.film.take() else { return Ok(None) };
        let wall =
            presented.zip(self.playing.as_ref()).map(|(presented, playing)| playing.wall_at(presented));
        let mut packets = packets.into_iter();
        if let Some((first, wall)) = packets.as_slice().first().cloned().zip(wall) {
            packets.next();
            self.stream.write_with_ntp(media, first, wall)?;
        }
        self.stream.write_frame(media, packets.as_slice())?;
        Ok(Some(media))
    }

    fn say_goodbye(&self) -> Result<(), WriteError> {
        for media in 0..self.film.description().medias.len() {
            let mut goodbye = GOODBYE;
            let ssrc = self.stream.ssrc(media)?.to_be_bytes();
            goodbye[4..8].copy_from_slice(&ssrc);
            goodbye[12..].copy_from_slice(&ssrc);
            self.stream.write_rtcp(media, goodbye.to_vec().into())?;
        }
        Ok(())
    }
}

impl Playing {
    /// The wall clock time at which something is presented, so long after the PLAY that the film counts from.
    fn wall_at(&self, presented: i64) -> NtpTime {
        let presented = presented - i64::try_from(self.passed.as_nanos()).unwrap_or_default();
        let by = Duration::from_nanos(presented.unsigned_abs());
        if presented < 0 { self.wall - by } else { self.wall + by }
    }
}
