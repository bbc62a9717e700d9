//! Registries that are started, killed and cut off, and the nodes of a cluster.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rtspan_examples::cluster::{Answer, RegistryAddress, Request, View};
use rtspan_examples::trust::Trust;
use serde_json::{Value, json};

use crate::api::file;
use crate::ports::own_port;
use crate::program::{Program, RUNTIMES};
use crate::stall;

use super::pictures::until;

/// The lease of all nodes, in seconds.
pub(super) const TTL: u64 = 3;

/// The password of a registry that has one.
const PASSWORD: &str = "correct-horse";

/// The rights that a user of Redis needs.
const REDIS_COMMANDS: [&str; 9] =
    ["+set", "+pexpire", "+del", "+eval", "+exists", "+hget", "+hset", "+hdel", "+hgetall"];

/// A registry that runs, and the folder that it keeps its data in.
pub(super) struct Registry {
    kind: &'static str,
    program: Program,
    port: u16,
    peers: u16,
    folder: PathBuf,
}

impl Drop for Registry {
    fn drop(&mut self) {
        if !self.program.has_ended() {
            self.program.signal("KILL");
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Registry {
    /// Starts etcd; `None`, and it is said, if it is not installed.
    pub(super) fn etcd() -> Option<Self> {
        Self::start("etcd", "etcd")
    }

    /// Starts Redis; `None`, and it is said, if it is not installed.
    pub(super) fn redis() -> Option<Self> {
        Self::start("redis", "redis-server")
    }

    /// Starts Redis with a certificate of its own and a user, who may use the keys of a cluster only. Nobody else is let in.
    pub(super) fn secured_redis() -> Option<Self> {
        Self::start("rediss", "redis-server")
    }

    /// Starts etcd with a certificate of its own and a user. Nobody else is let in.
    pub(super) fn secured_etcd() -> Option<Self> {
        let etcd = Self::start("etcds", "etcd")?;
        for (method, body) in [
            ("user/add", json!({ "name": "root", "password": PASSWORD })),
            ("user/grant", json!({ "user": "root", "role": "root" })),
            ("enable", json!({})),
        ] {
            let agent = ureq::Agent::config_builder().tls_config(etcd.trust().of_http()).build().new_agent();
            let url = format!("https://localhost:{}/v3/auth/{method}", etcd.port);
            until("it is told its users", || agent.post(&url).send(body.to_string()).is_ok());
        }
        Some(etcd)
    }

    /// The lines of `[cluster]` by which a node knows a registry that has a certificate of its own.
    pub(super) fn known(&self) -> String {
        format!("ca = \"{}\"", certificate(&self.folder).display())
    }

    fn trust(&self) -> Trust {
        fs::read(certificate(&self.folder)).map_or_else(|_| Trust::default(), |pem| Trust::pem(&pem).unwrap())
    }

    fn start(kind: &'static str, program: &str) -> Option<Self> {
        if Command::new(program).arg("--version").stdout(Stdio::null()).status().is_err() {
            let is_needed = std::env::var_os("INTEROP").is_some_and(|value| value == "require");
            assert!(!is_needed, "{program} is not installed");
            println!("skipped: {program} is not installed");
            return None;
        }
        // In memory, where there is such a place: a disk that is busy with other tests keeps etcd waiting for longer than a lease.
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        // Another program may have a port meanwhile.
        let start = || {
            let (port, peers) = (own_port(), own_port());
            let folder = place.join(format!("rtspan-cluster-{}-{port}", std::process::id()));
            let program = run(kind, port, peers, &folder);
            let mut registry = Self { kind, program, port, peers, folder };
            registry.answers().then_some(registry)
        };
        Some((0..5).find_map(|_| start()).expect("ports are free"))
    }

    /// Waits until it takes connections; `false` if it has ended before.
    fn answers(&mut self) -> bool {
        let program = &mut self.program;
        until("it answers", || program.has_ended() || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        !program.has_ended()
    }

    /// Kills it, and waits until its ports are free.
    pub(super) fn kill(&self) {
        self.program.signal("KILL");
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        until("the ports are free", || is_free(self.port) && is_free(self.peers));
    }

    /// Starts it again, where it was, with its data or without.
    pub(super) fn comes_back(&mut self, with_data: bool) {
        if !with_data {
            fs::remove_dir_all(&self.folder).unwrap();
        }
        self.program = run(self.kind, self.port, self.peers, &self.folder);
    }

    fn address(&self) -> String {
        match self.kind {
            "etcds" => format!("etcds://root:{PASSWORD}@localhost:{}", self.port),
            "rediss" => format!("rediss://node:{PASSWORD}@localhost:{}", self.port),
            kind => format!("{kind}://127.0.0.1:{}", self.port),
        }
    }

    /// The node of this number, which has settings of its own: lines of `[cluster]`, and sections after it.
    pub(super) fn node_with(&self, number: usize, cluster: &str, others: &str) -> Node {
        Node::start(&self.address(), number, cluster, others)
    }

    /// The node of this number.
    pub(super) fn node(&self, number: usize) -> Node {
        self.node_with(number, "", "")
    }

    /// Three nodes, each on another runtime if there are so many.
    pub(super) fn nodes(&self) -> [Node; 3] {
        [0, 1, 2].map(|number| self.node(number))
    }

    /// The cluster as the registry has it now. A busy one is asked again.
    pub(super) fn view(&self) -> Arc<View> {
        let address: RegistryAddress = self.address().parse().unwrap();
        let mut view = None;
        until("the registry tells its view", || {
            match address.open(&self.trust()).ask(&Request::View) {
                Ok(Answer::View(told)) => view = Some(told),
                Ok(other) => panic!("{other:?}"),
                Err(error) => println!("asked for its view, the registry: {error:?}"),
            }
            view.is_some()
        });
        view.unwrap()
    }

    /// A way to it that can be cut.
    pub(super) fn cable(&self) -> Cable {
        Cable::lay(self.kind, self.port)
    }
}

fn run(kind: &str, port: u16, peers: u16, folder: &PathBuf) -> Program {
    fs::create_dir_all(folder).unwrap();
    let mut command = match kind {
        "etcd" | "etcds" => {
            let scheme = kind.replace("etcd", "http");
            let (at, peer) = (format!("{scheme}://127.0.0.1:{port}"), format!("http://127.0.0.1:{peers}"));
            let mut command = Command::new("etcd");
            // etcd asks itself by this name.
            let known = format!("{scheme}://localhost:{port}");
            command.args(["--listen-client-urls", &at, "--advertise-client-urls", &known]);
            if kind == "etcds" {
                let [certificate, key] = certify(folder);
                command.arg("--cert-file").arg(certificate).arg("--key-file").arg(key);
            }
            command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
            command.args(["--initial-cluster", &format!("default={peer}"), "--data-dir"]).arg(folder);
            // It is alone, and need not wait for others.
            command.args(["--heartbeat-interval", "20", "--election-timeout", "100"]);
            command
        }
        _ => {
            let mut command = Command::new("redis-server");
            command.args(["--bind", "127.0.0.1", "--dir"]).arg(folder);
            let port = port.to_string();
            if kind == "rediss" {
                let [certificate, key] = certify(folder);
                command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
                command.arg("--tls-cert-file").arg(certificate).arg("--tls-key-file").arg(key);
                let password = format!(">{PASSWORD}");
                command.args(["--user", "node", "on", &password, "~rtspan:*"]).args(REDIS_COMMANDS);
                command.args(["--user", "default", "off"]);
            } else {
                command.args(["--port", &port]);
            }
            command
        }
    };
    command.env_remove("ETCD_NAME");
    let program = Program::handed(command, Stdio::null(), Stdio::null());
    stall::meter().watch(program.pid(), true);
    program
}

/// Makes a certificate and its key for a registry that keeps its data in a folder.
fn certify(folder: &Path) -> [PathBuf; 2] {
    let (certificate, key) = (certificate(folder), folder.join("key.pem"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    [certificate, key]
}

/// The certificate of a registry that keeps its data in a folder, if it has one.
fn certificate(folder: &Path) -> PathBuf {
    folder.join("certificate.pem")
}

/// A node of a cluster.
pub(super) struct Node {
    pub(super) program: Program,
    pub(super) url: String,
    pub(super) file: PathBuf,
    api: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

impl Node {
    fn start(registry: &str, number: usize, cluster: &str, others: &str) -> Self {
        let runtime = RUNTIMES[number % RUNTIMES.len()];
        let ttl = if cluster.contains("ttl =") { String::new() } else { format!("ttl = \"{TTL}s\"") };
        let start = || {
            let port = own_port();
            let text = format!(
                "listen = [\"127.0.0.1:{port}\"]\n{others}\n[api]\nlisten = \"127.0.0.1:0\"\n[cluster]\nregistry = \"{registry}\"\n\
                 name = \"node-{number}\"\n{ttl}\n{cluster}\n"
            );
            let file = file(&format!("node-{port}"), &text);
            let args = format!("serve --config {} --runtime {runtime}", file.display());
            let mut program = Program::rtspan(&args);
            // Another program may have the port meanwhile.
            let line = program.either_line("control interface at ", "rtspan: ").ok()?;
            let api = line.split_once("at ").unwrap().1.to_owned();
            program.either_line("listening on", "rtspan: ").ok()?;
            stall::meter().watch(program.pid(), true);
            Some(Self { program, url: format!("rtsp://127.0.0.1:{port}"), file, api })
        };
        (0..5).find_map(|_| start()).expect("a port is free")
    }

    /// The readers that it has, with those nodes that read from it.
    pub(super) fn readers(&self) -> usize {
        let sessions = &self.told("sessions")["sessions"];
        sessions.as_array().unwrap().iter().filter(|session| session["action"] == "read").count()
    }

    /// The number of its connections.
    pub(super) fn connections(&self) -> u64 {
        self.told("stats")["connections"].as_u64().unwrap()
    }

    /// It records the path of this name.
    pub(super) fn records(&self, path: &str) -> bool {
        let paths = &self.told("paths")["paths"];
        paths.as_array().unwrap().iter().any(|own| own["name"] == path && own["recording"] == true)
    }

    /// The answer of its control interface.
    fn told(&self, what: &str) -> Value {
        let text = ureq::get(format!("{}/{what}", self.api)).call().unwrap().into_body().read_to_string();
        serde_json::from_str(&text.unwrap()).unwrap()
    }
}

impl Node {
    /// Waits until it has looked at the cluster: that a path is nowhere is answered by a view that is newer than the question. A node
    /// that is full sends nobody on who has been sent.
    pub(super) fn looks(&self) {
        until("it has looked", || self.describe("nowhere?rtspan-sent", "").0.contains(" 404 "));
    }

    /// The answer to a DESCRIBE of a program that follows redirects: its status, and its header of this name.
    pub(super) fn describe(&self, path: &str, name: &str) -> (String, Option<String>) {
        let mut socket = TcpStream::connect(self.url.trim_start_matches("rtsp://")).unwrap();
        let head =
            format!("DESCRIBE {}/{path} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: rtspan/1\r\n\r\n", self.url);
        socket.write_all(head.as_bytes()).unwrap();
        let lines = BufReader::new(socket).lines().map(|line| line.unwrap());
        let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let value = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        (lines[0].clone(), value.map(ToOwned::to_owned))
    }
}

/// A way to a registry or a node that can be cut, as a network that passes nothing any more: connections stay, and no byte comes through.
pub(super) struct Cable {
    kind: &'static str,
    port: u16,
    is_cut: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    fn lay(kind: &'static str, to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let cable = Self {
            kind,
            port: listener.local_addr().unwrap().port(),
            is_cut: Arc::default(),
            ends: Arc::default(),
        };
        let (is_cut, ends) = (Arc::clone(&cable.is_cut), Arc::clone(&cable.ends));
        thread::spawn(move || {
            for near in listener.incoming() {
                let Ok(near) = near else { return };
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                ends.lock().unwrap().extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (from, to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    let is_cut = Arc::clone(&is_cut);
                    thread::spawn(move || pass(from, to, &is_cut));
                }
            }
        });
        cable
    }

    /// A way to a node.
    pub(super) fn to(node: &Node) -> Self {
        let (_, port) = node.url.rsplit_once(':').unwrap();
        Self::lay("rtsp", port.parse().unwrap())
    }

    pub(super) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.kind, self.port)
    }

    /// The node of this number, at the end of the cable.
    pub(super) fn node(&self, number: usize) -> Node {
        Node::start(&self.url(), number, "", "")
    }

    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    /// Bytes that were sent meanwhile are lost with their connections.
    pub(super) fn mend(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
        self.is_cut.store(false, Ordering::Relaxed);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut part) {
        if !is_cut.load(Ordering::Relaxed) && to.write_all(&part[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
