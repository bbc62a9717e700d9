use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::random::Random;
use crate::udp::{Port, UdpOpenError};
use crate::wire::StatusCode;
use crate::{Instant, UdpId, Url};

#[test]
fn a_lost_connection_fails_every_command_once_and_is_told_once() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.client.setup(it.now, 1).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.close();
    for _ in 0..3 {
        assert_eq!(it.failed(), CommandError::Closed);
    }
    assert_eq!(it.closed(), ClientCloseReason::ConnectionLost(None));
    it.close();
    it.no_event();
    assert_eq!(it.client.poll_timeout(), None);
    assert_eq!(it.client.options(it.now), Err(Misuse::Closed));
    assert_eq!(it.client.teardown(it.now), Err(Misuse::Closed));
    assert!(!it.log.contains(&"disconnect".to_owned()));
}

#[test]
fn a_connection_that_is_refused_closes_the_client() {
    let mut it = Scenario::new(Transports::Tcp);
    it.connects = false;
    it.client.describe(it.now).unwrap();
    it.pump();
    let refused = |addr: &str| ConnectAttempt {
        addr: addr.parse().unwrap(),
        error: std::io::ErrorKind::ConnectionRefused.into(),
    };
    let tried = vec![refused("192.0.2.1:554"), refused("[2001:db8::1]:554")];
    it.client.handle_connected(it.now, Err(ConnectError::of(tried)));
    assert_eq!(it.failed(), CommandError::Closed);
    let text = "no connection to 192.0.2.1:554, [2001:db8::1]:554 (is a server running there?)";
    assert_eq!(it.closed().to_string(), text);
}

#[test]
fn what_cannot_be_read_closes_the_connection_after_a_teardown() {
    let mut it = Scenario::playing_tcp();
    it.receive(b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    it.expect_method("TEARDOWN");
    assert!(matches!(it.closed(), ClientCloseReason::Wire(_)));
    assert!(it.log.contains(&"disconnect".to_owned()));
}

#[test]
fn packets_that_came_before_the_end_can_still_be_taken() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.close();
    assert_eq!(it.packets(), [(0, 1, 0)]);
}

#[test]
fn what_was_counted_is_still_there_when_the_client_has_closed() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.close();
    assert_eq!(it.client.media_stats(it.now, 0).unwrap().packets, 1);
    it.client.handle_timeout(it.now + Duration::from_secs(3600));
    assert!(!it.client.wants_write());
    assert_eq!(it.client.poll_timeout(), None);
}

#[test]
fn a_recording_over_udp_says_goodbye_even_when_it_ends_at_once() {
    let mut it = Scenario::recording(Transports::Udp);
    it.client.send(it.now, 0, &video(1)).unwrap();
    it.pump();
    it.datagrams.clear();
    it.receive(b"REDIRECT * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert_eq!(it.closed(), ClientCloseReason::Redirected(None));
    let (_, port, _, goodbye) = it.datagrams.pop_front().unwrap();
    assert_eq!(port, Port::Rtcp);
    assert!(goodbye.windows(2).any(|bytes| bytes == [0x81, 203]));
}

#[test]
fn teardown_does_not_wait_for_its_turn() {
    let mut it = Scenario::playing_tcp();
    it.client.get_parameter(it.now, "a".into()).unwrap();
    it.client.pause(it.now).unwrap();
    it.expect_method("GET_PARAMETER");
    it.client.teardown(it.now).unwrap();
    assert_eq!(it.failed(), CommandError::TornDown);
    assert_eq!(it.failed(), CommandError::TornDown);
    it.expect_method("TEARDOWN");
    assert_eq!(it.client.teardown(it.now), Err(Misuse::Closed));
    it.answer("200 OK | CSeq: 5");
    it.no_event();
    it.answer("200 OK | CSeq: 6");
    assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
}

#[test]
fn teardown_is_done_without_an_answer_after_a_while() {
    let mut it = Scenario::playing_tcp();
    it.client.teardown(it.now).unwrap();
    it.expect_method("TEARDOWN");
    it.advance(Duration::from_millis(2_999));
    it.no_event();
    it.advance(Duration::from_millis(1));
    assert_eq!(it.done(), Reply::TornDown(Farewell::Unheard));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
    assert!(it.log.contains(&"disconnect".to_owned()));
}

#[test]
fn a_server_that_refuses_teardown_or_closes_at_once_is_torn_down_all_the_same() {
    let mut it = Scenario::playing_tcp();
    it.client.teardown(it.now).unwrap();
    it.answer("454 Session Not Found");
    assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
    let mut it = Scenario::playing_tcp();
    it.client.teardown(it.now).unwrap();
    it.expect_method("TEARDOWN");
    it.close();
    assert_eq!(it.done(), Reply::TornDown(Farewell::Closed));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
}

#[test]
fn teardown_without_a_session_closes_at_once() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.teardown(it.now).unwrap();
    assert_eq!(it.done(), Reply::TornDown(Farewell::NoSession));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
    assert!(!it.log.iter().any(|line| line.contains("connect")));

    let mut it = Scenario::new(Transports::Tcp);
    it.connects = false;
    it.client.describe(it.now).unwrap();
    it.pump();
    it.client.teardown(it.now).unwrap();
    assert_eq!(it.failed(), CommandError::TornDown);
    assert_eq!(it.done(), Reply::TornDown(Farewell::NoSession));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
    assert!(it.log.contains(&"disconnect".to_owned()));
}

