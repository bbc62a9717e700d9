//! Sound that is described by little more than its name.

use super::Format;
use super::video::readable;
use crate::Tolerances;

/// The companding law of G.711.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum G711Law {
    /// µ-law: `PCMU`.
    Mu,
    /// A-law: `PCMA`.
    A,
}

/// Linear samples: `L8` (offset binary), `L16` (RFC 3551), `L20`, `L24` (RFC 3190), in network byte order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Pcm {
    /// Bits of a sample: 8, 16, 20 or 24.
    pub bits: u8,
}

/// The parameters of a G.726 track.
///
/// Some devices use the other bit order than the name says; [`reorder_g726`](crate::payload::blocks::reorder_g726) turns
/// their samples.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct G726 {
    /// Bits of a sample, 2 to 5: 16, 24, 32 or 40 kbit/s.
    pub bits: u8,
    /// The order of samples in a byte.
    pub order: G726Order,
}

/// The order in which samples of G.726 fill bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum G726Order {
    /// The first sample in the least significant bits: `G726-32` (RFC 3551, section 4.5.4).
    Rfc3551,
    /// The first sample in the most significant bits: `AAL2-G726-32` (ITU-T I.366.2).
    Aal2,
}

/// The parameters of a track of G.723.1 or G.729.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Speech {
    /// Frames that describe silence may come: `annexa` of G.723.1, `annexb` of G.729 (RFC 4856), unless they are `no`.
    pub silence_frames: bool,
}

/// The length of a frame of iLBC (RFC 3952).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IlbcMode {
    /// 38 bytes for 20 ms.
    Milliseconds20,
    /// 50 bytes for 30 ms; the default.
    Milliseconds30,
}

/// The parameters of a Speex track (RFC 5574).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Speex {
    /// The bitrate is variable: `vbr=on` or `vbr=vad`.
    pub variable_bitrate: bool,
}

impl Speech {
    pub(super) fn read(format: &Format, annex: &str) -> Self {
        let refused = format.parameter(annex).is_some_and(|value| value.eq_ignore_ascii_case("no"));
        Self { silence_frames: !refused }
    }
}

impl IlbcMode {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let mode = readable(format.parameter("mode"), tolerances, |text| match text {
            "20" => Some(Self::Milliseconds20),
            "30" => Some(Self::Milliseconds30),
            _ => None,
        });
        mode.unwrap_or(Self::Milliseconds30)
    }
}

impl Speex {
    pub(super) fn read(format: &Format) -> Self {
        let is_off = |value: &str| value.eq_ignore_ascii_case("off");
        Self { variable_bitrate: format.parameter("vbr").is_some_and(|value| !is_off(value)) }
    }
}

/// Reads a name that ends in a number, such as `G726-32`.
pub(super) fn g726(encoding: &str) -> Option<G726> {
    let known = |name: &str| match name {
        "G726-16" => Some(2),
        "G726-24" => Some(3),
        "G726-32" => Some(4),
        "G726-40" => Some(5),
        _ => None,
    };
    let name = encoding.to_ascii_uppercase();
    let (bits, order) = match name.strip_prefix("AAL2-") {
        Some(name) => (known(name)?, G726Order::Aal2),
        None => (known(&name)?, G726Order::Rfc3551),
    };
    Some(G726 { bits, order })
}

pub(super) fn pcm(encoding: &str) -> Option<Pcm> {
    let bits = match encoding.to_ascii_uppercase().as_str() {
        "L8" => 8,
        "L16" => 16,
        "L20" => 20,
        "L24" => 24,
        _ => return None,
    };
    Some(Pcm { bits })
}

impl Format {
    /// AC-3 of so many channels (RFC 4184; without a number there are up to six).
    pub fn ac3(payload_type: u8, sample_rate: u32, channels: u16) -> Self {
        Self::new(payload_type, "AC3", sample_rate).with_channels(channels.max(1))
    }

    /// Enhanced AC-3 (RFC 4598).
    pub fn eac3(payload_type: u8, sample_rate: u32, channels: u16) -> Self {
        Self::new(payload_type, "eac3", sample_rate).with_channels(channels.max(1))
    }

    /// MPEG audio of any layer, rate and channels, with its static payload type.
    pub fn mpeg_audio() -> Self {
        Self::new(14, "MPA", 90_000)
    }

    /// G.711 µ-law, 8 kHz, mono, with its static payload type.
    pub fn pcmu() -> Self {
        Self::new(0, "PCMU", 8_000)
    }

    /// G.711 A-law, 8 kHz, mono, with its static payload type.
    pub fn pcma() -> Self {
        Self::new(8, "PCMA", 8_000)
    }

    /// Linear samples of 8, 16, 20 or 24 bits, of so many channels (RFC 3551, RFC 3190).
    ///
    /// Other numbers of bits stand for the next greater one of these.
    pub fn pcm(payload_type: u8, bits: u8, sample_rate: u32, channels: u16) -> Self {
        let encoding = match bits {
            0..=8 => "L8",
            9..=16 => "L16",
            17..=20 => "L20",
            _ => "L24",
        };
        Self::new(payload_type, encoding, sample_rate).with_channels(channels.max(1))
    }

    /// G.722, mono, with its static payload type. Its clock counts 8,000 a second, although there are 16,000 samples.
    pub fn g722() -> Self {
        Self::new(9, "G722", 8_000)
    }

    /// G.723.1 with its static payload type.
    pub fn g723() -> Self {
        Self::new(4, "G723", 8_000)
    }

    /// G.726 of so many bits a sample, 2 to 5.
    pub fn g726(payload_type: u8, bits: u8, order: G726Order) -> Self {
        let rate = u32::from(bits.clamp(2, 5)).saturating_mul(8);
        let prefix = if order == G726Order::Aal2 { "AAL2-" } else { "" };
        Self::new(payload_type, format!("{prefix}G726-{rate}"), 8_000)
    }

    /// G.729 with its static payload type.
    pub fn g729() -> Self {
        Self::new(18, "G729", 8_000)
    }

    /// GSM full rate with its static payload type.
    pub fn gsm() -> Self {
        Self::new(3, "GSM", 8_000)
    }

    /// iLBC in frames of one of its lengths (RFC 3952).
    pub fn ilbc(payload_type: u8, mode: IlbcMode) -> Self {
        let format = Self::new(payload_type, "iLBC", 8_000);
        match mode {
            IlbcMode::Milliseconds20 => format.with_fmtp("mode=20"),
            IlbcMode::Milliseconds30 => format.with_fmtp("mode=30"),
        }
    }

    /// Speex at 8,000, 16,000 or 32,000 samples a second (RFC 5574).
    pub fn speex(payload_type: u8, sample_rate: u32) -> Self {
        Self::new(payload_type, "speex", sample_rate)
    }
}
