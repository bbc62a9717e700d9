//! TLS beneath RTSP: who is trusted, what a certificate that is not trusted says, and one port for both.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ED25519, date_time_ymd,
};
use rtspan_std::client::{Client, ClientBuilder, Error};
use rtspan_std::limits::MESSAGE_DEADLINE;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{BindError, Server};
use rtspan_std::tls::rustls::RootCertStore;
use rtspan_std::tls::rustls::pki_types::CertificateDer;
use rtspan_std::tls::rustls::pki_types::pem::PemObject;
use rtspan_std::tls::{CertificateProblem, ClientTls, Fingerprint, ServerTls, TlsError};
use rtspan_std::{
    Action, Asks, ClientCloseReason, CloseReason, ConnectError, Event, LagPolicy, Secret, ServerConfig,
    Transports, User, Users, WithCauses,
};

use super::by_hand::{Ear, Peer, go, header, now, since};
use super::through::{Speaker, Tunnel, Way};
use super::{LOOPBACK, description, event, if_ready, number, packet, pause, read};

/// An authority that signs certificates.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(super) struct Made {
    chain: String,
    key: String,
}

impl Made {
    pub(super) fn shown(&self) -> ServerTls {
        ServerTls::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap())
    }
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ED25519).unwrap()).unwrap())
    }

    pub(super) fn sign(&self, name: &str, years: (i32, i32)) -> Made {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let signed = params.signed_by(&key, &self.0).unwrap();
        Made { chain: signed.pem(), key: key.serialize_pem() }
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    pub(super) fn trusted(&self) -> ClientTls {
        ClientTls::roots(self.roots()).unwrap()
    }
}

async fn serve<R: Runtime>(tls: ServerTls, is_required: bool) -> Server<R> {
    Server::builder().tls(tls).require_tls(is_required).bind(LOOPBACK).await.unwrap()
}

fn client<R: Runtime>(server: &Server<R>, tls: ClientTls) -> ClientBuilder<R> {
    let url = format!("rtsps://{}/cam", server.local_addr());
    Client::<R>::builder(&url).unwrap().transport(Transports::Tcp).tls(tls)
}

/// The reason for which there is no connection.
async fn refused<R: Runtime>(server: &Server<R>, tls: ClientTls) -> TlsError {
    match client(server, tls).connect().await {
        Err(Error::Closed(ClientCloseReason::Connect(ConnectError::Tls(error)))) => error,
        other => panic!("{other:?}"),
    }
}

/// A user with a token reads over TLS, and nobody else does. The token goes into no connection that anybody can read.
pub(crate) async fn a_user_with_the_token_reads_over_tls<R: Runtime>() {
    let authority = Authority::new();
    let wall = User::new("wall", Secret::token("abc.def")).may(Action::Read, "/cam");
    let config = ServerConfig::default().users(Users::default().with(wall));
    let builder = Server::<R>::builder().config(config).tls(authority.sign(HOST, GOOD).shown());
    let server = builder.bind(LOOPBACK).await.unwrap();
    let stream = server.publish("/cam", description()).unwrap();
    let trusting = || client(&server, authority.trusted());
    let mut packets = trusting().token("abc.def").play().await.unwrap();
    stream.write(0, packet(0, 7, 100)).unwrap();
    assert_eq!(number(&packets.next().await.unwrap().unwrap()), 7);
    let in_query = format!("rtsps://{}/cam?token=abc.def", server.local_addr());
    let by_query = Client::<R>::builder(&in_query).unwrap().tls(authority.trusted());
    by_query.transport(Transports::Tcp).play().await.unwrap();
    let open = format!("rtsp://{}/cam", server.local_addr());
    for (client, told) in [
        (trusting(), "asks for credentials for \"rtspan\"; give it the token, or user and password"),
        (trusting().token("abc"), "refuses the credentials"),
        (trusting().credentials("wall", Secret::password("abc.def")), "refuses the credentials"),
        (Client::<R>::builder(&open).unwrap().token("abc.def"), "a token is only sent over TLS"),
    ] {
        let error = client.play().await.unwrap_err();
        let error = WithCauses(&error).to_string();
        assert!(error.contains(told), "{error}");
    }
}

