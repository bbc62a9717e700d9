//! Pulls a camera when the first reader asks for it, and lets it go when the last has left:
//! `cargo run --example on_demand 127.0.0.1:8554 rtsp://camera/main`, then play `/camera`.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_examples::say;
use rtspan_std::{
    Asks, Client, Describe, Description, Event, Server, ServerConfig, StatusCode, Ticket, WithCauses, limits,
};

/// The path at which the camera can be read.
const PATH: &str = "/camera";
/// How long the camera is kept without a reader.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let camera = args.next().ok_or("the URL of a camera is missing")?;
    // The camera may take its time, and the reader is to wait for it.
    let config = ServerConfig::default().asks(Asks::DESCRIBE).ticket_deadline(limits::DESCRIBE_DEADLINE);
    let server = Arc::new(Server::builder().config(config).bind(addr)?);
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    while let Some(event) = server.next() {
        let Event::Describe(question) = event else { continue };
        let (is_there, ticket) = (is_published(&server), question.ticket);
        if question.path != PATH {
            let _ = server.answer(ticket, Err(StatusCode::NOT_FOUND.into()));
        } else if is_there {
            let _ = server.answer(ticket, Ok(()));
        } else {
            let (server, camera) = (Arc::clone(&server), camera.clone());
            thread::spawn(move || {
                let ended = match open(&camera) {
                    Ok((client, description)) => relay(&server, &client, description, ticket),
                    Err(error) => {
                        let _ = server.answer(ticket, Err(StatusCode::BAD_GATEWAY.into()));
                        Err(error.into())
                    }
                };
                say(ended.map_or_else(
                    |error| format!("{camera}: {}", WithCauses(&*error)),
                    |()| "let go".to_owned(),
                ));
            });
        }
    }
    Ok(())
}

/// Sets up all that the camera has.
fn open(camera: &str) -> Result<(Client, Description), rtspan_std::Error> {
    let client = Client::connect(camera)?;
    let description = client.describe()?;
    for media in 0..description.medias.len() {
        client.setup(media)?;
    }
    Ok((client, description))
}

/// Publishes what comes of the camera until nobody reads it.
fn relay(
    server: &Server,
    client: &Client,
    description: Description,
    ticket: Ticket<Describe>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Ok(stream) = server.publish(PATH, description) else {
        // Another reader has asked meanwhile.
        return Ok(server.answer(ticket, Ok(()))?);
    };
    server.answer(ticket, Ok(()))?;
    client.play(None)?;
    let mut read_at = Instant::now();
    for received in client.packets() {
        let received = received?;
        stream.write(received.media, received.packet)?;
        if read_at.elapsed() > PATIENCE {
            if !is_read(server) {
                break;
            }
            read_at = Instant::now();
        }
    }
    client.teardown()?;
    Ok(())
}

fn is_published(server: &Server) -> bool {
    server.streams().iter().any(|stream| stream.path == PATH)
}

fn is_read(server: &Server) -> bool {
    server.streams().iter().any(|stream| stream.path == PATH && !stream.readers.is_empty())
}
