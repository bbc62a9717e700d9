//! Challenges, and the credentials that answer them.

use super::Camera;
use crate::Tolerance::*;

const LOGGED_IN: &str = "rtsp://admin:secret@192.0.2.1/cam";

/// A camera that refuses DESCRIBE with these headers; `expected` is what the next request proves itself by.
fn challenging(
    device: &'static str,
    sends: &'static str,
    does: &'static str,
    challenges: &[&str],
    expected: &str,
) -> Camera {
    let challenges: String =
        challenges.iter().map(|challenge| format!(" | WWW-Authenticate: {challenge}")).collect();
    let script = format!(
        "describe
         > OPTIONS
         < 200 OK
         > DESCRIBE
         >! Authorization
         < 401 Unauthorized{challenges}
         > DESCRIBE … Authorization: {expected}
         once Authorization
         < 200 OK | Content-Type: application/sdp || {SDP}
         done
         setup 0
         > SETUP … Authorization: "
    );
    Camera::new(device, sends, does, script.trim_end()).url(LOGGED_IN)
}

const SDP: &str =
    r"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";

pub(super) fn cameras() -> Vec<Camera> {
    vec![
        challenging(
            "Hikvision, TP-Link, Tapo C210, Shelly",
            "two challenges, Basic first",
            "answers the stronger one",
            &[r#"Basic realm="cam""#, r#"Digest realm="cam", nonce="n1""#],
            r#"Digest username="admin", realm="cam", nonce="n1""#,
        ),
        challenging(
            "cameras with both in one header",
            "two challenges, apart by a comma",
            "answers the stronger one",
            &[r#"Basic realm="cam", Digest realm="cam", nonce="n1""#],
            r#"Digest username="admin", realm="cam", nonce="n1""#,
        ),
        challenging(
            "Prama (Hikvision) V5.8.5",
            "SHA-256 alone",
            "answers with SHA-256",
            &[r#"Digest realm="cam", nonce="n1", algorithm="SHA-256""#],
            "Digest … algorithm=SHA-256",
        ),
        challenging(
            "IP Webcam (Android)",
            "`qop=\"auth\"`",
            "counts the uses of the nonce",
            &[r#"Digest realm="cam", nonce="n1", qop="auth""#],
            "Digest … qop=auth … nc=00000001 … cnonce=",
        ),
        challenging(
            "Hikvision",
            "two blanks between parameters, and `stale=\"FALSE\"`",
            "reads it",
            &[r#"Digest realm="4419b63f5e51",  nonce="8b84", stale="FALSE""#],
            r#"Digest username="admin", realm="4419b63f5e51", nonce="8b84""#,
        ),
        challenging(
            "Dahua and others",
            "names in any case, blanks and slashes in the realm, an empty `opaque`",
            "reads it",
            &[r#"DIGEST Realm="Login to / 4K", Nonce="n1", opaque="""#],
            r#"Digest username="admin", realm="Login to / 4K", nonce="n1""#,
        ),
        challenging(
            "cameras with Basic alone",
            "`Basic realm=\"/\"`",
            "sends the password, which the camera asks for as it is",
            &[r#"Basic realm="/""#],
            "Basic YWRtaW46c2VjcmV0",
        ),
        challenging(
            "nginx in front of a server",
            "an error to a request that has Authorization twice",
            "proves itself once in each request",
            &[r#"Digest realm="cam", nonce="n1""#],
            "Digest",
        ),
        Camera::new(
            "TP-Link",
            "401 to an `algorithm` that it has not named",
            "names none",
            r#"describe
               > OPTIONS
               < 200 OK
               > DESCRIBE
               < 401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n1"
               > DESCRIBE … Authorization: Digest
               >! algorithm"#,
        )
        .url(LOGGED_IN),
        Camera::new(
            "cameras with several algorithms",
            "MD5 and SHA-256, of which it takes MD5 alone",
            "answers SHA-256, and MD5 once that is refused",
            r#"describe
               > OPTIONS
               < 200 OK
               > DESCRIBE
               < 401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n1", algorithm=MD5 | WWW-Authenticate: Digest realm="cam", nonce="n1", algorithm=SHA-256
               > DESCRIBE … algorithm=SHA-256
               < 401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n2", algorithm=MD5 | WWW-Authenticate: Digest realm="cam", nonce="n2", algorithm=SHA-256
               > DESCRIBE … algorithm=MD5"#,
        )
        .url(LOGGED_IN),
        Camera::new(
            "Axis M5525",
            "401 with a new nonce to a keepalive",
            "sends it again with that",
            r#"described
               set up 0
               playing
               plays 30
               > GET_PARAMETER
               < 401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n2", stale=true
               > GET_PARAMETER … nonce="n2"
               < 200 OK
               frame 0 96 9
               asks nothing"#,
        )
        .url(LOGGED_IN),
        Camera::new(
            "Hikvision DS-7608NXI",
            "no more packets after a keepalive or TEARDOWN without credentials",
            "proves itself in each request behind the first challenge",
            r#"describe
               > OPTIONS
               < 401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n1"
               > OPTIONS … nonce="n1"
               < 200 OK | Public: GET_PARAMETER
               > DESCRIBE … nonce="n1"
               < 200 OK | Content-Type: application/sdp || v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n
               done
               setup 0
               > SETUP … nonce="n1"
               < 200 OK | Session: 1234 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1
               done
               play
               > PLAY … nonce="n1"
               < 200 OK
               done
               plays 30
               > GET_PARAMETER … nonce="n1"
               < 200 OK
               teardown
               > TEARDOWN … nonce="n1""#,
        )
        .url(LOGGED_IN),
        Camera::new(
            "VStarcam",
            "the end of the connection behind 401",
            "proves itself over the next one",
            r#"describe
               > OPTIONS
               < 200 OK
               > DESCRIBE
               < 401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n1"
               > DESCRIBE … nonce="n1"
               closes
               > DESCRIBE … nonce="n1"
               connects 2"#,
        )
        .url(LOGGED_IN)
        .tolerates(&[ConnectionPerRequest]),
    ]
}
