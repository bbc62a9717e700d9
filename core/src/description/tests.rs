use super::*;
use crate::tolerance::Tolerance;
use crate::{Profile, Tolerances};

mod formats;
mod grouping;
mod hostile;
mod keys;
mod quirks;
mod repeated;
mod sound;
mod video;

/// Reads a description. Where a test leaves out the lines that RTSP has no use for, that is not told.
fn read(text: impl AsRef<[u8]>) -> (Description, Vec<Tolerance>) {
    let mut tolerances = Tolerances::NONE;
    let description = Description::parse(text.as_ref(), &mut tolerances).unwrap();
    (description, tolerances.iter().filter(|tolerance| *tolerance != Tolerance::SdpLineMissing).collect())
}

/// Reads one format out of a media that has no other.
fn read_format(media: &str, attributes: &[&str]) -> (Format, Vec<Tolerance>) {
    let attributes: String = attributes.iter().map(|line| format!("a={line}\r\n")).collect();
    let (mut description, tolerances) = read(format!("v=0\r\ns=x\r\nm={media}\r\n{attributes}"));
    let mut formats = std::mem::take(&mut description.medias[0].formats);
    assert_eq!(formats.len(), 1, "{media}");
    (formats.remove(0), tolerances)
}

const PUBLISHED: &str = "v=0\r\n\
    o=- 0 0 IN IP4 127.0.0.1\r\n\
    s=No Name\r\n\
    c=IN IP4 10.0.0.7\r\n\
    t=0 0\r\n\
    a=tool:libavformat 60.16.100\r\n\
    a=type:broadcast\r\n\
    m=video 5004 RTP/AVP 96\r\n\
    b=AS:500\r\n\
    a=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z01AKo2NQDwBE/LgLcBAQFAAAD6AABX5CdoIhGo=,aO44gA==\r\n\
    a=framerate:25\r\n\
    a=control:rtsp://10.0.0.7/live/streamid=0\r\n\
    m=audio 0 RTP/AVP 97\r\n\
    a=rtpmap:97 MPEG4-GENERIC/48000/2\r\n\
    a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1190\r\n\
    a=control:streamid=1\r\n";

#[test]
fn a_published_description_is_served_again_with_our_own_controls() {
    let (description, tolerances) = read(PUBLISHED);
    assert_eq!(tolerances, []);
    assert_eq!(description.title, "No Name");
    assert_eq!(description.tool.as_deref(), Some("libavformat 60.16.100"));
    assert_eq!(description.medias[0].control.as_deref(), Some("rtsp://10.0.0.7/live/streamid=0"));
    assert_eq!(description.medias[1].control.as_deref(), Some("streamid=1"));
    assert_eq!(
        description.with_track_controls().to_sdp(),
        "v=0\r\n\
         o=- 0 0 IN IP4 127.0.0.1\r\n\
         s=No Name\r\n\
         c=IN IP4 0.0.0.0\r\n\
         t=0 0\r\n\
         a=tool:libavformat 60.16.100\r\n\
         a=control:*\r\n\
         a=type:broadcast\r\n\
         m=video 0 RTP/AVP 96\r\n\
         b=AS:500\r\n\
         a=control:trackID=0\r\n\
         a=rtpmap:96 H264/90000\r\n\
         a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z01AKo2NQDwBE/LgLcBAQFAAAD6AABX5CdoIhGo=,aO44gA==\r\n\
         a=framerate:25\r\n\
         m=audio 0 RTP/AVP 97\r\n\
         a=control:trackID=1\r\n\
         a=rtpmap:97 mpeg4-generic/48000/2\r\n\
         a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1190\r\n"
    );
}

#[test]
fn a_description_made_from_nothing_is_written_and_read_again() {
    let mut video =
        Media::new(MediaKind::Video, vec![Format::new(96, "VP9", 90_000).with_fmtp("profile-id=0")]);
    video.mid = Some("v".into());
    video.direction = Some(Direction::RecvOnly);
    video.profile = Profile::Savpf;
    video.bandwidths.push(Bandwidth::new("TIAS", 500_000));
    video.attributes.extend([Attribute::new("framerate", "25"), Attribute::flag("rtcp-mux")]);
    let mut audio = Media::new(MediaKind::Audio, vec![Format::pcmu(), Format::opus(97, true)]);
    audio.direction = Some(Direction::SendOnly);
    let data = Media::new(MediaKind::Other("text".into()), vec![Format::new(98, "t140", 1_000)]);
    let mut description = Description::new(vec![video, audio, data]).with_track_controls();
    description.range = Some("npt=0-".into());
    description.bandwidths.push(Bandwidth::new("AS", 600));
    description.groups.push(MediaGroup::new(GroupSemantics::LipSync, ["v"]));

    let text = description.to_sdp();
    assert_eq!(
        text,
        "v=0\r\n\
         o=- 0 0 IN IP4 127.0.0.1\r\n\
         s= \r\n\
         c=IN IP4 0.0.0.0\r\n\
         b=AS:600\r\n\
         t=0 0\r\n\
         a=control:*\r\n\
         a=range:npt=0-\r\n\
         a=group:LS v\r\n\
         m=video 0 RTP/SAVPF 96\r\n\
         b=TIAS:500000\r\n\
         a=mid:v\r\n\
         a=recvonly\r\n\
         a=control:trackID=0\r\n\
         a=rtpmap:96 VP9/90000\r\n\
         a=fmtp:96 profile-id=0\r\n\
         a=framerate:25\r\n\
         a=rtcp-mux\r\n\
         m=audio 0 RTP/AVP 0 97\r\n\
         a=sendonly\r\n\
         a=control:trackID=1\r\n\
         a=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:97 opus/48000/2\r\n\
         a=fmtp:97 sprop-stereo=1\r\n\
         m=text 0 RTP/AVP 98\r\n\
         a=control:trackID=2\r\n\
         a=rtpmap:98 t140/1000\r\n"
    );
    assert_eq!(read(&text), (description, vec![]));
}

