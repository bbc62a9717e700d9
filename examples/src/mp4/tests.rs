use rtspan_core::Format;
use rtspan_core::payload::{AccessUnit, ParameterWatch};

use super::*;

/// A sequence header of MPEG-2, of pictures that are as wide as a byte says.
fn sequence(width: u8) -> Vec<u8> {
    [&b"\0\0\x01\xb3\0"[..], &[width << 4, 0x30, 0x13], b"\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a\0\x01\0\0"]
        .concat()
}

/// Pictures of one track, as a reader gives them.
struct Pictures {
    watch: ParameterWatch,
    next: i64,
}

impl Pictures {
    fn new() -> Self {
        Self { watch: ParameterWatch::new(&Format::mpeg_video()), next: 0 }
    }

    fn picture(&mut self, bytes: Vec<u8>, is_keyframe: bool) -> Frame {
        let parts = bytes::Bytes::from(bytes).into();
        let unit = AccessUnit { timestamp: 0, parts, is_keyframe, damaged: false, configuration: None };
        let is_news = self.watch.look(&unit) || self.next == 0;
        let mut frame = Frame::new(0, self.next, unit.parts);
        self.next += 40_000_000;
        frame.is_keyframe = is_keyframe;
        frame.new_parameters = is_news.then(|| Box::new(self.watch.parameters()));
        frame
    }
}

#[test]
fn pictures_that_come_before_the_parameters_are_left_out() {
    let mut pictures = Pictures::new();
    let mut writer = Mp4Writer::new(Vec::new(), [0]);
    for _ in 0..3 {
        writer.write(pictures.picture(b"before".to_vec(), false)).unwrap();
    }
    writer.write(pictures.picture(sequence(4), true)).unwrap();
    writer.write(pictures.picture(b"behind".to_vec(), false)).unwrap();
    let file = writer.finish().unwrap();
    let count = |wanted: &[u8]| file.windows(wanted.len()).filter(|window| *window == wanted).count();
    assert_eq!((count(b"before"), count(&sequence(4)), count(b"behind")), (0, 1, 1));
}

#[test]
fn another_size_is_said_where_no_configuration_tells_it() {
    let mut pictures = Pictures::new();
    let mut writer = Mp4Writer::new(Vec::new(), [0]);
    writer.write(pictures.picture(sequence(4), true)).unwrap();
    writer.write(pictures.picture(sequence(4), true)).unwrap();
    let result = writer.write(pictures.picture(sequence(8), true));
    assert!(matches!(result, Err(Mp4Error::ParametersChanged(0))), "{result:?}");
    assert_eq!(writer.frames(), 1, "of the fragment that has ended");
}
