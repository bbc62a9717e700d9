use serde_json::Value;

use crate::program::{Program, RUNTIMES, beside, enough};

/// Starts to publish at a path of `url`, and waits until there is something to read.
fn publish(server: &mut Program, url: &str, how: &str) -> Program {
    let publisher = Program::rtspan(&format!("bench publish {url}/live {how}"));
    server.line("/live is published");
    publisher
}

fn read(url: &str, how: &str) -> Value {
    Program::rtspan(&format!("bench read {url}/live --json {how}")).end().json()
}

/// Measures for a second, and for more where all has gone well but what was counted is not as it should be.
fn measure(run: impl Fn(u32) -> Value, is_right: impl Fn(&Value) -> bool) -> Value {
    enough(run, |report| {
        let has_failed = |name: &&str| report[*name].as_u64().is_some_and(|count| count > 0);
        ["lost", "failed", "silent", "reconnects"].iter().any(has_failed) || is_right(report)
    })
}

#[test]
fn readers_count_what_is_published_on_every_runtime() {
    for runtime in RUNTIMES {
        for transport in ["tcp", "udp"] {
            let (mut server, url) = Program::serve(runtime);
            let how = format!("--rate 1000 --size 1000 --burst 10 --transport {transport}");
            let publisher = publish(&mut server, &url, &how);
            let pid = server.pid();
            let how = format!("--readers 20 --transport {transport} --pid {pid}");
            let is_rate = |report: &Value| {
                let rate = report["packets_per_second"].as_f64().unwrap();
                (10_000.0..30_000.0).contains(&rate)
            };
            let has_gap = |report: &Value| report["longest_gap_ms"].as_f64() >= Some(2000.0);
            let run = |seconds| read(&url, &format!("{how} --seconds {seconds}"));
            let report = measure(run, |report| is_rate(report) && !has_gap(report));
            for (name, value) in [("playing", 20), ("failed", 0), ("silent", 0), ("lost", 0)] {
                assert_eq!(report[name], value, "{name}: {report}");
            }
            assert!(is_rate(&report), "{report}");
            assert_eq!(report["bytes"], report["packets"].as_u64().unwrap() * 1000);
            assert!(report["latency_us"]["p50"].as_u64().is_some(), "{report}");
            assert!(!has_gap(&report), "{report}");
            let server = &report["server"];
            assert!(server["nanoseconds_per_packet"].as_f64() > Some(0.0), "{report}");
            assert!(server["resident_bytes_per_reader"].as_f64() > Some(0.0), "{report}");
            publisher.interrupt().well();
        }
    }
}

#[test]
fn many_clients_in_one_process_play_all_that_their_cameras_send() {
    beside(RUNTIMES, |runtime| {
        beside(&["tcp", "udp"], |transport| {
            let (mut server, url) = Program::serve("smol");
            let publisher = publish(&mut server, &url, "--rate 25 --burst 1");
            let how = format!("--clients 40 --spread 1 --transport {transport} --json");
            let clients = format!("--runtime {runtime} bench clients {url}/live {how}");
            let run = |seconds| Program::rtspan(&format!("{clients} --seconds {seconds}")).end().json();
            let is_rate = |report: &Value| {
                let rate = report["packets_per_second"].as_f64().unwrap();
                (700.0..1300.0).contains(&rate)
            };
            let report = measure(run, is_rate);
            for (name, value) in [("playing", 40), ("failed", 0), ("reconnects", 0), ("lost", 0)] {
                assert_eq!(report[name], value, "{name}: {report}");
            }
            assert!(is_rate(&report), "{report}");
            assert!(report["own"]["nanoseconds_per_packet"].as_f64() > Some(0.0), "{report}");
            assert!(report["own"]["resident_bytes_per_client"].as_f64() > Some(0.0), "{report}");
            publisher.interrupt().well();
        });
    });
}

#[test]
fn paused_clients_are_measured_at_rest() {
    beside(RUNTIMES, |runtime| {
        let (mut server, url) = Program::serve("smol");
        let publisher = publish(&mut server, &url, "--rate 100 --burst 1");
        let how = format!("--clients 10 --paused --spread 1 --transport tcp --json --pid {}", server.pid());
        let clients = format!("--runtime {runtime} bench clients {url}/live {how}");
        let wakes = |report: &Value| report["server"]["wakeups"].as_u64() > Some(0);
        let run = |seconds| Program::rtspan(&format!("{clients} --seconds {seconds}")).end().json();
        let report = measure(run, wakes);
        for (name, value) in [("playing", 10), ("failed", 0), ("packets", 0)] {
            assert_eq!(report[name], value, "{name}: {report}");
        }
        for who in ["own", "server"] {
            let hour = &report[who]["hour_of_a_client"];
            assert!(hour["cpu_milliseconds"].as_f64().is_some(), "{report}");
            // No keepalive is due so soon.
            assert_eq!(hour["bytes"], 0.0, "{report}");
        }
        assert!(wakes(&report), "its publisher wakes it: {report}");
        publisher.interrupt().well();
    });
}

