//! Serves the films of a folder on demand: `cargo run --example vod 127.0.0.1:8554 films`, then play `/NAME.mp4`.
//!
//! Each reader has a time line of its own: it goes to any place, plays fast, slowly and backwards, pauses, and goes on where it was.
//! `docs/recorded.md` tells what players make of it.

use std::env;
use std::error::Error;
use std::sync::Arc;

use rtspan_core::header::ONVIF_REPLAY;
use rtspan_examples::say;
use rtspan_examples::vod::{self, Films, Folder};
use rtspan_smol::{Event, Server, ServerConfig, Smol};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let folder = args.next().unwrap_or_else(|| ".".to_owned());
    smol::block_on(serve(&addr, &folder))
}

async fn serve(addr: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    // The films answer DESCRIBE, SETUP, PLAY and PAUSE, and do what ONVIF asks of a recorder.
    let config = ServerConfig::default().asks(vod::asks()).features([ONVIF_REPLAY]);
    let server = Server::builder().runtime(Smol::global()).config(config).bind(addr).await?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    let server = Arc::new(server);
    let mut films = Films::new(Arc::clone(&server), Folder::new(folder));
    while let Some(event) = server.next().await {
        // The stream of a film begins with its reader, and ends with it.
        match films.handle(event) {
            Some(Event::Published { path, .. }) => say(format_args!("{path} is played")),
            Some(Event::Unpublished { path, .. }) => say(format_args!("{path} is no longer played")),
            _ => {}
        }
    }
    Ok(())
}
