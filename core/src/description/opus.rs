use bytes::Bytes;

use super::Format;
use super::video::readable;
use crate::Tolerances;

/// The parameters of an Opus track.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Opus {
    /// Channels that the sender is likely to use: two with `sprop-stereo=1`, else one (RFC 7587, section 6.1). Of `multiopus`
    /// those of its rtpmap.
    pub channels: u8,
    /// How the streams of `multiopus` make the channels; `None` if there is one stream.
    pub streams: Option<OpusStreams>,
}

/// The streams of which each packet of `multiopus` consists.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OpusStreams {
    /// How many there are.
    pub count: u8,
    /// How many of them have two channels; they come first.
    pub coupled: u8,
    /// For each channel that comes out, the one of the streams that it is; 255 is silence.
    pub mapping: Bytes,
}

/// Streams that do not make the channels that they are to make.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "these streams do not make the channels of Opus: each channel is one that they have, or 255 for silence"
)]
pub struct BadOpusStreams;

impl Opus {
    pub(super) fn read(format: &Format) -> Self {
        let stereo = format.parameter("sprop-stereo") == Some("1");
        Self { channels: if stereo { 2 } else { 1 }, streams: None }
    }

    /// `None` if it is not said what a packet consists of.
    pub(super) fn read_streams(format: &Format, tolerances: &mut Tolerances) -> Option<Self> {
        let mut number = |name: &str| readable(format.parameter(name), tolerances, |text| text.parse().ok());
        let (count, coupled) = (number("num_streams")?, number("coupled_streams")?);
        let mapping = readable(format.parameter("channel_mapping"), tolerances, |text| {
            text.split(',').map(|item| item.trim_ascii().parse().ok()).collect::<Option<Vec<u8>>>()
        });
        let streams = OpusStreams { count, coupled, mapping: mapping?.into() };
        let channels = u8::try_from(format.channels?).ok()?;
        streams.can_make(channels).then_some(Self { channels, streams: Some(streams) })
    }
}

impl OpusStreams {
    fn can_make(&self, channels: u8) -> bool {
        const SILENCE: u8 = 255;
        let decoded = u16::from(self.count).saturating_add(self.coupled.into());
        let is_known = |channel: &u8| u16::from(*channel) < decoded || *channel == SILENCE;
        (1..256).contains(&decoded)
            && self.coupled <= self.count
            && self.mapping.len() == usize::from(channels)
            && self.mapping.iter().all(is_known)
    }
}

impl Format {
    /// Opus, mono or stereo (RFC 7587; the rtpmap says two channels for both).
    pub fn opus(payload_type: u8, stereo: bool) -> Self {
        let format = Self::new(payload_type, "opus", 48_000).with_channels(2);
        if stereo { format.with_fmtp("sprop-stereo=1") } else { format }
    }

    /// Opus of several streams, the first `coupled` of them stereo; `mapping` has for each channel the one of the streams that
    /// it is. 5.1 is `multiopus(96, 4, 2, &[0, 4, 1, 2, 3, 5])`.
    ///
    /// # Errors
    ///
    /// If the streams have no such channels.
    pub fn multiopus(
        payload_type: u8,
        streams: u8,
        coupled: u8,
        mapping: &[u8],
    ) -> Result<Self, BadOpusStreams> {
        let channels = u8::try_from(mapping.len()).map_err(|_| BadOpusStreams)?;
        let made = OpusStreams { count: streams, coupled, mapping: Bytes::copy_from_slice(mapping) };
        if channels == 0 || !made.can_make(channels) {
            return Err(BadOpusStreams);
        }
        let mapping: Vec<String> = mapping.iter().map(u8::to_string).collect();
        let mapping = mapping.join(",");
        let fmtp = format!("num_streams={streams}; coupled_streams={coupled}; channel_mapping={mapping}");
        Ok(Self::new(payload_type, "multiopus", 48_000).with_channels(channels.into()).with_fmtp(fmtp))
    }
}
