//! A server of ours in the process of the test, and the wait for what a program does with it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use rtspan_std::{Event, Server, ServerConfig, TimedOut, UdpPorts, UdpSpec};

use crate::program::{PATIENCE, Program};

/// A server for TCP and UDP on free ports.
pub(super) fn serve() -> Server {
    let udp = UdpSpec::new(IpAddr::V4(Ipv4Addr::LOCALHOST), UdpPorts::Any);
    let config = ServerConfig::default().udp(Some(udp));
    Server::builder().config(config).bind("127.0.0.1:0").expect("there are free ports")
}

/// Waits for an event, which does not come if the program ends for some reason.
pub(super) fn until<T>(server: &Server, program: &Program, wanted: fn(Event) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match server.next_timeout(Duration::from_millis(100)) {
            Ok(event) => {
                let event = event.expect("the server runs");
                if let Some(wanted) = wanted(event) {
                    return wanted;
                }
            }
            Err(TimedOut) => assert!(program.is_running(), "{} has ended", program.name()),
        }
        assert!(Instant::now() < deadline, "{} does nothing", program.name());
    }
}
