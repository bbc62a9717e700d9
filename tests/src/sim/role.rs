use std::net::SocketAddr;

use rtspan_core::auth::Secret;
use rtspan_core::client::{
    Client, ClientConfig, ClientSrtp, Misuse, ReconnectPolicy, State, Transports,
    Transports::{Tcp, Udp, UdpThenTcp},
};
use rtspan_core::header::Range;
use rtspan_core::limits::UDP_BURST_PACKETS;
use rtspan_core::rtp::rtcp;
use rtspan_core::{CommandId, Description, Instant, NtpTime, Url};

use super::app::PATHS;
use super::choices::Chance;
use super::comeback::Comeback;
use super::elsewhere::path_of;
use super::ledger::dropped;
use super::one_request::OneRequest;
use super::player::Player;
use super::rights::Who;
use super::source::{Kind, Source};
use super::times::Times;
use super::udp::Datagram;
use super::world::{WALL, World};

/// The aim of the application of one of our clients.
#[derive(Debug)]
pub(super) enum Role {
    Reader {
        path: &'static str,
    },
    Publisher {
        path: &'static str,
        description: Box<Description>,
        source: Source,
        origin: super::source::Origin,
    },
}

impl Role {
    pub(super) fn any(world: &mut World<'_>, who: Who) -> Self {
        let path = world.chance.pick(PATHS);
        if world.chance.happens(650) {
            return Self::Reader { path };
        }
        let kinds = Kind::any(&mut world.chance);
        let origin = world.truth.origin();
        world.rights.makes(origin, who);
        let source = Source::new(world.now, origin, &kinds, &mut world.chance);
        Self::Publisher { path, description: Box::new(Kind::describe(&kinds)), source, origin }
    }

    /// The same publisher: it has been switched off and on again, or has only lost its session.
    fn again(&self, world: &mut World<'_>, who: Who) -> Option<Self> {
        let Self::Publisher { path, description, source, origin } = self else { return None };
        if world.chance.happens(500) {
            world.truth.set_lossless(*origin, None);
            let source = source.go_on(world.now);
            return Some(Self::Publisher { path, description: description.clone(), source, origin: *origin });
        }
        let origin = world.truth.origin();
        world.rights.makes(origin, who);
        let source = Source::new(world.now, origin, &source.kinds(), &mut world.chance);
        Some(Self::Publisher { path, description: description.clone(), source, origin })
    }

    pub(super) fn path(&self) -> &'static str {
        match self {
            Self::Reader { path } | Self::Publisher { path, .. } => path,
        }
    }

    pub(super) fn set_path(&mut self, to: &'static str) {
        match self {
            Self::Reader { path } | Self::Publisher { path, .. } => *path = to,
        }
    }

    fn new_client(
        &self,
        place: Option<&Url>,
        login: Option<(&str, Secret)>,
        (transports, reconnect): (&[Transports], Option<ReconnectPolicy>),
        chance: &mut Chance<'_>,
    ) -> Client {
        let own = || Url::parse(&format!("rtsp://10.0.0.1{}", self.path())).expect("a URL");
        let url = place.cloned().unwrap_or_else(own);
        let config = ClientConfig::default();
        let config = match login {
            Some((user, secret)) => config.credentials(user, secret),
            None => config,
        };
        let config = config
            .srtp(ClientSrtp::default().without_tls(true))
            .transports(chance.pick(transports))
            .reconnect(reconnect)
            .back_channel(chance.happens(500))
            .udp_burst(chance.pick(&[UDP_BURST_PACKETS, UDP_BURST_PACKETS, 3, 1]))
            .response_deadline(chance.millis(2_000, 12_000))
            .describe_deadline(chance.millis(2_000, 12_000))
            .first_udp_packet(chance.millis(500, 4_000))
            .silence(chance.millis(6_000, 20_000))
            .received_packets_max(chance.pick(&[4096, 4096, 4096, 20]));
        Client::new(url, config, chance.seed())
    }
}

