//! `rtspan serve --config`: cameras that are relayed and recorded, users, fallbacks, and files that change meanwhile.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use rtspan_examples::archive::segments;
use serde_json::Value;

use crate::program::{LIMIT, Program, on_each_runtime};
use crate::refusing::Refusing;
use crate::tool::flowed;

on_each_runtime![
    a_camera_is_pulled_once_for_those_who_may_and_recorded,
    what_has_not_changed_notices_nothing_of_a_file_that_is_read_again,
    readers_go_to_the_fallback_or_are_told_why_there_is_nothing,
    readers_stay_while_a_camera_is_away_for_a_moment,
    many_cameras_films_and_recordings_are_at_the_paths_of_patterns,
    without_a_file_sighup_ends_a_server_as_before,
];

/// A folder with a file of settings, which goes with its test.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, settings: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rtspan-config-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let home = Self(path);
        home.write(settings);
        home
    }

    fn file(&self) -> PathBuf {
        self.0.join("rtspan.toml")
    }

    fn write(&self, settings: &str) {
        fs::write(self.file(), format!("listen = [\"127.0.0.1:0\"]\n{settings}")).unwrap();
    }

    /// Serves by the file, and says where.
    fn serve(&self, runtime: &str) -> (Program, String) {
        let mut server =
            Program::rtspan(&format!("serve --config {} --runtime {runtime}", self.file().display()));
        let url = server.url();
        (server, url)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The same URL with a user in it.
fn as_user(user: &str, url: &str) -> String {
    url.replace("rtsp://", &format!("rtsp://{user}@"))
}

/// The clip in a file.
fn film() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clip/demo.h264")
}

/// The first line of the answer to DESCRIBE, and its Location.
fn describe(url: &str, path: &str) -> (String, Option<String>) {
    let mut stream = TcpStream::connect(url.trim_start_matches("rtsp://")).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "DESCRIBE {url}/{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
    let lines: Vec<_> =
        BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    let location = lines.iter().find_map(|line| line.strip_prefix("Location: "));
    (lines[0].clone(), location.map(str::to_owned))
}

/// Nothing of any media was lost.
fn is_whole(played: &Value) -> bool {
    let tracks = played["tracks"].as_array().unwrap();
    !tracks.is_empty() && tracks.iter().all(|track| track["lost"] == 0 && track["packets"].as_u64() > Some(0))
}

fn a_camera_is_pulled_once_for_those_who_may_and_recorded(runtime: &str) {
    let (mut camera, its_url) = Program::serve(runtime);
    let home = Home::new(
        &format!("relay-{runtime}"),
        &format!(
            r#"
            [[users]]
            name = "wall"
            password = "hunter2"
            read = ["*"]
            [record]
            folder = "recordings"
            [paths.gate]
            source = "{its_url}/demo"
            on_demand = true
            close_after = "1s"
            record = true
            "#
        ),
    );
    let (mut server, url) = home.serve(runtime);
    let refused = Program::rtspan(&format!("play {url}/gate --seconds 1")).end().reason();
    assert!(refused.contains("asks for a password"), "{refused}");

    let gate = as_user("wall:hunter2", &format!("{url}/gate"));
    let first = Program::rtspan(&format!("play {gate} --transport tcp --json"));
    server.line("plays /gate");
    let second = Program::rtspan(&format!("play {gate} --seconds 2 --transport tcp --json"));
    assert!(is_whole(&second.end().json()));
    assert!(is_whole(&first.interrupt().json()));
    camera.line("a session of /demo is over");
    let seen = camera.interrupt().well();
    assert_eq!(seen.matches(" plays /demo over ").count(), 1, "{seen}");

    server.interrupt().well();
    let recorded = segments(&home.0.join("recordings").join("gate")).unwrap();
    let frames: u64 = recorded.iter().map(|segment| segment.frames).sum();
    assert!(frames > 50, "{frames} frames in {recorded:?}");
}

