//! From the lines of SDP to a description.

use super::{Attribute, Description, Direction, Format, Media, MediaGroup, MediaKind, strays};
use crate::header::number;
use crate::limits::FORMATS_MAX;
use crate::sdp::{AttributeLine, Lines, MediaLine, Section};
use crate::tolerance::Tolerance;
use crate::wire::scan;
use crate::{Profile, Tolerances};

pub(super) fn description(lines: Lines<'_>, tolerances: &mut Tolerances) -> Description {
    let Lines { name, session, medias } = lines;
    let mut description = Description {
        title: if name == "-" { String::new() } else { name.to_owned() },
        bandwidths: session.bandwidths,
        ..Description::default()
    };
    let mut direction = None;
    for line in session.attributes {
        if is_named(line, "control", tolerances) {
            keep_first(&mut description.control, line, tolerances);
        } else if is_named(line, "range", tolerances) {
            keep_first(&mut description.range, line, tolerances);
        } else if is_named(line, "tool", tolerances) {
            keep_first(&mut description.tool, line, tolerances);
        } else if is_named(line, "group", tolerances) {
            description.groups.extend(group(line, tolerances));
        } else if let Some(found) = direction_of(line, tolerances) {
            keep_first_direction(&mut direction, found, tolerances);
        } else {
            description.attributes.push(attribute(line));
        }
    }
    let mut medias: Vec<(Media, Slots)> =
        medias.into_iter().map(|(line, section)| media(line, section, direction, tolerances)).collect();
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
    line: MediaLine<'_>,
    section: Section<'_>,
    direction: Option<Direction>,
    tolerances: &mut Tolerances,
) -> (Media, Slots) {
    let mut media = Media::new(MediaKind::from(line.kind), Vec::new());
    // The names of the medias that are known have small letters.
    if !matches!(media.kind, MediaKind::Other(_)) && media.kind.as_str() != line.kind {
        tolerances.record(Tolerance::SdpNameCase);
    }
    media.profile = profile(line.protocol, tolerances);
    media.bandwidths = section.bandwidths;
    let mut slots = Slots::new(line.formats, tolerances);
    for line in section.attributes {
        if is_named(line, "control", tolerances) {
            keep_first(&mut media.control, line, tolerances);
        } else if is_named(line, "mid", tolerances) {
            keep_first(&mut media.mid, line, tolerances);
        } else if is_named(line, "x-onvif-track", tolerances) {
            keep_first(&mut media.onvif_track, line, tolerances);
        } else if is_named(line, "x-onvif-profile", tolerances) {
            keep_first(&mut media.onvif_profile, line, tolerances);
        } else if let Some(found) = direction_of(line, tolerances) {
            keep_first_direction(&mut media.direction, found, tolerances);
        } else {
            let belongs_to_format = is_named(line, "rtpmap", tolerances) && slots.rtpmap(line, tolerances)
                || is_named(line, "fmtp", tolerances) && slots.fmtp(line, tolerances);
            if !belongs_to_format {
                media.attributes.push(attribute(line));
            }
        }
    }
    media.direction = media.direction.or(direction);
    (media, slots)
}

