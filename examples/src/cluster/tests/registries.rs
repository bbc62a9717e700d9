//! The promises of a registry, kept by real servers.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::*;
use crate::cluster::etcd::Etcd;
use crate::cluster::redis::Redis;
use crate::ports::own_port;
use crate::refusing::Refusing;
use crate::trust::Trust;

/// A server that is killed in the end.
struct Server {
    child: Child,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Starts a program, whose arguments come after its folder; `None`, and it is said, if it is not installed.
fn start(program: &str, arguments: impl FnOnce(&str) -> Vec<String>) -> Option<Server> {
    // In memory, where there is such a place: a disk that is busy with other tests keeps etcd waiting.
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = place.join(format!("rtspan-{program}-{}-{}", std::process::id(), own_port()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(program);
    command.args(arguments(folder.to_str().unwrap())).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(child) => Some(Server { child, folder }),
        Err(_) if std::env::var_os("INTEROP").is_none_or(|value| value != "require") => {
            println!("skipped: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn ask(registry: &mut dyn Registry, request: &Request) -> Answer {
    let begun = Instant::now();
    loop {
        match registry.ask(request) {
            Ok(answer) => return answer,
            Err(error) if begun.elapsed() > Duration::from_secs(20) => panic!("{request:?}: {error:?}"),
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}

/// Longer than a busy machine takes from one step to the next.
const TTL: Duration = Duration::from_secs(8);
/// The longest that anything is waited for.
const LIMIT: Duration = Duration::from_secs(30);

fn grant(registry: &mut dyn Registry) -> String {
    let Answer::Granted(lease) = ask(registry, &Request::Grant { ttl: TTL }) else { panic!() };
    assert!(lease.ttl >= TTL && lease.ttl < 3 * TTL, "{lease:?}");
    lease.id
}
fn claim(registry: &mut dyn Registry, lease: &str, claim: &Claim) -> Answer {
    ask(registry, &Request::Claim { lease: lease.to_owned(), path: "cam/1".to_owned(), claim: claim.clone() })
}

fn view(registry: &mut dyn Registry) -> View {
    let Answer::View(view) = ask(registry, &Request::View) else { panic!() };
    View::clone(&view)
}

fn keeps_its_promises(registry: &mut dyn Registry) {
    let of = |node: &str, term| Claim { node: node.to_owned(), url: format!("rtsp://{node}:8554"), term };
    let (a, b) = (grant(registry), grant(registry));
    assert_eq!(claim(registry, &a, &of("a", 1)), Answer::Claimed(of("a", 1)));
    // A node that asks twice has it still, and the other one hears which has it.
    assert_eq!(claim(registry, &a, &of("a", 1)), Answer::Claimed(of("a", 1)));
    assert_eq!(claim(registry, &b, &of("b", 2)), Answer::Claimed(of("a", 1)));
    let relay = Relay { term: 1, depth: 1, from: "a".to_owned() };
    let told = Told {
        url: "rtsp://b:8554".to_owned(),
        load: 7,
        is_full: true,
        offers: vec!["gate".to_owned(), "cam/*".to_owned()],
        relays: [("cam/1".to_owned(), relay)].into(),
    };
    let tell = Request::Tell { lease: b.clone(), node: "b".to_owned(), told: told.clone() };
    assert_eq!(ask(registry, &tell), Answer::Done);
    let whole =
        View { claims: [("cam/1".to_owned(), of("a", 1))].into(), nodes: [("b".to_owned(), told)].into() };
    assert_eq!(view(registry), whole);
    // Only its own claim can be released.
    let release = |term| Request::Release { path: "cam/1".to_owned(), claim: of("a", term) };
    ask(registry, &release(9));
    assert_eq!(view(registry), whole);
    ask(registry, &release(1));
    assert_eq!(claim(registry, &b, &of("b", 2)), Answer::Claimed(of("b", 2)));
    // A lease that is renewed lasts, and one that is not ends with its claims, though it was granted later.
    let (late, path) = (grant(registry), "cam/2".to_owned());
    let other = Request::Claim { lease: late.clone(), path: path.clone(), claim: of("late", 3) };
    assert_eq!(ask(registry, &other), Answer::Claimed(of("late", 3)));
    let begun = Instant::now();
    while view(registry).claims.contains_key(&path) {
        assert!(matches!(ask(registry, &Request::Renew { lease: b.clone() }), Answer::Renewed(_)));
        assert!(begun.elapsed() < LIMIT, "its claim stays");
        sleep(Duration::from_millis(500));
    }
    assert_eq!(ask(registry, &Request::Renew { lease: late }), Answer::NoLease);
    assert_eq!(claim(registry, &b, &of("b", 2)), Answer::Claimed(of("b", 2)));
    assert_eq!(ask(registry, &Request::Renew { lease: a.clone() }), Answer::NoLease);
    let Request::Tell { told, .. } = tell else { panic!() };
    assert_eq!(
        ask(registry, &Request::Tell { lease: a.clone(), node: "a".to_owned(), told }),
        Answer::NoLease
    );
    // A node that leaves is gone at once.
    registry.leave(&b).unwrap();
    assert_eq!(view(registry), View::default());
    assert_eq!(claim(registry, &a, &of("a", 3)), Answer::NoLease);
    let c = grant(registry);
    assert_eq!(claim(registry, &c, &of("c", 4)), Answer::Claimed(of("c", 4)));
}

/// An etcd, which may be asked over TLS with this certificate; `None` if it is not installed.
fn start_etcd(certificate: Option<&Certificate>) -> Option<(Server, u16)> {
    let (clients, peers) = (own_port(), own_port());
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let urls = [format!("{scheme}://localhost:{clients}"), format!("http://127.0.0.1:{peers}")];
    let arguments = |folder: &str| {
        let [clients, peers] = &urls;
        let initial = format!("default={peers}");
        let listen = format!("{scheme}://127.0.0.1:{}", clients.rsplit_once(':').unwrap().1);
        let all = [
            ["--data-dir", folder],
            ["--listen-client-urls", &listen],
            ["--advertise-client-urls", clients],
            ["--listen-peer-urls", peers],
            ["--initial-advertise-peer-urls", peers],
            ["--initial-cluster", &initial],
        ];
        let own = certificate.map(|own| ["--cert-file", &own.chain, "--key-file", &own.key]);
        let all = [all.concat(), own.map(|own| own.to_vec()).unwrap_or_default()].concat();
        all.into_iter().map(ToOwned::to_owned).collect()
    };
    Some((start("etcd", arguments)?, clients))
}

#[test]
fn etcd_keeps_the_promises_of_a_registry_also_if_one_of_its_servers_is_away() {
    let Some((_server, port)) = start_etcd(None) else { return };
    let refusing = Refusing::new();
    let servers = [refusing.addr().to_string(), format!("127.0.0.1:{port}")];
    keeps_its_promises(&mut Etcd::new(servers, "rtspan"));
}

/// A certificate of a server on this machine, as files that are removed in the end.
struct Certificate {
    chain: String,
    key: String,
    trust: Trust,
}

impl Certificate {
    fn make() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let at = |end: &str| {
            let name = format!("rtspan-registry-{}-{}.{end}", std::process::id(), own_port());
            std::env::temp_dir().join(name).to_str().unwrap().to_owned()
        };
        let own =
            Self { chain: at("pem"), key: at("key"), trust: Trust::pem(made.cert.pem().as_bytes()).unwrap() };
        std::fs::write(&own.chain, made.cert.pem()).unwrap();
        std::fs::write(&own.key, made.signing_key.serialize_pem()).unwrap();
        own
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = (std::fs::remove_file(&self.chain), std::fs::remove_file(&self.key));
    }
}

/// Asks etcd something as nobody, until it answers.
fn post(port: u16, trust: &Trust, method: &str, body: &serde_json::Value) -> serde_json::Value {
    let agent = ureq::Agent::config_builder().tls_config(trust.of_http()).build().new_agent();
    let begun = Instant::now();
    loop {
        match agent.post(format!("https://localhost:{port}/v3/{method}")).send(body.to_string()) {
            Ok(mut answer) => {
                return serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
            }
            Err(error) if begun.elapsed() > Duration::from_secs(20) => panic!("{method}: {error}"),
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}

#[test]
fn etcd_keeps_them_over_tls_with_a_password_and_when_its_tokens_are_over() {
    let certificate = Certificate::make();
    let trust = &certificate.trust;
    let Some((_server, port)) = start_etcd(Some(&certificate)) else { return };
    for (method, body) in [
        ("auth/user/add", json!({ "name": "root", "password": "hunter2" })),
        ("auth/user/grant", json!({ "user": "root", "role": "root" })),
        ("auth/enable", json!({})),
    ] {
        post(port, trust, method, &body);
    }
    let open = |login: &str, trust: &Trust| {
        let address: RegistryAddress = format!("etcds://{login}localhost:{port}").parse().unwrap();
        address.open(trust)
    };
    for login in ["", "root:hunter3@", "nobody:hunter2@"] {
        let error = open(login, trust).ask(&Request::View).unwrap_err();
        assert!(matches!(error, RegistryError::Refused { .. }), "{login}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("hunter"), "{error}");
    }
    let error = open("root:hunter2@", &Trust::default()).ask(&Request::View).unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
    let mut registry = open("root:hunter2@", trust);
    keeps_its_promises(&mut *registry);
    // All tokens are over when the users change.
    let answer = post(port, trust, "auth/authenticate", &json!({ "name": "root", "password": "hunter2" }));
    let agent = ureq::Agent::config_builder().tls_config(trust.of_http()).build().new_agent();
    let add = agent.post(format!("https://localhost:{port}/v3/auth/user/add"));
    let add = add.header("Authorization", answer["token"].as_str().unwrap());
    add.send(json!({ "name": "other", "password": "x" }).to_string()).unwrap();
    grant(&mut *registry);
}

#[test]
fn etcd_tells_at_once_that_a_claim_has_begun_or_ended() {
    let Some((_server, port)) = start_etcd(None) else { return };
    let servers = [format!("127.0.0.1:{port}")];
    let mut registry = Etcd::new(servers, "rtspan");
    let lease = grant(&mut registry);
    let (told, tells) = std::sync::mpsc::channel();
    let mut watch = registry.watch().unwrap();
    std::thread::spawn(move || while watch.wait().is_ok() && told.send(Instant::now()).is_ok() {});
    let patience = Duration::from_secs(20);
    // It is watched from now on.
    tells.recv_timeout(patience).unwrap();
    for term in 1..4 {
        let own = Claim { node: "a".to_owned(), url: "rtsp://a".to_owned(), term };
        assert!(matches!(ask(&mut registry, &Request::Renew { lease: lease.clone() }), Answer::Renewed(_)));
        let begun = Instant::now();
        claim(&mut registry, &lease, &own);
        let begins = tells.recv_timeout(patience).unwrap();
        ask(&mut registry, &Request::Release { path: "cam/1".to_owned(), claim: own });
        let ends = tells.recv_timeout(patience).unwrap();
        println!("told of a claim after {:?}, and of its end after {:?}", begins - begun, ends - begins);
    }
    // The words of nodes about themselves are not watched.
    let told = Told { url: "rtsp://a".to_owned(), ..Told::default() };
    ask(&mut registry, &Request::Tell { lease, node: "a".to_owned(), told });
    assert!(tells.recv_timeout(Duration::from_millis(300)).is_err());
}

#[test]
fn a_node_that_waits_for_a_path_has_it_as_soon_as_it_is_free() {
    let Some((_server, port)) = start_etcd(None) else { return };
    let join = |name: &str| {
        let mut settings = NodeSettings::new(name, format!("rtsp://{name}"));
        // It is the watch that tells.
        settings.view_every = Duration::from_secs(60);
        let registry = Box::new(Etcd::new([format!("127.0.0.1:{port}")], "rtspan"));
        Member::start(settings, registry, |_| ()).unwrap()
    };
    let nodes = [join("a"), join("b")];
    let owns = |node: usize| nodes[node].with(|node, _| node.owns("gate"));
    let wait = |node: usize| {
        let begun = Instant::now();
        while !owns(node) {
            assert!(begun.elapsed() < Duration::from_secs(20), "node {node} waits in vain");
            sleep(Duration::from_millis(2));
        }
        begun.elapsed()
    };
    nodes[0].with(|node, _| node.want("gate"));
    wait(0);
    let mut times = Vec::new();
    for round in 0..6 {
        let (has, wants) = (round % 2, (round + 1) % 2);
        nodes[wants].with(|node, _| node.want("gate"));
        let is_taken = |node: &Node| node.view().claims.get("gate").is_some_and(|claim| claim.term != 0);
        while !nodes[wants].with(|node, _| is_taken(node)) {
            sleep(Duration::from_millis(2));
        }
        nodes[has].with(|node, _| node.unwant("gate"));
        times.push(wait(wants));
    }
    println!("a path goes over after {times:?}");
}

#[test]
fn redis_keeps_the_promises_of_a_registry() {
    let port = own_port().to_string();
    let arguments = |folder: &str| {
        let all = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--dir",
            folder,
            "--save",
            "",
            "--requirepass",
            "secret",
        ];
        all.into_iter().map(ToOwned::to_owned).collect()
    };
    let Some(_server) = start("redis-server", arguments) else { return };
    keeps_its_promises(&mut Redis::new(&format!("127.0.0.1:{port}"), Some("secret"), "rtspan"));
    let mut wrong = Redis::new(&format!("127.0.0.1:{port}"), Some("hunter2"), "rtspan");
    let error = wrong.ask(&Request::View).unwrap_err();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error:?}");
}

#[test]
fn redis_keeps_them_over_tls_as_a_user() {
    let certificate = Certificate::make();
    let port = own_port().to_string();
    let arguments = |folder: &str| {
        let all = [
            ["--port", "0"],
            ["--tls-port", &port],
            ["--tls-cert-file", &certificate.chain],
            ["--tls-key-file", &certificate.key],
            ["--tls-auth-clients", "no"],
            ["--bind", "127.0.0.1"],
            ["--dir", folder],
            ["--save", ""],
        ];
        let user = ["--user", "node", "on", ">p@ss", "~*", "&*", "+@all"];
        all.concat().into_iter().chain(user).map(ToOwned::to_owned).collect()
    };
    let Some(_server) = start("redis-server", arguments) else { return };
    let open = |trust: &Trust| {
        let address: RegistryAddress = format!("rediss://node:p%40ss@localhost:{port}").parse().unwrap();
        address.open(trust)
    };
    keeps_its_promises(&mut *open(&certificate.trust));
    let error = open(&Trust::default()).ask(&Request::View).unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
}

#[test]
fn a_registry_that_is_away_or_something_else_is_told() {
    let refusing = Refusing::new();
    let nobody = refusing.addr().to_string();
    let registries: [Box<dyn Registry>; 2] =
        [Box::new(Etcd::new([nobody.clone()], "x")), Box::new(Redis::new(&nobody, None, "x"))];
    for mut registry in registries {
        let error = registry.ask(&Request::View).unwrap_err();
        assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("the registry {nobody} cannot be reached"));
    }
}
