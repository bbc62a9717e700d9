use std::net::IpAddr;

use crate::IpPrefix;
use crate::limits::{MULTICAST_GROUPS_MAX, MULTICAST_PORTS, MULTICAST_TTL};

/// How streams are sent to groups of readers (multicast): where, how far, and to whom that is told.
///
/// Each media of a stream has a group and a pair of ports of its own, which are told in the answer to SETUP. It is sent from
/// the same ports, once for all its readers, from the first PLAY on until the last reader has gone. A group belongs to its
/// stream until that ends, or until another stream needs one and nobody has set this one up.
///
/// Readers that have a stream encrypted (SRTP) have a group of their own, which is another one with each new key. There is none where
/// [each reader has its own keys](super::ServerConfig).
///
/// ```
/// use rtspan_core::server::{Multicast, ServerConfig};
///
/// let multicast = Multicast::new("239.1.0.0/16".parse()?)?.range("ff15::/16".parse()?)?.ttl(4);
/// let config = ServerConfig::default().multicast(Some(multicast));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Multicast {
    /// The groups of IPv4, and those of IPv6.
    families: [Family; 2],
    ports: (u16, u16),
    ttl: u8,
    source_specific: bool,
    only: bool,
    described: bool,
    client_groups: bool,
    groups_max: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Family {
    range: Option<IpPrefix>,
    source: Option<IpAddr>,
}

/// The addresses are no groups.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0} are no multicast groups: give a part of 224.0.0.0/4 such as 239.1.0.0/16, or of one scope such as ff15::/16"
)]
pub struct NotMulticast(pub IpPrefix);

impl Multicast {
    /// Groups out of this range, which are all that the server sends to.
    ///
    /// Addresses that others use are passed over: those of 224.0.0.0/24, which switches send everywhere, and all that look
    /// like them there, 224.0.1.0/24, and those by which services are found.
    ///
    /// # Errors
    ///
    /// Not all addresses of the range are groups, or they are groups of IPv6 of several scopes.
    pub fn new(range: IpPrefix) -> Result<Self, NotMulticast> {
        let none = Self {
            families: [Family::default(); 2],
            ports: MULTICAST_PORTS,
            ttl: MULTICAST_TTL,
            source_specific: false,
            only: false,
            described: false,
            client_groups: false,
            groups_max: MULTICAST_GROUPS_MAX,
        };
        none.range(range)
    }

    /// Groups of the other family too: readers over IPv4 have groups of IPv4, and those over IPv6 groups of IPv6.
    ///
    /// # Errors
    ///
    /// As of [`new`](Self::new).
    pub fn range(mut self, range: IpPrefix) -> Result<Self, NotMulticast> {
        let (first, bits) = (range.first(), range.bits());
        let fixed = if first.is_ipv4() { 4 } else { 16 };
        if !first.is_multicast() || bits < fixed {
            return Err(NotMulticast(range));
        }
        self.family_mut(first.is_ipv6()).range = Some(range);
        Ok(self)
    }

    /// The address that packets come from, as the runtime finds it for the interface that they leave by.
    ///
    /// It is told to readers, who need it for groups that are [specific to a source](Self::source_specific).
    #[must_use]
    pub fn source(mut self, source: IpAddr) -> Self {
        let source = source.to_canonical();
        self.family_mut(source.is_ipv6()).source = Some(source);
        self
    }

    /// The ports of groups, both ends included: each has an even one for packets and the one above for reports
    /// ([`MULTICAST_PORTS`]).
    #[must_use]
    pub fn ports(self, first: u16, last: u16) -> Self {
        Self { ports: (first, last), ..self }
    }

    /// How many routers packets pass at most, one less ([`MULTICAST_TTL`]): the time to live, or the limit of hops. 1 keeps
    /// them in the own network, 0 on the own host.
    #[must_use]
    pub fn ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// Tells readers to take packets of this server only (`a=source-filter`, RFC 4570).
    ///
    /// Off by default, but it is always done in the ranges that are made for that: 232.0.0.0/8 and ff3x::/32.
    #[must_use]
    pub fn source_specific(self, is_specific: bool) -> Self {
        Self { source_specific: is_specific, ..self }
    }

