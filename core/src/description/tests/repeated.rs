//! Attributes that come more than once, are empty or cannot be read.

use super::*;
use Tolerance::*;

/// Reads a description whose head is complete, and records all.
fn read_lines(lines: &str) -> (Description, Vec<Tolerance>) {
    let text =
        format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\nt=0 0\r\n{}\r\n", lines.replace('\n', "\r\n"));
    let mut tolerances = Tolerances::NONE;
    let description = Description::parse(text.as_bytes(), &mut tolerances).unwrap();
    (description, tolerances.iter().collect())
}

#[test]
fn of_attributes_that_stand_once_the_first_counts_and_the_second_is_recorded() {
    let media = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:1\na=mid:1\na=recvonly";
    for (lines, tolerated) in [
        (media.to_owned(), &[][..]),
        (format!("{media}\na=control:2"), &[SdpAttributeRepeated]),
        (format!("{media}\na=mid:2"), &[SdpAttributeRepeated]),
        (format!("{media}\na=sendonly"), &[SdpAttributeRepeated]),
        (format!("{media}\na=recvonly"), &[SdpAttributeRepeated]),
        (format!("{media}\na=rtpmap:96 H265/90000"), &[SdpAttributeRepeated]),
        (format!("a=control:*\na=range:npt=0-\na=tool:x\na=sendrecv\n{media}"), &[]),
        (format!("a=control:*\na=control:x\n{media}"), &[SdpAttributeRepeated]),
        (format!("a=range:npt=0-\na=range:npt=1-\n{media}"), &[SdpAttributeRepeated]),
        (format!("a=tool:x\na=tool:y\n{media}"), &[SdpAttributeRepeated]),
        (format!("a=inactive\na=sendonly\n{media}"), &[SdpAttributeRepeated]),
    ] {
        let (description, tolerances) = read_lines(&lines);
        assert_eq!(tolerances, tolerated, "{lines}");
        let [media] = &description.medias[..] else { panic!("{description:?}") };
        assert_eq!((media.control.as_deref(), media.mid.as_deref()), (Some("1"), Some("1")), "{lines}");
        assert_eq!(
            (media.direction, &*media.formats[0].encoding),
            (Some(Direction::RecvOnly), "H264"),
            "{lines}"
        );
        assert!(description.control.is_none_or(|control| control == "*"), "{lines}");
        assert!(description.range.is_none_or(|range| range == "npt=0-"), "{lines}");
        assert!(description.tool.is_none_or(|tool| tool == "x"), "{lines}");
    }
}

#[test]
fn the_parameters_of_several_fmtp_lines_are_taken_together() {
    let (format, tolerances) = read_format(
        "video 0 RTP/AVP 96",
        &["rtpmap:96 H264/90000", "fmtp:96 packetization-mode=1", "fmtp:96 profile-level-id=640028"],
    );
    assert_eq!(
        (format.parameter("packetization-mode"), format.parameter("profile-level-id")),
        (Some("1"), Some("640028"))
    );
    assert_eq!(tolerances, [SdpAttributeRepeated]);
}

#[test]
fn of_a_parameter_that_comes_twice_the_first_counts() {
    let (format, tolerances) = read_format(
        "video 0 RTP/AVP 96",
        &["rtpmap:96 H264/90000", "fmtp:96 packetization-mode=1;x=2;Packetization-Mode=0"],
    );
    assert_eq!(format.parameter("packetization-mode"), Some("1"));
    assert_eq!(tolerances, [FmtpParameter]);
}

#[test]
fn attributes_without_the_value_that_they_need_are_none() {
    let media = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000";
    for lines in [
        format!("{media}\na=control:"),
        format!("{media}\na=control"),
        format!("{media}\na=mid:"),
        format!("a=range:\n{media}"),
        format!("a=tool\n{media}"),
    ] {
        let (description, tolerances) = read_lines(&lines);
        assert_eq!(tolerances, [SdpAttributeEmpty], "{lines}");
        assert_eq!(description.medias[0].control, None, "{lines}");
    }
}

#[test]
fn blanks_inside_of_attributes_do_not_count() {
    for line in ["control: 1", "rtpmap:96 H264 /90000", "rtpmap:96 H264/ 90000"] {
        let rtpmap = if line.starts_with("rtpmap") { "" } else { "a=rtpmap:96 H264/90000\n" };
        let (description, tolerances) = read_lines(&format!("m=video 0 RTP/AVP 96\n{rtpmap}a={line}"));
        assert_eq!(tolerances, [SdpBlanks], "{line}");
        let media = &description.medias[0];
        assert_eq!(media.formats[0].rtpmap().as_deref(), Some("H264/90000"), "{line}");
        assert!(media.control.as_deref().is_none_or(|control| control == "1"), "{line}");
    }
}

#[test]
fn channels_that_cannot_be_read_are_left_out_and_recorded() {
    for (rtpmap, channels, tolerated) in [
        ("96 L24/48000/2", Some(2), &[][..]),
        ("96 L24/48000", None, &[]),
        ("96 L24/48000/0", None, &[RtpmapChannels]),
        ("96 L24/48000/", None, &[RtpmapChannels]),
        ("96 L24/48000/stereo", None, &[RtpmapChannels]),
        ("96 L24/48000/+2", None, &[RtpmapChannels]),
        ("96 L24/48000/65536", None, &[RtpmapChannels]),
        ("96 L24/48000/2/x", Some(2), &[RtpmapChannels]),
        ("96 L24/+48000", None, &[RtpmapClockRate]),
    ] {
        let (format, tolerances) = read_format("audio 0 RTP/AVP 96", &[&format!("rtpmap:{rtpmap}")]);
        assert_eq!((format.channels, tolerances), (channels, tolerated.to_vec()), "{rtpmap}");
    }
}

#[test]
fn a_format_that_is_listed_twice_and_an_rtpmap_without_content_are_recorded() {
    let (format, tolerances) = read_format("audio 0 RTP/AVP 8 8", &["rtpmap:8 PCMA/8000"]);
    assert_eq!((format.payload_type, tolerances), (8, vec![SdpPayloadType]));
    let (format, tolerances) = read_format("audio 0 RTP/AVP 8", &["rtpmap:8"]);
    assert_eq!((&*format.encoding, tolerances), ("PCMA", vec![SdpFormatAttribute]));
}
