//! The static payload types of RFC 3551, section 6.

/// The meaning of a payload type when no rtpmap says otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct StaticType {
    pub(super) encoding: &'static str,
    pub(super) clock_rate: u32,
    /// The number of channels where it is not one.
    pub(super) channels: Option<u16>,
}

pub(super) fn static_type(payload_type: u8) -> Option<StaticType> {
    let (encoding, clock_rate) = match payload_type {
        0 => ("PCMU", 8_000),
        3 => ("GSM", 8_000),
        4 => ("G723", 8_000),
        5 => ("DVI4", 8_000),
        6 => ("DVI4", 16_000),
        7 => ("LPC", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000),
        10 | 11 => ("L16", 44_100),
        12 => ("QCELP", 8_000),
        13 => ("CN", 8_000),
        14 => ("MPA", 90_000),
        15 => ("G728", 8_000),
        16 => ("DVI4", 11_025),
        17 => ("DVI4", 22_050),
        18 => ("G729", 8_000),
        25 => ("CelB", 90_000),
        26 => ("JPEG", 90_000),
        28 => ("nv", 90_000),
        31 => ("H261", 90_000),
        32 => ("MPV", 90_000),
        33 => ("MP2T", 90_000),
        34 => ("H263", 90_000),
        _ => return None,
    };
    Some(StaticType { encoding, clock_rate, channels: (payload_type == 10).then_some(2) })
}
