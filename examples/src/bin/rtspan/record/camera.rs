use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use rtspan_core::Description;
use rtspan_examples::recorder::FileKind;
use rtspan_std::client::{Client, Frames};
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, Error, Form, Misuse, Playback};
use smol::channel::{Receiver, Sender};

use super::tell::Tell;
use super::{Order, now, until};
use crate::args::NamedTarget;
use crate::stop::sleep;

/// A camera that cannot be played is tried again after so long, since somebody may mend it, and each time after twice as long up to
/// a bound: cameras lock users out who come too often.
const AGAIN: Duration = Duration::from_secs(5);
const AGAIN_MAX: Duration = Duration::from_secs(80);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Plays a camera, again and again, and has its frames written.
pub(super) async fn record<R: Runtime>(
    camera: NamedTarget,
    config: ClientConfig,
    orders: Sender<Order>,
    stopped: Receiver<()>,
    tell: Tell,
) {
    let mut again = AGAIN;
    loop {
        let client = camera.url.client::<R>().config(config.clone()).build();
        let error = match client {
            Ok(client) => {
                let played = play(&camera, &client, &orders, &stopped, tell);
                let told = async {
                    while let Some(event) = client.next_event().await {
                        tell.client(&camera.name, &event);
                    }
                    pending().await
                };
                or(played, told).await
            }
            Err(error) => Err(error),
        };
        match error {
            Err(error) => tell.lost(&camera.name, &error, again),
            Ok(Over::Stopped) => return,
            Ok(Over::Ended) => {
                again = AGAIN;
                tell.ended(&camera.name, again);
            }
        }
        if until(&stopped, sleep::<R>(again)).await.is_none() {
            return;
        }
        again = (again * 2).min(AGAIN_MAX);
    }
}

/// Why a camera plays no more.
enum Over {
    Stopped,
    Ended,
}

async fn play<R: Runtime>(
    camera: &NamedTarget,
    client: &Client<R>,
    orders: &Sender<Order>,
    stopped: &Receiver<()>,
    tell: Tell,
) -> Result<Over, Error> {
    let Some(begun) = until(stopped, begin(camera, client, tell)).await else { return Ok(Over::Stopped) };
    let mut frames = begun?;
    let name: Arc<str> = camera.name.as_str().into();
    let mut described = Description::default();
    loop {
        let Some(next) = until(stopped, frames.next()).await else {
            or(async { drop(frames.teardown().await) }, sleep::<R>(GOODBYE)).await;
            return Ok(Over::Stopped);
        };
        let Some(frame) = next.transpose()? else { return Ok(Over::Ended) };
        let description = frames.packets().description();
        let mut news = Vec::new();
        if description != described {
            described.clone_from(&description);
            news.push(Order::Describe(Arc::clone(&name), Box::new(description)));
        }
        news.push(Order::Frame(Arc::clone(&name), Box::new(frame), now()));
        for order in news {
            if orders.send(order).await.is_err() {
                return Ok(Over::Stopped);
            }
        }
    }
}

/// Asks for the medias that can be recorded, and has them flow.
async fn begin<R: Runtime>(camera: &NamedTarget, client: &Client<R>, tell: Tell) -> Result<Frames<R>, Error> {
    let description = client.describe().await?;
    let held = FileKind::Mp4.medias(&description);
    let mut failure = Error::Misuse(Misuse::NoneChosen);
    let mut has_begun = false;
    for media in client.chosen_medias(&Default::default()) {
        if !held.contains(&media) {
            tell.left_out(&camera.name, media, &description.medias[media]);
            continue;
        }
        match client.setup(media).await {
            Ok(_) => has_begun = true,
            Err(Error::Command { method, url, error }) => {
                tell.refused(&camera.name, media, &error);
                failure = Error::Command { method, url, error };
            }
            Err(error) => return Err(error),
        }
    }
    if !has_begun {
        return Err(failure);
    }
    client.play(Playback::new()).await?;
    Ok(client.packets().frames().form(Form::Container))
}
