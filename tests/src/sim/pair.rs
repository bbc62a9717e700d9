use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use rtspan_core::conn::Inbound;
use rtspan_core::rtp::RtpPacket;
use rtspan_core::udp::{DatagramSink, Port, UdpCommand, UdpMedia, UdpOpenError};
use rtspan_core::{Instant, StreamId, UdpId};

use super::udp::Datagram;
use super::world::{SERVER, SERVER_PORTS, Task, World};

/// The server's pair of UDP sockets, as its task has it.
#[derive(Debug)]
pub(super) struct Pair {
    media: UdpMedia,
    mailbox: VecDeque<UdpCommand>,
    /// When the sockets are open.
    opens: Option<Instant>,
}

/// Datagrams on their way out; beyond its room the socket would block.
struct Sink {
    room: u64,
    taken: Vec<(Port, SocketAddr, Bytes)>,
}

impl DatagramSink for Sink {
    fn send(&mut self, port: Port, to: SocketAddr, datagram: &Bytes) -> bool {
        let takes = self.taken.len() as u64 != self.room;
        if takes {
            self.taken.push((port, to, datagram.clone()));
        }
        takes
    }
}

impl Pair {
    pub(super) fn new(media: UdpMedia, opens: Instant) -> Self {
        Self { media, mailbox: VecDeque::new(), opens: Some(opens) }
    }

    pub(super) fn take_command(&mut self, id: UdpId, command: UdpCommand) {
        assert_eq!(id, self.media.id());
        assert_eq!(self.opens, None, "a command for sockets that are not open");
        self.mailbox.push_back(command);
    }

    pub(super) fn reads(&self, stream: StreamId) -> bool {
        self.media.streams().any(|own| own == stream)
    }
}

impl World<'_> {
    pub(super) fn run_pair(&mut self) {
        let Some(mut pair) = self.pair.take() else { return };
        if let Some(opens) = pair.opens {
            if opens > self.now {
                self.wake(Task::Pair, opens);
                self.pair = Some(pair);
                return;
            }
            pair.opens = None;
            let id = pair.media.id();
            let fails = self.chance.happens(50);
            self.pair = (!fails).then_some(pair);
            let result = if fails { Err(UdpOpenError::NoFreePorts) } else { Ok(SERVER_PORTS) };
            return self.door(|server, now, _| server.handle_udp_opened(now, id, result));
        }
        let commands = std::mem::take(&mut pair.mailbox);
        commands.into_iter().for_each(|command| pair.media.handle_command(self.now, command));
        let was_due = pair.media.poll_timeout().is_some_and(|at| at <= self.now);
        if was_due || self.chance.happens(100) {
            pair.media.handle_timeout(self.now);
        }
        self.pair = Some(pair);
        self.pair_input();
        let is_blocked = self.pair_flush();
        self.pair_input();
        let pair = self.pair.as_ref().expect("it is back");
        let deadline = pair.media.poll_timeout();
        let waits = !pair.mailbox.is_empty();
        assert!(
            waits || deadline.is_none_or(|at| at > self.now),
            "the deadline {deadline:?} of the UDP pair does not pass"
        );
        self.wake_by(Task::Pair, deadline.map(|at| at.max(self.now)));
        if waits {
            self.wake(Task::Pair, self.now);
        } else if is_blocked {
            let at = self.now + self.chance.micros(10, 20_000);
            self.wake(Task::Pair, at);
        }
    }

    fn pair_input(&mut self) {
        while let Some(inbound) = self.pair.as_mut().and_then(|pair| pair.media.poll_input(self.now)) {
            match inbound {
                Inbound::Media(stream, media) => self.append(stream, media),
                Inbound::Report(report) => self.door(|server, now, _| server.handle_report(now, report)),
                other => panic!("an input that no driver of datagrams knows: {other:?}"),
            }
        }
    }

    fn pair_flush(&mut self) -> bool {
        let room = if self.is_lazy() { self.chance.below(4) } else { u64::MAX };
        let mut sink = Sink { room, taken: Vec::new() };
        let Some(pair) = &mut self.pair else { return false };
        let is_blocked = pair.media.flush(self.now, &self.logs, &mut sink);
        for (port, to, data) in sink.taken {
            let from = match port {
                Port::Rtp => SERVER_PORTS.0,
                Port::Rtcp => SERVER_PORTS.1,
            };
            let heard = self.heard.get(&to.ip()).copied();
            let silence =
                self.now - heard.unwrap_or_else(|| panic!("media for {to}, which has never said anything"));
            assert!(
                silence <= self.plan.patience(),
                "{to} is sent media, and has been silent for {silence:?}"
            );
            if port == Port::Rtp {
                let packet = RtpPacket::parse(data.clone()).expect("the server sends RTP");
                self.truth.sent(to, &packet);
                self.counts.add("packets sent over UDP", 1);
            }
            self.send_datagram(Datagram { from: (SERVER, from).into(), to, data });
        }
        is_blocked
    }

    pub(super) fn pair_receives(&mut self, from: SocketAddr, to: u16, data: Bytes) {
        let port = if to == SERVER_PORTS.0 { Port::Rtp } else { Port::Rtcp };
        if let Some(pair) = self.pair.as_mut().filter(|pair| pair.opens.is_none()) {
            pair.media.handle_datagram(self.now, port, from, data);
            self.wake(Task::Pair, self.now);
        }
    }
}
