//! Events of a server, as lines for people and as JSON for programs.

use std::time::{SystemTime, UNIX_EPOCH};

use rtspan_std::{
    Action, ClientEvent, Event, MediaTransport, PacketsTooBig, Port, TracedMessage, WithCauses,
};
use serde_json::{Value, json};

use crate::text::counted;

/// The line of an event, in which peers choose the paths.
pub(crate) fn describe(event: &Event) -> Option<String> {
    Some(match event {
        Event::ConnOpened { peer, .. } => format!("{peer} has connected"),
        Event::ConnProxied { peer, proxy, .. } => format!("{proxy} is a proxy, and passes on {peer}"),
        Event::ConnClosed { peer, reason, .. } => format!("{peer} has gone: {}", WithCauses(reason)),
        Event::SessionOpened { peer, user, path, action, .. } => {
            let user = user.as_deref().map_or_else(String::new, |user| format!(" as the user {user}"));
            let does = if *action == Action::Read { "read" } else { "publish" };
            format!("{peer} has opened a session to {does} {path}{user}")
        }
        Event::Published { path, .. } => format!("{} is published", path),
        Event::Unpublished { path, reason, .. } => {
            format!("{path} is no longer published: {}", WithCauses(reason))
        }
        Event::Playing { peer, path, transport, .. } => {
            format!("{peer} plays {} over {}", path, over(*transport))
        }
        Event::Recording { peer, path, transport, .. } => {
            format!("{peer} publishes {} over {}", path, over(*transport))
        }
        Event::BackChannelOpened { session, path, .. } => format!("the session {session} speaks to {path}"),
        Event::BackChannelClosed { session, path, reason, .. } => {
            format!("the session {session} speaks to {path} no more: {}", WithCauses(reason))
        }
        Event::Paused { session, .. } => format!("the session {session} pauses"),
        Event::TrackClosed { session, media, .. } => {
            format!("the session {session} has given up media {media}")
        }
        Event::PublisherGone { path, .. } => format!("the publisher of {path} has gone, and is waited for"),
        Event::SessionClosed { path, reason, .. } => {
            format!("a session of {path} is over: {}", WithCauses(reason))
        }
        Event::TakenOver { path, .. } => format!("{} has another publisher", path),
        Event::MediaSilent { path, media, .. } => {
            format!("nothing comes of media {media} of {}", path)
        }
        Event::MediaResumed { path, media, .. } => {
            format!("media {media} of {} comes again", path)
        }
        Event::ReaderLagged { dropped, .. } => {
            format!("a reader is too slow and has missed {}", counted(*dropped, "packet"))
        }
        Event::AuthFailed { peer, user, path, count, .. } => {
            let times = if *count == 1 { String::new() } else { format!(" ({count} times)") };
            let user = user.as_deref().map_or_else(String::new, |user| format!(" for the user {user}"));
            format!("{peer} has sent wrong credentials{user} for {path}{times}")
        }
        Event::Refused { peer, reason, count, .. } => {
            let times = if *count == 1 { String::new() } else { format!(" ({count} times)") };
            format!("{peer} was refused{times}: {}", WithCauses(reason))
        }
        Event::LossReported { session, media, fraction_lost, lost, .. } => format!(
            "the session {session} reports that {:.0} % of media {media} were lost lately, {} in all",
            f64::from(*fraction_lost) / 2.56,
            counted(*lost, "packet")
        ),
        Event::PacketsTooBig(PacketsTooBig { session, packets, bytes, .. }) => format!(
            "{packets} packets of up to {bytes} bytes were too big for the path to the reader of the session {session}"
        ),
        Event::PacketsLost { session, media, lost, .. } => {
            format!("{lost} packets of media {media} of the session {session} are missing")
        }
        Event::PacketsUnreadable { session, media, malformed, unannounced, unauthentic, .. } => format!(
            "of media {media} of the session {session} {malformed} packets are no RTP, {unannounced} of a format that \
             was not announced, and {unauthentic} not protected by its keys"
        ),
        Event::Missed { count } => format!("{count} events were dropped, since they were not taken in time"),
        Event::Tolerated { tolerances, .. } => {
            let texts: Vec<_> = tolerances.iter().map(|tolerance| tolerance.to_string()).collect();
            format!("a peer was put up with: {}", texts.join("; "))
        }
        _ => return None,
    })
}

