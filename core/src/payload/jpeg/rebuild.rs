use bytes::{BufMut, BytesMut};

use super::header::{Header, Named, SentTables};
use super::segments::{Segment, Segments, huffman_tables, marker, quantization_tables};
use super::tables::{self, HUFFMAN, HUFFMAN_NAMES};
use crate::payload::PayloadError;
use crate::{Tolerance, Tolerances};

/// Bytes that the headers of an image have for the most part.
const USUAL_BYTES: usize = 640;

/// The quality whose tables may be others with every image.
const QUALITY_OF_ONE_IMAGE: u8 = 255;

/// Bits that tell the names of quantization tables apart, and those of Huffman tables, which are of two classes.
const QUANTIZATION_NAME: u8 = 0x03;
const HUFFMAN_NAME: u8 = 0x13;

/// Rebuilds the headers of images, and keeps what later ones leave out.
#[derive(Debug, Default)]
pub(super) struct Rebuild {
    /// Tables that were sent along, with the quality that stands for them and their precision.
    sent: Vec<(u8, u8, Vec<u8>)>,
    /// The tables of the image before, and the header of its frame without the length.
    quantization: Tables,
    /// Empty for the standard ones.
    huffman: Tables,
    frame: Vec<u8>,
}

impl Rebuild {
    /// The headers of an image, whose `sent` tables came along, and ONVIF's `extension`.
    pub(super) fn headers(
        &mut self,
        header: &Header,
        sent: Option<SentTables<'_>>,
        extension: Option<&[u8]>,
        tolerances: &mut Tolerances,
    ) -> Result<BytesMut, PayloadError> {
        if extension.is_none() {
            self.huffman.0.clear();
            self.frame.clear();
        }
        self.turn_to_quality(header.quality, sent, extension.is_some(), tolerances)?;
        let is_told = header.width > 0 && header.height > 0;
        if is_told {
            self.derive_frame(header);
        }
        let extension = self.learn(extension.unwrap_or_default())?;
        if self.frame.is_empty() {
            return Err(PayloadError::Malformed("an image has no size"));
        }
        Ok(self.write(header, &extension))
    }

    /// Turns to the quantization tables that a quality stands for.
    fn turn_to_quality(
        &mut self,
        quality: u8,
        sent: Option<SentTables<'_>>,
        has_extension: bool,
        tolerances: &mut Tolerances,
    ) -> Result<(), PayloadError> {
        match (quality, sent) {
            // Those of the image before, or of the extension.
            (0, _) if has_extension => Ok(()),
            (1..=99, _) => {
                let [luminance, chrominance] = tables::quantization(quality);
                self.quantization.turn_to([(0, &luminance), (1, &chrominance)]);
                Ok(())
            }
            (128.., Some(sent)) if sent.bytes.is_empty() => {
                let known = self.sent.iter().find(|(known, ..)| *known == quality);
                let (_, precision, bytes) =
                    known.ok_or(PayloadError::Malformed("quantization tables are missing"))?;
                let (_, both) = SentTables { precision: *precision, bytes }.both()?;
                self.quantization.turn_to(both);
                Ok(())
            }
            (128.., Some(sent)) => {
                let (used, both) = sent.both()?;
                self.quantization.turn_to(both);
                if used.len() != sent.bytes.len() || both[0].1.as_ptr() == both[1].1.as_ptr() {
                    tolerances.record(Tolerance::JpegTables);
                }
                if quality != QUALITY_OF_ONE_IMAGE {
                    self.keep_sent(quality, sent.precision, used);
                }
                Ok(())
            }
            _ => Err(PayloadError::Unsupported(quality)),
        }
    }

    fn keep_sent(&mut self, quality: u8, precision: u8, bytes: &[u8]) {
        match self.sent.iter_mut().find(|(known, ..)| *known == quality) {
            Some((_, its, kept)) => {
                *its = precision;
                kept.clear();
                kept.extend_from_slice(bytes);
            }
            None => self.sent.push((quality, precision, bytes.to_vec())),
        }
    }

    /// The header of a frame of three components (ITU-T T.81, section B.2.2).
    fn derive_frame(&mut self, header: &Header) {
        let ([h1, h0], [w1, w0]) = (header.height.to_be_bytes(), header.width.to_be_bytes());
        let sampling = if header.has_half_rows { 0x22 } else { 0x21 };
        self.frame.clear();
        self.frame.extend([8, h1, h0, w1, w0, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]);
    }

