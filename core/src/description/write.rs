//! From a description to SDP.

use std::net::Ipv4Addr;

use super::{Attribute, Bandwidth, Description, Media};

pub(super) fn sdp(description: &Description) -> String {
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
    session.attributes.extend(description.attributes.iter().map(carried));
    session.medias = description.medias.iter().map(media).collect();

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
