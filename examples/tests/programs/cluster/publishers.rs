//! Publishers that come, go and move, and the claims to their paths.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::program::Program;

use super::pictures::{Kind, Publisher, Reader, until};
use super::registries::{Node, Registry, TTL};

/// A publisher that a test has do one step after the other.
struct Steps {
    socket: BufReader<TcpStream>,
    url: String,
    session: String,
    number: u32,
}

/// The description of a publisher that no other one of these tests announces.
const SOUND: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:track\r\n";

impl Steps {
    fn new(node: &Node, path: &str) -> Self {
        let socket = TcpStream::connect(node.url.trim_start_matches("rtsp://")).unwrap();
        let url = format!("{}/{path}", node.url);
        Self { socket: BufReader::new(socket), url, session: String::new(), number: 0 }
    }

    /// Asks, and does not wait for the answer.
    fn ask(&mut self, method: &str, track: &str, headers: &str, body: &str) {
        self.number += 1;
        let Self { url, session, number, .. } = self;
        let length = body.len();
        let head = format!("{method} {url}{track} RTSP/1.0\r\nCSeq: {number}\r\n{session}{headers}");
        let text = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        self.socket.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The status of the answer; `None` if the connection has ended.
    fn status(&mut self) -> Option<u16> {
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            if self.socket.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("RTSP/1.0 ") {
                status = rest[..3].parse().ok();
            } else if let Some(id) = line.strip_prefix("Session: ") {
                self.session = format!("Session: {}\r\n", id.split(';').next().unwrap());
            } else if let Some(bytes) = line.strip_prefix("Content-Length: ") {
                length = bytes.parse().unwrap();
            } else if line.is_empty() {
                self.socket.read_exact(&mut vec![0; length]).unwrap();
                return status;
            }
        }
    }

    fn announce(&mut self) {
        self.ask("ANNOUNCE", "", "Content-Type: application/sdp\r\n", SOUND);
    }

    fn set_up(&mut self) -> Option<u16> {
        self.ask("SETUP", "/track", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n", "");
        self.status()
    }

    fn record(&mut self) -> Option<u16> {
        self.ask("RECORD", "", "", "");
        self.status()
    }
}

fn owner(registry: &Registry, path: &str) -> Option<String> {
    registry.view().claims.get(path).map(|claim| claim.node.clone())
}

#[test]
fn a_publisher_that_takes_the_place_of_a_silent_one_keeps_the_claim_also_with_other_medias() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second] = [0, 1].map(|number| etcd.node(number));
    let mut silent = Steps::new(&first, "cam");
    silent.announce();
    assert_eq!((silent.status(), silent.set_up(), silent.record()), (Some(200), Some(200), Some(200)));
    let claim = etcd.view().claims["cam"].clone();
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    assert_eq!(silent.status(), None, "the silent one has been replaced");
    let reader = Reader::start(Kind::Rtspan, &second.url, "cam");
    reader.sees(publisher.now() + 100);
    assert_eq!(etcd.view().claims.get("cam"), Some(&claim));
}

#[test]
fn a_path_is_one_in_all_the_ways_in_which_it_may_be_written() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second] = [0, 1].map(|number| etcd.node(number));
    let publisher = Publisher::start(&[&first.url], "my%20g%61te:1", 0);
    publisher.comes_to(0);
    let readers = [&first, &second].map(|node| Reader::start(Kind::Rtspan, &node.url, "my%20gate%3a1"));
    readers.iter().for_each(|reader| reader.sees(publisher.now() + 25));
    assert_eq!(etcd.view().claims.keys().collect::<Vec<_>>(), ["my%20gate:1"]);
}

#[test]
fn hundreds_of_publishers_that_come_at_once_have_a_claim_each() {
    let Some(etcd) = Registry::etcd() else { return };
    let node = etcd.node(0);
    let publish = format!("bench publish {}/cam --streams 300 --rate 10", node.url);
    let publishers = Program::rtspan(&publish);
    let begun = Instant::now();
    until("all have a claim", || etcd.view().claims.len() == 300);
    // The node looks each second which paths are used.
    let looked = begun.elapsed() + Duration::from_secs(4);
    until("some seconds are over", || {
        assert_eq!(etcd.view().claims.len(), 300);
        begun.elapsed() > looked
    });
    drop(publishers);
    until("they are given back", || etcd.view().claims.is_empty());
}