#[test]
fn several_streams_are_published_and_read_beside_each_other() {
    let (mut server, url) = Program::serve("smol");
    let how = format!("--streams 3 --rate 100 --burst 1 --json --pid {}", server.pid());
    let publisher = Program::rtspan(&format!("bench publish {url}/live {how}"));
    for number in 0..3 {
        server.line(&format!("/live-{number} is published"));
    }
    let read = read(&url, "--streams 3 --readers 6 --seconds 1");
    for (name, value) in [("playing", 6), ("failed", 0), ("silent", 0), ("lost", 0)] {
        assert_eq!(read[name], value, "{name}: {read}");
    }
    let report = publisher.interrupt().json();
    let due = report["seconds"].as_f64().unwrap() * 300.0;
    assert!(report["packets"].as_f64() > Some(due / 2.0), "{report}");
    let server = &report["server"];
    assert!(server["nanoseconds_per_packet"].as_f64() > Some(0.0), "{report}");
    assert!(server["resident_bytes_per_stream"].as_f64().is_some(), "{report}");
}

#[test]
fn readers_that_stop_reading_are_not_counted() {
    let (mut server, url) = Program::serve("smol");
    let _publisher = publish(&mut server, &url, "--rate 1000 --burst 10");
    // A thousand packets a second for each of two.
    let is_right = |report: &Value| {
        let due = report["seconds"].as_f64().unwrap() * 2000.0;
        (due / 2.0..due * 1.75).contains(&report["packets"].as_f64().unwrap())
    };
    let run = |seconds| read(&url, &format!("--readers 2 --stalled 3 --seconds {seconds}"));
    let report = measure(run, is_right);
    for (name, value) in [("playing", 2), ("stalled", 3), ("failed", 0), ("silent", 0), ("lost", 0)] {
        assert_eq!(report[name], value, "{name}: {report}");
    }
    assert!(is_right(&report), "{report}");
}

#[test]
fn keyframes_of_many_packets_arrive_whole() {
    let (mut server, url) = Program::serve("smol");
    let how = "--rate 2000 --burst 250 --keyframe-burst 1750 --keyframe-every 2";
    let _publisher = publish(&mut server, &url, how);
    let run = |seconds| read(&url, &format!("--readers 2 --seconds {seconds}"));
    // A keyframe and the pictures up to the next are a second. Half of what is due for two comes at least.
    let is_right =
        |report: &Value| report["packets"].as_f64() > report["seconds"].as_f64().map(|it| it * 2000.0);
    let report = measure(run, is_right);
    assert_eq!((&report["lost"], &report["silent"]), (&Value::from(0), &Value::from(0)), "{report}");
    assert!(is_right(&report), "{report}");
}

#[test]
fn gathering_delays_packets_by_no_more_than_was_said() {
    beside(&[(0, false), (500, true)], |(gather, delayed)| {
        let args = format!("serve --listen 127.0.0.1:0 --no-demo --gather {gather}");
        let mut server = Program::rtspan(&args);
        let url = server.url();
        let _publisher = publish(&mut server, &url, "--rate 50 --burst 1");
        let run = |seconds| read(&url, &format!("--seconds {seconds}"));
        let is_right = |report: &Value| {
            let latency = report["latency_us"]["p50"].as_u64();
            latency.is_some_and(|latency| (latency > 100_000) == *delayed)
        };
        let report = measure(run, is_right);
        assert!(is_right(&report), "{report}");
        assert_eq!(report["lost"], 0, "{report}");
    });
}

#[test]
fn the_medias_of_any_stream_are_counted() {
    let (_server, url) = Program::serve("smol");
    let run =
        |seconds| Program::rtspan(&format!("bench read {url}/demo --seconds {seconds} --json")).end().json();
    let report = measure(run, |report| report["packets"].as_u64() > Some(50));
    assert!(report["packets"].as_u64() > Some(50), "{report}");
    assert_eq!((&report["lost"], &report["latency_us"]["p50"]), (&Value::from(0), &Value::Null));
    let text = Program::rtspan(&format!("bench read {url}/demo --seconds 1 --readers 2")).end().well();
    assert!(text.contains("2 readers over tcp") && text.contains(" 0 lost"), "{text}");
}

