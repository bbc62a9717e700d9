use std::ops::Deref;

use bytes::{Buf, Bytes, BytesMut};

use super::nal::split_annex_b;

/// A picture, or a piece of sound, which is decoded as a whole.
///
/// ```
/// use rtspan_core::Format;
/// use rtspan_core::payload::{Depacketizer, Packetizer, PacketizerConfig};
///
/// let mut packetizer = Packetizer::new(&Format::pcma(), PacketizerConfig::new(8, 7, 0))?;
/// let mut depacketizer = Depacketizer::new(&Format::pcma())?;
/// packetizer.packetize([&[0xd5; 160][..]], 320, |packet| depacketizer.push(&packet, 0).expect("sound"))?;
/// let unit = depacketizer.poll().ok_or("a packet of sound is a unit")?;
/// assert_eq!((unit.timestamp, unit.parts.total_bytes(), unit.is_damaged), (320, 160, false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AccessUnit {
    /// The media time, in units of the clock rate.
    pub timestamp: u32,
    /// Its bytes, in the pieces that the format has.
    pub parts: Parts,
    /// True if decoding can begin here, as at each piece of sound.
    pub is_keyframe: bool,
    /// True if a part of the unit is missing, or may be: a packet was lost inside or just before it.
    pub is_damaged: bool,
    /// The configuration that a decoder needs before this unit and all that follow, where the stream has told it anew: the
    /// AudioSpecificConfig of MP4A-LATM, the headers of Vorbis. Formats that have such things among their parts have `None`.
    pub configuration: Option<Bytes>,
}

impl AccessUnit {
    /// A unit of which nothing is missing, and at which decoding cannot begin.
    pub fn new(timestamp: u32, parts: impl Into<Parts>) -> Self {
        Self { timestamp, parts: parts.into(), is_keyframe: false, is_damaged: false, configuration: None }
    }

    /// Says whether decoding can begin here.
    #[must_use]
    pub fn with_keyframe(mut self, is_keyframe: bool) -> Self {
        self.is_keyframe = is_keyframe;
        self
    }
}

/// The bytes of an access unit, in one piece or in several, which share the memory of the packets where they can.
///
/// A picture of H.264, H.265 or H.266 has a part for each NAL unit, without start codes. One of AV1 has a part for each OBU.
/// Everything else has one part.
///
/// ```
/// use bytes::Bytes;
/// use rtspan_core::payload::Parts;
///
/// let stream = Bytes::from_static(&[0, 0, 0, 1, 0x67, 0x64, 0, 0, 1, 0x65, 0x88]);
/// let parts = Parts::from_annex_b(&stream); // no copy
/// assert_eq!((parts.len(), &parts[1][..]), (2, &[0x65, 0x88][..]));
/// assert_eq!(Parts::from(vec![1, 2, 3]).to_bytes()[..], [1, 2, 3]);
/// ```
#[derive(Clone, Debug)]
pub struct Parts(Pieces);

#[derive(Clone, Debug)]
enum Pieces {
    One([Bytes; 1]),
    Many(Vec<Bytes>),
}

impl Parts {
    /// Bytes of all parts together.
    pub fn total_bytes(&self) -> usize {
        self.iter().fold(0, |sum, part| sum.saturating_add(part.len()))
    }

    /// All parts one behind the other. One part alone is not copied.
    pub fn to_bytes(&self) -> Bytes {
        if let [part] = &self[..] {
            return part.clone();
        }
        let mut bytes = BytesMut::with_capacity(self.total_bytes());
        self.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes.freeze()
    }

    /// The NAL units of a byte stream (annex B), which share its memory.
    pub fn from_annex_b(stream: &Bytes) -> Self {
        split_annex_b(stream).map(|nal| stream.slice_ref(nal)).collect()
    }

    /// The NAL units of a sample of MP4 or Matroska, each behind its length in `length_bytes` bytes, which share its memory.
    /// One that is cut off is left out.
    pub fn from_length_prefixed(sample: &Bytes, length_bytes: u8) -> Self {
        let length_bytes = usize::from(length_bytes.clamp(1, 4));
        let mut rest = sample.clone();
        std::iter::from_fn(|| {
            let length = rest.get(..length_bytes)?;
            let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
            rest.advance(length_bytes);
            (length <= rest.len()).then(|| rest.split_to(length))
        })
        .collect()
    }

    /// The parts as slices, as a packetizer takes them.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.iter().map(|part| &part[..])
    }
}

impl Default for Parts {
    /// No part.
    fn default() -> Self {
        Self(Pieces::Many(Vec::new()))
    }
}

impl Deref for Parts {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        match &self.0 {
            Pieces::One(part) => part,
            Pieces::Many(parts) => parts,
        }
    }
}

impl PartialEq for Parts {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<T> PartialEq<Vec<T>> for Parts
where
    Bytes: PartialEq<T>,
{
    fn eq(&self, other: &Vec<T>) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Parts {}

impl From<Bytes> for Parts {
    fn from(part: Bytes) -> Self {
        Self(Pieces::One([part]))
    }
}

impl From<Vec<u8>> for Parts {
    fn from(part: Vec<u8>) -> Self {
        Bytes::from(part).into()
    }
}

impl From<&'static [u8]> for Parts {
    fn from(part: &'static [u8]) -> Self {
        Bytes::from_static(part).into()
    }
}

impl From<Vec<Bytes>> for Parts {
    fn from(parts: Vec<Bytes>) -> Self {
        Self(Pieces::Many(parts))
    }
}

impl FromIterator<Bytes> for Parts {
    fn from_iter<I: IntoIterator<Item = Bytes>>(parts: I) -> Self {
        Vec::from_iter(parts).into()
    }
}

impl IntoIterator for Parts {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        match self.0 {
            Pieces::One(part) => Vec::from(part).into_iter(),
            Pieces::Many(parts) => parts.into_iter(),
        }
    }
}

impl<'a> IntoIterator for &'a Parts {
    type Item = &'a Bytes;
    type IntoIter = std::slice::Iter<'a, Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_same_however_they_are_kept() {
        let (one, two) = (Bytes::from_static(b"one"), Bytes::from_static(b"two"));
        assert_eq!(Parts::from(one.clone()), Parts::from(vec![one.clone()]));
        assert!(Parts::default().is_empty());
        let both = Parts::from_iter([one.clone(), two]);
        assert_eq!((both.total_bytes(), &both.to_bytes()[..]), (6, &b"onetwo"[..]));
        assert_eq!(Parts::from(one.clone()).to_bytes().as_ptr(), one.as_ptr());
        assert_eq!(both.clone().into_iter().collect::<Vec<_>>(), both.to_vec());
        assert_eq!(both.slices().collect::<Vec<_>>(), [b"one", b"two"]);
    }
}