pub(crate) fn over(transport: MediaTransport) -> &'static str {
    match transport {
        MediaTransport::Udp => "udp",
        MediaTransport::Multicast => "multicast",
        _ => "tcp",
    }
}

/// The lines of a message that was traced on a connection.
pub(crate) fn dialogue(event: &Event) -> Vec<String> {
    match event {
        Event::MessageReceived { conn, traced, .. } => lines(&format!("{conn} <"), traced),
        Event::MessageSent { conn, traced, .. } => lines(&format!("{conn} >"), traced),
        _ => Vec::new(),
    }
}

/// The lines of what a client says besides.
pub(crate) fn of_client(event: &ClientEvent) -> Vec<String> {
    match event {
        ClientEvent::SourceLearnt { media, port, source } => {
            let kind = if *port == Port::Rtp { "packets" } else { "reports" };
            vec![format!("{kind} of media {media} come from {source}")]
        }
        ClientEvent::BackChannelRefused(error) => {
            vec![format!("the server refuses back channels: {}", WithCauses(error))]
        }
        _ => Vec::new(),
    }
}

/// The lines of a message, each behind what says where it was seen and which way it went.
fn lines(seen: &str, traced: &TracedMessage) -> Vec<String> {
    let bytes = traced.message.to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| !line.is_empty()).map(|line| format!("{seen} {line}"));
    let left_out = (traced.left_out > 0).then(|| format!("{seen} ({} bytes more)", traced.left_out));
    lines.chain(left_out).collect()
}

/// An event as an object: its name, the time, and what it tells. Text of peers is as they sent it.
pub(crate) fn to_json(event: &Event) -> Value {
    let mut told = fields(event);
    if let Some(object) = told.as_object_mut() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        object.insert("time".to_owned(), json!(now.as_millis() as f64 / 1000.0));
    }
    told
}

