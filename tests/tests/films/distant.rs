//! A viewer over UDP: packets are lost and overtake each other, and what comes is in order all the same.

use std::time::Duration;

use rtspan_core::frame::Frame;
use rtspan_std::client::Error;
use rtspan_std::sim::{Client, sleep};
use rtspan_std::{ClientConfig, Transports};

use crate::chance::Chance;
use crate::run::Run;
use crate::tape::PICTURE;
use crate::viewer::{Counts, any_wish, playback, read, run_of};

/// Packets that are on their way when PAUSE is answered have come by then.
const LATE: Duration = Duration::from_millis(800);
const LOOK: Duration = Duration::from_millis(20);

/// Sees some parts of a recording, one behind the other.
pub(crate) async fn view_by_datagrams(
    url: &str,
    is_replay: bool,
    mut chance: Chance,
) -> Result<Counts, Error> {
    let config = ClientConfig::default().transports(Transports::Udp).onvif_replay(is_replay);
    let client = Client::builder(url).expect("a URL").config(config).connect().await?;
    let description = client.describe().await?;
    for media in 0..description.medias.len() {
        client.setup(media).await?;
    }
    let mut frames = client.packets().frames();
    let mut counts = Counts::default();
    for _ in 0..6 {
        let mut wish = any_wish(is_replay, &mut chance);
        // At no pace at all a packet is overtaken by hundreds, and two in a row are taken for another sequence (RFC 3550, A.1).
        while !wish.is_rate_controlled {
            wish = any_wish(is_replay, &mut chance);
        }
        let mut run = run_of(wish, None);
        client.play(playback(wish, false)).await?;
        for _ in 0..chance.below(300) {
            while let Some(frame) = frames.try_next() {
                see(&frame, &mut run, &mut counts);
            }
            sleep(LOOK).await;
        }
        client.pause().await?;
        sleep(LATE).await;
        while let Some(frame) = frames.try_next() {
            see(&frame, &mut run, &mut counts);
        }
    }
    frames.teardown().await?;
    Ok(counts)
}

fn see(frame: &Frame, run: &mut Run, counts: &mut Counts) {
    if frame.is_damaged {
        return counts.add("damaged", 1);
    }
    let number = read(frame, run.wish.is_replay);
    if frame.media == PICTURE {
        run.take_later(number);
        counts.add("distant", 1);
    }
}
