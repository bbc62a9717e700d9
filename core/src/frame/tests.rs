use bytes::Bytes;

use super::*;
use crate::client::Received;
use crate::description::{Description, Format, Media, MediaKind};
use crate::limits::PACKET_BYTES_MAX;
use crate::payload::{PacketizeError, PayloadError};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::timeline::Timeline;
use crate::{Instant, Tolerance};

const FRAME_NANOS: i64 = 40_000_000;

/// 1280 x 720, High, 30 pictures a second, two of them decoded ahead.
const SPS: [u8; 26] = [
    0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
    0x00, 0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x19, 0x60,
];
const PPS: [u8; 6] = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
const OTHER_PPS: [u8; 4] = [0x68, 0xee, 0x3c, 0x80];
const DELIMITER: [u8; 2] = [0x09, 0xf0];
const IDR: [u8; 3] = [0x65, 0x88, 0x80];
const SLICE: [u8; 3] = [0x41, 0x9a, 0x24];

fn description(video: Format) -> Description {
    let video = Media::new(MediaKind::Video, vec![video]);
    Description::new(vec![video, Media::new(MediaKind::Audio, vec![Format::pcma()])])
}

fn parts(nals: &[&[u8]]) -> Parts {
    nals.iter().map(|nal| Bytes::copy_from_slice(nal)).collect()
}

/// The receiving client of the frames that are written.
struct Line {
    writer: FrameWriter,
    reader: FrameReader,
    timeline: Timeline,
    clock_rates: Vec<u32>,
}

impl Line {
    fn new(description: &Description) -> Self {
        Self {
            writer: FrameWriter::new(description, [3; 32]).unwrap(),
            reader: FrameReader::new(description),
            timeline: Timeline::new(),
            clock_rates: description.medias.iter().map(|media| media.formats[0].clock_rate).collect(),
        }
    }

    fn with_announced_sets() -> Self {
        Self::new(&description(Format::h264(96, &SPS, &PPS)))
    }

