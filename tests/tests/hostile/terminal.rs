//! Peers whose texts hold what a terminal obeys: all that is shown of them is escaped.

use rtspan_core::auth::{AuthScheme, Authorization, Secret, User, Users};
use rtspan_core::client::{ClientEvent, Transports};
use rtspan_core::server::{Asks, Event, ServerConfig};
use rtspan_core::{ConnId, is_printable};
use rtspan_tests::rig::Rig;

use super::servers::Victim;
use super::world::{TCP, World, attacker, request, session_of};

/// Control characters, ends of lines and paragraphs, and marks that change the direction of writing.
fn harmful() -> impl Iterator<Item = char> {
    let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
    let lines = ['\u{2028}', '\u{2029}'];
    let marks = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{feff}'];
    controls.chain(lines).chain(marks).chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}')
}

/// Returns `true` if a character ends a line of a head or a description, so that it stands in no value.
fn ends_line(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\0')
}

#[track_caller]
fn assert_printable(shown: &str, what: &str) {
    let obeyed = shown.chars().find(|c| !is_printable(*c));
    assert_eq!(obeyed, None, "{what}: {shown:?}");
}

/// A description with a text wherever it may have one; `control` is that of the first media.
fn sdp(text: &str, control: &str) -> String {
    format!(
        "v=0\r\no={text} 0 0 IN IP4 {text}\r\ns={text}\r\ni={text}\r\nu={text}\r\ne={text}\r\nc=IN IP4 {text}\r\n\
         b={text}:5\r\nt=0 0\r\nk={text}\r\na={text}:{text}\r\na=tool:{text}\r\na=control:{text}\r\na=range:npt={text}\r\n\
         {text}={text}\r\nm={text} 0 {text} 96\r\ni={text}\r\na=rtpmap:96 {text}/90000/{text}\r\na=fmtp:96 {text}={text}\r\n\
         a=control:{control}\r\na=mid:{text}\r\nm=video 0 RTP/AVP 97\r\na=control:streamid=1\r\na=rtpmap:97 H264/90000\r\n\
         a=fmtp:97 sprop-parameter-sets={text}\r\n"
    )
}

/// A text with a byte for each character, so that C1 controls are no UTF-8.
fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

/// All that a client tells its application, as a program may print it.
fn told(victim: &Victim) -> String {
    let mut told = format!("{:?} {:?}", victim.events, victim.client.tolerances());
    for event in &victim.events {
        match event {
            ClientEvent::Done(_, Err(error)) => told += &error.to_string(),
            ClientEvent::Closed(reason) => told += &reason.to_string(),
            _ => {}
        }
    }
    told
}

/// The words of a client about a server that puts a text wherever it may.
fn told_of_servers(text: &str) -> String {
    let headers = format!(
        "Server: {text}\r\nPublic: OPTIONS, {text}\r\nSession: {text};timeout={text}\r\nDate: {text}\r\n\
         Content-Base: rtsp://192.0.2.1/{text}/\r\nContent-Location: {text}\r\nRange: npt={text}-\r\n\
         RTP-Info: url={text};seq={text}\r\nWWW-Authenticate: Digest realm=\"{text}\", nonce=\"{text}\"\r\n\
         Retry-After: {text}\r\n{text}: {text}\r\n"
    );
    let location = format!("Location: rtsp://{text}@192.0.2.1/{text}\r\n");
    let transport =
        |text| format!("Transport: RTP/AVP/TCP;unicast;source={text};interleaved=0-1;{text}={text}\r\n");
    let mut told_of = String::new();
    let mut tell = |act: &dyn Fn(&mut Victim)| {
        let mut victim = Victim::new(Transports::Tcp);
        act(&mut victim);
        told_of += &told(&victim);
    };
    tell(&|victim| {
        victim.answer(
            &format!("200 {text}"),
            &format!("{headers}Content-Type: application/sdp\r\n"),
            &sdp(text, text),
        );
        victim.answer(&format!("200 {text}"), &format!("{headers}{}", transport(text)), "");
        victim.answer(&format!("200 {text}"), &headers, "");
        victim.send(format!("REDIRECT rtsp://{text} RTSP/1.0\r\nCSeq: 1\r\n{location}\r\n").as_bytes());
    });
    for status in [301, 302, 401, 404, 407, 454, 461, 500, 599] {
        tell(&|victim| victim.answer(&format!("{status} {text}"), &format!("{headers}{location}"), ""));
    }
    tell(&|victim| victim.answer("200 OK", &format!("Content-Type: {text}\r\n"), "x"));
    tell(&|victim| victim.answer("200 OK", "Content-Type: application/sdp\r\n", text));
    tell(&|victim| {
        victim.describe(&sdp("x", "x"));
        victim.answer(
            "200 OK",
            &transport(text).replace("interleaved=0-1", &format!("interleaved={text}")),
            "",
        );
    });
    tell(&|victim| {
        let body = latin_1(&sdp(text, text));
        let head = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\nContent-Length: ";
        victim.send(&[format!("{head}{}\r\n\r\n", body.len()).as_bytes(), &body].concat());
    });
    tell(&|victim| victim.send(text.repeat(1 << 18).as_bytes()));
    told_of
}

