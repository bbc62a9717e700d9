//! Files of XML: the metadata of ONVIF, one document behind the other.

use std::fs::File;
use std::io::Read as _;

use bytes::Bytes;
use rtspan_core::description::MetadataCoding;
use rtspan_core::frame::Frame;
use rtspan_core::{Format, MediaKind};

use super::{Demuxer, FRAME_BYTES_MAX, Opened, SourceError, frame, media, payload_type};

/// The end of a document, in front of which there may be a namespace.
const END: &[u8] = b"MetadataStream>";
/// The time between two documents: a second is the longest that is recommended (Streaming Specification, section 5.1.2.1.1).
const PERIOD: i64 = 1_000_000_000;

/// Documents, one a second.
#[derive(Debug)]
struct Documents {
    all: Vec<Bytes>,
    next: usize,
}

pub(super) fn open(file: File) -> Result<Opened, SourceError> {
    let mut bytes = Vec::new();
    file.take(FRAME_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(malformed(format!("it has more than {FRAME_BYTES_MAX} bytes")));
    }
    let all = split(&Bytes::from(bytes));
    if all.is_empty() {
        return Err(malformed("no MetadataStream ends in it".to_owned()));
    }
    let format = Format::onvif_metadata(payload_type(0), MetadataCoding::Xml);
    Ok(Opened {
        medias: vec![media(MediaKind::Application, format)],
        left_out: Vec::new(),
        demuxer: Box::new(Documents { all, next: 0 }),
    })
}

fn malformed(reason: String) -> SourceError {
    SourceError::Malformed { kind: "metadata of ONVIF", reason }
}

/// The documents, each with its end; what follows the last one is none.
fn split(bytes: &Bytes) -> Vec<Bytes> {
    let (mut documents, mut from) = (Vec::new(), 0);
    let ends = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(END) && is_end_tag(&bytes[..*at]));
    for end in ends.map(|at| at + END.len()) {
        documents.push(bytes.slice_ref(bytes[from..end].trim_ascii_start()));
        from = end;
    }
    documents
}

/// Returns `true` if the name behind it is that of an end tag.
fn is_end_tag(before: &[u8]) -> bool {
    let tag = before.iter().rposition(|byte| matches!(byte, b'<' | b'>' | b' '));
    tag.is_some_and(|tag| before[tag..].starts_with(b"</"))
}

impl Demuxer for Documents {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        let Some(document) = self.all.get(self.next) else { return Ok(None) };
        let pts = self.next as i64 * PERIOD;
        self.next += 1;
        Ok(Some(frame(0, (pts, pts), true, document.clone().into())))
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        let number = usize::try_from(to / PERIOD).unwrap_or(0);
        self.next = number.min(self.all.len() - 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_end_with_their_end_tags() {
        let file = Bytes::from_static(
            b"\n<?xml version=\"1.0\"?>\n<tt:MetadataStream a=\"MetadataStream>\">\n<x/></tt:MetadataStream>\n\
              <MetadataStream>2</MetadataStream><MetadataStream>",
        );
        let expected: [&[u8]; 2] = [
            b"<?xml version=\"1.0\"?>\n<tt:MetadataStream a=\"MetadataStream>\">\n<x/></tt:MetadataStream>",
            b"<MetadataStream>2</MetadataStream>",
        ];
        assert_eq!(split(&file), expected);
        assert!(split(&Bytes::from_static(b"<html></html>")).is_empty());
    }

    #[test]
    fn there_is_a_document_each_second() {
        let mut documents =
            Documents { all: vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")], next: 0 };
        let all = |documents: &mut Documents| {
            let frames = std::iter::from_fn(|| documents.next().unwrap());
            frames.map(|frame| (frame.time.pts, frame.data.to_bytes())).collect::<Vec<_>>()
        };
        let expected = [(0, Bytes::from_static(b"a")), (PERIOD, Bytes::from_static(b"b"))];
        assert_eq!(all(&mut documents), expected);
        for (to, from) in [(-1, 0), (PERIOD - 1, 0), (PERIOD, 1), (9 * PERIOD, 1)] {
            documents.seek(to).unwrap();
            assert_eq!(all(&mut documents), expected[from..], "from {to}");
        }
    }
}
