use super::header::{Header, MAIN_BYTES, extension};
use super::image::Image;
use super::segments::marker;
use super::{SIDE_MAX, header};
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Bytes that a packet may have at least. The first of an image has all its headers: up to 272 bytes with tables of 16 bits,
/// behind the header of RTP and up to 24 bytes of ONVIF's extension. It also needs something of the scan.
const PACKET_BYTES_MIN: usize = 384;

/// The most that a fragment can be away from the beginning of its scan.
const OFFSET_MAX: usize = (1 << 24) - 1;

/// The quality of tables that are sent along with each image.
const QUALITY: u8 = 255;

/// Makes packets of JPEG images.
///
/// The quantization tables go along with each image. RTP has no place for other headers, so that images are baseline, sampled
/// 4:2:0 or 4:2:2, in one scan, with the Huffman tables of the standard. Sides that are no multiples of 8 are rounded up. An
/// image with a side above 2040 has its size in ONVIF's header extension (Streaming Specification, section 5.1.4).
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

impl Packetizer {
    /// A packetizer that makes its packets as `config` says, and of at least 384 bytes.
    pub fn new(config: PacketizerConfig) -> Self {
        let packet_bytes_max = config.packet_bytes_max.max(PACKET_BYTES_MIN);
        let config = PacketizerConfig { packet_bytes_max, ..config };
        Self { writer: config.writer() }
    }

    /// Gives the packets of each of `parts`, which are images, to `sink`, the last of each with the marker.
    ///
    /// `timestamp` is in units of 1/90,000 s. Empty parts are left out.
    ///
    /// # Errors
    ///
    /// A part is no image, or one that RTP cannot carry, which is not sent; the error says why. The others are sent all the
    /// same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let sent = Image::read(part).and_then(|image| self.send(&image, timestamp, &mut sink));
            result = result.and(sent);
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    fn send(
        &mut self,
        image: &Image<'_>,
        timestamp: u32,
        sink: &mut impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        if image.scan.len() > OFFSET_MAX {
            return Err(PacketizeError::TooLong { length: image.scan.len(), most: OFFSET_MAX });
        }
        let mut header = Header {
            type_specific: 0,
            offset: 0,
            has_half_rows: image.has_half_rows,
            quality: QUALITY,
            width: image.width,
            height: image.height,
            restart_interval: image.restart_interval,
        };
        let is_large = image.width > SIDE_MAX || image.height > SIDE_MAX;
        let extension = if is_large { extension(&frame_of(image)) } else { Vec::new() };
        let head = first_head(&header, image);
        let room = self.writer.payload_bytes_max().saturating_sub(extension.len()).saturating_sub(head.len());
        let (first, mut rest) = image.scan.split_at(room.min(image.scan.len()));
        if extension.is_empty() {
            self.writer.write(sink, (timestamp, rest.is_empty()), [&head, first]);
        } else {
            self.writer.write_extended(sink, (timestamp, rest.is_empty()), [&extension, &head, first]);
        }
        let restart = header.restart_bytes();
        let restart = restart.as_ref().map(|bytes| &bytes[..]).unwrap_or_default();
        let room = self.writer.payload_bytes_max().saturating_sub(MAIN_BYTES).saturating_sub(restart.len());
        let mut offset = first.len();
        while !rest.is_empty() {
            let fragment;
            (fragment, rest) = rest.split_at(room.min(rest.len()));
            header.offset = u32::try_from(offset).unwrap_or(u32::MAX);
            self.writer.write(sink, (timestamp, rest.is_empty()), [&header.main_bytes(), restart, fragment]);
            offset = offset.saturating_add(fragment.len());
        }
        Ok(())
    }
}

/// All headers of the first packet of an image.
fn first_head(header: &Header, image: &Image<'_>) -> Vec<u8> {
    let mut head = Vec::with_capacity(header::FIRST_BYTES);
    head.extend(header.main_bytes());
    head.extend(header.restart_bytes().into_iter().flatten());
    let [luminance, chrominance] = image.quantization;
    let precision = u8::from(luminance.len() > 64) | u8::from(chrominance.len() > 64) << 1;
    let [l1, l0] = (luminance.len().saturating_add(chrominance.len()) as u16).to_be_bytes();
    head.extend([0, precision, l1, l0]);
    head.extend_from_slice(luminance);
    head.extend_from_slice(chrominance);
    head
}

/// The header of the frame, with its size.
fn frame_of(image: &Image<'_>) -> [u8; 19] {
    let ([h1, h0], [w1, w0]) = (image.height.to_be_bytes(), image.width.to_be_bytes());
    let sampling = if image.has_half_rows { 0x22 } else { 0x21 };
    let wide = image.quantization.iter().any(|table| table.len() > 64);
    let marker = if wide { marker::SOF1 } else { marker::SOF0 };
    [0xff, marker, 0, 17, 8, h1, h0, w1, w0, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]
}
