//! A server on a host of its own, and what it is given to send.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use rtspan_std::server::ServerStream;
use rtspan_std::sim::{Host, Server, Sim, sleep};
use rtspan_std::{
    Description, Format, Media, MediaKind, RtpHeader, RtpPacket, ServerConfig, UdpPorts, UdpSpec,
};

pub(super) const SERVER: &str = "10.0.0.1:554";
pub(super) const URL: &str = "rtsp://10.0.0.1/cam";
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn config() -> ServerConfig {
    let addr: SocketAddr = SERVER.parse().unwrap();
    ServerConfig::default().udp(Some(UdpSpec::new(addr.ip(), UdpPorts::Any)))
}

pub(super) fn description() -> Description {
    Description::new(vec![Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])])
}

pub(super) fn packet(number: u16, bytes: usize) -> RtpPacket {
    let header = RtpHeader { payload_type: 96, marker: true, sequence: number, ssrc: 1, timestamp: 0 };
    RtpPacket::build(RtpHeader { timestamp: u32::from(number) * 3600, ..header }, &vec![0x65; bytes])
}

/// A server on a host of its own.
pub(super) fn serve(sim: &Sim, config: ServerConfig) -> (Host, Server) {
    let host = sim.host("10.0.0.1");
    let bind = async { Server::builder().config(config).bind(SERVER).await.unwrap() };
    let server = sim.run(&host, MINUTE, bind).unwrap();
    (host, server)
}

/// Publishes 25 packets a second, until the stream or its server is closed.
pub(super) async fn write_until_closed(stream: ServerStream) {
    for number in 0.. {
        if stream.write(0, packet(number, 100)).is_err() {
            return;
        }
        sleep(Duration::from_millis(40)).await;
    }
}
