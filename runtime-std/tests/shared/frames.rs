//! Pictures and sound in place of packets.

use bytes::Bytes;
use rtspan_std::client::Client;
use rtspan_std::payload::Parts;
use rtspan_std::runtime::Runtime;
use rtspan_std::{Description, Form, Format, Frame, Media, MediaKind, ServerConfig, Transports};

use super::{serve, url};

const FRAME_NANOS: i64 = 40_000_000;
/// 1280 x 720, High, 30 pictures a second.
const SPS: [u8; 26] = [
    0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
    0x00, 0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x19, 0x60,
];
const PPS: [u8; 6] = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];

fn description() -> Description {
    let video = Media::new(MediaKind::Video, vec![Format::h264(96, &SPS, &PPS)]);
    Description::new(vec![video, Media::new(MediaKind::Audio, vec![Format::pcma()])])
}

/// A picture, the first of which is a keyframe, of several packets.
fn picture(number: u8) -> Frame {
    let header = if number == 0 { 0x65 } else { 0x41 };
    // A NAL unit ends in a bit that is set.
    let nals = [vec![header, 0x88, 0x80 | number], [header, 0x11, 0x80 | number].repeat(1500)];
    Frame::new(0, i64::from(number) * FRAME_NANOS, nals.map(Bytes::from).into_iter().collect::<Parts>())
}

fn sound(number: u8) -> Frame {
    Frame::new(1, i64::from(number) * FRAME_NANOS, vec![number; 320])
}

pub(crate) async fn frames_go_from_a_publisher_through_a_server_to_a_client<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let url = url(&server, "/cam");
    let publisher = Client::<R>::builder(&url).unwrap().transport(Transports::Tcp);
    let mut publisher = publisher.publish_frames(description()).await.unwrap();
    let mut frames = Client::<R>::builder(&url).unwrap().play_frames().await.unwrap();
    assert_eq!(frames.medias(), [0, 1]);
    for number in 0..20 {
        publisher.write(&picture(number)).await.unwrap();
        publisher.write(&sound(number)).await.unwrap();
    }
    publisher.teardown().await.unwrap();
    let mut taken = [0_u8; 2];
    let mut before = [None; 2];
    while let Some(frame) = frames.next().await {
        let frame = frame.unwrap();
        let number = &mut taken[frame.media];
        let sent = if frame.media == 0 { picture(*number) } else { sound(*number) };
        assert!(frame.data == sent.data && !frame.is_damaged && frame.lost == 0);
        assert_eq!(frame.is_keyframe, frame.media == 1 || *number == 0);
        let before = before[frame.media].replace(frame.time.pts);
        assert!(
            before.is_none_or(|before| before < frame.time.pts) && frame.dts <= frame.time.pts,
            "{frame:?}"
        );
        *number += 1;
    }
    assert_eq!(taken, [20, 20]);
    assert_eq!(frames.stats(0).map(|stats| (stats.frames, stats.damaged)), Some((20, 0)));
}

pub(crate) async fn frames_of_the_application_are_a_byte_stream_that_can_be_decoded<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut stream = server.publish("/own", description()).unwrap().into_frames().unwrap();
    let told = stream.stream().ssrc(0).unwrap();
    let builder = Client::<R>::builder(&url(&server, "/own")).unwrap().transport(Transports::Tcp);
    let client = builder.build().unwrap();
    client.describe().await.unwrap();
    assert_eq!(client.setup(0).await.unwrap().ssrc, Some(told));
    client.play(None).await.unwrap();
    let mut frames = client.packets().frames().form(Form::ByteStream);
    for number in 0..3 {
        stream.write(&picture(number)).unwrap();
    }
    let Some(Ok(first)) = frames.next().await else { panic!("a frame") };
    let bytes = first.data.to_bytes();
    let nals = Parts::from_annex_b(&bytes);
    assert_eq!(nals[..2], [&SPS[..], &PPS[..]]);
    assert!(nals[2..] == picture(0).data[..]);
    let parameters = first.new_parameters.unwrap();
    assert_eq!(parameters.video.map(|video| (video.width, video.height)), Some((1280, 720)));
    assert!(parameters.configuration.is_some());
    drop(stream);
    let mut rest = Vec::new();
    while let Some(frame) = frames.next().await {
        rest.push(frame.unwrap().data.to_bytes()[4]);
    }
    assert_eq!(rest, [0x41, 0x41]);
}
