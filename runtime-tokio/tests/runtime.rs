//! Tests of tokio alone.
#![allow(clippy::unwrap_used)]

use rtspan_tokio::{Client, Description, Error, Format, Media, MediaKind, RtpHeader, RtpPacket, Server};
use tokio::runtime::Builder;

fn movable<T: Send>(value: T) -> T {
    value
}

fn description() -> Description {
    Description::new(vec![Media::new(MediaKind::Audio, vec![Format::pcmu()])])
}

#[test]
fn handles_and_what_they_wait_for_may_move_between_threads() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = movable(movable(Server::builder().bind("127.0.0.1:0")).await.unwrap());
        let stream = movable(server.publish("/cam", description()).unwrap());
        let url = format!("rtsp://{}/cam", server.local_addr());
        let client = movable(movable(Client::connect(&url)).await.unwrap());
        movable(client.describe()).await.unwrap();
        movable(client.setup(0)).await.unwrap();
        movable(client.play(None)).await.unwrap();
        let mut packets = movable(client.packets());
        let header = RtpHeader { payload_type: 0, marker: false, sequence: 1, timestamp: 0, ssrc: 1 };
        stream.write(0, RtpPacket::build(header, b"sound")).unwrap();
        assert_eq!(movable(packets.next()).await.unwrap().unwrap().packet.payload(), b"sound");
        movable(server.close()).await;
    });
}

#[test]
fn a_runtime_that_is_shut_down_leaves_nobody_waiting() {
    let first = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let second = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = second.block_on(Server::builder().bind("127.0.0.1:0")).unwrap();
    let stream = server.publish("/cam", description()).unwrap();
    let url = format!("rtsp://{}/cam", server.local_addr());
    let client = first.block_on(Client::connect(&url)).unwrap();
    drop(first);
    assert!(matches!(second.block_on(client.options()), Err(Error::Stopped)));
    drop(second);
    let third = Builder::new_current_thread().enable_all().build().unwrap();
    // The news of before, and then the end.
    third.block_on(async { while server.next().await.is_some() {} });
    drop(stream);
    third.block_on(server.close());
}

#[test]
fn it_keeps_the_promises_of_a_runtime() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(rtspan_std::conformance::check(&rtspan_tokio::Tokio)).unwrap();
    }
}