#[test]
fn what_is_written_is_strict_sdp_even_with_line_breaks_in_it() {
    let mut media = Media::new(MediaKind::Video, vec![Format::new(96, "H264\r\na=evil:1", 90_000)]);
    media.control = Some("trackID=0\r\nm=audio 0 RTP/AVP 0".into());
    media.attributes.push(Attribute::new("x\n", "y\r\0"));
    let mut description = Description::new(vec![media]);
    description.title = "one\r\ntwo".into();
    let session = sdp_types::Session::parse(description.to_sdp().as_bytes()).unwrap();
    assert_eq!(session.session_name, "onetwo");
    assert_eq!(session.medias.len(), 1);
    assert_eq!(session.medias[0].attributes.len(), 3);
}

#[test]
fn medias_and_formats_are_found() {
    let (description, _) = read(PUBLISHED);
    assert_eq!(description.video().map(|(index, _)| index).collect::<Vec<_>>(), [0]);
    assert_eq!(description.audio().map(|(index, _)| index).collect::<Vec<_>>(), [1]);
    let (index, format) = description.find("mpeg4-generic").unwrap();
    assert_eq!((index, format.payload_type), (1, 97));
    assert_eq!(description.medias[1].format(97), Some(format));
    assert_eq!(description.medias[1].format(96), None);
    assert_eq!(description.find("H265"), None);
    assert_eq!(format.parameter("SizeLength"), Some("13"));
}

#[test]
fn titles_that_say_nothing_are_empty() {
    for line in ["s= \r\n", "s=\r\n", "s=-\r\n", ""] {
        let (description, _) = read(format!("v=0\r\n{line}m=video 0 RTP/AVP 26\r\n"));
        assert_eq!(description.title, "", "{line:?}");
    }
}

#[test]
fn a_direction_of_the_whole_stream_is_that_of_every_media_without_its_own() {
    // Ubiquiti says it at both levels.
    let (description, _) =
        read("v=0\r\na=recvonly\r\nm=video 0 RTP/AVP 26\r\nm=audio 0 RTP/AVP 0\r\na=sendonly\r\n");
    let directions: Vec<_> = description.medias.iter().map(|media| media.direction).collect();
    assert_eq!(directions, [Some(Direction::RecvOnly), Some(Direction::SendOnly)]);
    assert_eq!(description.attributes, []);
}

#[test]
fn a_back_channel_is_audio_marked_sendonly_unless_everything_is() {
    for (medias, expected) in [
        // ONVIF, with and without the marks that GStreamer and gortsplib put on the other medias.
        (&[("video", ""), ("audio", ""), ("audio", "a=sendonly\r\n")][..], &[false, false, true][..]),
        (&[("video", "a=recvonly\r\n"), ("audio", "a=sendonly\r\n")], &[false, true]),
        // D-Link, IDS uEye: the tracks that the camera sends, from its own point of view.
        (&[("video", "a=sendonly\r\n"), ("audio", "a=sendonly\r\n")], &[false, false]),
        (&[("video", "a=sendonly\r\n")], &[false]),
        // Sony: metadata of the camera marked the wrong way round.
        (&[("video", "a=recvonly\r\n"), ("application", "a=sendonly\r\n")], &[false, false]),
    ] {
        let medias: String =
            medias.iter().map(|(kind, line)| format!("m={kind} 0 RTP/AVP 0\r\n{line}")).collect();
        let (description, _) = read(format!("v=0\r\n{medias}"));
        let found: Vec<bool> =
            (0..description.medias.len()).map(|track| description.is_back_channel(track)).collect();
        assert_eq!(found, expected, "{medias}");
        assert!(!description.is_back_channel(99));
    }
}
