//! Chromium without a window, driven by its DevTools protocol over a pair of pipes.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::{Value, json};

use crate::program::LIMIT;

/// How often it is looked whether something has become true.
const GLANCE: Duration = Duration::from_millis(50);

/// A browser with one page. It ends when this is dropped.
pub(super) struct Chromium {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<Value>,
    complaints: Arc<Mutex<Vec<String>>>,
    session: Option<String>,
    number: u64,
    profile: PathBuf,
}

impl Chromium {
    /// Starts one; `None` if it is not installed. It has to be where everything is tested.
    pub(super) fn start(name: &str) -> Option<Self> {
        Self::start_trusting(name, "")
    }

    /// The same, and it trusts certificates of the key of this SHA-256 (in base64), whoever has signed them.
    pub(super) fn start_trusting(name: &str, key: &str) -> Option<Self> {
        let is_there = Command::new("chromium").arg("--version").output().is_ok();
        assert!(is_there || env::var("INTEROP").is_err(), "chromium is not installed, and INTEROP is set");
        is_there.then(|| Self::launch(name, key))
    }

    fn launch(name: &str, key: &str) -> Self {
        let profile = env::temp_dir().join(format!("rtspan-chromium-{name}-{}", std::process::id()));
        // `page.test` is this machine by a name that is not `localhost`. It reads orders at 3 and answers at 4, which a shell makes of its standard input and output.
        let script = format!(
            "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --mute-audio \
             --autoplay-policy=no-user-gesture-required --ignore-certificate-errors-spki-list={key} --host-resolver-rules='MAP page.test 127.0.0.1' --user-data-dir={} --remote-debugging-pipe about:blank \
             3<&0 4>&1 </dev/null >/dev/null 2>/dev/null",
            profile.display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (to, from) = channel();
        let complaints = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&complaints);
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message: Value = serde_json::from_slice(&message).unwrap();
                heard.lock().unwrap().extend(complaint(&message));
                if message.get("id").is_some() && to.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser =
            Self { child, orders, answers: from, complaints, session: None, number: 0, profile };
        let target =
            browser.order("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.order("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime", "Log", "Page"] {
            browser.order(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Has something done; what comes of it.
    pub(super) fn order(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut order = json!({ "id": self.number, "method": method, "params": params });
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let mut answer =
                self.answers.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no answer to {order}"));
            if answer["id"] == self.number {
                assert!(answer.get("error").is_none(), "{answer} to {order}");
                return answer["result"].take();
            }
        }
    }

    /// Goes to a page, and waits until its scripts have begun.
    pub(super) fn open(&mut self, url: &str) {
        self.order("Page.navigate", json!({ "url": url }));
        self.wait_for("document.readyState === 'complete'");
    }

    /// The value of an expression, which may be a promise.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut evaluated = self.order("Runtime.evaluate", params);
        assert!(evaluated.get("exceptionDetails").is_none(), "{evaluated}");
        evaluated["result"]["value"].take()
    }

    /// Waits until an expression is true.
    pub(super) fn wait_for(&mut self, expression: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.value(&format!("Boolean({expression})")) != true {
            let complaints = self.complaints.lock().unwrap().join("\n");
            assert!(Instant::now() < deadline, "{expression} does not come true: {complaints}");
            thread::sleep(GLANCE);
        }
    }

    /// The errors of the console, and exceptions that nobody has caught.
    pub(super) fn take_complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.complaints.lock().unwrap())
    }

    /// A picture of the page as PNG, in base64.
    pub(super) fn screenshot(&mut self, width: u32, height: u32, is_dark: bool) -> String {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.order("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.order("Emulation.setEmulatedMedia", features);
        // Changes are drawn with the second picture from here.
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        let shot = self.order("Page.captureScreenshot", json!({ "format": "png" }));
        shot["data"].as_str().unwrap().to_owned()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn complaint(message: &Value) -> Option<String> {
    let is_loud = |level: &Value| *level == "error";
    let params = &message["params"];
    let is_one = match message["method"].as_str()? {
        "Runtime.exceptionThrown" => true,
        "Runtime.consoleAPICalled" => is_loud(&params["type"]),
        "Log.entryAdded" => is_loud(&params["entry"]["level"]),
        _ => false,
    };
    is_one.then(|| params.to_string())
}
