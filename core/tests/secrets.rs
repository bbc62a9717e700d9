//! Secrets of peers, which `Debug` does not show.
#![cfg(feature = "srtp")]
#![allow(clippy::unwrap_used)]

use std::error::Error;
use std::fmt::Debug;
use std::iter;

use rtspan_core::client::{
    Client, ClientCloseReason, ClientConfig, CustomRequest, RedirectAttempt, RedirectError,
};
use rtspan_core::conn::Inbound;
use rtspan_core::description::Description;
use rtspan_core::header::{KeyMgmt, RtpInfo};
use rtspan_core::server::{Asks, Event, Output, Server, ServerConfig};
use rtspan_core::stream::{StreamLog, Streams};
use rtspan_core::wire::{Message, Method, Request, Response, StatusCode};
use rtspan_core::{Instant, StreamId, Tolerances, Url, WithCauses};

fn url() -> Url {
    Url::parse("rtsp://admin:horse@camera/main?token=battery").unwrap()
}

/// Texts with a secret each, `horse` or `battery`.
const SDP: &str = "v=0\r\na=control:rtsp://admin:horse@camera/\r\nk=clear:horse\r\nm=video 0 RTP/SAVP 96\r\n\
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:horse\r\na=control:/user=admin_password=horse_channel=1/trackID=1\r\n\
    a=x-live:http://camera/?token=battery\r\n";
const URI: &str = "rtsp://server/user=admin_password=horse_channel=1?token=battery";

/// The question of a server to its application when it is asked for [`URI`].
fn question() -> Event {
    struct NoStreams;
    impl Streams for NoStreams {
        fn read(&self, _: StreamId, _: &mut dyn FnMut(&StreamLog)) -> bool {
            false
        }
    }
    let now = Instant::ZERO;
    let mut server = Server::new(ServerConfig::default().asks(Asks::DESCRIBE), [1; 32]);
    let mut conn = server.open_conn(now, "192.0.2.1:40000".parse().unwrap()).unwrap();
    let request = Request::new(Method::Describe, URI)
        .with_header("CSeq", "1")
        .with_header("Authorization", "Bearer horse")
        .with_header("Proxy-Authorization", "Basic horse")
        .with_header("KeyMgmt", "prot=mikey; data=\"horse\"")
        .with_header("x-sessioncookie", "horse")
        .with_header("X-Api-Key", "battery")
        .with_header("Referer", URI);
    let bytes = Message::from(request).to_bytes();
    conn.rx.read_buf()[..bytes.len()].copy_from_slice(&bytes);
    conn.rx.handle_read(now, bytes.len());
    let Ok(Some(Inbound::Message(message))) = conn.rx.poll_input(now) else { panic!("no message") };
    server.handle_message(now, conn.id, message, &NoStreams);
    let outputs = iter::from_fn(|| server.poll_output());
    let is_question = |output| match output {
        Output::Event(event) => Some(event).filter(Event::is_question),
        _ => None,
    };
    outputs.into_iter().find_map(is_question).unwrap()
}

#[test]
fn no_secret_stands_in_what_a_peer_has_sent() {
    let Event::Describe(question) = question() else { panic!("another question") };
    assert!(question.path.contains("horse") && question.query.as_deref() == Some("token=battery"));
    let description = Description::parse(SDP.as_bytes(), &mut Tolerances::default()).unwrap();
    assert!(description.medias[0].control.as_deref().is_some_and(|control| control.contains("horse")));
    let info = format!("url={URI}/trackID=1;seq=1");
    let info = RtpInfo::parse(&info, &mut Tolerances::default()).unwrap();
    let refused = Response::new(StatusCode::NOT_FOUND).with_header("Location", URI);
    let shown: [&dyn Debug; 5] = [&question, &description, &info, &refused, &Url::parse(URI).unwrap()];
    for value in shown {
        let text = format!("{value:?} {value:#?}");
        assert!(text.contains("***") && !text.contains("horse") && !text.contains("battery"), "{text}");
    }
}

#[test]
fn no_secret_stands_in_an_event_or_an_order() {
    let now = Instant::ZERO;
    let path = "/user=admin_password=horse_channel=1";
    let mut server = Server::new(ServerConfig::default(), [1; 32]);
    let description = Description::parse(SDP.as_bytes(), &mut Tolerances::default()).unwrap();
    let (_stream, _log) = server.add_stream(now, path, description).unwrap();
    let shown = format!("{server:?}");
    let outputs =
        iter::from_fn(|| server.poll_output()).map(|output| format!("{output:?}")).collect::<String>();
    assert!(outputs.contains("Published { path: \"/user=admin_password=***_channel=1\""), "{outputs}");

    let mut client = Client::new(Url::parse(URI).unwrap(), ClientConfig::default(), [1; 32]);
    client.describe(now).unwrap();
    let orders = iter::from_fn(|| client.poll_output()).map(|order| format!("{order:?}")).collect::<String>();
    let target = "Connect { target: \"/user=admin_password=***_channel=1?token=***\"";
    assert!(orders.contains(target), "{orders}");

    let request = CustomRequest::new(Method::from("X-REBOOT"))
        .and_then(|request| request.uri(URI)?.header("X-Why", "horse"))
        .and_then(|request| request.body("text/parameters", "token: battery\r\n".into()))
        .unwrap();
    let bytes = format!("GET {} HTTP/1.0\r\nx-sessioncookie: horse\r\n\r\n", &URI["rtsp://server".len()..]);
    let (half, _) = rtspan_core::tunnel::http::Request::parse(bytes.as_bytes()).unwrap().unwrap();
    let keys = KeyMgmt::mikey(&b"horse"[..]).with_uri(URI);
    for text in [shown, outputs, orders, format!("{client:?} {request:?} {half:?} {keys:?}")] {
        assert!(!text.contains("horse") && !text.contains("battery"), "{text}");
    }
}

#[test]
fn no_secret_stands_in_an_error_or_its_debug_form() {
    let text = "v=0\r\nk=clear:horse\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:horse\r\n<html>\r\n";
    let lines = Description::parse(text.as_bytes(), &mut Tolerances::default()).unwrap_err();
    let errors: [&(dyn Error + 'static); 3] = [
        &ClientCloseReason::Redirected(Some(url())),
        &RedirectAttempt::new(url(), RedirectError::Silent),
        &lines,
    ];
    for error in errors {
        let both = format!("{} {error:?}", WithCauses(error));
        assert!(!both.contains("horse") && !both.contains("battery"), "{both}");
    }
}
