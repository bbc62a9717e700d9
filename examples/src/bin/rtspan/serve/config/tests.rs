use std::fs;
use std::net::Ipv4Addr;

use clap::Parser;

use super::*;
use crate::args::{Args, Command};

/// The settings that the tool makes of a file, with these options beside it.
fn load(text: &str, options: &str) -> Result<Settings, Failure> {
    let name = format!("rtspan-config-{}-{:?}.toml", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, text).unwrap();
    let line = format!("rtspan serve --config {} {options}", path.display());
    let Ok(Args { command: Command::Serve(args), .. }) = Args::try_parse_from(line.split_whitespace()) else {
        panic!("{line}");
    };
    let settings = Config::new(&args).load();
    fs::remove_file(&path).unwrap();
    settings
}

fn good(text: &str) -> Settings {
    load(text, "").unwrap()
}

/// The faults of a file, without its name in front.
fn faults(text: &str) -> Vec<String> {
    let Err(Failure::Config(faults)) = load(text, "") else { panic!("no fault: {text}") };
    let name = faults.file.display().to_string();
    faults.lines().map(|line| line.trim_start_matches(&name).trim_start_matches(':').to_owned()).collect()
}

/// The example with all of its settings in force.
fn uncommented() -> String {
    let is_setting = |line: &&str| {
        let setting = line.strip_prefix('#');
        setting.is_some_and(|setting| {
            setting.starts_with(|first: char| first == '[' || first.is_ascii_lowercase())
        })
    };
    let lines = EXAMPLE.lines().map(|line| if is_setting(&line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The processors of a machine with a server, in the tests.
const PROCESSORS: usize = 8;

/// How many pairs of UDP sockets a server with this file opens.
fn pairs_of(file: File) -> usize {
    let settings = Settings { file, ..good("") };
    let config = server::config(&settings, Ipv4Addr::UNSPECIFIED.into()).processors(PROCESSORS);
    let mut server = rtspan_core::server::Server::new(config, [7; 32]);
    let outputs = std::iter::from_fn(|| server.poll_output());
    outputs.filter(|output| matches!(output, rtspan_core::server::Output::OpenUdp(_))).count()
}

#[test]
fn the_example_says_nothing_before_it_is_changed() {
    assert_eq!(Reading::new(EXAMPLE).file::<File>(), File::default());
}

#[test]
fn the_example_shows_the_defaults() {
    let text = uncommented();
    let mut reading = Reading::new(&text);
    let mut file: File = reading.file();
    reading.end(Path::new("example")).unwrap();
    let gate = file.paths["gate"].clone();
    let listens = |file: File| Settings { file, ..good("") }.listen();
    assert_eq!(listens(file.clone()), listens(File::default()));
    // A server with any ports has as many pairs as there are processors, which no example can show.
    let mut with_ports = File::default();
    with_ports.udp.ports = file.udp.ports;
    assert_eq!((pairs_of(file.clone()), pairs_of(File::default())), (pairs_of(with_ports), PROCESSORS));
    // These have no default, or stand for more than one setting.
    (file.metrics, file.web, file.dscp, file.tls, file.multicast) = Default::default();
    (file.udp.ports, file.udp.pairs, file.tunnels) = Default::default();
    (file.users, file.anyone, file.paths, file.record) = Default::default();
    (file.api, file.hooks) = Default::default();
    let shown = |file: File| {
        let settings = Settings { file, ..good("") };
        format!("{:?}", server::config(&settings, Ipv4Addr::UNSPECIFIED.into()))
    };
    assert_eq!(shown(file), shown(File::default()));

    let plain = PathSettings { source: Some("rtsp://camera/main".to_owned()), ..PathSettings::default() };
    let gate =
        PathSettings { username: None, password: None, pin: None, fallback: None, record: None, ..gate };
    let plan = |path| Config::new(&ServeArgs::default()).path(&good(""), "gate", &path).unwrap();
    let settings = |path| PathPlan { settings: PathSettings::default(), ..plan(path) };
    assert_eq!(settings(gate), settings(plain));
}

#[test]
fn the_example_has_every_setting() {
    for section in [
        "",
        "[tls]",
        "[tunnels]",
        "[udp]",
        "[multicast]",
        "[limits]",
        "[[users]]",
        "[anyone]",
        "[record]",
        "[paths.gate]",
    ] {
        let faults = faults(&format!("{section}\nzzz = 1"));
        let expected = faults.iter().find_map(|fault| fault.split_once(", expected "));
        let (_, expected) = expected.expect("the key is unknown");
        for name in expected.split('`').skip(1).step_by(2) {
            let shown = [format!("#{name} = "), format!("#[{name}"), format!("#[[{name}")];
            assert!(shown.iter().any(|shown| EXAMPLE.contains(shown.as_str())), "{section} {name}");
        }
    }
}

#[test]
fn every_fault_is_said_with_its_place_and_what_is_allowed() {
    let text = r#"listen = [":99999"]
address = [":8554"]
start = "later"
[[users]]
name = "wall"
secret = "x"
read = ["*"]
[paths.gate]
source = "http://camera"
transport = "carrier"
wait = "soon"
[paths.yard]
film = "nowhere.mp4"
source = "publisher"
fallback = "nowhere"
[paths."a b"]
"#;
    let faults = faults(text);
    let expected = [
        ("1:10: ", "listen: ", "99999"),
        ("2:1: ", "address: ", "expected one of `listen`"),
        ("3:9: ", "start: ", "\"later\" is none of live, keyframe"),
        ("", "users.0.password: ", "a user needs a password or a token"),
        ("6:1: ", "users.0.secret: ", "expected one of `name`, `password`"),
        ("9:10: ", "paths.gate.source: ", "rtsp://camera/main"),
        ("10:13: ", "paths.gate.transport: ", "none of auto, udp, tcp, multicast"),
        ("11:8: ", "paths.gate.wait: ", "a time is needed"),
        ("13:8: ", "paths.yard.film: ", "this one has source"),
        ("13:8: ", "paths.yard.film: ", "cannot be played"),
        ("15:12: ", "paths.yard.fallback: ", "nowhere"),
        ("16:", "paths.a b: ", "a path is a name such as gate"),
    ];
    for (at, key, message) in expected {
        let is_it = |fault: &&String| fault.starts_with(at) && fault.contains(key) && fault.contains(message);
        assert!(faults.iter().any(|fault| is_it(&fault)), "{at}{key}{message} in {faults:#?}");
    }
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one_or_with_all() {
    let texts = ["[paths.gate]\npasword = \"x\"", "[record]\nfolders = \"x\"", "[paths.gate]\nurl = \"x\""];
    let [shorter, longer, other] = texts.map(|text| faults(text).remove(0));
    assert_eq!(shorter, "2:1: paths.gate.pasword: unknown field `pasword`; did you mean `password`?");
    assert_eq!(longer, "2:1: record.folders: unknown field `folders`; did you mean `folder`?");
    assert!(other.contains("unknown field `url`, expected one of `source`, `username`"), "{other}");
}

#[test]
fn what_is_perhaps_not_meant_so_is_a_warning_with_its_line() {
    let text = r#"[[users]]
name = "a"
password = "x"
read = ["*", "gate", "cam/*", "gtae"]
publish = ["cam/1", "nvr/*"]
[anyone]
read = ["gate/*"]
[[hooks]]
on = ["ready"]
run = ["true"]
paths = "yard"
[paths.gate]
source = "rtsp://h/"
username = "u"
[paths."cam/*"]
[paths.door]
source = "rtsp://h/"
username = "u"
password = ""
"#;
    let warnings = good(text).warnings;
    let warnings: Vec<_> = warnings.iter().map(|line| line.split_once(".toml:").unwrap().1).collect();
    assert_eq!(
        warnings,
        [
            "4: warning: users.0.read.3: there is no path \"gtae\"; did you mean \"gate\"?",
            "5: warning: users.0.publish.1: there is no path \"nvr/*\"",
            "7: warning: anyone.read.0: there is no path \"gate/*\"; did you mean \"gate\"?",
            "11: warning: hooks.0.paths: there is no path \"yard\"",
            "14: warning: paths.gate.username: there is no password; write password = \"\" if the camera wants an empty one",
        ]
    );
    assert!(good("[anyone]\nread = [\"gtae\"]").warnings.is_empty(), "without paths there are all");
}

#[test]
fn what_is_no_toml_is_said_where_it_is() {
    let faults = faults("[paths.gate\nsource = \"publisher\"\n");
    assert!(faults[0].starts_with("1:"), "{faults:?}");
}

#[test]
fn what_does_not_go_together_is_a_fault() {
    for (text, fault) in [
        ("[tls]\nrequired = true", "tls.required: TLS needs a certificate"),
        ("[tls]\ncertificate = \"a.pem\"", "tls.certificate: a certificate needs its key"),
        ("[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"", "tls.certificate: "),
        ("[[users]]\nname = \"a\"\npassword = \"x\"", "users.0.name: the user may do nothing"),
        (
            "[[users]]\nname = \"a\"\npassword = { env = \"RTSPAN_NO_SUCH\" }\nread = [\"*\"]",
            "no variable RTSPAN_NO_SUCH",
        ),
        (
            "[[users]]\nname = \"a\"\npassword = \"\"\nread = [\"*\"]",
            "users.0.password: the password is empty",
        ),
        ("[paths.a]\nsource = \"rtsp://h/*\"", "paths.a.source: a * stands for that of the path"),
        ("[paths.\"a/*\"]\nsource = \"rtsp://h/a\"", "needs one *"),
        (
            "[[users]]\nname = \"a\"\ntoken = \"short\"\nread = [\"*\"]",
            "users.0.token: the token is too short",
        ),
        (
            "[[users]]\nname = \"a\"\ntoken = \"0123456789abcdef\"\npassword = \"x\"\nread = [\"*\"]",
            "users.0.token: a user has a password or a token",
        ),
        (
            "[[users]]\nname = \"a\"\ntoken = \"0123456789abcdef\"\nread = [\"*\"]\n\
             [[users]]\nname = \"b\"\ntoken = \"0123456789abcdef\"\nread = [\"*\"]",
            "users.1.token: another user has this token",
        ),
        (
            "[paths.a]\nsource = \"rtsps://h\"\nusername = \"u\"\npassword = \"\"\ntoken = \"x\"",
            "paths.a.token: there is a username",
        ),
        ("[paths.a]\npassword = \"x\"", "paths.a.password: this belongs to a camera"),
        ("[paths.a]\nrecord = true", "paths.a.record: a recording needs a folder"),
        ("[paths.a]\nfallback = \"a\"", "paths.a.fallback: the path would be its own fallback"),
        (
            "[record]\nfolder = \"x\"\n[paths.a-b]\nrecord = true\n[paths.\"a/b\"]\nrecord = true",
            "is recorded as a-b too",
        ),
        (
            "[record]\nfolder = \"x\"\n[paths.a]\nrecord = true\n[paths.b]\nrecord = { segment = \"5m\" }",
            "paths.b.record: other paths are recorded to",
        ),
        ("listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "listen.1: "),
        ("listen = [\"127.0.0.1:1\"]\nmetrics = \"127.0.0.1:1\"", "metrics: "),
        ("listen = [\"127.0.0.1:1\"]\n[web]\nlisten = \"127.0.0.1:1\"", "web.listen: "),
        ("[multicast]\ngroups = [\"10.0.0.0/8\"]", "multicast.groups: "),
        ("[paths.a]\nsource = \"rtsp://h\"\npassword = { env = \"A\", file = \"b\" }", "paths.a.password: "),
    ] {
        let faults = faults(text);
        assert!(faults.iter().any(|own| own.contains(fault)), "{fault} in {faults:?}");
    }
}

#[test]
fn the_name_of_a_path_counts_more_than_a_pattern_and_a_long_one_more_than_a_short_one() {
    let settings = good(
        r#"
        [paths."*"]
        [paths."cam/*"]
        source = "rtsp://nvr/ch/*"
        [paths."cam/1"]
        source = "rtsp://one/main"
        [paths."/cam/low/*/"]
        source = "rtsp://nvr/low/*"
        "#,
    );
    let plan = |path| settings.plan(path).unwrap();
    for (path, pattern, rest) in [
        ("/cam/1", "cam/1", ""),
        ("cam/1/", "cam/1", ""),
        ("/c%61m/1", "cam/1", ""),
        ("/cam/2", "cam/*", "2"),
        ("/cam/low/2", "cam/low/*", "2"),
        ("/camera", "*", "camera"),
        ("/my cam", "*", "my%20cam"),
    ] {
        let pattern_of = &plan(path).pattern;
        assert_eq!(
            (pattern_of.to_string().as_str(), pattern_of.rest(&path_name(path))),
            (pattern, Some(rest))
        );
    }
    assert!(plan("/cam/2").on_demand && !plan("/cam/1").on_demand, "many are pulled on demand");
}

#[test]
fn paths_that_the_server_takes_for_the_same_have_one_name() {
    for (path, name) in [
        ("/gate", "gate"),
        ("//g%61te/", "gate"),
        ("/my%20cam", "my%20cam"),
        ("/my cam", "my%20cam"),
        ("/cam%3a1", "cam:1"),
        ("/café", "caf%C3%A9"),
        ("/caf%c3%a9", "caf%C3%A9"),
        ("/a%2fb%3F", "a%2Fb%3F"),
        ("/100%", "100%25"),
        ("/%2e%2e/x", "%2E%2E/x"),
    ] {
        assert_eq!(path_name(path), name);
        assert_eq!(path_name(name), name, "the name of a name is itself");
    }
    assert!(good("[paths.\"café\"]").plan("/caf%C3%A9").is_some());
}

#[test]
fn without_paths_everybody_publishes_everywhere_and_with_them_only_there() {
    assert!(good("").plan("/any/where").is_some());
    assert!(good("[paths.gate]").plan("/any/where").is_none());
}

#[test]
fn options_count_more_than_the_file() {
    let text = "listen = [\"127.0.0.1:1\"]\nrealm = \"file\"\nresume = \"9s\"\n[[users]]\nname = \"a\"\npassword = \"file\"\nread = [\"*\"]";
    let settings =
        load(text, "--listen 127.0.0.1:2 --realm option --user a:option:publish --user b:x").unwrap();
    assert_eq!(settings.file.listen.unwrap()[0].to_string(), "127.0.0.1:2");
    assert_eq!(settings.file.realm.unwrap(), "option");
    assert_eq!(settings.file.resume.unwrap().0.as_secs(), 9, "what is not given is the file's");
    let users = settings.accounts.users.unwrap();
    let users: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.proof.clone())).collect();
    let password = |password: &str| Proof::Password(password.to_owned());
    assert!(users == [("a", password("option")), ("b", password("x"))]);
}

#[test]
fn secrets_are_found_where_they_stand_and_shown_nowhere() {
    let path = std::env::temp_dir().join(format!("rtspan-secret-{}", std::process::id()));
    fs::write(&path, "hunter2\n").unwrap();
    let text = format!(
        "[[users]]\nname = \"a\"\npassword = {{ file = {path:?} }}\nread = [\"*\"]\n\
         [paths.gate]\nsource = \"rtsp://u:hunter3@h/x\"\n[paths.yard]\nsource = \"rtsp://h/\"\nusername = \"u\"\npassword = \"hunter4\""
    );
    let settings = good(&text);
    fs::remove_file(&path).unwrap();
    assert!(settings.accounts.users.as_ref().unwrap()[0].proof == Proof::Password("hunter2".to_owned()));
    let told: Vec<_> = settings.paths.iter().map(|plan| plan.source.to_string()).collect();
    let json = serde_json::to_string(&settings.file.paths["yard"]).unwrap();
    assert!(json.contains("\"***\""), "{json}");
    let shown = format!("{:?} {:?} {told:?} {json}", settings.accounts, settings.file.users);
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn the_server_asks_only_about_paths_at_which_a_reader_may_have_to_wait() {
    let settings = good(
        r#"
        [paths.gate]
        source = "rtsp://camera/main"
        [paths."live/*"]
        source = "publisher"
        [paths.door]
        source = "publisher"
        fallback = "gate"
        "#,
    );
    let asked =
        |is_clustered| settings.asks(is_clustered).into_iter().map(|(paths, _)| paths).collect::<Vec<_>>();
    assert_eq!(asked(false), ["*/door*", "*/gate*"]);
    assert_eq!(asked(true), ["*"]);
    let films = load("", "--files films").unwrap();
    assert!(films.asks(false).iter().any(|(paths, _)| paths == "*/**"), "films may be at all paths");
    assert_eq!(load("", "--no-demo").unwrap().asks(false), []);
}
