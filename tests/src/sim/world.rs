use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rtspan_core::conn::{ConnCommand, Room};
use rtspan_core::server::{Event, Server};
use rtspan_core::{ConnId, Instant, NtpTime, UdpId};

use super::app::App;
use super::books::Books;
use super::choices::Chance;
use super::conn::Line;
use super::elsewhere::Redirects;
use super::hostile::Hostile;
use super::logs::Logs;
use super::pair::Pair;
use super::plan::Plan;
use super::player::Player;
use super::rights::Rights;
use super::talk::Talks;
use super::tcp::{LinkId, Side, Tcp};
use super::trace::{Counts, Trace};
use super::truth::Truth;
use super::udp::{Datagram, Udp};

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The ports of the first pair of UDP sockets; those of the next ones follow.
pub(super) const SERVER_PORTS: (u16, u16) = (8000, 8001);
/// Pairs of UDP sockets at most.
pub(super) const PAIRS_MAX: u64 = 3;
/// The wall clock time of time zero, since 1970.
pub(super) const WALL: Duration = Duration::from_secs(1_700_000_000);
/// Runs of tasks without the clock moving; more is a busy loop.
const RUNS_AT_ONCE: u64 = 100_000;

/// A part of the world that has something to do at times.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Task {
    /// Hands on what the server wants done, and lets its time pass.
    Door,
    /// A pair of the server's UDP sockets.
    Pair(UdpId),
    /// The server's application.
    App,
    /// Datagrams that arrive.
    Network,
    /// Things that break.
    Chaos,
    /// Turns of the world's history.
    Fate,
    /// Somebody who forges packets.
    Forger,
    Conn(ConnId),
    Player(usize),
    Hostile(usize),
}

/// How far the world's history has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Age {
    /// Anything may go wrong.
    Storm,
    /// Nothing goes wrong any more; packets flow on.
    Calm,
    /// The last packets have been published.
    Still,
    /// Everybody leaves.
    Leaving,
    Over,
}

/// A server, all that is connected to it, and the network between them.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) chance: Chance<'a>,
    pub(super) plan: Plan,
    pub(super) now: Instant,
    pub(super) age: Age,
    pub(super) trace: Trace,
    pub(super) counts: Counts,
    pub(super) steps: u64,
    schedule: Schedule,
    pub(super) server: Server,
    pub(super) logs: Logs,
    pub(super) truth: Truth,
    pub(super) books: Books,
    pub(super) rights: Rights,
    pub(super) talks: Talks,
    pub(super) redirects: Redirects,
    /// Events that the application has not seen yet.
    pub(super) events: VecDeque<Event>,
    pub(super) app: App,
    pub(super) lines: BTreeMap<ConnId, Line>,
    /// The room that the connections lend each other to write from.
    pub(super) room: Room,
    pub(super) mailboxes: BTreeMap<ConnId, VecDeque<ConnCommand>>,
    pub(super) pairs: BTreeMap<UdpId, Pair>,
    pub(super) tcp: Tcp,
    pub(super) udp: Udp,
    /// In boxes, since a player is taken out for each step.
    pub(super) players: Vec<Option<Box<Player>>>,
    pub(super) hostiles: Vec<Option<Hostile>>,
    /// Until when the server is switched off.
    pub(super) down_until: Instant,
    /// When the server heard of a host last, over anything.
    pub(super) heard: BTreeMap<IpAddr, Instant>,
}

#[derive(Debug, Default)]
struct Schedule {
    queue: BTreeSet<(Instant, Task)>,
    at: BTreeMap<Task, Instant>,
}

impl Schedule {
    fn wake(&mut self, task: Task, at: Instant) {
        let before = self.at.get(&task).copied();
        if before.is_none_or(|before| at < before) {
            before.map(|before| self.queue.remove(&(before, task)));
            self.queue.insert((at, task));
            self.at.insert(task, at);
        }
    }

    fn put_off(&mut self, task: Task, at: Instant) {
        self.at.remove(&task).map(|before| self.queue.remove(&(before, task)));
        self.wake(task, at);
    }

