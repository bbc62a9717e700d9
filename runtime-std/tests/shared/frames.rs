//! Pictures and sound in place of packets.

use bytes::Bytes;
use rtspan_std::client::Client;
use rtspan_std::payload::Parts;
use rtspan_std::runtime::Runtime;
use rtspan_std::{Description, Form, Format, Frame, Media, MediaKind, ServerConfig, Transports};

use super::{serve, url};

const FRAME_NANOS: i64 = 40_000_000;
const SPS: [u8; 4] = [0x67, 0x42, 0xc0, 0x1e];
const PPS: [u8; 4] = [0x68, 0xce, 0x38, 0x80];

fn description() -> Description {
    let video = Media::new(MediaKind::Video, vec![Format::h264(96, &SPS, &PPS)]);
    Description::new(vec![video, Media::new(MediaKind::Audio, vec![Format::pcma()])])
}

/// A picture, the first of which is a keyframe, of several packets.
fn picture(number: u8) -> Frame {
    let header = if number == 0 { 0x65 } else { 0x41 };
    let nals = [vec![header, 0x88, number], vec![header, 0x11, number].repeat(1500)];
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
    for number in 0..20 {
        publisher.write(&picture(number)).await.unwrap();
        publisher.write(&sound(number)).await.unwrap();
    }
    publisher.teardown().await.unwrap();
    let (mut pictures, mut sounds) = (0_u8, 0_u8);
    let mut before = [None; 2];
    while let Some(frame) = frames.next().await {
        let frame = frame.unwrap();
        let (number, sent) = match frame.media {
            0 => (&mut pictures, picture(pictures)),
            _ => (&mut sounds, sound(sounds)),
        };
        assert_eq!((&frame.data, frame.is_damaged, frame.lost), (&sent.data, false, 0));
        let passed = frame.time.pts - before[frame.media].replace(frame.time.pts).unwrap_or(i64::MIN / 2);
        assert!(passed > 0 && frame.dts <= frame.time.pts, "{frame:?}");
        assert_eq!(frame.is_keyframe, frame.media == 1 || *number == 0);
        *number += 1;
    }
    assert_eq!((pictures, sounds), (20, 20));
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
    assert_eq!(bytes[..16], [&[0, 0, 0, 1], &SPS[..], &[0, 0, 0, 1], &PPS[..]].concat());
    let nals = Parts::from_annex_b(&bytes);
    assert_eq!(nals[2..], picture(0).data[..]);
    assert!(first.new_parameters.is_some_and(|parameters| parameters.configuration.is_none()), "no true SPS");
    drop(stream);
    let mut rest = Vec::new();
    while let Some(frame) = frames.next().await {
        rest.push(frame.unwrap().data.to_bytes()[4]);
    }
    assert_eq!(rest, [0x41, 0x41]);
}
