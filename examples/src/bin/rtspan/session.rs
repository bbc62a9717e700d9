use std::fmt;
use std::time::{Duration, Instant};

use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    ClientConfig, CommandError, Description, Error, MediaChoice, Misuse, Playback, Playing, Received,
    TrackTransport, WithCauses,
};
use serde_json::{Value, json};

use crate::Failure;
use crate::args::Target;
use crate::figures::Figures;
use crate::reconnect::{beginning, telling};

/// A stream that plays.
pub(crate) struct Session<R: Runtime> {
    url: Target,
    client: Client<R>,
    pub(crate) description: Description,
    /// The medias that play.
    medias: Vec<usize>,
    over: &'static str,
    start: Instant,
    /// The playback that the server has granted.
    pub(crate) playing: Playing,
}

/// A media that does not play though others do.
#[derive(Clone, Debug)]
pub(crate) struct RefusedMedia {
    pub(crate) media: usize,
    pub(crate) kind: String,
    pub(crate) error: CommandError,
}

impl RefusedMedia {
    pub(crate) fn to_json(&self) -> Value {
        json!({ "media": self.media, "kind": self.kind, "reason": WithCauses(&self.error).to_string() })
    }
}

impl fmt::Display for RefusedMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "media {} ({}) does not play: {}", self.media, self.kind, WithCauses(&self.error))
    }
}

/// The name of a transport.
pub(crate) fn over_name(transport: TrackTransport) -> &'static str {
    match transport {
        TrackTransport::Udp { .. } => "udp",
        TrackTransport::Multicast { .. } => "multicast",
        _ => "tcp",
    }
}

impl<R: Runtime> Session<R> {
    /// Connects, asks for all that there is and has it flow.
    ///
    /// Medias that the server refuses are left out, and those that go the other way unless they are asked for.
    pub(crate) async fn play(url: &Target, config: ClientConfig) -> Result<Self, Failure> {
        Self::play_some(url, config, MediaChoice::default(), Playback::new()).await
    }

    /// The same with some medias, from somewhere, or at another speed.
    pub(crate) async fn play_some(
        url: &Target,
        config: ClientConfig,
        medias: MediaChoice,
        playback: Playback,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::Play { url: url.clone(), error: Box::new(error) };
        let builder = url.client::<R>();
        let client = builder.config(config).build().map_err(failed)?;
        let begun = Self::begin(url, client.clone(), medias, playback);
        beginning(&client, begun).await.map_err(failed)
    }

    async fn begin(
        url: &Target,
        client: Client<R>,
        choice: MediaChoice,
        playback: Playback,
    ) -> Result<Self, Error> {
        let description = client.describe().await?;
        let mut medias = Vec::new();
        let mut over = "tcp";
        let mut failure = Error::Misuse(Misuse::NoneChosen);
        // A user who speaks need not choose the loudspeaker as well.
        let mut wanted = client.chosen_medias(&choice);
        wanted.extend(client.back_channels());
        wanted.sort_unstable();
        wanted.dedup();
        for media in wanted {
            match client.setup(media).await {
                Ok(info) if info.is_sent => {}
                Ok(info) => {
                    medias.push(media);
                    over = over_name(info.transport);
                }
                Err(error @ Error::Command { error: CommandError::Timeout, .. }) => return Err(error),
                Err(error @ Error::Command { .. }) => failure = error,
                Err(error) => return Err(error),
            }
        }
        if medias.is_empty() {
            return Err(failure);
        }
        let playing = client.play(playback).await?;
        Ok(Self { url: url.clone(), client, description, medias, over, start: Instant::now(), playing })
    }

    /// Gives every packet to `take` until the stream ends.
    pub(crate) async fn receive(
        &self,
        mut take: impl FnMut(&Received) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut packets = self.client.packets();
        let received = async {
            while let Some(received) = packets.next().await {
                let failed = |error| Failure::Play { url: self.url.clone(), error: Box::new(error) };
                take(&received.map_err(failed)?)?;
            }
            Ok(())
        };
        telling(&self.client, received).await
    }

    /// The counts of each media that is received.
    pub(crate) fn figures(&self) -> Vec<Figures> {
        let figures = |&media: &usize| {
            let stats = self.client.media_stats(media).unwrap_or_default();
            let is_silent = self.client.is_silent(media);
            Figures::received(self.over(), media, &self.description.medias[media], &stats, is_silent)
        };
        self.medias.iter().map(figures).collect()
    }

    /// The medias that the server has refused to play, so far.
    pub(crate) fn refused(&self) -> Vec<RefusedMedia> {
        let refused = |(media, error): (usize, CommandError)| {
            let kind = self.description.medias.get(media).map(|media| media.kind.to_string());
            RefusedMedia { media, kind: kind.unwrap_or_default(), error }
        };
        self.client.refused().into_iter().map(refused).collect()
    }

    /// The transport of media; that may have changed since it began.
    pub(crate) fn over(&self) -> &'static str {
        if self.client.switched().is_some() { "tcp" } else { self.over }
    }

    /// The medias that play.
    pub(crate) fn medias(&self) -> &[usize] {
        &self.medias
    }

    pub(crate) fn client(&self) -> &Client<R> {
        &self.client
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Says goodbye, whether the server answers or not.
    pub(crate) async fn close(self) {
        let _ = telling(&self.client, self.client.teardown()).await;
    }
}
