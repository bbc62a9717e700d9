//! The records for a subscriber of `tracing`, on any runtime. It is installed for the whole process, which has one test.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{
    CommandError, Description, Event, Format, Media, MediaKind, Secret, ServerConfig, Transports, User, Users,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// Keeps everything as lines: `LEVEL target {span: fields}: fields`.
#[derive(Clone, Default)]
struct Collector {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<Mutex<Vec<String>>>,
    events: Arc<AtomicU64>,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("rtspan")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut spans = self.spans.lock().unwrap();
        let parent =
            attributes.parent().map(|parent| spans[usize::try_from(parent.into_u64()).unwrap() - 1].clone());
        let mut text = format!("{}{{{}", parent.unwrap_or_default(), attributes.metadata().name());
        attributes.record(&mut Fields(&mut text));
        spans.push(text + "}");
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.spans.lock().unwrap();
        values.record(&mut Fields(&mut spans[usize::try_from(span.into_u64()).unwrap() - 1]));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.events.fetch_add(1, Ordering::Relaxed);
        let spans = self.spans.lock().unwrap();
        let span = event.parent().map(|span| spans[usize::try_from(span.into_u64()).unwrap() - 1].clone());
        let mut text = format!(
            "{} {} {}:",
            event.metadata().level(),
            event.metadata().target(),
            span.unwrap_or_default()
        );
        event.record(&mut Fields(&mut text));
        self.lines.lock().unwrap().push(text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Collector {
    /// Checks that a line has all of these parts.
    fn has(&self, parts: &[&str]) {
        let lines = self.lines.lock().unwrap();
        let is_it = |line: &&String| parts.iter().all(|part| line.contains(part));
        assert!(lines.iter().find(is_it).is_some(), "no line with {parts:?} in\n{}", lines.join("\n"));
    }

    fn whole(&self) -> String {
        self.lines.lock().unwrap().join("\n") + &self.spans.lock().unwrap().join("\n")
    }
}

/// Plays with good and with wrong credentials, and looks at what was told of it.
pub(crate) async fn what_happens_is_told_without_secrets<R: Runtime>() {
    let told = Collector::default();
    tracing::subscriber::set_global_default(told.clone()).unwrap();
    let wall = User::new("wall", Secret::password("horse")).may_all("/*");
    let config = ServerConfig::default().users(Users::default().with(wall));
    let server = Server::<R>::builder().config(config).bind("127.0.0.1:0").await.unwrap();
    let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    let stream = server.publish("/cam", Description::new(vec![sound])).unwrap();
    let url = |user: &str| format!("rtsp://{user}@{}/cam?token=battery", server.local_addr());

    let client = || Client::<R>::builder(&url("wall:horse")).unwrap().transport(Transports::Tcp);
    let packets = client().play().await.unwrap();
    packets.teardown().await.unwrap();
    let refused = Client::<R>::builder(&url("wall:staple")).unwrap().play().await.map(drop).unwrap_err();
    assert!(
        matches!(refused, Error::Command { error: CommandError::CredentialsRefused(_), .. }),
        "{refused:?}"
    );
    let recorder = "/user=admin_password=horse_channel=1";
    let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    let second = server.publish(recorder, Description::new(vec![sound])).unwrap();
    let url = format!("rtsp://wall:horse@{}{recorder}_stream=0.sdp?token=battery", server.local_addr());
    let missing = Client::<R>::builder(&url).unwrap().play().await.map(drop).unwrap_err();
    assert!(matches!(missing, Error::Command { error: CommandError::Status { .. }, .. }), "{missing:?}");
    let url = format!("rtsp://wall:horse@{}{recorder}", server.local_addr());
    Client::<R>::builder(&url)
        .unwrap()
        .transport(Transports::Tcp)
        .play()
        .await
        .unwrap()
        .teardown()
        .await
        .unwrap();
    drop((stream, second));
    server.close().await;
    while let Some(event) = server.next().await {
        let is_message = matches!(event, Event::MessageReceived { .. } | Event::MessageSent { .. });
        assert!(!is_message, "the application has not asked for {event:?}");
    }

    told.has(&[
        "INFO rtspan::server",
        "{connection conn=",
        "peer=127.0.0.1:",
        "{session session=",
        "path=\"/cam",
        "user=wall",
        "session opened",
    ]);
    told.has(&["INFO rtspan::server", "{session", "message=plays"]);
    // As recorders with the firmware of XMEye have it: everywhere where its path and its URL are told.
    let path = "/user=admin_password=***_channel=1";
    told.has(&["INFO rtspan::server", path, "stream published"]);
    told.has(&["INFO rtspan::server", "{session", path, "session opened"]);
    told.has(&["INFO rtspan::client", "{client", path, "message=plays"]);
    told.has(&["DEBUG rtspan::message", "DESCRIBE rtsp://127.0.0.1", path, "_stream=0.sdp?token=***"]);
    told.has(&["INFO rtspan::client", path, "a command failed"]);
    told.has(&["DEBUG rtspan::server", "{connection", "reason=", "connection closed"]);
    told.has(&["WARN rtspan::server", "{connection", "user=wall", "wrong credentials"]);
    told.has(&[
        "INFO rtspan::client",
        "{client",
        "url=rtsp://wall:***@127.0.0.1",
        "token=***",
        "peer=127.0.0.1:",
        "plays",
    ]);
    told.has(&["WARN rtspan::client", "login refused"]);
    told.has(&[
        "DEBUG rtspan::message",
        "{client",
        "way=\"sent\"",
        "cseq=\"2\"",
        "DESCRIBE rtsp://127.0.0.1",
    ]);
    told.has(&["DEBUG rtspan::message", "{connection", "way=\"received\"", "DESCRIBE rtsp://127.0.0.1"]);
    told.has(&["DEBUG rtspan::message", "{client", "way=\"received\"", "status=401"]);
    told.has(&["TRACE rtspan::message", "way=\"sent\"", "Authorization: ***"]);
    told.has(&["TRACE rtspan::message", "way=\"received\"", "m=audio"]);
    told.has(&["TRACE rtspan::io", "bytes=", "read"]);
    told.has(&["TRACE rtspan::io", "bytes=", "written"]);
    let whole = told.whole();
    for secret in ["horse", "staple", "battery", "response="] {
        let line = whole.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
