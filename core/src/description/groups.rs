//! Multicast groups that a description names (RFC 2326, appendix C.1.7).

use std::net::IpAddr;

use crate::limits::SDP_LINES_MAX;
use crate::sdp::{self, AttributeLine, MediaLine, Section};
use crate::tolerance::Tolerances;

/// The group that a media is sent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DescribedGroup {
    pub(crate) ip: IpAddr,
    pub(crate) ttl: Option<u8>,
    pub(crate) ports: Option<(u16, u16)>,
    /// The sources that are heard, if only some are (RFC 4570).
    pub(crate) sources: Vec<IpAddr>,
}

/// The group of each media, in the order of the description; `None` for one that goes to none.
pub(crate) fn groups(bytes: &[u8]) -> Vec<Option<DescribedGroup>> {
    // All that is wrong with the description has been told by whoever has read it before.
    let mut tolerances = Tolerances::NONE;
    let Ok(text) = sdp::text(bytes, &mut tolerances) else { return Vec::new() };
    let Ok(lines) = sdp::parse(&text, SDP_LINES_MAX, &mut tolerances) else { return Vec::new() };
    lines.medias.iter().map(|(line, section)| group(&lines.session, line, section)).collect()
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
    let of = |section| attributes(section, "source-filter").find_map(|value| sources(ip, value));
    let sources = of(media).or_else(|| of(session)).unwrap_or_default();
    Some(DescribedGroup { ip, ttl, ports, sources })
}

fn attributes<'a>(section: &Section<'a>, name: &'static str) -> impl Iterator<Item = &'a str> {
    let named = |line: &&AttributeLine<'a>| line.name.eq_ignore_ascii_case(name);
    section.attributes.iter().filter(named).filter_map(|line| line.value)
}

/// The sources of `incl IN IP4 <group> <source> …`, if this is about the group.
fn sources(group: IpAddr, value: &str) -> Option<Vec<IpAddr>> {
    let mut fields = value.split_ascii_whitespace();
    let is_filter = fields.next()?.eq_ignore_ascii_case("incl");
    let destination = fields.nth(2)?;
    let is_it = destination == "*" || destination.parse() == Ok(group);
    let sources: Vec<IpAddr> = fields.filter_map(|source| source.parse().ok()).collect();
    (is_filter && is_it && !sources.is_empty()).then_some(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Vec<Option<DescribedGroup>> {
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
        let video = DescribedGroup {
            ip: ip("239.1.2.3"),
            ttl: Some(5),
            ports: Some((5000, 5001)),
            sources: Vec::new(),
        };
        let audio =
            DescribedGroup { ip: ip("ff15::7"), ttl: None, ports: Some((6000, 7001)), ..video.clone() };
        assert_eq!(read, [Some(video), Some(audio), None]);
    }

    /// What live555 describes a stream with that one source sends, and what RFC 4570 has.
    #[test]
    fn sources_are_those_of_the_filters_that_are_about_the_group() {
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
        ] {
            let read = read(&["c=IN IP4 232.3.4.5/127", session, "m=video 5000 RTP/AVP 96", media]);
            let found = read[0].as_ref().map(|group| &*group.sources);
            let expected: Vec<IpAddr> = sources.iter().map(|source| ip(source)).collect();
            assert_eq!(found, Some(&*expected), "{session} {media}");
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
            assert_eq!(read[0].as_ref().map(|group| (group.ports, group.ttl)), Some((ports, None)), "{line}");
        }
        assert_eq!(groups(b"c=IN IP4 239.1.1.1\r\n"), []);
    }
}
