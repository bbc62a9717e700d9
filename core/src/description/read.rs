//! From parsed SDP to a description.

use super::{Attribute, Bandwidth, Description, Direction, Format, Media, MediaKind, strays};
use crate::limits::FORMATS_MAX;
use crate::tolerance::Tolerance;
use crate::{Profile, Tolerances};

pub(super) fn description(session: sdp_types::Session, tolerances: &mut Tolerances) -> Description {
    let mut description = Description {
        title: Some(session.session_name).filter(|title| title != "-").unwrap_or_default(),
        bandwidths: bandwidths(session.bandwidths),
        ..Description::default()
    };
    let mut direction = None;
    for attribute in session.attributes.into_iter().map(attribute) {
        let is = |name: &str| attribute.name.eq_ignore_ascii_case(name);
        if is("control") {
            keep_first(&mut description.control, &attribute);
        } else if is("range") {
            keep_first(&mut description.range, &attribute);
        } else if is("tool") {
            keep_first(&mut description.tool, &attribute);
        } else if let Some(found) = Direction::from_name(&attribute.name) {
            direction = direction.or(Some(found));
        } else {
            description.attributes.push(attribute);
        }
    }
    let mut medias: Vec<(Media, Slots)> =
        session.medias.into_iter().map(|section| media(section, direction, tolerances)).collect();
    strays::adopt(&mut description.attributes, &mut medias, tolerances);
    let read = |(mut media, slots): (Media, Slots)| {
        media.formats = slots.into_formats(&media.kind, tolerances);
        media
    };
    description.medias = medias.into_iter().map(read).collect();
    description
}

/// Reads a media but for its formats, whose attributes may stand elsewhere.
fn media(
    section: sdp_types::Media,
    direction: Option<Direction>,
    tolerances: &mut Tolerances,
) -> (Media, Slots) {
    let mut media = Media::new(MediaKind::from(section.media.as_str()), Vec::new());
    media.profile = profile(&section.proto, tolerances);
    media.bandwidths = bandwidths(section.bandwidths);
    let mut slots = Slots::new(&section.fmt, tolerances);
    for attribute in section.attributes.into_iter().map(attribute) {
        let is = |name: &str| attribute.name.eq_ignore_ascii_case(name);
        if is("control") {
            keep_first(&mut media.control, &attribute);
        } else if is("mid") {
            keep_first(&mut media.mid, &attribute);
        } else if let Some(found) = Direction::from_name(&attribute.name) {
            media.direction = media.direction.or(Some(found));
        } else {
            let belongs_to_format = is("rtpmap") && slots.rtpmap(&attribute, tolerances)
                || is("fmtp") && slots.fmtp(&attribute, tolerances);
            if !belongs_to_format {
                media.attributes.push(attribute);
            }
        }
    }
    media.direction = media.direction.or(direction);
    (media, slots)
}

fn profile(protocol: &str, tolerances: &mut Tolerances) -> Profile {
    let profiles = [Profile::Avp, Profile::Avpf, Profile::Savp, Profile::Savpf];
    if let Some(exact) = profiles.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(protocol)) {
        return exact;
    }
    tolerances.record(Tolerance::SdpProtocol);
    let named = |known: &Profile| {
        let name = known.as_str().trim_start_matches("RTP/");
        protocol.split('/').any(|token| token.eq_ignore_ascii_case(name))
    };
    profiles.into_iter().find(named).unwrap_or_default()
}

/// The formats of a media while its attributes are read.
pub(super) struct Slots {
    pub(super) slots: Vec<Slot>,
    /// Whether the `m=` line lists formats but no payload type, so that the attributes say which there are.
    from_attributes: bool,
}

pub(super) struct Slot {
    pub(super) payload_type: u8,
    pub(super) rtpmap: Option<String>,
    pub(super) fmtp: Option<String>,
}

