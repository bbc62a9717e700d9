use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::*;

/// The longest that anything is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// Hooks, and what they report.
fn start(hooks: Vec<Hook>) -> (Hooks, Receiver<Report>) {
    let (reports, told): (Sender<Report>, _) = channel();
    let reports = Mutex::new(reports);
    let say = move |report| reports.lock().unwrap().send(report).unwrap_or_default();
    (Hooks::start(hooks, say).unwrap(), told)
}

fn shell(paths: &str, script: &str) -> Hook {
    let action = Action::Shell(script.to_owned());
    Hook { on: On::ALL.to_vec(), paths: paths.to_owned(), action, patience: LIMIT }
}

/// The next lines that hooks say.
fn lines(told: &Receiver<Report>, count: usize) -> Vec<String> {
    let line = |_| match told.recv_timeout(LIMIT).unwrap() {
        Report::Said { line, .. } => line,
        other => panic!("{other}"),
    };
    (0..count).map(line).collect()
}

fn failure(told: &Receiver<Report>) -> String {
    match told.recv_timeout(LIMIT).unwrap() {
        failed @ Report::Failed { .. } => failed.to_string(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_command_finds_what_happened_in_its_environment_and_no_secret() {
    let script = "echo $RTSPAN_EVENT $RTSPAN_PATH $RTSPAN_PEER; echo ${CARGO_MANIFEST_DIR-nothing}";
    let (hooks, told) = start(vec![shell("cam/*", script)]);
    hooks.tell(&Happening::new(On::Ready, "/yard"));
    hooks.tell(&Happening::new(On::Read, "/cam/1").with("peer", "10.0.0.5:4000\0"));
    // Every test has the variable, and a command gets none that is not known to be harmless.
    assert!(env!("CARGO_MANIFEST_DIR").len() > 1);
    assert_eq!(lines(&told, 2), ["read /cam/1 10.0.0.5:4000", "nothing"]);
}

#[test]
fn arguments_go_to_the_program_as_they_are() {
    let run = ["printf", "%s\n", "$RTSPAN_PATH; echo *"].map(str::to_owned).to_vec();
    let hook = Hook { action: Action::Run(run), ..shell("*", "") };
    let (hooks, told) = start(vec![hook]);
    hooks.tell(&Happening::new(On::Gone, "/cam"));
    assert_eq!(lines(&told, 1), ["$RTSPAN_PATH; echo *"]);
}

#[test]
fn the_order_of_a_path_is_kept() {
    let (hooks, told) = start(vec![shell("*", "echo $RTSPAN_NUMBER")]);
    for number in 0..30 {
        hooks.tell(&Happening::new(On::Read, "/cam").with("number", number));
    }
    assert_eq!(lines(&told, 30), (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
    drop(hooks);
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_has_begun_and_holds_up_no_other_path() {
    let hanging = Hook { patience: Duration::from_secs(10), ..shell("slow", "sleep 1000 & echo $!; wait") };
    let (hooks, told) = start(vec![hanging, shell("*", "echo $RTSPAN_PATH")]);
    hooks.tell(&Happening::new(On::Ready, "/slow"));
    let mut said = lines(&told, 2);
    said.retain(|line| line != "/slow");
    hooks.tell(&Happening::new(On::Ready, "/quick"));
    assert_eq!(lines(&told, 1), ["/quick"], "it has not waited for the end of the other");
    assert_eq!(failure(&told), "hook shell failed for /slow: ended after 10 s");
    is_gone(&said[0]);
}

/// Waits until a process has ended.
fn is_gone(process: &str) {
    let begun = Instant::now();
    // One that nobody has reaped yet has ended as well.
    let runs = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while runs() {
        assert!(begun.elapsed() < LIMIT, "what it has begun goes on");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_that_runs_is_left_behind() {
    let (hooks, told) = start(vec![shell("*", "sleep 1000 & echo $! $$; wait")]);
    for path in 0..RUNNING_MAX {
        hooks.tell(&Happening::new(On::Ready, format!("/{path}")));
    }
    let processes = lines(&told, RUNNING_MAX);
    drop(hooks);
    processes.iter().flat_map(|both| both.split(' ')).for_each(is_gone);
    let (hooks, told) = start(vec![shell("*", "sleep 1000 & echo $! $$; wait")]);
    hooks.tell(&Happening::new(On::Ready, "/cam"));
    let processes = lines(&told, 1);
    async_io::block_on(hooks.finish(Duration::from_millis(10)));
    processes[0].split(' ').for_each(is_gone);
}

#[test]
fn failures_are_told_and_say_no_secret() {
    let none = Hook {
        action: Action::Run(vec!["/nowhere/rtspan-hook".to_owned(), "secret".to_owned()]),
        ..shell("*", "")
    };
    let (hooks, told) = start(vec![none]);
    hooks.tell(&Happening::new(On::Ready, "/cam"));
    let why = failure(&told);
    assert!(why.starts_with("hook /nowhere/rtspan-hook failed for /cam: cannot be run: "), "{why}");
    let (hooks, told) = start(vec![shell("*", "exit 3")]);
    hooks.tell(&Happening::new(On::Ready, "/cam"));
    assert_eq!(failure(&told), "hook shell failed for /cam: exit status: 3");
    let url = "http://user:hunter2@h.example/secret?token=x".to_owned();
    let post = Hook { action: Action::Post { url, retries: 0 }, ..shell("*", "") };
    assert_eq!(post.to_string(), "http://h.example");
}

#[test]
fn what_does_not_fit_the_queue_is_left_out_and_told_once() {
    let (hooks, told) = start(vec![shell("*", "sleep 1000")]);
    for number in 0..=RUNNING_MAX + WAITING_MAX + 1 {
        hooks.tell(&Happening::new(On::Ready, format!("/{number}")));
    }
    assert!(matches!(told.recv_timeout(LIMIT), Ok(Report::LeftOut { .. })));
    assert!(told.try_recv().is_err(), "it is told once");
}

#[test]
fn a_command_that_says_too_much_is_cut_short() {
    let script = format!("yes | head -n {}; head -c 5000 /dev/zero | tr '\\0' x >&2", LINES_MAX * 3);
    let (hooks, told) = start(vec![shell("*", &script)]);
    hooks.tell(&Happening::new(On::Ready, "/cam"));
    let said = lines(&told, LINES_MAX + 1);
    assert_eq!(said.iter().filter(|line| *line == "y").count(), LINES_MAX);
    assert_eq!(said.iter().map(String::len).max(), Some(LINE_BYTES_MAX));
    async_io::block_on(hooks.finish(LIMIT));
    assert!(told.try_recv().is_err(), "nothing more is said");
}

#[test]
fn what_was_told_is_done_before_the_end() {
    let (hooks, told) = start(vec![shell("*", "sleep 0.2; echo done")]);
    hooks.tell(&Happening::new(On::Ready, "/cam"));
    hooks.tell(&Happening::new(On::Gone, "/cam"));
    async_io::block_on(hooks.finish(LIMIT));
    let said: Vec<_> = told.try_iter().map(|report| report.to_string()).collect();
    assert_eq!(said, ["hook shell: done", "hook shell: done"]);
}

/// Answers the next requests with these statuses; gives what was posted.
fn answering(statuses: &'static [&'static str]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (posted, bodies) = channel();
    thread::spawn(move || {
        for status in statuses {
            let (mut socket, _) = listener.accept().unwrap();
            let (mut request, mut block) = (Vec::new(), [0; 4096]);
            while !request.ends_with(b"}") {
                let read = socket.read(&mut block).unwrap();
                request.extend_from_slice(&block[..read]);
            }
            let request = String::from_utf8(request).unwrap();
            posted.send(request.split_once("\r\n\r\n").unwrap().1.to_owned()).unwrap();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            socket.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, bodies)
}

#[test]
fn json_is_posted_and_tried_again_while_that_may_help() {
    let (url, bodies) = answering(&["503 Later", "204 No Content", "404 Not Found"]);
    let post = |retries| Hook { action: Action::Post { url: url.clone(), retries }, ..shell("*", "") };
    let (hooks, told) = start(vec![post(2)]);
    let happening = Happening::new(On::Read, "/cam").with("session", "s1");
    hooks.tell(&happening);
    let first: Value = serde_json::from_str(&bodies.recv_timeout(LIMIT).unwrap()).unwrap();
    assert_eq!(first, serde_json::json!({ "event": "read", "path": "/cam", "session": "s1" }));
    assert_eq!(bodies.recv_timeout(LIMIT).unwrap(), first.to_string());
    // It would be refused again.
    hooks.tell(&happening);
    assert!(failure(&told).ends_with("answered 404 Not Found"));
}

#[test]
fn an_address_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let post =
        Hook { action: Action::Post { url, retries: 3 }, patience: Duration::from_secs(1), ..shell("*", "") };
    let begun = Instant::now();
    let (hooks, told) = start(vec![post]);
    hooks.tell(&Happening::new(On::Ready, "/cam"));
    let why = failure(&told);
    assert!(why.contains("timeout") && begun.elapsed() < Duration::from_secs(5), "{why}");
}
