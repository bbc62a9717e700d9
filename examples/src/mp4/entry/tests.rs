use bytes::Bytes;
use rtspan_core::description::VorbisHeaders;
use rtspan_core::payload::{AccessUnit, ParameterWatch};

use super::*;

/// The parameters that a format tells with its first unit.
fn told(format: &Format, unit: &[u8]) -> Parameters {
    let mut watch = ParameterWatch::new(format);
    let parts = Bytes::copy_from_slice(unit);
    watch.look(&AccessUnit::new(0, parts).with_keyframe(true));
    watch.parameters()
}

fn entry(format: &Format, unit: &[u8]) -> Vec<u8> {
    assert!(holds(format));
    sample_entry(&told(format, unit)).expect("all is told")
}

fn a_box(name: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], name, &content].concat()
}

/// An entry of pictures of 64 by 48 (ISO/IEC 14496-12, section 12.1.3.2).
fn pictures(name: &[u8; 4], within: &[u8]) -> Vec<u8> {
    let size = [&[0; 7][..], &[1], &[0; 16], &[0, 64, 0, 48]].concat();
    a_box(name, &[&size, &[0, 72, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 1], &[0; 32], &[0, 24, 255, 255], within])
}

/// An entry of sound (ISO/IEC 14496-12, section 12.2.3.2).
fn sound(name: &[u8; 4], channels: u8, bits: u8, rate: u16, within: &[u8]) -> Vec<u8> {
    let [high, low] = rate.to_be_bytes();
    let numbers = [0, channels, 0, bits, 0, 0, 0, 0, high, low, 0, 0];
    a_box(name, &[&[0; 7], &[1], &[0; 8], &numbers, within])
}

/// An `esds` whose lengths take a byte each.
fn descriptor(object_type: u8, stream: u8, specific: &[u8]) -> Vec<u8> {
    let specific: Vec<u8> = match specific.len() as u8 {
        0 => Vec::new(),
        length => [&[5, length], specific].concat(),
    };
    let rates = [0; 11];
    let decoder =
        [&[4, 13 + specific.len() as u8, object_type, stream << 2 | 1], &rates[..], &specific].concat();
    let whole = [&[0; 4][..], &[3, 6 + decoder.len() as u8, 0, 0, 0], &decoder, &[6, 1, 2]].concat();
    a_box(b"esds", &[&whole])
}

/// The first bytes of FFmpeg's encoders, of pictures of 64 by 48.
const MPEG1: &[u8] =
    b"\0\0\x01\xb3\x04\x00\x30\x13\xff\xff\xe0\x18\0\0\x01\xb8\x00\x08\x00\x40\0\0\x01\0\0\x0f\xff\xf8";
const MPEG2: &[u8] = b"\0\0\x01\xb3\x04\x00\x30\x23\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a\x00\x01\x00\x00\0\0\x01\xb8\x00\x08\x00\x40";
const MPEG4: &[u8] =
    b"\0\0\x01\xb0\x01\0\0\x01\xb5\x89\x13\0\0\x01\0\0\0\x01\x20\0\xc4\x8d\x88\x00\xcd\x02\x04\x06\x14\x43";
const VP8: &[u8] = b"\x10\x25\x00\x9d\x01\x2a\x40\x00\x30\x00\x00\x47";
const JPEG: &[u8] =
    b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x30\x00\x40\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda";

#[test]
fn pictures_of_mpeg_have_the_number_of_their_codec_and_profile() {
    let video = descriptor(0x20, VISUAL_STREAM, MPEG4);
    assert_eq!(entry(&Format::mpeg4_video(96, MPEG4), &[]), pictures(b"mp4v", &video));
    for (unit, object_type) in [(MPEG1, 0x6a), (MPEG2, 0x61)] {
        let esds = descriptor(object_type, VISUAL_STREAM, &[]);
        assert_eq!(entry(&Format::mpeg_video(), unit), pictures(b"mp4v", &esds));
    }
    // The simple profile.
    let simple = [&MPEG2[..16], &[0x15], &MPEG2[17..]].concat();
    let esds = descriptor(0x60, VISUAL_STREAM, &[]);
    assert_eq!(entry(&Format::mpeg_video(), &simple), pictures(b"mp4v", &esds));
    let esds = descriptor(0x6c, VISUAL_STREAM, &[]);
    assert_eq!(entry(&Format::jpeg(), JPEG), pictures(b"mp4v", &esds));
}

