//! The log, as every command tells it if it is asked to.

use std::process::Command;

use serde_json::Value;

use crate::program::{Program, RUNTIMES, beside, enough, rtspan};

/// The end of the tool with `RTSPAN_LOG` set, and all that it said on standard error.
fn with_log(log: &str, args: &str) -> (Option<i32>, String) {
    let ended = Command::new(rtspan()).env("RTSPAN_LOG", log).args(args.split_whitespace()).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn every_command_says_its_dialogue_with_the_time_and_without_secrets() {
    let picture = std::env::temp_dir().join(format!("rtspan-log-{}.png", std::process::id()));
    let recordings = std::env::temp_dir().join(format!("rtspan-log-{}", std::process::id()));
    beside(RUNTIMES, |runtime| {
        let (_server, url) = Program::serve(runtime);
        let url = url.replace("rtsp://", "rtsp://wall:horse@");
        for command in [
            format!("play {url}/demo?token=battery --seconds 1"),
            format!("probe {url}/demo?token=battery --seconds 1"),
            format!("snapshot {url}/demo?token=battery {}", picture.display()),
            format!("publish {url}/live?token=battery --seconds 1"),
            format!(
                "record {url}/demo?token=battery --seconds 1 --to {}",
                recordings.join(runtime).display()
            ),
        ] {
            let said = Program::rtspan(&format!("--runtime {runtime} {command} -v")).end().stderr;
            let sent = said
                .lines()
                .find(|line| line.contains(" > OPTIONS rtsp://"))
                .unwrap_or_else(|| panic!("{said}"));
            let time = sent.split(' ').next().unwrap();
            assert_eq!((time.len(), &time[2..3], &time[8..9]), (12, ":", "."), "{sent}");
            assert!(said.contains(" < RTSP/1.0 200 OK") && said.contains(" < CSeq: 1"), "{said}");
            assert!(!said.contains("horse") && !said.contains("battery"), "{said}");
            assert!(!said.contains("trace: read"), "{said}");
        }
    });
    let _ = std::fs::remove_file(picture);
    let _ = std::fs::remove_dir_all(recordings);
}

#[test]
fn more_is_said_with_more_v_and_what_a_variable_asks_for() {
    let (_server, url) = Program::serve("smol");
    let play = format!("play {url}/demo --transport tcp");
    let most = Program::played(&format!("{url}/demo --transport tcp -vvv")).stderr;
    assert!(most.contains("debug: connected") && most.contains("trace: read bytes="), "{most}");
    let played = |variable: &str| {
        let run = |seconds| with_log(variable, &format!("{play} --seconds {seconds}"));
        enough(run, |(_, said)| !said.contains("nothing arrived"))
    };
    let (code, said) = played("rtspan::client=debug");
    assert!(said.contains("debug: connected") && !said.contains("OPTIONS"), "{said}");
    assert_eq!(code, Some(0));
    let (code, said) = played("rtspan::message=debug");
    assert!(said.contains("OPTIONS rtsp://") && !said.contains("CSeq: "), "{said}");
    assert_eq!(code, Some(0));
    let (code, said) = with_log("loud", &play);
    assert!(said.contains("RTSPAN_LOG has \"loud\""), "{said}");
    assert_eq!(code, Some(2));
}

#[test]
fn a_server_says_in_json_what_goes_on_where_its_events_are_in_json() {
    let mut server = Program::rtspan("serve --listen 127.0.0.1:0 --events json -vv");
    let line = server.line("rtsp://127.0.0.1:");
    let port: u16 = line
        .rsplit("127.0.0.1:")
        .next()
        .unwrap()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .unwrap();
    Program::played(&format!("rtsp://127.0.0.1:{port}/demo")).well();
    let said = server.interrupt().stderr;
    let told: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let message =
        told.iter().find(|line| line["target"] == "rtspan::message").unwrap_or_else(|| panic!("{said}"));
    assert!(message["message"].as_str().unwrap().starts_with("< OPTIONS rtsp://"), "{message}");
    assert!(message["spans"]["connection"]["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{message}");
    assert!(told.iter().any(|line| line["log"] == "info" && line["message"] == "plays"), "{said}");
}
