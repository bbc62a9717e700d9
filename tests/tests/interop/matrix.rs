//! Every publisher, over both transports, to the server on every runtime, and from there to every reader over both
//! transports: readers get what was published, to the byte, and end when that ends.

use std::thread;
use std::time::Duration;

use crate::clip::Clip;
use crate::peer::{Publisher, Reader, Reading, Transport, expect, stop};
use crate::policy::{Needs, installed};
use crate::rtspan::{Runtime, Server};

/// Access units that each reader must get before the publisher ends: more than from one keyframe to the next.
pub(crate) const DEMANDED: usize = 40;

/// How long readers may take to end when the publisher has.
pub(crate) const ENDING: Duration = Duration::from_secs(10);

#[test]
fn ffmpeg_publishes_over_tcp() {
    relay_on_each(|_| Publisher::Ffmpeg, Transport::Tcp);
}

#[test]
fn ffmpeg_publishes_over_udp() {
    relay_on_each(|_| Publisher::Ffmpeg, Transport::Udp);
}

#[test]
fn gstreamer_publishes_over_tcp() {
    relay_on_each(|_| Publisher::Gstreamer, Transport::Tcp);
}

#[test]
fn gstreamer_publishes_over_udp() {
    relay_on_each(|_| Publisher::Gstreamer, Transport::Udp);
}

#[test]
fn rtspan_publishes_over_tcp() {
    relay_on_each(Publisher::Rtspan, Transport::Tcp);
}

#[test]
fn rtspan_publishes_over_udp() {
    relay_on_each(Publisher::Rtspan, Transport::Udp);
}

/// Relays by servers on all runtimes at once, since these programs wait most of the time.
fn relay_on_each(publisher: fn(Runtime) -> Publisher, transport: Transport) {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) {
        return;
    }
    thread::scope(|scope| {
        for runtime in Runtime::ALL {
            let name = format!("a server on {runtime:?}");
            let relayed = move || relay(publisher(runtime), transport, runtime);
            thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, relayed)
                .expect("there is room for a thread");
        }
    });
}

fn relay(publisher: Publisher, transport: Transport, runtime: Runtime) {
    let clip = match transport {
        Transport::Tcp => Clip::high(),
        Transport::Udp => Clip::baseline(),
    };
    let server = Server::start(runtime);
    let url = server.url("/live");
    let mut publishing = publisher.publish(transport, clip, &url);
    server.published("/live");
    let readers = Reader::FOREIGN.iter().copied().chain([Reader::Rtspan(runtime)]);
    let readings = readers.flat_map(|reader| reader.read_both(&url));
    let mut readings: Vec<Reading> = readings.map(Reading::cut_short).collect();
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    stop(&mut publishing);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}
