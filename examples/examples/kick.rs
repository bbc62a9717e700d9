//! A relay that a person watches over: `cargo run --example kick 127.0.0.1:8554`, and then on its input
//! `list` shows who is there, `kick N` ends a session, and `move N rtsp://other:8554/` sends it to another server.

use std::env;
use std::error::Error;
use std::io::{self, BufRead};

use rtspan_examples::say;
use rtspan_std::{Server, SessionInfo, Url};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let server = Server::builder().bind(addr)?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    // Nobody takes the events: the lists tell what is true all the same.
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (command, session) = (words.next(), words.next().and_then(|number| find(&server, number)));
        match (command, session) {
            (Some("list"), _) => server.sessions().iter().enumerate().for_each(show),
            (Some("kick"), Some(session)) => server.close_session(session.session),
            (Some("move"), Some(session)) => {
                let to = Url::parse(words.next().unwrap_or(""))?;
                let there = to.to_string().trim_end_matches('/').to_owned() + &session.path;
                let is_asked = server.redirect_session(session.session, &Url::parse(&there)?);
                say(if is_asked { "it is asked to go" } else { "it has no connection" });
            }
            _ => say("list, kick N, or move N URL"),
        }
    }
    server.close();
    Ok(())
}

fn find(server: &Server, number: &str) -> Option<SessionInfo> {
    server.sessions().into_iter().nth(number.parse().ok()?)
}

fn show((number, session): (usize, &SessionInfo)) {
    let SessionInfo { peer, state, path, .. } = session;
    say(format_args!("{number}: {peer} {state:?} {path}"));
}
