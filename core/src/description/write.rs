//! From a description to SDP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Attribute, Bandwidth, Description, Media, MediaGroup};

/// Where a media is sent to (RFC 2326, section C.1.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct GroupLine {
    /// The group, and its port for packets.
    pub(crate) at: SocketAddr,
    /// The time to live, which is told for IPv4 only (RFC 8866, section 5.7).
    pub(crate) ttl: u8,
    /// The only source whose packets are to be taken (RFC 4570).
    pub(crate) source: Option<IpAddr>,
}

pub(super) fn sdp(description: &Description) -> String {
    sdp_of_groups(description, &[])
}

pub(super) fn sdp_of_groups(description: &Description, groups: &[Option<GroupLine>]) -> String {
    let mut session = sdp_types::Session::new(
        sdp_types::Origin::with_ip_addr("0", 0, Ipv4Addr::LOCALHOST),
        if description.title.is_empty() { " " } else { &description.title },
    );
    // Darwin Streaming Server refuses a description without it.
    session.connection = Some(sdp_types::Connection::from_ip_addr(Ipv4Addr::UNSPECIFIED));
    session.bandwidths = bandwidths(&description.bandwidths);
    session.times = vec![sdp_types::Time::new(0, 0)];
    session.attributes.extend(valued("tool", &description.tool));
    session.attributes.extend(valued("control", &description.control));
    session.attributes.extend(valued("range", &description.range));
    let group = |group: &MediaGroup| attribute("group", Some(group.to_value()));
    session.attributes.extend(description.groups.iter().map(group));
    session.attributes.extend(description.attributes.iter().map(carried));
    session.medias = description.medias.iter().map(media).collect();
    for (media, group) in session.medias.iter_mut().zip(groups) {
        group.iter().for_each(|group| tell_group(media, group));
    }

    let mut bytes = Vec::new();
    // Writing into memory does not fail, and all text comes out of strings.
    let _ = session.write(&mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

fn media(media: &Media) -> sdp_types::Media {
    let mut attributes = Vec::new();
    attributes.extend(valued("mid", &media.mid));
    attributes.extend(media.direction.map(|direction| attribute(direction.as_str(), None)));
    attributes.extend(valued("control", &media.control));
    for format in &media.formats {
        let number = format.payload_type;
        let rtpmap = format.rtpmap().map(|text| attribute("rtpmap", Some(format!("{number} {text}"))));
        let fmtp = format.fmtp.as_ref().map(|text| attribute("fmtp", Some(format!("{number} {text}"))));
        attributes.extend(rtpmap.into_iter().chain(fmtp));
    }
    attributes.extend(valued("x-onvif-track", &media.onvif_track));
    attributes.extend(valued("x-onvif-profile", &media.onvif_profile));
    attributes.extend(media.attributes.iter().map(carried));
    let numbers: Vec<String> = media.formats.iter().map(|format| format.payload_type.to_string()).collect();
    sdp_types::Media {
        media: media.kind.as_str().to_owned(),
        port: 0,
        num_ports: None,
        proto: media.profile.to_string(),
        fmt: numbers.join(" "),
        media_title: None,
        connections: Vec::new(),
        bandwidths: bandwidths(&media.bandwidths),
        key: None,
        attributes,
    }
}

fn tell_group(media: &mut sdp_types::Media, GroupLine { at, ttl, source }: &GroupLine) {
    media.port = at.port();
    media.connections = vec![sdp_types::Connection::from_ip_addr_ttl(at.ip(), Some(*ttl))];
    media.attributes.extend(source.map(|source| {
        let family = if at.is_ipv6() { "IP6" } else { "IP4" };
        attribute("source-filter", Some(format!(" incl IN {family} {} {source}", at.ip())))
    }));
}

fn valued(name: &str, value: &Option<String>) -> Option<sdp_types::Attribute> {
    value.clone().map(|value| attribute(name, Some(value)))
}

fn carried(from: &Attribute) -> sdp_types::Attribute {
    attribute(&from.name, from.value.clone())
}

fn attribute(name: &str, value: Option<String>) -> sdp_types::Attribute {
    sdp_types::Attribute { attribute: name.to_owned(), value }
}

fn bandwidths(from: &[Bandwidth]) -> Vec<sdp_types::Bandwidth> {
    from.iter()
        .map(|from| sdp_types::Bandwidth { bwtype: from.kind.clone(), bandwidth: from.value })
        .collect()
}
