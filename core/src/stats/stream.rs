use std::time::Duration;

use super::{Counted, MediaStats, Traffic};
use crate::Instant;

/// A stream: the packets that were published, and those of them that its readers were sent.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StreamStats {
    /// The time at which the numbers of published packets were true.
    pub at: Option<Instant>,
    /// Packets that were published, and their payload bytes: without headers and padding.
    pub published: Counted,
    /// Bits a second of the packets, with their headers, that were published in the last
    /// [`BITRATE_WINDOW`](crate::limits::BITRATE_WINDOW), or in the time of which the stream still keeps all packets if that is
    /// shorter; `None` before the second packet.
    pub bitrate: Option<u64>,
    /// Packets that are kept for readers.
    pub kept: Counted,
    /// Packets sent to its readers, those that have gone included.
    pub sent: Traffic,
    /// Its medias, in the order of the description.
    pub medias: Vec<StreamMediaStats>,
}

/// A media of a stream.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StreamMediaStats {
    /// Packets that were published, and their payload bytes: without headers and padding.
    pub published: Counted,
    /// Keyframes, or other access points, that were told from the packets.
    pub keyframes: u64,
    /// The time between the last two of them; `None` before the second, and where none can be told.
    pub keyframe_interval: Option<Duration>,
    /// Packets sent to readers, those that have gone included.
    pub sent: Traffic,
    /// Its sources; those beyond [`SOURCES_MAX`](crate::limits::SOURCES_MAX) that have sent nothing for longest are gone.
    pub formats: Vec<StreamFormatStats>,
}

/// A source (SSRC) of a media of a stream, which mostly is one format.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StreamFormatStats {
    /// The SSRC that its packets have.
    pub local_ssrc: u32,
    /// The payload type of its newest packet that is kept.
    pub payload_type: Option<u8>,
    /// Packets that were published, and their payload bytes: without headers and padding.
    pub published: Counted,
    /// The sequence number of the newest packet.
    pub last_sequence: Option<u16>,
    /// The timestamp of the newest packet.
    pub last_timestamp: Option<u32>,
    /// Packets sent to readers, those that have gone included.
    pub sent: Counted,
}

impl StreamStats {
    /// Adds what its readers were sent.
    pub(crate) fn take_sent(&mut self, medias: &[MediaStats]) {
        for sent in medias {
            self.sent.absorb(sent.sent());
            let Some(media) = self.medias.get_mut(sent.media) else { continue };
            media.sent.absorb(sent.sent());
            for format in &sent.formats {
                let mut formats = media.formats.iter_mut();
                if let Some(own) = formats.find(|own| Some(own.local_ssrc) == format.local_ssrc) {
                    own.sent.absorb(format.sent);
                }
            }
        }
    }
}
