//! Documents that travel compressed (RFC 1952).

use std::io::{self, Read};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::{GzEncoder, MultiGzDecoder};

use crate::limits::DOCUMENT_BYTES_MAX;

/// Why a document cannot be unpacked; its sender is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// It has more than [`DOCUMENT_BYTES_MAX`] bytes when it is unpacked.
    #[error(
        "the document has more than {DOCUMENT_BYTES_MAX} bytes when it is unpacked: have the sender begin new ones more often"
    )]
    TooLong,
    /// It is not compressed in this way, or a part of it is missing or wrong.
    #[error("the document cannot be unpacked")]
    Broken(#[source] io::Error),
}

/// Unpacks a document of [`MetadataCoding::Gzip`](crate::description::MetadataCoding::Gzip): the XML.
///
/// A small document may be a very long one; no more than [`DOCUMENT_BYTES_MAX`] bytes are unpacked.
///
/// # Errors
///
/// It is broken, as one is that has lost a packet, or too long.
///
/// # Examples
///
/// ```
/// use rtspan_core::payload::document::{gunzip, gzip};
///
/// let xml = b"<tt:MetadataStream xmlns:tt=\"http://www.onvif.org/ver10/schema\"/>";
/// assert_eq!(&gunzip(&gzip(xml))?[..], xml);
/// # Ok::<(), rtspan_core::payload::document::UnpackError>(())
/// ```
pub fn gunzip(document: &[u8]) -> Result<Bytes, UnpackError> {
    let mut xml = Vec::new();
    let most = u64::try_from(DOCUMENT_BYTES_MAX).unwrap_or(u64::MAX);
    let mut unpacked = MultiGzDecoder::new(document).take(most.saturating_add(1));
    unpacked.read_to_end(&mut xml).map_err(UnpackError::Broken)?;
    if xml.len() > DOCUMENT_BYTES_MAX { Err(UnpackError::TooLong) } else { Ok(xml.into()) }
}

/// Packs the XML of a document to be sent in [`MetadataCoding::Gzip`](crate::description::MetadataCoding::Gzip).
pub fn gzip(xml: &[u8]) -> Bytes {
    let mut document = Vec::new();
    // Reading from memory does not fail.
    let _ = GzEncoder::new(xml, Compression::default()).read_to_end(&mut document);
    document.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<tt:MetadataStream/>";
    /// The same, packed by `gzip` 1.12 with the name of its file.
    const OF_GZIP: &[u8] = include_bytes!("document.xml.gz");

    #[test]
    fn a_document_of_another_program_is_unpacked() {
        assert_eq!(gunzip(OF_GZIP).unwrap(), XML);
        assert_eq!(gunzip(&[OF_GZIP, OF_GZIP].concat()).unwrap(), [XML, XML].concat(), "in two members");
    }

    #[test]
    fn a_document_is_as_long_as_the_bound_and_no_longer() {
        let mut long = vec![b' '; DOCUMENT_BYTES_MAX];
        assert_eq!(gunzip(&gzip(&long)).unwrap(), long);
        long.push(b' ');
        let bomb = gzip(&long);
        assert!(bomb.len() < DOCUMENT_BYTES_MAX / 500, "it looks small");
        assert!(matches!(gunzip(&bomb), Err(UnpackError::TooLong)));
    }

    #[test]
    fn a_document_of_which_something_is_missing_or_wrong_is_refused() {
        for end in 0..OF_GZIP.len() {
            assert!(matches!(gunzip(&OF_GZIP[..end]), Err(UnpackError::Broken(_))), "{end} bytes");
        }
        let text = OF_GZIP.len() - 20;
        for at in text..OF_GZIP.len() {
            let mut wrong = OF_GZIP.to_vec();
            wrong[at] ^= 1;
            assert!(matches!(gunzip(&wrong), Err(UnpackError::Broken(_))), "byte {at}");
        }
        assert!(matches!(gunzip(XML), Err(UnpackError::Broken(_))));
    }
}
