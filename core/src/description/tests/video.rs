use super::*;

#[test]
fn motion_jpeg_needs_no_rtpmap() {
    let format = Format::jpeg();
    assert_eq!((format.payload_type, format.rtpmap().as_deref()), (26, Some("JPEG/90000")));
    assert_eq!(read_format("video 0 RTP/AVP 26", &[]), (format, vec![]));
    let (dynamic, _) = read_format("video 0 RTP/AVP 96", &["rtpmap:96 jpeg/90000"]);
    assert_eq!((&*dynamic.encoding, dynamic.codec), ("JPEG", Codec::Jpeg));
}

#[test]
fn headers_of_mpeg4_video_are_told_in_hexadecimal() {
    let config = b"\0\0\x01\xb0\xf5\0\0\x01\xb5\x09";
    let format = Format::mpeg4_video(97, config);
    assert_eq!(format.fmtp.as_deref(), Some("profile-level-id=245; config=000001B0F5000001B509"));
    let fmtp = format!("fmtp:97 {}", format.fmtp.as_deref().unwrap());
    assert_eq!(read_format("video 0 RTP/AVP 97", &["rtpmap:97 MP4V-ES/90000", &fmtp]), (format, vec![]));
    let read = |fmtp: &str| {
        let lines = ["rtpmap:97 mp4v-es/90000", &format!("fmtp:97 {fmtp}")];
        let (format, tolerances) = read_format("video 0 RTP/AVP 97", &lines);
        let Codec::Mpeg4Video(video) = format.codec else { panic!("another codec") };
        (video.profile_level, video.config, tolerances)
    };
    assert_eq!(read("profile-level-id=3"), (3, "".into(), vec![]));
    assert_eq!(read("config=000001b0f5"), (0xf5, b"\0\0\x01\xb0\xf5".as_slice().into(), vec![]));
    assert_eq!(read("profile-level-id=x; config=000"), (1, "".into(), vec![Tolerance::FmtpValue]));
}

#[test]
fn mpeg_video_needs_no_rtpmap() {
    let format = Format::mpeg_video();
    assert_eq!((format.rtpmap().as_deref(), &format.codec), (Some("MPV/90000"), &Codec::MpegVideo));
    assert_eq!(read_format("video 0 RTP/AVP 32", &[]), (format, vec![]));
}
