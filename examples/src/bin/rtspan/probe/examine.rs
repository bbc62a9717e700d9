//! Examining a server: connects, asks, plays for a moment, and keeps what comes to light on the way.

use std::collections::BTreeSet;
use std::future::{Future, pending};
use std::time::{Duration, Instant, SystemTime};

use futures_lite::future::or;
use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, CommandError, Error, MediaChoice, MediaKind, Misuse, Playback};

use super::facts::{Facts, Failed, Outcome, Step, Track};
use super::heard::Heard;
use super::measure::Measure;
use crate::args::ProbeArgs;
use crate::session::over_name;
use crate::stop::sleep_until;

/// A server that answers nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Servers that fetch a stream from elsewhere describe it late.
const DESCRIBE_PATIENCE: Duration = Duration::from_secs(20);
/// Nothing over UDP for so long, and TCP is tried.
const UDP_PATIENCE: Duration = Duration::from_secs(3);
/// When all is measured, the reports of the server's clock are waited for so long.
const SETTLED: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(100);

/// Gathers all that can be known of a server.
///
/// # Errors
///
/// The client cannot be started; all that the server is at fault for is among the facts.
pub(super) async fn examine<R: Runtime>(args: &ProbeArgs) -> Result<Facts, Error> {
    let config = ClientConfig::default()
        .transports(args.transport.into())
        .connect_deadline(PATIENCE)
        .response_deadline(PATIENCE)
        .describe_deadline(DESCRIBE_PATIENCE)
        .first_udp_packet(UDP_PATIENCE)
        .trace(true);
    let builder = args.url.client::<R>();
    let client = builder.config(config).build()?;
    let mut facts = Facts { has_credentials: args.url.has_credentials(), ..Facts::default() };
    let mut heard = Heard::default();
    let steps = steps(&client, Duration::from_secs(args.seconds), &mut facts);
    let ended = listening(&client, &mut heard, steps).await;
    facts.failure = ended.err();
    for track in &mut facts.tracks {
        if let Outcome::Played { over, stats } = &mut track.outcome {
            **stats = client.media_stats(track.media).unwrap_or_default();
            if client.switched().is_some() {
                *over = "tcp";
            }
        }
    }
    facts.switched = client.switched();
    // All is known; how it ends does not matter.
    let _ = listening(&client, &mut heard, client.teardown()).await;
    facts.tolerances = client.tolerances();
    facts.heard = heard;
    Ok(facts)
}

/// Does some work of a client, and meanwhile hears what the server says.
async fn listening<R: Runtime, T>(client: &Client<R>, heard: &mut Heard, work: impl Future<Output = T>) -> T {
    let listen = async {
        while let Some(event) = client.next_event().await {
            heard.hear(&event, SystemTime::now());
        }
        pending().await
    };
    let done = or(work, listen).await;
    std::iter::from_fn(|| client.try_next_event()).for_each(|event| heard.hear(&event, SystemTime::now()));
    done
}

async fn steps<R: Runtime>(client: &Client<R>, time: Duration, facts: &mut Facts) -> Result<(), Failed> {
    let at = |step| move |error| Failed { step, error };
    match client.options().await {
        Ok(methods) => facts.methods = Some(methods),
        // Servers that refuse OPTIONS may do all the rest.
        Err(Error::Command { error: CommandError::Status { .. }, .. }) => {}
        Err(error) => return Err(at(Step::Connect)(error)),
    }
    let description = client.describe().await.map_err(at(Step::Describe))?;
    let kinds: Vec<_> = description.medias.iter().map(|media| media.kind.clone()).collect();
    facts.description = Some(description);
    let mut failure = Error::Misuse(Misuse::NoneChosen);
    for media in client.chosen_medias(&MediaChoice::default()) {
        let outcome = match client.setup(media).await {
            Ok(info) => Outcome::Played { over: over_name(info.transport), stats: Box::default() },
            Err(error @ Error::Command { error: CommandError::Timeout, .. }) => {
                return Err(at(Step::Setup)(error));
            }
            Err(Error::Command { method, url, error }) => {
                failure = Error::Command { method, url, error: error.clone() };
                Outcome::Refused(error)
            }
            Err(error) => return Err(at(Step::Setup)(error)),
        };
        let kind = kinds.get(media);
        facts.tracks.push(Track {
            media,
            kind: kind.map(ToString::to_string).unwrap_or_default(),
            always_flows: matches!(kind, Some(MediaKind::Video | MediaKind::Audio)),
            outcome,
        });
    }
    if facts.tracks.iter().all(|track| track.stats().is_none()) {
        return Err(at(Step::Setup)(failure));
    }
    client.play(Playback::new()).await.map_err(at(Step::Play))?;
    let mut measure = Measure::new(&client.description().unwrap_or_default());
    let received = receive(client, time, &facts.tracks, &mut measure).await;
    facts.measured = measure.into_medias();
    received.map_err(at(Step::Receive))
}

/// Receives until all medias flow, enough of pictures and sound is measured, and the server's clock is known, and for `time` at
/// most; anew for as long where the transport is switched.
async fn receive<R: Runtime>(
    client: &Client<R>,
    time: Duration,
    tracks: &[Track],
    measure: &mut Measure,
) -> Result<(), Error> {
    let mut packets = client.packets();
    let mut awaited: BTreeSet<_> =
        tracks.iter().filter(|track| track.stats().is_some()).map(|track| track.media).collect();
    let medias = awaited.clone();
    let (mut until, mut has_switched) = (Instant::now() + time, client.switched().is_some());
    let is_measured = |track: &Track| track.always_flows && track.stats().is_some();
    let measured: Vec<_> =
        tracks.iter().filter(|track| is_measured(track)).map(|track| track.media).collect();
    let mut measured_since = None;
    loop {
        let packet = async { Some(packets.next().await) };
        let look = async {
            sleep_until::<R>(Instant::now() + LOOK).await;
            None
        };
        match or(packet, look).await {
            Some(Some(received)) => {
                let received = received?;
                measure.take(&received);
                awaited.remove(&received.media);
            }
            Some(None) => return Ok(()),
            None => {}
        }
        let now = Instant::now();
        if !has_switched && client.switched().is_some() {
            (until, has_switched) = (now + time, true);
        }
        let knows_clock = || {
            medias
                .iter()
                .all(|&media| client.media_stats(media).is_some_and(|stats| stats.clock.wall_ahead.is_some()))
        };
        let is_enough = || measured.iter().all(|media| measure.is_enough(*media));
        if awaited.is_empty() && is_enough() {
            let since = *measured_since.get_or_insert(now);
            if knows_clock() || now - since >= SETTLED {
                return Ok(());
            }
        }
        if now >= until {
            return Ok(());
        }
    }
}
