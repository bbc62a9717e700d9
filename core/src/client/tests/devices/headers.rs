//! Framing, start lines, headers and URLs.

use super::Camera;
use crate::Tolerance::*;

pub(super) fn cameras() -> Vec<Camera> {
    let mut cameras = framing();
    cameras.extend(headers());
    cameras.extend(urls());
    cameras
}

const PLAYING: &str = "described\nset up 0\nplaying\n";

fn framing() -> Vec<Camera> {
    vec![
        Camera::new(
            "Canon VB-H47",
            "garbage between two frames",
            "skips it and goes on at the next frame",
            format!("{PLAYING}frame 0 96 1\n<< \\x51\\xf3\\x1c\\xe1garbage\nframe 0 96 2\npackets 1 2"),
        )
        .tolerates(&[Garbage]),
        Camera::new(
            "cameras whose reader was slow",
            "the middle of a frame, where it should begin",
            "skips it and goes on at the next frame",
            format!("{PLAYING}frame 0 96 1\n<< \\x51\\xf3\\x1c\\xe1\\x24\\x2c\\x00\\x00\nframe 0 96 2\npackets 1 2"),
        )
        .tolerates(&[Garbage]),
        Camera::new(
            "a server known to retina",
            "an empty line in front of a frame",
            "skips it",
            format!("{PLAYING}frame 0 96 1\n<< \\r\\n\nframe 0 96 2\npackets 1 2"),
        )
        .tolerates(&[StrayLineEnd]),
        Camera::new(
            "servers of live555 before 2017.06.04",
            "frames of a former connection, on channels that were not set up",
            "ignores them",
            format!("{PLAYING}frame 6 96 1\nframe 0 96 2\npackets 2"),
        )
        .tolerates(&[UnassignedChannel]),
        Camera::new(
            "v4l2rtspserver",
            "frames before the answer to PLAY",
            "takes them",
            "described\nset up 0\nplay\n> PLAY\nframe 0 96 1\n< 200 OK\ndone\nframe 0 96 2\npackets 1 2",
        )
        .tolerates(&[MediaBeforePlay]),
        Camera::new(
            "servers that ping",
            "OPTIONS and GET_PARAMETER to the client, among packets",
            "answers them",
            format!(
                "{PLAYING}<< OPTIONS rtsp://192.0.2.1/cam RTSP/1.0\\r\\nCSeq: 9\\r\\nSession: 1234\\r\\n\\r\\n
                 > RTSP/1.0 200 OK … CSeq: 9
                 frame 0 96 1
                 << GET_PARAMETER rtsp://192.0.2.1/cam RTSP/1.0\\r\\nCSeq: 10\\r\\nSession: 1234\\r\\n\\r\\n
                 > RTSP/1.0 200 OK … CSeq: 10
                 packets 1"
            ),
        ),
    ]
}

