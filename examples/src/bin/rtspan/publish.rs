use std::fs;
use std::time::Instant;

use futures_lite::future::or;
use rtspan_examples::Clip;
use rtspan_std::client::{Client, Publisher};
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, Description, Error, SendError};
use serde_json::json;

use crate::Failure;
use crate::args::{PublishArgs, PublishTransport};
use crate::feed::feed;
use crate::figures::{Figures, table, tracks};
use crate::live::watch;
use crate::output::{news, result, result_json};
use crate::reconnect::{beginning, policy, telling};
use crate::stop::{stop, unless_interrupted};

/// Publishes the embedded clip or a file, in a loop and in real time.
pub(crate) async fn run<R: Runtime>(args: &PublishArgs) -> Result<(), Failure> {
    let clip = clip(args)?;
    let description = clip.description();
    let over = match args.transport {
        PublishTransport::Udp => "udp",
        PublishTransport::Tcp => "tcp",
    };
    let failed = |error| Failure::Publish { url: args.url.clone(), error: Box::new(error) };
    let builder = Client::<R>::builder(args.url.as_str()).expect("it was parsed before");
    let config =
        ClientConfig::default().reconnect(policy(args.no_reconnect)).transports(args.transport.into());
    let config = args.requests.apply(config).map_err(failed)?;
    let client = builder.config(config).build().map_err(failed)?;
    let publish = beginning(&client, begin(&client, description.clone()));
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
    let feed =
        feed::<R, _>(&clip, async |media, packets| match publisher.write_frame(media, packets).await {
            // Live media is of no use later.
            Err(Error::Send(SendError::Reconnecting)) => Ok(()),
            written => written,
        });
    let feed = async { telling(&client, feed).await.map_err(failed) };
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
        result_json(&report);
    } else {
        table(&figures, elapsed).iter().for_each(result);
    }
    ended
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

fn clip(args: &PublishArgs) -> Result<Clip, Failure> {
    let Some(path) = &args.file else { return Ok(Clip::demo()) };
    let stream = fs::read(path).map_err(|source| Failure::Read { path: path.clone(), source })?;
    Clip::from_annex_b(stream.into(), args.fps).map_err(|source| Failure::Clip { path: path.clone(), source })
}
