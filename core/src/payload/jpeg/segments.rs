/// The second byte of markers (ITU-T T.81, table B.1).
pub(super) mod marker {
    pub(in super::super) const SOF0: u8 = 0xc0;
    pub(in super::super) const SOF1: u8 = 0xc1;
    pub(in super::super) const DHT: u8 = 0xc4;
    pub(in super::super) const RST0: u8 = 0xd0;
    pub(in super::super) const RST7: u8 = 0xd7;
    pub(in super::super) const SOI: u8 = 0xd8;
    pub(in super::super) const EOI: u8 = 0xd9;
    pub(in super::super) const SOS: u8 = 0xda;
    pub(in super::super) const DQT: u8 = 0xdb;
    pub(in super::super) const DRI: u8 = 0xdd;
    pub(in super::super) const APP0: u8 = 0xe0;
    pub(in super::super) const APP15: u8 = 0xef;
}

/// A marker, and the bytes behind its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) body: &'a [u8],
}

/// The segments of an image, up to one that is cut off; an image goes on behind the header of its scan.
#[derive(Clone, Debug)]
pub(super) struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// Those of bytes that begin with a marker.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Those of an image; `None` if it does not begin as one.
    pub(super) fn of_image(image: &'a [u8]) -> Option<Self> {
        image.strip_prefix(&[0xff, marker::SOI]).map(Self::new)
    }

    /// The bytes behind the last segment.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let mut rest = self.rest.strip_prefix(&[0xff])?;
        // Bytes of 0xff may stand in front of a marker.
        while let [0xff, behind @ ..] = rest {
            rest = behind;
        }
        let (marker, rest) = rest.split_first()?;
        let (length, behind) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
        let (body, behind) = behind.split_at_checked(length)?;
        self.rest = behind;
        Some(Segment { marker: *marker, body })
    }
}

/// The tables of a segment: the byte that names each, and its bytes. One that is cut off is left out.
pub(super) fn quantization_tables(body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    tables(body, |name, _| if name >> 4 == 0 { 64 } else { 128 })
}

/// The tables of a segment: the byte that names each, and its counts and symbols. One that is cut off is left out.
pub(super) fn huffman_tables(body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    tables(body, |_, rest| {
        let counts = rest.iter().take(16).map(|count| usize::from(*count));
        counts.fold(16, usize::saturating_add)
    })
}

fn tables(mut rest: &[u8], bytes: impl Fn(u8, &[u8]) -> usize) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (name, behind) = rest.split_first()?;
        let table;
        (table, rest) = behind.split_at_checked(bytes(*name, behind))?;
        Some((*name, table))
    })
}
