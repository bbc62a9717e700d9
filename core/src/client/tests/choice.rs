//! The medias that are played or published.

use super::scenario::*;
use crate::client::*;
use crate::{Description, MediaKind, Tolerances};

/// Picture, sound, a back channel and metadata.
const CAMERA: &str = "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=cam\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 0\r\n\
    m=audio 0 RTP/AVP 8\r\na=sendonly\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n";

#[test]
fn medias_are_chosen_by_kind_and_by_index_and_a_back_channel_is_among_them_if_it_is_wanted() {
    let config = ClientConfig::default();
    let it = Scenario::with(URL, config.clone()).describe_as(CAMERA);
    let speaking = Scenario::with(URL, config.back_channel(true)).describe_as(CAMERA);
    for (choice, expected, with_back_channel) in [
        (MediaChoice::default(), &[0, 1, 3][..], &[0, 1, 2, 3][..]),
        (MediaKind::Audio.into(), &[1], &[1, 2]),
        ([MediaKind::Application, MediaKind::Video].into(), &[0, 3], &[0, 2, 3]),
        (MediaKind::from("text").into(), &[], &[2]),
        ([3, 2, 99].into(), &[2, 3], &[2, 3]),
        (Vec::<usize>::new().into(), &[], &[]),
    ] {
        assert_eq!(it.client.chosen_medias(&choice), expected, "{choice:?}");
        assert_eq!(speaking.client.chosen_medias(&choice), with_back_channel, "{choice:?}");
    }
    assert!(Scenario::new(Transports::Tcp).client.chosen_medias(&MediaChoice::default()).is_empty());
}

#[test]
fn what_is_published_has_the_chosen_medias_only() {
    let description = Description::parse(CAMERA.as_bytes(), &mut Tolerances::default()).unwrap();
    let kinds = |choice: MediaChoice| {
        let published = choice.to_publish(description.clone());
        published.medias.iter().map(|media| media.kind.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kinds(MediaChoice::default()), "video audio audio application");
    assert_eq!(kinds(MediaKind::Audio.into()), "audio audio");
    assert_eq!(kinds([0, 2].into()), "video audio");
}
