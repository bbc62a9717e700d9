//! The statistics that the example and the tool serve, as somebody reads them who looks at the numbers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use rtspan_std::{Client, Transports};

use crate::program::{LIMIT, Program, RUNTIMES};

/// The page of statistics of a program that has just begun.
fn place_of(server: &mut Program) -> String {
    let line = server.line("statistics at ");
    line.split_once("http://").unwrap().1.trim_end_matches("/metrics").to_owned()
}

fn page(at: &str) -> String {
    let mut socket = TcpStream::connect(at).unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    let mut page = String::new();
    socket.read_to_string(&mut page).unwrap();
    page
}

/// The value of a metric whose name and labels hold all of this; the sum where there are several.
fn value(page: &str, parts: &[&str]) -> f64 {
    let is_it = |line: &&str| !line.starts_with('#') && parts.iter().all(|part| line.contains(part));
    let values =
        page.lines().filter(is_it).map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap());
    let values: Vec<f64> = values.collect();
    assert!(!values.is_empty(), "nothing of {parts:?} in {page}");
    values.iter().sum()
}

/// Reads for a while, and compares what came with what the server says in the meantime.
fn read_and_compare(server: &mut Program, path: &str, transports: Transports) {
    let at = place_of(server);
    let url = server.url();
    let packets = Client::builder(&format!("{url}{path}")).unwrap().transport(transports).play().unwrap();
    let (mut count, mut bytes) = (0, 0);
    for received in packets.take(200) {
        let received = received.unwrap();
        assert_eq!(received.lost, 0);
        (count, bytes) = (count + 1, bytes + received.packet.len());
    }
    assert_eq!(count, 200);
    let deadline = Instant::now() + LIMIT;
    while value(&page(&at), &["rtspan_readers "]) > 0.0 {
        assert!(Instant::now() < deadline, "the first reader has not gone");
    }
    let mut packets = Client::builder(&format!("{url}{path}")).unwrap().transport(transports).play().unwrap();
    let first = page(&at);
    (count, bytes) = (0, 0);
    for received in packets.by_ref().take(100) {
        (count, bytes) = (count + 1, bytes + received.unwrap().packet.len());
    }
    let page = page(&at);
    let label = format!("path=\"{path}\"");
    let of = |name: &str| value(&page, &[name, &label]);
    assert_eq!((value(&page, &["rtspan_connections "]), value(&page, &["rtspan_readers "])), (1.0, 1.0));
    // The server may be ahead of what was taken here, and never behind.
    assert!(of("rtspan_reader_sent_packets_total{") >= f64::from(count), "{page}");
    assert!(of("rtspan_reader_sent_bytes_total{") >= bytes as f64);
    assert!(
        of("rtspan_stream_sent_packets_total{") >= 200.0 + f64::from(count),
        "the first reader counts too"
    );
    assert!(of("rtspan_stream_published_packets_total{") >= of("rtspan_reader_sent_packets_total{"));
    assert!(of("rtspan_stream_bits_per_second{") > 100_000.0, "{page}");
    assert!(of("rtspan_media_keyframes_total{") > 0.0);
    assert_eq!((of("rtspan_reader_missed_packets_total{"), of("rtspan_reader_skips_total{")), (0.0, 0.0));
    let grown = of("rtspan_stream_published_packets_total{")
        - value(&first, &["rtspan_stream_published_packets_total{", &label]);
    assert!(grown > 0.0);
    drop(packets);
}

#[test]
fn the_example_tells_what_its_reader_gets() {
    let mut server = Program::example("stats", "127.0.0.1:0 127.0.0.1:0");
    read_and_compare(&mut server, "/clip", Transports::Tcp);
    let told = server.line("has read /clip: ");
    assert!(told.contains(" 0 reported lost"), "{told}");
}

#[test]
fn the_tool_serves_its_statistics_on_every_runtime() {
    for runtime in RUNTIMES {
        let serve = format!("serve --listen 127.0.0.1:0 --metrics 127.0.0.1:0 --runtime {runtime}");
        let mut server = Program::rtspan(&serve);
        read_and_compare(&mut server, "/demo", Transports::Udp);
        server.interrupt().well();
    }
}

#[test]
fn a_port_that_is_in_use_is_told() {
    let mut server = Program::rtspan("serve --listen 127.0.0.1:0 --metrics 127.0.0.1:0");
    let at = place_of(&mut server);
    let reason = Program::rtspan(&format!("serve --listen 127.0.0.1:0 --metrics {at}")).end().reason();
    assert!(reason.contains("statistics cannot be served at "), "{reason}");
}