fn fields(event: &Event) -> Value {
    let id = |id: &dyn std::fmt::Display| id.to_string();
    let session_of =
        |session: &Option<rtspan_std::SessionId>| session.as_ref().map(|session| session.to_string());
    let conn_of = |conn: &Option<rtspan_std::ConnId>| conn.as_ref().map(|conn| conn.to_string());
    match event {
        Event::ConnOpened { conn, peer } => {
            json!({ "event": "conn_opened", "conn": id(conn), "peer": peer.to_string() })
        }
        Event::ConnProxied { conn, peer, proxy } => json!({
            "event": "conn_proxied", "conn": id(conn), "peer": peer.to_string(), "proxy": proxy.to_string(),
        }),
        Event::ConnClosed { conn, peer, reason, .. } => json!({
            "event": "conn_closed", "conn": id(conn), "peer": peer.to_string(), "reason": WithCauses(reason).to_string(),
        }),
        Event::AuthFailed { conn, session, peer, user, path, count } => json!({
            "event": "auth_failed", "conn": id(conn), "session": session_of(session), "peer": peer.to_string(),
            "user": user, "path": path, "count": count,
        }),
        Event::SessionOpened { session, conn, peer, user, path, action } => json!({
            "event": "session_opened", "session": id(session), "conn": id(conn), "peer": peer.to_string(),
            "user": user, "path": path, "action": if *action == Action::Read { "read" } else { "publish" },
        }),
        Event::SessionClosed { session, conn, peer, path, reason, .. } => json!({
            "event": "session_closed", "session": id(session), "conn": id(conn), "peer": peer.to_string(),
            "path": path, "reason": WithCauses(reason).to_string(),
        }),
        Event::Published { stream, path, session, conn } => json!({
            "event": "published", "stream": id(stream), "path": path, "session": session_of(session),
            "conn": conn_of(conn),
        }),
        Event::TakenOver { stream, path, session, conn, former } => json!({
            "event": "taken_over", "stream": id(stream), "path": path, "session": id(session), "conn": id(conn),
            "former": session_of(former),
        }),
        Event::PublisherGone { stream, path, session, conn } => json!({
            "event": "publisher_gone", "stream": id(stream), "path": path, "session": id(session),
            "conn": id(conn),
        }),
        Event::Unpublished { stream, path, session, conn, reason } => json!({
            "event": "unpublished", "stream": id(stream), "path": path, "session": session_of(session),
            "conn": conn_of(conn), "reason": WithCauses(reason).to_string(),
        }),
        Event::Playing { session, conn, peer, path, transport } => json!({
            "event": "playing", "session": id(session), "conn": id(conn), "peer": peer.to_string(), "path": path,
            "transport": over(*transport),
        }),
        Event::Recording { session, conn, stream, peer, path, transport } => json!({
            "event": "recording", "session": id(session), "conn": id(conn), "stream": id(stream),
            "peer": peer.to_string(), "path": path, "transport": over(*transport),
        }),
        Event::BackChannelOpened { session, conn, stream, path } => json!({
            "event": "back_channel_opened", "session": id(session), "conn": id(conn), "stream": id(stream),
            "path": path,
        }),
        Event::BackChannelClosed { session, conn, stream, path, reason } => json!({
            "event": "back_channel_closed", "session": id(session), "conn": id(conn), "stream": id(stream),
            "path": path, "reason": WithCauses(reason).to_string(),
        }),
        Event::Paused { session, conn } => {
            json!({ "event": "paused", "session": id(session), "conn": id(conn) })
        }
        Event::TrackClosed { session, conn, media } => {
            json!({ "event": "track_closed", "session": id(session), "conn": id(conn), "media": media })
        }
        Event::MediaSilent { session, conn, stream, path, media } => json!({
            "event": "media_silent", "session": id(session), "conn": id(conn), "stream": id(stream),
            "path": path, "media": media,
        }),
        Event::MediaResumed { session, conn, stream, path, media } => json!({
            "event": "media_resumed", "session": id(session), "conn": id(conn), "stream": id(stream),
            "path": path, "media": media,
        }),
        Event::ReaderLagged { session, conn, dropped } => json!({
            "event": "reader_lagged", "session": id(session), "conn": id(conn), "dropped": dropped,
        }),
        Event::Refused { peer, conn, reason, count } => json!({
            "event": "refused", "peer": peer.to_string(), "conn": conn_of(conn), "reason": WithCauses(reason).to_string(),
            "count": count,
        }),
        Event::SourceDoubted { session, conn, media, doubts } => json!({
            "event": "source_doubted", "session": id(session), "conn": id(conn), "media": media,
            "strays": doubts.strays, "restarts": doubts.restarts, "reports_refused": doubts.reports_refused,
        }),
        Event::LossReported { session, conn, media, fraction_lost, lost } => json!({
            "event": "loss_reported", "session": id(session), "conn": id(conn), "media": media,
            "fraction_lost": fraction_lost, "lost": lost,
        }),
        Event::PacketsTooBig(PacketsTooBig { session, conn, packets, bytes, .. }) => json!({
            "event": "packets_too_big", "session": id(session), "conn": id(conn), "packets": packets, "bytes": bytes,
        }),
        Event::PacketsLost { session, conn, media, lost } => json!({
            "event": "packets_lost", "session": id(session), "conn": id(conn), "media": media, "lost": lost,
        }),
        Event::PacketsUnreadable { session, conn, media, malformed, unannounced, unauthentic } => json!({
            "event": "packets_unreadable", "session": id(session), "conn": id(conn), "media": media,
            "malformed": malformed, "unannounced": unannounced, "unauthentic": unauthentic,
        }),
        Event::Tolerated { conn, session, tolerances } => {
            let texts: Vec<_> = tolerances.iter().map(|tolerance| tolerance.to_string()).collect();
            json!({
                "event": "tolerated", "conn": id(conn), "session": session_of(session), "tolerances": texts,
            })
        }
        Event::MessageReceived { conn, session, traced } => json!({
            "event": "message_received", "conn": id(conn), "session": session_of(session),
            "message": String::from_utf8_lossy(&traced.message.to_bytes()), "left_out": traced.left_out,
        }),
        Event::MessageSent { conn, session, traced } => json!({
            "event": "message_sent", "conn": id(conn), "session": session_of(session),
            "message": String::from_utf8_lossy(&traced.message.to_bytes()), "left_out": traced.left_out,
        }),
        Event::Missed { count } => json!({ "event": "missed", "count": count }),
        _ => json!({ "event": "other" }),
    }
}