/// The host that servers are on.
pub(super) const HOST: &str = "127.0.0.1";
/// The years in which a certificate is good.
pub(super) const GOOD: (i32, i32) = (1990, 4000);

pub(crate) async fn what_is_published_over_tls_is_read_over_tls_and_without<R: Runtime>() {
    let authority = Authority::new();
    let server = serve::<R>(authority.sign(HOST, GOOD).shown(), false).await;
    let publisher = client(&server, authority.trusted()).publish(description()).await.unwrap();
    event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
    let mut secure = client(&server, authority.trusted()).play().await.unwrap();
    let mut plain = read(&server, "/cam", Transports::Tcp).await;
    for frame in 0..100_u16 {
        let frame: Vec<_> = (0..40).map(|part| packet(0, frame * 40 + part, 1400)).collect();
        publisher.write_frame(0, &frame).await.unwrap();
        for sent in &frame {
            for packets in [&mut secure, &mut plain] {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!((received.packet.payload(), received.lost), (sent.payload(), 0));
            }
        }
    }
    let secured = server.connections().iter().filter(|conn| conn.secured.is_some()).count();
    assert_eq!((secured, server.connections().len()), (2, 3));
    publisher.teardown().await.unwrap();
    for mut packets in [secure, plain] {
        assert!(packets.next().await.is_none_or(|last| last.is_err()));
    }
}

pub(crate) async fn a_reader_over_tls_that_does_not_read_loses_only_its_own<R: Runtime>() {
    let authority = Authority::new();
    let server = serve::<R>(authority.sign(HOST, GOOD).shown(), true).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut slow = client(&server, authority.trusted()).play().await.unwrap();
    let mut quick = client(&server, authority.trusted()).play().await.unwrap();
    for number in 0..10_000 {
        stream.write(1, packet(1, number, 1400)).unwrap();
        assert_eq!(quick.next().await.unwrap().unwrap().lost, 0);
    }
    // All of it comes in order and says how much is missing before it.
    let (mut got, mut lost, mut last) = (0, 0, 0);
    while last < 9_999 {
        let received = slow.next().await.unwrap().unwrap();
        (got, lost, last) = (got + 1, lost + received.lost, number(&received));
    }
    assert_eq!(got + lost, 10_000);
}

pub(crate) async fn a_certificate_that_is_not_trusted_says_why<R: Runtime>() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.sign(HOST, GOOD);
    for (made, trust, problem) in [
        (authority.sign(HOST, (1990, 2000)), authority.trusted(), CertificateProblem::Expired),
        (authority.sign(HOST, (3000, 4000)), authority.trusted(), CertificateProblem::NotYetValid),
        (authority.sign(HOST, GOOD), other.trusted(), CertificateProblem::UnknownIssuer),
        (authority.sign(HOST, GOOD), ClientTls::system(), CertificateProblem::UnknownIssuer),
        (authority.sign(HOST, GOOD), ClientTls::pinned(good.fingerprint()), CertificateProblem::NotPinned),
    ] {
        let server = serve::<R>(made.shown(), false).await;
        assert_eq!(server_pin(&made), made.fingerprint());
        match refused(&server, trust).await {
            TlsError::Certificate(error) => {
                assert_eq!((error.problem, error.fingerprint), (problem, Some(made.fingerprint())));
            }
            error => panic!("{error:?} instead of {problem:?}"),
        }
        // The server is told as well.
        let told = event(&server, |event| match event {
            Event::ConnClosed { reason, .. } => Some(reason),
            _ => None,
        });
        assert!(matches!(told.await, CloseReason::Tls(TlsError::RefusedByPeer(_))));
        // A pin needs neither time nor name nor issuer.
        client(&server, ClientTls::pinned(made.fingerprint())).connect().await.unwrap();
        client(&server, ClientTls::dangerous_any()).connect().await.unwrap();
    }
    let server = serve::<R>(authority.sign("camera.example", GOOD).shown(), false).await;
    let named = ClientTls::server_name(authority.trusted(), "camera.example".try_into().unwrap());
    client(&server, named).connect().await.unwrap();
    match refused(&server, authority.trusted()).await {
        TlsError::Certificate(error) => match error.problem {
            CertificateProblem::WrongName { expected, presented } => {
                assert_eq!(expected, HOST);
                assert!(presented.iter().any(|name| name.contains("camera.example")), "{presented:?}");
            }
            problem => panic!("{problem:?}"),
        },
        error => panic!("{error:?}"),
    }
}

