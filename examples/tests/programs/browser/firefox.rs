//! Firefox without a window, driven by its protocol for tests (Marionette).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::{Value, json};

use crate::program::LIMIT;

/// How often it is looked whether something has become true.
const GLANCE: Duration = Duration::from_millis(50);

/// A browser with one page. It ends when this is dropped.
pub(super) struct Firefox {
    child: Child,
    socket: BufReader<TcpStream>,
    number: u64,
    profile: PathBuf,
}

impl Firefox {
    /// Starts one; `None` if it is not installed. It has to be where everything is tested.
    pub(super) fn start() -> Option<Self> {
        let is_there = Command::new("firefox-esr").arg("--version").output().is_ok();
        assert!(is_there || env::var("INTEROP").is_err(), "firefox-esr is not installed, and INTEROP is set");
        is_there.then(Self::launch)
    }

    fn launch() -> Self {
        let profile = env::temp_dir().join(format!("rtspan-firefox-{}", std::process::id()));
        fs::create_dir_all(&profile).unwrap();
        fs::write(profile.join("user.js"), "user_pref(\"marionette.port\", 0);\n").unwrap();
        let mut command = Command::new("firefox-esr");
        command.args(["--headless", "--marionette", "--no-remote", "--profile"]).arg(&profile);
        // A home without the settings of anybody.
        command.env("HOME", &profile).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let begun = Instant::now();
        // It writes the port where it takes orders into a file.
        let socket = loop {
            let port = fs::read_to_string(profile.join("MarionetteActivePort"));
            if let Some(port) = port.ok().and_then(|port| port.parse::<u16>().ok()) {
                break TcpStream::connect(("127.0.0.1", port)).unwrap();
            }
            assert!(begun.elapsed() < LIMIT, "Firefox takes no orders");
            thread::sleep(GLANCE);
        };
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let mut browser = Self { child, socket: BufReader::new(socket), number: 0, profile };
        assert_eq!(browser.read()["applicationType"], "gecko");
        browser.order("WebDriver:NewSession", &json!({ "capabilities": {} }));
        browser
    }

    /// The next message: its length, a colon, JSON.
    fn read(&mut self) -> Value {
        let mut length = Vec::new();
        self.socket.read_until(b':', &mut length).unwrap();
        let length = String::from_utf8(length).unwrap();
        let mut message = vec![0; length.trim_end_matches(':').parse().unwrap()];
        self.socket.read_exact(&mut message).unwrap();
        serde_json::from_slice(&message).unwrap()
    }

    /// Has something done; what comes of it.
    fn order(&mut self, name: &str, params: &Value) -> Value {
        self.number += 1;
        let order = json!([0, self.number, name, params]).to_string();
        write!(self.socket.get_mut(), "{}:{order}", order.len()).unwrap();
        let mut answer = self.read();
        assert!(answer[1] == self.number && answer[2].is_null(), "{answer} to {order}");
        answer[3].take()
    }

    /// Goes to a page.
    pub(super) fn open(&mut self, url: &str) {
        self.order("WebDriver:Navigate", &json!({ "url": url }));
    }

    /// Waits until an expression is true.
    pub(super) fn wait_for(&mut self, expression: &str) {
        let deadline = Instant::now() + LIMIT;
        let script = json!({ "script": format!("return Boolean({expression})"), "args": [] });
        while self.order("WebDriver:ExecuteScript", &script)["value"] != true {
            assert!(Instant::now() < deadline, "{expression} does not come true");
            thread::sleep(GLANCE);
        }
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
