//! Motion JPEG (RFC 2435): images whose headers are left out and rebuilt, with ONVIF's extension for large ones.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::jpeg::{Depacketizer, Header};
//! use rtspan_core::rtp::{RtpHeader, RtpPacket};
//!
//! // 4:2:0 of quality 20, 4 * 8 pixels wide and 2 * 8 high. The tables follow from the quality.
//! let payload = [&[0, 0, 0, 0, 1, 20, 4, 2][..], &[0x55; 90]].concat();
//! let (header, scan) = Header::read(&payload)?;
//! assert_eq!((header.width, header.height, header.has_half_rows, scan.len()), (32, 16, true, 90));
//!
//! let mut depacketizer = Depacketizer::new();
//! let header = RtpHeader { payload_type: 26, marker: true, sequence: 1, timestamp: 90_000, ssrc: 7 };
//! depacketizer.push(&RtpPacket::build(header, &payload), 0)?;
//! let image = depacketizer.poll().expect("the packet carries the marker").parts.to_bytes();
//! assert!(image.starts_with(&[0xff, 0xd8]) && image.ends_with(&[0xff, 0xd9]), "as a .jpg file has it");
//! # Ok::<(), rtspan_core::payload::PayloadError>(())
//! ```

mod depacketizer;
mod header;
mod image;
mod packetizer;
mod rebuild;
mod segments;
mod tables;

use super::probe::{AccessPoint, Contents, Probe};
use super::watch::Told;
use super::{Parts, VideoParameters};

pub use depacketizer::Depacketizer;
pub use header::Header;
pub use packetizer::Packetizer;

use segments::{Segments, marker};

/// The marker that ends an image.
const END: [u8; 2] = [0xff, marker::EOI];

/// The greatest side that a header can tell.
const SIDE_MAX: u16 = 255 * 8;

/// How a log reads packets: each picture is one to begin with.
pub(super) const PROBE: Probe = Probe { contents, ..Probe::WITHOUT_SETS };

fn contents(payload: &[u8]) -> Contents {
    let begins = Header::read(payload).is_ok_and(|(header, _)| header.offset == 0);
    Contents { access_point: begins.then_some(AccessPoint::Refresh), has_parameter_sets: false }
}

/// Returns the parameters that an image tells.
pub(super) fn told(image: &Parts) -> Option<Told> {
    let mut pixel_aspect = None;
    for segment in Segments::of_image(image.first()?)? {
        match (segment.marker, segment.body) {
            (marker::APP0, &[b'J', b'F', b'I', b'F', 0, _, _, 0, x1, x0, y1, y0, ..]) => {
                let [x, y] = [[x1, x0], [y1, y0]].map(u16::from_be_bytes);
                pixel_aspect = Some((x, y)).filter(|_| x > 0 && y > 0);
            }
            (marker::SOF0 | marker::SOF1, &[_, h1, h0, w1, w0, ..]) => {
                let [width, height] = [[w1, w0], [h1, h0]].map(|side| u16::from_be_bytes(side).into());
                let video =
                    VideoParameters { width, height, pixel_aspect, frame_rate: None, reordering: Some(0) };
                let has_size = width > 0 && height > 0;
                return has_size.then(|| Told { codec: "mp4v.6C".into(), configuration: None, video });
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
