//! MPEG-TS (ISO/IEC 13818-1), from a file or a pipe, from its beginning or from anywhere.

use std::collections::VecDeque;
use std::io::Read as _;

use rtspan_core::Media;
use rtspan_core::frame::Frame;

use super::input::Input;
use super::{Demuxer, Opened, SourceError, media, nanos};

mod stream;
mod tables;

use stream::Stream;
use tables::Sections;

const PACKET_BYTES: usize = 188;
const SYNC: u8 = 0x47;
const PAT_PID: u16 = 0;
/// Bytes that are read at most before it is known what there is.
const LOOKED_AT_BYTES: u64 = 16 << 20;
/// The clock that times are told by, and its period.
const CLOCK: u32 = 90_000;
const PERIOD: i64 = 1 << 33;
/// Times before the first one are not taken for later ones, in units of the clock.
const BEFORE_START: i64 = 3600 * CLOCK as i64;
/// A time is looked for until its place is known up to so many bytes.
const SEEK_BYTES: u64 = 256 << 10;

#[derive(Debug)]
struct Ts {
    input: Input,
    /// The place of the next packet in the file.
    at: u64,
    pat: Sections,
    pmt: Option<(u16, Sections)>,
    streams: Vec<Stream>,
    left_out: Vec<String>,
    has_pmt: bool,
    /// The first time of all, in units of the clock.
    origin: Option<i64>,
    /// Frames that are whole, and where in the file each begins.
    ready: VecDeque<(Frame, u64)>,
}

pub(super) fn open(input: Input) -> Result<Opened, SourceError> {
    let mut ts = Ts {
        input,
        at: 0,
        pat: Sections::default(),
        pmt: None,
        streams: Vec::new(),
        left_out: Vec::new(),
        has_pmt: false,
        origin: None,
        ready: VecDeque::new(),
    };
    while !ts.is_known() && ts.at < LOOKED_AT_BYTES && ts.read_packet()? {}
    ts.input.keep_no_more();
    let medias = ts.settle();
    let left_out = std::mem::take(&mut ts.left_out);
    Ok(Opened { medias, left_out, demuxer: Box::new(ts) })
}

impl Ts {
    /// All streams of the program have told their format.
    fn is_known(&self) -> bool {
        self.has_pmt && self.streams.iter().all(|stream| stream.format().is_some())
    }

    /// Leaves out the streams that have told no format, and numbers the others.
    fn settle(&mut self) -> Vec<Media> {
        let silent = self.streams.iter().filter(|stream| stream.format().is_none());
        self.left_out.extend(silent.map(|stream| format!("stream {} without a frame", stream.pid)));
        let numbers: Vec<Option<usize>> = {
            let mut next = 0..;
            self.streams.iter().map(|stream| stream.format().and_then(|_| next.next())).collect()
        };
        self.ready.retain_mut(|(frame, _)| {
            let number = numbers.get(frame.media).copied().flatten();
            frame.media = number.unwrap_or_default();
            number.is_some()
        });
        self.streams.retain(|stream| stream.format().is_some());
        let numbered = self.streams.iter_mut().enumerate();
        numbered.for_each(|(number, stream)| stream.media = number);
        let known =
            self.streams.iter().filter_map(|stream| Some((stream.kind.media_kind(), stream.format()?)));
        known.map(|(kind, format)| media(kind, format.clone())).collect()
    }

    /// Reads a packet; `false` at the end.
    fn read_packet(&mut self) -> Result<bool, SourceError> {
        let mut packet = [0; PACKET_BYTES];
        let mut filled = 0;
        loop {
            while filled < PACKET_BYTES {
                let count = self.input.read(&mut packet[filled..])?;
                if count == 0 {
                    self.flush();
                    return Ok(false);
                }
                filled += count;
                self.at += count as u64;
            }
            match packet.iter().position(|byte| *byte == SYNC) {
                Some(0) => break,
                Some(lost) => {
                    packet.copy_within(lost.., 0);
                    filled -= lost;
                }
                None => filled = 0,
            }
        }
        self.take_packet(&packet);
        Ok(true)
    }

