//! Every publisher, over both transports, to the server on every runtime, and from there to every reader over both
//! transports: what is read is what was published, to the byte, and ends when that ends.

use std::time::Duration;

use crate::clip::Clip;
use crate::peer::{Publisher, Reader, Reading, Transport, expect, finish};
use crate::policy::{Needs, installed};
use crate::rtspan::{Runtime, Server};

/// Access units that each reader must get of the 150 that are published: on a busy machine readers come late.
pub(crate) const DEMANDED: usize = 50;

/// How long readers may take to end when the publisher has.
pub(crate) const ENDING: Duration = Duration::from_secs(10);

macro_rules! relays {
    ($($name:ident: $publisher:expr, $transport:ident, $runtime:ident;)*) => {$(
        #[test]
        fn $name() {
            relay($publisher, Transport::$transport, Runtime::$runtime);
        }
    )*};
}

relays! {
    ffmpeg_publishes_over_tcp_to_std: Publisher::Ffmpeg, Tcp, Std;
    ffmpeg_publishes_over_tcp_to_smol: Publisher::Ffmpeg, Tcp, Smol;
    ffmpeg_publishes_over_tcp_to_tokio: Publisher::Ffmpeg, Tcp, Tokio;
    ffmpeg_publishes_over_udp_to_std: Publisher::Ffmpeg, Udp, Std;
    ffmpeg_publishes_over_udp_to_smol: Publisher::Ffmpeg, Udp, Smol;
    ffmpeg_publishes_over_udp_to_tokio: Publisher::Ffmpeg, Udp, Tokio;
    gstreamer_publishes_over_tcp_to_std: Publisher::Gstreamer, Tcp, Std;
    gstreamer_publishes_over_tcp_to_smol: Publisher::Gstreamer, Tcp, Smol;
    gstreamer_publishes_over_tcp_to_tokio: Publisher::Gstreamer, Tcp, Tokio;
    gstreamer_publishes_over_udp_to_std: Publisher::Gstreamer, Udp, Std;
    gstreamer_publishes_over_udp_to_smol: Publisher::Gstreamer, Udp, Smol;
    gstreamer_publishes_over_udp_to_tokio: Publisher::Gstreamer, Udp, Tokio;
    rtspan_publishes_over_tcp_to_std: Publisher::Rtspan(Runtime::Std), Tcp, Std;
    rtspan_publishes_over_tcp_to_smol: Publisher::Rtspan(Runtime::Smol), Tcp, Smol;
    rtspan_publishes_over_tcp_to_tokio: Publisher::Rtspan(Runtime::Tokio), Tcp, Tokio;
    rtspan_publishes_over_udp_to_std: Publisher::Rtspan(Runtime::Std), Udp, Std;
    rtspan_publishes_over_udp_to_smol: Publisher::Rtspan(Runtime::Smol), Udp, Smol;
    rtspan_publishes_over_udp_to_tokio: Publisher::Rtspan(Runtime::Tokio), Udp, Tokio;
}

fn relay(publisher: Publisher, transport: Transport, runtime: Runtime) {
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) {
        return;
    }
    let clip = match transport {
        Transport::Tcp => Clip::high(),
        Transport::Udp => Clip::baseline(),
    };
    let server = Server::start(runtime);
    let url = server.url("/live");
    let mut publishing = publisher.publish(transport, clip, &url);
    server.published("/live");
    let readers = Reader::FOREIGN.iter().copied().chain([Reader::Rtspan(runtime)]);
    let mut readings: Vec<Reading> = readers.flat_map(|reader| reader.read_both(&url)).collect();
    finish(&mut publishing);
    expect(&mut readings, ENDING, &clip.units, DEMANDED);
}