#[test]
fn teardown_tells_a_refusal_and_what_was_not_heard() {
    let mut it = Scenario::playing_tcp();
    it.client.teardown(it.now).unwrap();
    it.expect_method("TEARDOWN");
    it.answer("503 Busy");
    assert_eq!(it.done(), Reply::TornDown(Farewell::Refused(StatusCode::SERVICE_UNAVAILABLE)));

    // Nothing of it was written when the connection ended.
    let mut it = Scenario::playing_tcp();
    it.client.teardown(it.now).unwrap();
    it.client.handle_closed(it.now);
    assert_eq!(it.done(), Reply::TornDown(Farewell::Unheard));

    // The server may have made a session, whose name nobody knows.
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.client.teardown(it.now).unwrap();
    assert_eq!(it.failed(), CommandError::TornDown);
    assert_eq!(it.done(), Reply::TornDown(Farewell::Unheard));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);

    let over = [Farewell::Heard, Farewell::NoSession];
    let open = [Farewell::Closed, Farewell::Unheard, Farewell::Refused(StatusCode::UNAUTHORIZED)];
    assert!(over.into_iter().all(Farewell::is_over) && !open.into_iter().any(Farewell::is_over));
}

#[test]
fn sockets_are_closed_with_the_client_whatever_it_waits_for() {
    let mut it = Scenario::described(Transports::Udp);
    it.client.setup(it.now, 0).unwrap();
    let Some(ClientOutput::OpenUdp(id, _)) = it.client.poll_output() else { panic!() };
    it.close();
    assert!(it.log.contains(&format!("close {id:?}")));

    let mut it = Scenario::described(Transports::Udp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.close();
    assert!(it.log.contains(&format!("close {:?}", it.udp[0])));

    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.receive(b"RTSP/2.0 200 OK\r\n\r\n");
    assert!(it.log.contains(&format!("close {:?}", it.udp[0])));
}

#[test]
fn a_server_that_closes_after_the_teardown_of_a_switch_is_connected_to_again() {
    let mut it = Scenario::described(Transports::UdpThenTcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.switched();
    it.expect_method("TEARDOWN");
    it.close();
    it.expect_method("OPTIONS");
    it.no_event();
}

#[test]
fn a_switch_that_fails_closes_the_client() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.advance(Duration::from_secs(3));
    it.switched();
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer("404 Not Found");
    assert!(matches!(it.closed(), ClientCloseReason::RestartFailed(CommandError::Status { .. })));
}

#[test]
fn commands_given_during_a_switch_run_after_it() {
    let mut it = Scenario::playing_udp(ClientConfig::default());
    it.advance(Duration::from_secs(3));
    it.switched();
    it.client.pause(it.now).unwrap();
    for answer in ["200 OK", "200 OK"] {
        it.request();
        it.answer(answer);
    }
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.expect_method("PAUSE");
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::Paused);
}

/// Pieces that a server, or something worse, may send.
const PIECES: [&[u8]; 14] = [
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: GET_PARAMETER\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\nContent-Length: 43\r\n\r\n\
      v=0\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0",
    b"RTSP/1.0 200 OK\r\nSession: 1;timeout=3\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nSession: 1\r\nTransport: RTP/AVP;server_port=5000-5001\r\n\r\n",
    b"RTSP/1.0 200 OK\r\n\r\n",
    b"RTSP/1.0 302 Found\r\nLocation: rtsp://192.0.2.1/there\r\n\r\n",
    b"RTSP/1.0 461 No\r\n\r\n",
    b"RTSP/1.0 454 Session Not Found\r\nCSeq: 3\r\n\r\n",
    b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    b"$\0\0\x0c\x80\x60\0\x01\0\0\0\0\0\0\0\x01",
    b"$\x01\0\x08\x81\xcb\0\x01\0\0\0\x01",
    b"REDIRECT * RTSP/1.0\r\n\r\n",
    b"\x80\x81garbage",
    b"RTSP/1.0 200",
];

