use std::net::SocketAddr;

use rtspan_core::client::{Client, ClientCloseReason, ClientConfig, ClientEvent, CommandError, Reply};
use rtspan_core::url::Url;
use rtspan_core::{Printable, Tolerances, WithCauses};
use tracing::{Span, debug, field, info, info_span, trace, warn};

use super::message;

/// Where a client tells what happens.
const CLIENT: &str = "rtspan::client";

/// The span of a client, and what its application wants besides.
#[derive(Debug)]
pub(crate) struct ClientTrace {
    /// The application has asked for messages.
    messages: bool,
    span: Span,
    /// Those that were told.
    tolerances: Tolerances,
}

impl ClientTrace {
    pub(crate) fn of(config: ClientConfig, url: &Url) -> (ClientConfig, Self) {
        let messages = config.is_traced();
        let user = url.credentials().map(|credentials| field::display(Printable(credentials.user)));
        let span = info_span!(target: CLIENT, "client", %url, user, peer = field::Empty);
        let trace = Self { messages, span, tolerances: Tolerances::NONE };
        (config.trace(messages || message::are_wanted()), trace)
    }

    pub(crate) fn tell_connected(&self, peer: SocketAddr) {
        self.span.record("peer", field::display(peer));
        debug!(target: CLIENT, parent: &self.span, %peer, "connected");
    }

    /// Tells subscribers. Returns `true` if the application is told as well.
    pub(crate) fn tell(&mut self, core: &Client, event: &ClientEvent) -> bool {
        let span = &self.span;
        match event {
            ClientEvent::MessageReceived(traced) => {
                message::tell(span, "received", traced);
                return self.messages;
            }
            ClientEvent::MessageSent(traced) => {
                message::tell(span, "sent", traced);
                return self.messages;
            }
            ClientEvent::Done(_, result) => {
                tell_done(span, result);
                self.tell_tolerances(core);
            }
            ClientEvent::Reconnecting { cause, attempt, wait } => {
                let cause = WithCauses(cause);
                warn!(target: CLIENT, parent: span, %cause, attempt, ?wait, "the session is lost, and is set up again");
            }
            ClientEvent::Reconnected { attempts, away } => {
                info!(target: CLIENT, parent: span, attempts, ?away, "the session is back");
            }
            ClientEvent::TransportSwitched(reason) => {
                warn!(target: CLIENT, parent: span, ?reason, "media goes over TCP and not over UDP");
            }
            ClientEvent::TcpRefused(status) => {
                warn!(target: CLIENT, parent: span, %status, "the server refuses media over TCP");
            }
            ClientEvent::MediaRefused(media, error) => {
                let error = WithCauses(error);
                warn!(target: CLIENT, parent: span, media, %error, "a media is left out");
            }
            ClientEvent::BackChannelRefused(error) => {
                let error = WithCauses(error);
                warn!(target: CLIENT, parent: span, %error, "back channels are refused");
            }
            ClientEvent::MediaSilent(media) => {
                warn!(target: CLIENT, parent: span, media, "a media sends nothing")
            }
            ClientEvent::MediaResumed(media) => {
                info!(target: CLIENT, parent: span, media, "a media sends again")
            }
            ClientEvent::Redirected(url) => info!(target: CLIENT, parent: span, %url, "redirected"),
            ClientEvent::RedirectFailed(attempt) => {
                let error = WithCauses(attempt);
                warn!(target: CLIENT, parent: span, %error, "nobody answers where a redirect has led");
            }
            ClientEvent::PacketsTooBig { packets, bytes } => {
                warn!(target: CLIENT, parent: span, packets, bytes, "packets are too big for the path");
            }
            ClientEvent::Closed(reason) => {
                self.tell_tolerances(core);
                let reason_text = WithCauses(reason);
                match reason {
                    ClientCloseReason::TornDown | ClientCloseReason::Ended => {
                        info!(target: CLIENT, parent: &self.span, reason = %reason_text, "closed");
                    }
                    _ => warn!(target: CLIENT, parent: &self.span, reason = %reason_text, "closed"),
                }
            }
            ClientEvent::RtcpReceived { media, compound } => {
                trace!(target: CLIENT, parent: span, media, bytes = compound.len(), "RTCP received");
            }
            event => debug!(target: CLIENT, parent: span, "{event:?}"),
        }
        true
    }

    fn tell_tolerances(&mut self, core: &Client) {
        let tolerances = core.tolerances();
        let known = std::mem::replace(&mut self.tolerances, tolerances);
        tolerances.iter().filter(|one| !known.contains(*one)).for_each(|tolerance| {
            warn!(target: CLIENT, parent: &self.span, ?tolerance, "tolerated: {tolerance}");
        });
    }
}

fn tell_done(span: &Span, result: &Result<Reply, CommandError>) {
    match result {
        Ok(Reply::Setup(info)) => {
            let (media, transport) = (info.media, info.transport);
            debug!(target: CLIENT, parent: span, media, ?transport, "media set up");
        }
        Ok(Reply::Playing(_)) => info!(target: CLIENT, parent: span, "plays"),
        Ok(Reply::Recording) => info!(target: CLIENT, parent: span, "publishes"),
        Ok(_) => {}
        Err(error @ (CommandError::Unauthorized(_) | CommandError::CredentialsRefused(_))) => {
            let error = WithCauses(error);
            warn!(target: CLIENT, parent: span, %error, "login refused");
        }
        Err(error) => {
            let error = WithCauses(error);
            info!(target: CLIENT, parent: span, %error, "a command failed");
        }
    }
}