    fn take(&mut self, entry: (Instant, Task)) {
        self.queue.remove(&entry);
        self.at.remove(&entry.1);
    }
}

impl<'a> World<'a> {
    pub(super) fn new(mut chance: Chance<'a>, records: bool) -> Self {
        let plan = Plan::new(&mut chance);
        let mut server = Server::new(plan.config(), chance.seed());
        if chance.happens(900) {
            server.set_wall_clock(Instant::ZERO, NtpTime::from_unix(WALL));
        }
        let mut world = Self {
            now: Instant::ZERO + Duration::from_secs(1),
            age: Age::Storm,
            trace: Trace::new(records),
            counts: Counts::default(),
            steps: 0,
            schedule: Schedule::default(),
            server,
            logs: Logs::default(),
            truth: Truth::default(),
            books: Books::default(),
            rights: Rights::new(plan.guard, plan.takeover),
            talks: Talks::default(),
            redirects: Redirects::default(),
            events: VecDeque::new(),
            app: App::default(),
            lines: BTreeMap::new(),
            room: Room::default(),
            mailboxes: BTreeMap::new(),
            pairs: BTreeMap::new(),
            tcp: Tcp::default(),
            udp: Udp::new(plan.udp),
            players: Vec::new(),
            hostiles: Vec::new(),
            down_until: Instant::ZERO,
            heard: BTreeMap::new(),
            chance,
            plan,
        };
        world.trace.note(world.now, 0, || format!("{:?}", world.plan));
        world.populate();
        world
    }

    fn populate(&mut self) {
        for _ in 0..self.plan.streams {
            self.app_publishes();
        }
        for index in 0..self.plan.players as usize {
            let player = Player::new(self, index);
            self.players.push(Some(Box::new(player)));
            let at = self.now + self.chance.millis(0, 10_000);
            self.wake(Task::Player(index), at);
        }
        for index in 0..self.plan.hostiles as usize {
            let hostile = Hostile::new(self, index);
            self.hostiles.push(Some(hostile));
            self.wake(Task::Hostile(index), self.now);
        }
        self.wake(Task::Door, self.now);
        self.wake(Task::App, self.now);
        self.wake(Task::Fate, self.plan.storm);
        self.wake(Task::Forger, self.now);
        if let Some(pause) = self.plan.chaos {
            self.wake(Task::Chaos, self.now + pause);
        }
    }

    /// Lets it happen, to the end.
    pub(super) fn run(&mut self) {
        let mut runs = 0;
        while self.age != Age::Over {
            self.steps += 1;
            if self.age == Age::Storm && (self.steps >= self.plan.steps || self.chance.is_over()) {
                self.turn();
            }
            let due = self.schedule.queue.range(..=(self.now, Task::Hostile(usize::MAX))).count().min(8);
            if due == 0 {
                self.check_limits();
                self.pass_time();
                runs = 0;
                continue;
            }
            runs += 1;
            assert!(runs < RUNS_AT_ONCE, "{:?} and others run again and again", self.schedule.queue.first());
            let entry = *self.schedule.queue.iter().nth(self.chance.index(due)).expect("it is due");
            self.schedule.take(entry);
            self.run_task(entry.1);
        }
    }

    fn run_task(&mut self, task: Task) {
        self.note(self.steps, || format!("-- {task:?}"));
        match task {
            Task::Door => self.run_door(),
            Task::Pair(id) => self.run_pair(id),
            Task::App => self.run_app(),
            Task::Network => self.run_network(),
            Task::Chaos => self.run_chaos(),
            Task::Fate => self.turn(),
            Task::Forger => self.run_forger(),
            Task::Conn(id) => self.run_conn(id),
            Task::Player(index) => self.run_player(index),
            Task::Hostile(index) => self.run_hostile(index),
        }
    }

    /// The clock goes on to the next deadline, and sometimes beyond.
    fn pass_time(&mut self) {
        let (next, task) = *self.schedule.queue.first().expect("fate is always to come");
        assert!(next > self.now, "{task:?} was to run before");
        self.now = next;
        if self.age == Age::Storm {
            if self.chance.happens(30) {
                self.now = next + self.chance.millis(0, 30);
            } else if self.chance.happens(1) {
                self.now = next + self.chance.millis(0, 3_000);
            }
        }
    }