fn headers() -> Vec<Camera> {
    vec![
        Camera::new(
            "Longse",
            "`CSeq: 1 `, with a blank behind the number",
            "cuts it off",
            r"options
              > OPTIONS
              << RTSP/1.0 200 OK\r\nCSeq: 1 \r\nServer: Rtsp Server 1920*1080*20*2048\r\nPublic: DESCRIBE\r\n\r\n
              done",
        ),
        Camera::new(
            "Hikvision",
            "many blanks in front of a value: `Session:        708345999;timeout=60`",
            "cuts them off",
            r"described
              setup 0
              > SETUP … interleaved=0-1
              << RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession:        708345999;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=4a4e6c48;mode=\x22play\x22\r\nDate:  Wed, May 05 2021 17:14:57 GMT\r\n\r\n
              done
              play
              > PLAY … Session: 708345999",
        ),
        Camera::new(
            "VStarcam, H264DVR 1.0, Foscam C1",
            "`Cseq:`",
            "compares names in any case",
            r"options
              > OPTIONS
              << RTSP/1.0 200 OK\r\nCseq: 1\r\nPublic: DESCRIBE\r\n\r\n
              done",
        ),
        Camera::new(
            "Hipcam RealServer/V1.0",
            "`Content-length:`, in front of a body",
            "compares names in any case",
            r"describe
              > OPTIONS
              < 200 OK
              > DESCRIBE
              << RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-type: application/sdp\r\nContent-length: 63\r\n\r\nv=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n
              done
              formats 26 JPEG/90000",
        ),
        Camera::new(
            "cameras that compare names exactly",
            "401 to a request with `cseq:`",
            "writes names as the standards do, `CSeq` first",
            "describe\n> OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 1 | User-Agent: test\n< 200 OK
             > DESCRIBE rtsp://192.0.2.1/cam?q=1 | CSeq: 2 | Accept: application/sdp | User-Agent: test",
        ),
        Camera::new(
            "Foscam C1 (Hisilicon Streaming Media Server/1.0.0)",
            "`Cseq: 0` whatever it was asked",
            "takes it for the answer to the oldest request",
            r"options
              > OPTIONS
              << RTSP/1.0 200 OK\r\nCseq: 0\r\nPublic: DESCRIBE\r\n\r\n
              done",
        )
        .tolerates(&[WrongCSeq]),
        Camera::new(
            "Parrot Anafi (librtsp)",
            "no answer to a `CSeq` of zero",
            "begins at 1",
            "options\n> OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 1 |\n< 200 OK\ndone",
        ),
        Camera::new(
            "servers known to gortsplib",
            "`RTSP/1.0 200`, without a reason",
            "does without",
            r"options
              > OPTIONS
              << RTSP/1.0 200\r\nCSeq: 1\r\n\r\n
              done",
        )
        .tolerates(&[MissingReason]),
        Camera::new(
            "servers known to gortsplib",
            "`RTSP/1.0 200 `, with a blank and no reason",
            "does without",
            r"options
              > OPTIONS
              << RTSP/1.0 200 \r\nCSeq: 1\r\n\r\n
              done",
        )
        .tolerates(&[MissingReason]),
        Camera::new(
            "a camera known to IPCamKit",
            "`RTSP/1.0  200 OK`, with two blanks",
            "takes them for one",
            r"options
              > OPTIONS
              << RTSP/1.0  200 OK\r\nCSeq: 1\r\n\r\n
              done",
        )
        .tolerates(&[ExtraBlank]),
        Camera::new(
            "Rockchip RbsLive, Mercury",
            "lines of a message that end in LF alone",
            "splits at LF",
            r"options
              > OPTIONS
              << RTSP/1.0 200 OK\nCSeq: 1\nPublic: DESCRIBE\n\n
              done",
        )
        .tolerates(&[BareLineFeed]),
        Camera::new(
            "FFmpeg, listening",
            "a description without Content-Type",
            "takes it for SDP",
            r"describe
              > OPTIONS
              < 200 OK
              > DESCRIBE
              < 200 OK || v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n
              done",
        )
        .tolerates(&[NoContentType]),
        Camera::new(
            "several servers",
            "`Content-Type: application/sdp; charset=utf8`",
            "compares the type alone",
            r"describe
              > OPTIONS
              < 200 OK
              > DESCRIBE
              < 200 OK | Content-Type: Application/SDP; charset=utf8 || v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n
              done",
        ),
        Camera::new(
            "a camera behind ZoneMinder",
            "an error to `RTSP://`",
            "writes the scheme in small letters",
            "options\n> OPTIONS rtsp://192.0.2.1/Cam |",
        )
        .url("RTSP://192.0.2.1/Cam"),
        Camera::new(
            "Arecont",
            "an error to OPTIONS with many headers",
            "sends two headers, and those that the application adds",
            "options\n> OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 1 | User-Agent: test\n>! test |",
        ),
        Camera::new(
            "a camera known to go2rtc",
            "401 to a request without User-Agent",
            "names itself in each request",
            "described\nset up 0\nplay\n> PLAY … User-Agent: test",
        ),
    ]
}

/// A camera whose DESCRIBE has this base, and whose first media this control; `url` is what is set up.
fn based(
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    [base, control, url]: [&str; 3],
) -> Camera {
    let base = if base.is_empty() { String::new() } else { format!(" | Content-Base: {base}") };
    let control = if control.is_empty() { String::new() } else { format!(r"a=control:{control}\r\n") };
    let script = format!(
        r"describe
          > OPTIONS
          < 200 OK
          > DESCRIBE
          < 200 OK | Content-Type: application/sdp{base} || v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n{control}
          done
          setup 0
          > SETUP {url} |"
    );
    Camera::new(device, sends, does, script)
}

