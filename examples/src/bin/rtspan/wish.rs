//! Options of a client: what it asks to play, and what it says of itself.

use std::str::FromStr;

use rtspan_std::header::HeaderError;
use rtspan_std::{
    ClientConfig, Error, MediaChoice, MediaKind, Playback, Range, RequestError, SourcePolicy, Tolerances,
};

/// Where and how fast a stream is played, and what of it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PlaybackArgs {
    /// Play from there: seconds or hours:minutes:seconds after the start, "now", or a time such as 20260102T030405Z; an end may
    /// follow, as in 60-90. npt=, clock= and smpte= are taken as RTSP has them.
    #[arg(long, value_name = "TIME", value_parser = place)]
    seek: Option<Range>,

    /// Ask the server to play so many times as fast; below zero is backwards. It may leave out frames.
    #[arg(long, value_name = "N", value_parser = scale, allow_hyphen_values = true)]
    scale: Option<f32>,

    /// Ask the server to send so many times as fast.
    #[arg(long, value_name = "N", value_parser = speed, allow_hyphen_values = true)]
    speed: Option<f32>,

    /// Play these medias only: kinds, such as video,audio, or numbers, such as 0,2.
    #[arg(long, value_name = "KIND,...", value_delimiter = ',')]
    media: Vec<String>,

    /// Take media over UDP from any port of the server, and say which it is.
    #[arg(long)]
    any_port: bool,
}

/// The headers that a client sends with each request.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RequestArgs {
    /// The name that the client gives itself.
    #[arg(long, value_name = "NAME", help_heading = "Requests", hide_short_help = true)]
    user_agent: Option<String>,

    /// Add a header to each request, such as "X-Site: roof". May be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", help_heading = "Requests", hide_short_help = true)]
    headers: Vec<Header>,
}

#[derive(Clone)]
struct Header {
    name: String,
    value: String,
}

/// The value may be secret.
impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum BadWish {
    #[error("a time is needed, such as 60, 0:01:00, now, 20260102T030405Z or npt=60-90")]
    Place(#[source] HeaderError),
    #[error("a number other than zero is needed")]
    Scale,
    #[error("a number above zero is needed")]
    Speed,
    #[error("a name, a colon and a value are needed, such as \"X-Site: roof\"")]
    NoColon,
    #[error(transparent)]
    Header(#[from] RequestError),
}

impl PlaybackArgs {
    pub(crate) fn playback(&self) -> Playback {
        let mut playback = Playback::from(self.seek);
        if let Some(scale) = self.scale {
            playback = playback.scale(scale);
        }
        if let Some(speed) = self.speed {
            playback = playback.speed(speed);
        }
        playback
    }

    pub(crate) fn medias(&self) -> MediaChoice {
        if self.media.is_empty() {
            return MediaChoice::default();
        }
        let numbers = self.media.iter().map(|media| media.parse::<usize>());
        match numbers.collect::<Result<Vec<_>, _>>() {
            Ok(numbers) => numbers.into(),
            Err(_) => self.media.iter().map(|kind| MediaKind::from(kind.as_str())).collect::<Vec<_>>().into(),
        }
    }

    pub(crate) fn apply(&self, config: ClientConfig) -> ClientConfig {
        if self.any_port { config.source(SourcePolicy::AnyPort) } else { config }
    }
}

impl RequestArgs {
    pub(crate) fn apply(&self, mut config: ClientConfig) -> Result<ClientConfig, Error> {
        if let Some(user_agent) = &self.user_agent {
            config = config.user_agent(user_agent);
        }
        let headers = self.headers.iter();
        Ok(headers
            .into_iter()
            .try_fold(config, |config, Header { name, value }| config.header(name, value))?)
    }
}

impl FromStr for Header {
    type Err = BadWish;

    fn from_str(text: &str) -> Result<Self, BadWish> {
        let (name, value) = text.split_once(':').ok_or(BadWish::NoColon)?;
        let (name, value) = (name.trim(), value.trim());
        ClientConfig::default().header(name, value)?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

fn place(text: &str) -> Result<Range, BadWish> {
    let text = if text.contains(['-', '=']) { text.to_owned() } else { format!("{text}-") };
    let text = match text.as_str() {
        with_unit if with_unit.contains('=') => text,
        time if time.contains('T') => format!("clock={text}"),
        _ => format!("npt={text}"),
    };
    Range::parse(&text, &mut Tolerances::default()).map_err(BadWish::Place)
}

fn scale(text: &str) -> Result<f32, BadWish> {
    text.parse().ok().filter(|scale: &f32| scale.is_finite() && *scale != 0.0).ok_or(BadWish::Scale)
}

fn speed(text: &str) -> Result<f32, BadWish> {
    scale(text).ok().filter(|speed| *speed > 0.0).ok_or(BadWish::Speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_any_of_its_units() {
        for (text, expected) in [
            ("60", "npt=60-"),
            ("1.5", "npt=1.5-"),
            ("0:01:00", "npt=60-"),
            ("60-90", "npt=60-90"),
            ("now", "npt=now-"),
            ("20260102T030405Z", "clock=20260102T030405Z-"),
            ("smpte-25=0:10:00-", "smpte-25=0:10:00-"),
            ("npt=60-90", "npt=60-90"),
        ] {
            assert_eq!(place(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "T", "minutes=3-"] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused() {
        let header: Header = "X-Site:  roof: left ".parse().unwrap();
        assert_eq!((&*header.name, &*header.value), ("X-Site", "roof: left"));
        for text in ["X-Site", "CSeq: 7", ": roof", "X Site: roof", "X-Site: a\r\nb: c"] {
            assert!(text.parse::<Header>().is_err(), "{text}");
        }
    }
}
