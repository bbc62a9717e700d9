//! The writer of a stream that goes as fast as its readers read.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use rtspan_std::client::Client;
use rtspan_std::header::{ONVIF_REPLAY, Replay};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::WriteError;
use rtspan_std::{ClientConfig, LogLimits, Playback, ServerConfig, Transports};

use super::{UDP, both, description, number, packet, serve, url};

/// Far more than the log keeps and a client holds.
const PACKETS: u16 = 5_000;
/// Bytes of a packet, of which few fit into a client, and so many.
const LARGE: usize = 60_000;
const LARGE_PACKETS: u16 = 300;

/// Lets all other tasks run once.
async fn others_go_on() {
    let mut has_run = false;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut has_run, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

pub(crate) async fn what_is_written_as_fast_as_a_reader_reads_reaches_it_whole<R: Runtime>() {
    let config = ServerConfig::default().log(LogLimits::default().packets(64));
    let server = serve::<R>(config).await;
    let stream = server.publish("/cam", description()).unwrap();
    stream.drained(0).await.unwrap();
    let client = Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Tcp);
    let mut packets = client.play().await.unwrap();
    let write = async {
        for sequence in 0..PACKETS {
            stream.write(0, packet(0, sequence, 1000)).unwrap();
            if sequence % 8 == 7 {
                stream.drained(8).await.unwrap();
            }
        }
        stream.drained(0).await.unwrap();
    };
    let read = async {
        for expected in 0..PACKETS {
            assert_eq!(number(&packets.next().await.unwrap().unwrap()), expected);
        }
    };
    both(pin!(write), read).await;
    assert_eq!(packets.dropped(), 0);
    // One that pauses is not waited for.
    packets.client().pause().await.unwrap();
    stream.write(0, packet(0, PACKETS, 1000)).unwrap();
    stream.drained(0).await.unwrap();
    server.close().await;
    assert_eq!(stream.drained(0).await, Err(WriteError::Closed));
}

pub(crate) async fn a_reader_with_the_pace_holds_the_server_up_and_loses_nothing<R: Runtime>() {
    let config = ServerConfig::default().log(LogLimits::default().packets(64));
    let server = serve::<R>(config.features([ONVIF_REPLAY])).await;
    let stream = server.publish("/cam", description()).unwrap();
    stream.set_rate_control(false);
    let config = ClientConfig::default().transports(Transports::Tcp).received_bytes_max(4 * LARGE);
    let url = url(&server, "/cam");
    let client = Client::<R>::builder(&url).unwrap().config(config.onvif_replay(true)).build().unwrap();
    client.describe().await.unwrap();
    client.setup(0).await.unwrap();
    client.play(Playback::new().replay(Replay::new().without_rate_control())).await.unwrap();
    let mut packets = client.packets();
    let write = async {
        for sequence in 0..LARGE_PACKETS {
            stream.write(0, packet(0, sequence, LARGE)).unwrap();
            stream.drained(8).await.unwrap();
        }
    };
    let read = async {
        let mut expected = 0;
        while expected < LARGE_PACKETS {
            // As one that looks at them as they are there, and one that waits.
            let received = match packets.try_next() {
                Some(received) => received,
                None => packets.next().await.unwrap().unwrap(),
            };
            assert_eq!(number(&received), expected);
            expected += 1;
            // It takes its time, and all others go on.
            for _ in 0..30 {
                others_go_on().await;
            }
        }
    };
    both(pin!(write), read).await;
    assert_eq!(packets.dropped(), 0);
    client.pause().await.unwrap();
    client.teardown().await.unwrap();
    server.close().await;
}

pub(crate) async fn what_is_written_to_a_reader_over_udp_has_left_before_the_writer_goes_on<R: Runtime>() {
    let server =
        serve::<R>(ServerConfig::default().udp(Some(UDP)).log(LogLimits::default().packets(64))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let client = Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Udp);
    let mut packets = client.play().await.unwrap();
    for sequence in 0..1000 {
        stream.write(0, packet(0, sequence, 100)).unwrap();
        if sequence % 32 == 31 {
            stream.drained(0).await.unwrap();
            // A socket may lose packets, but the first of each few was there.
            while packets.try_next().is_some() {}
        }
    }
    stream.drained(0).await.unwrap();
    let stats = server.stats().await;
    let (_, session) = &stats.sessions[0];
    assert_eq!((session.sent().rtp.packets, session.skips.packets), (1000, 0));
    server.close().await;
}
