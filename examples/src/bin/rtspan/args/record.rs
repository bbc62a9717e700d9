use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rtspan_examples::archive::is_camera;

use super::{BadTarget, PlayTransport, Target, seconds};
use crate::wish::RequestArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// The cameras, such as rtsp://camera/main or gate=rtsp://camera/main. Without a name it is that of host and path:
    /// camera-main.
    #[arg(value_name = "[NAME=]URL", required = true)]
    pub(crate) cameras: Vec<NamedTarget>,

    /// Record into this folder, which has a folder for each camera, and there one for each day.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,

    /// Begin another file with the first keyframe after so long, such as 60s, 5m or 1h.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = span)]
    pub(crate) segment: Duration,

    /// Keep so much, such as 500MB or 2GB, of all cameras in the folder together: the oldest files are removed.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) keep: Option<u64>,

    /// Remove files after so long, such as 12h or 7d.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) keep_for: Option<Duration>,

    /// The transport of media; auto is UDP, and TCP where UDP is refused or nothing comes through.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) transport: PlayTransport,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    /// Stop after so long; without, Ctrl-C stops it.
    #[arg(long, value_name = "N", value_parser = seconds())]
    pub(crate) seconds: Option<u64>,

    /// Tell what happens in lines of JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A camera and the name of its recordings.
#[derive(Clone, Debug)]
pub(crate) struct NamedTarget {
    pub(crate) name: String,
    pub(crate) url: Target,
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum BadCamera {
    #[error("a name has letters, digits, and - _ . within, as in gate=rtsp://camera/main")]
    Name,
    #[error(transparent)]
    Url(#[from] BadTarget),
}

impl FromStr for NamedTarget {
    type Err = BadCamera;

    fn from_str(text: &str) -> Result<Self, BadCamera> {
        let before_url = text.find("://").unwrap_or(text.len());
        match text.split_once('=').filter(|(name, _)| name.len() < before_url) {
            Some((name, url)) if is_camera(name) => Ok(Self { name: name.to_owned(), url: url.parse()? }),
            Some(_) => Err(BadCamera::Name),
            None => {
                let url: Target = text.parse()?;
                Ok(Self { name: name_of(&url), url })
            }
        }
    }
}

/// Host and path, as a name.
fn name_of(url: &Target) -> String {
    let shown = url.to_string();
    let (_, behind) = shown.split_once("://").unwrap_or(("", &shown));
    let behind = behind.split_once('?').map_or(behind, |(path, _)| path);
    // Credentials are no part of it.
    let behind = behind.rsplit_once('@').map_or(behind, |(_, host)| host);
    let fit = behind.chars().map(|char| if is_camera(&char.to_string()) || char == '.' { char } else { '-' });
    let name: String = fit.take(100).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// The units of time, in seconds.
const TIMES: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("", 1)];
/// The units of size, in bytes.
const SIZES: [(&str, u64); 9] = [
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("", 1),
];

pub(crate) fn span(text: &str) -> Result<Duration, &'static str> {
    let seconds = amount(text, &TIMES).ok_or("a time is needed, such as 60s, 5m, 12h or 7d")?;
    Ok(Duration::from_secs(seconds))
}

pub(crate) fn size(text: &str) -> Result<u64, &'static str> {
    amount(text, &SIZES).ok_or("a size is needed, such as 500MB or 2GB")
}

/// A number with its unit, above zero.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = text.trim_start_matches(|char: char| char.is_ascii_digit());
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let (_, each) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*each).filter(|amount| *amount > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_have_the_names_that_they_are_given_or_those_of_their_urls() {
        for (text, name) in [
            ("gate=rtsp://user:secret@camera/main", "gate"),
            ("rtsp://user:secret@camera/main", "camera-main"),
            ("rtsp://10.0.0.7:8554/cam/realmonitor?channel=1&subtype=0", "10.0.0.7-8554-cam-realmonitor"),
            ("rtsp://[::1]:8554/live", "1--8554-live"),
            ("rtsp://camera/?a=b", "camera"),
        ] {
            let camera: NamedTarget = text.parse().unwrap();
            assert_eq!(camera.name, name, "{text}");
        }
        for text in ["../gate=rtsp://camera/main", "=rtsp://camera", ".x=rtsp://camera", "gate=http://camera"]
        {
            assert!(text.parse::<NamedTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(
            [span("60"), span("5m"), span("7d")].map(|time| time.unwrap().as_secs()),
            [60, 300, 604_800]
        );
        assert_eq!([size("2GB"), size("1gib"), size("7")].map(Result::unwrap), [2_000_000_000, 1 << 30, 7]);
        assert!(
            ["", "0s", "s", "1w", "-1s", "1.5h", "99999999999999999d"]
                .into_iter()
                .all(|text| span(text).is_err())
        );
        assert!(size("2G").is_err());
    }
}
