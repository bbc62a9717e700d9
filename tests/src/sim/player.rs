use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use rtspan_core::client::{Client, ClientOutput, ClientSink, CommandId, ConnectError, Received};
use rtspan_core::header::Range;
use rtspan_core::udp::{Port, UdpOpenError};
use rtspan_core::{Instant, SessionId, StreamId, UdpId, Url};

use super::app::host;
use super::comeback::Comeback;
use super::elsewhere::{Journey, is_here};
use super::ledger::{Period, dropped};
use super::one_request::OneRequest;
use super::rights::Who;
use super::role::Role;
use super::talk::Voice;
use super::tcp::{Io, LinkId, Side};
use super::times::Times;
use super::udp::Datagram;
use super::watch::Watch;
use super::world::{Age, SERVER, Task, World};

/// A host with one of our clients, and the application that uses it.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) index: usize,
    pub(super) host: IpAddr,
    pub(super) client: Client,
    pub(super) role: Role,
    /// Its client knows the right password of a user.
    pub(super) has_password: bool,
    pub(super) link: Option<LinkId>,
    /// When an attempt to connect comes to its end, and whether to a good one.
    attempt: Option<(Instant, bool)>,
    /// Sockets that are about to be open.
    opening: Vec<(Instant, UdpId, Option<u16>)>,
    sockets: BTreeMap<UdpId, u16>,
    ports: u16,
    peer: Option<SocketAddr>,
    /// The session of its client, which may outlive the connection.
    pub(super) session: Option<SessionId>,
    /// Its client's connections are for one request each.
    pub(super) one_request: Option<OneRequest>,
    /// Its client reconnects by itself.
    pub(super) comeback: Option<Comeback>,
    pub(super) voice: Voice,
    /// Its application has asked for TEARDOWN.
    pub(super) is_leaving: bool,
    /// Commands that are not done.
    pub(super) asked: VecDeque<CommandId>,
    /// The local port of each media over UDP.
    pub(super) media_ports: BTreeMap<usize, u16>,
    /// Where each media goes over UDP, if it is published.
    pub(super) media_destinations: BTreeMap<usize, SocketAddr>,
    pub(super) is_over: bool,
    /// It was sent elsewhere.
    pub(super) journey: Option<Journey>,
    /// Where its application is to publish.
    pub(super) place: Option<Url>,
    /// The things to check when its client closes.
    pub(super) farewell: Option<(StreamId, bool)>,
    /// A command was given up: the server may have done it all the same.
    pub(super) is_unsure: bool,
    /// How many of its publisher's last packets were made.
    pub(super) last_made: u32,
    /// A NAT has forgotten one of its sockets.
    pub(super) is_rebound: bool,
    /// The host is gone without a word.
    pub(super) has_vanished: bool,
    /// When its application does something next.
    pub(super) next: Instant,
    pub(super) period: Option<Period>,
    /// Medias that its client had set up, and that were refused when it began again.
    pub(super) left_out: BTreeSet<usize>,
    /// The times of all that its client has handed out.
    pub(super) times: Times,
    /// The seek that is not answered yet, and where it is to lead.
    pub(super) sought: Option<(CommandId, Option<Range>)>,
    /// The packets that have to have come when it is looked at again.
    pub(super) watch: Option<Watch>,
    /// Packets that have come over UDP before the answer to PLAY.
    pub(super) early: Vec<Received>,
    /// Packets that its client had dropped when PLAY was asked for.
    pub(super) dropped_before: u64,
    /// Packets that were handed to the network for each socket when PLAY was asked for.
    pub(super) marks: BTreeMap<SocketAddr, usize>,
    /// Both as they were before the PLAY that is not answered yet: they hold on if it is refused.
    pub(super) before: Option<(CommandId, u64, BTreeMap<SocketAddr, usize>)>,
}

/// Datagrams of a client on their way out.
struct Sink {
    room: u64,
    taken: Vec<(UdpId, Port, SocketAddr, Bytes)>,
}

impl ClientSink for Sink {
    fn send(&mut self, id: UdpId, port: Port, to: SocketAddr, datagram: &Bytes) -> bool {
        let takes = self.taken.len() as u64 != self.room;
        if takes {
            self.taken.push((id, port, to, datagram.clone()));
        }
        takes
    }
}

impl Player {
    pub(super) fn new(world: &mut World<'_>, index: usize) -> Self {
        let host = host(1, index).into();
        let who = SocketAddr::new(host, 0).into();
        world.rights.introduce(who, &mut world.chance);
        let role = Role::any(world, who);
        let one_request = OneRequest::any(&world.plan, &mut world.chance);
        let comeback = Comeback::any(&world.plan, &mut world.chance);
        let policy = comeback.as_ref().map(Comeback::policy);
        let (client, has_password) = world.new_client(who, &role, None, (one_request.is_some(), policy));
        Self {
            index,
            host,
            client,
            role,
            has_password,
            link: None,
            attempt: None,
            opening: Vec::new(),
            sockets: BTreeMap::new(),
            ports: 20_000,
            peer: None,
            session: None,
            one_request,
            comeback,
            voice: world.talks.voice(host),
            is_leaving: false,
            asked: VecDeque::new(),
            media_ports: BTreeMap::new(),
            media_destinations: BTreeMap::new(),
            is_over: false,
            journey: None,
            place: None,
            farewell: None,
            is_unsure: false,
            last_made: 0,
            is_rebound: false,
            has_vanished: false,
            next: world.now,
            period: None,
            left_out: BTreeSet::new(),
            times: Times::default(),
            sought: None,
            watch: None,
            early: Vec::new(),
            dropped_before: 0,
            before: None,
            marks: BTreeMap::new(),
        }
    }

