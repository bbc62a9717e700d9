//! MPEG-TS (ISO/IEC 13818-1).

use std::io::{self, Write};

use mpeg2ts::es::{StreamId, StreamType};
use mpeg2ts::pes::PesHeader;
use mpeg2ts::time::{ClockReference, Timestamp};
use mpeg2ts::ts::payload::{Bytes as Piece, Pat, Pes, Pmt};
use mpeg2ts::ts::{
    AdaptationField, ContinuityCounter, Descriptor, EsInfo, Pid, ProgramAssociation,
    TransportScramblingControl, TsHeader, TsPacket, TsPacketWriter, TsPayload, VersionNumber,
    WriteTsPacket as _,
};
use rtspan_core::Codec;
use rtspan_core::frame::Frame;

use super::RecordError;

const PROGRAM: u16 = 1;
const PMT_PID: u16 = 0x1000;
const FIRST_PID: u16 = 0x100;
/// Bytes of a packet behind its header.
const ROOM: usize = TsPacket::SIZE - 4;
/// Bytes that an adaptation field takes with a clock, and with its flags alone.
const CLOCK_BYTES: usize = 8;
const FLAGS_BYTES: usize = 2;
/// Bytes of a PES header with a presentation time, and with a decoding time besides.
const PES_BYTES: usize = 14;
const PES_DTS_BYTES: usize = 5;
/// Bytes of a PES packet that its length does not count.
const PES_START_BYTES: usize = 6;
/// The time between two tables, in nanoseconds.
const TABLES_INTERVAL: i64 = 500_000_000;
/// When the first frame is decoded, and how far the clock is behind that, in nanoseconds: a player has so long to get it.
const START: i64 = 1_400_000_000;
const CLOCK_DELAY: i64 = 700_000_000;
/// Sound of an unknown number of medias waits no longer for pictures, in nanoseconds.
const PARAMETERS_WAIT: i64 = 2_000_000_000;
/// Bytes of frames that wait until all medias are known.
const WAITING_BYTES_MAX: usize = 64 << 20;
/// Access unit delimiters of H.264 (any slice) and of H.265 (any slice), behind a start code.
const H264_DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];
const H265_DELIMITER: [u8; 7] = [0, 0, 0, 1, 0x46, 1, 0x50];

/// Returns `true` if MPEG-TS has a place for the codec.
pub(super) fn holds(codec: &Codec) -> bool {
    kind(codec).is_some()
}

/// How the stream of a codec is announced: its type, and the name that is registered for it.
fn kind(codec: &Codec) -> Option<(StreamType, Option<&'static [u8; 4]>)> {
    Some(match codec {
        Codec::H264(_) => (StreamType::H264, None),
        Codec::H265(_) => (StreamType::H265, None),
        Codec::Mpeg4Audio(_) => (StreamType::AdtsAac, None),
        Codec::MpegAudio => (StreamType::Mpeg1Audio, None),
        Codec::Ac3 => (StreamType::DolbyDigitalUpToSixChannelAudio, Some(b"AC-3")),
        Codec::Eac3 => (StreamType::DolbyDigitalPlusUpTo16ChannelAudioForAtsc, Some(b"EAC3")),
        _ => return None,
    })
}

/// Writes frames as packets of MPEG-TS. They have to be in [`Form::ByteStream`](rtspan_core::frame::Form::ByteStream).
///
/// The file begins when all medias have told their parameters, or without those that have not within two seconds. It
/// can be cut anywhere, so that it may be read while it is written, also from a pipe.
#[derive(Debug)]
pub struct TsWriter<W: Write> {
    out: TsPacketWriter<W>,
    tracks: Vec<Track>,
    /// Frames from before the tables can be written.
    waiting: Vec<Frame>,
    waiting_bytes: usize,
    /// The decoding time of the first frame, once the file has begun.
    origin: Option<i64>,
    tables_at: Option<i64>,
    tables_counters: (ContinuityCounter, ContinuityCounter),
    frames: u64,
}

