//! The server as systemd starts it: its sockets are there before it, and it says when it is ready.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
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
    Program::rtspan(&format!("play --seconds 1 rtsp://{at}/demo")).end().well();
    server.signal("HUP");
    let reloading = manager.told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(manager.told(), "READY=1\nSTATUS=serving\n");
    server.interrupt().well();
    assert_eq!(manager.told(), "STOPPING=1\n");
    fs::remove_file(file).unwrap();
}