    fn take_packet(&mut self, packet: &[u8; PACKET_BYTES]) {
        let [_, first, second, third, ..] = *packet;
        let pid = u16::from(first & 0x1f) << 8 | u16::from(second);
        let (is_start, has_error, is_scrambled) = (first & 0x40 != 0, first & 0x80 != 0, third & 0xc0 != 0);
        let (has_adaptation, has_payload) = (third & 0x20 != 0, third & 0x10 != 0);
        let adaptation = if has_adaptation { 1 + usize::from(packet[4]) } else { 0 };
        let is_access_point = has_adaptation && packet[4] > 0 && packet[5] & 0x40 != 0;
        let payload = packet.get(4 + adaptation..).filter(|_| has_payload && !has_error && !is_scrambled);
        let Some(payload) = payload else { return };
        if pid == PAT_PID {
            let program = self.pat.take(is_start, payload).and_then(tables::first_program);
            if let Some(pid) = program.filter(|pid| self.pmt.as_ref().is_none_or(|(own, _)| own != pid)) {
                self.pmt = Some((pid, Sections::default()));
            }
        } else if let Some((_, sections)) = self.pmt.as_mut().filter(|(own, _)| *own == pid) {
            let section = sections.take(is_start, payload).map(<[u8]>::to_vec);
            if let Some(section) = section.filter(|_| !self.has_pmt) {
                self.take_program(&section);
            }
        } else if let Some(place) = self.streams.iter().position(|stream| stream.pid == pid) {
            let at = self.at - PACKET_BYTES as u64;
            if is_start {
                self.finish(place);
            }
            let stream = &mut self.streams[place];
            stream.take(is_start, is_access_point, payload, at);
            if stream.is_whole() {
                self.finish(place);
            }
        }
    }

    fn take_program(&mut self, section: &[u8]) {
        self.has_pmt = true;
        for (pid, kind) in tables::streams(section) {
            match kind {
                Ok(kind) => self.streams.push(Stream::new(self.streams.len(), pid, kind)),
                Err(name) => self.left_out.push(name),
            }
        }
    }

    /// Makes frames of the PES packet that a stream has.
    fn finish(&mut self, place: usize) {
        let stream = &mut self.streams[place];
        let Some((pts, dts)) = stream.times() else {
            stream.drop_packet();
            return;
        };
        let origin = *self.origin.get_or_insert(dts);
        let nanos = |time: i64| {
            let since = (time - origin).rem_euclid(PERIOD);
            nanos(if since > PERIOD - BEFORE_START { since - PERIOD } else { since }, CLOCK)
        };
        stream.frames((nanos(pts), nanos(dts)), &mut self.ready);
    }

    fn flush(&mut self) {
        (0..self.streams.len()).for_each(|place| self.finish(place));
    }

    fn next_with_place(&mut self) -> Result<Option<(Frame, u64)>, SourceError> {
        while self.ready.is_empty() && self.read_packet()? {}
        Ok(self.ready.pop_front())
    }

    /// The stream that tells where one can begin: the pictures, or the first sound.
    fn lead(&self) -> usize {
        self.streams.iter().position(|stream| stream.kind.is_video()).unwrap_or(0)
    }

    fn go_to(&mut self, at: u64) -> Result<(), SourceError> {
        self.input.go_to(at)?;
        self.at = at;
        self.ready.clear();
        self.streams.iter_mut().for_each(Stream::reset);
        Ok(())
    }

    /// The first keyframe that begins at a place or behind it, and before another: its time and place.
    fn keyframe_from(&mut self, at: u64, until: u64) -> Result<Option<(i64, u64)>, SourceError> {
        self.go_to(at)?;
        let lead = self.lead();
        while let Some((frame, place)) = self.next_with_place()? {
            if place >= until {
                break;
            }
            if frame.media == lead && frame.is_keyframe {
                return Ok(Some((frame.time.pts, place)));
            }
        }
        Ok(None)
    }
}

impl Demuxer for Ts {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        Ok(self.next_with_place()?.map(|(frame, _)| frame))
    }

    /// Times grow with places, so that the last keyframe at or before a time is found by halves.
    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        let (mut low, mut high) = (0, self.input.len()?);
        let mut start = 0;
        while high.saturating_sub(low) > SEEK_BYTES && to > i64::MIN {
            let middle = low + (high - low) / 2;
            match self.keyframe_from(middle, high)? {
                Some((time, place)) if time <= to => (low, start) = (place + 1, place),
                _ => high = middle,
            }
        }
        while let Some((time, place)) = self.keyframe_from(low, u64::MAX)? {
            if time > to {
                break;
            }
            (low, start) = (place + 1, place);
        }
        self.go_to(start)
    }
}
