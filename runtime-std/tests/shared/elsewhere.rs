//! Servers that send their clients elsewhere.

use std::net::SocketAddr;

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::{
    ClientCloseReason, ConnectAttempt, ConnectError, Event, RedirectError, ServerConfig, Transports,
};

use super::by_hand::{Ear, Peer, go, header};
use super::connecting::Refusing;
use super::{both, description, event, number, packet, serve, url};

/// Answers requests up to PLAY, and says which it was.
async fn answer<R: Runtime>(socket: &mut Peer<R>) -> String {
    let request = socket.read_message().await;
    let method = request.split(' ').next().unwrap().to_owned();
    let (headers, body) = match method.as_str() {
        "DESCRIBE" => ("Content-Type: application/sdp\r\n", description().with_track_controls().to_sdp()),
        "SETUP" => ("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", String::new()),
        _ => ("", String::new()),
    };
    let cseq = header(&request, "CSeq").unwrap();
    let length = body.len();
    let answer =
        format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    socket.write_all(answer.as_bytes()).await.unwrap();
    method
}

/// Plays one packet to its only client, and sends it to `location` then; its requests after that.
async fn send_on<R: Runtime>(mut listener: Ear<R>, location: String) -> Vec<String> {
    let mut socket = listener.accept().await;
    while answer(&mut socket).await != "PLAY" {}
    let media = packet(0, 7, 100).into_bytes();
    let mut frame = vec![b'$', 0, 0, u8::try_from(media.len()).unwrap()];
    frame.extend_from_slice(&media);
    socket.write_all(&frame).await.unwrap();
    let redirect = format!("REDIRECT * RTSP/1.0\r\nCSeq: 1\r\nLocation: {location}\r\n\r\n");
    socket.write_all(redirect.as_bytes()).await.unwrap();
    let mut answered = vec![socket.read_message().await];
    answered.push(answer(&mut socket).await);
    answered
}

pub(crate) async fn a_client_goes_on_where_its_server_sends_it<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let first = Ear::<R>::new();
    let (addr, there) = (first.local_addr(), url(&server, "/cam"));
    let location = there.clone();
    let scripted = go::<R, _>(send_on(first, location));
    let builder = Client::<R>::builder(&format!("rtsp://{addr}/old")).unwrap().transport(Transports::Tcp);
    let client = builder.connect().await.unwrap();
    client.describe().await.unwrap();
    client.setup(0).await.unwrap();
    client.play(None).await.unwrap();
    let mut packets = client.packets();
    assert_eq!(number(&packets.next().await.unwrap().unwrap()), 7);
    let publish = async {
        event(&server, |event| matches!(event, Event::Playing { .. }).then_some(())).await;
        stream.write(0, packet(0, 900, 100)).unwrap();
    };
    assert_eq!(number(&both(packets.next(), publish).await.unwrap().unwrap()), 900);
    assert_eq!(client.url().to_string(), there);
    let answered = scripted.await;
    assert!(answered[0].starts_with("RTSP/1.0 200 OK\r\nCSeq: 1\r\n"), "{answered:?}");
    assert_eq!(answered[1], "TEARDOWN");
}

/// Answers DESCRIBE of two connections with a redirect.
async fn send_away<R: Runtime>(mut listener: Ear<R>, location: SocketAddr) {
    for _ in 0..2 {
        let mut socket = listener.accept().await;
        answer(&mut socket).await;
        let cseq = header(&socket.read_message().await, "CSeq").unwrap();
        let response =
            format!("RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: rtsp://{location}/cam\r\n\r\n");
        socket.write_all(response.as_bytes()).await.unwrap();
    }
}

pub(crate) async fn a_redirect_to_a_server_that_is_not_there_names_what_was_tried<R: Runtime>() {
    let first = Ear::<R>::new();
    let refusing = Refusing::<R>::new().await;
    let (addr, nobody) = (first.local_addr(), refusing.addr);
    let scripted = go::<R, _>(send_away(first, nobody));
    let client = Client::<R>::builder(&format!("rtsp://{addr}/cam")).unwrap().connect().await.unwrap();
    match client.describe().await {
        Err(Error::Closed(ClientCloseReason::RedirectFailed(tried))) => {
            assert_eq!(tried.len(), 2);
            let refused = ConnectAttempt::new(nobody, std::io::ErrorKind::ConnectionRefused);
            for attempt in tried {
                assert_eq!(attempt.url.to_string(), format!("rtsp://{nobody}/cam"));
                let error = ConnectError::Refused(vec![refused.clone()]);
                assert_eq!(attempt.error, RedirectError::Connect(error));
            }
        }
        other => panic!("{other:?}"),
    }
    scripted.await;
}
