use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::Instant;
use rtspan_core::client::State;
use rtspan_core::header::Lower;
use rtspan_core::limits::ACCESS_POINT_WAIT;
use rtspan_core::rtp::rtcp;

use super::role::Role;
use super::source::forged;
use super::tcp::{Link, Side};
use super::udp::Datagram;
use super::world::{Age, PAIRS_MAX, SERVER, SERVER_PORTS, Task, World};

/// How often a last packet is published, of one track after the other: twice for each of three.
const LAST_ROUNDS: u32 = 6;
const LAST_PAUSE: Duration = Duration::from_millis(500);
/// How long everybody reads at ease before that.
const CALM: Duration = Duration::from_secs(4);
/// Until everything that is under way has arrived, and has been reported.
const REST: Duration = Duration::from_secs(12);

impl World<'_> {
    /// The next age begins.
    pub(super) fn turn(&mut self) {
        match self.age {
            Age::Storm if self.plan.closes_early => {
                self.note(4, || "closing".to_owned());
                self.age = Age::Leaving;
                self.close();
                self.turn_at(self.now + self.plan.farewell());
            }
            Age::Storm => {
                self.note(4, || "calm".to_owned());
                self.age = Age::Calm;
                self.heal();
                self.turn_at(self.now + self.calm());
            }
            Age::Calm => {
                self.note(4, || "still".to_owned());
                self.age = Age::Still;
                self.books.last_rounds = LAST_ROUNDS;
                self.books.paused.clear();
                self.turn_at(self.now);
            }
            Age::Still if self.books.last_rounds > 0 => {
                self.books.last_rounds -= 1;
                self.push_last(LAST_ROUNDS - self.books.last_rounds);
                let pause = if self.books.last_rounds > 0 { LAST_PAUSE } else { REST };
                self.turn_at(self.now + pause);
            }
            Age::Still => {
                self.note(4, || "leaving".to_owned());
                self.check_rest();
                self.age = Age::Leaving;
                self.all_leave();
                self.turn_at(self.now + self.plan.farewell());
            }
            Age::Leaving => {
                self.check_over();
                self.age = Age::Over;
            }
            Age::Over => {}
        }
    }

    /// How long it takes until every reader can start at the last packets.
    fn calm(&self) -> Duration {
        let players = self.players.iter().flatten().filter_map(|player| match &player.role {
            Role::Publisher { source, .. } => Some(source),
            _ => None,
        });
        let mut sources = self.app.streams.iter().map(|(_, source)| source).chain(players);
        let is_long = sources.any(|source| source.endless().next().is_some());
        CALM + if is_long { ACCESS_POINT_WAIT } else { Duration::ZERO }
    }

    fn heal(&mut self) {
        self.udp.heal();
        self.truth.heal();
        for id in self.tcp.ids() {
            let Some(link) = self.tcp.get_mut(id) else { continue };
            link.heal();
            let tasks = [link.task(Side::Client), link.task(Side::Server)];
            tasks.into_iter().flatten().for_each(|task| self.wake(task, self.now));
        }
        for index in 0..self.hostiles.len() {
            let Some(mut hostile) = self.hostiles[index].take() else { continue };
            hostile.raws.drain(..).for_each(|raw| self.part(raw.link));
            self.udp.silence(hostile.host);
            self.hostiles[index] = Some(hostile);
        }
    }

    /// A client leaves a connection, in one of the ways that there are.
    fn part(&mut self, link: super::tcp::LinkId) {
        match self.chance.below(3) {
            0 => {
                let conn = self.tcp.get_mut(link).and_then(|link| {
                    link.reset();
                    link.task(Side::Server)
                });
                conn.into_iter().for_each(|conn| self.wake(conn, self.now));
            }
            1 => self.freeze(link),
            _ => self.close_link(link, Side::Client),
        }
    }

    /// The client of a connection is gone without a word, and the server's system finds out later.
    fn freeze(&mut self, link: super::tcp::LinkId) {
        let Some(link) = self.tcp.get_mut(link) else { return };
        let found_out = link.freeze(self.now);
        link.task(Side::Server).into_iter().for_each(|task| self.wake(task, found_out));
    }

    fn push_last(&mut self, round: u32) {
        self.app_pushes_last(round);
        for index in 0..self.players.len() {
            let Some(mut player) = self.players[index].take() else { continue };
            if !player.has_vanished {
                self.record_last(&mut player, round);
                self.wake(Task::Player(index), self.now);
            }
            self.players[index] = Some(player);
        }
    }

    fn check_rest(&mut self) {
        for index in 0..self.players.len() {
            let Some(player) = self.players[index].take() else { continue };
            if !player.has_vanished {
                self.check_journey(&player);
            }
            if !player.has_vanished && !player.is_unsure {
                self.check_reader(&player);
                self.check_publisher(&player);
            }
            self.players[index] = Some(player);
        }
    }

    /// Everything is at rest: the last packets of a publisher have come.
    fn check_publisher(&mut self, player: &super::player::Player) {
        let Role::Publisher { path, source, origin, .. } = &player.role else { return };
        // One that was silent for too long may be about to hear that it is closed, or never hears.
        let is_connected = player.link.and_then(|link| self.tcp.get(link)).is_some_and(Link::is_open);
        let has_session = self.session_of(player).is_some_and(|session| self.books.end_of(session).is_none());
        let is_udp = player.client.transport() == Some(Lower::Udp);
        let records = player.client.state() == State::Record && has_session && (is_connected || is_udp);
        // One that was let record in the midst of it may not have proved all its sources.
        let is_late = player.last_made < LAST_ROUNDS && is_udp;
        if !records || is_late || !player.asked.is_empty() || source.is_fresh() || player.is_rebound {
            return;
        }
        let Some(stream) = self.books.stream_at(path) else {
            panic!("client {} records, and nothing is at {path}", player.index)
        };
        if !self.truth.is_of(stream, *origin) {
            // It was let record when the last had been sent.
            return;
        }
        // A media whose SETUP the server has taken, and whose answer was lost, is never sent.
        let is_set_up = |track: u8| player.client.media_stats(Instant::ZERO, track.into()).is_some();
        for (track, last) in source.last().filter(|(track, _)| is_set_up(*track)) {
            let newest = self.truth.newest(stream, track, *origin);
            assert_eq!(newest, last, "what client {} sent last to {stream:?} has not come", player.index);
        }
        self.counts.add("publishers checked at rest", 1);
        if player.link.is_none() {
            self.counts.add("publishers checked at rest without a connection", 1);
        }
    }

    fn close(&mut self) {
        self.counts.add("servers closed", 1);
        self.door(|server, now, _| server.close(now));
        let logs: Vec<_> = self.logs.logs.keys().copied().collect();
        logs.into_iter().for_each(|stream| self.notify(stream));
    }

    fn all_leave(&mut self) {
        if self.plan.closes {
            self.close();
        } else if self.plan.drains {
            self.app_drains();
        }
        let streams: Vec<_> = self.app.streams.drain(..).map(|(stream, _)| stream).collect();
        streams.into_iter().for_each(|stream| self.app_removes(stream));
        for index in 0..self.players.len() {
            let Some(mut player) = self.players[index].take() else { continue };
            match self.chance.below(3) {
                _ if self.plan.closes => {}
                0 if !player.is_over => self.leave(&mut player),
                _ => {
                    self.udp.silence(player.host);
                    player.has_vanished = true;
                    player.link.into_iter().for_each(|link| self.part(link));
                }
            }
            self.players[index] = Some(player);
            self.wake(Task::Player(index), self.now);
        }
    }

    fn check_over(&mut self) {
        assert!(
            self.server.is_empty() && self.lines.is_empty(),
            "everybody has left, and there are {} connections, {} sessions, and streams at {:?}; {:?}",
            self.server.conn_count(),
            self.server.session_count(),
            self.server.paths().collect::<Vec<_>>(),
            self.lines,
        );
        assert!(self.logs.logs.is_empty(), "logs are left: {:?}", self.logs.logs.keys());
        self.books.check_empty();
        self.check_talks_over();
    }

    pub(super) fn run_chaos(&mut self) {
        let Some(pause) = self.plan.chaos.filter(|_| self.age == Age::Storm) else { return };
        let next = self.now + pause / 2 + self.chance.micros(0, pause.as_micros() as u64);
        self.wake(Task::Chaos, next);
        match self.chance.below(10) {
            0 => self.break_link(),
            1..=3 => self.stall_link(),
            4 => self.rebind(),
            5 | 6 => self.forge(),
            7 => self.vanish(),
            8 => self.reboot(),
            _ => self.wake_anybody(),
        }
    }

    fn any_link(&mut self) -> Option<super::tcp::LinkId> {
        let ids = self.tcp.ids();
        (!ids.is_empty()).then(|| self.chance.pick(&ids))
    }

    fn break_link(&mut self) {
        let Some(id) = self.any_link() else { return };
        let Some(link) = self.tcp.get_mut(id) else { return };
        link.reset();
        let tasks = [link.task(Side::Client), link.task(Side::Server)];
        tasks.into_iter().flatten().for_each(|task| self.wake(task, self.now));
        self.counts.add("connections broken by chance", 1);
    }

    fn stall_link(&mut self) {
        let Some(id) = self.any_link() else { return };
        let longest = self.chance.pick(&[300, 3_000, 9_000, 15_000]);
        let until = self.now + self.chance.millis(1, longest);
        let side = self.chance.pick(&[Side::Client, Side::Server, Side::Server]);
        self.tcp.get_mut(id).into_iter().for_each(|link| link.stall(side, until));
    }

    /// A NAT forgets a player's socket, and shows another port.
    fn rebind(&mut self) {
        let index = self.chance.index(self.players.len());
        let Some(player) = &mut self.players[index] else { return };
        let sockets: Vec<_> = player.sockets().collect();
        if !sockets.is_empty() {
            player.is_rebound = true;
            let socket = self.chance.pick(&sockets);
            self.udp.rebind(socket, 50_000 + self.chance.below(10_000) as u16);
        }
    }

    /// Datagrams that are not from where they say, or from where they should be.
    fn forge(&mut self) {
        let (server, port) = (SocketAddr::from((SERVER, SERVER_PORTS.0)), self.any_server_port());
        let packet = forged(&mut self.chance).into_bytes();
        let nowhere = SocketAddr::from((Ipv4Addr::new(10, 9, 9, 9), 20_002));
        let index = self.chance.index(self.players.len());
        let sockets: Vec<_> = self.players[index].iter().flat_map(|player| player.sockets()).collect();
        self.send_datagram(Datagram { from: nowhere, to: (SERVER, port).into(), data: packet.clone() });
        for socket in sockets {
            let other = SocketAddr::new(socket.ip(), 1_000 + self.chance.below(9_000) as u16);
            self.send_datagram(Datagram { from: other, to: (SERVER, port).into(), data: packet.clone() });
            self.send_datagram(Datagram { from: nowhere, to: socket, data: packet.clone() });
            let wrong = SocketAddr::new(server.ip(), 9_999);
            self.send_datagram(Datagram { from: wrong, to: socket, data: packet.clone() });
            let noise = Bytes::from((0..self.chance.below(40)).map(|n| n as u8).collect::<Vec<_>>());
            self.send_datagram(Datagram { from: server, to: socket, data: noise.clone() });
            self.send_datagram(Datagram { from: socket, to: (SERVER, port).into(), data: noise });
            self.forge_reports(socket, port);
        }
        self.counts.add("datagrams forged", 1);
    }

    /// Reports and goodbyes of sources that there are not, from the addresses that they should be from.
    fn forge_reports(&mut self, socket: SocketAddr, port: u16) {
        let ssrc = self.chance.below(1 << 32) as u32;
        let report = rtcp::SenderReport { ssrc, rtp: ssrc.rotate_left(9), ..Default::default() };
        let reports =
            [rtcp::sender_report_compound(&report, "forger"), rtcp::goodbye_compound(ssrc, "forger", "")];
        for data in reports {
            self.send_datagram(Datagram { from: socket, to: (SERVER, port).into(), data: data.clone() });
            self.send_datagram(Datagram { from: (SERVER, port).into(), to: socket, data });
        }
        self.counts.add("reports forged", 1);
    }

    fn vanish(&mut self) {
        if !self.chance.happens(200) {
            return;
        }
        let index = self.chance.index(self.players.len());
        let Some(player) = &mut self.players[index] else { return };
        player.has_vanished = true;
        self.udp.silence(player.host);
        player.link.into_iter().for_each(|link| self.freeze(link));
        self.counts.add("hosts vanished", 1);
    }

    fn wake_anybody(&mut self) {
        let conns: Vec<_> = self.lines.keys().copied().collect();
        if !conns.is_empty() {
            let conn = self.chance.pick(&conns);
            self.wake(Task::Conn(conn), self.now);
        }
        let index = self.chance.index(self.players.len());
        [Task::Door, Task::App, Task::Player(index)].into_iter().for_each(|task| self.wake(task, self.now));
        let pairs: Vec<_> = self.pairs.keys().map(|id| Task::Pair(*id)).collect();
        pairs.into_iter().for_each(|pair| self.wake(pair, self.now));
    }

    /// One that a pair of UDP sockets may have.
    fn any_server_port(&mut self) -> u16 {
        SERVER_PORTS.0 + self.chance.below(2 * PAIRS_MAX) as u16
    }
}