#[test]
fn any_calls_in_any_order_end_every_command_once_and_the_client_once() {
    let mut reached = [0_usize; 5];
    for seed in 0..4_000_u64 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = Random::new(key);
        let mut run = Run::new(&mut random);
        for _ in 0..120 {
            run.step(&mut random);
            reached[run.client.state() as usize] += 1;
        }
        run.finish(seed);
    }
    assert!(reached.iter().all(|times| *times > 100), "{reached:?}");
}

/// A client to which anything happens, and what it owes.
struct Run {
    client: Client,
    now: Instant,
    udp: Vec<UdpId>,
    pending: Vec<CommandId>,
    closed: usize,
}

impl Run {
    fn new(random: &mut Random) -> Self {
        let transports =
            [Transports::UdpThenTcp, Transports::Udp, Transports::Tcp][random.next_u32() as usize % 3];
        let config = ClientConfig::default().transports(transports);
        let client = Client::new(Url::parse(URL).unwrap(), config, [1; 32]);
        Self { client, now: Instant::ZERO, udp: Vec::new(), pending: Vec::new(), closed: 0 }
    }

    fn step(&mut self, random: &mut Random) {
        let mut pick = |n: usize| random.next_u32() as usize % n;
        let (now, client) = (self.now, &mut self.client);
        let command = match pick(32) {
            0 => client.options(now).ok(),
            1 | 2 => client.describe(now).ok(),
            3 | 4 => client.setup(now, pick(3)).ok(),
            5 | 6 => client.play(now, None).ok(),
            7 => client.pause(now).ok(),
            8 => client.announce(now, published()).ok(),
            9 => client.record(now).ok(),
            10 => client.get_parameter(now, "x".into()).ok(),
            11 if pick(8) == 0 => client.teardown(now).ok(),
            12 => {
                let _ = client.send(now, pick(2), &video(1));
                None
            }
            13..=15 => {
                let refused = pick(20) == 0;
                let result = if refused { Err(unresolved()) } else { Ok(SERVER.parse().unwrap()) };
                client.handle_connected(now, result);
                None
            }
            16 if pick(10) == 0 => {
                client.handle_closed(now);
                None
            }
            17 => {
                self.now = now + Duration::from_millis([0, 10, 1000, 3000, 20_000][pick(5)]);
                client.handle_timeout(self.now);
                None
            }
            18 | 19 => {
                if let Some(id) = self.udp.last() {
                    let refused = pick(4) == 0;
                    let result = if refused { Err(UdpOpenError::NoFreePorts) } else { Ok((7000, 7001)) };
                    client.handle_udp_opened(now, *id, result);
                }
                None
            }
            20 => {
                if let Some(id) = self.udp.last() {
                    let from = "192.0.2.1:5000".parse().unwrap();
                    client.handle_datagram(now, *id, Port::Rtp, from, video(1).into_bytes());
                }
                None
            }
            21 => {
                client.handle_written(now, pick(2000));
                None
            }
            _ => {
                // The one that fits is the likely one, or little would happen.
                let piece = PIECES[if pick(3) > 0 { pick(5) } else { pick(PIECES.len()) }];
                let buffer = client.read_buf();
                buffer[..piece.len()].copy_from_slice(piece);
                client.handle_read(now, piece.len());
                None
            }
        };
        self.pending.extend(command);
        if pick(2) == 0 {
            self.drain();
        }
    }

    fn drain(&mut self) {
        while self.client.poll_packet().is_some() {}
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::OpenUdp(id, _) => self.udp.push(id),
                ClientOutput::Event(ClientEvent::Done(id, _)) => {
                    let place = self.pending.iter().position(|pending| *pending == id);
                    self.pending.remove(place.expect("a command that was given and is not done"));
                }
                ClientOutput::Event(ClientEvent::Closed(_)) => self.closed += 1,
                _ => assert_eq!(self.closed, 0, "nothing follows the end"),
            }
        }
    }

    fn finish(mut self, seed: u64) {
        self.drain();
        assert!(self.closed > 0 || !self.client.wants_write() || self.client.poll_timeout().is_some());
        let _ = self.client.teardown(self.now);
        for _ in 0..1000 {
            let Some(deadline) = self.client.poll_timeout() else { break };
            self.client.handle_timeout(deadline);
        }
        while let Some(output) = self.client.poll_output() {
            match output {
                ClientOutput::Event(ClientEvent::Done(id, _)) => {
                    self.pending.retain(|pending| *pending != id)
                }
                ClientOutput::Event(ClientEvent::Closed(_)) => self.closed += 1,
                _ => {}
            }
        }
        assert_eq!((self.pending.len(), self.closed), (0, 1), "seed {seed}");
    }
}