/// The words of a server about a client that puts a text wherever it may.
fn told_of_clients(text: &str) -> String {
    let headers = format!(
        "User-Agent: {text}|Require: {text}|Session: {text}|Range: npt={text}|Authorization: Digest username=\"{text}\"|\
         Referer: {text}|{text}: {text}"
    );
    let asked = Asks::DESCRIBE | Asks::ANNOUNCE | Asks::GET_PARAMETER | Asks::SET_PARAMETER;
    let mut told = String::new();
    // A request with a control character of ASCII in its URI is refused.
    for (asks, path) in [(Asks::NONE, text), (asked, text), (asked, "live")] {
        let mut world = World::with(ServerConfig::default().asks(asks));
        for method in
            ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN", text]
        {
            let conn = world.attack();
            world.rig.send(conn, &request(&format!("{method} rtsp://h/{path}?{path}|{headers}|{TCP}"), text));
            world.rig.received(conn);
            world.rig.hang_up(conn);
        }
        let publisher = world.attack();
        let uri = format!("rtsp://h/{path}");
        let announce = format!("ANNOUNCE {uri}|Content-Type: application/sdp");
        world.rig.send(publisher, &request(&announce, &sdp(text, "streamid=0")));
        for media in 0..2 {
            let record = format!(
                "RTP/AVP/TCP;unicast;interleaved={}-{};mode=record;destination={text}",
                2 * media,
                2 * media + 1
            );
            let setup = format!("SETUP {uri}/streamid={media}|Transport: {record}");
            world.rig.send(publisher, &request(&setup, ""));
        }
        if let Some(session) = begun(&mut world, publisher) {
            world.rig.send(publisher, &request(&format!("RECORD {uri}|Session: {session}"), ""));
            let reader = world.attack();
            world.rig.send(reader, &request(&format!("SETUP {uri}/trackID=1|{TCP}"), ""));
            if let Some(session) = begun(&mut world, reader) {
                world.rig.send(reader, &request(&format!("PLAY {uri}|Session: {session}"), ""));
            }
            world.rig.hang_up(publisher);
        }
        world.wait(1);
        for event in std::mem::take(&mut world.rig.events) {
            told += &format!("{event:?}");
            match event {
                Event::ConnClosed { reason, .. }
                | Event::Unpublished { reason, .. }
                | Event::SessionClosed { reason, .. } => told += &reason.to_string(),
                Event::Refused { reason, .. } => told += &reason.to_string(),
                _ => {}
            }
        }
    }
    told
}

/// The words of a server about a client that gives a text for the name of its user.
fn told_of_users(text: &str) -> String {
    let users = Users::default().with(User::new("user", Secret::password("secret")).may_all("/*"));
    let mut rig = Rig::new(ServerConfig::default().users(users).schemes(vec![AuthScheme::Basic]));
    let conn = rig.connect(attacker(50_000)).unwrap();
    let credentials = Authorization::basic(text, text).to_header_value();
    rig.send(conn, &request(&format!("DESCRIBE rtsp://h/cam|Authorization: {credentials}"), ""));
    format!("{:?}", rig.events)
}

/// The session that a SETUP has begun, unless it was refused.
fn begun(world: &mut World, conn: ConnId) -> Option<String> {
    let responses = world.responses(conn);
    responses.iter().find(|response| response.headers.get("Transport").is_some()).map(session_of)
}

#[test]
fn what_a_client_tells_of_a_server_is_printable() {
    for c in harmful() {
        let told = told_of_servers(&format!("x{c}y"));
        assert_printable(&told, &format!("{c:?}"));
        let escaped = format!("x{}y", c.escape_debug());
        assert!(told.matches(&escaped).count() > 10 || ends_line(c), "{c:?} is told of, escaped: {told}");
    }
}

#[test]
fn what_a_server_tells_of_a_client_is_printable() {
    for c in harmful() {
        let told = told_of_clients(&format!("x{c}y"));
        assert_printable(&told, &format!("{c:?}"));
        let escaped = format!("x{}y", c.escape_debug());
        assert!(told.matches(&escaped).count() > 3 || ends_line(c), "{c:?} is told of, escaped: {told}");
        let is_played = told.contains(&format!("Playing {{ path: \"/{escaped}\","));
        assert!(is_played || c.is_ascii(), "{c:?} is in the path of a stream: {told}");
    }
}

#[test]
fn what_a_server_tells_of_a_user_is_printable() {
    for c in harmful() {
        let told = told_of_users(&format!("x{c}y"));
        assert_printable(&told, &format!("{c:?}"));
        let escaped = format!("Some(\"x{}y\")", c.escape_debug());
        assert!(told.contains(&escaped), "{c:?} is told of: {told}");
    }
}