#[test]
fn a_publisher_that_was_let_in_before_the_path_was_lost_does_not_record_any_more() {
    let Some(etcd) = Registry::etcd() else { return };
    let cable = etcd.cable();
    let mut node = cable.node(0);
    let mut publisher = Steps::new(&node, "cam");
    publisher.announce();
    assert_eq!((publisher.status(), publisher.set_up()), (Some(200), Some(200)));
    cable.cut();
    node.program.line("cam is given up");
    let recorded = publisher.record();
    assert_ne!(recorded, Some(200));
}

#[test]
fn a_publisher_that_has_hung_up_while_it_waited_keeps_the_path_from_nobody() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second, third] = etcd.nodes();
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let mut gone = Steps::new(&second, "cam");
    gone.announce();
    until("it is heard", || second.connections() == 1);
    drop(gone);
    let killed = Instant::now();
    first.program.signal("KILL");
    drop(publisher);
    // The second node had asked before.
    until("the path is free", || owner(&etcd, "cam").as_deref() != Some("node-0"));
    let mut other = Steps::new(&third, "cam");
    other.announce();
    // A server refuses a publisher that has waited for longer than a lease lasts. It comes again.
    while other.status() == Some(503) {
        other.announce();
    }
    assert_eq!(owner(&etcd, "cam").as_deref(), Some("node-2"));
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(3 * TTL), "{took:?}");
}

#[test]
fn the_node_that_a_publisher_has_left_records_it_no_more() {
    let Some(etcd) = Registry::etcd() else { return };
    let folder = std::env::temp_dir().join(format!("rtspan-cluster-recordings-{}", std::process::id()));
    let nodes = [0, 1].map(|number| {
        let folder = folder.join(number.to_string());
        let settings = format!("[paths.cam]\nrecord = true\n[record]\nfolder = \"{}\"", folder.display());
        etcd.node_with(number, "", &settings)
    });
    let mut publisher = Publisher::start(&[&nodes[0].url], "cam", 0);
    publisher.comes_to(0);
    let reader = Reader::start(Kind::Rtspan, &nodes[0].url, "cam");
    reader.sees(publisher.now() + 25);
    until("the first node records", || nodes[0].records("cam"));
    let number = publisher.now() + 1;
    publisher.end();
    publisher = Publisher::start(&[&nodes[1].url], "cam", number);
    publisher.comes_to(0);
    reader.sees(publisher.now() + 25);
    until("the second node records", || nodes[1].records("cam"));
    assert!(!nodes[0].records("cam"), "the first node records what it relays");
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn a_user_that_gives_itself_the_names_of_nodes_does_not_keep_nodes_out() {
    let Some(etcd) = Registry::etcd() else { return };
    let users =
        "[[users]]\nname = \"wall\"\npassword = \"correct-horse\"\nread = [\"*\"]\npublish = [\"*\"]\n";
    let [first, second] = [0, 1].map(|number| etcd.node_with(number, "secret = \"of nodes\"", users));
    let as_user = |node: &Node| node.url.replace("rtsp://", "rtsp://wall:correct-horse@");
    let publisher = Publisher::start(&[&as_user(&first)], "cam", 0);
    publisher.comes_to(0);
    let forged = (0..20).map(|number| {
        let play = format!("play {}/cam --no-reconnect --user-agent rtspan-node/{number}", as_user(&first));
        Program::rtspan(&play)
    });
    let forged: Vec<_> = forged.collect();
    until("they read", || first.readers() == forged.len());
    let reader = Reader::start(Kind::Rtspan, &as_user(&second), "cam");
    let begun = Instant::now();
    reader.sees(publisher.now());
    assert!(begun.elapsed() < Duration::from_secs(TTL), "it came once the names were forgotten");
}
