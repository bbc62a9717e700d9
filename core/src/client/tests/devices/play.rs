//! PLAY and its answer, redirects, PAUSE and TEARDOWN.

use super::Camera;
use crate::Tolerance::*;
use crate::client::*;

/// A camera that answers PLAY with this header; `starts` is what is known of the tracks then.
fn answering(
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    header: &str,
    starts: &str,
) -> Camera {
    let script = format!(
        "described\nset up 0\nplay\n> PLAY\n< 200 OK | {header}\nstarts {starts}\nframe 0 96 17\npackets 17"
    );
    Camera::new(device, sends, does, script)
}

pub(super) fn cameras() -> Vec<Camera> {
    let mut cameras = answers();
    cameras.extend(ways());
    cameras
}

fn answers() -> Vec<Camera> {
    const URL: &str = "rtsp://192.0.2.1/cam?q=1/trackID=0";
    vec![
        answering(
            "Laureii",
            "`;` at the end of RTP-Info",
            "skips what is empty",
            &format!("RTP-Info: url={URL};seq=17;rtptime=51000;"),
            "0:17:51000",
        )
        .tolerates(&[EmptyParameter]),
        answering(
            "Axis",
            "a blank behind the comma, `ssrc`, and tracks that were not set up",
            "takes that of its track",
            &format!(
                "RTP-Info: url={URL};seq=17;rtptime=51000;ssrc=dcc4a0d8, url=rtsp://192.0.2.1/cam?q=1/trackID=1;seq=2;rtptime=3"
            ),
            "0:17:51000",
        ),
        answering(
            "Wowza, Reolink",
            "a relative URL in RTP-Info",
            "resolves it",
            "RTP-Info: url=trackID=0;seq=17;rtptime=51000",
            "0:17:51000",
        )
        .tolerates(&[RelativeRtpInfoUrl]),
        answering(
            "GW Security",
            "a URL in RTP-Info without the query, and so without the track",
            "takes it for its only track",
            "RTP-Info: url=rtsp://192.0.2.1/cam;seq=17;rtptime=51000",
            "0:17:51000",
        )
        .tolerates(&[ForeignRtpInfoUrl]),
        answering(
            "Hikvision DS-2CD2032-I, Tapo C320WS",
            "`seq=0`, where packets begin elsewhere",
            "takes the number for unknown",
            &format!("RTP-Info: url={URL};seq=0;rtptime=51000"),
            "0:-:51000",
        )
        .tolerates(&[UnbelievableSequence]),
        answering(
            "cameras that write the timestamp of another track",
            "`rtptime` far from that of its packets",
            "does not believe it",
            &format!("RTP-Info: url={URL};seq=17;rtptime=4000000000"),
            "0:17:4000000000",
        )
        .tolerates(&[UnbelievableRtptime]),
        answering(
            "Windows Media Services",
            "a range whose end is out of all bounds",
            "takes it for open",
            "Range: npt=0.000-18446744073.709",
            "",
        )
        .tolerates(&[RangeEndOverflow]),
        answering(
            "cameras known to mediamtx",
            "`Range: clock=0-`",
            "takes it for open",
            "Range: clock=0-",
            "",
        )
        .tolerates(&[ZeroClock]),
        answering(
            "cameras that leave headers empty",
            "RTP-Info without a value",
            "ignores it",
            "RTP-Info: ",
            "",
        )
        .tolerates(&[UnreadableHeader]),
        Camera::new(
            "Parrot",
            "an error to PLAY without Range",
            "asks for all that there is with the first PLAY",
            "described\nset up 0\nplay\n> PLAY … Range: npt=0",
        ),
    ]
}

fn ways() -> Vec<Camera> {
    vec![
        Camera::new(
            "cameras and proxies",
            "404 to OPTIONS",
            "asks on, and plays",
            "describe\n> OPTIONS\n< 404 Not Found\n> DESCRIBE
             < 200 OK | Content-Type: application/sdp || v=0\\r\\no=- 0 0 IN IP4 0.0.0.0\\r\\ns=x\\r\\nt=0 0\\r\\nm=video 0 RTP/AVP 96\\r\\na=rtpmap:96 H264/90000\\r\\n
             done\nset up 0\nplaying\nframe 0 96 17\npackets 17",
        )
        .tolerates(&[OptionsRefused]),
        Camera::new(
            "servers behind a load balancer",
            "302 to DESCRIBE",
            "goes on at the other server",
            "describe\n> OPTIONS\n< 200 OK\n> DESCRIBE
             < 302 Found | Location: rtsp://192.0.2.2/cam
             told Redirected\n> OPTIONS rtsp://192.0.2.2/cam\n< 200 OK\n> DESCRIBE rtsp://192.0.2.2/cam\nconnects 2",
        ),
        Camera::new(
            "cameras with packets under way",
            "packets before and behind the answer to PAUSE",
            "goes on over the connection",
            "described\nset up 0\nplaying\nframe 0 96 1\npause\n> PAUSE\nframe 0 96 2\n< 200 OK\ndone\nframe 0 96 3\n\
             playing\nframe 0 96 4\nconnects 1",
        ),
        Camera::new(
            "cameras with packets under way",
            "packets before the answer to TEARDOWN",
            "waits for the answer",
            "described\nset up 0\nplaying\nteardown\n> TEARDOWN\nframe 0 96 2\n< 200 OK\ndone\ntold Closed(TornDown",
        ),
        Camera::new(
            "Hikvision DS-2CD2732F-IS",
            "551 to PAUSE, which it has listed",
            "tells so, and plays on",
            "described\nset up 0\nplaying\npause\n> PAUSE\n< 551 Option not supported\nfailed Status\nframe 0 96 2\n\
             packets 2",
        ),
        Camera::new(
            "Vikylin",
            "no answer to `Require: www.onvif.org/ver20/backchannel`",
            "asks without over the next connection",
            "describe\n> OPTIONS\n< 200 OK
             > DESCRIBE … Require: www.onvif.org/ver20/backchannel
             wait 62\n> OPTIONS\n< 200 OK\n> DESCRIBE\n>! Require\nconnects 2
             < 200 OK | Content-Type: application/sdp || v=0\\r\\no=- 0 0 IN IP4 0.0.0.0\\r\\ns=x\\r\\nt=0 0\\r\\nm=video 0 RTP/AVP 26\\r\\n
             told BackChannelRefused(Timeout)\ndone",
        )
        .config(ClientConfig::default().transports(Transports::Tcp).back_channel(true))
        .tolerates(&[RequireMisunderstood]),
    ]
}
