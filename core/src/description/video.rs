use bytes::Bytes;

use super::Format;
use crate::tolerance::Tolerance;
use crate::{Tolerances, base64};

/// The parameters of an H.264 track, as known before its first packet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct H264 {
    /// How packets are made: 0 single NAL units, 1 aggregated and fragmented, 2 interleaved (RFC 6184, section 6).
    pub packetization_mode: u8,
    /// Profile, constraints and level, as bytes 1 to 3 of a sequence parameter set.
    pub profile_level_id: Option<[u8; 3]>,
    /// The first sequence parameter set, a whole NAL unit without a start code.
    pub sps: Option<Bytes>,
    /// The first picture parameter set, a whole NAL unit without a start code.
    pub pps: Option<Bytes>,
}

impl H264 {
    /// SPS and PPS, if both are there: one alone does not start a decoder.
    pub fn parameter_sets(&self) -> Option<[&Bytes; 2]> {
        Some([self.sps.as_ref()?, self.pps.as_ref()?])
    }

    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let mut h264 = Self {
            packetization_mode: readable(format.parameter("packetization-mode"), tolerances, |mode| {
                mode.parse().ok().filter(|mode| *mode <= 2)
            })
            .unwrap_or(0),
            profile_level_id: readable(format.parameter("profile-level-id"), tolerances, three_bytes),
            ..Self::default()
        };
        let sets = format.parameter("sprop-parameter-sets").unwrap_or_default();
        for_each_nal(sets, tolerances, |header, nal| match header & 0x1f {
            7 => keep_first(&mut h264.sps, nal),
            8 => keep_first(&mut h264.pps, nal),
            _ => {}
        });
        h264
    }
}

/// The parameters of an H.265 track, as known before its first packet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct H265 {
    /// The first video parameter set, a whole NAL unit without a start code.
    pub vps: Option<Bytes>,
    /// The first sequence parameter set, a whole NAL unit without a start code.
    pub sps: Option<Bytes>,
    /// The first picture parameter set, a whole NAL unit without a start code.
    pub pps: Option<Bytes>,
    /// How far NAL units may be out of decoding order; above zero, packets carry decoding order numbers.
    pub max_don_diff: u16,
}

impl H265 {
    /// VPS, SPS and PPS, if all are there: some cameras list only a part, which does not start a decoder.
    pub fn parameter_sets(&self) -> Option<[&Bytes; 3]> {
        Some([self.vps.as_ref()?, self.sps.as_ref()?, self.pps.as_ref()?])
    }

    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let mut h265 = Self { max_don_diff: max_don_diff(format, tolerances), ..Self::default() };
        for_each_set(format, tolerances, |nal| match nal.first().map(|header| header >> 1 & 0x3f) {
            Some(32) => keep_first(&mut h265.vps, nal),
            Some(33) => keep_first(&mut h265.sps, nal),
            Some(34) => keep_first(&mut h265.pps, nal),
            _ => {}
        });
        h265
    }
}

/// The parameters of an H.266 track, as known before its first packet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct H266 {
    /// The first video parameter set, which streams of one layer need not have.
    pub vps: Option<Bytes>,
    /// The first sequence parameter set, a whole NAL unit without a start code.
    pub sps: Option<Bytes>,
    /// The first picture parameter set, a whole NAL unit without a start code.
    pub pps: Option<Bytes>,
    /// How far NAL units may be out of decoding order; above zero, packets carry decoding order numbers.
    pub max_don_diff: u16,
}

impl H266 {
    pub(super) fn read(format: &Format, tolerances: &mut Tolerances) -> Self {
        let mut h266 = Self { max_don_diff: max_don_diff(format, tolerances), ..Self::default() };
        for_each_set(format, tolerances, |nal| match nal.get(1).map(|header| header >> 3) {
            Some(14) => keep_first(&mut h266.vps, nal),
            Some(15) => keep_first(&mut h266.sps, nal),
            Some(16) => keep_first(&mut h266.pps, nal),
            _ => {}
        });
        h266
    }
}

