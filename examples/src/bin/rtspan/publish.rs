use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Instant;

use futures_lite::future::or;
use rtspan_examples::source::{FileSource, Packets, SourceError};
use rtspan_examples::{Clip, Frame};
use rtspan_std::client::{Client, Publisher};
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, ClientSrtp, Description, Error, NtpTime, SendError};
use serde_json::json;

use crate::Failure;
use crate::args::{PublishArgs, PublishTransport};
use crate::feed::{feed, read_ahead};
use crate::figures::{Figures, table, tracks};
use crate::live::{patiently, watch};
use crate::output::{news, notice, result, result_json};
use crate::reconnect::{beginning, policy, telling};
use crate::sink::is_standard;
use crate::stop::{stop, unless_interrupted};

/// Publishes the embedded clip or a file, in a loop and in real time.
pub(crate) async fn run<R: Runtime>(args: &PublishArgs) -> Result<(), Failure> {
    let Some(path) = &args.file else {
        let clip = Clip::demo();
        let mut description = clip.description();
        if args.srtp.is_none() {
            let mut frames = clip.frames();
            return publish::<R>(args, description, async || Ok(frames.next())).await;
        }
        let mut frames = clip.frames_to_protect();
        // Each media begins at the start.
        let first: Vec<_> = frames.by_ref().take(description.medias.len()).collect();
        let packets =
            first.iter().flat_map(|frame| frame.packets.iter().map(|packet| (frame.media, packet.ssrc())));
        protect(&mut description, packets.collect());
        let mut frames = first.into_iter().chain(frames);
        return publish::<R>(args, description, async || Ok(frames.next())).await;
    };
    let shown = if is_standard(path) { Path::new("standard input") } else { path };
    let failed = |error| match error {
        SourceError::Read(source) => Failure::Read { path: shown.into(), source },
        error => Failure::Source { path: shown.into(), source: Box::new(error) },
    };
    let source = match args.format {
        format if is_standard(path) => FileSource::from_pipe(io::stdin(), format, args.fps),
        Some(kind) => FileSource::open_as(path, kind, args.fps),
        None => FileSource::open(path, args.fps),
    };
    let source = source.map_err(failed)?;
    for left_out in source.left_out() {
        notice(format_args!("{left_out} is not published: it cannot be sent"));
    }
    let mut description = source.description().clone();
    if args.srtp.is_some() {
        protect(&mut description, BTreeSet::new());
    }
    let seed = rtspan_examples::clip::seed();
    // A pipe has no earlier place.
    let repeats = !args.once && !is_standard(path);
    let packets = Packets::new(source, &description, repeats, seed).map_err(failed)?;
    if args.srtp.is_some() {
        protect(&mut description, packets.ssrcs().collect());
    }
    let frames = read_ahead(packets);
    let next = async || frames.recv().await.ok().transpose().map_err(failed);
    publish::<R>(args, description, next).await
}

/// Describes medias as encrypted, and their sources, which servers look keys up by.
fn protect(description: &mut Description, ssrcs: BTreeSet<(usize, u32)>) {
    for (index, media) in description.medias.iter_mut().enumerate() {
        media.profile = media.profile.secured();
        media.set_ssrcs(ssrcs.iter().filter(|(media, _)| *media == index).map(|(_, ssrc)| *ssrc));
    }
}

/// Publishes frames as they are due.
async fn publish<R: Runtime>(
    args: &PublishArgs,
    description: Description,
    mut next: impl AsyncFnMut() -> Result<Option<Frame>, Failure>,
) -> Result<(), Failure> {
    let over = match args.transport {
        PublishTransport::Udp => "udp",
        PublishTransport::Tcp => "tcp",
    };
    let failed = |error| Failure::Publish { url: args.url.clone(), error: Box::new(error) };
    let builder = args.url.client::<R>();
    let builder = match args.srtp {
        Some(suite) => builder.srtp(ClientSrtp::default().publish(suite)),
        None => builder,
    };
    let config =
        ClientConfig::default().reconnect(policy(args.no_reconnect)).transports(args.transport.into());
    let config = args.requests.apply(config).map_err(failed)?;
    let client = builder.config(config).build().map_err(failed)?;
    let publish = beginning(&client, begin(&client, description.clone()));
    let publish = patiently::<R, _>(format!("connecting to {}", args.url), publish);
    let publisher = unless_interrupted(async { publish.await.map_err(failed) }).await?;
    if !args.json {
        news(format_args!("publishing at {}", args.url));
    }

    let start = Instant::now();
    let figures = || {
        let medias = description.medias.iter().enumerate();
        let figures = medias.map(|(media, description)| {
            let stats = publisher.media_stats(media).unwrap_or_default();
            Figures::sent(over, media, description, &stats)
        });
        figures.collect::<Vec<_>>()
    };
    let write = async |frame: &Frame, ntp| match write(&publisher, frame, ntp).await {
        // Live media is of no use later.
        Err(Error::Send(SendError::Reconnecting)) => Ok(()),
        written => written.map_err(failed),
    };
    let feed = telling(&client, feed::<R, _>(&mut next, write));
    let stopped = async {
        stop::<R>(args.seconds).await;
        Ok(())
    };
    let ended = or(or(feed, stopped), watch::<R, _>(args.json, figures)).await;

    let (figures, elapsed) = (figures(), start.elapsed());
    // All is counted; how it ends does not matter.
    let _ = publisher.teardown().await;
    if args.json {
        let report = json!({
            "url": args.url.to_string(),
            "transport": over,
            "seconds": elapsed.as_secs_f64(),
            "tracks": tracks(&figures, elapsed),
        });
        result_json(report);
    } else {
        table(&figures, elapsed).iter().for_each(result);
    }
    ended
}

/// Writes a frame. Sender reports tell the time at which it is presented: without that they would tell when it was sent, which is
/// another where pictures are sent in another order than they are presented in.
async fn write<R: Runtime>(publisher: &Publisher<R>, frame: &Frame, ntp: NtpTime) -> Result<(), Error> {
    let Some((first, rest)) = frame.packets.split_first() else { return Ok(()) };
    publisher.write_with_ntp(frame.media, first.clone(), ntp).await?;
    if rest.is_empty() { Ok(()) } else { publisher.write_frame(frame.media, rest).await }
}

async fn begin<R: Runtime>(client: &Client<R>, description: Description) -> Result<Publisher<R>, Error> {
    let medias = description.medias.len();
    client.announce(description).await?;
    for media in 0..medias {
        client.setup(media).await?;
    }
    client.record().await?;
    Ok(client.publisher())
}
