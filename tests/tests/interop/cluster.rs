//! Programs that know nothing of a cluster read from a server that relays: FFmpeg, GStreamer, the real retina, and ours.

use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::clip::{Clip, empty, folder};
use crate::matrix::DEMANDED;
use crate::peer::{Publisher, Reader, Reading, Transport, expect, stop};
use crate::policy::{Needs, installed};
use crate::ports::own_port;
use crate::program::{PATIENCE, Program};
use crate::rtspan::{Runtime, Server};

fn own_address() -> String {
    format!("127.0.0.1:{}", own_port())
}

/// Starts etcd, and says where it is.
fn etcd() -> (Program, String) {
    let (at, peers) = (own_address(), format!("http://{}", own_address()));
    let url = format!("http://{at}");
    let mut command = Command::new("etcd");
    command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
    command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
    // A disk that is busy with other tests would keep it waiting.
    command.arg("--unsafe-no-fsync");
    let data = folder().join("etcd");
    empty(&data);
    command.args(["--initial-cluster", &format!("default={peers}"), "--data-dir"]).arg(data);
    let program = Program::start("etcd", &mut command);
    let begun = Instant::now();
    while TcpStream::connect(&at).is_err() {
        assert!(begun.elapsed() < PATIENCE && program.is_running(), "etcd takes no connections");
        thread::sleep(Duration::from_millis(10));
    }
    (program, format!("etcd://{at}"))
}

fn node(registry: &str, runtime: Runtime) -> Server {
    let at = own_address();
    let url = format!("rtsp://{at}");
    Server::start_with(runtime, &["--listen", &at, "--node-url", &url, "--cluster", registry])
}

#[test]
fn readers_of_a_server_that_relays_get_what_is_published_at_another_one() {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer, Needs::Etcd]) {
        return;
    }
    let (_etcd, registry) = etcd();
    let (first, second) = (node(&registry, Runtime::Std), node(&registry, Runtime::Smol));
    let clip = Clip::high();
    let mut publishing = Publisher::Ffmpeg.publish(Transport::Tcp, clip, &first.url("/live"));
    first.published("/live");
    let url = second.url("/live");
    let readers = Reader::FOREIGN.iter().copied().chain([Reader::Rtspan(Runtime::Std)]);
    let readings = readers.flat_map(|reader| reader.read_both(&url));
    let mut readings: Vec<Reading> = readings.map(Reading::cut_short).collect();
    readings.iter().for_each(|reading| reading.has_read(DEMANDED, clip));
    stop(&mut publishing);
    // They are kept for a while: the publisher could come to another server.
    expect(&mut readings, PATIENCE, &clip.units, DEMANDED);
}