#[derive(Debug)]
struct Track {
    media: usize,
    pid: u16,
    kind: Option<(StreamType, Option<&'static [u8; 4]>)>,
    id: StreamId,
    is_video: bool,
    has_begun: bool,
    counter: ContinuityCounter,
}

impl<W: Write> TsWriter<W> {
    /// A file of the medias with these indices.
    pub fn new(out: W, medias: impl IntoIterator<Item = usize>) -> Self {
        let track = |(media, pid)| Track {
            media,
            pid,
            kind: None,
            id: StreamId::new(StreamId::PRIVATE_STREAM_1),
            is_video: false,
            has_begun: false,
            counter: ContinuityCounter::new(),
        };
        Self {
            out: TsPacketWriter::new(out),
            tracks: medias.into_iter().zip(FIRST_PID..PMT_PID).map(track).collect(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            origin: None,
            tables_at: None,
            tables_counters: Default::default(),
            frames: 0,
        }
    }

    /// Frames that the file holds.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Takes a frame. Pictures before the first keyframe are left out.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn write(&mut self, frame: &Frame) -> Result<(), RecordError> {
        let has_begun = self.origin.is_some();
        let Some(track) = self.tracks.iter_mut().find(|track| track.media == frame.media) else {
            return Ok(());
        };
        if let Some(parameters) = &frame.new_parameters {
            let kind =
                kind(parameters.format.codec()).filter(|_| is_framed(frame, parameters.format.codec()));
            if !has_begun {
                track.learn(kind);
            }
        }
        let is_known = track.kind.is_some();
        if track.is_video && !track.has_begun && !frame.is_keyframe || (has_begun && !is_known) {
            return Ok(());
        }
        track.has_begun = true;
        if has_begun {
            return self.write_frame(frame);
        }
        let first = self.waiting.first().map_or(frame.dts, |first| first.dts);
        let is_late = frame.dts - first > PARAMETERS_WAIT;
        self.waiting_bytes += frame.data.total_bytes();
        self.waiting.push(frame.clone());
        let all_known = self.tracks.iter().all(|track| track.kind.is_some() && track.has_begun);
        if all_known || is_late || self.waiting_bytes > WAITING_BYTES_MAX { self.begin() } else { Ok(()) }
    }

    /// Writes what waits.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        if self.origin.is_none() {
            self.begin()?;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), RecordError> {
        self.tracks.retain(|track| track.kind.is_some() && track.has_begun);
        let mut waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        waiting.retain(|frame| self.tracks.iter().any(|track| track.media == frame.media));
        let Some(origin) = waiting.iter().map(|frame| frame.dts.min(frame.time.pts)).min() else {
            return Ok(());
        };
        self.origin = Some(origin);
        waiting.sort_by_key(|frame| frame.dts);
        waiting.iter().try_for_each(|frame| self.write_frame(frame))
    }

    fn write_frame(&mut self, frame: &Frame) -> Result<(), RecordError> {
        let Some(place) = self.tracks.iter().position(|track| track.media == frame.media) else {
            return Ok(());
        };
        let Some(origin) = self.origin else { return Ok(()) };
        let dts = frame.dts - origin + START;
        let pts = (frame.time.pts - origin + START).max(dts);
        let is_start = self.tracks[place].is_video && frame.is_keyframe;
        if is_start || self.tables_at.is_none_or(|at| dts - at >= TABLES_INTERVAL) {
            self.write_tables()?;
            self.tables_at = Some(dts);
        }
        let clock = self.has_clock(place).then_some(dts - CLOCK_DELAY);
        let track = &mut self.tracks[place];
        let data = with_delimiter(frame, track.kind.map(|(kind, _)| kind));
        let header = PesHeader {
            stream_id: track.id,
            priority: false,
            data_alignment_indicator: true,
            copyright: false,
            original_or_copy: false,
            pts: Some(timestamp(pts)?),
            dts: if pts == dts { None } else { Some(timestamp(dts)?) },
            escr: None,
        };
        let header_bytes = PES_BYTES + if header.dts.is_some() { PES_DTS_BYTES } else { 0 };
        // A picture may be longer than can be told, which is zero then.
        let len = u16::try_from(header_bytes - PES_START_BYTES + data.len()).unwrap_or(0);
        let pes_packet_len = if track.is_video { 0 } else { len };
        let adaptation = adaptation(clock, is_start)?;
        let adaptation_bytes = match &adaptation {
            Some(_) if clock.is_some() => CLOCK_BYTES,
            Some(_) => FLAGS_BYTES,
            None => 0,
        };
        let (first, rest) = data.split_at(data.len().min(ROOM - adaptation_bytes - header_bytes));
        let pes = Pes { header, pes_packet_len, data: piece(first)? };
        let packet = track.packet(adaptation, TsPayload::PesStart(pes))?;
        self.out.write_ts_packet(&packet).map_err(of_ts)?;
        for part in rest.chunks(ROOM) {
            let packet = track.packet(None, TsPayload::PesContinuation(piece(part)?))?;
            self.out.write_ts_packet(&packet).map_err(of_ts)?;
        }
        self.frames += 1;
        Ok(())
    }

    /// The pictures have the clock; if there are none, the first sound.
    fn has_clock(&self, place: usize) -> bool {
        self.tracks.iter().position(|track| track.is_video).unwrap_or(0) == place
    }