    pub(super) fn who(&self) -> Who {
        SocketAddr::new(self.host, 0).into()
    }

    /// Its address, as the server sees its connection.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer.filter(|_| self.link.is_some())
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.sockets.values().flat_map(|port| [*port, port + 1]).map(|port| SocketAddr::new(self.host, port))
    }

    /// The medias that go over UDP, where they come from, and where they go to.
    pub(super) fn ways(&self) -> impl Iterator<Item = (usize, SocketAddr, SocketAddr)> + '_ {
        self.media_destinations.iter().filter_map(|(media, to)| {
            let port = *self.media_ports.get(media)?;
            let is_open = self.sockets.values().any(|own| *own == port);
            is_open.then(|| (*media, SocketAddr::new(self.host, port), *to))
        })
    }

    /// Returns true if it was sent elsewhere, and has not got there yet.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.journey, Some(Journey::UnderWay { .. }))
    }

    /// Returns true if a connection or sockets are about to be open.
    pub(super) fn is_about_to(&self) -> bool {
        self.attempt.is_some() || !self.opening.is_empty()
    }

    fn port(&mut self) -> u16 {
        self.ports = self.ports.checked_add(2).unwrap_or(20_000);
        self.ports
    }
}

impl World<'_> {
    pub(super) fn run_player(&mut self, index: usize) {
        let Some(mut player) = self.players[index].take() else { return };
        if !player.has_vanished {
            self.drive(&mut player);
            self.watch(&mut player);
            self.watch_journey(&mut player);
            self.watch_comeback(&player);
            self.wake_player(&player);
        }
        self.players[index] = Some(player);
    }

    fn drive(&mut self, player: &mut Player) {
        self.take_packets(player);
        self.player_connects(player);
        self.player_opens(player);
        let is_due = player.client.poll_timeout().is_some_and(|at| at <= self.now);
        if is_due || self.chance.happens(100) {
            player.client.handle_timeout(self.now);
        }
        self.player_reads(player);
        self.player_outputs(player);
        self.take_packets(player);
        if player.next <= self.now {
            self.act(player);
        }
        self.player_writes(player);
        self.player_flushes(player);
        self.player_outputs(player);
        // A client counts anew when what it was asked to play begins at another place.
        player.dropped_before = player.dropped_before.min(dropped(player));
        let deadline = player.client.poll_timeout();
        assert!(
            deadline.is_none_or(|at| at > self.now),
            "the deadline {deadline:?} of client {} does not pass",
            player.index
        );
    }

    fn wake_player(&mut self, player: &Player) {
        let link = player.link.and_then(|link| self.tcp.get(link));
        let readable =
            link.filter(|_| player.client.wants_read()).and_then(|link| link.readable(Side::Client));
        let writable =
            link.filter(|_| player.client.wants_write()).and_then(|link| link.writable(Side::Client));
        let flush = player.client.wants_flush().then(|| self.now + self.chance.micros(10, 10_000));
        let attempt = player.attempt.map(|(at, _)| at);
        let opening = player.opening.iter().map(|(at, ..)| *at).min();
        let next = self.is_live().then_some(player.next);
        let at = [player.client.poll_timeout(), readable, writable, flush, attempt, opening, next];
        let at = at.into_iter().flatten().min();
        self.wake_by(Task::Player(player.index), at.map(|at| at.max(self.now)));
    }

    fn player_connects(&mut self, player: &mut Player) {
        let Some((_, succeeds)) = player.attempt.take_if(|(at, _)| *at <= self.now) else { return };
        if !succeeds {
            player.comeback.iter_mut().for_each(Comeback::cut);
            return player.client.handle_connected(self.now, Err(ConnectError::of(Vec::new())));
        }
        // It asks once more for what was not answered: these are packets of the time before.
        self.take_packets(player);
        let peer = SocketAddr::new(player.host, player.port());
        player.peer = Some(peer);
        player.one_request.iter_mut().for_each(OneRequest::begin);
        player.link = Some(self.connect(Task::Player(player.index), peer));
        match &mut player.period {
            Some(period) => period.arrive(),
            None => self.expect_packets(player),
        }
        player.client.handle_connected(self.now, Ok((SERVER, 554).into()));
    }

    fn player_opens(&mut self, player: &mut Player) {
        while let Some(at) = player.opening.iter().position(|(at, ..)| *at <= self.now) {
            let (_, id, port) = player.opening.swap_remove(at);
            let result = port.map_or(Err(UdpOpenError::NoFreePorts), |port| Ok((port, port + 1)));
            if let Some(port) = port {
                player.sockets.insert(id, port);
            }
            player.client.handle_udp_opened(self.now, id, result);
        }
    }

    fn player_reads(&mut self, player: &mut Player) {
        while let (Some(id), true) = (player.link, player.client.wants_read()) {
            let Some(link) = self.tcp.get_mut(id) else { break };
            let (is_one_request, mut heard) = (player.one_request.is_some(), Vec::new());
            let read = |into: &mut BytesMut| {
                let before = into.len();
                let io = link.read(Side::Client, self.now, into, &mut self.chance);
                if is_one_request {
                    heard.extend_from_slice(&into[before..]);
                }
                io
            };
            match player.client.read_with(self.now, read) {
                Io::Done(n) => {
                    self.note(n as u64, || format!("{n} bytes read by player {}", player.index));
                    let server = self.tcp.get(id).and_then(|link| link.task(Side::Server));
                    server.into_iter().for_each(|server| self.wake(server, self.now));
                    self.part_after_answer(player, &heard);
                }
                Io::Blocked => break,
                Io::Closed | Io::Reset => {
                    self.player_outputs(player);
                    self.take_packets(player);
                    player.farewell = self.farewell(player);
                    self.cut(player);
                }
            }
        }
    }

    fn player_writes(&mut self, player: &mut Player) {
        while let (Some(id), true) = (player.link, player.client.wants_write()) {
            let Some(link) = self.tcp.get_mut(id) else { return };
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = player.client.io_slices(&mut slices);
            match link.write(Side::Client, self.now, &slices[..filled], &mut self.chance) {
                Io::Done(n) => {
                    slices[..filled].iter().for_each(|slice| self.trace.bytes(slice));
                    slices[..filled].iter().for_each(|slice| self.rights.overhear(slice));
                    player.client.handle_written(self.now, n);
                    let (server, at) = (link.task(Side::Server), link.readable(Side::Server));
                    server.into_iter().for_each(|server| self.wake_by(server, at.map(|at| at.max(self.now))));
                }
                Io::Blocked => return,
                Io::Closed | Io::Reset => self.cut(player),
            }
        }
    }

    fn player_flushes(&mut self, player: &mut Player) {
        let room = if self.is_lazy() { self.chance.below(3) } else { u64::MAX };
        let mut sink = Sink { room, taken: Vec::new() };
        player.client.flush(self.now, &mut sink);
        for (id, port, to, data) in sink.taken {
            let Some(own) = player.sockets.get(&id) else { continue };
            let own = if port == Port::Rtp { *own } else { own + 1 };
            self.send_datagram(Datagram { from: SocketAddr::new(player.host, own), to, data });
        }
    }

    pub(super) fn player_outputs(&mut self, player: &mut Player) {
        while let Some(output) = player.client.poll_output() {
            match output {
                ClientOutput::Connect { host, port, .. } => {
                    player.comeback.iter().for_each(|comeback| comeback.connects(self.now));
                    let is_up =
                        self.age >= Age::Calm || (self.now >= self.down_until && !self.chance.happens(30));
                    let succeeds = is_up && is_here(&host, port);
                    player.attempt = Some((self.now + self.chance.micros(100, 50_000), succeeds));
                }
                ClientOutput::Disconnect => {
                    self.player_writes(player);
                    player.attempt = None;
                    self.hang_up(player);
                }
                ClientOutput::OpenUdp(id, _) => {
                    let port = (self.age >= Age::Calm || !self.chance.happens(50)).then(|| player.port());
                    let at = self.now + self.chance.micros(0, 2_000);
                    player.opening.push((at, id, port));
                }
                ClientOutput::CloseUdp(id) => {
                    self.player_flushes(player);
                    player.sockets.remove(&id);
                    player.opening.retain(|(_, own, _)| *own != id);
                }
                ClientOutput::Event(event) => {
                    self.trace.note(self.now, 3, || format!("player {}: {event:?}", player.index));
                    self.player_sees(player, event);
                }
                other => panic!("an output that no driver knows: {other:?}"),
            }
        }
    }

    /// The connection of a player's client is over.
    pub(super) fn cut(&mut self, player: &mut Player) {
        self.hang_up(player);
        player.comeback.iter_mut().for_each(Comeback::cut);
        player.client.handle_closed(self.now);
    }

    pub(super) fn hang_up(&mut self, player: &mut Player) {
        if let Some(link) = player.link.take() {
            self.close_link(link, Side::Client);
        }
    }

    pub(super) fn player_receives(&mut self, index: usize, from: SocketAddr, to: u16, data: Bytes) {
        let Some(player) = self.players[index].as_mut() else { return };
        let socket = player.sockets.iter().find(|(_, port)| **port == to || **port + 1 == to);
        let Some((id, port)) =
            socket.map(|(id, port)| (*id, if *port == to { Port::Rtp } else { Port::Rtcp }))
        else {
            return;
        };
        player.client.handle_datagram(self.now, id, port, from, data);
        self.wake(Task::Player(index), self.now);
    }
}
