//! Each future that a user waits for, dropped behind each of its polls: its work goes on or has not begun, and nothing is
//! left behind.
#![allow(clippy::unwrap_used)]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use rtspan_std::client::Error;
use rtspan_std::runtime::Runtime;
use rtspan_std::sim::{Client, ClientBuilder, Link, Packets, Server, Sim, SimRuntime, sleep};
use rtspan_std::{
    Asks, ClientEvent, CustomRequest, Event, Method, Playback, Range, ServerConfig, StartAt, State,
    Transports, limits,
};

use super::seeds;
use super::world::{MINUTE, config, description, packet, serve, write_until_closed};

/// Where a future is dropped: behind so many polls, at once or when it is woken again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) polls: usize,
    pub(super) once_woken: bool,
}

impl Cut {
    /// Polls a future up to where it is dropped; its output, if it has come before.
    pub(super) async fn off<T>(self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = Box::pin(future);
        let mut polls = 0;
        poll_fn(|cx| {
            if polls == self.polls {
                return Poll::Ready(None);
            }
            polls += 1;
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if polls == self.polls && !self.once_woken => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

/// Runs a story in one world after the other, in each of which it drops its future a poll later, until it says that the
/// future was done.
fn cut_everywhere(config: impl Fn() -> ServerConfig, story: impl AsyncFn(&Server, Cut) -> bool) {
    cut_everywhere_over(Link::new(), config, story);
}

fn cut_everywhere_over(
    link: Link,
    config: impl Fn() -> ServerConfig,
    story: impl AsyncFn(&Server, Cut) -> bool,
) {
    for seed in seeds() {
        for once_woken in [false, true] {
            let mut polls = 0;
            while !is_done_in_a_world(seed, link, config(), Cut { polls, once_woken }, &story) {
                polls += 1;
                assert!(polls < 1000, "it is never done");
            }
        }
    }
}

fn is_done_in_a_world(
    seed: u64,
    link: Link,
    config: ServerConfig,
    cut: Cut,
    story: &impl AsyncFn(&Server, Cut) -> bool,
) -> bool {
    let sim = Sim::new(seed ^ cut.polls as u64);
    let what = format!("{cut:?} (RTSPAN_SEED={seed} RTSPAN_SEEDS=1)");
    let (host, server) = serve(&sim, config);
    host.spawn(write_until_closed(server.publish("/cam", description()).unwrap()));
    let client = sim.host("10.0.0.2").link_to("10.0.0.1", link);
    let before = (host.tasks(), host.sockets());
    let told = sim.run(&client, MINUTE * 5, story(&server, cut));
    let was_done = told.unwrap_or_else(|error| panic!("{error}, {what}"));
    // Everything that is left says goodbye.
    sim.run_for(Duration::from_secs(15)).unwrap();
    assert_eq!((client.tasks(), client.sockets()), (0, 0), "{what}");
    assert!(server.sessions().is_empty() && server.connections().is_empty(), "{what}");
    assert!(host.tasks() <= before.0 && host.sockets() <= before.1, "{what}");
    sim.run(&host, MINUTE, server.close()).unwrap_or_else(|error| panic!("{error}, {what}"));
    sim.run_for(Duration::from_secs(1)).unwrap();
    assert_eq!((host.tasks(), host.sockets()), (0, 0), "{what}");
    was_done
}

fn builder(path: &str) -> ClientBuilder {
    Client::builder(&format!("rtsp://10.0.0.1{path}")).unwrap()
}

/// Over TCP for half of the cuts, over UDP for the others.
fn transports(cut: Cut) -> Transports {
    if cut.once_woken { Transports::Udp } else { Transports::Tcp }
}

/// Waits until something is so, which takes a minute at most.
async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not come to that");
}

/// Reads the packets that a client plays: they are in order, and none is missing.
async fn play_on(packets: &mut Packets, count: usize) {
    let mut last = None;
    for _ in 0..count {
        let received = packets.next().await.unwrap().unwrap();
        let sequence = received.packet.sequence();
        let follows = last.is_none_or(|last| sequence == last + 1) || received.time.begins_anew;
        assert!(received.lost == 0 && follows, "{last:?}, {sequence}");
        last = Some(sequence);
    }
}

type Given<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// A client in the state in which a command is given.
async fn prepared(state: State, cut: Cut) -> Client {
    let path = if matches!(state, State::PreRecord | State::Record) { "/live" } else { "/cam" };
    let client = builder(path).transport(transports(cut)).connect().await.unwrap();
    match state {
        State::PreRecord => {
            client.announce(description()).await.unwrap();
            client.setup(0).await.map(drop).unwrap();
        }
        State::Record => unreachable!("no command is given there"),
        _ => {
            client.describe().await.unwrap();
        }
    }
    if matches!(state, State::PrePlay | State::Play) {
        client.setup(0).await.unwrap();
    }
    if state == State::Play {
        client.play(None).await.unwrap();
    }
    client
}

/// A command that is dropped once it was given is carried out all the same, and the next one behind it.
fn command_is_carried_out(before: State, after: State, give: impl Fn(&Client) -> Given<'_>) {
    cut_everywhere(config, async |_, cut| {
        let client = prepared(before, cut).await;
        let done = cut.off(give(&client)).await;
        if let Some(result) = &done {
            result.as_ref().unwrap();
        }
        client.options().await.unwrap();
        assert_eq!(client.state(), if cut.polls == 0 { before } else { after });
        if client.state() == State::Play {
            play_on(&mut client.packets(), 10).await;
        }
        client.teardown().await.unwrap();
        done.is_some()
    });
}

macro_rules! commands {
    ($($name:ident: $before:ident -> $after:ident, $give:expr;)*) => {$(
        #[test]
        fn $name() {
            command_is_carried_out(State::$before, State::$after, |client| {
                let give: fn(&Client) -> Given<'_> = $give;
                give(client)
            });
        }
    )*};
}

fn minute_in() -> Playback {
    Playback::from(Range::from_npt(MINUTE))
}

commands! {
    options: Play -> Play, |client| Box::pin(async { client.options().await.map(drop) });
    describe: Initial -> Initial, |client| Box::pin(async { client.describe().await.map(drop) });
    setup: Initial -> PrePlay, |client| Box::pin(async { client.setup(0).await.map(drop) });
    play: PrePlay -> Play, |client| Box::pin(async { client.play(None).await.map(drop) });
    pause: Play -> PrePlay, |client| Box::pin(async { client.pause().await });
    seek: Play -> Play, |client| Box::pin(async { client.seek(minute_in()).await.map(drop) });
    record: PreRecord -> Record, |client| Box::pin(async { client.record().await });
    get_parameter: Play -> Play, |client| Box::pin(async { client.get_parameter(Bytes::new()).await.map(drop) });
    request: Play -> Play, |client| Box::pin(async {
        client.request(CustomRequest::new(Method::from("X-REBOOT")).unwrap()).await.map(drop)
    });
}

#[test]
fn announce() {
    cut_everywhere(config, async |server, cut| {
        let client = builder("/live").transport(transports(cut)).connect().await.unwrap();
        let done = cut.off(client.announce(description())).await;
        client.options().await.unwrap();
        let is_announced = client.state() == State::PreRecord;
        assert_eq!(is_announced, cut.polls > 0);
        if is_announced {
            client.setup(0).await.unwrap();
            client.record().await.unwrap();
            until(|| server.streams().len() == 2).await;
        }
        client.teardown().await.unwrap();
        done.is_some()
    });
}

#[test]
fn teardown() {
    cut_everywhere(config, async |_, cut| {
        let client = prepared(State::Play, cut).await;
        let done = cut.off(client.teardown()).await;
        if cut.polls > 0 {
            while client.next_event().await.is_some() {}
            let refused = client.options().await;
            assert!(matches!(refused, Err(Error::Closed(_))), "{refused:?}");
        }
        done.is_some()
    });
}

#[test]
fn connect() {
    cut_everywhere(config, async |_, cut| {
        let connected = cut.off(builder("/cam").connect()).await;
        if let Some(connected) = &connected {
            connected.as_ref().unwrap().describe().await.unwrap();
        }
        connected.is_some()
    });
}

#[test]
fn connect_to_where_nobody_is() {
    cut_everywhere(config, async |_, cut| {
        let url = "rtsp://10.0.0.3/cam";
        let connected = cut.off(Client::connect(url)).await;
        assert!(!matches!(connected, Some(Ok(_))));
        connected.is_some()
    });
}

#[test]
fn play_from_the_builder() {
    cut_everywhere(config, async |_, cut| {
        let playing = cut.off(builder("/cam").transport(transports(cut)).play()).await;
        let is_done = playing.is_some();
        if let Some(playing) = playing {
            play_on(&mut playing.unwrap(), 10).await;
        }
        is_done
    });
}

#[test]
fn publish_from_the_builder() {
    cut_everywhere(config, async |server, cut| {
        let publish = || builder("/live").transport(transports(cut)).publish(description());
        let publishing = cut.off(publish()).await;
        let is_done = publishing.is_some();
        drop(publishing);
        // Its path is free again.
        until(|| server.streams().len() == 1 && server.sessions().is_empty()).await;
        let publisher = publish().await.unwrap();
        publisher.write(0, packet(1, 100)).await.unwrap();
        publisher.teardown().await.unwrap();
        is_done
    });
}

#[test]
fn the_next_packet() {
    for readers in [1, 2] {
        cut_everywhere(config, async |_, cut| {
            let first = builder("/cam").transport(transports(cut)).play().await.unwrap();
            let mut all: Vec<_> = (1..readers).map(|_| first.client().packets()).collect();
            all.push(first);
            let (mut is_done, mut last) = (true, None);
            for turn in 0..60 {
                let packets = &mut all[turn % readers];
                let received = match cut.off(packets.next()).await {
                    None => {
                        is_done = false;
                        all[(turn + turn / 7) % readers].next().await
                    }
                    received => received.unwrap(),
                };
                let sequence = received.unwrap().unwrap().packet.sequence();
                assert!(last.is_none_or(|last| sequence == last + 1), "{last:?}, {sequence}");
                last = Some(sequence);
            }
            is_done
        });
    }
}

#[test]
fn the_next_packet_of_a_stream() {
    cut_everywhere(config, async |server, cut| {
        let stream = server.streams().first().unwrap().stream;
        let mut packets = server.read(stream, StartAt::Live).unwrap();
        let (mut is_done, mut last) = (true, None);
        for _ in 0..40 {
            let received = match cut.off(packets.next()).await {
                None => {
                    is_done = false;
                    packets.next().await.unwrap()
                }
                received => received.flatten().unwrap(),
            };
            let sequence = received.packet.sequence();
            assert!(last.is_none_or(|last| sequence == last + 1), "{last:?}, {sequence}");
            last = Some(sequence);
        }
        is_done
    });
}

#[test]
fn a_packet_that_waits_for_room() {
    const FILLING: u16 = limits::SEND_PACKETS_MAX as u16;
    const PACKETS: u16 = FILLING + 100;
    let slow = Link::new().bandwidth(20_000_000);
    cut_everywhere_over(slow, config, async |server, cut| {
        let publisher = builder("/live").transport(Transports::Tcp).publish(description()).await.unwrap();
        until(|| server.streams().len() == 2).await;
        let stream = server.streams().into_iter().find(|stream| stream.path == "/live").unwrap().stream;
        let mut reader = server.read(stream, StartAt::Live).unwrap();
        let read = Arc::new(Mutex::new(Vec::new()));
        let reads = Arc::clone(&read);
        let reading = async move {
            while let Some(packet) = reader.next().await {
                reads.lock().unwrap().push((packet.packet.sequence(), packet.missed));
            }
        };
        SimRuntime::default().spawn(reading).unwrap();
        let filling: Vec<_> = (0..FILLING).map(|number| packet(number, 500)).collect();
        publisher.write_frame(0, &filling).await.unwrap();
        let mut is_done = true;
        for number in FILLING..PACKETS {
            // One that was not written when its future is dropped was not taken.
            match cut.off(publisher.write(0, packet(number, 500))).await {
                Some(written) => written.unwrap(),
                None => {
                    is_done = false;
                    publisher.write(0, packet(number, 500)).await.unwrap();
                }
            }
        }
        publisher.teardown().await.unwrap();
        until(|| read.lock().unwrap().len() == usize::from(PACKETS)).await;
        let expected: Vec<_> = (0..PACKETS).map(|number| (number, 0)).collect();
        assert_eq!(*read.lock().unwrap(), expected);
        is_done
    });
}

#[test]
fn the_next_event_of_a_client() {
    cut_everywhere(config, async |server, cut| {
        let packets = builder("/cam").transport(transports(cut)).play().await.unwrap();
        let client = packets.client();
        server.close_session(server.sessions().first().unwrap().session);
        let (mut is_done, mut events) = (true, Vec::new());
        loop {
            let event = match cut.off(client.next_event()).await {
                None => {
                    is_done = false;
                    client.next_event().await
                }
                event => event.unwrap(),
            };
            match event {
                Some(event) => events.push(event),
                None => break,
            }
        }
        let closed = events.iter().filter(|event| matches!(event, ClientEvent::Closed(_))).count();
        assert!(closed == 1 && matches!(events.last(), Some(ClientEvent::Closed(_))), "{events:?}");
        is_done
    });
}

#[test]
fn the_next_event_of_a_server() {
    let asks = || config().asks(Asks::DESCRIBE);
    cut_everywhere(asks, async |server, cut| {
        SimRuntime::default().spawn(async { drop(builder("/asked").play().await) }).unwrap();
        let mut is_done = true;
        loop {
            let event = match cut.off(server.next()).await {
                None => {
                    is_done = false;
                    server.next().await
                }
                event => event.unwrap(),
            };
            match event.unwrap() {
                Event::Describe(mut question) => {
                    question.ticket.set_description(description()).unwrap();
                    server.answer(question.ticket, Ok(())).unwrap();
                }
                Event::ConnClosed { .. } => return is_done,
                _ => {}
            }
        }
    });
}

#[test]
fn statistics() {
    cut_everywhere(config, async |server, cut| {
        let mut packets = builder("/cam").transport(transports(cut)).play().await.unwrap();
        play_on(&mut packets, 10).await;
        let session = server.sessions().first().unwrap().session;
        let told = cut.off(server.session_stats(session)).await;
        let stats = server.session_stats(session).await.unwrap();
        assert!(stats.sent().rtp.packets >= 10, "{stats:?}");
        assert_eq!(server.stats().await.sessions.len(), 1);
        told.is_some()
    });
}

#[test]
fn drain() {
    cut_everywhere(config, async |server, cut| {
        let mut packets = builder("/cam").transport(transports(cut)).play().await.unwrap();
        let drained = cut.off(server.drain(None, Duration::from_secs(5))).await;
        if cut.polls > 0 {
            while let Some(Ok(_)) = packets.next().await {}
            until(|| server.sessions().is_empty()).await;
            let refused = builder("/cam").play().await;
            assert!(matches!(refused, Err(Error::Command { .. })), "{refused:?}");
        }
        drained.is_some()
    });
}

#[test]
fn close() {
    cut_everywhere(config, async |server, cut| {
        let mut packets = builder("/cam").transport(transports(cut)).play().await.unwrap();
        let closed = cut.off(server.close()).await;
        if cut.polls > 0 {
            while let Some(Ok(_)) = packets.next().await {}
            while server.next().await.is_some() {}
            let refused = builder("/cam").play().await;
            assert!(matches!(refused, Err(Error::Command { .. } | Error::Closed(_))), "{refused:?}");
        }
        closed.is_some()
    });
}

#[test]
fn bind() {
    for seed in seeds() {
        for polls in 0.. {
            let sim = Sim::new(seed);
            sim.name("server", &["10.0.0.1"]);
            let host = sim.host("10.0.0.1");
            let bind = async || Server::builder().config(config()).bind("server:554").await;
            let cut = Cut { polls, once_woken: false };
            let bound = sim.run(&host, MINUTE, cut.off(bind())).unwrap();
            let is_done = bound.is_some();
            drop(bound);
            sim.run_for(Duration::from_secs(5)).unwrap();
            assert_eq!((host.tasks(), host.sockets()), (0, 0), "{cut:?}");
            assert!(sim.run(&host, MINUTE, bind()).unwrap().is_ok());
            if is_done {
                break;
            }
        }
    }
}
