//! A path of a cluster: pulled from the node that has it, or fed from its own source, once for all readers here.

use std::future::pending;
use std::sync::Mutex;
use std::time::Instant;

use futures_lite::future::or;
use rtspan_examples::cluster::Parent;
use rtspan_std::client::{Client, ClientBuilder};
use rtspan_std::runtime::Runtime;
use rtspan_std::{Error, Secret, StatusCode, Transports, UrlError};
use smol::channel::Receiver;

use super::camera::Relay;
use super::relayed::{Relayed, lock};
use super::{GLANCE, Over, camera, looped, unread};
use crate::record::until;
use crate::serve::cluster::{Cluster, NODE_USER, Word};
use crate::serve::config::Source;
use crate::serve::station::{Place, Station};
use crate::stop::sleep;

/// The words for readers if the nodes that have a path refuse this one.
pub(super) const DENIED: &str = "the servers of the cluster that have this path refuse this one";

/// Why there is nothing while the source of a path is left alone.
const RESTS: &str = "its source has just failed, and no other node of the cluster has one";

/// Runs a path that the cluster knows: its own source while the path is this node's, and otherwise a relay of the node that has it.
/// The stream stays meanwhile, and so do its readers. A source that fails rests for a while, in which another node may have the path.
///
/// It ends if nobody reads it, if it comes from nowhere for too long, or if it is stopped, which is `None`.
pub(super) async fn pull<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    stopped: &Receiver<()>,
) -> Option<Over> {
    let cluster = station.cluster()?;
    let own = Mutex::new(Relayed::lost());
    let words = cluster.enter(&place.path, &place.plan.source);
    let (mut word, mut over) = (Word::Nowhere, None);
    loop {
        let next = async {
            loop {
                let next = until(stopped, words.recv()).await?.ok()?;
                if next != Word::Here || word != Word::Here {
                    return Some(next);
                }
            }
        };
        let went = match &word {
            Word::Here => feed(station, place, &own, next).await,
            Word::From(parent) => relay(station, place, cluster, &own, Some(parent), next).await,
            Word::Nowhere => relay(station, place, cluster, &own, None, next).await,
        };
        match went {
            Ok(Some(next)) => {
                let rest = cluster.rest_of(&place.path).filter(|_| lock(&own).stream_id().is_none());
                match (&next, rest) {
                    (Word::From(_), _) => station.tries(place),
                    (Word::Nowhere, Some(rest)) => {
                        station.send_away(place, RESTS, place.plan.source.absence(), Some(rest));
                    }
                    _ => {}
                }
                word = next;
            }
            Ok(None) => break,
            Err(Over::Failed { why, was_live }) if word == Word::Here => {
                // Perhaps another node reaches it.
                let rest = cluster.rest(&place.path, was_live || place.plan.on_demand);
                station.away(place, &why, Some(rest));
                word = Word::Nowhere;
            }
            // That has been told.
            Err(Over::Failed { .. }) if cluster.rest_of(&place.path).is_some() => {
                over = Some(Over::Unread);
                break;
            }
            Err(why) => {
                over = Some(why);
                break;
            }
        }
        lock(&own).lost.get_or_insert_with(Instant::now);
    }
    if place.plan.source == Source::Node && cluster.with(|node, _| node.owns(&place.path)) {
        // A publisher has come, and takes the stream with its readers.
        lock(&own).leave(place.plan.hold);
    }
    if station.is_last(place) {
        cluster.part(&place.path, &place.plan.source);
    }
    over
}

/// Feeds a path from its own source until the cluster has another word.
async fn feed<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    own: &Mutex<Relayed>,
    next: impl Future<Output = Option<Word>>,
) -> Result<Option<Word>, Over> {
    lock(own).begin();
    match &place.plan.source {
        Source::Camera(camera) => camera::pull(station, place, camera, own, next).await,
        Source::Looped(film) => {
            let play = looped::play(station, place, film, own);
            or(async { Ok(next.await) }, async { Err(play.await) }).await
        }
        Source::Demo { .. } => {
            let play = looped::play_demo(station, place, false, own);
            or(async { Ok(next.await) }, async { Err(play.await) }).await
        }
        // A publisher's: this is stopped.
        Source::Node | Source::Publisher | Source::Shelf(_) => Ok(next.await),
    }
}

/// Relays a path from a node, or waits for one, until the cluster has another word.
async fn relay<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    cluster: &Cluster,
    own: &Mutex<Relayed>,
    from: Option<&Parent>,
    next: impl Future<Output = Option<Word>>,
) -> Result<Option<Word>, Over> {
    let pull = async {
        if let Some(from) = from {
            let ended = pull_from(station, place, cluster, own, from).await;
            lock(own).lost.get_or_insert_with(Instant::now);
            if ended.is_err_and(|error| is_denied(&error)) {
                station.denied(cluster, from);
            }
            sleep::<R>(GLANCE).await;
            // There is another word then.
            let next = cluster.with(|node, now| {
                node.failed(now, &place.path);
                node.parent(&place.path).cloned()
            });
            let is_denied = next.is_some_and(|next| cluster.is_denied_by(&next.node));
            if is_denied && lock(own).stream_id().is_none() {
                return Over::Denied;
            }
        }
        pending().await
    };
    let stream = || lock(own).stream_id();
    let over = or(given_up::<R>(place, own), unread(station, place, true, stream));
    or(async { Ok(next.await) }, async { Err(or(over, pull).await) }).await
}

/// Relays a path from a node until that ends.
///
/// # Errors
///
/// The node did not give it.
async fn pull_from<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    cluster: &Cluster,
    own: &Mutex<Relayed>,
    from: &Parent,
) -> Result<(), Error> {
    let client = client::<R>(place, cluster, from)?.build()?;
    let flows = || {
        cluster.gives(&from.node);
        cluster.with(|node, _| node.set_live(&place.path, true));
    };
    let relay = Relay { station, place, client: &client, own, flows: &flows };
    relay.begin().await?;
    or(relay.pass(), relay.follow()).await;
    Ok(())
}

/// A node does not know the secret of this one, or gives it no right.
fn is_denied(error: &Error) -> bool {
    let Error::Command { error, .. } = error else { return false };
    matches!(error.status(), Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
}

fn client<R: Runtime>(place: &Place, cluster: &Cluster, from: &Parent) -> Result<ClientBuilder<R>, UrlError> {
    let builder = Client::<R>::builder(&format!("{}/{}", from.url, place.path))?.user_agent(&cluster.agent());
    // Nothing is lost on the way, and the end of a node is noticed at once.
    let builder = builder.transport(Transports::Tcp);
    Ok(match &cluster.plan.secret {
        Some(secret) => builder.credentials(NODE_USER, Secret::password(secret.as_str())),
        None => builder,
    })
}

/// Waits until a path has come from nowhere for as long as readers wait for it.
async fn given_up<R: Runtime>(place: &Place, own: &Mutex<Relayed>) -> Over {
    loop {
        sleep::<R>(GLANCE).await;
        let own = lock(own);
        if own.lost.is_some_and(|lost| lost.elapsed() >= place.plan.hold) {
            return own.over("no node of the cluster gives it");
        }
    }
}
