use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The addresses that begin with the same bits, such as `10.0.0.0/8` or `2001:db8::/32`.
///
/// An IPv4 address in the guise of IPv6 (`::ffff:192.0.2.1`) is taken for what it is.
///
/// ```
/// use rtspan_core::IpPrefix;
/// use rtspan_core::server::ServerConfig;
///
/// let proxies: IpPrefix = "10.0.0.0/8".parse()?;
/// let config = ServerConfig::default().trusted_proxies([proxies]);
/// # Ok::<(), rtspan_core::IpPrefixError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IpPrefix {
    addr: IpAddr,
    bits: u8,
}

/// The text is no prefix of addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected an IP address, or one with a prefix length such as 10.0.0.0/8")]
pub struct IpPrefixError;

impl IpPrefix {
    /// The prefix of `bits` bits that `addr` begins with; more bits than an address has are all of them.
    pub fn new(addr: IpAddr, bits: u8) -> Self {
        let addr = addr.to_canonical();
        let bits = bits.min(width(addr));
        Self { addr: mask(addr, bits), bits }
    }

    /// Its first address, all bits behind the prefix cleared.
    pub fn first(&self) -> IpAddr {
        self.addr
    }

    /// The number of bits that its addresses have in common.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// How many addresses it has; those of `::/0` but one.
    pub(crate) fn size(&self) -> u128 {
        1_u128.checked_shl(width(self.addr).saturating_sub(self.bits).into()).unwrap_or(u128::MAX)
    }

    /// The address of this number, counted from the first one on; behind the last comes the first again.
    pub(crate) fn nth(&self, number: u128) -> IpAddr {
        let number = number.checked_rem(self.size()).unwrap_or_default();
        match self.addr {
            IpAddr::V4(first) => {
                IpAddr::V4((first.to_bits() | u32::try_from(number).unwrap_or_default()).into())
            }
            IpAddr::V6(first) => IpAddr::V6((first.to_bits() | number).into()),
        }
    }

    /// Returns `true` if an address begins with the prefix.
    pub fn contains(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        addr.is_ipv4() == self.addr.is_ipv4() && mask(addr, self.bits) == self.addr
    }
}

/// A single address is the prefix of itself.
impl From<IpAddr> for IpPrefix {
    fn from(addr: IpAddr) -> Self {
        Self::new(addr, u8::MAX)
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.bits)
    }
}

impl FromStr for IpPrefix {
    type Err = IpPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (addr, bits) = match text.split_once('/') {
            Some((addr, bits)) => (addr, Some(bits.parse().map_err(|_| IpPrefixError)?)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| IpPrefixError)?;
        let bits = bits.unwrap_or_else(|| width(addr));
        if bits > width(addr) { Err(IpPrefixError) } else { Ok(Self::new(addr, bits)) }
    }
}

/// The addresses that share the limits of one peer: an IPv4 address, or the /64 that a single IPv6 host chooses its addresses
/// from.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(addr: IpAddr) -> Self {
        let addr = addr.to_canonical();
        Self(mask(addr, if addr.is_ipv4() { 32 } else { 64 }))
    }
}

fn width(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

/// The address with all bits behind the first `bits` cleared.
fn mask(addr: IpAddr, bits: u8) -> IpAddr {
    let cleared = u32::from(width(addr).saturating_sub(bits));
    match addr {
        IpAddr::V4(addr) => IpAddr::V4((addr.to_bits() & u32::MAX.checked_shl(cleared).unwrap_or(0)).into()),
        IpAddr::V6(addr) => {
            IpAddr::V6(Ipv6Addr::from_bits(addr.to_bits() & u128::MAX.checked_shl(cleared).unwrap_or(0)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_is_read_and_written_and_holds_the_addresses_that_begin_with_it() {
        for (text, written, inside, outside) in [
            ("10.0.0.0/8", "10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3/8", "10.0.0.0/8", "10.0.0.0", "9.255.255.255"),
            ("192.0.2.7", "192.0.2.7/32", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1/128", "::1", "::"),
            ("::/0", "::/0", "2001:db8::1", "192.0.2.1"),
            ("192.0.2.0/24", "192.0.2.0/24", "::ffff:192.0.2.9", "::ffff:192.0.3.9"),
        ] {
            let prefix: IpPrefix = text.parse().unwrap();
            assert_eq!(prefix.to_string(), written);
            assert!(prefix.contains(ip(inside)) && !prefix.contains(ip(outside)), "{text}");
        }
        for text in ["", "/8", "10.0.0.0/33", "10.0.0.0/", "::/129", "10.0.0/8", "host/8", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<IpPrefix>(), Err(IpPrefixError), "{text}");
        }
    }

    #[test]
    fn the_addresses_of_a_prefix_are_numbered_and_come_again_behind_the_last() {
        for (text, size, number, nth) in [
            ("239.1.0.0/16", 1 << 16, 258, "239.1.1.2"),
            ("239.1.0.0/16", 1 << 16, (1 << 16) + 1, "239.1.0.1"),
            ("239.1.2.3", 1, 7, "239.1.2.3"),
            ("0.0.0.0/0", 1 << 32, u32::MAX.into(), "255.255.255.255"),
            ("ff15::/16", 1 << 112, 1 << 32, "ff15::1:0:0"),
            ("ff15::7/128", 1, u128::MAX, "ff15::7"),
        ] {
            let prefix: IpPrefix = text.parse().unwrap();
            assert_eq!((prefix.size(), prefix.nth(number)), (size, ip(nth)), "{text}");
            assert_eq!(prefix.nth(0), prefix.first());
        }
        assert_eq!("::/0".parse::<IpPrefix>().unwrap().size(), u128::MAX);
    }

    #[test]
    fn addresses_that_one_host_may_choose_from_are_one_origin() {
        let same = |one: &str, other: &str| Origin::from(ip(one)) == Origin::from(ip(other));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
    }
}
