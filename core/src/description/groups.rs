//! Multicast groups that a description names (RFC 2326, appendix C.1.7).

use std::net::IpAddr;

use crate::limits::SDP_LINES_MAX;
use crate::sdp::{self, AttributeLine, MediaLine, Section};
use crate::tolerance::Tolerances;

/// The multicast group of a media, as a description tells it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Described {
    pub(crate) group: Option<DescribedGroup>,
    /// The sources that groups have, those of the media first (RFC 4570).
    filters: Vec<Filter>,
}

/// The group that a media is sent to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DescribedGroup {
    pub(crate) ip: IpAddr,
    pub(crate) ttl: Option<u8>,
    pub(crate) ports: Option<(u16, u16)>,
}

/// The sources of a group, or of any.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Filter {
    group: Option<IpAddr>,
    sources: Vec<IpAddr>,
}

impl Described {
    /// The sources that are heard of a group, if only some are.
    pub(crate) fn sources(&self, group: IpAddr) -> &[IpAddr] {
        let filter = self.filters.iter().find(|filter| filter.group.is_none_or(|own| own == group));
        filter.map(|filter| &*filter.sources).unwrap_or_default()
    }
}

/// The groups of each media, in the order of the description.
pub(crate) fn groups(bytes: &[u8]) -> Vec<Described> {
    // An earlier reader has told all faults of the description.
    let mut tolerances = Tolerances::NONE;
    let Ok(text) = sdp::text(bytes, &mut tolerances) else { return Vec::new() };
    let Ok(lines) = sdp::parse(&text, SDP_LINES_MAX, &mut tolerances) else { return Vec::new() };
    let described = |(line, media): &(MediaLine<'_>, Section<'_>)| Described {
        group: group(&lines.session, line, media),
        filters: filters(media).chain(filters(&lines.session)).collect(),
    };
    lines.medias.iter().map(described).collect()
}

fn group(session: &Section<'_>, line: &MediaLine<'_>, media: &Section<'_>) -> Option<DescribedGroup> {
    let connection = media.connection.or(session.connection)?;
    let mut fields = connection.split_ascii_whitespace().nth(2)?.split('/');
    let ip: IpAddr = fields.next()?.parse().ok()?;
    if !ip.is_multicast() {
        return None;
    }
    // Behind a group of IPv6 there is the number of groups and no time to live.
    let ttl = fields.next().filter(|_| ip.is_ipv4()).and_then(|ttl| ttl.parse().ok());
    let rtcp =
        attributes(media, "rtcp").find_map(|value| value.split_ascii_whitespace().next()?.parse().ok());
    let rtp = line.port.filter(|port| *port != 0);
    let ports = rtp.and_then(|rtp| Some((rtp, rtcp.or_else(|| rtp.checked_add(1))?)));
    Some(DescribedGroup { ip, ttl, ports })
}

fn filters<'a>(section: &Section<'a>) -> impl Iterator<Item = Filter> {
    attributes(section, "source-filter").filter_map(filter)
}

/// Reads `incl IN IP4 <group> <source> …`.
fn filter(value: &str) -> Option<Filter> {
    let mut fields = value.split_ascii_whitespace();
    let is_wanted = fields.next()?.eq_ignore_ascii_case("incl");
    let group = match fields.nth(2)? {
        "*" => None,
        group => Some(group.parse().ok()?),
    };
    let sources: Vec<IpAddr> = fields.filter_map(|source| source.parse().ok()).collect();
    (is_wanted && !sources.is_empty()).then_some(Filter { group, sources })
}

fn attributes<'a>(section: &Section<'a>, name: &'static str) -> impl Iterator<Item = &'a str> {
    let named = |line: &&AttributeLine<'a>| line.name.eq_ignore_ascii_case(name);
    section.attributes.iter().filter(named).filter_map(|line| line.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Vec<Option<DescribedGroup>> {
        described(lines).iter().map(|described| described.group).collect()
    }

    fn described(lines: &[&str]) -> Vec<Described> {
        groups(format!("v=0\r\n{}\r\n", lines.join("\r\n")).as_bytes())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_media_has_its_own_group_or_that_of_the_session() {
        let read = read(&[
            "c=IN IP4 239.1.2.3/5",
            "m=video 5000 RTP/AVP 96",
            "m=audio 6000/2 RTP/AVP 8",
            "c=IN IP6 ff15::7/3",
            "a=rtcp:7001",
            "m=audio 0 RTP/AVP 0",
            "c=IN IP4 192.0.2.1",
        ]);
        let video = DescribedGroup { ip: ip("239.1.2.3"), ttl: Some(5), ports: Some((5000, 5001)) };
        let audio = DescribedGroup { ip: ip("ff15::7"), ttl: None, ports: Some((6000, 7001)) };
        assert_eq!(read, [Some(video), Some(audio), None]);
    }

    /// The lines of live555 for a stream of a single source, and those of RFC 4570.
    #[test]
    fn sources_are_those_of_the_first_filter_that_is_about_the_group() {
        for (session, media, sources) in [
            ("a=source-filter: incl IN IP4 * 192.0.2.7", "a=rtcp-unicast: reflection", &["192.0.2.7"][..]),
            (
                "a=source-filter: incl IN IP4 232.3.4.5 192.0.2.10 192.0.2.11",
                "a=x",
                &["192.0.2.10", "192.0.2.11"],
            ),
            ("a=source-filter: incl IN IP4 232.9.9.9 192.0.2.10", "a=x", &[]),
            ("a=source-filter: excl IN IP4 232.3.4.5 192.0.2.10", "a=x", &[]),
            (
                "a=source-filter: incl IN IP4 * 192.0.2.7",
                "a=source-filter: incl IN IP4 * 192.0.2.8",
                &["192.0.2.8"],
            ),
            ("a=source-filter: incl IN IP4 232.3.4.5", "a=source-filter", &[]),
            ("a=source-filter: incl IN IP4 group.example 192.0.2.7", "a=x", &[]),
        ] {
            for connection in ["c=IN IP4 232.3.4.5/127", "c=IN IP4 0.0.0.0"] {
                let described = described(&[connection, session, "m=video 5000 RTP/AVP 96", media]);
                let expected: Vec<IpAddr> = sources.iter().map(|source| ip(source)).collect();
                assert_eq!(described[0].sources(ip("232.3.4.5")), expected, "{session} {media}");
            }
        }
    }

    #[test]
    fn addresses_that_are_no_groups_and_ports_that_are_none_are_left_out() {
        for connection in ["c=IN IP4 0.0.0.0", "c=IN IP4 239.1", "c=239.1.1.1", "c=IN IP4", "c=IN IP4 host/3"]
        {
            assert_eq!(read(&[connection, "m=video 5000 RTP/AVP 96"]), [None], "{connection}");
        }
        for (line, ports) in [("0", None), ("x", None), ("65535", None), ("65534", Some((65534, 65535)))] {
            let read = read(&["c=IN IP4 239.1.1.1", &format!("m=video {line} RTP/AVP 96")]);
            assert_eq!(read[0].map(|group| (group.ports, group.ttl)), Some((ports, None)), "{line}");
        }
        assert_eq!(groups(b"c=IN IP4 239.1.1.1\r\n"), []);
    }
}
