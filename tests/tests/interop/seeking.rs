//! Pausing, resuming and going elsewhere at a server that is not ours.

use std::time::Duration;

use rtspan_std::header::NptTime;
use rtspan_std::{Client, MediaKind, Packets, Range, Received, State, Transports};

use crate::clip::Clip;
use crate::foreign::gst_server;
use crate::policy::{Needs, installed};
use crate::program::PATIENCE;

const SECOND: i64 = 1_000_000_000;

pub(crate) fn next(packets: &mut Packets) -> Option<Received> {
    packets.next_timeout(PATIENCE).expect("a packet, or the end").transpose().expect("a sound end")
}

/// Plays the pictures of the clip, half a second of them.
pub(crate) fn playing(url: &str, transports: Transports) -> (Packets, i64) {
    let builder = Client::builder(url).unwrap().transport(transports).medias(MediaKind::Video);
    let mut packets = builder.play().unwrap();
    let mut reached = 0;
    while reached < SECOND / 2 {
        reached = next(&mut packets).expect("it has not ended").time.pts;
    }
    (packets, reached)
}

/// Waits for the first packet behind a gap.
pub(crate) fn begun_anew(packets: &mut Packets) -> Received {
    std::iter::from_fn(|| next(packets)).find(|received| received.time.begins_anew).expect("it goes on")
}

#[test]
fn what_gstreamer_plays_is_paused_resumed_and_played_from_elsewhere() {
    if !installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        return;
    }
    let (_server, url) = gst_server("play", &Clip::brief_baseline().mov);
    for transports in [Transports::Tcp, Transports::Udp] {
        let (mut packets, reached) = playing(&url, transports);
        let client = packets.client();
        client.pause().unwrap();
        assert_eq!(client.state(), State::PrePlay);
        client.play(None).unwrap();
        let resumed = begun_anew(&mut packets);
        assert!(resumed.time.pts > reached, "{transports:?}: {reached}, {:?}", resumed.time);

        // There is a keyframe at each second.
        let playing = client.seek(Range::from_npt(Duration::from_secs(2))).unwrap();
        match playing.range {
            Some(Range::Npt { start: Some(NptTime::At(start)), .. }) => {
                assert!(start.abs_diff(Duration::from_secs(2)) < Duration::from_millis(100), "{start:?}");
            }
            range => panic!("{transports:?}: {range:?}"),
        }
        let first = begun_anew(&mut packets);
        assert!(first.time.pts > resumed.time.pts, "{transports:?}: {:?}", first.time);
        let last = std::iter::from_fn(|| next(&mut packets)).last().expect("more than one packet");
        let played = last.time.pts - first.time.pts;
        assert!((SECOND * 8 / 10..=SECOND * 12 / 10).contains(&played), "{transports:?}: {played}");
    }
}
