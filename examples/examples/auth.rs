//! A server with a table of users: `cargo run --example auth 127.0.0.1:8554`.
//!
//! Everybody may watch `/lobby`; `wall` watches everything, and `studio` publishes below `/live`:
//! `ffmpeg -re -i FILE -c copy -f rtsp rtsp://studio:staple@127.0.0.1:8554/live/1`

use std::env;
use std::error::Error;

use rtspan_examples::{Clip, say};
use rtspan_std::{Action, Event, Secret, Server, ServerConfig, User, Users};

fn main() -> Result<(), Box<dyn Error>> {
    let addr = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let users = Users::default()
        .with(User::new("wall", Secret::password("horse")).may(Action::Read, "*"))
        .with(User::new("studio", Secret::password("staple")).may(Action::Publish, "/live/*"))
        .anyone_may(Action::Read, "/lobby");
    let server =
        Server::builder().config(ServerConfig::default().users(users).realm("cameras")).bind(addr)?;
    let clip = Clip::demo();
    let _lobby = server.publish("/lobby", clip.description())?;
    let _vault = server.publish("/vault", clip.description())?;
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    while let Some(event) = server.next() {
        if let Event::AuthFailed { peer, user, path, count, .. } = event {
            say(format_args!("{count} wrong passwords, the last from {peer} as {user:?} for {path}"));
        }
    }
    Ok(())
}