fn server_pin(made: &Made) -> Fingerprint {
    made.shown().fingerprint().unwrap()
}

pub(crate) async fn a_certificate_is_replaced_while_the_server_runs<R: Runtime>() {
    let authority = Authority::new();
    let (first, second) = (authority.sign(HOST, GOOD), authority.sign(HOST, GOOD));
    let shown = first.shown();
    let server = serve::<R>(shown.clone(), false).await;
    let before = client(&server, ClientTls::pinned(first.fingerprint())).connect().await.unwrap();
    assert!(shown.replace_pem(first.chain.as_bytes(), second.key.as_bytes()).is_err(), "not its key");
    shown.replace_pem(second.chain.as_bytes(), second.key.as_bytes()).unwrap();
    assert_eq!(shown.fingerprint(), Some(second.fingerprint()));
    client(&server, ClientTls::pinned(second.fingerprint())).connect().await.unwrap();
    before.options().await.unwrap();
}

pub(crate) async fn a_client_shows_its_certificate_and_the_application_sees_it<R: Runtime>() {
    let authority = Authority::new();
    let tls = authority.sign(HOST, GOOD).shown().client_certificates(authority.roots(), true).unwrap();
    let builder = Server::<R>::builder().config(ServerConfig::default().asks(Asks::DESCRIBE)).tls(tls);
    let server = builder.bind(LOOPBACK).await.unwrap();
    let _stream = server.publish("/cam", description()).unwrap();
    let viewer = authority.sign("viewer", GOOD);
    let shows = authority.trusted().identity_pem(viewer.chain.as_bytes(), viewer.key.as_bytes()).unwrap();
    let client = client(&server, shows).build().unwrap();
    let described = go::<R, _>(async move { client.describe().await });
    let question = event(&server, |event| match event {
        Event::Describe(question) => Some(question),
        _ => None,
    });
    let question = question.await;
    let secured = question.secured.clone().unwrap();
    assert_eq!(secured.fingerprint(), Some(viewer.fingerprint()));
    server.answer(question.ticket, Ok(())).unwrap();
    described.await.unwrap();
    // Without one there is no connection; with TLS 1.3 a client learns of that when it believes to have one.
    assert!(matches!(refused(&server, authority.trusted()).await, TlsError::RefusedByPeer(_)));
    let is_told = |event| matches!(event, Event::ConnClosed { reason: CloseReason::Tls(_), .. });
    event(&server, |event| is_told(event).then_some(())).await;
}

pub(crate) async fn a_peer_without_tls_is_told_that_it_is_required<R: Runtime>() {
    let authority = Authority::new();
    let without = Server::<R>::builder().require_tls(true).bind(LOOPBACK).await;
    assert!(matches!(without, Err(BindError::NoCertificate)));
    let server = serve::<R>(authority.sign(HOST, GOOD).shown(), true).await;
    let url = format!("rtsp://{}/cam", server.local_addr());
    match Client::<R>::builder(&url).unwrap().connect().await {
        Err(Error::Command { error, .. }) => assert!(error.to_string().contains("TLS Required"), "{error}"),
        other => panic!("{other:?}"),
    }
    // At once, and also if it says so byte by byte.
    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n";
    for part in [request.len(), 1] {
        let mut peer = Peer::<R>::connect(server.local_addr()).await;
        for part in request.chunks(part) {
            peer.write_all(part).await.unwrap();
            pause::<R>().await;
        }
        let answer = peer.next_message().await.unwrap();
        assert!(answer.starts_with("RTSP/1.0 403 TLS Required") && answer.contains("CSeq: 77"), "{answer}");
    }
    for _ in 0..3 {
        let told = event(&server, |event| match event {
            Event::ConnClosed { reason, .. } => Some(reason),
            _ => None,
        });
        assert_eq!(told.await, CloseReason::TlsRequired);
    }
}

