//! The server as systemd starts it: its sockets are there before it, and it says when it is ready.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::api::file;
use crate::program::{LIMIT, Program, rtspan};

/// A socket in the place of systemd's, that a service tells its state.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("rtspan-notify-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, path }
    }

    /// The next message of the service, but for signs of life.
    fn told(&self) -> String {
        let mut told = [0; 4096];
        loop {
            let read = self.socket.recv(&mut told).unwrap();
            let told = String::from_utf8(told[..read].to_vec()).unwrap();
            if told != "WATCHDOG=1\n" {
                return told;
            }
        }
    }

    fn hears_of_life(&self) {
        let mut told = [0; 4096];
        while !told.starts_with(b"WATCHDOG=1") {
            self.socket.recv(&mut told).unwrap();
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[test]
fn sockets_are_handed_over_and_the_service_says_how_it_is() {
    let manager = Manager::new();
    let [media, api] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let (at, api_at) = (media.local_addr().unwrap(), api.local_addr().unwrap());
    let file = file("systemd", "demo = true\n[api]\n");
    // A shell gives the sockets the numbers that systemd gives them, and becomes the server.
    let script = format!(
        "exec 3<&0 4<&2 </dev/null 2>&1; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=rtsp:api exec {} serve --config {}",
        rtspan().display(),
        file.display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "400000");
    command.env_remove("WATCHDOG_PID");
    let [media, api] = [media, api].map(|socket| Stdio::from(socket.as_fd().try_clone_to_owned().unwrap()));
    let mut server = Program::handed(command, media, api);
    assert_eq!(manager.told(), "READY=1\nSTATUS=serving\n");
    manager.hears_of_life();
    manager.hears_of_life();
    assert_eq!(server.line("control interface at "), format!("control interface at http://{api_at}/v1"));
    assert_eq!(server.url(), format!("rtsp://{at}"));
    assert!(TcpStream::connect(api_at).is_ok());
    Program::played(&format!("rtsp://{at}/demo")).well();
    server.signal("HUP");
    let reloading = manager.told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(manager.told(), "READY=1\nSTATUS=serving\n");
    server.interrupt().well();
    assert_eq!(manager.told(), "STOPPING=1\n");
    fs::remove_file(file).unwrap();
}

#[test]
fn events_have_their_time_in_front_where_the_journal_does_not_write_it() {
    // Somebody else's journal is not the one of this stream.
    for (journal, is_stamped) in [("1:1", true), ("$(stat -L -c %d:%i /proc/$$/fd/1)", false)] {
        let script =
            format!("JOURNAL_STREAM={journal} exec {} serve --listen 127.0.0.1:0", rtspan().display());
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        let mut server = Program::handed(command, Stdio::null(), Stdio::null());
        let url = server.url();
        Program::played(&format!("{url}/demo")).well();
        let said = server.interrupt().well();
        let (start, events): (Vec<_>, Vec<_>) =
            said.lines().partition(|line| line.starts_with("listening on "));
        assert!(start.len() == 1 && events.len() > 2, "{said}");
        let has_time = |line: &&str| line.starts_with("20") && line.get(19..21) == Some("Z ");
        assert!(events.iter().all(|line| has_time(line) == is_stamped), "{journal}: {said}");
    }
}

/// The files of the package for systemd.
fn unit(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)).unwrap()
}

/// The value behind a key of a unit.
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let value = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{key} in {unit}"))
}

/// `true` if a program of systemd is installed; it has to be where everything is tested.
fn is_installed(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    assert!(is_there || std::env::var("INTEROP").is_err(), "{program} is not installed, and INTEROP is set");
    is_there
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if !is_installed("systemd-analyze") {
        return;
    }
    let dir = std::env::temp_dir().join(format!("rtspan-units-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let units = ["rtspan.service", "rtspan.socket"].map(|name| {
        // The program has to be there.
        let text = unit(name).replace("/usr/local/bin/rtspan", rtspan().to_str().unwrap());
        fs::write(dir.join(name), text).unwrap();
        dir.join(name)
    });
    let said = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().unwrap();
    let text = String::from_utf8(said.stderr).unwrap();
    // Units of the machine may have faults of their own.
    assert!(said.status.success() && !text.contains("rtspan."), "{text}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_unit_starts_the_server_by_the_file_of_the_guide() {
    let guide = include_str!("../../../docs/service.md");
    let service = unit("rtspan.service");
    let command: Vec<_> = value(&service, "ExecStart").split_whitespace().collect();
    let [program, "serve", "--config", path] = command[..] else { panic!("{command:?}") };
    assert!(guide.contains(&format!(" rtspan.toml {path}\n")), "the guide puts the file elsewhere");
    assert!(
        guide.contains(&format!(" ~/.cargo/bin/rtspan {program}\n")),
        "the guide puts the program elsewhere"
    );
    let own = format!("/var/lib/{}/", value(&service, "StateDirectory"));
    assert!(guide.contains(&format!("folder = \"{own}recordings\"")), "the guide records elsewhere");
    assert_eq!(value(&service, "RestartPreventExitStatus"), "2", "the status of a fault of the file");
    assert_eq!(value(&service, "Type"), "notify");
    assert_eq!(value(&service, "ExecReload"), "/bin/kill -HUP $MAINPID");

    let settings = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let settings = file("service", settings);
    let check = format!("serve --config {} --check", settings.display());
    assert!(Program::rtspan(&check).end().well().contains("is good"));
    fs::write(&settings, "colour = 1\n").unwrap();
    assert_eq!(Program::rtspan(&check).end().code, Some(2));
    fs::remove_file(settings).unwrap();
}

#[test]
fn a_server_that_a_connection_starts_takes_it() {
    if !is_installed("systemd-socket-activate") {
        return;
    }
    let file = file("activated", "demo = true\n");
    let script = format!("serve --config {}", file.display());
    let (mut server, at) = loop {
        // Somebody else may have the port meanwhile.
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("systemd-socket-activate");
        command.args(["--listen", &at.to_string(), "--fdname=rtsp"]).arg(rtspan()).args(script.split(' '));
        let mut server = Program::handed(command, Stdio::null(), Stdio::piped());
        if server.either_line("Listening on", "Failed to listen").is_ok() {
            break (server, at);
        }
    };
    Program::played(&format!("rtsp://{at}/demo --transport tcp")).well();
    assert_eq!(server.url(), format!("rtsp://{at}"));
    server.interrupt().well();
    fs::remove_file(file).unwrap();
}
