//! Reads the lines of a session description, also malformed ones.

use std::borrow::Cow;

use crate::Tolerances;
use crate::description::{Bandwidth, DescriptionError, DescriptionLine};
use crate::limits::{MEDIAS_MAX, SDP_BYTES_MAX};
use crate::tolerance::Tolerance;
use crate::wire::scan::{self, split_once};

mod order;
mod unused;

#[cfg(test)]
mod tests;

use order::Order;

/// The lines of a session description that RTSP has a use for: names, bandwidths, attributes and medias, in their order.
///
/// Addresses, ports and times are negotiated by RTSP itself (RFC 2326, appendix C). Peers get those lines wrong more often
/// than any others. Addresses and ports are kept as text only, for the groups of multicast.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lines<'a> {
    /// The first `s=` line, empty if there is none.
    pub(crate) name: &'a str,
    /// The lines before the first media.
    pub(crate) session: Section<'a>,
    pub(crate) medias: Vec<(MediaLine<'a>, Section<'a>)>,
}

/// The lines behind an `m=` line, or before the first one.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Section<'a> {
    /// The first `c=` line.
    pub(crate) connection: Option<&'a str>,
    pub(crate) bandwidths: Vec<Bandwidth>,
    pub(crate) attributes: Vec<AttributeLine<'a>>,
}

/// An `m=` line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MediaLine<'a> {
    pub(crate) kind: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) protocol: &'a str,
    /// The formats with blanks between them.
    pub(crate) formats: &'a str,
}

/// An `a=` line: its name, which is not empty, and the part behind the colon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AttributeLine<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<&'a str>,
}

/// The text of a session description.
pub(crate) fn text<'a>(
    bytes: &'a [u8],
    tolerances: &mut Tolerances,
) -> Result<Cow<'a, str>, DescriptionError> {
    if bytes.len() > SDP_BYTES_MAX {
        return Err(DescriptionError::TooLong { bytes: bytes.len() });
    }
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            tolerances.record(Tolerance::SdpEncoding);
            String::from_utf8_lossy(bytes)
        }
    })
}

/// Reads the lines of a session description, so many at most; one that makes no sense is left out.
pub(crate) fn parse<'a>(
    text: &'a str,
    lines_max: usize,
    tolerances: &mut Tolerances,
) -> Result<Lines<'a>, DescriptionError> {
    let mut read = Lines::default();
    let mut order = Order::default();
    let mut lines_read = 0_usize;
    let mut unreadable = None;
    for (number, (raw, ends_well)) in (1_usize..).zip(lines(text)) {
        let line = scan::trim_matches(raw, BLANKS);
        if !ends_well || line.is_empty() {
            tolerances.record(Tolerance::SdpLineEnd);
        }
        if line.is_empty() {
            continue;
        }
        let Some((key, value)) = key_and_value(line) else {
            tolerances.record(Tolerance::SdpLine);
            unreadable.get_or_insert((number, line));
            continue;
        };
        if matches!(key, b'a' | b'b' | b'm') {
            lines_read = lines_read.saturating_add(1);
            if lines_read > lines_max {
                return Err(DescriptionError::TooManyLines(DescriptionLine::new(number, line)));
            }
        }
        // A title may be a blank.
        let has_blanks = raw.len() != line.len() || line.as_bytes().get(1) != Some(&b'=');
        if has_blanks && !matches!(key, b's' | b'i') {
            tolerances.record(Tolerance::SdpBlanks);
        }
        if order::is_known(key) && !order.takes(key, raw) {
            tolerances.record(Tolerance::SdpLineOrder);
        }
        if key == b'c' {
            read.section().connection.get_or_insert(value);
        }
        match key {
            b'v' if value == "0" => {}
            b'v' => tolerances.record(Tolerance::SdpVersion),
            b's' if read.medias.is_empty() && read.name.is_empty() => read.name = value,
            b's' => {}
            b'b' => read.bandwidth(value, tolerances),
            b'a' => read.attribute(value, tolerances),
            b'm' if read.medias.len() >= MEDIAS_MAX => {
                return Err(DescriptionError::TooManyMedias(DescriptionLine::new(number, line)));
            }
            b'm' => read.media(value, tolerances),
            _ if !order::is_known(key) => tolerances.record(Tolerance::SdpLine),
            _ if !unused::is_well_formed(key, value) => tolerances.record(Tolerance::SdpUnusedLine),
            _ => {}
        }
    }
    if !order.has_version() {
        tolerances.record(Tolerance::SdpVersion);
    }
    if !order.has_origin_name_and_time() {
        tolerances.record(Tolerance::SdpLineMissing);
    }
    match unreadable {
        _ if !read.medias.is_empty() => Ok(read),
        Some((number, line)) => Err(DescriptionError::Unreadable(DescriptionLine::new(number, line))),
        None => Err(DescriptionError::NoMedia),
    }
}

