//! The examples that show one capability each, and their list in `examples/README.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Program, beside};
use crate::tool::{assert_flowed, flowed};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder for what one test writes, which is empty.
fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn each_example_is_listed_and_each_listed_one_exists() {
    let readme = fs::read_to_string(package().join("README.md")).unwrap();
    let listed: BTreeSet<&str> =
        readme.split("](examples/").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let names = fs::read_dir(package().join("examples")).unwrap();
    let names: Vec<String> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(listed, names.iter().map(String::as_str).collect());
}

#[test]
fn programs_with_both_ends_say_what_came() {
    let all = [
        ("tls", "100 packets of video and 100 of audio over TLS\nwithout TLS: "),
        ("srtp", "video in RTP/SAVP\naudio in RTP/SAVP\n202 packets, decrypted\n"),
        ("tunnels", "rtsp: 200 packets\nrtsp+http: 200 packets\nrtsp+ws: 200 packets\n"),
        ("parameters", "volume: 7\n"),
    ];
    beside(&all, |(name, begin)| {
        let said = Program::example(name, "").end().well();
        assert!(said.starts_with(begin), "{name}: {said}");
    });
}

#[test]
fn players_show_what_a_server_offers_and_sends() {
    let (_server, url) = Program::serve("smol");
    let folder = empty_folder("capabilities");
    let file = |name| folder.join(name).display().to_string();
    let all = [
        (
            "describe",
            format!("{url}/demo"),
            "media 0: video H264 at 90000 Hz\nmedia 1: audio PCMU at 8000 Hz\n",
        ),
        ("transports", format!("{url}/demo udp 1"), "media 0: Udp "),
        ("transports", format!("{url}/demo tcp 1"), "media 0: Tcp "),
        ("pause", format!("{url}/demo"), "it pauses: ready to play\nit goes on: "),
        ("formats", format!("{url}/demo 60"), " PCMU: 160 samples, Mu\n"),
        ("picture", format!("{url}/demo {}", file("picture.png")), "picture.png: 640 x 360\n"),
        ("save", format!("{url}/demo {} 1", file("demo.ts")), " frames in "),
        ("save", format!("{url}/demo {} 1", file("demo.wav")), " frames in "),
    ];
    beside(&all, |(name, args, part)| {
        let said = Program::example(name, args).end().well();
        assert!(said.contains(part), "{name} {args}: {said}");
    });
    assert!(fs::read(file("picture.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(
        fs::read(file("demo.ts")).unwrap().chunks(188).all(|packet| packet[0] == 0x47 && packet.len() == 188)
    );
    assert!(fs::read(file("demo.wav")).unwrap().len() > 4000);
}

#[test]
fn players_without_an_end_go_on_until_they_are_stopped() {
    let (_server, url) = Program::serve("smol");
    let mut times = Program::example("times", &format!("{url}/demo"));
    times.line("media 0: PTS ");
    times.line("by the camera (SenderReport)");
    let mut keyframe = Program::example("keyframe", &format!("{url}/demo"));
    keyframe.line("a keyframe is asked for");
    keyframe.line(" bytes of RTCP have come");
    let mut patience = Program::example("patience", &format!("{url}/demo"));
    patience.line("it plays");
    let said = patience.interrupt().well();
    assert!(said.contains("the server has heard that this is the end: true"), "{said}");
}

#[test]
fn publishers_are_seen_by_the_server() {
    let (mut server, url) = Program::serve("smol");
    let clip = package().join("clip/demo.h264");
    let file = Program::example("publish_file", &format!("{} {url}/film", clip.display()));
    server.line("/film is published");
    assert!(file.end().well().ends_with(" frames\n"));
    server.line("/film is no longer published");
    let said = Program::example("publish_pause", &format!("{url}/live")).end().well();
    assert_eq!(said, "it pauses: ready to record\nit goes on: recording\n");
}

#[test]
fn servers_in_front_of_others_pass_on_what_comes() {
    let (mut camera, camera_url) = Program::serve("smol");
    let mut proxy = Program::example("proxy", &format!("127.0.0.1:0 gate={camera_url}/demo"));
    let url = proxy.url();
    proxy.line("/gate is there");
    let report = flowed(&format!("play {url}/gate"));
    assert_flowed(&report, "tcp", 2);
    if cfg!(feature = "tokio") {
        let _relay = Program::example("relay", &format!("{camera_url}/demo {camera_url}/copy"));
        camera.line("/copy is published");
        let report = flowed(&format!("play {camera_url}/copy"));
        assert_flowed(&report, "udp", 2);
    }
}

#[test]
fn a_server_writes_what_is_published_and_another_shows_the_file() {
    let folder = empty_folder("to_disk");
    let mut server = Program::example("to_disk", &format!("127.0.0.1:0 {}", folder.display()));
    let url = server.url();
    Program::example("publish_pause", &format!("{url}/live")).end().well();
    server.line("live.mp4: ");
    let file = folder.join("live.mp4");
    let mut server = Program::example("from_disk", &format!("127.0.0.1:0 {}", file.display()));
    let url = server.url();
    let report = flowed(&format!("play {url}/movie"));
    assert_flowed(&report, "tcp", 2);
}

#[test]
fn each_reader_of_a_private_stream_sees_it_from_its_beginning() {
    let mut server = Program::example("private", "127.0.0.1:0");
    let url = server.url();
    beside(&["first", "second"], |_| {
        let report = flowed(&format!("play {url}/clip"));
        assert_flowed(&report, "tcp", 2);
    });
    server.line("begins to watch");
    server.line("begins to watch");
}

#[test]
fn a_door_station_writes_what_is_said() {
    let folder = empty_folder("door");
    let (hello, said) = (folder.join("hello.ulaw"), folder.join("said.ulaw"));
    fs::write(&hello, [0xd5; 8000]).unwrap();
    let mut door = Program::example("door", &format!("127.0.0.1:0 {}", said.display()));
    let url = door.url();
    Program::example("talk", &format!("{url}/door {}", hello.display())).end().well();
    door.line("somebody has said 8000 bytes");
    assert_eq!(fs::read(&said).unwrap(), [0xd5; 8000]);
}

#[test]
fn a_server_with_groups_serves_readers_over_tcp_as_well() {
    let mut server = Program::example("multicast", "127.0.0.1:0 239.255.77.0/28 127.0.0.1");
    let url = server.url();
    let report = flowed(&format!("play {url}/clip --transport tcp"));
    assert_flowed(&report, "tcp", 2);
    let mut reader = Program::example("transports", &format!("{url}/clip multicast 1"));
    reader.line("media 0: Multicast ");
    reader.end().well();
}