fn what_has_not_changed_notices_nothing_of_a_file_that_is_read_again(runtime: &str) {
    let film = film();
    let film = film.display();
    let users = |extra: &str| {
        format!("[[users]]\nname = \"a\"\npassword = \"x\"\nread = [\"*\"]\npublish = [\"live/*\"]\n{extra}")
    };
    let home = Home::new(
        &format!("reload-{runtime}"),
        &format!(
            "{}[paths.stays]\nlooped = \"{film}\"\n[paths.\"live/*\"]\n[paths.goes]\nlooped = \"{film}\"\n[paths.changes]\nlooped = \"{film}\"\n",
            users("[[users]]\nname = \"b\"\npassword = \"x\"\nread = [\"*\"]\n")
        ),
    );
    let (mut server, url) = home.serve(runtime);
    let comes = || flowed(&format!("play {} --transport tcp", as_user("c:x", &format!("{url}/comes"))));
    let play = |user: &str, path: &str, options: &str| {
        Program::rtspan(&format!(
            "play {} --transport tcp {options}",
            as_user(user, &format!("{url}/{path}"))
        ))
    };
    let mut publisher = Program::rtspan(&format!("publish {}", as_user("a:x", &format!("{url}/live/1"))));
    server.line("publishes /live/1");
    let mut played = Vec::new();
    for path in ["stays", "live/1"] {
        played.push(play("a:x", path, "--json"));
        server.line(&format!("plays /{path}"));
    }
    let mut others = Vec::new();
    for (user, path) in [("a:x", "goes"), ("b:x", "stays")] {
        others.push(play(user, path, "--no-reconnect"));
        server.line(&format!("plays /{path}"));
    }

    home.write(&format!(
        "{}[paths.stays]\nlooped = \"{film}\"\n[paths.\"live/*\"]\n[paths.changes]\nlooped = \"{film}\"\non_demand = true\n[paths.comes]\nlooped = \"{film}\"\n",
        users("[[users]]\nname = \"c\"\npassword = \"x\"\nread = [\"comes\"]\n")
    ));
    server.signal("HUP");
    let told = server.line("the settings were read again: ");
    assert!(told.ends_with("added comes; removed goes; changed changes; other users"), "{told}");
    for other in others {
        // The path has gone, or the user has.
        other.end();
    }
    assert!(is_whole(&comes()));
    publisher.line("2 s: ");

    home.write("[paths.stays]\nlopped = \"x\"\n");
    server.signal("HUP");
    server.line("nothing is changed");
    assert!(is_whole(&comes()));
    for player in played {
        let played = player.interrupt().json();
        assert!(is_whole(&played), "{played}");
    }
    publisher.interrupt().well();
    let ended = server.interrupt();
    assert!(ended.stderr.contains("paths.stays.lopped: unknown field"), "{ended:?}");
    ended.well();
}

fn readers_go_to_the_fallback_or_are_told_why_there_is_nothing(runtime: &str) {
    let (film, refusing) = (film(), Refusing::new());
    let port = refusing.addr().port();
    let film = film.display();
    let home = Home::new(
        &format!("fallback-{runtime}"),
        &format!(
            r#"
            [paths.away]
            looped = "{film}"
            [paths.gate]
            source = "rtsp://127.0.0.1:{port}/x"
            on_demand = true
            fallback = "away"
            [paths.yard]
            source = "rtsp://127.0.0.1:{port}/x"
            [paths.door]
            fallback = "away"
            "#
        ),
    );
    let (mut server, url) = home.serve(runtime);
    for path in ["gate", "door"] {
        let (status, location) = describe(&url, path);
        assert!(status.starts_with("RTSP/1.0 302 "), "{status}");
        assert_eq!(location, Some(format!("{url}/away")));
        let played = flowed(&format!("play {url}/{path} --transport tcp"));
        assert!(is_whole(&played), "{played}");
    }
    let (status, _) = describe(&url, "yard");
    assert_eq!(status, "RTSP/1.0 503 the camera of this path cannot be reached", "readers learn no address");
    server.line(&format!("yard: no connection to 127.0.0.1:{port}"));
    assert!(describe(&url, "nowhere").0.starts_with("RTSP/1.0 404 "));
    let publish = |path: &str| Program::rtspan(&format!("publish {url}/{path} --seconds 1")).end();
    publish("door").well();
    assert!(publish("yard").reason().contains("403"), "it comes from a camera");
    assert!(publish("nowhere").reason().contains("403"), "it is not in the file");
    server.interrupt().well();
}

