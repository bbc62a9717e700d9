//! The cameras that the pages talk of.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_examples::{Clip, Frame};
use rtspan_std::{
    Action, Description, Direction, Format, Media, MediaKind, Secret, Server, ServerConfig, ServerStream,
    UdpPorts, UdpSpec, User, Users,
};

use crate::program::Program;

/// The peer at a name of the pages.
#[derive(Debug)]
pub(super) enum Peer {
    Camera(#[expect(dead_code, reason = "it is kept for as long as the page")] Server),
    Recorder(#[expect(dead_code, reason = "it is kept for as long as the page")] Program),
}

/// The names of hosts, and their addresses.
pub(super) const HOSTS: [(&str, &str); 6] = [
    ("server", "127.0.0.1"),
    ("camera", "127.0.0.2"),
    ("gate", "127.0.0.3"),
    ("yard", "127.0.0.4"),
    ("door", "127.0.0.5"),
    ("recorder", "127.0.0.6"),
];

/// Starts the peers that a page names in its URLs.
pub(super) fn start(page: &str, films: &Path) -> Vec<Peer> {
    let named = |name: &str| page.contains(&format!("://{name}/")) || page.contains(&format!("@{name}/"));
    HOSTS
        .iter()
        .filter(|(name, _)| named(name))
        .filter_map(|(name, address)| match *name {
            "server" => None, // The page starts it.
            "recorder" => Some(Peer::Recorder(recorder(address, films))),
            _ => Some(Peer::Camera(camera(name, address))),
        })
        .collect()
}

/// A camera with two streams: `yard` asks for a password, and `door` has a loudspeaker.
fn camera(name: &str, address: &str) -> Server {
    let udp = UdpSpec::new(address.parse().expect("it is an address"), UdpPorts::Any);
    let mut config = ServerConfig::default().udp(Some(udp));
    if name == "yard" {
        let user = User::new("user", Secret::password("password")).may(Action::Read, "*");
        config = config.users(Users::default().with(user));
    }
    let server = Server::builder()
        .config(config)
        .bind(format!("{address}:554"))
        .expect("the port is free in this world");
    let clip = Clip::demo();
    let described = |path: &str| {
        let mut description = clip.description();
        if name == "door" && path == "/main" {
            description = with_loudspeaker(description);
        }
        server.publish(path, description).expect("the path is free")
    };
    let streams = ["/main", "/sub"].map(described);
    thread::spawn(move || feed(&clip, &streams));
    server
}

fn with_loudspeaker(mut description: Description) -> Description {
    let mut loudspeaker = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    loudspeaker.direction = Some(Direction::SendOnly);
    description.medias.push(loudspeaker);
    description
}

/// Writes the clip in real time until the server is dropped.
fn feed(clip: &Clip, streams: &[ServerStream]) {
    let start = Instant::now();
    let write =
        |frame: &Frame| streams.iter().all(|stream| stream.write_frame(frame.media, &frame.packets).is_ok());
    for frame in clip.frames() {
        thread::sleep((start + frame.due).saturating_duration_since(Instant::now()));
        if !write(&frame) {
            return;
        }
    }
}

/// A recorder with films.
fn recorder(address: &str, films: &Path) -> Program {
    let mut command = Command::new("rtspan");
    command.args(["serve", "--no-demo", "--listen", &format!("{address}:554"), "--files"]).arg(films);
    let program = Program::start("the recorder", &mut command);
    program.said_within("listening on ", Duration::from_secs(20), |line| line.starts_with("listening on "));
    program
}