    fn without_sets() -> Self {
        Self::new(&description(Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1")))
    }

    /// Sends a frame; those that come out.
    fn pass(&mut self, frame: &Frame) -> Vec<Frame> {
        self.pass_but(frame, &[])
    }

    /// Sends a frame, of which some packets are lost.
    fn pass_but(&mut self, frame: &Frame, lost: &[usize]) -> Vec<Frame> {
        let mut packets = Vec::new();
        self.writer.write(frame, |packet| packets.push(packet)).unwrap();
        let mut missing = 0;
        for (at, packet) in packets.into_iter().enumerate() {
            if lost.contains(&at) {
                missing += 1;
                continue;
            }
            self.receive(frame.media, packet, std::mem::take(&mut missing)).unwrap();
        }
        self.come_out()
    }

    fn receive(&mut self, media: usize, packet: RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let time = self.timeline.time_of(Instant::ZERO, media, &packet, self.clock_rates[media]);
        self.reader.push(&Received { media, packet, lost, time })
    }

    fn come_out(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.reader.poll()).collect()
    }
}

#[test]
fn frames_come_out_as_they_were_written_each_with_its_time() {
    let mut line = Line::with_announced_sets();
    for number in 0..5 {
        let nals: [&[u8]; 2] = if number == 0 { [&IDR, &[0x65; 5000]] } else { [&SLICE, &[0x41; 300]] };
        let frame = Frame::new(0, number * FRAME_NANOS, parts(&nals));
        let [back] = &line.pass(&frame)[..] else { panic!("a frame") };
        assert_eq!((back.media, back.payload_type, &back.data), (0, Some(96), &frame.data));
        assert_eq!((back.time.pts, back.is_keyframe), (number * FRAME_NANOS, number == 0));
        assert_eq!((back.lost, back.is_damaged), (0, false));
        assert_eq!(back.new_parameters.is_some(), number == 0, "they are told once");
        let sound = Frame::new(1, number * FRAME_NANOS, vec![0xd5; 320]);
        let [back] = &line.pass(&sound)[..] else { panic!("a frame") };
        assert_eq!(
            (back.time.pts, back.dts, back.is_keyframe),
            (number * FRAME_NANOS, number * FRAME_NANOS, true)
        );
    }
    let stats = line.reader.stats(0).unwrap();
    assert_eq!((stats.frames, stats.keyframes, stats.damaged, stats.errors), (5, 1, 0, 0));
}

#[test]
fn decoding_times_are_as_far_ahead_as_the_parameters_tell() {
    let mut line = Line::with_announced_sets();
    let frame = FRAME_NANOS * 25 / 30;
    let mut pass = |number: i64| line.pass(&Frame::new(0, number * frame, parts(&[&SLICE]))).remove(0).dts;
    let dts = [0, 3, 1, 2, 6].map(&mut pass);
    let off = |dts: i64, frames: i64| (dts - frames * frame).abs();
    assert!(dts.iter().zip(-2..).all(|(dts, frames)| off(*dts, frames) < 12_000), "{dts:?}");
    let (late, last) = (pass(-9), pass(-8));
    assert!(dts[4] < late && late < last, "they go on, whatever comes: {dts:?} {late} {last}");
}

#[test]
fn a_lost_packet_marks_its_frame_and_is_counted_once() {
    let mut line = Line::with_announced_sets();
    line.pass(&Frame::new(0, 0, parts(&[&IDR])));
    let big = Frame::new(0, FRAME_NANOS, parts(&[&[0x41; 5000]]));
    let damaged = line.pass_but(&big, &[1, 2]);
    assert!(damaged.iter().all(|frame| frame.is_damaged), "{damaged:?}");
    let mut frames = damaged;
    frames.extend(line.pass(&Frame::new(0, 2 * FRAME_NANOS, parts(&[&SLICE]))));
    assert_eq!(frames.iter().map(|frame| frame.lost).sum::<u32>(), 2);
    assert!(frames.last().is_some_and(|last| !last.is_damaged));
}

#[test]
fn a_byte_stream_has_the_newest_parameter_sets_in_front_of_each_keyframe() {
    let mut line = Line::with_announced_sets();
    line.reader.set_form(Form::ByteStream);
    let stream =
        |nals: &[&[u8]]| -> Vec<u8> { nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect() };
    let mut pass =
        |pts, nals: &[&[u8]]| line.pass(&Frame::new(0, pts, parts(nals))).remove(0).data.to_bytes();
    assert_eq!(pass(0, &[&DELIMITER, &IDR]), stream(&[&DELIMITER, &SPS, &PPS, &IDR]));
    assert_eq!(pass(1, &[&SLICE]), stream(&[&SLICE]));
    assert_eq!(pass(2, &[&OTHER_PPS, &IDR]), stream(&[&SPS, &OTHER_PPS, &IDR]));
    assert_eq!(pass(3, &[&IDR]), stream(&[&SPS, &OTHER_PPS, &IDR]));
}

#[test]
fn a_sample_of_a_container_has_lengths_and_no_parameter_sets() {
    let mut line = Line::without_sets();
    line.reader.set_form(Form::Container);
    let frame = line.pass(&Frame::new(0, 0, parts(&[&SPS, &PPS, &IDR]))).remove(0);
    assert_eq!(frame.data.to_bytes(), [0, 0, 0, 3, 0x65, 0x88, 0x80][..]);
    assert_eq!(Parts::from_length_prefixed(&frame.data.to_bytes(), 4), vec![&IDR[..]]);
    line.reader.set_parameter_sets(ParameterSetsIn::AsSent);
    let frame = line.pass(&Frame::new(0, 1, parts(&[&PPS, &IDR]))).remove(0);
    assert_eq!(Parts::from_length_prefixed(&frame.data.to_bytes(), 4), vec![&PPS[..], &IDR[..]]);
}

#[test]
fn parameters_are_told_where_they_change() {
    let mut line = Line::without_sets();
    assert_eq!(line.reader.parameters(0).unwrap().video, None);
    let first = line.pass(&Frame::new(0, 0, parts(&[&SLICE]))).remove(0).new_parameters.unwrap();
    assert_eq!((first.video, first.configuration), (None, None), "nothing is known yet");
    let changed = line.pass(&Frame::new(0, 1, parts(&[&SPS, &PPS, &IDR]))).remove(0).new_parameters.unwrap();
    assert_eq!(changed.video.map(|video| (video.width, video.height)), Some((1280, 720)));
    assert_eq!(changed.format.parameter("profile-level-id"), Some("64001F"));
    let same = line.pass(&Frame::new(0, 2, parts(&[&SPS, &PPS, &IDR]))).remove(0);
    assert_eq!(same.new_parameters, None);
    let other = line.pass(&Frame::new(0, 3, parts(&[&SPS, &OTHER_PPS, &IDR]))).remove(0).new_parameters;
    assert_ne!(other.unwrap().configuration, changed.configuration);
    assert_eq!(line.reader.parameters(1).unwrap().audio.map(|sound| sound.sample_rate), Some(8_000));
}

#[test]
fn what_cannot_be_read_is_counted_and_what_is_unknown_is_left_out() {
    let mut line = Line::with_announced_sets();
    let packet = |payload_type, sequence, payload: &[u8]| {
        RtpPacket::build(RtpHeader { payload_type, sequence, marker: true, timestamp: 9, ssrc: 5 }, payload)
    };
    assert_eq!(line.receive(0, packet(97, 1, &IDR), 0), Ok(()));
    assert_eq!(line.come_out(), []);
    assert_eq!(line.receive(0, packet(96, 1, &[]), 0), Err(PayloadError::Empty));
    assert_eq!(line.receive(0, packet(96, 2, &[&[0, 0, 0, 1], &IDR[..]].concat()), 0), Ok(()));
    let stats = line.reader.stats(0).unwrap();
    assert_eq!((stats.errors, stats.last_error), (1, Some(PayloadError::Empty)));
    assert!(stats.tolerances.contains(Tolerance::AnnexBInPayload));
    assert_eq!(line.reader.stats(2), None);
}

#[test]
fn the_first_frame_behind_a_gap_tells_of_it_also_if_the_first_packet_is_none_of_a_frame() {
    let mut line = Line::with_announced_sets();
    let first = line.pass(&Frame::new(0, 0, parts(&[&IDR]))).remove(0);
    let second = line.pass(&Frame::new(0, FRAME_NANOS, parts(&[&SLICE]))).remove(0);
    assert_eq!((first.time.begins_anew, second.time.begins_anew), (false, false));
    line.timeline.begin_anew();
    let packet = |sequence, timestamp, payload: &[u8]| {
        let header = RtpHeader { payload_type: 96, sequence, marker: true, timestamp, ssrc: 5 };
        RtpPacket::build(header, payload)
    };
    assert_eq!(line.receive(0, packet(1, 9, &[]), 0), Err(PayloadError::Empty));
    for sequence in 2..4_u16 {
        line.receive(0, packet(sequence, 3_600 * u32::from(sequence), &SLICE), 0).unwrap();
    }
    let behind: Vec<bool> = line.come_out().iter().map(|frame| frame.time.begins_anew).collect();
    assert_eq!(behind, [true, false]);
}

/// A replay without rate control has the timestamps of the recording, which come again where it goes back.
#[test]
fn a_frame_behind_a_seek_has_its_own_time_though_its_timestamp_came_before() {
    let mut reader = FrameReader::new(&description(Format::h264(96, &SPS, &PPS)));
    let mut receive = |sequence, pts, begins_anew| {
        let header = RtpHeader { payload_type: 96, sequence, marker: true, timestamp: 9_000, ssrc: 5 };
        let mut time = MediaTime::at(pts);
        time.begins_anew = begins_anew;
        reader.push(&Received { media: 0, packet: RtpPacket::build(header, &IDR), lost: 0, time }).unwrap();
        reader.poll().map(|frame| (frame.time.pts, frame.time.begins_anew))
    };
    assert_eq!(receive(1, 0, true), Some((0, true)));
    assert_eq!(receive(2, 5 * FRAME_NANOS, true), Some((5 * FRAME_NANOS, true)));
}

#[test]
fn a_full_packet_has_the_room_that_was_asked_for() {
    let description = description(Format::h264(96, &SPS, &PPS));
    let longest = |room| {
        let mut writer = FrameWriter::with_room(&description, [7; 32], room).unwrap();
        let mut longest = 0;
        let frame = Frame::new(0, 0, parts(&[&[0x65; 5000]]));
        writer.write(&frame, |packet| longest = longest.max(packet.as_bytes().len())).unwrap();
        longest
    };
    assert_eq!((longest(0), longest(16)), (PACKET_BYTES_MAX, PACKET_BYTES_MAX - 16));
}

#[test]
fn a_format_that_is_not_supported_is_told_and_harms_no_other() {
    let interleaved = Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=2");
    let description = description(interleaved);
    assert_eq!(FrameWriter::new(&description, [0; 32]).unwrap_err().encoding(), "H264");
    let reader = FrameReader::new(&description);
    let unsupported: Vec<_> = reader.unsupported().map(|(media, why)| (media, why.encoding())).collect();
    assert_eq!(unsupported, [(0, "H264")]);
    assert!(reader.parameters(0).is_none() && reader.parameters(1).is_some());
}

#[test]
fn a_new_description_ends_the_tracks_that_it_changes_and_no_other() {
    let mut line = Line::with_announced_sets();
    line.pass(&Frame::new(1, 0, vec![1; 160]));
    let mut packets = Vec::new();
    line.writer.write(&Frame::new(0, 0, parts(&[&[0x65; 5000]])), |packet| packets.push(packet)).unwrap();
    line.receive(0, packets.swap_remove(0), 0).unwrap();
    line.receive(0, packets.swap_remove(1), 0).unwrap();
    assert_eq!(line.come_out(), []);
    line.reader.set_description(&description(Format::h264(96, &SPS, &OTHER_PPS)));
    assert_eq!(line.reader.stats(0), Some(FrameStats::default()));
    assert_eq!(line.reader.stats(1).map(|stats| stats.frames), Some(1));
    let told = line.pass(&Frame::new(0, 1, parts(&[&IDR])));
    assert!(told.iter().any(|frame| frame.new_parameters.is_some()));
}

#[test]
fn timestamps_follow_presentation_times_over_their_wrap() {
    let mut line = Line::with_announced_sets();
    let mut before = None;
    for hours in -20..20_i64 {
        let pts = hours * 3_600_000_000_000;
        line.writer
            .write(&Frame::new(0, pts, parts(&[&SLICE])), |packet| {
                let passed = before.map(|before| packet.timestamp().wrapping_sub(before));
                assert!(passed.is_none_or(|passed| passed == 3600 * 90_000));
                before = Some(packet.timestamp());
            })
            .unwrap();
    }
}

#[test]
fn a_frame_that_has_no_place_or_cannot_be_sent_is_refused() {
    let mut line = Line::with_announced_sets();
    let mut write = |frame: Frame| line.writer.write(&frame, |_| panic!("nothing can be sent"));
    let no_format = |media, payload_type| Err(FrameError::NoSuchFormat { media, payload_type });
    assert_eq!(write(Frame::new(2, 0, vec![1])), no_format(2, None));
    assert_eq!(write(Frame::new(1, 0, vec![1]).with_payload_type(9)), no_format(1, Some(9)));
    let source = PacketizeError::Malformed("a NAL unit of a type that is kept for packets");
    assert_eq!(write(Frame::new(0, 0, vec![0x1f])), Err(FrameError::Packetize { media: 0, source }));
}

#[test]
fn a_unit_between_packets_gets_the_time_between_them() {
    let mut times = times::Times::default();
    assert_eq!(times.of(7), MediaTime::default());
    let mut timeline = Timeline::new();
    let mut insert = |timestamp: u32| {
        let header = RtpHeader { timestamp, ..RtpHeader::default() };
        let mut time = timeline.time_of(Instant::ZERO, 0, &RtpPacket::build(header, b"x"), 48_000);
        time.begins_anew = true;
        times.insert(timestamp, time);
        times.insert(timestamp, MediaTime::default());
    };
    insert(u32::MAX - 2047);
    insert(0);
    let pts = |timestamp| times.of(timestamp).pts;
    assert_eq!([pts(u32::MAX - 2047), pts(u32::MAX - 1023), pts(0)], [0, 21_333_333, 42_666_666]);
    assert!(times.of(0).begins_anew && !times.of(u32::MAX - 1023).begins_anew, "it is told once");
}

#[test]
fn a_byte_stream_of_h265_has_all_three_kinds_of_parameter_sets() {
    let (vps, sps, pps): (&[u8], &[u8], &[u8]) = (&[0x40, 1, 0x0c], &[0x42, 1, 1], &[0x44, 1, 0xc1]);
    let (delimiter, key): (&[u8], &[u8]) = (&[0x46, 1, 0x50], &[0x26, 1, 0xaf]);
    let mut line = Line::new(&description(Format::h265(96, vps, sps, pps)));
    line.reader.set_form(Form::ByteStream);
    let stream = line.pass(&Frame::new(0, 0, parts(&[delimiter, key]))).remove(0).data.to_bytes();
    assert_eq!(Parts::from_annex_b(&stream), vec![delimiter, vps, sps, pps, key]);
    line.reader.set_form(Form::Container);
    let sample = line.pass(&Frame::new(0, 1, parts(&[delimiter, sps, key]))).remove(0).data.to_bytes();
    assert_eq!(Parts::from_length_prefixed(&sample, 4), vec![delimiter, key]);
}

#[test]
fn obus_have_their_sizes_in_one_piece_and_a_delimiter_in_front_in_a_byte_stream() {
    let (sequence, key): (&[u8], &[u8]) = (&[0x08, 1, 2], &[0x30, 0x10, 3]);
    let mut line = Line::new(&description(Format::av1(96, 0, 8)));
    let mut pass = |form, data: Parts| {
        line.reader.set_form(form);
        line.pass(&Frame::new(0, 0, data)).remove(0).data
    };
    let sample = [0x0a, 2, 1, 2, 0x32, 2, 0x10, 3];
    let stream = [&[0x12, 0][..], &sample].concat();
    assert_eq!(pass(Form::Parts, stream.clone().into()), vec![sequence, key]);
    assert_eq!(pass(Form::ByteStream, parts(&[sequence, key])).to_bytes(), stream);
    assert_eq!(pass(Form::Container, parts(&[sequence, key])).to_bytes(), sample[..]);
}

#[test]
fn a_byte_stream_of_latm_has_headers_by_the_configuration_that_the_stream_tells() {
    let fmtp = "cpresent=1; config=400023203fc0";
    let mut line = Line::new(&description(Format::new(96, "MP4A-LATM", 48_000).with_fmtp(fmtp)));
    // The reader's description tells nothing.
    line.reader = FrameReader::new(&description(Format::new(96, "MP4A-LATM", 48_000)));
    line.reader.set_form(Form::ByteStream);
    for is_first in [true, false] {
        let frame = line.pass(&Frame::new(0, 0, vec![7; 9])).remove(0);
        assert_eq!(
            frame.data.to_bytes()[..],
            [0xff, 0xf1, 0x4c, 0x80, 2, 0x1f, 0xfc, 7, 7, 7, 7, 7, 7, 7, 7, 7]
        );
        let config = frame.new_parameters.and_then(|parameters| parameters.configuration);
        assert_eq!(config.as_deref(), is_first.then_some(&[0x11, 0x90][..]));
    }
}