impl World<'_> {
    /// A client for somebody, at a place if that is told, and whether it knows the right password of a user.
    pub(super) fn new_client(
        &mut self,
        who: Who,
        role: &Role,
        place: Option<&Url>,
        (is_one_request, reconnect): (bool, Option<ReconnectPolicy>),
    ) -> (Client, bool) {
        let login = self.rights.login(who, &mut self.chance);
        let is_right = login.as_ref().is_some_and(|(.., is_right)| *is_right);
        let login = login.map(|(user, password, _)| (user, Secret::password(password)));
        let transports: &[_] =
            if is_one_request { &[Udp, Udp, UdpThenTcp] } else { &[Tcp, Tcp, Udp, UdpThenTcp] };
        let mut client = role.new_client(place, login, (transports, reconnect), &mut self.chance);
        if self.chance.happens(800) {
            client.set_wall_clock(Instant::ZERO, NtpTime::from_unix(WALL));
        }
        (client, is_right)
    }

    /// Does the next thing that the application of a client wants.
    pub(super) fn act(&mut self, player: &mut Player) {
        player.next = self.now + self.chance.millis(1, 4_000);
        if self.is_stormy() {
            if player.is_over {
                self.begin_anew(player);
            } else if player.client.is_reconnecting() && !self.chance.happens(20) {
                // Its application waits as well.
            } else if self.chance.happens(30) {
                self.ask_anything(player);
            } else if player.asked.is_empty() && !player.is_under_way() {
                self.ask(player);
            }
        }
        if self.is_live() {
            self.record(player);
            self.say(player);
        }
    }

    fn begin_anew(&mut self, player: &mut Player) {
        self.hang_up(player);
        let place = player.place.take().filter(|_| self.chance.happens(700));
        let often = if place.is_some() { 1000 } else { 400 };
        player.role = match player.role.again(self, player.who()).filter(|_| self.chance.happens(often)) {
            Some(role) => {
                self.counts.add("publishers that came back", 1);
                role
            }
            None => Role::any(self, player.who()),
        };
        place.as_ref().and_then(path_of).into_iter().for_each(|path| player.role.set_path(path));
        player.one_request = OneRequest::any(&self.plan, &mut self.chance);
        player.comeback = Comeback::any(&self.plan, &mut self.chance);
        player.is_leaving = false;
        player.voice = self.talks.voice(player.host);
        let policy = player.comeback.as_ref().map(Comeback::policy);
        let kind = (player.one_request.is_some(), policy);
        (player.client, player.has_password) =
            self.new_client(player.who(), &player.role, place.as_ref(), kind);
        (player.place, player.journey) = (place, None);
        player.session = None;
        player.watch = None;
        player.asked.clear();
        player.is_over = false;
        player.is_unsure = false;
        player.period = None;
        player.left_out.clear();
        player.sought = None;
        player.times = Times::default();
        self.counts.add("clients begun anew", 1);
    }

    fn ask(&mut self, player: &mut Player) {
        let is_publisher = matches!(player.role, Role::Publisher { .. });
        match player.client.state() {
            State::Initial if is_publisher => {
                self.command(player, |player, world| {
                    let Role::Publisher { description, .. } = &player.role else {
                        return Err(Misuse::Closed);
                    };
                    player.client.announce(world.now, (**description).clone())
                });
                self.set_up(player, 0);
                self.command(player, |player, world| player.client.record(world.now));
            }
            State::PreRecord => {
                self.set_up(player, 0);
                self.command(player, |player, world| player.client.record(world.now));
            }
            State::Initial => {
                if player.client.description().is_none() || self.chance.happens(200) {
                    self.command(player, |player, world| player.client.describe(world.now));
                }
                if player.client.description().is_some() || self.chance.happens(300) {
                    let leaves_out = self.chance.pick(&[0, 0, 400]);
                    self.set_up(player, leaves_out);
                    self.play(player);
                }
            }
            State::PrePlay => match self.chance.below(10) {
                0 => self.set_up(player, 0),
                1 => self.leave(player),
                _ => self.play(player),
            },
            State::Play | State::Record => match self.chance.below(60) {
                0..=3 => self.pause(player),
                4 => self.leave(player),
                5 => {
                    let body = self.chance.pick(&[&b""[..], b"fps\r\n"]);
                    self.command(player, |player, world| player.client.get_parameter(world.now, body.into()));
                }
                6 => self.command(player, |player, world| player.client.options(world.now)),
                7 => {
                    self.command(player, |player, world| {
                        player.client.set_parameter(world.now, b"fps: 1\r\n"[..].into())
                    });
                }
                9..=11 => self.seek_elsewhere(player),
                8 => {
                    self.pause(player);
                    self.leave(player);
                }
                _ => {}
            },
        }
    }

    /// Something that may make no sense.
    fn ask_anything(&mut self, player: &mut Player) {
        match self.chance.below(9) {
            0 => self.command(player, |player, world| player.client.options(world.now)),
            1 => self.command(player, |player, world| player.client.describe(world.now)),
            2 => self.set_up(player, 500),
            3 if player.asked.is_empty() => self.play(player),
            4 => self.pause(player),
            5 if player.asked.is_empty() => {
                self.command(player, |player, world| player.client.record(world.now));
            }
            6 if matches!(player.role, Role::Reader { .. }) => self.command(player, |player, world| {
                player.client.announce(world.now, Kind::describe(&[Kind::Pcmu]))
            }),
            7 => self.leave(player),
            3 | 5 | 6 => {}
            _ => {
                // An application that crashes.
                self.cut(player);
            }
        }
    }

    fn set_up(&mut self, player: &mut Player, leaves_out: u64) {
        let medias = match &player.role {
            Role::Publisher { description, .. } => description.medias.len(),
            Role::Reader { .. } => player.client.description().map_or(1, |known| known.medias.len()),
        };
        for media in 0..medias {
            if !self.chance.happens(leaves_out) {
                self.command(player, |player, world| player.client.setup(world.now, media));
            }
        }
    }

    fn play(&mut self, player: &mut Player) {
        self.take_packets(player);
        let asked = player.asked.len();
        let range = self.chance.happens(300).then(|| Range::from_npt(self.chance.millis(0, 60_000)));
        self.command(player, |player, world| player.client.play(world.now, range));
        if player.asked.len() > asked {
            self.expect_packets(player);
        }
    }

    /// PLAY is asked for: earlier packets belong to the time before.
    pub(super) fn expect_packets(&self, player: &mut Player) {
        player.early.clear();
        let dropped = dropped(player);
        let dropped_before = std::mem::replace(&mut player.dropped_before, dropped);
        let marks = player.sockets().map(|to| (to, self.truth.sent_to(to).len())).collect();
        let marks = std::mem::replace(&mut player.marks, marks);
        player.before = player.asked.back().map(|id| (*id, dropped_before, marks));
    }

    /// A command was refused: if it was PLAY, what was sent before it belongs to the same time as what comes.
    pub(super) fn expect_as_before(&self, player: &mut Player, refused: CommandId) {
        if let Some((_, dropped_before, marks)) = player.before.take_if(|(id, ..)| *id == refused) {
            (player.dropped_before, player.marks) = (dropped_before, marks);
        }
    }

    fn pause(&mut self, player: &mut Player) {
        if let Role::Publisher { origin, .. } = player.role {
            self.truth.set_lossless(origin, None);
        }
        self.command(player, |player, world| player.client.pause(world.now));
    }

    pub(super) fn leave(&mut self, player: &mut Player) {
        if let Role::Publisher { origin, .. } = player.role {
            self.truth.set_lossless(origin, None);
        }
        player.is_leaving = true;
        self.command(player, |player, world| player.client.teardown(world.now));
    }

    pub(super) fn command(
        &mut self,
        player: &mut Player,
        give: impl FnOnce(&mut Player, &Self) -> Result<CommandId, Misuse>,
    ) {
        match give(player, self) {
            Ok(id) => player.asked.push_back(id),
            Err(_) => self.counts.add("commands refused", 1),
        }
    }

    /// A publisher's camera goes on.
    fn record(&mut self, player: &mut Player) {
        let Role::Publisher { source, .. } = &mut player.role else { return };
        if player.client.state() != State::Record {
            return;
        }
        if self.now < source.next {
            player.next = player.next.min(source.next);
            return;
        }
        source.next = self.now + source.interval;
        player.next = player.next.min(source.next);
        if self.chance.happens(self.plan.restarts) {
            self.restart_encoder(player);
        }
        let Role::Publisher { source, origin, .. } = &mut player.role else { return };
        for (track, packet) in source.make(self.now, &mut self.chance) {
            if player.client.send(self.now, track.into(), &packet).is_err() {
                source.was_refused(track);
                self.truth.set_lossless(*origin, None);
            }
        }
    }

    /// A publisher that goes on with its stream sends once more what may not have come.
    pub(super) fn repeat(&mut self, player: &mut Player) {
        let stream = self.session_of(player).and_then(|session| self.books.recorded_by(session));
        let Role::Publisher { source, origin, .. } = &mut player.role else { return };
        source.begin_in(stream);
        let Some(stream) = stream.filter(|stream| self.truth.is_of(*stream, *origin)) else { return };
        self.counts.add("publishers that went on", 1);
        for (track, packet) in source.repeat(&mut self.chance) {
            self.counts.add("packets repeated", 1);
            // Its reports take the packet for new.
            self.truth.hear_packet(self.now, stream, &packet);
            if player.client.send(self.now, track.into(), &packet).is_err() {
                self.truth.set_lossless(*origin, None);
            }
        }
    }

    /// A publisher's encoder begins anew, and says so over UDP.
    fn restart_encoder(&mut self, player: &mut Player) {
        let Role::Publisher { source, .. } = &mut player.role else { return };
        let tracks = 0..source.kinds().len() as u8;
        let former: Vec<_> = tracks.map(|track| source.restart(track, &mut self.chance)).collect();
        let ways: Vec<_> = player.ways().collect();
        for (media, from, to) in &ways {
            for ssrc in &former[*media] {
                let data = rtcp::goodbye_compound(*ssrc, "sim", "restart");
                let beside = |address: &SocketAddr| SocketAddr::new(address.ip(), address.port() + 1);
                self.send_datagram(Datagram { from: beside(from), to: beside(to), data });
            }
        }
        let what =
            if ways.is_empty() { "encoders restarted over TCP" } else { "encoders restarted over UDP" };
        self.counts.add(what, 1);
    }

    /// A publisher's last packets.
    pub(super) fn record_last(&mut self, player: &mut Player, round: u32) {
        let Role::Publisher { path, source, origin, .. } = &mut player.role else { return };
        if player.client.state() != State::Record {
            return;
        }
        let (track, packet) = source.make_last(self.now, round);
        player.last_made += 1;
        let is_own = |stream: &_| self.truth.is_of(*stream, *origin);
        // A packet from another address than before is not taken, nor one after a PAUSE whose answer was given up.
        let is_taken = !player.is_rebound && !player.is_unsure;
        let stream = self.books.stream_at(path).filter(is_own).filter(|_| is_taken);
        if player.client.send(self.now, track.into(), &packet).is_err() {
            // Such as between a PAUSE and its answer.
            source.was_refused(track);
            return self.truth.set_lossless(*origin, None);
        }
        stream.into_iter().for_each(|stream| self.truth.lasts(self.now, stream, track, source.endless()));
    }
}