#[test]
fn sessions_are_opened_and_closed() {
    beside(RUNTIMES, |runtime| {
        for transport in ["tcp", "udp"] {
            let (server, url) = Program::serve(runtime);
            let churn = format!("bench churn {url}/demo --concurrency 8 --transport {transport} --json");
            let run = |seconds| {
                Program::rtspan(&format!("{churn} --seconds {seconds} --pid {}", server.pid())).end().json()
            };
            let ended = measure(run, |report| report["cycles"].as_u64() > Some(10));
            assert!(ended["cycles"].as_u64() > Some(10), "{ended}");
            assert_eq!(ended["failed"], 0, "{ended}");
            assert!(ended["server"]["microseconds_per_cycle"].as_f64() > Some(0.0), "{ended}");
            assert!(ended["cycle_us"]["p99"].as_u64() > Some(0), "{ended}");
        }
    });
}

#[test]
fn what_cannot_be_measured_is_said_with_the_reason() {
    let (_server, url) = Program::serve("smol");
    for (command, reason) in [
        (format!("bench read {url}/nothing"), "404 Not Found to DESCRIBE"),
        (format!("bench churn {url}/nothing --seconds 1"), "404 Not Found to DESCRIBE"),
        ("bench read rtsp://127.0.0.1:1/x".to_owned(), "cannot connect"),
        (format!("bench read {url}/demo --pid 4294967295"), "no process 4294967295"),
        (format!("bench publish {url}/demo"), "does not let us publish"),
        (format!("bench publish {url} --streams 2"), "has no path"),
    ] {
        let said = Program::rtspan(&command).end().reason();
        assert!(said.contains(reason), "{command}: {said}");
    }
}

#[test]
fn a_quiet_server_without_a_clip_says_only_where_it_listens() {
    let mut server = Program::rtspan("serve --listen 127.0.0.1:0 --no-demo --quiet");
    let url = server.url();
    let said = Program::rtspan(&format!("probe {url}/demo")).end().reason();
    assert!(said.contains("404"), "{said}");
    assert_eq!(server.interrupt().well().lines().count(), 1);
}

#[test]
fn publishers_and_readers_that_come_and_go_leave_nothing_behind() {
    beside(RUNTIMES, |runtime| {
        let (server, url) = Program::serve(runtime);
        let how = format!(
            "--seconds 10 --samples 20 --readers 3 --concurrency 2 --rate 200 --pid {}",
            server.pid()
        );
        let soak = format!("--runtime {runtime} bench soak {url}/live --json {how}");
        // How long something takes is not for tests: memory and latency may grow within seconds.
        let report: Value = serde_json::from_str(&Program::rtspan(&soak).end().stdout).unwrap();
        for what in ["sessions", "vanished", "publishers", "reconnects"] {
            assert!(report[what].as_u64() > Some(0), "{what}: {report}");
        }
        assert_eq!((&report["looks"], &report["lost_tcp"]), (&Value::from(20), &Value::from(0)), "{report}");
        for what in ["server descriptors", "server threads", "own descriptors", "own threads"] {
            assert_eq!(report["series"][what]["flat"], true, "{what}: {report}");
        }
        for what in ["server memory", "TCP p50", "TCP p99.9", "UDP p50"] {
            assert!(report["series"][what]["median"].as_f64() > Some(0.0), "{what}: {report}");
        }
    });
}

#[test]
fn a_hundred_readers_and_more_each_get_every_packet() {
    beside(RUNTIMES, |runtime| {
        let (mut server, url) = Program::serve(runtime);
        let _publisher = publish(&mut server, &url, "--rate 50 --burst 5");
        // Half of what is due, at least.
        let is_right = |report: &Value| {
            report["packets"].as_f64() > report["seconds"].as_f64().map(|seconds| 150.0 * 50.0 * seconds)
        };
        let run = |seconds| read(&url, &format!("--readers 300 --seconds {seconds}"));
        let report = measure(run, is_right);
        for (name, value) in [("playing", 300), ("failed", 0), ("silent", 0), ("lost", 0)] {
            assert_eq!(report[name], value, "{name}: {report}");
        }
        assert!(is_right(&report), "{report}");
    });
}
