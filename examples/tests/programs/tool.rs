use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;

use rtspan_examples::Clip;
use rtspan_std::Server;
use serde_json::Value;

use crate::program::{Ended, Program, RUNTIMES, beside, enough};
use crate::refusing::Refusing;

/// More packets than this flow over each track.
const FEW: u64 = 10;

/// Plays or shows for a second, or for more while too few packets have come and none was lost; gives what was counted.
#[track_caller]
pub(crate) fn flowed(args: &str) -> Value {
    let run = |seconds| Program::rtspan(&format!("{args} --seconds {seconds} --json")).end();
    enough(run, |ended: &Ended| {
        let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        let Some(tracks) = report["tracks"].as_array() else {
            return !ended.stderr.contains("nothing arrived");
        };
        let has = |track: &Value| track["packets"].as_u64() > Some(FEW) || track["lost"] != 0;
        tracks.iter().all(has)
    })
    .json()
}

/// Checks that media has flowed over `transport`, and that nothing was lost.
#[track_caller]
pub(crate) fn assert_flowed(report: &Value, transport: &str, tracks: usize) {
    let list = report["tracks"].as_array().unwrap();
    assert_eq!(list.len(), tracks, "{report}");
    for track in list {
        assert_eq!(track["transport"], transport, "{report}");
        assert!(track["packets"].as_u64() > Some(FEW), "{report}");
        assert_eq!(track["lost"], 0, "{report}");
    }
}

/// Publishes over `transport`, plays the same over it, and gives what the player has counted.
pub(crate) fn publish_and_play(url: &str, runtime: &str, transport: &str) -> Value {
    let mut publisher =
        Program::rtspan(&format!("publish {url} --transport {transport} --json --runtime {runtime}"));
    // Somebody else says when there is something to play.
    let report = loop {
        let play = format!("play {url} --transport {transport} --runtime {runtime}");
        let ended = Program::rtspan(&format!("{play} --seconds 1 --json")).end();
        if !ended.stderr.contains("404") {
            break flowed(&play);
        }
    };
    publisher.signal("INT");
    let sent = serde_json::from_str(&publisher.line("{")).unwrap();
    assert_flowed(&sent, transport, 2);
    publisher.end().well();
    report
}

fn relays(transport: &str) {
    beside(RUNTIMES, |runtime| {
        let (mut server, url) = Program::serve(runtime);
        let report = publish_and_play(&format!("{url}/live"), runtime, transport);
        assert_flowed(&report, transport, 2);
        server.line("/live is published");
        server.line(&format!("plays /live over {transport}"));
        server.line("/live is no longer published");
        server.interrupt().well();
    });
}

#[test]
fn what_is_published_over_tcp_can_be_played_on_every_runtime() {
    relays("tcp");
}

#[test]
fn what_is_published_over_udp_can_be_played_on_every_runtime() {
    relays("udp");
}

#[test]
fn the_demo_plays_over_udp_and_tcp_on_every_runtime() {
    beside(RUNTIMES, |runtime| {
        let report = flowed(&format!("demo --runtime {runtime}"));
        let tracks = report["tracks"].as_array().unwrap();
        assert_eq!(tracks.len(), 4, "{report}");
        for (track, transport) in tracks.iter().zip(["udp", "udp", "tcp", "tcp"]) {
            assert_eq!(track["transport"], transport);
            assert!(track["packets"].as_u64() > Some(FEW), "{report}");
        }
    });
}

#[test]
fn the_demo_says_how_it_goes_and_how_it_went() {
    let mut demo = Program::rtspan("demo --seconds 5");
    let line = demo.line(" s: ");
    assert!(line.contains("udp video H264") && line.contains("tcp audio PCMU"), "{line}");
    assert!(demo.end().well().ends_with("all packets arrived, over UDP and over TCP\n"));
}

#[test]
fn what_is_played_can_be_written_to_a_file_and_published_again() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("played.h264");
    let (server, url) = Program::serve("smol");
    let play = format!("play {url}/demo --seconds 2 --json --out {}", file.display());
    let report = Program::rtspan(&play).end().json();
    let clip = Clip::from_annex_b(fs::read(&file).unwrap().into(), 25.0).unwrap();
    assert!(clip.pictures() > 0);
    assert_eq!(report["frames"], clip.pictures(), "{report}");
    let publish = format!("publish {url}/again --file {} --fps 50", file.display());
    assert_flowed(&flowed(&publish), "tcp", 1);
    server.interrupt().well();
}

#[test]
fn a_second_publisher_is_told_that_the_path_is_taken() {
    let (mut server, url) = Program::serve("smol");
    let first = Program::rtspan(&format!("publish {url}/live"));
    server.line("/live is published");
    let reason = Program::rtspan(&format!("publish {url}/live --seconds 1")).end().reason();
    assert!(reason.contains("403 Path Is In Use") && reason.contains("choose another path"), "{reason}");
    first.interrupt().well();
}

#[test]
fn a_server_that_is_stopped_tells_its_readers_and_ends_well() {
    beside(&["INT", "TERM"], |signal| {
        beside(&["udp", "tcp"], |transport| {
            let (server, url) = Program::serve("smol");
            let play = format!("play {url}/demo --transport {transport} --no-reconnect");
            let mut player = Program::rtspan(&play);
            player.line("1 s: ");
            server.signal(signal);
            server.end().well();
            player.end().well();
        });
    });
}