impl<'a> Lines<'a> {
    fn section(&mut self) -> &mut Section<'a> {
        self.medias.last_mut().map_or(&mut self.session, |(_, section)| section)
    }

    fn bandwidth(&mut self, value: &str, tolerances: &mut Tolerances) {
        let readable = split_once(value, b':').and_then(|(raw_kind, raw_number)| {
            let (kind, number) =
                (scan::trim_matches(raw_kind, BLANKS), scan::trim_matches(raw_number, BLANKS));
            if (kind.len(), number.len()) != (raw_kind.len(), raw_number.len()) {
                tolerances.record(Tolerance::SdpBlanks);
            }
            let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            let (whole, rest) = number.split_at_checked(end)?;
            (!kind.is_empty()).then_some((kind, whole.parse::<u64>().ok()?, rest))
        });
        if readable.is_none_or(|(.., rest)| !rest.is_empty()) {
            tolerances.record(Tolerance::SdpBandwidth);
        }
        if let Some((kind, whole, _)) = readable {
            self.section().bandwidths.push(Bandwidth::new(kind, whole));
        }
    }

    fn attribute(&mut self, value: &'a str, tolerances: &mut Tolerances) {
        let (raw_name, value) = match split_once(value, b':') {
            Some((name, value)) => (name, Some(value)),
            None => (value, None),
        };
        let name = scan::trim_matches(raw_name, BLANKS);
        if name.is_empty() {
            return tolerances.record(Tolerance::SdpLine);
        }
        if name.len() != raw_name.len() {
            tolerances.record(Tolerance::SdpBlanks);
        }
        self.section().attributes.push(AttributeLine { name, value });
    }

    fn media(&mut self, value: &'a str, tolerances: &mut Tolerances) {
        if scan::find(value.as_bytes(), [b'\t']).is_some() || has_double_blank(value) {
            tolerances.record(Tolerance::SdpBlanks);
        }
        let mut rest = value;
        let (kind, port, protocol) = (field(&mut rest), field(&mut rest), field(&mut rest));
        let formats = scan::trim_matches(rest, BLANKS);
        let port = port.and_then(read_port);
        if port.is_none() || formats.is_empty() {
            tolerances.record(Tolerance::SdpMediaLine);
        }
        let (kind, protocol) = (kind.unwrap_or("application"), protocol.unwrap_or("RTP/AVP"));
        self.medias.push((MediaLine { kind, port, protocol, formats }, Section::default()));
    }
}

/// The lines of a text, and whether each ends in CR LF.
fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = scan::find(rest.as_bytes(), [b'\r', b'\n', 0]);
        let (line, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let well_ended = behind.strip_prefix("\r\n");
        rest = well_ended.or_else(|| behind.get(1..)).unwrap_or_default();
        Some((line, well_ended.is_some()))
    })
}

/// Splits `x=value`; blanks around the `=` do not count.
fn key_and_value(line: &str) -> Option<(u8, &str)> {
    let (key, value) = split_once(line, b'=')?;
    match scan::trim_matches(key, BLANKS).as_bytes() {
        [key] => Some((*key, scan::trim_matches(value, BLANKS))),
        _ => None,
    }
}

/// Takes the next field off a line.
fn field<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start_matches(BLANKS);
    let end = scan::find(text.as_bytes(), [b' ', b'\t']).unwrap_or(text.len());
    let (field, behind) = text.split_at_checked(end)?;
    *rest = behind;
    (!field.is_empty()).then_some(field)
}

fn has_double_blank(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| pair == b"  ")
}

/// The port of `<port>` or `<port>/<number of ports>`.
fn read_port(text: &str) -> Option<u16> {
    let (port, count) = split_once(text, b'/').unwrap_or((text, "1"));
    count.parse::<u16>().ok().and_then(|_| port.parse().ok())
}

const BLANKS: [char; 2] = [' ', '\t'];
