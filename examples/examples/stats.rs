//! Serves a clip, and its statistics for Prometheus: `cargo run --example stats 127.0.0.1:8554 127.0.0.1:9100`, then play
//! `/clip` and look at `http://127.0.0.1:9100/metrics`.

use std::env;
use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rtspan_examples::{Clip, metrics, say};
use rtspan_std::{Event, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    let at = args.next().unwrap_or_else(|| "127.0.0.1:9100".to_owned());
    let server = Arc::new(Server::builder().bind(addr)?);
    let listener = TcpListener::bind(at)?;
    say(format_args!("statistics at http://{}/metrics", listener.local_addr()?));
    metrics::serve(listener, {
        let server = Arc::clone(&server);
        // The tasks are asked for their counts when somebody asks us.
        move || server.stats()
    })?
    .forever();
    let clip = Clip::demo();
    let stream = server.publish("/clip", clip.description())?;
    thread::spawn(move || clip.feed(&stream));
    say(format_args!("listening on rtsp://{}", server.local_addr()));
    while let Some(event) = server.next() {
        // The last numbers of a session are in the event of its end, and nowhere else.
        if let Event::SessionClosed { peer, path, stats, .. } = event {
            let (sent, lost) = (stats.sent().rtp, stats.reported_lost());
            say(format_args!("{peer} has read {path}: {} packets, {lost} reported lost", sent.packets));
        }
    }
    Ok(())
}
