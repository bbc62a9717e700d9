//! Hostile peers, in every way that RTSP can be spoken: plain, over TLS, in tunnels of HTTP and in WebSockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rtspan_std::auth::{Authorization, Challenge};
use rtspan_std::client::{Client, Error};
use rtspan_std::limits::{AUTH_FAILURES_OF_ADDRESS_FREE, AUTH_FAILURES_OF_CONN_MAX, AUTH_TURN};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::srtp::{MasterKey, SendContext, Suite};
use rtspan_std::tls::rustls::RootCertStore;
use rtspan_std::{
    Action, ClientSrtp, CloseReason, CommandError, Event, Secret, ServerConfig, SrtpError, SrtpPolicy,
    StartAt, Tolerances, User, Users,
};

use super::by_hand::{for_so_long, go, header, is_simulated, late, now, since};
use super::through::{GET, Line, POST, Speaker, Tunnel, UPGRADE, Way, client_hello, ways};
use super::tls::{Authority, GOOD, HOST};
use super::{LOOPBACK, description, event, packet, pause};

const URL: &str = "rtsp://h/cam";
/// Patience that a test can wait for.
const DEADLINE: Duration = Duration::from_secs(2);

async fn serve<R: Runtime>(authority: &Authority, config: ServerConfig) -> Server<R> {
    let tls = authority.sign(HOST, GOOD).shown();
    Server::builder().config(config).tls(tls).bind(LOOPBACK).await.unwrap()
}

fn guarded() -> ServerConfig {
    let wall = User::new("wall", Secret::password("correct horse")).may(Action::Read, "/cam");
    ServerConfig::default().users(Users::default().with(wall))
}

fn describe(authorization: &str) -> String {
    format!("DESCRIBE {URL} RTSP/1.0\r\nCSeq: 1\r\n{authorization}\r\n")
}

/// The challenge to a request without credentials, as FFmpeg and VLC send it first.
async fn challenge<R: Runtime>(speaker: &mut Speaker<R>) -> Challenge {
    let asked = speaker.ask(&describe("")).await.unwrap();
    assert!(asked.starts_with("RTSP/1.0 401"), "{asked}");
    let challenge = header(&asked, "WWW-Authenticate").unwrap();
    Challenge::parse_all(&challenge, &mut Tolerances::default()).remove(0)
}

fn digest(challenge: &Challenge, password: &str, count: u32) -> String {
    let secret = Secret::password(password);
    let answer = Authorization::answer(challenge, "wall", &secret, ("DESCRIBE", URL), (count, "c"));
    answer.unwrap().to_header_value()
}

/// Credentials that let nobody in, made from right ones, and the status that answers them.
fn credentials(right: &str) -> Vec<(String, &'static str)> {
    let mut all = Vec::new();
    for name in ["username", "realm", "nonce", "uri", "response"] {
        let rest: Vec<_> = right["Digest ".len()..]
            .split(", ")
            .filter(|parameter| !parameter.starts_with(&format!("{name}=")))
            .collect();
        all.push((format!("Digest {}", rest.join(", ")), "401"));
    }
    all.extend([
        ("Basic".to_owned(), "401"),
        ("Basic !!!!".to_owned(), "401"),
        (right.trim_end_matches('"').to_owned() + ", qop=\"auth", "401"),
        (right.replace("realm=\"rtspan\"", "realm=\"elsewhere\""), "401"),
        (right.replace(&format!("uri=\"{URL}\""), "uri=\"rtsp://h/other\""), "401"),
        (format!("{right}, algorithm=SHA-512"), "401"),
        (format!("Digest {}{}", "username=\"a\", ".repeat(10_000), &right[7..]), "431"),
        (right.replace("wall", &"w".repeat(1 << 20)), "431"),
    ]);
    all
}

