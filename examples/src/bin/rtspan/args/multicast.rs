use rtspan_std::{Interface, IpPrefix, IpPrefixError, Multicast, UdpPorts};

use super::network::ports;

/// The groups that streams are sent to.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct MulticastArgs {
    /// Send streams to multicast groups of these addresses too, for players that ask for that: such as 239.1.0.0/16, and ff15::/16
    /// for players over IPv6.
    #[arg(long, value_name = "PREFIX,...", value_delimiter = ',', value_parser = groups)]
    pub(crate) multicast: Vec<IpPrefix>,

    /// The network interface for packets to groups: its name, or an address that it has. If not given, the system's routes choose
    /// it.
    #[arg(long, value_name = "NAME|ADDR", requires = "multicast")]
    pub(crate) multicast_interface: Option<Interface>,

    /// The ports of groups, such as 5000-5099: two for each media. 26000-27999 if not given.
    #[arg(long, value_name = "FIRST-LAST", value_parser = ports, requires = "multicast")]
    pub(crate) multicast_ports: Option<UdpPorts>,

    /// The time to live of packets to groups: 1 keeps them in this network. 16 if not given.
    #[arg(long, value_name = "N")]
    pub(crate) multicast_ttl: Option<u8>,

    /// Tell the groups in each description, and refuse players that want a stream for themselves.
    #[arg(long, requires = "multicast")]
    pub(crate) multicast_only: bool,
}

fn groups(text: &str) -> Result<IpPrefix, String> {
    let range: IpPrefix = text.parse().map_err(|error: IpPrefixError| error.to_string())?;
    Multicast::new(range).map(|_| range).map_err(|error| error.to_string())
}
