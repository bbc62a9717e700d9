//! Sequence parameter sets; the values are those that ffprobe tells.

use crate::payload::h264::Sps;
use crate::payload::{Colours, FrameRate, ParameterSetError};

struct Vector {
    name: &'static str,
    nal: &'static [u8],
    size: (u32, u32),
    pixel_aspect: Option<(u16, u16)>,
    may_be_interlaced: bool,
    frame_rate: Option<FrameRate>,
    reordering: Option<u8>,
}

fn vectors() -> Vec<Vector> {
    vec![
        Vector {
            name: "x264 with a pyramid, 640 by 362",
            nal: &[
                0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 0x30, 0x11, 0x00, 0x00, 0x03,
                0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2d, 0x96,
            ],
            size: (640, 362),
            pixel_aspect: Some((1, 1)),
            may_be_interlaced: false,
            frame_rate: FrameRate::new(50, 2),
            reordering: Some(2),
        },
        Vector {
            name: "x264, Baseline, 1080 lines of 1,088",
            nal: &[
                0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x3e,
                0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x2a,
            ],
            size: (1920, 1080),
            pixel_aspect: Some((1, 1)),
            may_be_interlaced: false,
            frame_rate: FrameRate::new(60_000, 2002),
            reordering: Some(0),
        },
        Vector {
            name: "x264, interlaced, JVT scaling lists, pixels of 16 by 15",
            nal: &[
                0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xb4, 0x24, 0xdf, 0xf8, 0x00, 0x80, 0x00, 0x78,
                0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x0f, 0x8a, 0x14, 0xcb,
            ],
            size: (720, 576),
            pixel_aspect: Some((16, 15)),
            may_be_interlaced: true,
            frame_rate: FrameRate::new(50, 2),
            reordering: Some(2),
        },
        Vector {
            name: "x264, 4:4:4, with parameters of the reference decoder",
            nal: &[
                0x67, 0xf4, 0x00, 0x0c, 0x91, 0x9b, 0x28, 0x28, 0x3f, 0x60, 0x22, 0x00, 0x00, 0x03, 0x00,
                0x02, 0x00, 0x00, 0x03, 0x00, 0x3c, 0xc0, 0x40, 0x03, 0xd0, 0x80, 0x00, 0xf4, 0x25, 0x25,
                0x94, 0x03, 0xc5, 0x0a, 0x65, 0x80,
            ],
            size: (320, 240),
            pixel_aspect: Some((1, 1)),
            may_be_interlaced: false,
            frame_rate: FrameRate::new(30, 2),
            reordering: Some(2),
        },
        Vector {
            name: "x264, 4:2:2, intra only",
            nal: &[
                0x67, 0x7a, 0x10, 0x0d, 0xb6, 0xcb, 0x82, 0xc1, 0x2d, 0x80, 0x88, 0x00, 0x00, 0x03, 0x00,
                0x08, 0x00, 0x00, 0x03, 0x01, 0x90, 0x20,
            ],
            size: (352, 288),
            pixel_aspect: Some((1, 1)),
            may_be_interlaced: false,
            frame_rate: FrameRate::new(50, 2),
            reordering: Some(0),
        },
    ]
}

#[test]
fn size_rate_and_order_are_read() {
    for vector in vectors() {
        let sps = Sps::read(vector.nal).expect(vector.name);
        assert_eq!((sps.width, sps.height), vector.size, "{}", vector.name);
        assert_eq!(sps.pixel_aspect, vector.pixel_aspect, "{}", vector.name);
        assert_eq!(sps.may_be_interlaced, vector.may_be_interlaced, "{}", vector.name);
        assert_eq!(sps.frame_rate, vector.frame_rate, "{}", vector.name);
        assert_eq!(sps.reordering, vector.reordering, "{}", vector.name);
        assert_eq!([sps.profile, sps.constraints, sps.level], vector.nal[1..4], "{}", vector.name);
    }
}

#[test]
fn usability_information_that_is_cut_off_counts_as_absent() {
    let whole = vectors().remove(0).nal;
    let cut_off: Vec<Sps> = (0..whole.len()).filter_map(|length| Sps::read(&whole[..length]).ok()).collect();
    assert!(cut_off.iter().all(|sps| (sps.width, sps.height) == (640, 362)));
    let told: Vec<_> = cut_off.iter().map(|sps| (sps.frame_rate, sps.reordering)).collect();
    assert_eq!(told.first(), Some(&(None, None)));
    assert!(told.contains(&(FrameRate::new(50, 2), None)), "{told:?}");
}

#[test]
fn an_order_that_is_not_told_follows_from_the_type_of_the_order() {
    // Main, without usability information: pic_order_cnt_type 2 and 0.
    for (nal, reordering) in [
        (&[0x67, 77, 0, 30, 0xda, 0x0b, 0x13, 0x90][..], Some(0)),
        (&[0x67, 77, 0, 30, 0xf4, 0x16, 0x27, 0x20], None),
    ] {
        let sps = Sps::read(nal).expect("it is whole");
        assert_eq!((sps.width, sps.height, sps.reordering), (176, 144, reordering), "{nal:02x?}");
    }
}

#[test]
fn no_parameter_set_is_read_beyond_its_end_or_its_ranges() {
    assert_eq!(Sps::read(&[]), Err(ParameterSetError::Malformed));
    assert_eq!(Sps::read(&[0x68, 0xee]), Err(ParameterSetError::OtherNal(8)));
    assert_eq!(Sps::read(&[0x67, 66, 0, 30, 0, 0, 0, 0, 0x80]), Err(ParameterSetError::Malformed));
    for vector in vectors() {
        for length in 0..vector.nal.len() {
            let _ = Sps::read(&vector.nal[..length]);
            for bit in 0..8 {
                let mut changed = vector.nal.to_vec();
                changed[length] ^= 1 << bit;
                if let Ok(sps) = Sps::read(&changed) {
                    assert!(
                        sps.width > 0 && sps.height > 0 && sps.reordering.is_none_or(|frames| frames <= 16)
                    );
                }
            }
        }
    }
}

#[test]
fn colours_are_those_that_were_encoded() {
    let of = |range: u8| {
        // x264, BT.709 with the transfer of sRGB; the byte has the range.
        let nal = [
            0x67, 0x64, 0x00, 0x0d, 0xac, 0xd9, 0x41, 0x41, 0xfb, 0x01, range, 0x02, 0x1a, 0x02, 0x80, 0x00,
            0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x14, 0xcb,
        ];
        Sps::read(&nal).unwrap().colours.unwrap()
    };
    let expected =
        |is_full_range| Colours { is_full_range, primaries: Some(1), transfer: Some(13), matrix: Some(1) };
    assert_eq!((of(0x6e), of(0x6a)), (expected(true), expected(false)));
    let untold = vectors().iter().map(|vector| Sps::read(vector.nal).unwrap().colours).collect::<Vec<_>>();
    assert!(untold.contains(&None), "{untold:?}");
}