fn profile(protocol: &str, tolerances: &mut Tolerances) -> Profile {
    let profiles = [Profile::Avp, Profile::Avpf, Profile::Savp, Profile::Savpf];
    if let Some(exact) = profiles.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(protocol)) {
        if exact.as_str() != protocol {
            tolerances.record(Tolerance::SdpNameCase);
        }
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
    /// True if the `m=` line lists formats but no payload type, so that the attributes say which there are.
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
        for format in list.split([' ', '\t']).filter(|format| !format.is_empty()) {
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
    fn rtpmap(&mut self, line: AttributeLine<'_>, tolerances: &mut Tolerances) -> bool {
        let Some((slot, text)) = self.find(line, tolerances) else { return false };
        match &slot.rtpmap {
            _ if text.is_empty() => tolerances.record(Tolerance::SdpFormatAttribute),
            Some(_) => tolerances.record(Tolerance::SdpAttributeRepeated),
            None => slot.rtpmap = Some(text.to_owned()),
        }
        true
    }

    /// Takes an fmtp; false if it does not belong to any format.
    fn fmtp(&mut self, line: AttributeLine<'_>, tolerances: &mut Tolerances) -> bool {
        let Some((slot, text)) = self.find(line, tolerances) else { return false };
        match &mut slot.fmtp {
            _ if text.is_empty() => tolerances.record(Tolerance::SdpFormatAttribute),
            Some(fmtp) => {
                tolerances.record(Tolerance::SdpAttributeRepeated);
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
            // Those that the attributes name have an rtpmap and an fmtp.
            if !self.from_attributes {
                tolerances.record(Tolerance::SdpPayloadType);
            }
        } else if self.slots.len() < FORMATS_MAX {
            self.slots.push(Slot { payload_type, rtpmap: None, fmtp: None });
        } else {
            tolerances.record(Tolerance::SdpFormatsLeftOut);
        }
    }

    /// The format that an rtpmap or fmtp attribute belongs to, and the text that it has for it.
    fn find<'a>(
        &mut self,
        line: AttributeLine<'a>,
        tolerances: &mut Tolerances,
    ) -> Option<(&mut Slot, &'a str)> {
        let found = payload_type_and_rest(line.value, tolerances).and_then(|(payload_type, text)| {
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
    value: Option<&'a str>,
    tolerances: &mut Tolerances,
) -> Option<(u8, &'a str)> {
    let value = value.unwrap_or_default();
    let trimmed = value.trim_ascii();
    if trimmed.len() != value.len() {
        tolerances.record(Tolerance::SdpBlanks);
    }
    let end = scan::find(trimmed.as_bytes(), [b' ', b'\t']).unwrap_or(trimmed.len());
    let (number, rest) = trimmed.split_at_checked(end)?;
    Some((payload_type(number)?, rest.trim_ascii()))
}

fn payload_type(text: &str) -> Option<u8> {
    number(text).filter(|number| *number < 128)
}

/// Returns `true` for the attribute of this name, in any case.
fn is_named(line: AttributeLine<'_>, name: &str, tolerances: &mut Tolerances) -> bool {
    let is_it = line.name.eq_ignore_ascii_case(name);
    if is_it && line.name != name {
        tolerances.record(Tolerance::SdpNameCase);
    }
    is_it
}

fn direction_of(line: AttributeLine<'_>, tolerances: &mut Tolerances) -> Option<Direction> {
    let direction = Direction::from_name(line.name)?;
    if direction.as_str() != line.name {
        tolerances.record(Tolerance::SdpNameCase);
    }
    Some(direction)
}

/// Keeps the first value of several; an empty one is none.
fn keep_first(slot: &mut Option<String>, line: AttributeLine<'_>, tolerances: &mut Tolerances) {
    let value = line.value.unwrap_or_default();
    let trimmed = value.trim_ascii();
    if trimmed.len() != value.len() {
        tolerances.record(Tolerance::SdpBlanks);
    }
    if trimmed.is_empty() {
        tolerances.record(Tolerance::SdpAttributeEmpty);
    } else if slot.is_some() {
        tolerances.record(Tolerance::SdpAttributeRepeated);
    } else {
        *slot = Some(trimmed.to_owned());
    }
}

fn group(line: AttributeLine<'_>, tolerances: &mut Tolerances) -> Option<MediaGroup> {
    let mut value = None;
    keep_first(&mut value, line, tolerances);
    MediaGroup::read(&value?)
}

fn keep_first_direction(slot: &mut Option<Direction>, found: Direction, tolerances: &mut Tolerances) {
    match slot {
        Some(_) => tolerances.record(Tolerance::SdpAttributeRepeated),
        None => *slot = Some(found),
    }
}

fn attribute(line: AttributeLine<'_>) -> Attribute {
    Attribute { name: line.name.to_owned(), value: line.value.map(str::to_owned) }
}
