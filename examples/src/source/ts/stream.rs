use std::collections::VecDeque;

use bytes::Bytes;
use rtspan_core::frame::Frame;
use rtspan_core::payload::Parts;
use rtspan_core::{Format, MediaKind};

use super::super::byte_stream::format_of;
use super::super::framed::{Framing, Splitter};
use super::super::nal::Syntax;
use super::super::{FRAME_BYTES_MAX, frame, nanos, payload_type};

/// Bytes of a PES packet that its length does not count, and up to the fields that may be left out (section 2.4.3.6).
const START_BYTES: usize = 6;
const HEAD_BYTES: usize = 9;
/// The last bytes of start codes of MPEG-1, MPEG-2 and MPEG-4 video.
const SEQUENCE: u8 = 0xb3;
const PICTURE_OF_MPEG4: u8 = 0xb6;

/// The kind of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    H264,
    H265,
    MpegVideo,
    Mpeg4Video,
    Sound(Framing),
}

impl Kind {
    pub(super) fn is_video(self) -> bool {
        !matches!(self, Self::Sound(_))
    }

    pub(super) fn media_kind(self) -> MediaKind {
        if self.is_video() { MediaKind::Video } else { MediaKind::Audio }
    }

    fn syntax(self) -> Option<Syntax> {
        match self {
            Self::H264 => Some(Syntax::H264),
            Self::H265 => Some(Syntax::H265),
            _ => None,
        }
    }
}

/// A stream of the program, and the PES packet that is being put together.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) media: usize,
    pub(super) pid: u16,
    pub(super) kind: Kind,
    format: Option<Format>,
    packet: Vec<u8>,
    /// Where in the file it began, and whether it was said that one can begin there.
    at: u64,
    is_access_point: bool,
    splitter: Option<Splitter>,
    /// The time of the frame whose beginning waits for its end.
    waiting_time: i64,
    sets: Vec<Bytes>,
}

impl Stream {
    pub(super) fn new(media: usize, pid: u16, kind: Kind) -> Self {
        let splitter = match kind {
            Kind::Sound(framing) => Some(Splitter::new(framing)),
            _ => None,
        };
        Self {
            media,
            pid,
            kind,
            format: None,
            packet: Vec::new(),
            at: 0,
            is_access_point: false,
            splitter,
            waiting_time: 0,
            sets: Vec::new(),
        }
    }

    /// The format, once it is known.
    pub(super) fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// Forgets what is not whole, for another place of the file.
    pub(super) fn reset(&mut self) {
        self.packet.clear();
        if let Some(splitter) = &mut self.splitter {
            splitter.clear();
        }
    }

    pub(super) fn drop_packet(&mut self) {
        self.packet.clear();
    }

    /// Takes the payload of a packet, which begins in the file at `at`.
    pub(super) fn take(&mut self, is_start: bool, is_access_point: bool, payload: &[u8], at: u64) {
        if is_start {
            self.packet.clear();
            (self.at, self.is_access_point) = (at, is_access_point);
        } else if self.packet.is_empty() || self.packet.len() > FRAME_BYTES_MAX {
            return;
        }
        self.packet.extend_from_slice(payload);
    }

    /// The PES packet says how long it is, and has come.
    pub(super) fn is_whole(&self) -> bool {
        match self.packet[..] {
            [0, 0, 1, _, high, low, ..] if [high, low] != [0, 0] => {
                self.packet.len() >= START_BYTES + usize::from(u16::from_be_bytes([high, low]))
            }
            _ => false,
        }
    }

    /// The presentation and decoding time of the PES packet, in units of the clock.
    pub(super) fn times(&self) -> Option<(i64, i64)> {
        let &[0, 0, 1, _, _, _, marks, flags, _, ..] = &self.packet[..] else { return None };
        if marks & 0xc0 != 0x80 || flags & 0x80 == 0 {
            return None;
        }
        let pts = time(self.packet.get(HEAD_BYTES..)?)?;
        let dts = if flags & 0x40 != 0 { time(self.packet.get(HEAD_BYTES + 5..)?)? } else { pts };
        Some((pts, dts))
    }

