use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rtspan_std::payload::AccessUnit;
use rtspan_std::payload::h264::Depacketizer;
use rtspan_std::{Codec, Description, Received};

use crate::Failure;
use crate::args::Target;

/// The types of NAL units without which no picture can be decoded, and their names.
const PARAMETER_SETS: [(u8, &str); 2] = [(7, "SPS"), (8, "PPS")];
/// What each NAL unit of a file begins with (H.264, annex B).
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A file of H.264 (Annex B) that is being written.
pub(crate) struct Recording {
    path: PathBuf,
    file: BufWriter<File>,
    media: usize,
    payload_type: u8,
    /// SPS and PPS: those of the description, and then the last ones that the stream has brought.
    parameter_sets: [Option<Bytes>; 2],
    depacketizer: Depacketizer,
    pictures: u64,
    /// Keyframes that were left out, since there were no parameter sets to decode them with.
    undecodable: u64,
}

impl Recording {
    /// Begins a file of the first H.264 media.
    pub(crate) fn create(path: &Path, url: &Target, description: &Description) -> Result<Self, Failure> {
        let (media, format) = description.find("H264").ok_or_else(|| Failure::NoH264 { url: url.clone() })?;
        let parameter_sets = match &format.codec {
            Codec::H264(h264) => [h264.sps.clone(), h264.pps.clone()],
            _ => [None, None],
        };
        let file = File::create(path).map_err(|source| Failure::WriteFile { path: path.into(), source })?;
        Ok(Self {
            path: path.into(),
            file: BufWriter::new(file),
            media,
            payload_type: format.payload_type,
            parameter_sets,
            depacketizer: Depacketizer::new(),
            pictures: 0,
            undecodable: 0,
        })
    }

    /// Writes the pictures that a packet completes.
    pub(crate) fn take(&mut self, received: &Received) -> Result<(), Failure> {
        if received.media != self.media || received.packet.payload_type() != self.payload_type {
            return Ok(());
        }
        // What cannot be read costs one picture.
        let _ = self.depacketizer.push(&received.packet, received.lost);
        self.write_ready()
    }

    /// Ends the file, and says how many pictures are in it.
    pub(crate) fn finish(mut self, url: &Target) -> Result<u64, Failure> {
        self.depacketizer.flush();
        self.write_ready()?;
        let flushed = self.file.flush();
        flushed.map_err(|source| Failure::WriteFile { path: self.path.clone(), source })?;
        if self.pictures == 0 && self.undecodable > 0 {
            let missing = PARAMETER_SETS.iter().zip(&self.parameter_sets).filter(|(_, set)| set.is_none());
            let missing = missing.map(|((_, name), _)| *name).collect::<Vec<_>>().join(" and no ");
            return Err(Failure::NoParameterSets { url: url.clone(), missing });
        }
        if self.pictures == 0 {
            return Err(Failure::NoKeyframe { url: url.clone(), path: self.path });
        }
        Ok(self.pictures)
    }

    fn write_ready(&mut self) -> Result<(), Failure> {
        while let Some(unit) = self.depacketizer.poll() {
            self.write(&unit).map_err(|source| Failure::WriteFile { path: self.path.clone(), source })?;
        }
        Ok(())
    }

    fn write(&mut self, unit: &AccessUnit) -> std::io::Result<()> {
        let mut brought = [false; 2];
        for nal in &unit.parts {
            let place = PARAMETER_SETS.iter().position(|(kind, _)| is_of_type(nal, *kind));
            if let Some(place) = place {
                self.parameter_sets[place] = Some(nal.clone());
                brought[place] = true;
            }
        }
        if self.pictures == 0 && !unit.is_keyframe {
            return Ok(());
        }
        let added = match &self.parameter_sets {
            _ if !unit.is_keyframe || brought == [true; 2] => None,
            [Some(sps), Some(pps)] => Some([sps, pps]),
            _ => {
                self.undecodable += 1;
                return Ok(());
            }
        };
        for nal in added.into_iter().flatten().chain(&unit.parts) {
            self.file.write_all(&START_CODE)?;
            self.file.write_all(nal)?;
        }
        self.pictures += 1;
        Ok(())
    }
}