    /// Sends streams to groups only: a reader that wants them for itself is answered 461. Off by default.
    #[must_use]
    pub fn only(self, is_only: bool) -> Self {
        Self { only: is_only, ..self }
    }

    /// Tells the groups in each description, and not only in those that are asked for with `?vlcmulticast`, as VLC does.
    ///
    /// Off by default, since some clients ask for what the description tells. Where there are [only](Self::only) groups it is
    /// always done.
    #[must_use]
    pub fn described(self, is_described: bool) -> Self {
        Self { described: is_described, ..self }
    }

    /// Lets the first reader of a media choose its group (`destination` in SETUP), as long as that is one of the range, none
    /// that is passed over, and not used. Off by default.
    #[must_use]
    pub fn client_groups(self, may_choose: bool) -> Self {
        Self { client_groups: may_choose, ..self }
    }

    /// Groups at once ([`MULTICAST_GROUPS_MAX`]); a media beyond has none, and SETUP of one is answered 461.
    #[must_use]
    pub fn groups_max(self, groups_max: usize) -> Self {
        Self { groups_max, ..self }
    }

    /// The range of a family; the runtimes look there for the [source](Self::source).
    pub fn range_of(&self, is_ipv6: bool) -> Option<IpPrefix> {
        self.family(is_ipv6).range
    }

    /// The source of a family, if it is known.
    pub fn source_of(&self, is_ipv6: bool) -> Option<IpAddr> {
        self.family(is_ipv6).source
    }

    pub(super) fn port_range(&self) -> (u16, u16) {
        self.ports
    }

    pub(super) fn time_to_live(&self) -> u8 {
        self.ttl
    }

    pub(super) fn most_groups(&self) -> usize {
        self.groups_max
    }

    pub(super) fn is_only(&self) -> bool {
        self.only
    }

    pub(super) fn lets_clients_choose(&self) -> bool {
        self.client_groups
    }

    /// Returns `true` if a description tells the groups, which was asked for with this query.
    pub(super) fn is_told(&self, query: Option<&str>) -> bool {
        let asks = |query: &str| query.split('&').any(|word| word.split('=').next() == Some("vlcmulticast"));
        self.only || self.described || query.is_some_and(asks)
    }

    /// The only source of a group, if its readers have to know it.
    pub(super) fn only_source(&self, group: IpAddr) -> Option<IpAddr> {
        let is_specific = self.source_specific || is_source_specific(group);
        self.source_of(group.is_ipv6()).filter(|_| is_specific)
    }

    /// Returns `true` if a group can be used: where readers have to know the source, the server has to.
    pub(super) fn can_use(&self, group: IpAddr) -> bool {
        self.source_of(group.is_ipv6()).is_some() || !is_source_specific(group)
    }

    fn family(&self, is_ipv6: bool) -> &Family {
        let [v4, v6] = &self.families;
        if is_ipv6 { v6 } else { v4 }
    }

    fn family_mut(&mut self, is_ipv6: bool) -> &mut Family {
        let [v4, v6] = &mut self.families;
        if is_ipv6 { v6 } else { v4 }
    }
}

/// Groups that mean nothing without a source (RFC 4607, section 1).
fn is_source_specific(group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => group.octets().first() == Some(&232),
        IpAddr::V6(group) => matches!(group.segments(), [0xff30..=0xff3f, 0, ..]),
    }
}

/// Returns `true` for groups that others use, or that Ethernet cannot tell from those.
///
/// Ethernet keeps the lower 23 bits of a group of IPv4, and 32 of one of IPv6. Those of 224.0.0.0/24 are sent everywhere
/// (RFC 4541, section 2.1.2), those of services (SSDP, SLP) to each host that finds services, and those that solicit a
/// neighbour (RFC 4291, section 2.7.1) to hosts that have nothing to do with it.
pub(super) fn is_reserved(group: IpAddr) -> bool {
    const SSDP: u32 = 0x7f_fffa;
    const SLP: u32 = 0x7f_fffd;
    match group {
        IpAddr::V4(v4) => {
            matches!(hardware(group), 0..=0xff | SSDP | SLP) || matches!(v4.octets(), [224, 0, 1, _])
        }
        IpAddr::V6(_) => matches!(hardware(group), 0..=0xff | 0xff00_0000..),
    }
}

