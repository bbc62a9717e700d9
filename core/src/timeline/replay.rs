//! The marks of a replay's packets (ONVIF Streaming Specification, section 6.3), in the time of their frame.

use super::{MediaTime, WallSource};
use crate::NtpTime;
use crate::rtp::OnvifExtension;

/// The bits of a [`OnvifExtension`], less its time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Marks {
    bits: u8,
    cseq: u8,
}

/// Set where there is an extension: a bit that an extension leaves zero.
const IS_THERE: u8 = 1;

impl Marks {
    pub(super) fn of(extension: Option<&OnvifExtension>) -> Self {
        extension.map_or_else(Self::default, |own| Self { bits: own.flags() | IS_THERE, cseq: own.cseq })
    }

    /// Those of a further frame of the same packet.
    pub(super) fn of_next(self) -> Self {
        Self { bits: self.bits & !OnvifExtension::DISCONTINUOUS, ..self }
    }
}

impl MediaTime {
    /// The recorder's word on the frame: when it was recorded, whether decoding can begin there, whether it stands at a gap of the
    /// recording or at its end, and which PLAY it belongs to. `None` for packets without that.
    ///
    /// All packets of a frame have what the first of them says.
    ///
    /// ```
    /// use rtspan_core::client::{Playing, Received};
    ///
    /// /// Packets of a place that was left for another ([`Replay::immediate`](rtspan_core::header::Replay::immediate)) are old.
    /// fn is_old(received: &Received, playing: &Playing) -> bool {
    ///     received.time.replay().is_some_and(|replay| u32::from(replay.cseq) != playing.cseq % 256)
    /// }
    /// ```
    pub fn replay(&self) -> Option<OnvifExtension> {
        let Marks { bits, cseq } = self.marks;
        // A recorder that does not know the time says zero.
        let is_told = self.wall_source == Some(WallSource::OnvifExtension);
        let ntp = if is_told { self.ntp } else { NtpTime::default() };
        (bits & IS_THERE != 0).then(|| OnvifExtension::of_parts(ntp, bits, cseq))
    }
}
