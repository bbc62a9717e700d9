//! Sequence parameter sets; the values are those that decoders tell.

use super::*;

struct Vector {
    name: &'static str,
    nal: &'static [u8],
    profile_and_level: (u8, u8),
    size: (u32, u32),
    pixel_aspect: Option<(u16, u16)>,
    frame_rate: Option<FrameRate>,
    reordering: u8,
}

fn vectors() -> Vec<Vector> {
    vec![
        Vector {
            name: "x265, 640 by 362",
            nal: &[
                0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00,
                0x03, 0x00, 0x3f, 0xa0, 0x05, 0x02, 0x01, 0x71, 0xf2, 0x65, 0x95, 0x9a, 0x49, 0x32, 0xbc,
                0x05, 0xa0, 0x20, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x03, 0x03, 0x21,
            ],
            profile_and_level: (1, 63),
            size: (640, 362),
            pixel_aspect: Some((1, 1)),
            frame_rate: FrameRate::new(25, 1),
            reordering: 2,
        },
        Vector {
            name: "x265, 4:2:2 of ten bits, with parameters of the reference decoder",
            nal: &[
                0x42, 0x01, 0x02, 0x04, 0x08, 0x00, 0x00, 0x03, 0x00, 0x9d, 0x08, 0x00, 0x00, 0x03, 0x00,
                0x00, 0x78, 0x00, 0x00, 0xb0, 0x02, 0x80, 0x80, 0x2d, 0x13, 0x65, 0x95, 0x8a, 0x2b, 0x15,
                0x24, 0x9c, 0xaf, 0x01, 0x68, 0x08, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01,
                0x93, 0x00, 0x64, 0xc3, 0x70, 0x00, 0xf4, 0x20, 0x00, 0x3d, 0x09, 0x70, 0x00, 0xf4, 0x20,
                0x00, 0x3d, 0x09, 0x10,
            ],
            profile_and_level: (4, 120),
            size: (1280, 720),
            pixel_aspect: Some((1, 1)),
            frame_rate: FrameRate::new(50, 1),
            reordering: 2,
        },
        Vector {
            name: "NVENC, a short-term set, 1,080 lines of 1,088",
            nal: &[
                0x42, 0x01, 0x01, 0x01, 0x40, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00,
                0x00, 0x03, 0x00, 0x7b, 0xa0, 0x03, 0xc0, 0x80, 0x11, 0x07, 0xcb, 0x96, 0xb4, 0xa4, 0x25,
                0x92, 0xe3, 0x01, 0x6a, 0x02, 0x02, 0x02, 0x08, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00,
                0x03, 0x01, 0xe3, 0x00, 0x2e, 0xf2, 0x88, 0x00, 0x07, 0x27, 0x0c, 0x00, 0x00, 0x98, 0x96,
                0x82,
            ],
            profile_and_level: (1, 123),
            size: (1920, 1080),
            pixel_aspect: Some((1, 1)),
            frame_rate: FrameRate::new(60, 1),
            reordering: 0,
        },
        Vector {
            name: "Avigilon, PCM and a short-term set",
            nal: &[
                0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x03, 0x00, 0x00,
                0x03, 0x00, 0x96, 0xa0, 0x01, 0x80, 0x20, 0x06, 0xc1, 0xfe, 0x36, 0xbb, 0xb5, 0x37, 0x77,
                0x25, 0xd6, 0x02, 0xdc, 0x04, 0x04, 0x04, 0x10, 0x00, 0x00, 0x3e, 0x80, 0x00, 0x04, 0x26,
                0x87, 0x21, 0xde, 0xe5, 0x10, 0x01, 0x6e, 0x20, 0x00, 0x66, 0xff, 0x00, 0x0b, 0x71, 0x00,
                0x03, 0x37, 0xf8, 0x80,
            ],
            profile_and_level: (1, 150),
            size: (3072, 1728),
            pixel_aspect: Some((1, 1)),
            frame_rate: FrameRate::new(17_000, 1000),
            reordering: 0,
        },
        Vector {
            name: "long-term pictures",
            nal: &[
                0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0xb0, 0x00, 0x00, 0x03, 0x00, 0x00,
                0x03, 0x00, 0x5d, 0xa0, 0x02, 0x80, 0x80, 0x2d, 0x16, 0x36, 0xb9, 0x24, 0xcb, 0xf0, 0x08,
                0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01, 0x95, 0x08,
            ],
            profile_and_level: (1, 93),
            size: (1280, 720),
            pixel_aspect: None,
            frame_rate: FrameRate::new(50, 1),
            reordering: 0,
        },
    ]
}

#[test]
fn size_rate_and_order_are_read() {
    for vector in vectors() {
        let sps = Sps::read(vector.nal).expect(vector.name);
        assert_eq!((sps.width, sps.height), vector.size, "{}", vector.name);
        assert_eq!((sps.profile, sps.level), vector.profile_and_level, "{}", vector.name);
        assert_eq!(sps.pixel_aspect, vector.pixel_aspect, "{}", vector.name);
        assert_eq!(sps.frame_rate, vector.frame_rate, "{}", vector.name);
        assert_eq!(sps.reordering, vector.reordering, "{}", vector.name);
    }
}

#[test]
fn a_short_term_set_may_be_told_by_the_one_before() {
    // Two sets: one picture before and one behind; then one told by the difference, of which a picture is left out.
    let bits = "011 010 010 1 1 1 1  1 0 1 1 01 00";
    let bits: Vec<char> = bits.chars().filter(|bit| !bit.is_whitespace()).collect();
    let bytes = bits.chunks(8).map(|byte| {
        byte.iter().enumerate().fold(0, |all, (at, bit)| match bit {
            '1' => all | 0x80_u8 >> at,
            _ => all,
        })
    });
    let mut reader = BitReader::new(bytes);
    assert_eq!(skip_short_term_sets(&mut reader), Some(()));
    let read = (0..bits.len()).map_while(|_| reader.bit()).count();
    assert_eq!(read, (8 - bits.len() % 8) % 8, "all of it has been read, and no more");
}

#[test]
fn no_parameter_set_is_read_beyond_its_end_or_its_ranges() {
    assert_eq!(Sps::read(&[]), Err(ParameterSetError::Malformed));
    assert_eq!(Sps::read(&[0x40, 1, 0x0c]), Err(ParameterSetError::OtherNal(32)));
    for vector in vectors() {
        for length in 0..vector.nal.len() {
            let _ = Sps::read(&vector.nal[..length]);
            for bit in 0..8 {
                let mut changed = vector.nal.to_vec();
                changed[length] ^= 1 << bit;
                if let Ok(sps) = Sps::read(&changed) {
                    assert!(sps.width > 0 && sps.height > 0 && sps.reordering <= 16);
                }
            }
        }
    }
}
