//! What is smol's own.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use rtspan_smol::{
    Client, Description, Format, Media, MediaKind, RtpHeader, RtpPacket, Server, Smol, Transports,
};
use smol::Executor;

#[test]
fn everything_may_run_on_an_executor_of_the_application() {
    let executor = Arc::new(Executor::new());
    let runtime = Smol::on(Arc::clone(&executor));
    smol::block_on(executor.run(async {
        serve_and_play(runtime).await;
        assert!(executor.is_empty(), "all has ended");
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
