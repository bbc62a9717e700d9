//! A server with parameters that clients read and set (GET_PARAMETER, SET_PARAMETER), such as the volume of a loudspeaker:
//! `cargo run --example parameters`.

use std::error::Error;
use std::sync::Arc;
use std::thread;

use rtspan_examples::Clip;
use rtspan_std::{Asks, Client, Event, Server, ServerConfig, StatusCode};

fn main() -> Result<(), Box<dyn Error>> {
    let config = ServerConfig::default().asks(Asks::GET_PARAMETER | Asks::SET_PARAMETER);
    let server = Arc::new(Server::builder().config(config).bind("127.0.0.1:0")?);
    let _stream = server.publish("/hall", Clip::demo().description())?;
    let url = format!("rtsp://{}/hall", server.local_addr());
    thread::spawn({
        let server = Arc::clone(&server);
        move || answer(&server)
    });

    let client = Client::connect(&url)?;
    client.describe()?;
    client.setup(0)?;
    client.set_parameter("volume: 7\r\n".into())?;
    let told = client.get_parameter("volume\r\n".into())?;
    println!("{}", String::from_utf8_lossy(&told).trim());
    let refused = client.set_parameter("volume: eleven\r\n".into());
    println!("{}", refused.err().ok_or("that is not to be possible")?);
    client.teardown()?;
    Ok(())
}

/// Keeps the volume. The bodies are lines of text (RFC 2326, sections 10.8 and 10.9).
fn answer(server: &Server) {
    let mut volume = 0_u8;
    while let Some(event) = server.next() {
        let _ = match event {
            Event::GetParameter(question) => {
                server.answer(question.ticket, Ok(format!("volume: {volume}\r\n").into()))
            }
            Event::SetParameter(question) => {
                let body = String::from_utf8_lossy(&question.request.body);
                let value = body.trim().strip_prefix("volume: ").and_then(|value| value.parse().ok());
                let reply = value
                    .map(|value| volume = value)
                    .ok_or_else(|| StatusCode::PARAMETER_NOT_UNDERSTOOD.into());
                server.answer(question.ticket, reply)
            }
            _ => Ok(()),
        };
    }
}