fn is_of_type(nal: &[u8], kind: u8) -> bool {
    nal.first().is_some_and(|header| header & 0x1f == kind)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rtspan_core::rtp::{RtpHeader, RtpPacket};
    use rtspan_std::{Format, Media, MediaKind, MediaTime};

    use super::*;

    const SPS: &[u8] = &[0x67, 0x64, 0, 0x28, 0xac];
    const PPS: &[u8] = &[0x68, 0xee];
    const IDR: &[u8] = &[0x65, 1];
    const SLICE: &[u8] = &[0x41, 2];

    /// Records one access unit after the other; the file, and how it ended.
    fn record(name: &str, format: Format, units: &[&[&[u8]]]) -> (Vec<u8>, Result<u64, Failure>) {
        let path = std::env::temp_dir().join(format!("rtspan-{}-{name}.h264", std::process::id()));
        let url: Target = "rtsp://camera/main".parse().unwrap();
        let description = Description::new(vec![Media::new(MediaKind::Video, vec![format])]);
        let mut recording = Recording::create(&path, &url, &description).unwrap();
        let mut sequence = 0;
        for (picture, unit) in (0..).zip(units) {
            for (at, nal) in unit.iter().enumerate() {
                let marker = at + 1 == unit.len();
                let header =
                    RtpHeader { payload_type: 96, marker, sequence, timestamp: picture * 3000, ssrc: 1 };
                let packet = RtpPacket::build(header, nal);
                recording.take(&Received { media: 0, packet, lost: 0, time: MediaTime::default() }).unwrap();
                sequence += 1;
            }
        }
        let ended = recording.finish(&url);
        let written = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        (written, ended)
    }

    fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
        nals.iter().flat_map(|nal| START_CODE.iter().chain(*nal)).copied().collect()
    }

    fn without_sets() -> Format {
        Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1")
    }

    #[test]
    fn a_recording_that_cannot_be_decoded_is_a_failure_that_says_what_is_missing() {
        let (written, ended) = record("none", without_sets(), &[&[IDR], &[SLICE], &[IDR]]);
        let said = ended.unwrap_err().to_string();
        assert!(said.contains("no SPS and no PPS"), "{said}");
        assert!(written.is_empty());
        let (_, ended) = record("half", without_sets(), &[&[SPS, IDR]]);
        let said = ended.unwrap_err().to_string();
        assert!(said.contains("no PPS") && !said.contains("no SPS"), "{said}");
    }

    #[test]
    fn parameter_sets_of_the_description_stand_in_front_where_the_stream_has_none() {
        let (written, ended) = record("described", Format::h264(96, SPS, PPS), &[&[SLICE], &[IDR], &[SLICE]]);
        assert_eq!(ended.unwrap(), 2);
        assert_eq!(written, annex_b(&[SPS, PPS, IDR, SLICE]));
    }

    #[test]
    fn parameter_sets_of_the_stream_are_stronger_than_those_of_the_description() {
        const OTHER: &[u8] = &[0x67, 0x42, 0, 0x1e, 0xab];
        let units: &[&[&[u8]]] = &[&[OTHER, PPS, IDR], &[IDR]];
        let (written, ended) = record("both", Format::h264(96, SPS, PPS), units);
        assert_eq!(ended.unwrap(), 2);
        assert_eq!(written, annex_b(&[OTHER, PPS, IDR, OTHER, PPS, IDR]));
    }

    #[test]
    fn a_recording_begins_at_the_first_keyframe_that_can_be_decoded() {
        let (written, ended) =
            record("late", without_sets(), &[&[IDR], &[SLICE], &[SPS, PPS, IDR], &[SLICE]]);
        assert_eq!(ended.unwrap(), 2);
        assert_eq!(written, annex_b(&[SPS, PPS, IDR, SLICE]));
    }
}
