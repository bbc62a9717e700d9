use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

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
    fn send(&mut self, port: Port, _: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool {
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

    pub(super) fn take_command(&mut self, command: UdpCommand) {
        assert_eq!(self.opens, None, "a command for sockets that are not open");
        self.mailbox.push_back(command);
    }

    pub(super) fn reads(&self, stream: StreamId) -> bool {
        self.media.streams().any(|own| own == stream)
    }
}

/// The ports of a pair.
fn ports(id: UdpId) -> (u16, u16) {
    let further = 2 * id.index() as u16;
    (SERVER_PORTS.0 + further, SERVER_PORTS.1 + further)
}

impl World<'_> {
    pub(super) fn run_pair(&mut self, id: UdpId) {
        let Some(pair) = self.pairs.get_mut(&id) else { return };
        if let Some(opens) = pair.opens {
            if opens > self.now {
                return self.wake(Task::Pair(id), opens);
            }
            pair.opens = None;
            let fails = self.chance.happens(50);
            if fails {
                self.pairs.remove(&id);
            }
            let result = if fails { Err(UdpOpenError::NoFreePorts) } else { Ok(ports(id)) };
            return self.door(|server, now, logs| server.handle_udp_opened(now, id, result, logs));
        }
        let commands = std::mem::take(&mut pair.mailbox);
        commands.into_iter().for_each(|command| pair.media.handle_command(self.now, command));
        let was_due = pair.media.poll_timeout().is_some_and(|at| at <= self.now);
        if was_due || self.chance.happens(100) {
            pair.media.handle_timeout(self.now);
        }
        self.pair_input(id);
        let is_blocked = self.pair_flush(id);
        self.pair_input(id);
        let pair = &self.pairs[&id];
        let deadline = pair.media.poll_timeout();
        let waits = !pair.mailbox.is_empty();
        assert!(
            waits || deadline.is_none_or(|at| at > self.now),
            "the deadline {deadline:?} of {id:?} does not pass"
        );
        self.wake_by(Task::Pair(id), deadline.map(|at| at.max(self.now)));
        if waits {
            self.wake(Task::Pair(id), self.now);
        } else if is_blocked {
            let at = self.now + self.chance.micros(10, 20_000);
            self.wake(Task::Pair(id), at);
        }
    }

    fn pair_input(&mut self, id: UdpId) {
        while let Some(inbound) = self.pairs.get_mut(&id).and_then(|pair| pair.media.poll_input(self.now)) {
            match inbound {
                Inbound::Media(stream, media) => self.append(stream, media),
                Inbound::Report(report) => self.door(|server, now, _| server.handle_report(now, report)),
                other => panic!("an input that no driver of datagrams knows: {other:?}"),
            }
        }
    }

    fn pair_flush(&mut self, id: UdpId) -> bool {
        let room = if self.is_lazy() { self.chance.below(4) } else { u64::MAX };
        let mut sink = Sink { room, taken: Vec::new() };
        let Some(pair) = self.pairs.get_mut(&id) else { return false };
        let is_blocked = pair.media.flush(self.now, &self.logs, &mut sink);
        for (port, to, data) in sink.taken {
            let from = match port {
                Port::Rtp => ports(id).0,
                Port::Rtcp => ports(id).1,
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
                let stream = self.truth.sent(to, &packet, self.plan.srtp.is_some());
                stream.into_iter().for_each(|stream| {
                    self.rights.check_address(to.ip(), stream);
                    self.books.privates.check_address(stream, to.ip());
                });
                self.counts.add("packets sent over UDP", 1);
            }
            self.send_datagram(Datagram { from: (SERVER, from).into(), to, data });
        }
        is_blocked
    }

    pub(super) fn pair_receives(&mut self, from: SocketAddr, to: u16, data: Bytes) {
        let named = self.pairs.iter_mut().find_map(|(id, pair)| {
            let (rtp, rtcp) = ports(*id);
            let port = if to == rtp { Port::Rtp } else { Port::Rtcp };
            (pair.opens.is_none() && [rtp, rtcp].contains(&to)).then_some((*id, pair, port))
        });
        if let Some((id, pair, port)) = named {
            pair.media.handle_datagram(self.now, port, from, data);
            self.wake(Task::Pair(id), self.now);
        }
    }
}
