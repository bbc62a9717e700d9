//! Tests of smol alone.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtspan_smol::{
    Client, Description, Format, Media, MediaKind, RtpHeader, RtpPacket, Server, Smol, Transports,
};
use smol::Executor;

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn everything_may_run_on_an_executor_of_the_application() {
    let executor = Arc::new(Executor::new());
    let runtime = Smol::on(Arc::clone(&executor));
    smol::block_on(executor.run(async {
        serve_and_play(runtime).await;
        // The task of the client may be polled once more after its handle knows of the end.
        let deadline = Instant::now() + LIMIT;
        while !executor.is_empty() {
            assert!(Instant::now() < deadline, "not all has ended");
            smol::future::yield_now().await;
        }
    }));
}

#[test]
fn everything_may_run_on_the_global_executor_of_smol() {
    smol::block_on(serve_and_play(Smol::global()));
}

async fn serve_and_play(runtime: Smol) {
    let server = Server::builder().runtime(runtime.clone()).bind("localhost:0").await.unwrap();
    let description = Description::new(vec![Media::new(MediaKind::Audio, vec![Format::pcmu()])]);
    let stream = server.publish("/cam", description).unwrap();
    let url = format!("rtsp://{}/cam", server.local_addr());
    let client = Client::builder(&url).unwrap().runtime(runtime).transport(Transports::Tcp);
    let mut packets = client.play().await.unwrap();
    let header = RtpHeader { payload_type: 0, marker: false, sequence: 1, timestamp: 0, ssrc: 1 };
    stream.write(0, RtpPacket::build(header, b"sound")).unwrap();
    assert_eq!(packets.next().await.unwrap().unwrap().packet.payload(), b"sound");
    packets.teardown().await.unwrap();
    server.close().await;
}

#[test]
fn it_keeps_the_promises_of_a_runtime() {
    for runtime in [Smol::default(), Smol::global()] {
        smol::block_on(rtspan_std::conformance::check(&runtime)).unwrap();
    }
}
