//! Reads the boxes of a segment to tell its frames and times.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use mp4_atom::{Atom as _, FourCC, Moof, Moov, Prft};
use rtspan_core::NtpTime;

use super::Segment;
use super::name::Stamp;

/// The name of the box that tells which segment another one follows: its file's name.
pub(super) const FOLLOWS: [u8; 16] = *b"rtspan/follows/1";
/// Bytes of a box that is read.
const BOX_BYTES_MAX: u64 = 64 << 20;
/// Samples of a fragment that are counted.
const SAMPLES_MAX: usize = 1 << 20;
/// The flag of a sample that needs others (ISO/IEC 14496-12, section 8.8.3.1).
const NEEDS_OTHERS: u32 = 0x1_0000;

/// Looks what is in a segment up to its last whole fragment, without its pictures; `None` if there is none, or it is no segment.
///
/// # Errors
///
/// It cannot be read.
pub fn scan(path: &Path) -> io::Result<Option<Segment>> {
    Ok(scan_file(path)?.and_then(|tally| tally.segment(path)))
}

pub(super) fn scan_file(path: &Path) -> io::Result<Option<Tally>> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(Stamp::parse);
    let Some(name) = name else { return Ok(None) };
    let mut tally = Tally::new(name);
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    tally.read(&mut file, length)?;
    Ok(Some(tally))
}

/// The contents of the boxes that were read.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// The time of a segment that tells none.
    named: i64,
    tracks: Vec<Track>,
    /// The index of the track that is sought by: the pictures, if there are any.
    lead: usize,
    /// Where the last whole fragment ends.
    pub(super) bytes: u64,
    pub(super) frames: u64,
    /// The wall clock time of the lead's first keyframe, and of the first frame of all, in nanoseconds since 1970.
    key: Option<i64>,
    first: Option<i64>,
    end: i64,
    /// The file of the segment that this one follows.
    pub(super) follows: Option<String>,
    /// The clocks of the fragment that comes next.
    clocks: Vec<Prft>,
    /// The contents of the last fragment, until its data are there.
    pending: Option<Moof>,
}

#[derive(Clone, Debug)]
struct Track {
    id: u32,
    timescale: i64,
    is_video: bool,
}

impl Track {
    fn nanos(&self, units: i64) -> i64 {
        let nanos = i128::from(units) * 1_000_000_000 / i128::from(self.timescale);
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }
}

impl Tally {
    pub(super) fn new(name: Stamp) -> Self {
        let named = i64::try_from(name.millis()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Self {
            named,
            tracks: Vec::new(),
            lead: 0,
            bytes: 0,
            frames: 0,
            key: None,
            first: None,
            end: i64::MIN,
            follows: None,
            clocks: Vec::new(),
            pending: None,
        }
    }

    /// The wall clock time of the first frame.
    pub(super) fn first(&self) -> Option<i64> {
        self.first
    }

    /// The wall clock time of the end of the last frame.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    pub(super) fn segment(&self, path: &Path) -> Option<Segment> {
        Some(Segment {
            path: path.to_owned(),
            start: self.key.or(self.first)?,
            end: self.end,
            bytes: self.bytes,
            frames: self.frames,
            follows: self.follows.is_some(),
            is_ended: false,
        })
    }

    /// Reads the boxes of an input of this length, which begins where the last one has ended. What is torn or broken ends it.
    pub(super) fn read<R: Read + Seek>(&mut self, input: &mut R, length: u64) -> io::Result<()> {
        let (base, mut at) = (self.bytes, 0);
        while let Some((kind, body, end)) = next_box(input, at, length)? {
            let is_known = match &kind {
                b"moov" | b"moof" | b"prft" | b"uuid" => {
                    if end - body > BOX_BYTES_MAX {
                        return Ok(());
                    }
                    let mut bytes = vec![0; (end - body) as usize];
                    input.read_exact(&mut bytes)?;
                    self.take(&kind, &bytes)
                }
                b"mdat" => {
                    if let Some(moof) = self.pending.take() {
                        self.add(&moof);
                        self.bytes = base + end;
                    }
                    Some(())
                }
                _ => Some(()),
            };
            if is_known.is_none() {
                return Ok(());
            }
            at = end;
        }
        Ok(())
    }