/// RFC 7798, section 7.1; RFC 9328 has the same.
fn max_don_diff(format: &Format, tolerances: &mut Tolerances) -> u16 {
    readable(format.parameter("sprop-max-don-diff"), tolerances, |n| n.parse().ok()).unwrap_or(0)
}

/// Calls `each` with every parameter set of H.265 or H.266.
fn for_each_set(format: &Format, tolerances: &mut Tolerances, mut each: impl FnMut(&[u8])) {
    for name in ["sprop-vps", "sprop-sps", "sprop-pps"] {
        let sets = format.parameter(name).unwrap_or_default();
        for_each_nal(sets, tolerances, |_, nal| each(nal));
    }
}

impl Format {
    /// Calls `each` with every NAL unit that a parameter lists.
    pub(crate) fn for_each_listed_nal(&self, name: &str, mut each: impl FnMut(&[u8])) {
        let list = self.parameter(name).unwrap_or_default();
        for_each_nal(list, &mut Tolerances::default(), |_, nal| each(nal));
    }
}

pub(super) fn h264_fmtp(sps: &[u8], pps: &[u8]) -> String {
    let profile = match sps {
        [_, profile, constraints, level, ..] => {
            format!("profile-level-id={profile:02X}{constraints:02X}{level:02X}; ")
        }
        _ => String::new(),
    };
    let (sps, pps) = (base64::encode(sps), base64::encode(pps));
    format!("packetization-mode=1; {profile}sprop-parameter-sets={sps},{pps}")
}

pub(super) fn h265_fmtp(vps: &[u8], sps: &[u8], pps: &[u8]) -> String {
    let [vps, sps, pps] = [vps, sps, pps].map(base64::encode);
    format!("sprop-vps={vps}; sprop-sps={sps}; sprop-pps={pps}")
}

pub(super) fn h266_fmtp(vps: Option<&[u8]>, sps: &[u8], pps: &[u8]) -> String {
    let vps = vps.map(|vps| format!("sprop-vps={}; ", base64::encode(vps))).unwrap_or_default();
    let [sps, pps] = [sps, pps].map(base64::encode);
    format!("{vps}sprop-sps={sps}; sprop-pps={pps}")
}

/// Reads a parameter; if it is there and makes no sense, that is recorded.
pub(super) fn readable<T>(
    value: Option<&str>,
    tolerances: &mut Tolerances,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let read = read(value?);
    if read.is_none() {
        tolerances.record(Tolerance::FmtpValue);
    }
    read
}

fn three_bytes(hex: &str) -> Option<[u8; 3]> {
    let digits = hex.len() == 6 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    let [_, a, b, c] = u32::from_str_radix(hex, 16).ok().filter(|_| digits)?.to_be_bytes();
    Some([a, b, c])
}

/// Calls `each` with every NAL unit of a comma-separated list, and with its first byte.
fn for_each_nal(list: &str, tolerances: &mut Tolerances, mut each: impl FnMut(u8, &[u8])) {
    for item in list.split(',').map(str::trim_ascii).filter(|item| !item.is_empty()) {
        let Some(bytes) = base64::decode(item) else {
            tolerances.record(Tolerance::FmtpValue);
            continue;
        };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let nal;
            (nal, rest) = match rest.windows(3).position(|window| window == [0, 0, 1]) {
                Some(at) => {
                    tolerances.record(Tolerance::SpropStartCode);
                    let (nal, rest) = rest.split_at(at);
                    (nal, rest.get(3..).unwrap_or_default())
                }
                None => (rest, Default::default()),
            };
            let nal = without_trailing_zeros(nal);
            if let Some(&header) = nal.first() {
                each(header, nal);
            }
        }
    }
}

/// A NAL unit ends in a bit that is set; zeros behind it belong to the next start code.
fn without_trailing_zeros(mut nal: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = nal {
        nal = rest;
    }
    nal
}

fn keep_first(slot: &mut Option<Bytes>, nal: &[u8]) {
    slot.get_or_insert_with(|| Bytes::copy_from_slice(nal));
}
