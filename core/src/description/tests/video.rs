use super::*;

#[test]
fn motion_jpeg_needs_no_rtpmap() {
    let format = Format::jpeg();
    assert_eq!((format.payload_type, format.rtpmap().as_deref()), (26, Some("JPEG/90000")));
    assert_eq!(read_format("video 0 RTP/AVP 26", &[]), (format, vec![]));
    let (dynamic, _) = read_format("video 0 RTP/AVP 96", &["rtpmap:96 jpeg/90000"]);
    assert_eq!((&*dynamic.encoding, dynamic.codec), ("JPEG", Codec::Jpeg));
}