    fn write_tables(&mut self) -> Result<(), RecordError> {
        let pid = |pid| Pid::new(pid).map_err(of_ts);
        let program = ProgramAssociation { program_num: PROGRAM, program_map_pid: pid(PMT_PID)? };
        let pat = Pat { transport_stream_id: 1, version_number: VersionNumber::new(), table: vec![program] };
        let clock = (0..self.tracks.len()).find(|place| self.has_clock(*place));
        let mut es_info = Vec::new();
        for track in &self.tracks {
            let Some((stream_type, name)) = track.kind else { continue };
            let registered = |name: &[u8; 4]| Descriptor { tag: 5, data: name.to_vec() };
            let descriptors = name.map(registered).into_iter().collect();
            es_info.push(EsInfo { stream_type, elementary_pid: pid(track.pid)?, descriptors });
        }
        let pmt = Pmt {
            program_num: PROGRAM,
            pcr_pid: clock.map(|place| pid(self.tracks[place].pid)).transpose()?,
            version_number: VersionNumber::new(),
            program_info: Vec::new(),
            es_info,
        };
        let (pat_counter, pmt_counter) = &mut self.tables_counters;
        for (pid, counter, payload) in
            [(0, pat_counter, TsPayload::Pat(pat)), (PMT_PID, pmt_counter, TsPayload::Pmt(pmt))]
        {
            let packet = packet(pid, counter, None, payload)?;
            self.out.write_ts_packet(&packet).map_err(of_ts)?;
        }
        Ok(())
    }
}

impl Track {
    fn learn(&mut self, kind: Option<(StreamType, Option<&'static [u8; 4]>)>) {
        self.kind = kind;
        self.is_video = matches!(kind, Some((StreamType::H264 | StreamType::H265, _)));
        self.id = StreamId::new(match kind {
            _ if self.is_video => StreamId::VIDEO_MIN,
            Some((_, Some(_))) => StreamId::PRIVATE_STREAM_1,
            _ => StreamId::AUDIO_MIN,
        });
    }

    fn packet(
        &mut self,
        adaptation_field: Option<AdaptationField>,
        payload: TsPayload,
    ) -> Result<TsPacket, RecordError> {
        packet(self.pid, &mut self.counter, adaptation_field, payload)
    }
}

/// AAC can be announced with ADTS headers only.
fn is_framed(frame: &Frame, codec: &Codec) -> bool {
    let starts_with = |mask: u8| {
        let mut bytes = frame.data.slices().flatten();
        bytes.next() == Some(&0xff) && bytes.next().is_some_and(|byte| byte & mask == mask)
    };
    !matches!(codec, Codec::Mpeg4Audio(_)) || starts_with(0xf0)
}

/// The bytes of a frame, behind the delimiter that pictures have in MPEG-TS.
fn with_delimiter(frame: &Frame, kind: Option<StreamType>) -> Vec<u8> {
    let delimiter: &[u8] = match kind {
        Some(StreamType::H264) => &H264_DELIMITER,
        Some(StreamType::H265) => &H265_DELIMITER,
        _ => &[],
    };
    let data = frame.data.to_bytes();
    let has_own = delimiter.len() >= 5 && data.starts_with(&delimiter[..5]);
    if has_own { data.to_vec() } else { [delimiter, &data].concat() }
}

fn adaptation(clock: Option<i64>, is_start: bool) -> Result<Option<AdaptationField>, RecordError> {
    if clock.is_none() && !is_start {
        return Ok(None);
    }
    let pcr = clock.map(|nanos| {
        let units = u128::from(nanos.max(0).unsigned_abs()) * 27 / 1000;
        let wrapped = units % ((u128::from(Timestamp::MAX) + 1) * 300);
        ClockReference::new(u64::try_from(wrapped).unwrap_or_default()).map_err(of_ts)
    });
    Ok(Some(AdaptationField {
        discontinuity_indicator: false,
        random_access_indicator: is_start,
        es_priority_indicator: false,
        pcr: pcr.transpose()?,
        opcr: None,
        splice_countdown: None,
        transport_private_data: Vec::new(),
        extension: None,
    }))
}

fn packet(
    pid: u16,
    counter: &mut ContinuityCounter,
    adaptation_field: Option<AdaptationField>,
    payload: TsPayload,
) -> Result<TsPacket, RecordError> {
    let header = TsHeader {
        transport_error_indicator: false,
        transport_priority: false,
        pid: Pid::new(pid).map_err(of_ts)?,
        transport_scrambling_control: TransportScramblingControl::NotScrambled,
        continuity_counter: *counter,
    };
    counter.increment();
    Ok(TsPacket { header, adaptation_field, payload: Some(payload) })
}

fn piece(bytes: &[u8]) -> Result<Piece, RecordError> {
    Ok(Piece::new(bytes).map_err(of_ts)?)
}

/// Nanoseconds in units of 1/90,000 s, which wrap around.
fn timestamp(nanos: i64) -> Result<Timestamp, RecordError> {
    let units = (i128::from(nanos.max(0)) * 9 + 50_000) / 100_000;
    let wrapped = u64::try_from(units % (i128::from(Timestamp::MAX) + 1)).unwrap_or_default();
    Ok(Timestamp::new(wrapped).map_err(of_ts)?)
}

/// The error of the output, or the reason alone: what else is said is for those who write the library.
fn of_ts(error: mpeg2ts::Error) -> io::Error {
    error.io_error.unwrap_or_else(|| io::Error::other(error.reason))
}
