//! Outputs that nobody reads: pipes that are full, and pipes whose reader has gone.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use serde_json::Value;

use crate::ports::own_port;
use crate::program::{LIMIT, Program, RUNTIMES, beside, enough};

/// As fast as Ctrl-C has to end what nobody reads.
const SOON: Duration = Duration::from_secs(2);
/// As small as the system makes a pipe.
const SMALL: usize = 4096;

/// A pipe whose ends no program gets that another test starts meanwhile: it would keep the reader's end open.
fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC).unwrap()
}

/// A pipe that takes nothing, with its end for a reader.
fn full() -> (OwnedFd, Stdio) {
    let (reader, writer) = pipe();
    fcntl_setpipe_size(&writer, SMALL).unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[b'\n'; 1]) != Err(Errno::AGAIN) {}
    ioctl_fionbio(&writer, false).unwrap();
    (reader, writer.into())
}

/// A pipe whose reader has gone.
fn broken() -> Stdio {
    pipe().1.into()
}

fn own_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, own_port()).into()
}

/// Waits until a server that says nothing serves a stream.
fn wait_for(url: &str) {
    let addr = url.split('/').nth(2).unwrap();
    let describe = format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let is_served = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(describe.as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b"200"))
    };
    let start = Instant::now();
    while !is_served().unwrap_or(false) {
        assert!(start.elapsed() < LIMIT, "nothing is served at {url}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Checks that a stream goes on without gaps.
#[track_caller]
fn assert_flows(url: &str) {
    let read = |more| {
        let read = format!("bench read {url} --seconds {} --json", more + 2);
        Program::rtspan(&read).end().json()
    };
    let is_whole = |report: &Value| [&report["lost"], &report["failed"]].iter().all(|count| **count == 0);
    let flows = |report: &Value| {
        let packets = report["packets"].as_f64() > report["seconds"].as_f64().map(|seconds| seconds * 50.0);
        packets && report["longest_gap_ms"].as_f64() < Some(1500.0)
    };
    let report = enough(read, |report| !is_whole(report) || flows(report));
    assert!(is_whole(&report) && flows(&report), "{report}");
}

#[test]
fn a_server_whose_output_nobody_reads_serves_on_and_ends_when_asked() {
    beside(RUNTIMES, |runtime| {
        let ((_out, stdout), (_err, stderr)) = (full(), full());
        let addr = own_address();
        let server =
            Program::rtspan_to(&format!("serve --listen {addr} --runtime {runtime}"), stdout, stderr);
        let url = format!("rtsp://{addr}/demo");
        wait_for(&url);
        (0..20).for_each(|_| drop(TcpStream::connect(addr).unwrap()));
        assert_flows(&url);
        let (took, ended) = server.interrupt_timed();
        assert!(took < SOON, "{runtime}: {took:?}");
        assert_eq!(ended.code, Some(0), "{runtime}");
    });
}

#[test]
fn the_example_servers_serve_on_when_nobody_reads_their_output() {
    beside(&["event_loop", "serve"], |name| {
        let ((_out, stdout), addr) = (full(), own_address());
        let _server = Program::example_to(name, &addr.to_string(), stdout);
        wait_for(&format!("rtsp://{addr}/clip"));
        (0..20).for_each(|_| drop(TcpStream::connect(addr).unwrap()));
        assert_flows(&format!("rtsp://{addr}/clip"));
    });
}

#[test]
fn a_publisher_and_a_player_whose_outputs_nobody_reads_go_on_and_end_when_asked() {
    beside(RUNTIMES, |runtime| {
        let (mut server, url) = Program::serve("smol");
        let ((_out, stdout), (_err, stderr)) = (full(), full());
        let publish = format!("publish {url}/live --runtime {runtime}");
        let publisher = Program::rtspan_to(&publish, stdout, stderr);
        server.line("/live is published");
        let ((_out, stdout), (_err, stderr)) = (full(), full());
        let play = format!("play {url}/live --transport tcp --runtime {runtime}");
        let player = Program::rtspan_to(&play, stdout, stderr);
        server.line("plays /live over tcp");
        assert_flows(&format!("{url}/live"));
        for program in [player, publisher] {
            let (took, ended) = program.interrupt_timed();
            assert!(took < SOON, "{runtime}: {took:?}");
            assert_eq!(ended.code, Some(8), "{runtime}: its figures are lost");
        }
    });
}

#[test]
fn lines_that_were_not_read_in_time_are_counted_for_whoever_reads_again() {
    const CONNECTIONS: usize = 1000;
    let (reader, writer) = pipe();
    fcntl_setpipe_size(&writer, SMALL).unwrap();
    let server = Program::rtspan_to("serve --listen 127.0.0.1:0 --no-demo", writer.into(), Stdio::piped());
    let mut lines = BufReader::new(File::from(reader)).lines().map(Result::unwrap);
    let line = lines.next().unwrap();
    let addr = line.rsplit('/').next().unwrap().to_owned();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(&addr).unwrap();
        stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
        assert!(stream.read(&mut [0; 1000]).unwrap() > 0, "it answers");
    }
    let (mut read, mut left_out) = (0, 0);
    while read + left_out < 2 * CONNECTIONS {
        let line = lines.next().unwrap();
        match line.strip_suffix(" lines were left out: they were not read in time") {
            Some(count) => left_out += count.parse::<usize>().unwrap(),
            None => read += 1,
        }
    }
    assert!(read > 1000 && left_out > 500, "{read} were read, {left_out} were left out");
    assert_eq!(read + left_out, 2 * CONNECTIONS);
    server.signal("INT");
    assert_eq!(lines.next(), None);
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_reader_that_has_gone_ends_nothing_that_serves() {
    let addr = own_address();
    let server = Program::rtspan_to(&format!("serve --listen {addr}"), broken(), broken());
    let url = format!("rtsp://{addr}/demo");
    wait_for(&url);
    assert_flows(&url);
    let (took, ended) = server.interrupt_timed();
    assert_eq!(ended.code, Some(0));
    assert!(took < SOON, "{took:?}");
}

#[test]
fn a_result_that_nobody_gets_is_a_failure() {
    let (_server, url) = Program::serve("smol");
    let commands =
        ["probe", "probe --json", "play --seconds 1", "play --seconds 1 --json", "bench read --seconds 1"];
    beside(&commands, |command| {
        let ended = Program::rtspan_to(&format!("{command} {url}/demo"), broken(), Stdio::piped()).end();
        // As a program that the signal has ended.
        assert_eq!(ended.code, Some(141), "{command}: {ended:?}");
        assert!(!ended.stderr.contains("rtspan: "), "{command}: {ended:?}");
    });
    let full = File::options().write(true).open("/dev/full").unwrap();
    let reason = Program::rtspan_to(&format!("probe {url}/demo"), full.into(), Stdio::piped()).end().reason();
    assert!(reason.contains("the result cannot be written: "), "{reason}");
}
