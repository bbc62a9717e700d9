use super::*;

/// The example of ONVIF's Streaming Specification (section 5.4.4), a blank behind the colon included, with formats.
const SENSORS: &str = "v=0\r\n\
    o=- 2890844256 2890842807 IN IP4 192.168.0.1\r\n\
    s=RTSP Session\r\n\
    t=0 0\r\n\
    a=group: LS 1 2 3\r\n\
    m=video 0 RTP/AVP 97\r\n\
    a=rtpmap:97 H264/90000\r\n\
    a=control:rtsp://192.168.0.1/video/trackID=1\r\n\
    a=ssrc:1234\r\n\
    a=mid:1\r\n\
    a=x-onvif-profile:ProfileToken1\r\n\
    m=video 0 RTP/AVP 98\r\n\
    a=rtpmap:98 H264/90000\r\n\
    a=control:rtsp://192.168.0.1/video/trackID=2\r\n\
    a=ssrc:2345\r\n\
    a=mid:2\r\n\
    a=x-onvif-profile:ProfileToken2\r\n\
    m=video 0 RTP/AVP 99\r\n\
    a=rtpmap:99 H264/90000\r\n\
    a=control:rtsp://192.168.0.1/video/trackID=3\r\n\
    a=mid:3\r\n\
    a=ssrc:5678\r\n\
    a=x-onvif-profile:ProfileToken3\r\n";

#[test]
fn the_pictures_of_several_sensors_belong_together_and_to_their_profiles() {
    let (description, tolerances) = read(SENSORS);
    assert_eq!(tolerances, [Tolerance::SdpBlanks]);
    assert_eq!(description.groups, [MediaGroup::new(GroupSemantics::LipSync, ["1", "2", "3"])]);
    let told: Vec<_> = description.medias_of(&description.groups[0]).collect();
    let all: Vec<_> = description.medias.iter().enumerate().collect();
    assert_eq!(told, all);
    let profiles: Vec<_> = description.medias.iter().map(|media| media.onvif_profile.as_deref()).collect();
    assert_eq!(profiles, [Some("ProfileToken1"), Some("ProfileToken2"), Some("ProfileToken3")]);
    assert_eq!(read(description.to_sdp()), (description, vec![]), "nothing is lost where it is written");
}

#[test]
fn the_tracks_of_a_recording_are_told() {
    // As in the example of section 6.2.
    let (description, _) = read(
        "v=0\r\nm=video 0 RTP/AVP 26\r\na=x-onvif-track:VIDEO001\r\nm=audio 0 RTP/AVP 98\r\na=X-Onvif-Track:AUDIO001\r\n",
    );
    let tracks: Vec<_> = description.medias.iter().map(|media| media.onvif_track.as_deref()).collect();
    assert_eq!(tracks, [Some("VIDEO001"), Some("AUDIO001")]);
    let written = description.to_sdp();
    assert!(
        written.contains("a=x-onvif-track:VIDEO001\r\n") && written.contains("a=x-onvif-track:AUDIO001\r\n")
    );
    assert!(description.medias.iter().all(|media| media.attributes.is_empty()));
}

#[test]
fn groups_of_any_kind_are_kept_and_only_of_medias_that_are_there() {
    let medias = "m=video 0 RTP/AVP 26\r\na=mid:v\r\nm=audio 0 RTP/AVP 0\r\na=mid:a\r\n";
    let (mut description, tolerances) =
        read(format!("v=0\r\na=group:FID a x v\r\na=group:BUNDLE a\r\na=group:LS\r\na=group\r\n{medias}"));
    assert_eq!(tolerances, [Tolerance::SdpAttributeEmpty]);
    let other = GroupSemantics::Other("BUNDLE".into());
    let expected = [
        MediaGroup::new(GroupSemantics::FlowIdentification, ["a", "x", "v"]),
        MediaGroup::new(other, ["a"]),
        MediaGroup::new(GroupSemantics::LipSync, [""; 0]),
    ];
    assert_eq!(description.groups, expected);
    let tracks: Vec<_> = description.medias_of(&description.groups[0]).map(|(track, _)| track).collect();
    assert_eq!(tracks, [1, 0]);
    description.medias.pop();
    description.tidy_groups();
    assert_eq!(description.groups, [MediaGroup::new(GroupSemantics::FlowIdentification, ["v"])]);
    assert!(description.to_sdp().contains("a=group:FID v\r\n"));
}