#[test]
fn pictures_of_vp8_have_their_record() {
    let record = a_box(b"vpcC", &[&[1, 0, 0, 0, 0, 10, 0x82, 2, 2, 2, 0, 0]]);
    assert_eq!(entry(&Format::vp8(96), VP8), pictures(b"vp08", &record));
}

#[test]
fn sound_of_mpeg_has_the_number_of_its_standard() {
    let (mpeg1, mpeg2) = (&[0xff, 0xfd, 0x44, 0xc4][..], &[0xff, 0xf3, 0x44, 0xc4][..]);
    for (header, object_type, rate) in [(mpeg1, 0x6b, 48_000), (mpeg2, 0x69, 24_000)] {
        let esds = descriptor(object_type, AUDIO_STREAM, &[]);
        assert_eq!(entry(&Format::mpeg_audio(), header), sound(b"mp4a", 1, 16, rate, &esds));
    }
    let esds = descriptor(0x40, AUDIO_STREAM, &[0x11, 0x90]);
    let aac = Format::mpeg4_audio(96, &[0x11, 0x90]).unwrap();
    let latm = Format::latm(96, &[0x11, 0x90]).unwrap();
    for format in [aac, latm] {
        assert_eq!(entry(&format, &[]), sound(b"mp4a", 2, 16, 48_000, &esds));
    }
}

#[test]
fn vorbis_has_its_headers() {
    let identification = b"\x01vorbis\0\0\0\0\x01\x80\xbb\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xb8\x01";
    let headers =
        VorbisHeaders::new(7, identification.to_vec(), b"\x03vorbis".to_vec(), b"\x05vorbis".to_vec());
    let headers = headers.unwrap();
    let esds = descriptor(0xdd, AUDIO_STREAM, &headers.to_private());
    assert_eq!(entry(&Format::vorbis(96, &headers), &[]), sound(b"mp4a", 1, 16, 48_000, &esds));
}

#[test]
fn ac3_has_the_records_that_ffmpeg_writes() {
    let record = a_box(b"dac3", &[&[0x10, 0x08, 0xc0]]);
    let frame = [0x0b, 0x77, 0x48, 0x0d, 0x0c, 0x40, 0x2f, 0x84];
    assert_eq!(entry(&Format::ac3(96, 48_000, 1), &frame), sound(b"ac-3", 1, 16, 48_000, &record));
    let record = a_box(b"dec3", &[&[0x03, 0x00, 0x20, 0x02, 0x00]]);
    let mut frame = vec![0; 384];
    frame[..8].copy_from_slice(&[0x0b, 0x77, 0x00, 0xbf, 0x32, 0x87, 0xc0, 0]);
    assert_eq!(entry(&Format::eac3(96, 48_000, 1), &frame), sound(b"ec-3", 1, 16, 48_000, &record));
}

#[test]
fn samples_that_are_not_compressed_need_no_box() {
    assert_eq!(entry(&Format::pcmu(), &[]), sound(b"ulaw", 1, 16, 8_000, &[]));
    assert_eq!(entry(&Format::pcma(), &[]), sound(b"alaw", 1, 16, 8_000, &[]));
    for (bits, name) in [(8, b"raw "), (16, b"twos"), (24, b"in24")] {
        let format = Format::pcm(96, bits, 48_000, 2);
        assert_eq!(entry(&format, &[]), sound(name, 2, bits, 48_000, &[]));
    }
    // A rate that has no room is that of the clock.
    assert_eq!(entry(&Format::pcm(96, 16, 96_000, 2), &[]), sound(b"twos", 2, 16, 0, &[]));
}

#[test]
fn what_is_not_held_or_not_yet_told_has_no_entry() {
    for format in [Format::pcm(96, 20, 48_000, 2), Format::gsm(), Format::mpeg_ts()] {
        assert!(!holds(&format) && sample_entry(&told(&format, &[])).is_none(), "{format:?}");
    }
    for format in [Format::mpeg_video(), Format::jpeg(), Format::vp8(96), Format::mpeg_audio()] {
        assert!(holds(&format) && sample_entry(&told(&format, &[])).is_none(), "{format:?}");
    }
    for format in [Format::ac3(96, 48_000, 2), Format::eac3(96, 48_000, 2)] {
        assert!(holds(&format) && sample_entry(&told(&format, &[])).is_none(), "{format:?}");
    }
}
