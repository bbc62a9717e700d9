//! A camera that is pulled: one client, whatever the number of readers.

use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_lite::future::or;
use rtspan_std::WithCauses;
use rtspan_std::client::{Client, ClientBuilder};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::ServerStream;
use rtspan_std::tls::ClientTls;
use rtspan_std::{
    ClientEvent, Description, Error, Misuse, NtpTime, Playback, Received, ReconnectPolicy, Secret, UrlError,
};
use serde_json::json;
use smol::channel::Receiver;

use super::{GLANCE, Over, unread};
use crate::record::until;
use crate::serve::config::Camera;
use crate::serve::station::{Place, Station};
use crate::stop::sleep;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

impl Camera {
    /// A client of the camera at a path.
    fn client<R: Runtime>(&self, place: &Place) -> Result<ClientBuilder<R>, UrlError> {
        let rest = place.plan.pattern.rest(&place.path).unwrap_or_default();
        let builder = Client::<R>::builder(&self.url.replace('*', rest))?;
        let builder = match &self.credentials {
            Some((user, password)) => builder.credentials(user, Secret::password(password.as_str())),
            None => builder,
        };
        let tls = match self.pin {
            Some(pin) => ClientTls::pinned(pin),
            None if self.insecure => ClientTls::dangerous_any(),
            None => ClientTls::default(),
        };
        Ok(builder.tls(tls).transport(self.transport.into()).reconnect(ReconnectPolicy::default()))
    }
}

/// Relays a camera until it is given up, nobody reads it, or it is stopped, which is `None`.
pub(super) async fn pull<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    camera: &Camera,
    stopped: &Receiver<()>,
) -> Option<Over> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Some(Over::Failed { why: WithCauses(error).to_string(), was_live: false })
    };
    let client = match camera.client::<R>(place) {
        Ok(builder) => builder.build(),
        Err(error) => return failed(&error),
    };
    let client = match client {
        Ok(client) => client,
        Err(error) => return failed(&error),
    };
    let relay = Relay { station, place, client: &client, own: Mutex::default() };
    let relayed =
        or(or(relay.play(), relay.follow()), or(relay.hold(), unread(station, place, || relay.stream())));
    let over = until(stopped, relayed).await;
    drop(relay);
    or(async { drop(client.teardown().await) }, sleep::<R>(GOODBYE)).await;
    over
}

/// A camera, and the stream of its packets.
struct Relay<'a, R: Runtime> {
    station: &'a Station<R>,
    place: &'a Place,
    client: &'a Client<R>,
    own: Mutex<Relayed>,
}

#[derive(Default)]
struct Relayed {
    stream: Option<ServerStream>,
    was_live: bool,
    /// Since when it is lost.
    lost: Option<Instant>,
    /// The media of the stream that each media of the camera is.
    medias: Vec<Option<usize>>,
}

impl<R: Runtime> Relay<'_, R> {
    fn own(&self) -> MutexGuard<'_, Relayed> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream(&self) -> Option<rtspan_std::StreamId> {
        self.own().stream.as_ref().map(ServerStream::id)
    }

    fn failed(&self, why: impl std::fmt::Display) -> Over {
        Over::Failed { why: why.to_string(), was_live: self.own().was_live }
    }

    /// Has the medias flow, and writes their packets.
    async fn play(&self) -> Over {
        if let Err(error) = self.begin().await {
            return self.failed(WithCauses(&error));
        }
        let mut packets = self.client.packets();
        while let Some(received) = packets.next().await {
            let received = match received {
                Ok(received) => received,
                Err(error) => return self.failed(WithCauses(&error)),
            };
            if self.stream().is_none() {
                let description = self.description(packets.description());
                match self.station.publish(self.place, &description).await {
                    Ok(stream) => {
                        let mut own = self.own();
                        (own.stream, own.was_live) = (Some(stream), true);
                    }
                    Err(error) => return self.failed(WithCauses(&error)),
                }
                self.station.live(self.place);
            }
            // All that are here together: the lock is not taken for each.
            let own = self.own();
            own.write(received);
            while let Some(received) = packets.try_next() {
                own.write(received);
            }
        }
        self.failed("the camera has ended its stream")
    }

    /// Sets up all that the camera sends.
    async fn begin(&self) -> Result<(), Error> {
        let description = self.client.describe().await?;
        let mut medias = vec![None; description.medias.len()];
        let mut places = 0..;
        let mut failure = Error::Misuse(Misuse::NoneChosen);
        for media in self.client.chosen_medias(&Default::default()) {
            match self.client.setup(media).await {
                Ok(info) if info.is_sent => {}
                Ok(_) => medias[media] = places.next(),
                Err(error @ Error::Command { .. }) => failure = error,
                Err(error) => return Err(error),
            }
        }
        if medias.iter().all(Option::is_none) {
            return Err(failure);
        }
        self.own().medias = medias;
        self.client.play(Playback::new()).await?;
        Ok(())
    }

    /// The part of a camera's description that is relayed.
    fn description(&self, mut description: Description) -> Description {
        let own = self.own();
        let mut places = 0..;
        let is_relayed = |place: Option<usize>| {
            place.is_some_and(|place| own.medias.get(place).is_some_and(Option::is_some))
        };
        description.medias.retain(|_| is_relayed(places.next()));
        description
    }

    /// Follows what the client says of the camera.
    async fn follow(&self) -> Over {
        while let Some(event) = self.client.next_event().await {
            match event {
                ClientEvent::Reconnecting { cause, attempt, .. } => {
                    let mut own = self.own();
                    if !own.was_live {
                        drop(own);
                        return self.failed(WithCauses(&cause));
                    }
                    own.lost.get_or_insert_with(Instant::now);
                    drop(own);
                    if attempt == 1 {
                        let why = WithCauses(&cause).to_string();
                        let line = format!("{}: the camera is lost: {why}", self.place.path);
                        self.station.tell(
                            "source_lost",
                            line,
                            json!({ "path": &*self.place.path, "reason": why }),
                        );
                    }
                }
                ClientEvent::Reconnected { .. } => {
                    self.own().lost = None;
                    let line = format!("{}: the camera is back", self.place.path);
                    self.station.tell("source_back", line, json!({ "path": &*self.place.path }));
                }
                ClientEvent::DescriptionChanged(description) => {
                    let description = self.description(*description);
                    let mut own = self.own();
                    // Readers of other medias have to begin anew.
                    if own.stream.as_ref().is_some_and(|stream| stream.reload(&description).is_err()) {
                        own.stream = None;
                    }
                }
                _ => {}
            }
        }
        pending().await
    }

    /// Ends the stream of a camera that is lost for too long; it may come back, and its readers too.
    async fn hold(&self) -> Over {
        loop {
            sleep::<R>(GLANCE).await;
            let mut own = self.own();
            let is_over = own.lost.is_some_and(|lost| lost.elapsed() >= self.place.plan.hold);
            if !is_over || own.stream.take().is_none() {
                continue;
            }
            drop(own);
            let why = "the camera is away";
            if self.place.plan.on_demand {
                return self.failed(why);
            }
            self.station.away(self.place, why);
        }
    }
}

impl Relayed {
    /// Writes a packet with the camera's own time.
    fn write(&self, received: Received) {
        let Some(Some(media)) = self.medias.get(received.media) else { return };
        let ntp = received.time.wall().map_or_else(NtpTime::default, |wall| wall.ntp);
        if let Some(stream) = &self.stream {
            // A stream that the server has ended is found out by the client's end.
            let _ = stream.write_with_ntp(*media, received.packet, ntp);
        }
    }
}