    /// Has a task run at that time at the latest.
    pub(super) fn wake(&mut self, task: Task, at: Instant) {
        self.schedule.wake(task, at);
    }

    /// When the world's history takes its next turn, and not before.
    pub(super) fn turn_at(&mut self, at: Instant) {
        self.schedule.put_off(Task::Fate, at);
    }

    pub(super) fn wake_by(&mut self, task: Task, at: Option<Instant>) {
        if let Some(at) = at {
            self.schedule.wake(task, at);
        }
    }

    pub(super) fn note(&mut self, what: u64, line: impl FnOnce() -> String) {
        self.trace.note(self.now, what, line);
    }

    /// Returns `true` while hosts do as they like.
    pub(super) fn is_stormy(&self) -> bool {
        let outlives_the_server = self.age == Age::Leaving && self.plan.closes_early;
        self.age == Age::Storm || (outlives_the_server && !self.chance.is_over())
    }

    /// Returns `true` while packets are published.
    pub(super) fn is_live(&self) -> bool {
        self.is_stormy() || self.age == Age::Calm
    }

    /// Returns `true` if a task does less than it could this time.
    pub(super) fn is_lazy(&mut self) -> bool {
        self.age == Age::Storm && self.chance.happens(self.plan.laziness)
    }

    /// Opens a TCP connection to the server; the server may close it at once.
    pub(super) fn connect(&mut self, client: Task, peer: SocketAddr) -> LinkId {
        let link = self.tcp.open(client, peer, &mut self.chance);
        match self.server.open_conn(self.now, peer) {
            Ok(conn) => {
                self.tcp.get_mut(link).expect("just opened").conn = Some(conn.id);
                self.lines.insert(conn.id, Line::new(conn.rx, conn.tx, link));
                self.mailboxes.insert(conn.id, VecDeque::new());
                self.wake(Task::Conn(conn.id), self.now);
                self.hand_on();
            }
            Err(_) => {
                self.counts.add("connections refused", 1);
                self.close_link(link, Side::Server);
            }
        }
        link
    }

    /// One end of a connection is closed, and the other will see it.
    pub(super) fn close_link(&mut self, id: LinkId, side: Side) {
        let other = if side == Side::Client { Side::Server } else { Side::Client };
        let Some(task) = self.tcp.get(id).map(|link| link.task(other)) else { return };
        self.tcp.close(id, side, self.now);
        let at = self.tcp.get(id).and_then(|link| link.readable(other)).unwrap_or(self.now);
        if let Some(task) = task {
            self.wake(task, at.max(self.now));
        }
    }

    pub(super) fn send_datagram(&mut self, datagram: Datagram) {
        self.trace.bytes(&datagram.data);
        self.udp.send(self.now, datagram, &mut self.chance);
        self.wake_by(Task::Network, self.udp.next());
    }

    fn run_network(&mut self) {
        while let Some(Datagram { from, to, data }) = self.udp.arrive(self.now) {
            self.note(u64::from(to.port()), || {
                format!("datagram of {} bytes from {from} for {to}", data.len())
            });
            if to.ip() == SERVER {
                self.heard.insert(from.ip(), self.now);
                self.pair_receives(from, to.port(), data);
            } else if let Some(index) = self.players.iter().flatten().find(|player| player.host == to.ip()) {
                let index = index.index;
                self.player_receives(index, from, to.port(), data);
            } else if let Some(hostile) = self.hostiles.iter_mut().flatten().find(|own| own.owns(to)) {
                hostile.datagrams += 1;
            }
        }
        self.wake_by(Task::Network, self.udp.next());
    }

    fn check_limits(&mut self) {
        assert!(self.server.conn_count() <= self.plan.conns_max, "too many connections");
        assert!(self.server.session_count() <= self.plan.sessions_max, "too many sessions");
        self.logs.check_limits(&self.plan);
        self.check_privates();
        self.check_drained();
    }
}
