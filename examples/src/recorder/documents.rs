use std::io::Write;

use rtspan_core::Codec;
use rtspan_core::description::MetadataCoding;
use rtspan_core::frame::Frame;
use rtspan_core::payload::document::gunzip;

use super::RecordError;

/// Writes documents of XML one behind the other, each on lines of its own. They are unpacked where they travel compressed; one of
/// which a part is missing is left out.
#[derive(Debug)]
pub struct DocumentWriter<W> {
    out: W,
    is_packed: bool,
    documents: u64,
}

impl<W: Write> DocumentWriter<W> {
    /// An empty file.
    pub fn new(out: W) -> Self {
        Self { out, is_packed: false, documents: 0 }
    }

    /// Takes a document.
    ///
    /// # Errors
    ///
    /// The output fails, or the document cannot be unpacked.
    pub fn write(&mut self, frame: &Frame) -> Result<(), RecordError> {
        if let Some(parameters) = &frame.new_parameters {
            self.is_packed = *parameters.format.codec() == Codec::OnvifMetadata(MetadataCoding::Gzip);
        }
        if frame.is_damaged {
            return Ok(());
        }
        let document = frame.data.to_bytes();
        let xml = if self.is_packed { gunzip(&document)? } else { document };
        self.out.write_all(&xml)?;
        if !xml.ends_with(b"\n") {
            self.out.write_all(b"\n")?;
        }
        self.documents += 1;
        Ok(())
    }

    /// Documents that the file holds.
    pub fn frames(&self) -> u64 {
        self.documents
    }

    /// Ends the file, and gives back the number of its documents.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn finish(mut self) -> Result<u64, RecordError> {
        self.out.flush()?;
        Ok(self.documents)
    }
}

#[cfg(test)]
mod tests {
    use rtspan_core::Format;
    use rtspan_core::payload::ParameterWatch;
    use rtspan_core::payload::document::gzip;

    use super::*;

    fn document(coding: MetadataCoding, bytes: &[u8]) -> Frame {
        let mut frame = Frame::new(0, 0, bytes.to_vec());
        let watch = ParameterWatch::new(&Format::onvif_metadata(96, coding));
        frame.new_parameters = Some(Box::new(watch.parameters()));
        frame
    }

    #[test]
    fn documents_are_written_as_xml_however_they_travel() {
        let (one, two) = (b"<MetadataStream>\n</MetadataStream>\n", b"<MetadataStream/>");
        for (coding, sent) in [
            (MetadataCoding::Xml, [one.to_vec(), two.to_vec()]),
            (MetadataCoding::Gzip, [gzip(one).to_vec(), gzip(two).to_vec()]),
        ] {
            let mut bytes = Vec::new();
            let mut file = DocumentWriter::new(&mut bytes);
            file.write(&document(coding, &sent[0])).unwrap();
            let mut damaged = document(coding, &sent[0][..5]);
            damaged.is_damaged = true;
            file.write(&damaged).unwrap();
            file.write(&document(coding, &sent[1])).unwrap();
            assert_eq!(file.finish().unwrap(), 2);
            assert_eq!(bytes, [&one[..], two, b"\n"].concat());
        }
    }

    #[test]
    fn a_document_that_cannot_be_unpacked_is_an_error() {
        let mut file = DocumentWriter::new(Vec::new());
        let refused = file.write(&document(MetadataCoding::Gzip, b"<MetadataStream/>"));
        assert!(matches!(refused, Err(RecordError::Unpack(_))), "{refused:?}");
    }
}
