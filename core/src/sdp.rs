//! Makes strict SDP of whatever a peer sends, and has it parsed.

use std::borrow::Cow;

use crate::Tolerances;
use crate::description::DescriptionError;
use crate::limits::{MEDIAS_MAX, SDP_BYTES_MAX, SDP_LINES_MAX};
use crate::tolerance::Tolerance;
use crate::wire::scan::{self, split_once};

mod unused;

#[cfg(test)]
mod tests;

/// Parses a session description.
pub(crate) fn parse(
    bytes: &[u8],
    tolerances: &mut Tolerances,
) -> Result<sdp_types::Session, DescriptionError> {
    let text = canonical(bytes, tolerances)?;
    sdp_types::Session::parse(text.as_bytes()).map_err(|_| DescriptionError::Malformed)
}

/// Rewrites a session description so that a strict parser takes it.
///
/// Only the lines that RTSP has a use for are kept: names, bandwidths, attributes and medias, in their order.
/// Addresses, ports and times are negotiated by RTSP itself (RFC 2326, appendix C), and of all lines they are those
/// that peers get wrong most; left out, they cannot do harm.
fn canonical(bytes: &[u8], tolerances: &mut Tolerances) -> Result<String, DescriptionError> {
    if bytes.len() > SDP_BYTES_MAX {
        return Err(DescriptionError::TooLong { bytes: bytes.len() });
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            tolerances.record(Tolerance::SdpEncoding);
            String::from_utf8_lossy(bytes)
        }
    };
    let mut out = Canonical {
        text: String::with_capacity(text.len().saturating_add(64)),
        lines: 0,
        medias: 0,
        named: false,
    };
    out.text.push_str("v=0\r\n");
    let mut versioned = false;
    for raw in lines(&text) {
        let line = raw.trim_matches(is_blank);
        if line.is_empty() {
            continue;
        }
        let Some((key, value)) = key_and_value(line) else {
            tolerances.record(Tolerance::SdpLine);
            continue;
        };
        if matches!(key, "a" | "b" | "m") {
            out.lines = out.lines.saturating_add(1);
            if out.lines > SDP_LINES_MAX {
                return Err(DescriptionError::TooManyLines);
            }
        }
        // A title may be a blank.
        let has_blanks = raw.len() != line.len() || line.as_bytes().get(1) != Some(&b'=');
        if has_blanks && !matches!(key, "s" | "i") {
            tolerances.record(Tolerance::SdpBlanks);
        }
        match key {
            "v" => versioned = true,
            "s" => out.name(value),
            "b" => out.bandwidth(value, tolerances),
            "a" => out.attribute(value, tolerances),
            "m" => out.media(value, tolerances)?,
            _ if !unused::is_known(key) => tolerances.record(Tolerance::SdpLine),
            _ if !unused::is_well_formed(key, value) => tolerances.record(Tolerance::SdpUnusedLine),
            _ => {}
        }
    }
    if !versioned {
        tolerances.record(Tolerance::SdpVersion);
    }
    if out.medias == 0 {
        return Err(DescriptionError::NoMedia);
    }
    Ok(out.text)
}

struct Canonical {
    text: String,
    lines: usize,
    medias: usize,
    named: bool,
}

impl Canonical {
    fn name(&mut self, value: &str) {
        if self.medias == 0 && !self.named {
            self.named = true;
            self.line(&["s=", value]);
        }
    }

    fn bandwidth(&mut self, value: &str, tolerances: &mut Tolerances) {
        let readable = value.split_once(':').and_then(|(kind, number)| {
            let (kind, number) = (kind.trim_matches(is_blank), number.trim_matches(is_blank));
            let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
            let (whole, rest) = number.split_at_checked(end)?;
            (!kind.is_empty()).then_some((kind, whole.parse::<u64>().ok()?, rest))
        });
        if readable.is_none_or(|(.., rest)| !rest.is_empty()) {
            tolerances.record(Tolerance::SdpBandwidth);
        }
        if let Some((kind, whole, _)) = readable {
            self.line(&["b=", kind, ":", &whole.to_string()]);
        }
    }

    fn attribute(&mut self, value: &str, tolerances: &mut Tolerances) {
        let (name, value) = match split_once(value, b':') {
            Some((name, value)) => (name.trim_matches(is_blank), Some(value)),
            None => (value, None),
        };
        if name.is_empty() {
            tolerances.record(Tolerance::SdpLine);
        } else if let Some(value) = value {
            self.line(&["a=", name, ":", value]);
        } else {
            self.line(&["a=", name]);
        }
    }

    fn media(&mut self, value: &str, tolerances: &mut Tolerances) -> Result<(), DescriptionError> {
        self.medias = self.medias.saturating_add(1);
        if self.medias > MEDIAS_MAX {
            return Err(DescriptionError::TooManyMedias);
        }
        if value.contains('\t') || value.contains("  ") {
            tolerances.record(Tolerance::SdpBlanks);
        }
        let mut fields = value.split(is_blank).filter(|field| !field.is_empty());
        let (kind, port, protocol) = (fields.next(), fields.next(), fields.next());
        let mut formats = fields.peekable();
        if !port.is_some_and(is_port) || formats.peek().is_none() {
            tolerances.record(Tolerance::SdpMediaLine);
        }
        self.text.push_str("m=");
        self.text.push_str(kind.unwrap_or("application"));
        self.text.push_str(" 0 ");
        self.text.push_str(protocol.unwrap_or("RTP/AVP"));
        self.text.push(' ');
        for (index, format) in formats.enumerate() {
            if index > 0 {
                self.text.push(' ');
            }
            self.text.push_str(format);
        }
        self.text.push_str("\r\n");
        Ok(())
    }

    fn line(&mut self, parts: &[&str]) {
        self.text.extend(parts.iter().copied());
        self.text.push_str("\r\n");
    }
}

/// The lines of a text, whatever they end in, and what is empty between two ends.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = scan::find(rest.as_bytes(), [b'\r', b'\n', 0]);
        let (line, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = behind.get(1..).unwrap_or_default();
        Some(line)
    })
}

/// Splits `x=value`; blanks around the `=` do not count.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = split_once(line, b'=')?;
    let key = key.trim_end_matches(is_blank);
    (key.len() == 1).then(|| (key, value.trim_start_matches(is_blank)))
}

/// Whether this is `<port>` or `<port>/<number of ports>`.
fn is_port(text: &str) -> bool {
    let (port, count) = text.split_once('/').unwrap_or((text, "1"));
    port.parse::<u16>().is_ok() && count.parse::<u16>().is_ok()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
