use super::video::readable;
use super::{Format, fmtp};
use crate::{Tolerance, Tolerances};

/// The parameters of a track of AMR or AMR-WB (RFC 4867, section 8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Amr {
    /// AMR-WB: 16,000 samples a second, where AMR has 8,000.
    pub is_wideband: bool,
    /// Channels, of which each has its own frame every 20 ms.
    pub channels: u8,
    /// How packets are filled.
    pub packing: AmrPacking,
    /// The modes that may be used, a bit for each; `None` if all may be.
    pub modes: Option<u16>,
    /// Frames have checksums (`crc=1`).
    pub has_checksums: bool,
    /// The bits of all frames of a packet are sorted by how much they matter (`robust-sorting=1`).
    pub is_sorted: bool,
    /// Frame-blocks at most that an interleaved group has; `None` if nothing is interleaved.
    pub interleaving: Option<u16>,
}

/// How packets of AMR are filled (RFC 4867, section 4.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AmrPacking {
    /// Frames follow each other bit by bit; the default.
    BandwidthEfficient,
    /// Each frame begins with a byte: `octet-align=1`. Most programs know only this one.
    OctetAligned,
}

impl Amr {
    pub(super) fn read(format: &Format, is_wideband: bool, tolerances: &mut Tolerances) -> Self {
        let has_checksums = flag(format, "crc", tolerances);
        let is_sorted = flag(format, "robust-sorting", tolerances);
        let interleaving = interleaving(format, tolerances);
        let modes = readable(format.parameter("mode-set"), tolerances, |text| {
            text.split(',').try_fold(0_u16, |modes, mode| {
                Some(modes | 1_u16.checked_shl(mode.trim_ascii().parse().ok()?)?)
            })
        });
        // Each of the others needs whole bytes.
        let is_aligned =
            flag(format, "octet-align", tolerances) || has_checksums || is_sorted || interleaving.is_some();
        Self {
            is_wideband,
            channels: u8::try_from(format.channels.unwrap_or(1)).unwrap_or(u8::MAX).max(1),
            packing: if is_aligned { AmrPacking::OctetAligned } else { AmrPacking::BandwidthEfficient },
            modes,
            has_checksums,
            is_sorted,
            interleaving,
        }
    }
}

/// Frame-blocks of an interleaved group. A group of none means that nothing is interleaved.
fn interleaving(format: &Format, tolerances: &mut Tolerances) -> Option<u16> {
    let blocks = readable(format.parameter("interleaving"), tolerances, |text| text.parse().ok())?;
    if blocks == 0 {
        tolerances.record(Tolerance::InterleavingOfNone);
    }
    Some(blocks).filter(|blocks| *blocks > 0)
}

/// A parameter that is `1`, or stands there without a value (3GPP's early servers: `octet-align`).
fn flag(format: &Format, name: &str, tolerances: &mut Tolerances) -> bool {
    let value = readable(format.parameter(name), tolerances, |text| match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    });
    value.unwrap_or_else(|| {
        let text = format.fmtp.as_deref().unwrap_or_default();
        fmtp::items(text).any(|item| item.trim_ascii().eq_ignore_ascii_case(name))
    })
}

impl Format {
    /// AMR, mono (RFC 4867).
    pub fn amr(payload_type: u8, packing: AmrPacking) -> Self {
        Self::new(payload_type, "AMR", 8_000).with_packing(packing)
    }

    /// AMR-WB, mono (RFC 4867).
    pub fn amr_wb(payload_type: u8, packing: AmrPacking) -> Self {
        Self::new(payload_type, "AMR-WB", 16_000).with_packing(packing)
    }

    fn with_packing(self, packing: AmrPacking) -> Self {
        match packing {
            AmrPacking::BandwidthEfficient => self,
            AmrPacking::OctetAligned => self.with_fmtp("octet-align=1"),
        }
    }
}