    /// Takes a box; `None` if it is broken.
    fn take(&mut self, kind: &[u8; 4], mut body: &[u8]) -> Option<()> {
        match kind {
            b"moov" => self.describe(&Moov::decode_body(&mut body).ok()?),
            b"prft" => self.clocks.push(Prft::decode_body(&mut body).ok()?),
            b"moof" => self.pending = Some(Moof::decode_body(&mut body).ok()?),
            _ => {
                if let Some(name) = body.strip_prefix(&FOLLOWS) {
                    let name = std::str::from_utf8(name).ok().filter(|name| Stamp::parse(name).is_some());
                    self.follows = name.map(ToOwned::to_owned);
                }
            }
        }
        Some(())
    }

    fn describe(&mut self, moov: &Moov) {
        self.tracks = moov
            .trak
            .iter()
            .map(|trak| Track {
                id: trak.tkhd.track_id,
                timescale: i64::from(trak.mdia.mdhd.timescale.max(1)),
                is_video: trak.mdia.hdlr.handler == FourCC::new(b"vide"),
            })
            .collect();
        self.lead = self.tracks.iter().position(|track| track.is_video).unwrap_or(0);
    }

    /// The wall clock time of time zero of a track.
    fn zero(&self, track: &Track) -> i64 {
        let own = self.clocks.iter().find(|clock| clock.reference_track_id == track.id);
        let zero = own.or_else(|| self.clocks.first()).and_then(|clock| {
            let its = self.tracks.iter().find(|track| track.id == clock.reference_track_id)?;
            let wall = NtpTime::from_bits(clock.ntp_timestamp).to_unix()?;
            let wall = i64::try_from(wall.as_nanos()).ok()?;
            Some(wall.saturating_sub(its.nanos(i64::try_from(clock.media_time).ok()?)))
        });
        zero.unwrap_or(self.named)
    }

    fn add(&mut self, moof: &Moof) {
        for traf in &moof.traf {
            let Some(number) = self.tracks.iter().position(|track| track.id == traf.tfhd.track_id) else {
                continue;
            };
            let track = &self.tracks[number];
            let zero = self.zero(track);
            let told = traf.tfdt.as_ref().map_or(0, |tfdt| tfdt.base_media_decode_time);
            let mut dts = i64::try_from(told).unwrap_or(i64::MAX);
            let (mut key, mut first, mut end) = (self.key, self.first, self.end);
            for sample in traf.trun.iter().flat_map(|trun| trun.samples.iter()).take(SAMPLES_MAX) {
                let lasts = i64::from(sample.duration.unwrap_or_default());
                let pts = dts.saturating_add(sample.cts.unwrap_or_default());
                let wall = |units| zero.saturating_add(track.nanos(units));
                let shown = wall(pts);
                first = Some(first.map_or(shown, |first| first.min(shown)));
                let is_key = !track.is_video || sample.flags.unwrap_or_default() & NEEDS_OTHERS == 0;
                if number == self.lead && is_key {
                    key = key.or(Some(shown));
                }
                end = end.max(wall(pts.saturating_add(lasts)));
                dts = dts.saturating_add(lasts);
                self.frames += 1;
            }
            (self.key, self.first, self.end) = (key, first, end);
        }
        self.clocks.clear();
    }
}

/// The kind of the box at a place, and where its body begins and ends; `None` if it is not there as a whole.
fn next_box<R: Read + Seek>(input: &mut R, at: u64, length: u64) -> io::Result<Option<([u8; 4], u64, u64)>> {
    if length.checked_sub(at).is_none_or(|rest| rest < 8) {
        return Ok(None);
    }
    input.seek(SeekFrom::Start(at))?;
    let mut header = [0; 8];
    input.read_exact(&mut header)?;
    let [s0, s1, s2, s3, kind @ ..] = header;
    // Sizes of 64 bits, and boxes up to the end of the file, are not written.
    let size = u64::from(u32::from_be_bytes([s0, s1, s2, s3]));
    let end = at.checked_add(size).filter(|end| size >= 8 && *end <= length);
    Ok(end.map(|end| (kind, at + 8, end)))
}

/// The wall clock time in nanoseconds since 1970; zero for one before that.
pub(super) fn since_1970(ntp: NtpTime) -> i64 {
    i64::try_from(ntp.to_unix().unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

/// The same back.
pub(super) fn ntp_of(since_1970: i64) -> NtpTime {
    NtpTime::from_unix(Duration::from_nanos(since_1970.max(0).unsigned_abs()))
}