impl Slots {
    fn new(list: &str, tolerances: &mut Tolerances) -> Self {
        let mut slots = Self { slots: Vec::new(), from_attributes: false };
        for format in list.split(' ').filter(|format| !format.is_empty()) {
            if slots.slots.len() == FORMATS_MAX {
                tolerances.record(Tolerance::SdpFormatsLeftOut);
                break;
            }
            match payload_type(format) {
                Some(payload_type) => slots.insert(payload_type, tolerances),
                None => tolerances.record(Tolerance::SdpPayloadType),
            }
        }
        slots.from_attributes = slots.slots.is_empty() && !list.is_empty();
        slots
    }

    /// Takes an rtpmap; false if it does not belong to any format.
    fn rtpmap(&mut self, attribute: &Attribute, tolerances: &mut Tolerances) -> bool {
        let Some((slot, text)) = self.find(attribute, tolerances) else { return false };
        slot.rtpmap.get_or_insert_with(|| text.to_owned());
        true
    }

    /// Takes an fmtp; false if it does not belong to any format.
    fn fmtp(&mut self, attribute: &Attribute, tolerances: &mut Tolerances) -> bool {
        let Some((slot, text)) = self.find(attribute, tolerances) else { return false };
        match &mut slot.fmtp {
            _ if text.is_empty() => tolerances.record(Tolerance::SdpFormatAttribute),
            Some(fmtp) => {
                fmtp.push_str("; ");
                fmtp.push_str(text);
            }
            None => slot.fmtp = Some(text.to_owned()),
        }
        true
    }

    fn into_formats(self, kind: &MediaKind, tolerances: &mut Tolerances) -> Vec<Format> {
        let read =
            |slot: Slot| Format::read(slot.payload_type, kind, slot.rtpmap.as_deref(), slot.fmtp, tolerances);
        self.slots.into_iter().map(read).collect()
    }

    fn insert(&mut self, payload_type: u8, tolerances: &mut Tolerances) {
        if self.slots.iter().any(|slot| slot.payload_type == payload_type) {
            return;
        }
        if self.slots.len() < FORMATS_MAX {
            self.slots.push(Slot { payload_type, rtpmap: None, fmtp: None });
        } else {
            tolerances.record(Tolerance::SdpFormatsLeftOut);
        }
    }

    /// The format that an rtpmap or fmtp attribute belongs to, and what it says about it.
    fn find<'a>(
        &mut self,
        attribute: &'a Attribute,
        tolerances: &mut Tolerances,
    ) -> Option<(&mut Slot, &'a str)> {
        let found = payload_type_and_rest(attribute, tolerances).and_then(|(payload_type, text)| {
            if self.from_attributes {
                self.insert(payload_type, tolerances);
            }
            let slot = self.slots.iter_mut().find(|slot| slot.payload_type == payload_type)?;
            Some((slot, text))
        });
        if found.is_none() {
            tolerances.record(Tolerance::SdpFormatAttribute);
        }
        found
    }
}

/// Splits the value of an rtpmap or fmtp attribute.
pub(super) fn payload_type_and_rest<'a>(
    attribute: &'a Attribute,
    tolerances: &mut Tolerances,
) -> Option<(u8, &'a str)> {
    let value = attribute.value.as_deref().unwrap_or_default();
    let trimmed = value.trim_ascii();
    if trimmed.len() != value.len() {
        tolerances.record(Tolerance::SdpBlanks);
    }
    let (number, rest) = trimmed.split_once([' ', '\t']).unwrap_or((trimmed, ""));
    Some((payload_type(number)?, rest.trim_ascii()))
}

fn payload_type(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number| *number < 128)
}

fn keep_first(slot: &mut Option<String>, attribute: &Attribute) {
    let value = attribute.value.as_deref().unwrap_or_default().trim_ascii();
    if slot.is_none() && !value.is_empty() {
        *slot = Some(value.to_owned());
    }
}

fn bandwidths(lines: Vec<sdp_types::Bandwidth>) -> Vec<Bandwidth> {
    lines.into_iter().map(|line| Bandwidth { kind: line.bwtype, value: line.bandwidth }).collect()
}

fn attribute(line: sdp_types::Attribute) -> Attribute {
    Attribute { name: line.attribute, value: line.value }
}