    /// Makes frames of the PES packet, whose times are in nanoseconds.
    pub(super) fn frames(&mut self, times: (i64, i64), ready: &mut VecDeque<(Frame, u64)>) {
        let packet = std::mem::take(&mut self.packet);
        let from = HEAD_BYTES + packet.get(HEAD_BYTES - 1).map_or(0, |length| usize::from(*length));
        let Some(data) = packet.get(from..).filter(|data| !data.is_empty()) else { return };
        if self.splitter.is_some() {
            self.sound(times.0, data, ready);
        } else if let Some(picture) = self.picture(times, data) {
            ready.push_back((picture, self.at));
        }
    }

    /// The picture of a PES packet; `None` before its format is known.
    fn picture(&mut self, times: (i64, i64), data: &[u8]) -> Option<Frame> {
        let (parts, is_keyframe) = match self.kind.syntax() {
            Some(syntax) => {
                let nals = Parts::from_annex_b(&Bytes::copy_from_slice(data));
                let is_keyframe = nals.slices().any(|nal| syntax.is_keyframe(nal));
                if self.format.is_none() {
                    self.sets.extend(nals.iter().filter(|nal| syntax.is_set(nal)).cloned());
                    let format = format_of(syntax, self.media, &self.sets);
                    let is_whole = format.fmtp().is_some_and(|fmtp| fmtp.contains("sprop-"));
                    self.format = Some(format).filter(|_| is_whole);
                }
                (nals, is_keyframe || self.is_access_point)
            }
            None => {
                let is_keyframe = self.is_access_point || begins_with_headers(data);
                if is_keyframe && self.format.is_none() {
                    self.format = Some(match self.kind {
                        Kind::Mpeg4Video => Format::mpeg4_video(payload_type(self.media), headers(data)),
                        _ => Format::mpeg_video(),
                    });
                }
                (Parts::from(data.to_vec()), is_keyframe)
            }
        };
        self.format.as_ref().map(|_| frame(self.media, times, is_keyframe, parts))
    }

    /// A time is that of the first frame that begins in the packet; the end of another may come before it.
    fn sound(&mut self, pts: i64, data: &[u8], ready: &mut VecDeque<(Frame, u64)>) {
        let Some(splitter) = &mut self.splitter else { return };
        let mut time = if splitter.waiting() > 0 { self.waiting_time } else { pts };
        let mut is_rest = splitter.waiting() > 0;
        splitter.push(data);
        let framing = splitter.framing;
        while let Some((header, bytes)) = splitter.next() {
            if self.format.is_none() {
                self.format = framing.format(self.media, bytes);
            }
            let sent = header.sent(bytes).to_vec();
            ready.push_back((frame(self.media, (time, time), true, sent.into()), self.at));
            time = if is_rest { pts } else { time + nanos(header.samples.into(), header.rate) };
            is_rest = false;
        }
        self.waiting_time = time;
    }
}

/// A time of 33 bits.
fn time(bytes: &[u8]) -> Option<i64> {
    let &[first, second, third, fourth, fifth, ..] = bytes else { return None };
    let [first, second, third, fourth, fifth] = [first, second, third, fourth, fifth].map(i64::from);
    Some((first >> 1 & 7) << 30 | second << 22 | (third >> 1) << 15 | fourth << 7 | fifth >> 1)
}

/// A sequence or an object begins here.
fn begins_with_headers(data: &[u8]) -> bool {
    matches!(data, [0, 0, 1, SEQUENCE | 0xb0 | 0xb5 | ..=0x2f, ..])
}

/// The headers before the first picture of MPEG-4 video, or group of them.
fn headers(data: &[u8]) -> &[u8] {
    let is_picture = |window: &[u8]| matches!(window, [0, 0, 1, SEQUENCE | PICTURE_OF_MPEG4]);
    let end = data.windows(4).position(is_picture);
    end.map_or(data, |end| &data[..end])
}
