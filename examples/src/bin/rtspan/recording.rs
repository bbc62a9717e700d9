use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rtspan_std::payload::AccessUnit;
use rtspan_std::payload::h264::Depacketizer;
use rtspan_std::{Codec, Description, Received};

use crate::Failure;
use crate::args::Target;

const SPS: u8 = 7;
/// What each NAL unit of a file begins with (H.264, annex B).
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A file of H.264 (Annex B) that is being written.
pub(crate) struct Recording {
    path: PathBuf,
    file: BufWriter<File>,
    media: usize,
    payload_type: u8,
    /// Those of the description, for streams that do not bring their own.
    parameter_sets: Option<[Bytes; 2]>,
    depacketizer: Depacketizer,
    pictures: u64,
}

impl Recording {
    /// Begins a file of the first H.264 media.
    pub(crate) fn create(path: &Path, url: &Target, description: &Description) -> Result<Self, Failure> {
        let (media, format) = description.find("H264").ok_or_else(|| Failure::NoH264 { url: url.clone() })?;
        let parameter_sets = match &format.codec {
            Codec::H264(h264) => h264.parameter_sets().map(|sets| sets.map(Bytes::clone)),
            _ => None,
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
        if self.pictures == 0 && !unit.is_keyframe {
            return Ok(());
        }
        let brings_its_own =
            unit.nals.iter().any(|nal| nal.first().is_some_and(|header| header & 0x1f == SPS));
        let added = self.parameter_sets.as_ref().filter(|_| unit.is_keyframe && !brings_its_own);
        for nal in added.into_iter().flatten().chain(&unit.nals) {
            self.file.write_all(&START_CODE)?;
            self.file.write_all(nal)?;
        }
        self.pictures += 1;
        Ok(())
    }
}
