//! The part of a frame that has to be the same on both sides, and comparisons.

use bytes::{BufMut, Bytes, BytesMut};
use rtspan_std::payload::Parts;

/// The part of the frames of a format that is compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Units {
    /// Each frame, to the byte.
    Whole,
    /// Each frame, of which a part is kept that does not depend on who has written it.
    Part(fn(&Bytes) -> Bytes),
    /// The bytes of all, which have no boundaries of their own.
    Stream,
}

impl Units {
    /// The compared part of these frames; empty ones are left out.
    pub(super) fn of(self, frames: impl IntoIterator<Item = Bytes>) -> Vec<Bytes> {
        let frames = frames.into_iter();
        let units: Vec<Bytes> = match self {
            Self::Whole | Self::Stream => frames.collect(),
            Self::Part(part) => frames.map(|frame| part(&frame)).collect(),
        };
        units.into_iter().filter(|unit| !unit.is_empty()).collect()
    }

    /// Demands that what was read is all that was sent, but for so many frames at the end.
    pub(super) fn expect_all(self, sent: &[Bytes], read: &[Bytes], tail: usize) -> Result<(), String> {
        let demanded = sent.len().saturating_sub(tail);
        if let Self::Stream = self {
            let (all, came) = (sent.concat(), read.concat());
            let least = sent[..demanded].concat().len();
            return match all.starts_with(&came) {
                true if came.len() >= least => Ok(()),
                true => Err(format!("{} bytes of {} came", came.len(), all.len())),
                false => {
                    let same = all.iter().zip(&came).take_while(|(sent, came)| sent == came).count();
                    Err(format!("byte {same} of {} that came is another one", came.len()))
                }
            };
        }
        let same = sent.iter().zip(read).take_while(|(sent, read)| sent == read).count();
        if same == read.len() && same >= demanded {
            return Ok(());
        }
        let differ = |unit: &Bytes| format!("{} bytes, {:02x?}…", unit.len(), &unit[..unit.len().min(16)]);
        let (due, came) = (sent.get(same).map(differ), read.get(same).map(differ));
        Err(format!("frame {same} of {} of {}: due {due:?}, came {came:?}", read.len(), sent.len()))
    }

    /// Demands that each frame is one of those that were sent, or a piece of the stream, and comes behind the one before.
    pub(super) fn expect_some<'a>(
        self,
        sent: &[Bytes],
        read: impl IntoIterator<Item = &'a Bytes>,
    ) -> Result<(), String> {
        let (all, mut at) = (sent.concat(), 0);
        for (number, unit) in read.into_iter().enumerate() {
            let found = match self {
                Self::Stream => {
                    let place = all[at..].windows(unit.len()).position(|window| window == unit);
                    place.map(|place| at + place + unit.len())
                }
                _ => sent[at..].iter().position(|sent| sent == unit).map(|place| at + place + 1),
            };
            at = found.ok_or_else(|| {
                let start = &unit[..unit.len().min(16)];
                format!(
                    "unmarked frame {number} was not sent behind {at}: {} bytes, {start:02x?}…",
                    unit.len()
                )
            })?;
        }
        Ok(())
    }
}

/// The slices of a picture of H.264, without what muxers add, drop or repeat.
pub(super) fn h264_slices(frame: &Bytes) -> Bytes {
    slices(frame, |first| (1..=5).contains(&(first & 0x1f)))
}

/// The slices of a picture of H.265.
pub(super) fn h265_slices(frame: &Bytes) -> Bytes {
    slices(frame, |first| first >> 1 & 0x3f < 32)
}

fn slices(frame: &Bytes, is_slice: fn(u8) -> bool) -> Bytes {
    let mut slices = BytesMut::new();
    for nal in
        Parts::from_annex_b(frame).iter().filter(|nal| nal.first().is_some_and(|first| is_slice(*first)))
    {
        slices.put_u32(nal.len() as u32);
        slices.put_slice(nal);
    }
    slices.freeze()
}

/// The scan of a JPEG image, behind its headers: those are not sent (RFC 2435).
pub(super) fn scan(image: &Bytes) -> Bytes {
    let start = image.windows(2).position(|marker| marker == [0xff, 0xda]).expect("an image has a scan");
    let length = usize::from(u16::from_be_bytes([image[start + 2], image[start + 3]]));
    let end = image.windows(2).rposition(|marker| marker == [0xff, 0xd9]).unwrap_or(image.len());
    image.slice(start + 2 + length..end)
}

/// A picture of MPEG-4 video without the headers in front, which not everybody repeats.
pub(super) fn picture(frame: &Bytes) -> Bytes {
    let is_picture = |code: &[u8]| code[..3] == [0, 0, 1] && matches!(code[3], 0xb3 | 0xb6);
    frame.windows(4).position(is_picture).map_or_else(Bytes::new, |start| frame.slice(start..))
}
