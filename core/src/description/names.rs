//! The names of encodings as the documents write them that register them (RFC 4855: their case does not count).

const NAMES: &[&str] = &[
    // those that nearly all devices have
    "H264",
    "H265",
    "PCMU",
    "PCMA",
    "mpeg4-generic",
    "opus",
    "vnd.onvif.metadata",
    // video
    "AV1",
    "CelB",
    "H261",
    "H263",
    "H263-1998",
    "H263-2000",
    "H266",
    "JPEG",
    "MP2T",
    "MP4V-ES",
    "MPV",
    "VP8",
    "VP9",
    "nv",
    "raw",
    // audio
    "AAL2-G726-16",
    "AAL2-G726-24",
    "AAL2-G726-32",
    "AAL2-G726-40",
    "AC3",
    "AMR",
    "AMR-WB",
    "CN",
    "DVI4",
    "G722",
    "G723",
    "G726-16",
    "G726-24",
    "G726-32",
    "G726-40",
    "G728",
    "G729",
    "GSM",
    "eac3",
    "L8",
    "L16",
    "L20",
    "L24",
    "LPC",
    "MP4A-LATM",
    "MPA",
    "QCELP",
    "iLBC",
    "multiopus",
    "speex",
    "telephone-event",
    // other
    "SMPTE336M",
];

/// The usual spelling of a name; the name itself, if it is not known.
pub(super) fn canonical(name: &str) -> &str {
    NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}
