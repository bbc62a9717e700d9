//! The boxes before all fragments.

use mp4_atom::{
    Dinf, Dref, DrefEntry, Edts, Elst, ElstEntry, Encode, Error, FourCC, Ftyp, Hdlr, Mdhd, Mvex, Mvhd, Smhd,
    Stco, Stsc, Stsz, Stts, Tkhd, Trex, Url, Vmhd,
};
use rtspan_core::payload::Parameters;

use super::boxes::{Bytes, write_box};
use super::to_units;

/// A track: its number, its units in a second, its parameters and the box that describes it.
pub(super) struct Track<'a> {
    pub(super) number: u32,
    pub(super) timescale: u32,
    pub(super) parameters: &'a Parameters,
    pub(super) entry: &'a [u8],
}

/// The kind of the file, and the description of all tracks. The first picture is shown `shown` nanoseconds behind the time at
/// which the first is decoded, which an edit takes back.
pub(super) fn header(tracks: &[Track<'_>], shown: i64) -> Result<Bytes, Error> {
    let mut bytes = Bytes::new();
    let ftyp = Ftyp {
        major_brand: FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: [b"iso6", b"mp41", b"dash"].map(FourCC::new).to_vec(),
    };
    ftyp.encode(&mut bytes)?;
    write_box(&mut bytes, b"moov", |moov| {
        let mvhd = Mvhd {
            creation_time: 0,
            modification_time: 0,
            timescale: 1000,
            duration: 0,
            rate: 1.into(),
            volume: 1.into(),
            matrix: Default::default(),
            next_track_id: u32::try_from(tracks.len()).unwrap_or(u32::MAX - 1) + 1,
        };
        mvhd.encode(moov)?;
        for track in tracks {
            write_box(moov, b"trak", |trak| track.write(trak, shown))?;
        }
        let trex = |track: &Track<'_>| Trex {
            track_id: track.number,
            default_sample_description_index: 1,
            ..Trex::default()
        };
        Mvex { trex: tracks.iter().map(trex).collect(), ..Mvex::default() }.encode(moov)
    })?;
    Ok(bytes)
}

impl Track<'_> {
    fn write(&self, trak: &mut Bytes, shown: i64) -> Result<(), Error> {
        let video = self.parameters.video;
        let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX).into();
        let tkhd = Tkhd {
            track_id: self.number,
            enabled: true,
            in_movie: true,
            volume: if video.is_none() { 1.into() } else { 0.into() },
            width: side(video.map_or(0, |video| video.width)),
            height: side(video.map_or(0, |video| video.height)),
            ..Tkhd::default()
        };
        tkhd.encode(trak)?;
        if shown > 0 {
            let shown = to_units(shown, self.timescale).unsigned_abs();
            let edit = ElstEntry { segment_duration: 0, media_time: Some(shown), media_rate: 1.into() };
            Edts { elst: Some(Elst { entries: vec![edit] }) }.encode(trak)?;
        }
        write_box(trak, b"mdia", |mdia| {
            let (handler, name) =
                if video.is_some() { (b"vide", "VideoHandler") } else { (b"soun", "SoundHandler") };
            Mdhd { timescale: self.timescale, language: "und".into(), ..Mdhd::default() }.encode(mdia)?;
            Hdlr { handler: FourCC::new(handler), name: name.into() }.encode(mdia)?;
            write_box(mdia, b"minf", |minf| {
                match video {
                    Some(_) => Vmhd::default().encode(minf)?,
                    None => Smhd::default().encode(minf)?,
                }
                // The data are in this file.
                let dref = Dref { entries: vec![DrefEntry::Url(Url { location: String::new() })] };
                Dinf { dref }.encode(minf)?;
                write_box(minf, b"stbl", |stbl| self.write_tables(stbl))
            })
        })
    }

    /// The description of samples, and empty tables: the fragments have the samples.
    fn write_tables(&self, stbl: &mut Bytes) -> Result<(), Error> {
        write_box(stbl, b"stsd", |stsd| {
            // Version and flags, and one entry.
            stsd.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
            stsd.extend_from_slice(self.entry);
            Ok(())
        })?;
        Stts::default().encode(stbl)?;
        Stsc::default().encode(stbl)?;
        Stsz::default().encode(stbl)?;
        Stco::default().encode(stbl)
    }
}