pub(crate) async fn credentials_of_any_shape_are_refused_in_every_way<R: Runtime>() {
    let authority = Authority::new();
    let roots = authority.roots();
    for way in ways() {
        for at in 0..13 {
            let server = serve::<R>(&authority, guarded()).await;
            let _stream = server.publish("/cam", description()).unwrap();
            let connect = |cookie| Speaker::<R>::connect(server.local_addr(), way, &roots, cookie);
            let mut speaker = connect("a").await.unwrap();
            let right = digest(&challenge(&mut speaker).await, "correct horse", 1);
            let (wrong, status) = credentials(&right).swap_remove(at);
            assert_ne!(wrong, right, "{at}");
            let asked = speaker.ask(&describe(&format!("Authorization: {wrong}\r\n"))).await;
            match asked {
                Ok(answer) => {
                    assert!(answer.starts_with(&format!("RTSP/1.0 {status}")), "{way:?} {at}: {answer}")
                }
                // A server that has read enough may close before all is written.
                Err(error) => assert_eq!(status, "431", "{way:?} {at}: {error}"),
            }
            drop(speaker);
            let mut speaker = connect("b").await.unwrap();
            let right = digest(&challenge(&mut speaker).await, "correct horse", 1);
            let answer = speaker.ask(&describe(&format!("Authorization: {right}\r\n"))).await.unwrap();
            assert!(answer.starts_with("RTSP/1.0 200"), "{way:?} {at}: {answer}");
        }
    }
}

pub(crate) async fn guesses_are_slowed_and_told_in_every_way<R: Runtime>() {
    let authority = Arc::new(Authority::new());
    let guesses = ways().map(|way| {
        let authority = Arc::clone(&authority);
        go::<R, _>(async move { guess::<R>(&authority, way).await })
    });
    for guesses in guesses.collect::<Vec<_>>() {
        guesses.await;
    }
}

