//! A camera that is pulled: one client, whatever the number of readers.

use std::future::pending;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_lite::future::or;
use rtspan_std::WithCauses;
use rtspan_std::client::{Client, ClientBuilder};
use rtspan_std::runtime::Runtime;
use rtspan_std::tls::ClientTls;
use rtspan_std::{
    ClientEvent, Description, Error, Misuse, Playback, ReconnectPolicy, Secret, StreamId, UrlError,
};
use serde_json::json;

use super::relayed::{Relayed, lock, open};
use super::{GLANCE, Over, unread};
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
            None => self.token.iter().fold(builder, |builder, token| builder.token(token)),
        };
        let tls = match self.pin {
            Some(pin) => ClientTls::pinned(pin),
            None if self.insecure => ClientTls::dangerous_any(),
            None => ClientTls::default(),
        };
        Ok(builder.tls(tls).transport(self.transport.into()).reconnect(ReconnectPolicy::default()))
    }
}

/// Relays a camera until it is given up, or nobody reads it, which is the error, or until it is stopped. `own` stays: the stream may
/// have come from elsewhere, and may go on from elsewhere.
pub(super) async fn pull<R: Runtime, T>(
    station: &Station<R>,
    place: &Place,
    camera: &Camera,
    own: &Mutex<Relayed>,
    stopped: impl Future<Output = T>,
) -> Result<T, Over> {
    let failed = |error: &(dyn std::error::Error + 'static)| Over::Failed {
        why: WithCauses(error).to_string(),
        was_live: false,
    };
    let client = camera.client::<R>(place).map_err(|error| failed(&error))?;
    let client = client.build().map_err(|error| failed(&error))?;
    let relay = Relay { station, place, client: &client, own, flows: &|| () };
    let read = unread(station, place, place.plan.on_demand, || relay.stream());
    let relayed = or(or(relay.play(), relay.follow()), or(relay.hold(), read));
    let ended = or(async { Ok(stopped.await) }, async { Err(relayed.await) }).await;
    if ended.is_err() {
        // The stream ends before the goodbye.
        relay.own().end();
    }
    or(async { drop(client.teardown().await) }, sleep::<R>(GOODBYE)).await;
    ended
}

/// A camera, and the stream of its packets.
pub(super) struct Relay<'a, R: Runtime> {
    pub(super) station: &'a Station<R>,
    pub(super) place: &'a Place,
    pub(super) client: &'a Client<R>,
    pub(super) own: &'a Mutex<Relayed>,
    /// It is told that packets of this client flow.
    pub(super) flows: &'a (dyn Fn() + Sync),
}

impl<R: Runtime> Relay<'_, R> {
    fn own(&self) -> MutexGuard<'_, Relayed> {
        lock(self.own)
    }

    fn stream(&self) -> Option<StreamId> {
        self.own().stream_id()
    }

    fn failed(&self, why: impl std::fmt::Display) -> Over {
        self.own().over(why)
    }

    /// Has the medias flow, and writes their packets.
    async fn play(&self) -> Over {
        match self.begin().await {
            Ok(()) => self.pass().await,
            Err(error) => self.failed(WithCauses(&error)),
        }
    }

    /// Writes the packets of medias that flow.
    pub(super) async fn pass(&self) -> Over {
        let mut packets = self.client.packets();
        let mut has_begun = false;
        while let Some(received) = packets.next().await {
            let received = match received {
                Ok(received) => received,
                Err(error) => return self.failed(WithCauses(&error)),
            };
            if !has_begun || self.stream().is_none() {
                let description = || self.description(packets.description());
                if let Err(over) = open(self.station, self.place, self.own, description).await {
                    return over;
                }
            }
            if !std::mem::replace(&mut has_begun, true) {
                self.own().lost = None;
                (self.flows)();
            }
            // All that are here together: the lock is not taken for each.
            let mut own = self.own();
            own.write(received);
            while let Some(received) = packets.try_next() {
                own.write(received);
            }
        }
        self.failed("the camera has ended its stream")
    }

    /// Sets up all that the camera sends, and has it flow.
    pub(super) async fn begin(&self) -> Result<(), Error> {
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
        let description = self.description(description);
        self.own().take_up(&description);
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
    pub(super) async fn follow(&self) -> Over {
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
                    // Readers of other medias have to begin anew.
                    let description = self.description(*description);
                    self.own().reload(&description);
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
            if !is_over || own.stream_id().is_none() {
                continue;
            }
            own.end();
            drop(own);
            let why = "the camera is away";
            // Perhaps another node reaches it.
            if self.place.plan.on_demand || self.station.is_clustered(&self.place.plan.source) {
                return self.failed(why);
            }
            self.station.away(self.place, why, None);
        }
    }
}
