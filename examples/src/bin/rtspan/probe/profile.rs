//! The names of profiles and levels, by the name of a codec in browsers and playlists (RFC 6381).

/// The profile and the level of a codec such as `avc1.64001F`; `None` if nobody gives it a name.
pub(super) fn profile(codec: &str) -> Option<(String, Option<String>)> {
    let (kind, rest) = codec.split_once('.')?;
    let fields: Vec<&str> = rest.split('.').collect();
    let (profile, level) = match kind {
        "avc1" => h264(fields.first()?)?,
        "hvc1" => h265(&fields)?,
        "vvc1" => h266(&fields)?,
        "av01" => av1(&fields)?,
        "vp08" | "vp09" => vp(&fields)?,
        "mp4v" => (mpeg_video(&fields)?, None),
        "mp4a" => (aac(fields.get(1)?.parse().ok()?)?.to_owned(), None),
        _ => return None,
    };
    Some((profile, level))
}

type Names = (String, Option<String>);

/// A level in tens, or in thirties.
fn level(number: u32, unit: u32) -> String {
    format!("{}.{}", number / unit, number % unit * 10 / unit)
}

/// H.264, annex A.
fn h264(hex: &str) -> Option<Names> {
    let number = u32::from_str_radix(hex, 16).ok()?;
    let (profile, constraints, own_level) = (number >> 16, number >> 8 & 0xff, number & 0xff);
    let is_set = |constraint: u32| constraints & (0x80 >> constraint) != 0;
    let name = match profile {
        66 if is_set(1) => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 if is_set(4) && is_set(5) => "Constrained High",
        100 if is_set(4) => "Progressive High",
        100 => "High",
        110 if is_set(3) => "High 10 Intra",
        110 => "High 10",
        122 if is_set(3) => "High 4:2:2 Intra",
        122 => "High 4:2:2",
        244 if is_set(3) => "High 4:4:4 Intra",
        244 => "High 4:4:4 Predictive",
        44 => "CAVLC 4:4:4 Intra",
        _ => return None,
    };
    let is_1b = own_level == 9 || (own_level == 11 && profile < 100 && is_set(3));
    Some((name.to_owned(), Some(if is_1b { "1b".to_owned() } else { level(own_level, 10) })))
}

/// H.265, annex A; `L93` is level 3.1 of the main tier, `H93` of the high tier.
fn h265(fields: &[&str]) -> Option<Names> {
    let name = match *fields.first()? {
        "1" => "Main",
        "2" => "Main 10",
        "3" => "Main Still Picture",
        "4" => "Rext",
        "9" => "SCC",
        _ => return None,
    };
    let own_level = fields.get(2)?.get(1..).and_then(|level| level.parse().ok());
    Some((name.to_owned(), own_level.map(|number| level(number, 30))))
}

/// H.266, annex A; `L51` is level 3.1 (16 for each level, 3 for each tenth).
fn h266(fields: &[&str]) -> Option<Names> {
    let name = match *fields.first()? {
        "1" => "Main 10",
        "17" => "Multilayer Main 10",
        "33" => "Main 10 4:4:4",
        "65" => "Main 10 Still Picture",
        _ => return None,
    };
    let own_level: Option<u32> = fields.get(1)?.get(1..).and_then(|level| level.parse().ok());
    Some((name.to_owned(), own_level.map(|number| format!("{}.{}", number / 16, number % 16 / 3))))
}

/// AV1, annex A; the fourth part of a level is a step of it, and they begin with 2.0.
fn av1(fields: &[&str]) -> Option<Names> {
    let name = match *fields.first()? {
        "0" => "Main",
        "1" => "High",
        "2" => "Professional",
        _ => return None,
    };
    let own_level: Option<u32> = fields.get(1)?.get(..2).and_then(|level| level.parse().ok());
    Some((name.to_owned(), own_level.map(|number| format!("{}.{}", 2 + number / 4, number % 4))))
}

/// VP8 and VP9.
fn vp(fields: &[&str]) -> Option<Names> {
    let profile: u8 = fields.first()?.parse().ok()?;
    let own_level: Option<u32> =
        fields.get(1).and_then(|level| level.parse().ok()).filter(|level| *level > 0);
    Some((format!("Profile {profile}"), own_level.map(|number| level(number, 10))))
}

/// MPEG-4 video by its profile and level (ISO/IEC 14496-2, table G.1), MPEG-2 video by its object type (ISO/IEC 14496-1, table 5).
fn mpeg_video(fields: &[&str]) -> Option<String> {
    let name = match (*fields.first()?, fields.get(1).and_then(|number| number.parse::<u8>().ok())) {
        ("20", Some(1..=9)) => "Simple",
        ("20", Some(0x11..=0x12)) => "Simple Scalable",
        ("20", Some(0x21..=0x22)) => "Core",
        ("20", Some(0x32..=0x34)) => "Main",
        ("20", Some(0xf0..=0xf7)) => "Advanced Simple",
        ("60", _) => "Simple",
        ("61", _) => "Main",
        ("62", _) => "SNR Scalable",
        ("63", _) => "Spatially Scalable",
        ("64", _) => "High",
        ("65", _) => "4:2:2",
        _ => return None,
    };
    Some(name.to_owned())
}

/// MPEG-4 audio by its object type (ISO/IEC 14496-3, table 1.3).
fn aac(object_type: u8) -> Option<&'static str> {
    Some(match object_type {
        1 => "Main",
        2 => "LC",
        3 => "SSR",
        4 => "LTP",
        5 => "HE-AAC",
        23 => "LD",
        29 => "HE-AACv2",
        39 => "ELD",
        42 => "xHE-AAC",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_and_levels_have_their_names() {
        for (codec, name, level) in [
            ("avc1.42C01E", "Constrained Baseline", Some("3.0")),
            ("avc1.42001E", "Baseline", Some("3.0")),
            ("avc1.4D101B", "Main", Some("2.7")),
            ("avc1.42D00B", "Constrained Baseline", Some("1b")),
            ("avc1.640028", "High", Some("4.0")),
            ("avc1.F4001F", "High 4:4:4 Predictive", Some("3.1")),
            ("hvc1.1.6.L93.B0", "Main", Some("3.1")),
            ("hvc1.2.4.H150.B0", "Main 10", Some("5.0")),
            ("vvc1.1.L51.CQA", "Main 10", Some("3.1")),
            ("av01.0.04M.08", "Main", Some("3.0")),
            ("av01.1.09H.10", "High", Some("4.1")),
            ("vp09.02.31.10", "Profile 2", Some("3.1")),
            ("vp08.00.00.08", "Profile 0", None),
            ("mp4v.20.1", "Simple", None),
            ("mp4v.20.245", "Advanced Simple", None),
            ("mp4v.61", "Main", None),
            ("mp4a.40.2", "LC", None),
            ("mp4a.40.29", "HE-AACv2", None),
        ] {
            assert_eq!(profile(codec), Some((name.to_owned(), level.map(str::to_owned))), "{codec}");
        }
    }

    #[test]
    fn what_has_no_name_has_none() {
        for codec in ["opus", "avc1", "avc1.", "avc1.zz", "hvc1.1", "vp09", "mp4a.6B", "mp4a.40.99", ""] {
            assert_eq!(profile(codec), None, "{codec}");
        }
    }
}
