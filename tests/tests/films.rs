//! Films on demand in simulated worlds: viewers go elsewhere, pause and change the scale at random over links that lose, delay,
//! reorder and are cut. A frame that comes belongs to the last PLAY, and none is left out or comes twice.
//!
//! `FILMS=FIRST..LAST` runs other seeds than the fixed ones; a failure says its seed.

#[path = "weeks/chance.rs"]
mod chance;
#[path = "films/distant.rs"]
mod distant;
#[path = "films/run.rs"]
mod run;
#[path = "films/tape.rs"]
mod tape;
#[path = "films/viewer.rs"]
mod viewer;

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chance::Chance;
use distant::view_by_datagrams;
use rtspan_core::header::ONVIF_REPLAY;
use rtspan_examples::vod::{Films, asks};
use rtspan_std::sim::{Host, Link, Server, Sim};
use rtspan_std::{ServerConfig, UdpPorts, UdpSpec};
use tape::Tapes;
use viewer::{Counts, Viewer};

const SERVER: &str = "10.0.0.1";
const VIEWERS: u64 = 3;
/// The number of actions of each viewer.
const ACTS: u64 = 8;
/// Everything is over by then.
const LIMIT: Duration = Duration::from_secs(1_800);
/// How long a server takes at most to forget a viewer whose host has gone.
const FORGOTTEN: Duration = Duration::from_secs(180);

async fn serve() {
    let config = ServerConfig::default().asks(asks()).features([ONVIF_REPLAY]);
    let udp = UdpSpec::new(SERVER.parse().expect("an address"), UdpPorts::Any);
    let config = config.udp(Some(udp));
    let server = Server::builder().config(config).bind("10.0.0.1:554").await.expect("the port is free");
    let server = Arc::new(server);
    let mut films = Films::new(Arc::clone(&server), Tapes);
    while let Some(event) = server.next().await {
        films.handle(event);
    }
}

async fn view(mut chance: Chance, told: Arc<Mutex<Vec<Counts>>>) {
    let is_replay = chance.happens(600);
    let mut viewer = Viewer::open("rtsp://10.0.0.1/tape", is_replay, chance).await.expect("it is there");
    for _ in 0..ACTS {
        viewer.act().await.expect("nothing ends a session");
    }
    let counts = viewer.leave().await.expect("it ends");
    told.lock().expect("nobody has panicked").push(counts);
}

async fn view_from_afar(mut chance: Chance, told: Arc<Mutex<Vec<Counts>>>) {
    let is_replay = chance.happens(600);
    let seen = view_by_datagrams("rtsp://10.0.0.1/tape", is_replay, chance).await;
    told.lock().expect("nobody has panicked").push(seen.expect("nothing ends a session"));
}

/// Links that are cut for a moment now and then.
fn pass(sim: &Sim, server: &Host, chance: &mut Chance) {
    sim.run_for(Duration::from_millis(500 + chance.below(20_000))).unwrap_or_else(|error| panic!("{error}"));
    if chance.happens(300) {
        let viewer = format!("10.0.1.{}", 1 + chance.below(VIEWERS));
        server.cut_from(&viewer);
        sim.run_for(Duration::from_millis(chance.below(2_500))).unwrap_or_else(|error| panic!("{error}"));
        server.reconnect_to(&viewer);
    }
}

/// Chance that has nothing to do with what is drawn later.
fn another(chance: &mut Chance) -> Chance {
    let seed = chance.seed();
    Chance(u64::from_le_bytes(*seed.first_chunk().expect("it has 32 bytes")))
}

fn world(seed: u64) -> Counts {
    let (sim, mut chance) = (Sim::new(seed), Chance(seed));
    let server = sim.host(SERVER);
    server.spawn(serve());
    sim.run_for(Duration::from_secs(1)).unwrap_or_else(|error| panic!("{error}"));
    let idle = (server.tasks(), server.sockets());
    let told = Arc::new(Mutex::new(Vec::new()));
    for number in 0..VIEWERS {
        let link = Link::lossy(chance.pick(&[0.0, 0.0, 0.01, 0.03]));
        let link = link.latency(Duration::from_millis(chance.below(80)));
        let host = sim.host(&format!("10.0.1.{}", 1 + number)).link_to(SERVER, link);
        host.spawn(view(another(&mut chance), Arc::clone(&told)));
    }
    let afar = Link::lossy(chance.pick(&[0.0, 0.02, 0.1])).reordering(chance.pick(&[0.0, 0.05]));
    let afar = sim.host("10.0.3.1").link_to(SERVER, afar.latency(Duration::from_millis(20)));
    afar.spawn(view_from_afar(another(&mut chance), Arc::clone(&told)));
    // One who goes without a word, in the midst of it.
    let gone = sim.host("10.0.2.1");
    gone.spawn(view(another(&mut chance), Arc::default()));
    let goes_at = sim.now() + Duration::from_millis(chance.below(10_000));
    let over = sim.now() + LIMIT;
    while (told.lock().expect("nobody has panicked").len() as u64) <= VIEWERS {
        assert!(sim.now() < over, "viewers do not come to an end");
        pass(&sim, &server, &mut chance);
        if sim.now() > goes_at {
            gone.cut_power();
        }
    }
    gone.cut_power();
    sim.run_for(FORGOTTEN).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((server.tasks(), server.sockets()), idle, "something is left of sessions that are over");
    let told = told.lock().expect("nobody has panicked");
    told.iter().fold(Counts::default(), |all, counts| all.with(counts))
}

fn seeds() -> Range<u64> {
    let asked = std::env::var("FILMS").ok();
    let asked =
        asked.and_then(|asked| asked.split_once("..").map(|(from, to)| (from.to_owned(), to.to_owned())));
    let number = |text: String| text.parse().expect("FILMS=FIRST..LAST");
    asked.map_or(0..20, |(from, to)| number(from)..number(to))
}

#[test]
fn a_viewer_sees_what_it_has_asked_for_and_every_frame_of_it_once() {
    let mut all = Counts::default();
    for seed in seeds() {
        let counts = std::panic::catch_unwind(|| world(seed)).unwrap_or_else(|_| panic!("seed {seed}"));
        all = all.with(&counts);
    }
    println!("{all:?}");
    all.assert_all_were_seen();
}
