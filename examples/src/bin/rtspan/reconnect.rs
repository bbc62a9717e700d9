//! How `play` and `publish` behave when their server goes away: they wait for it, and say so.

use std::future::pending;

use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientEvent, Error, ReconnectPolicy, WithCauses};

use crate::events::of_client;
use crate::output::notice;

/// How a client reconnects, unless it was told not to.
pub(crate) fn policy(no_reconnect: bool) -> Option<ReconnectPolicy> {
    (!no_reconnect).then(ReconnectPolicy::default)
}

/// Does some work of a client, and meanwhile says how it reconnects.
pub(crate) async fn telling<R: Runtime, T>(client: &Client<R>, work: impl Future<Output = T>) -> T {
    let told = async {
        while let Some(event) = client.next_event().await {
            say(&event);
        }
        pending().await
    };
    let done = futures_lite::future::or(work, told).await;
    std::iter::from_fn(|| client.try_next_event()).for_each(|event| say(&event));
    done
}

/// Begins with a client: fails at the first loss, because a user who has made a mistake wants to know.
pub(crate) async fn beginning<R: Runtime, T>(
    client: &Client<R>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let lost = async {
        loop {
            match client.next_event().await {
                Some(ClientEvent::Reconnecting { cause, .. }) => return Err(Error::Closed(cause)),
                Some(event) => say(&event),
                None => pending().await,
            }
        }
    };
    futures_lite::future::or(work, lost).await
}

fn say(event: &ClientEvent) {
    match event {
        ClientEvent::Reconnecting { cause, attempt, wait } => {
            notice(format_args!(
                "lost: {}; attempt {attempt} in {:.1} s",
                WithCauses(cause),
                wait.as_secs_f64()
            ));
        }
        ClientEvent::Reconnected { attempts, away } => {
            let times = if *attempts == 1 { "attempt" } else { "attempts" };
            notice(format_args!("back after {:.1} s and {attempts} {times}", away.as_secs_f64()));
        }
        ClientEvent::DescriptionChanged(_) => notice("the server describes the stream otherwise than before"),
        event => of_client(event).into_iter().for_each(notice),
    }
}
