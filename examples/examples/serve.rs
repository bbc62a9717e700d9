//! Serves a clip as soon as somebody asks for it, and takes publishers who know the key:
//! `cargo run --example serve 127.0.0.1:8554`, then play `/clip`, or publish at `/live?key=secret`.

use std::env;
use std::error::Error;
use std::thread;

use rtspan_examples::{Clip, say};
use rtspan_std::{Asks, Event, Server, ServerConfig, StatusCode};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let config = ServerConfig::default().asks(Asks::DESCRIBE | Asks::ANNOUNCE);
    let server = Server::builder().config(config).bind(addr)?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    while let Some(event) = server.next() {
        // An answer that comes too late is no mishap: the client has gone.
        let _ = match event {
            // Asked for again before the first answer was out, the path is taken; the answer is the same.
            Event::Describe(question) if question.path == "/clip" => {
                let clip = Clip::demo();
                if let Ok(stream) = server.publish(&question.path, clip.description()) {
                    thread::spawn(move || clip.feed(&stream));
                }
                server.answer(question.ticket, Ok(()))
            }
            // A stream that is published is described; where there is none, the answer is 404.
            Event::Describe(question) => server.answer(question.ticket, Ok(())),
            Event::Announce(question) => {
                let knows_the_key = question.query.as_deref() == Some("key=secret");
                let reply = if knows_the_key { Ok(()) } else { Err(StatusCode::FORBIDDEN.into()) };
                server.answer(question.ticket, reply)
            }
            news => {
                // A reader that does not read it holds nothing up.
                say(format_args!("{news:?}"));
                Ok(())
            }
        };
    }
    Ok(())
}
