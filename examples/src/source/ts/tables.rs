use super::super::framed::Framing;
use super::stream::Kind;

/// Bytes of the longest section (section 2.4.4).
const SECTION_BYTES_MAX: usize = 1024 + 3;
/// Bytes of a section in front of its entries, and of the checksum behind them.
const HEAD_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;
const PROGRAMS: u8 = 0;
const STREAMS: u8 = 2;
/// The tags of descriptors: a registered name, and those of DVB for AC-3 and E-AC-3.
const REGISTRATION: u8 = 5;
const DVB_AC3: u8 = 0x6a;
const DVB_EAC3: u8 = 0x7a;

/// A table that is put together from packets.
#[derive(Debug, Default)]
pub(super) struct Sections {
    bytes: Vec<u8>,
}

impl Sections {
    /// Takes a packet; the section, once it is whole.
    pub(super) fn take(&mut self, is_start: bool, payload: &[u8]) -> Option<&[u8]> {
        if is_start {
            // A pointer says where it begins.
            let (pointer, rest) = payload.split_first()?;
            self.bytes.clear();
            self.bytes.extend_from_slice(rest.get(usize::from(*pointer)..)?);
        } else if !self.bytes.is_empty() && self.bytes.len() < SECTION_BYTES_MAX {
            self.bytes.extend_from_slice(payload);
        }
        let &[_, high, low, ..] = &self.bytes[..] else { return None };
        let length = 3 + usize::from(u16::from_be_bytes([high & 0xf, low]));
        self.bytes.get(..length)
    }
}

/// The entries of a section of a kind.
fn entries(section: &[u8], table: u8) -> Option<&[u8]> {
    let end = section.len().checked_sub(CHECKSUM_BYTES)?;
    section.get(HEAD_BYTES..end).filter(|_| section.first() == Some(&table))
}

fn pid(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high & 0x1f, low])
}

/// The PID of the table of the first program.
pub(super) fn first_program(section: &[u8]) -> Option<u16> {
    let programs = entries(section, PROGRAMS)?.chunks_exact(4);
    // Program zero is the network.
    programs.filter(|program| program[..2] != [0, 0]).map(|program| pid(program[2], program[3])).next()
}

/// The streams of a program, each with its kind, or with its name if it cannot be sent.
pub(super) fn streams(section: &[u8]) -> Vec<(u16, Result<Kind, String>)> {
    let mut streams = Vec::new();
    let Some(&[_, _, high, low, ref rest @ ..]) = entries(section, STREAMS) else { return streams };
    let mut rest = rest.get(usize::from(u16::from_be_bytes([high & 0xf, low]))..).unwrap_or_default();
    while let &[kind, first, second, high, low, ref more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([high & 0xf, low]));
        let Some((descriptors, next)) = more.split_at_checked(length) else { break };
        let known = kind_of(kind, descriptors).ok_or_else(|| format!("a stream of type {kind:#04x}"));
        streams.push((pid(first, second), known));
        rest = next;
    }
    streams
}

/// The kind of a stream by its type (table 2-34) and descriptors.
fn kind_of(kind: u8, descriptors: &[u8]) -> Option<Kind> {
    Some(match kind {
        0x01 | 0x02 => Kind::MpegVideo,
        0x03 | 0x04 => Kind::Sound(Framing::MpegAudio),
        0x0f => Kind::Sound(Framing::Adts),
        0x10 => Kind::Mpeg4Video,
        0x1b => Kind::H264,
        0x24 => Kind::H265,
        0x81 | 0x87 => Kind::Sound(Framing::Ac3),
        0x06 if is_ac3(descriptors) => Kind::Sound(Framing::Ac3),
        _ => return None,
    })
}

fn is_ac3(descriptors: &[u8]) -> bool {
    let mut rest = descriptors;
    while let &[tag, length, ref more @ ..] = rest {
        let Some((body, next)) = more.split_at_checked(length.into()) else { return false };
        if matches!(tag, DVB_AC3 | DVB_EAC3)
            || tag == REGISTRATION && (body.starts_with(b"AC-3") || body.starts_with(b"EAC3"))
        {
            return true;
        }
        rest = next;
    }
    false
}