fn readers_stay_while_a_camera_is_away_for_a_moment(runtime: &str) {
    let (camera, its_url) = Program::serve(runtime);
    let home = Home::new(
        &format!("hold-{runtime}"),
        &format!("[paths.gate]\nsource = \"{its_url}/demo\"\ntransport = \"tcp\"\nhold = \"20s\"\n"),
    );
    let (mut server, url) = home.serve(runtime);
    let mut player = Program::rtspan(&format!("play {url}/gate --transport tcp --no-reconnect"));
    player.line("1 s: ");
    drop(camera);
    server.line("the camera is lost");
    let camera = Program::rtspan(&format!(
        "serve --listen {} --runtime {runtime}",
        its_url.trim_start_matches("rtsp://")
    ));
    server.line("the camera is back");
    player.line(" packets");
    player.interrupt().well();
    drop(camera);
    server.interrupt().well();
}

fn many_cameras_films_and_recordings_are_at_the_paths_of_patterns(runtime: &str) {
    let (camera, its_url) = Program::serve(runtime);
    let home = Home::new(
        &format!("patterns-{runtime}"),
        &format!(
            r#"
            [record]
            folder = "recordings"
            segment = "1s"
            [paths."nvr/*"]
            source = "{its_url}/*"
            record = true
            [paths."films/*"]
            films = "films"
            [paths."archive/*"]
            recordings = "recordings"
            "#
        ),
    );
    let films = home.0.join("films");
    fs::create_dir_all(&films).unwrap();
    fs::copy(film(), films.join("a.h264")).unwrap();
    let (mut server, url) = home.serve(runtime);
    let play =
        |path: &str| Program::rtspan(&format!("play {url}/{path} --seconds 3 --transport tcp --json")).end();
    assert!(is_whole(&play("nvr/demo").json()));
    assert_eq!(play("nvr/nothing").code, Some(6));
    server.line("nvr-demo: ");
    assert!(is_whole(&play("archive/nvr-demo").json()));
    assert!(is_whole(&play("films/a.h264").json()));
    server.interrupt().well();
    camera.interrupt().well();
}

#[test]
fn a_file_is_checked_without_serving() {
    let home = Home::new("check", "[paths.gate]\nsource = \"rtsp://camera/main\"\n");
    let check = || Program::rtspan(&format!("serve --config {} --check", home.file().display())).end();
    assert!(check().well().contains("is good"));
    home.write("[paths.gate]\nurl = \"rtsp://camera/main\"\n[[users]]\nname = \"a\"\n");
    let ended = check();
    assert_eq!(ended.code, Some(2));
    for part in ["rtspan.toml:3:1: paths.gate.url: ", "users.0.password: a user needs a password"] {
        assert!(ended.stderr.contains(part), "{part} in {}", ended.stderr);
    }
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.contains("a user needs a password")).count(), 1, "{lines:?}");
    assert!(lines[lines.len() - 1].ends_with("rtspan.toml has 3 faults"), "{lines:?}");
    home.write("[anyone]\nread = [\"gtae\"]\n[paths.gate]\n");
    let ended = check();
    assert!(ended.stderr.contains("rtspan.toml:3: warning: anyone.read.0: "), "{ended:?}");
    assert!(ended.well().ends_with("is good: 1 path\n"));
    let example = Program::rtspan("serve --print-config").end().well();
    fs::write(home.file(), example).unwrap();
    assert!(check().well().contains("is good"), "what is printed can be used");
}

#[test]
fn files_of_secrets_are_looked_for_from_the_folder_of_the_file() {
    let home = Home::new(
        "secrets",
        r#"
        users = [{ name = "wall", password = { file = "wall" }, read = ["*"] }]
        [api]
        token = { file = "token" }
        [paths.gate]
        source = "rtsp://camera/main"
        username = "admin"
        password = { file = "gate" }
        "#,
    );
    let check = || Program::rtspan(&format!("serve --config {} --check", home.file().display())).end();
    let said = check().stderr;
    for name in ["wall", "token", "gate"] {
        let path = home.0.join(name);
        assert!(said.contains(&format!("cannot read {}", path.display())), "{said}");
        fs::write(path, "correct-horse-battery\n").unwrap();
    }
    assert!(check().well().contains("is good"));
}

fn without_a_file_sighup_ends_a_server_as_before(runtime: &str) {
    let (server, _) = Program::serve(runtime);
    server.signal("HUP");
    server.end().well();
}