pub(crate) async fn a_handshake_has_as_long_as_a_message<R: Runtime>() {
    let authority = Authority::new();
    let deadline = MESSAGE_DEADLINE / 10;
    let config = ServerConfig::default().message_deadline(deadline);
    let builder = Server::<R>::builder().config(config).tls(authority.sign(HOST, GOOD).shown());
    let server = builder.bind(LOOPBACK).await.unwrap();
    // The beginning of a record, and a byte that may begin one.
    for begun in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..], b"\x16"] {
        let (mut peer, begin) = (Peer::<R>::connect(server.local_addr()).await, now::<R>());
        peer.write_all(begun).await.unwrap();
        let mut rest = [0; 64];
        while peer.read(&mut rest).await.is_ok_and(|n| n > 0) {}
        assert!(since::<R>(begin) >= deadline, "{:?}", since::<R>(begin));
        let told = event(&server, |event| match event {
            Event::ConnClosed { reason, .. } => Some(reason),
            _ => None,
        });
        assert_eq!(told.await, CloseReason::MessageTimeout);
    }
}

pub(crate) async fn a_server_that_does_not_speak_tls_is_told_as_such<R: Runtime>() {
    let authority = Authority::new();
    let server = Server::<R>::builder().bind(LOOPBACK).await.unwrap();
    assert!(matches!(refused(&server, authority.trusted()).await, TlsError::RefusedByPeer(_)));
    let mut ear = Ear::<R>::new();
    let url = format!("rtsps://{}/cam", ear.local_addr());
    let answers = go::<R, _>(async move {
        let mut peer = ear.accept().await;
        let mut hello = [0; 1024];
        peer.read(&mut hello).await.unwrap();
        peer.write_all(b"RTSP/1.0 400 Bad Request\r\n\r\n").await.unwrap();
        peer
    });
    match Client::<R>::builder(&url).unwrap().connect().await {
        Err(Error::Closed(ClientCloseReason::Connect(ConnectError::Tls(error)))) => {
            assert_eq!(error, TlsError::NotTls);
        }
        other => panic!("{other:?}"),
    }
    drop(answers.await);
}

pub(crate) async fn a_reader_over_tls_that_takes_nothing_is_closed<R: Runtime>() {
    let authority = Authority::new();
    let config = ServerConfig::default().write_stall(Duration::from_secs(2)).lag(LagPolicy::SkipToLive);
    let builder = Server::<R>::builder().config(config).tls(authority.sign(HOST, GOOD).shown());
    let server = builder.bind(LOOPBACK).await.unwrap();
    let stream = server.publish("/cam", description()).unwrap();
    let way = Way { tunnel: Tunnel::None, is_secure: true };
    let mut secure = Speaker::<R>::connect(server.local_addr(), way, &authority.roots(), "").await.unwrap();
    let setup =
        "SETUP rtsp://h/cam/trackID=1 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n";
    let answer = secure.ask(setup).await.unwrap();
    let session = header(&answer, "Session").unwrap();
    let session = session.split(';').next().unwrap();
    let play = format!("PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    assert!(secure.ask(&play).await.unwrap().starts_with("RTSP/1.0 200"));
    let mut number = 0_u16;
    let reason = loop {
        for _ in 0..50 {
            number = number.wrapping_add(1);
            stream.write(1, packet(1, number, 60_000)).unwrap();
        }
        pause::<R>().await;
        let closed = event(&server, |event| match event {
            Event::ConnClosed { reason, .. } => Some(reason),
            _ => None,
        });
        if let Some(reason) = if_ready(closed).await {
            break reason;
        }
    };
    assert_eq!(reason, CloseReason::WriteStalled);
}
