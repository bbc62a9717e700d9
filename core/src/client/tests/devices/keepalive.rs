//! Keepalives: which, how often, and what comes back.

use super::Camera;
use crate::Tolerance::*;
use crate::client::*;
use crate::wire::Method;

fn with(method: Method) -> ClientConfig {
    ClientConfig::default().transports(Transports::Tcp).keepalive(KeepalivePolicy::Method(method))
}

/// A dialogue up to PLAY with a camera that lists these methods, and has this timeout.
fn playing(methods: &str, timeout: u8) -> String {
    format!(
        r"describe
          > OPTIONS
          < 200 OK | Public: {methods}
          > DESCRIBE
          < 200 OK | Content-Type: application/sdp || v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n
          done
          setup 0
          > SETUP
          < 200 OK | Session: 1;timeout={timeout} | Transport: RTP/AVP/TCP;unicast;interleaved=0-1
          done
          playing
          "
    )
}

pub(super) fn cameras() -> Vec<Camera> {
    vec![
        Camera::new(
            "TP-Link Tapo C520WS",
            "400 with the CSeq of the request before to SET_PARAMETER",
            "takes it for the answer, tries another method, and plays on",
            playing("OPTIONS, DESCRIBE, SETUP, PLAY", 60)
                + "plays 30
                   > SET_PARAMETER … CSeq: 5
                   << RTSP/1.0 400 Bad Request\\r\\nCSeq: 4\\r\\n\\r\\n
                   > OPTIONS
                   < 200 OK
                   frame 0 96 9
                   asks nothing",
        )
        .config(with(Method::SetParameter))
        .tolerates(&[WrongCSeq, KeepaliveRefused]),
        Camera::new(
            "GW Security GW4089IP, Hipcam",
            "an error to GET_PARAMETER, which it does not list",
            "keeps alive with OPTIONS",
            playing("OPTIONS, DESCRIBE, SETUP, PLAY", 60) + "plays 30\n> OPTIONS … Session: 1",
        ),
        Camera::new(
            "cameras that refuse what they list",
            "501 to GET_PARAMETER",
            "tries another method, and plays on",
            playing("OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER", 60)
                + "plays 30\n> GET_PARAMETER\n< 501 Not Implemented\n> OPTIONS\n< 200 OK\nframe 0 96 9",
        )
        .tolerates(&[KeepaliveRefused]),
        Camera::new(
            "EvoStream, VLC",
            "GET_PARAMETER that alone refreshes, and is not listed",
            "has the method of the application (`KeepalivePolicy::Method`)",
            playing("OPTIONS, DESCRIBE, SETUP, PLAY", 60) + "plays 30\n> GET_PARAMETER",
        )
        .config(with(Method::GetParameter)),
        Camera::new(
            "cameras that answer for the stream only",
            "404 to a keepalive for a track",
            "names the base of the description",
            playing("GET_PARAMETER", 60) + "plays 30\n> GET_PARAMETER rtsp://192.0.2.1/cam?q=1 |",
        ),
        Camera::new(
            "cameras with a short timeout",
            "`timeout=15`",
            "asks after half of it",
            playing("GET_PARAMETER", 15) + "plays 7\nasks nothing\nplays 0.5\n> GET_PARAMETER",
        ),
        Camera::new(
            "cameras with a timeout of some seconds",
            "`timeout=8`",
            "asks five seconds before its end",
            playing("GET_PARAMETER", 8) + "plays 2.5\nasks nothing\nplays 0.5\n> GET_PARAMETER",
        ),
        Camera::new(
            "cameras that never answer keepalives",
            "media, and no answer",
            "plays on",
            playing("GET_PARAMETER", 10)
                + "plays 5\n> GET_PARAMETER\nplays 5\n> GET_PARAMETER\nplays 20\n> GET_PARAMETER\nframe 0 96 9",
        )
        .tolerates(&[KeepaliveUnanswered]),
        Camera::new(
            "proxies known to Frigate",
            "the answer to a keepalive behind the next one",
            "matches both by number",
            playing("GET_PARAMETER", 10)
                + "plays 5\n> GET_PARAMETER … CSeq: 5\nplays 5\n> GET_PARAMETER … CSeq: 6
                   << RTSP/1.0 200 OK\\r\\nCSeq: 5\\r\\n\\r\\nRTSP/1.0 200 OK\\r\\nCSeq: 6\\r\\n\\r\\n
                   frame 0 96 9",
        ),
        Camera::new(
            "Freebox, old Axis",
            "an end unless there are receiver reports",
            "reports over TCP too",
            playing("GET_PARAMETER", 60) + "plays 10\nreports 1",
        ),
    ]
}
