use std::env;
use std::process::Command;

use crate::program::{Program, beside};
use crate::tool::{assert_flowed, flowed, publish_and_play};

#[test]
fn a_server_and_a_player_in_one_program_work_on_every_runtime() {
    let names: &[_] = if cfg!(feature = "tokio") {
        &["loopback_std", "loopback_smol", "loopback_tokio", "own_runtime"]
    } else {
        &["loopback_std", "loopback_smol", "own_runtime"]
    };
    beside(names, |name| {
        let said = Program::example(name, "").end().well();
        assert!(said.ends_with(" packets of video and 100 of audio\n"), "{name}: {said}");
    });
}

#[test]
fn play_shows_pictures_until_the_stream_ends() {
    let (server, url) = Program::serve("smol");
    let mut player = Program::example("play", &format!("{url}/demo"));
    player.line("keyframe at ");
    player.line("picture at ");
    server.interrupt().well();
    player.end().well();
}

#[test]
fn clients_tells_of_a_camera_that_is_gone_and_stays_with_the_others() {
    let (first, first_url) = Program::serve("smol");
    let (_second, second_url) = Program::serve("smol");
    let mut clients = Program::example("clients", &format!("{first_url}/demo {second_url}/demo"));
    clients.line(&format!("{second_url}/demo: "));
    first.interrupt().well();
    // Closed, or reset if something was on its way to the server.
    let line = clients.line("; attempt 1 in ");
    assert!(line.starts_with(&format!("{first_url}/demo: ")), "{line}");
    clients.line(&format!("{second_url}/demo: "));
}

#[test]
fn publish_publishes_what_can_be_played() {
    let (mut server, url) = Program::serve("smol");
    let _publisher = Program::example("publish", &format!("{url}/live"));
    server.line("/live is published");
    let report = flowed(&format!("play {url}/live"));
    assert_flowed(&report, "udp", 2);
}

#[test]
fn serve_starts_a_stream_when_asked_and_takes_publishers_with_the_key() {
    let mut server = Program::example("serve", "127.0.0.1:0");
    let url = server.url();
    let report = flowed(&format!("play {url}/clip"));
    assert_flowed(&report, "tcp", 2);
    let reason = Program::rtspan(&format!("play {url}/other")).end().reason();
    assert!(reason.contains("404"), "{reason}");
    let reason = Program::rtspan(&format!("publish {url}/live")).end().reason();
    assert!(reason.contains("403"), "{reason}");
    let _publisher = Program::rtspan(&format!("publish {url}/live?key=secret"));
    server.line("Published");
}

#[test]
fn each_event_loop_serves_and_relays_over_udp_and_tcp_and_forgets_nothing() {
    for name in ["mio", "poll", "uring"] {
        let Some((server, url)) = event_loop(name) else { continue };
        beside(&["udp", "tcp"], |transport| {
            assert_flowed(&flowed(&format!("play {url}/clip --transport {transport}")), transport, 2);
            let relayed = publish_and_play(&format!("{url}/{transport}"), "smol", transport);
            assert_flowed(&relayed, transport, 2);
        });
        server.signal("KILL");
        let said = server.end().stdout;
        assert!(!said.contains("forgotten"), "{name}: {said}");
    }
}

#[test]
fn ffmpeg_plays_from_each_event_loop() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        assert!(env::var("INTEROP").is_err(), "ffmpeg is not installed, and INTEROP is set");
        return eprintln!("skipped: ffmpeg is not installed");
    }
    for name in ["mio", "poll", "uring"] {
        let Some((_server, url)) = event_loop(name) else { continue };
        for transport in ["udp", "tcp"] {
            let args = format!(
                "-v error -rtsp_transport {transport} -i {url}/clip -map 0:v -c copy -frames:v 20 -f null -"
            );
            let played = Command::new("ffmpeg").args(args.split(' ')).output().unwrap();
            let said = String::from_utf8_lossy(&played.stderr);
            assert!(played.status.success(), "{name} over {transport}: {said}");
        }
    }
}

/// Starts the server in a loop that is checked; nothing where the system has no such loop.
fn event_loop(name: &str) -> Option<(Program, String)> {
    let mut server = Program::example("event_loop", &format!("127.0.0.1:0 {name} check"));
    if name == "uring" {
        match server.either_line("listening on ", "io_uring is refused") {
            Ok(line) => return Some((server, line.split_once("listening on ").unwrap().1.to_owned())),
            Err(line) => {
                eprintln!("skipped: {line}");
                return None;
            }
        }
    }
    let url = server.url();
    Some((server, url))
}