#[test]
fn a_player_that_is_stopped_says_what_it_has_counted() {
    let (_server, url) = Program::serve("smol");
    let mut player = Program::rtspan(&format!("play {url}/demo"));
    player.line("1 s: ");
    let text = player.interrupt().well();
    assert!(text.contains("udp  video  H264") && text.contains(" 0 lost"), "{text}");
}

#[test]
fn a_player_says_its_dialogue_if_it_is_told_to() {
    let (_server, url) = Program::serve("smol");
    let url = url.replace("rtsp://", "rtsp://wall:horse@");
    let mut player = Program::rtspan(&format!("play {url}/demo --trace"));
    for line in ["> OPTIONS rtsp://", "< RTSP/1.0 200 OK", "> PLAY rtsp://", "< RTP-Info: "] {
        player.line(line);
    }
    let said = player.interrupt().stderr;
    assert!(said.contains("> TEARDOWN rtsp://") && !said.contains("horse"), "{said}");
}

/// An even port and the one above it, which nobody else has meanwhile.
fn pair_of_ports() -> [UdpSocket; 2] {
    loop {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        match UdpSocket::bind(("127.0.0.1", port + 1)) {
            Ok(second) if port.is_multiple_of(2) => return [first, second],
            _ => {}
        }
    }
}

#[test]
fn what_cannot_be_played_is_said_with_the_reason() {
    let refusing = Refusing::new();
    let gone = refusing.addr();
    let silent = Server::builder().bind("127.0.0.1:0").unwrap();
    let _stream = silent.publish("/silent", Clip::demo().description()).unwrap();
    let silent = silent.local_addr();
    let taken = pair_of_ports();
    let [rtp, rtcp] = taken.each_ref().map(|socket| socket.local_addr().unwrap().port());
    for (command, reason) in [
        (format!("play rtsp://{gone}/x"), "is a server running there?"),
        (format!("probe rtsp://{gone}/x"), "is a server running there?"),
        (format!("play rtsp://{silent}/x"), "404 Not Found"),
        (format!("probe rtsp://{silent}/x"), "404 Not Found"),
        (format!("play rtsp://{silent}/silent --transport udp --seconds 1"), "try another --transport"),
        (format!("play rtsp://{silent}/silent --transport tcp --seconds 1"), "nothing arrived"),
        (
            format!("play rtsp://{silent}/silent --seconds 1 --out /nowhere/file.h264"),
            "cannot write /nowhere/file.h264",
        ),
        (format!("publish rtsp://{silent}/x --file /nowhere/file"), "cannot read /nowhere/file"),
        (format!("publish rtsp://{silent}/x --file {}", file!()), "its name ends in none of .mp4"),
        (format!("publish rtsp://{silent}/x --file /nowhere/file.mp4"), "cannot read /nowhere/file.mp4"),
        (format!("serve --listen 127.0.0.1:0 --udp-ports {rtp}-{rtcp}"), "choose others with --udp-ports"),
        (format!("serve --listen {silent}"), "choose another address with --listen"),
    ] {
        let said = Program::rtspan(&command).end().reason();
        assert!(said.starts_with("rtspan: ") && said.contains(reason), "{command}: {said}");
    }
}

#[test]
fn a_server_that_vanishes_is_a_failure_with_figures() {
    let (server, url) = Program::serve("std");
    let mut player = Program::rtspan(&format!("play {url}/demo --transport tcp --no-reconnect"));
    player.line("1 s: ");
    server.signal("KILL");
    let ended = player.end();
    assert!(ended.stdout.contains("tcp  video  H264") && !ended.stdout.contains(" 0 packets"), "{ended:?}");
    let reason = ended.reason();
    assert!(reason.contains("is over"), "{reason}");
}

#[test]
fn probing_shows_methods_and_medias() {
    let (_server, url) = Program::serve("smol");
    let text = Program::rtspan(&format!("probe {url}/demo")).end().well();
    for part in ["DESCRIBE", "media 0  video", "96 H264/90000", "media 1  audio", "0 PCMU/8000"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = Program::rtspan(&format!("probe {url}/demo --json")).end().json();
    assert_eq!(json["medias"][1]["formats"][0]["encoding"], "PCMU");
    assert_eq!(json["tolerances"], Value::Array(Vec::new()));
}

#[test]
fn one_address_may_have_its_share_and_a_shared_one_all() {
    // A share is eight at least.
    for (shared, refused) in
        [("--shared-addresses", true), ("--shared-addresses 127.0.0.0/8", false), ("", false)]
    {
        let args = format!("serve --listen 127.0.0.1:0 --no-demo --address-share 100000 {shared}");
        let mut server = Program::rtspan(&args);
        let url = server.url();
        let connections = [(); 9].map(|()| TcpStream::connect(url.trim_start_matches("rtsp://")).unwrap());
        let answers = connections.map(|mut stream| {
            stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            (String::from_utf8(status.to_vec()).unwrap(), stream)
        });
        let ok = answers.iter().filter(|(status, _)| status.ends_with("200")).count();
        assert_eq!(ok, if refused { 8 } else { 9 }, "{shared}: {answers:?}");
        if refused {
            server.line("was refused: the peer's address has as many connections as it may");
        }
    }
}

#[test]
fn a_wrong_call_ends_with_2() {
    for call in ["", "sing", "play", "play /camera", "demo --seconds never", "serve --udp-ports 1"] {
        let ended = Program::rtspan(call).end();
        assert_eq!(ended.code, Some(2), "{call}: {ended:?}");
    }
    assert!(Program::rtspan("--help").end().well().contains("demo"));
}
