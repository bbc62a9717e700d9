use rtspan_std::client::ClientBuilder;
use rtspan_std::runtime::Runtime;
use rtspan_std::{Dscp, UdpPorts};

use super::BadNumber;

/// Options for the network, the same for servers and clients.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct NetworkArgs {
    /// The UDP ports for media: a pair such as 8000-8001, or the first free pair of a range such as 8000-8099. Without, any
    /// free pair.
    #[arg(
        long,
        global = true,
        value_name = "FIRST-LAST",
        value_parser = ports,
        help_heading = "Network",
        hide_short_help = true
    )]
    pub(crate) udp_ports: Option<UdpPorts>,

    /// Ask routers for this class of service: 0 to 63, or a name such as AF41 or EF.
    #[arg(long, global = true, value_name = "DSCP", help_heading = "Network", hide_short_help = true)]
    pub(crate) dscp: Option<Dscp>,
}

impl NetworkArgs {
    /// Sets up a client so.
    pub(crate) fn client<R: Runtime>(self, builder: ClientBuilder<R>) -> ClientBuilder<R> {
        let builder = self.udp_ports.into_iter().fold(builder, ClientBuilder::udp_ports);
        self.dscp.into_iter().fold(builder, ClientBuilder::dscp)
    }
}

pub(crate) fn ports(text: &str) -> Result<UdpPorts, BadNumber> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
    let (first, last) = text.split_once('-').ok_or(BadNumber::Ports)?;
    match (port(first), port(last)) {
        (Some(first), Some(last)) if last.checked_sub(first) == Some(1) => Ok(UdpPorts::Fixed(first, last)),
        (Some(first), Some(last)) if first < last => Ok(UdpPorts::Range(first, last)),
        _ => Err(BadNumber::Ports),
    }
}