fn urls() -> Vec<Camera> {
    vec![
        based(
            "VStarcam",
            "neither a base nor a control of the session",
            "takes the URL of the request",
            ["", "track0", "rtsp://192.0.2.1/cam?q=1/track0"],
        ),
        based(
            "Anjvision, SV3C",
            "`Content-Base: 192.168.1.10:554/stream0/`, without a scheme",
            "puts that of the request in front, and keeps to the host that it has reached",
            ["192.168.1.10:554/stream0/", "track0", "rtsp://192.0.2.1/stream0/track0"],
        )
        .tolerates(&[UrlScheme]),
        based(
            "servers known to gortsplib",
            "a `Content-Base` that is a path",
            "resolves it against the URL of the request",
            ["/elsewhere/", "track0", "rtsp://192.0.2.1/elsewhere/track0"],
        )
        .tolerates(&[RelativeBase]),
        based(
            "GW Security, Dahua",
            "a query in the base, and a relative control",
            "appends the control",
            [
                "rtsp://192.0.2.1/H264?channel=1&subtype=0&unicast=true&proto=Onvif",
                "video",
                "rtsp://192.0.2.1/H264?channel=1&subtype=0&unicast=true&proto=Onvif/video",
            ],
        ),
        based(
            "Hikvision",
            "an absolute control with a query",
            "takes it as it is",
            [
                "rtsp://192.0.2.1/Streaming/Channels/101/",
                "rtsp://192.0.2.1/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1",
                "rtsp://192.0.2.1/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1",
            ],
        ),
        based(
            "servers known to mediamtx",
            "a control that begins with a slash",
            "writes no double slash",
            ["rtsp://192.0.2.1/live/", "/trackID=1", "rtsp://192.0.2.1/live/trackID=1"],
        ),
        based(
            "Samsung, Hanwha",
            "a control with the password in it",
            "leaves the credentials out, and keeps to the host that it has reached",
            [
                "rtsp://192.0.2.1/profile2/media.smp/",
                "rtsp://admin:SuperSecret@10.132.250.29:554/profile2/media.smp/trackID=v",
                "rtsp://192.0.2.1/profile2/media.smp/trackID=v",
            ],
        )
        .tolerates(&[UrlCredentials]),
        based(
            "single streams of RFC 2326, C.3",
            "no control at all",
            "sets up the base",
            ["rtsp://192.0.2.1/one", "", "rtsp://192.0.2.1/one"],
        ),
        Camera::new(
            "servers known to GStreamer",
            "404 to a control that was appended, where RFC 3986 has it joined",
            "asks for the joined one",
            "described\nsetup 0\n> SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 |\n< 404 Not Found
             > SETUP rtsp://192.0.2.1/trackID=0 |
             < 200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1\ndone",
        )
        .tolerates(&[JoinedControl]),
        Camera::new(
            "servers known to GStreamer",
            "the URL of the track as `Content-Base` of the answer to SETUP",
            "keeps the base of the description",
            "described\nsetup 0\n> SETUP
             < 200 OK | Session: 1 | Content-Base: rtsp://192.0.2.1/cam?q=1/trackID=0/ | Transport: RTP/AVP/TCP;unicast;interleaved=0-1
             done\nsetup 1\n> SETUP rtsp://192.0.2.1/cam?q=1/trackID=1 |",
        ),
        Camera::new(
            "servers with a relative control of the session",
            "`a=control:live`",
            "describes the stream all the same",
            r"describe
              > OPTIONS
              < 200 OK
              > DESCRIBE
              < 200 OK | Content-Type: application/sdp || v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=control:live\r\nm=video 0 RTP/AVP 26\r\na=control:t0\r\n
              done
              formats 26 JPEG/90000",
        ),
        Camera::new(
            "users of IPv6",
            "an address without a port",
            "connects to port 554",
            "options\n> OPTIONS rtsp://[2001:db8::1]/cam |",
        )
        .url("rtsp://[2001:db8::1]/cam"),
    ]
}