/// Guesses until the address is slowed.
async fn guess<R: Runtime>(authority: &Authority, way: Way) {
    let server = serve::<R>(authority, guarded()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let free = AUTH_FAILURES_OF_ADDRESS_FREE / AUTH_FAILURES_OF_CONN_MAX;
    for conn in 0..=free {
        let mut speaker =
            Speaker::<R>::connect(server.local_addr(), way, &authority.roots(), &conn.to_string())
                .await
                .unwrap();
        // The request without credentials is not counted: as many wrong ones as allowed are answered behind it.
        let challenge = challenge(&mut speaker).await;
        let begun = now::<R>();
        for count in 1..=AUTH_FAILURES_OF_CONN_MAX {
            let wrong = digest(&challenge, "battery staple", count);
            let answer = speaker.ask(&describe(&format!("Authorization: {wrong}\r\n"))).await.unwrap();
            assert!(answer.starts_with("RTSP/1.0 401"), "{way:?} {conn} {count}: {answer}");
        }
        let took = since::<R>(begun);
        speaker.hear_out().await;
        let slowed = AUTH_TURN * (AUTH_FAILURES_OF_CONN_MAX - 1);
        let is_right = if conn == free { took >= slowed } else { took < slowed + late::<R>() };
        assert!(is_right, "{way:?} {conn}: {took:?}");
    }
    // It is told once a second at most, and all of them in the end.
    let mut told = 0;
    while told < u64::from(AUTH_FAILURES_OF_CONN_MAX * (free + 1)) {
        told += event(&server, |event| match event {
            Event::AuthFailed { user, path, count, .. } => {
                assert_eq!((user.as_deref(), &*path), (Some("wall"), "/cam"));
                Some(count)
            }
            Event::ConnClosed { reason, .. } => {
                assert!(matches!(reason, CloseReason::AuthFailed | CloseReason::Joined), "{reason:?}");
                None
            }
            _ => None,
        })
        .await;
    }
}

pub(crate) async fn one_byte_at_a_time_is_too_slow_in_every_way<R: Runtime>() {
    let authority = Authority::new();
    let server = serve::<R>(&authority, ServerConfig::default().message_deadline(DEADLINE)).await;
    let mut peers = Vec::new();
    let mut begin = |way, bytes: &[u8]| {
        let slow = slow::<R>(server.local_addr(), way, authority.roots(), peers.len(), bytes.to_vec());
        peers.push(go::<R, _>(slow));
    };
    // In what comes before RTSP,
    begin(Way { tunnel: Tunnel::None, is_secure: false }, &client_hello(authority.roots()));
    for is_secure in [false, true] {
        for head in [GET, POST, UPGRADE] {
            begin(Way { tunnel: Tunnel::None, is_secure }, head.as_bytes());
        }
    }
    // in a head, and in a body.
    let head = format!("OPTIONS {URL} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: slow\r\n\r\n");
    let body = format!("GET_PARAMETER {URL} RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 1000\r\n\r\nbody");
    for way in ways() {
        begin(way, head.as_bytes());
        begin(way, body.as_bytes());
    }
    for peer in peers {
        peer.await;
    }
}

/// Says this byte by byte until the server has closed the connection.
async fn slow<R: Runtime>(to: SocketAddr, way: Way, roots: RootCertStore, number: usize, bytes: Vec<u8>) {
    let begun = now::<R>();
    match Speaker::<R>::connect(to, way, &roots, &number.to_string()).await {
        Ok(mut speaker) => {
            for byte in bytes {
                let is_closed = speaker.say(&[byte]).await.is_err()
                    || for_so_long::<R, _>(DEADLINE / 5, speaker.hear_out()).await.is_some();
                if is_closed {
                    break;
                }
            }
        }
        // A busy machine has made it too slow before its first byte.
        Err(error) => assert!(!is_simulated::<R>(), "{way:?} {number}: {error}"),
    }
    let took = since::<R>(begun);
    assert!((DEADLINE..DEADLINE * 5 + late::<R>()).contains(&took), "{way:?} {number}: {took:?}");
}

pub(crate) async fn tunnels_left_half_open_leave_room_for_whole_ones<R: Runtime>() {
    let authority = Authority::new();
    let config = ServerConfig::default().message_deadline(DEADLINE).conns_max(50);
    for is_secure in [false, true] {
        let server = serve::<R>(&authority, config.clone()).await;
        let (begun, mut halves) = (now::<R>(), Vec::new());
        for number in 0..150 {
            let (cookie, roots) = (number.to_string(), is_secure.then(|| authority.roots()));
            // A GET, a POST, and both over one connection. Some find no room.
            let head =
                [GET.to_owned(), POST.to_owned(), GET.to_owned() + POST][number % 3].replace("{}", &cookie);
            if let Ok(mut line) = Line::<R>::connect(server.local_addr(), roots).await {
                if line.write_all(head.as_bytes()).await.is_ok() {
                    halves.push(line);
                }
            }
        }
        assert!(halves.len() >= 40, "{}", halves.len());
        let said = now::<R>();
        for mut line in halves {
            while line.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
        }
        assert!(since::<R>(begun) >= DEADLINE);
        let took = since::<R>(said);
        assert!(took < DEADLINE * 5 + late::<R>(), "{took:?}");
        let way = Way { tunnel: Tunnel::Http, is_secure };
        let mut whole =
            Speaker::<R>::connect(server.local_addr(), way, &authority.roots(), "1").await.unwrap();
        assert!(
            whole.ask("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").await.unwrap().starts_with("RTSP/1.0 200")
        );
        // The POST is no connection of its own for long.
        while server.connections().len() > 1 {
            pause::<R>().await;
        }
    }
}

pub(crate) async fn keys_are_neither_told_nor_taken_without_tls<R: Runtime>() {
    let authority = Authority::new();
    let server = serve::<R>(&authority, ServerConfig::default().srtp(SrtpPolicy::Offer)).await;
    let _stream = server.publish("/cam", description()).unwrap();
    for (cookie, way) in ["a", "b", "c", "d", "e", "f"].into_iter().zip(ways()) {
        let mut speaker =
            Speaker::<R>::connect(server.local_addr(), way, &authority.roots(), cookie).await.unwrap();
        let described = speaker.ask(&describe("")).await.unwrap();
        let body =
            speaker.body(header(&described, "Content-Length").unwrap().parse().unwrap()).await.unwrap();
        assert_eq!(body.contains("a=key-mgmt:mikey "), way.is_secure, "{way:?}: {body}");
        // As one that has keys from elsewhere asks for it.
        let setup = format!(
            "SETUP {URL}/trackID=0 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/SAVP/TCP;unicast;interleaved=0-1\r\n\r\n"
        );
        let answer = speaker.ask(&setup).await.unwrap();
        let status = if way.is_secure { "200" } else { "461" };
        assert!(answer.starts_with(&format!("RTSP/1.0 {status}")), "{way:?}: {answer}");
        assert_eq!(header(&answer, "KeyMgmt").is_some(), way.is_secure, "{way:?}: {answer}");
    }
    // A client does not tell its own either.
    for scheme in ["rtsp", "rtsp+http", "rtsp+ws"] {
        let url = format!("{scheme}://{}/mine", server.local_addr());
        let srtp = ClientSrtp::default().publish(Suite::AeadAes128Gcm);
        let refused = Client::<R>::builder(&url).unwrap().srtp(srtp).publish(description()).await;
        match refused {
            Err(Error::Command {
                error: CommandError::Srtp { error: SrtpError::NotOverTls, .. }, ..
            }) => {}
            other => panic!("{scheme}: {other:?}"),
        }
    }
}

/// A message of MIKEY that tells the key of ones and the salt of twos for AES_CM_128_HMAC_SHA1_80.
const KEYS: &str = "AQAFAAAAAAcBAAAAAAAAAAAAAAsAEAAAAAAAAAAKEAMDAwMDAwMDAwMDAwMDAwMBAAAAGAABAQEBEAIBAQMBFAcBAQgBAQoBAQsBCgAAACIA\
    IAAeAQEBAQEBAQEBAQEBAQEBAQICAgICAgICAgICAgICAA==";

pub(crate) async fn encrypted_packets_that_are_repeated_changed_or_forged_change_nothing_in_every_way<
    R: Runtime,
>() {
    const PACKETS: u16 = 50;
    let authority = Authority::new();
    for way in ways() {
        let server = serve::<R>(&authority, ServerConfig::default().srtp(SrtpPolicy::OfferWithoutTls)).await;
        let mut speaker =
            Speaker::<R>::connect(server.local_addr(), way, &authority.roots(), "a").await.unwrap();
        let sdp = format!(
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\n\
             a=key-mgmt:mikey {KEYS}\r\na=control:trackID=0\r\n"
        );
        let announce = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
        let setup = "Transport: RTP/SAVP/TCP;unicast;interleaved=0-1;mode=record\r\n\r\n".to_owned();
        let mut session = String::new();
        for (method, url, rest) in [
            ("ANNOUNCE", URL, announce),
            ("SETUP", "rtsp://h/cam/trackID=0", setup),
            ("RECORD", URL, "\r\n".into()),
        ] {
            let answer =
                speaker.ask(&format!("{method} {url} RTSP/1.0\r\nCSeq: 1\r\n{session}{rest}")).await.unwrap();
            assert!(answer.starts_with("RTSP/1.0 200"), "{way:?} {method}: {answer}");
            if let Some(named) = header(&answer, "Session") {
                session = format!("Session: {}\r\n", named.split(';').next().unwrap());
            }
        }
        let stream = event(&server, |event| match event {
            Event::Published { stream, .. } => Some(stream),
            _ => None,
        });
        let mut read = server.read(stream.await, StartAt::Oldest).unwrap();
        let key = MasterKey::new(Suite::AesCm128HmacSha1_80, &[1; 16], &[2; 14]).unwrap();
        let other = MasterKey::new(Suite::AesCm128HmacSha1_80, &[3; 16], &[4; 14]).unwrap();
        let [mut sender, mut forger] = [&key, &other].map(SendContext::new);
        for number in 0..PACKETS {
            let sent = packet(0, number, 700);
            let (right, forged) = (sender.protect(&sent).unwrap(), forger.protect(&sent).unwrap());
            let mut changed = right.as_bytes().to_vec();
            changed[20] ^= 1;
            for bytes in
                [forged.as_bytes(), &changed[..], right.as_bytes(), right.as_bytes(), sent.as_bytes()]
            {
                let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
                speaker.say(&[&[b'$', 0, high, low], bytes].concat()).await.unwrap();
            }
            let heard = read.next().await.unwrap();
            assert_eq!((heard.packet.as_bytes(), heard.missed), (sent.as_bytes(), 0), "{way:?} {number}");
        }
        // The last ones may still be on their way.
        let mut refused = 0;
        while refused < u64::from(PACKETS) * 4 {
            pause::<R>().await;
            let stats = server.stats().await;
            refused = stats.sessions[0].1.medias.iter().map(|media| media.unauthentic).sum();
        }
        assert_eq!(refused, u64::from(PACKETS) * 4, "{way:?}");
    }
}
