//! The handles for threads that may block, from end to end.
#![allow(clippy::unwrap_used)]

use std::thread;

use rtspan_std::{
    Client, Description, Event, Format, Media, MediaKind, RtpHeader, RtpPacket, Server, Transports,
};

fn description() -> Description {
    Description::new(vec![Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])])
}

fn packet(sequence: u16) -> RtpPacket {
    let header = RtpHeader { payload_type: 96, marker: true, sequence, timestamp: 0, ssrc: 1 };
    RtpPacket::build(header, b"\x41picture")
}

#[test]
fn a_stream_is_published_and_read_without_any_async() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let stream = server.publish("/cam", description()).unwrap();
    let url = format!("rtsp://{}/cam", server.local_addr());
    let mut packets = Client::builder(&url).unwrap().transport(Transports::Tcp).play().unwrap();
    let writer = thread::spawn(move || {
        for sequence in 0..100 {
            stream.write(0, packet(sequence)).unwrap();
        }
    });
    let received: Vec<_> = packets.by_ref().map(|received| received.unwrap().packet.sequence()).collect();
    // The stream is dropped after the last packet, and the packets end with it.
    assert_eq!(received, (0..100).collect::<Vec<_>>());
    assert_eq!(packets.dropped(), 0);
    writer.join().unwrap();
    server.close();
}

#[test]
fn a_client_publishes_and_takes_each_step_by_itself() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/live", server.local_addr());
    let publisher = Client::builder(&url).unwrap().transport(Transports::Tcp).publish(description()).unwrap();
    while !matches!(server.next(), Some(Event::Published { .. })) {}
    let client = Client::connect(&url).unwrap();
    assert_eq!(client.describe().unwrap().medias.len(), 1);
    client.setup(0).unwrap();
    client.play(None).unwrap();
    publisher.write_frame(0, &[packet(7), packet(8)]).unwrap();
    let received: Vec<_> =
        client.packets().take(2).map(|received| received.unwrap().packet.payload().to_vec()).collect();
    assert_eq!(received, [b"\x41picture"; 2]);
    client.teardown().unwrap();
    publisher.teardown().unwrap();
    assert!(Client::connect("http://camera/").is_err());
}
