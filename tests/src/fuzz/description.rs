//! Descriptions: each is written as SDP that a strict parser takes, and that reads the same.

use rtspan_core::url::track::track_url;
use rtspan_core::{Description, Tolerances, Url, limits};

/// Reads the bytes as SDP.
pub fn run(data: &[u8]) {
    let mut tolerances = Tolerances::NONE;
    let Ok(description) = Description::parse(data, &mut tolerances) else { return };
    assert!((1..=limits::MEDIAS_MAX).contains(&description.medias.len()));
    assert!(description.medias.iter().all(|media| media.formats.len() <= limits::FORMATS_MAX));
    for track in 0..description.medias.len() {
        description.is_back_channel(track);
    }
    check_written(&description, tolerances);
    let named = description.with_track_controls();
    check_written(&named, tolerances);
    let base = Url::parse("rtsp://h/cam").expect("a URL");
    for media in &named.medias {
        track_url(&base, media.control.as_deref()).expect("a control of our own");
    }
}

/// A media without formats and a format without a name stay so; nothing else deviates any more.
fn check_written(description: &Description, tolerated: Tolerances) {
    let written = description.to_sdp();
    sdp_types::Session::parse(written.as_bytes()).unwrap_or_else(|error| panic!("{error}: {written}"));
    let mut tolerances = Tolerances::NONE;
    let read = Description::parse(written.as_bytes(), &mut tolerances);
    assert_eq!(read.as_ref(), Ok(description), "{written}");
    let mut all = tolerated;
    all.merge(tolerances);
    let has_formats = description.medias.iter().all(|media| !media.formats.is_empty());
    assert!(all == tolerated || !has_formats, "{tolerances:?}: {written}");
    assert_eq!(description.to_sdp(), written);
}