    /// Learns the segments of ONVIF's extension, which take the place of others.
    fn learn<'a>(&mut self, extension: &'a [u8]) -> Result<Extension<'a>, PayloadError> {
        let mut told = Extension { segments: extension, restart_interval: None, scan: None };
        let mut segments = Segments::new(extension);
        while let Some(Segment { marker, body }) = segments.next() {
            match marker {
                marker::DQT => quantization_tables(body)
                    .for_each(|(name, table)| self.quantization.set(QUANTIZATION_NAME, name, table)),
                marker::DHT => {
                    if self.huffman.0.is_empty() {
                        let standard = HUFFMAN_NAMES.into_iter().zip(HUFFMAN);
                        standard.for_each(|(name, table)| self.huffman.set(HUFFMAN_NAME, name, table));
                    }
                    huffman_tables(body)
                        .for_each(|(name, table)| self.huffman.set(HUFFMAN_NAME, name & HUFFMAN_NAME, table));
                }
                marker::SOF0 | marker::SOF1 => {
                    self.frame.clear();
                    self.frame.extend_from_slice(body);
                }
                0xc2..=0xcf => return Err(PayloadError::Malformed("an image is not baseline")),
                marker::DRI => told.restart_interval = body.first_chunk().copied(),
                marker::SOS => {
                    told.scan = Some(body);
                    if !segments.rest().is_empty() {
                        return Err(PayloadError::Malformed("a scan begins in the header extension"));
                    }
                }
                _ => {}
            }
        }
        Ok(told)
    }

    fn write(&self, header: &Header, extension: &Extension<'_>) -> BytesMut {
        let mut image = BytesMut::with_capacity(USUAL_BYTES);
        image.put_slice(&[0xff, marker::SOI]);
        let is_application = |segment: &Segment<'_>| (marker::APP0..=marker::APP15).contains(&segment.marker);
        let mut applications = Segments::new(extension.segments).filter(is_application).peekable();
        if applications.peek().is_none() {
            // A field has half of the rows.
            let rows = if matches!(header.type_specific, 1 | 2) { 2 } else { 1 };
            write(marker::APP0, &[b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, rows, 0, 0], &mut image);
        }
        applications.for_each(|segment| write(segment.marker, segment.body, &mut image));
        write_tables(marker::DQT, self.quantization.iter(), &mut image);
        // Tables of two bytes a number are not in the baseline.
        let is_wide = self.quantization.iter().any(|(name, _)| name >> 4 != 0);
        write(if is_wide { marker::SOF1 } else { marker::SOF0 }, &self.frame, &mut image);
        if self.huffman.0.is_empty() {
            write_tables(marker::DHT, HUFFMAN_NAMES.into_iter().zip(HUFFMAN), &mut image);
        } else {
            write_tables(marker::DHT, self.huffman.iter(), &mut image);
        }
        let restart_interval =
            extension.restart_interval.or_else(|| header.restart_interval.map(u16::to_be_bytes));
        if let Some(interval) = restart_interval {
            write(marker::DRI, &interval, &mut image);
        }
        match extension.scan {
            Some(scan) => write(marker::SOS, scan, &mut image),
            None => self.write_scan_header(&mut image),
        }
        image
    }

    /// The header of a scan of all components (ITU-T T.81, section B.2.3).
    fn write_scan_header(&self, image: &mut BytesMut) {
        let components = self.frame.get(6..).unwrap_or_default().chunks_exact(3).take(4);
        let mut header = vec![components.len() as u8];
        for (component, tables) in components.zip([0, 0x11, 0x11, 0x11]) {
            header.extend(component.first());
            header.push(tables);
        }
        header.extend([0, 63, 0]);
        write(marker::SOS, &header, image);
    }
}

/// The contents of ONVIF's extension of the first packet of an image.
#[derive(Debug)]
struct Extension<'a> {
    segments: &'a [u8],
    restart_interval: Option<[u8; 2]>,
    /// The header of the scan.
    scan: Option<&'a [u8]>,
}

/// Tables with the bytes that name them.
#[derive(Debug, Default)]
struct Tables(Vec<(u8, Vec<u8>)>);

impl Tables {
    /// Sets a table in the place of the one of the same name; `bits` are those that tell names apart.
    fn set(&mut self, bits: u8, name: u8, table: &[u8]) {
        match self.0.iter_mut().find(|(known, _)| (*known ^ name) & bits == 0) {
            Some((known, bytes)) => {
                *known = name;
                bytes.clear();
                bytes.extend_from_slice(table);
            }
            None => self.0.push((name, table.to_vec())),
        }
    }

    /// Has these quantization tables, and no others.
    fn turn_to(&mut self, both: [Named<'_>; 2]) {
        self.0.retain(|(name, _)| name & QUANTIZATION_NAME < 2);
        both.iter().for_each(|(name, table)| self.set(QUANTIZATION_NAME, *name, table));
    }

    fn iter(&self) -> impl Iterator<Item = Named<'_>> + Clone {
        self.0.iter().map(|(name, table)| (*name, &table[..]))
    }
}

/// Writes a segment of tables with the bytes that name them.
fn write_tables<'a>(marker: u8, tables: impl Iterator<Item = Named<'a>> + Clone, to: &mut BytesMut) {
    let bytes = tables
        .clone()
        .fold(0, |bytes: usize, (_, table)| bytes.saturating_add(table.len()).saturating_add(1));
    write_head(marker, bytes, to);
    for (name, table) in tables {
        to.put_u8(name);
        to.put_slice(table);
    }
}

fn write(marker: u8, body: &[u8], to: &mut BytesMut) {
    write_head(marker, body.len(), to);
    to.put_slice(body);
}

fn write_head(marker: u8, bytes: usize, to: &mut BytesMut) {
    to.put_slice(&[0xff, marker]);
    to.put_u16(u16::try_from(bytes.saturating_add(2)).unwrap_or(u16::MAX));
}
