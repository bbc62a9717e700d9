//! A server that shows each reader a stream of its own, which begins when it asks: `cargo run --example private 127.0.0.1:8554`, then
//! play `/clip` twice.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::sync::Arc;
use std::thread;

use rtspan_examples::{Clip, say};
use rtspan_std::{Asks, Event, Server, ServerConfig, StatusCode};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let config = ServerConfig::default().asks(Asks::DESCRIBE | Asks::SETUP | Asks::PLAY);
    let server = Server::builder().config(config).bind(addr)?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    let clip = Arc::new(Clip::demo());
    let mut streams = HashMap::new();
    while let Some(event) = server.next() {
        // An answer that comes too late is no mishap: the client has gone.
        let _ = match event {
            Event::Describe(mut question) if question.path == "/clip" => {
                question.ticket.set_description(clip.description())?;
                server.answer(question.ticket, Ok(()))
            }
            Event::Describe(question) => server.answer(question.ticket, Err(StatusCode::NOT_FOUND.into())),
            // The first SETUP opens the session, and gets the stream; the others are for the same one.
            Event::Setup(mut question) => {
                if question.session.is_none() {
                    let stream = Arc::new(server.publish_private(&question.path, clip.description())?);
                    question.ticket.set_stream(stream.id());
                    streams.insert(stream.id(), stream);
                }
                server.answer(question.ticket, Ok(()))
            }
            Event::Play(question) => {
                let session = question.session.and_then(|session| server.session(session));
                let stream = session.and_then(|session| streams.get(&session.stream?).cloned());
                let answered = server.answer(question.ticket, Ok(()));
                if let Some(stream) = stream {
                    say(format_args!("{} begins to watch", question.peer));
                    let clip = Arc::clone(&clip);
                    thread::spawn(move || clip.feed(&stream));
                }
                answered
            }
            // The session has ended, and its stream with it.
            Event::Unpublished { stream, .. } => {
                streams.remove(&stream);
                Ok(())
            }
            _ => Ok(()),
        };
    }
    Ok(())
}