/// The part of a group that Ethernet has room for (RFC 1112, section 6.4; RFC 2464, section 7).
pub(super) fn hardware(group: IpAddr) -> u32 {
    match group {
        IpAddr::V4(group) => group.to_bits() & 0x7f_ffff,
        IpAddr::V6(group) => (group.to_bits() & u128::from(u32::MAX)).try_into().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_ranges_of_groups_are_taken() {
        for (range, is_taken) in [
            ("239.0.0.0/8", true),
            ("224.0.0.0/4", true),
            ("232.1.1.1", true),
            ("ff15::/16", true),
            ("ff3e:30:2001:db8::/64", true),
            ("192.0.2.0/24", false),
            ("224.0.0.0/3", false),
            ("0.0.0.0/0", false),
            ("ff00::/8", false),
            ("2001:db8::/32", false),
        ] {
            let range: IpPrefix = range.parse().unwrap();
            assert_eq!(Multicast::new(range).err(), (!is_taken).then_some(NotMulticast(range)), "{range}");
        }
        let both = Multicast::new("239.0.0.0/8".parse().unwrap()).unwrap();
        let both = both.range("ff15::/16".parse().unwrap()).unwrap();
        assert!(both.range_of(false).is_some() && both.range_of(true).is_some());
    }

    #[test]
    fn groups_of_others_are_reserved_and_so_are_those_that_ethernet_takes_for_them() {
        for reserved in [
            "224.0.0.1",
            "224.0.0.251",
            "239.0.0.5",
            "239.128.0.5",
            "224.0.1.129",
            "239.255.255.250",
            "224.127.255.250",
            "239.255.255.253",
            "232.0.0.1",
            "ff02::1",
            "ff15::fb",
            "ff02::1:ff12:3456",
        ] {
            assert!(is_reserved(ip(reserved)), "{reserved}");
        }
        for free in [
            "239.0.1.0",
            "224.0.2.1",
            "224.1.1.129",
            "232.0.1.0",
            "239.255.255.251",
            "ff15::8000:0",
            "ff15::100",
        ] {
            assert!(!is_reserved(ip(free)), "{free}");
        }
    }

    #[test]
    fn a_query_asks_for_groups_by_a_whole_word() {
        let multicast = Multicast::new("239.0.0.0/8".parse().unwrap()).unwrap();
        for (query, is_told) in [
            (Some("vlcmulticast"), true),
            (Some("a=b&vlcmulticast&c"), true),
            (Some("vlcmulticast=1"), true),
            (Some("vlcmulticasts"), false),
            (Some("a=vlcmulticast"), false),
            (None, false),
        ] {
            assert_eq!(multicast.is_told(query), is_told, "{query:?}");
        }
        assert!(multicast.clone().described(true).is_told(None) && multicast.only(true).is_told(None));
    }

    #[test]
    fn a_group_that_means_nothing_without_its_source_is_used_once_that_is_known() {
        let multicast = Multicast::new("232.1.0.0/16".parse().unwrap()).unwrap();
        assert!(!multicast.can_use(ip("232.1.1.1")) && !multicast.can_use(ip("ff3e::8000:1")));
        let multicast = multicast.source(ip("192.0.2.1"));
        assert!(multicast.can_use(ip("232.1.1.1")) && multicast.can_use(ip("239.1.1.1")));
        assert_eq!(multicast.only_source(ip("232.1.1.1")), Some(ip("192.0.2.1")));
        assert_eq!(multicast.only_source(ip("239.1.1.1")), None);
        let multicast = multicast.source_specific(true);
        assert_eq!(multicast.only_source(ip("239.1.1.1")), Some(ip("192.0.2.1")));
        assert_eq!(multicast.only_source(ip("ff15::8000:1")), None, "there is none of IPv6");
    }
}
