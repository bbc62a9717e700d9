use std::time::Duration;

use rtspan_core::Instant;
use rtspan_core::auth::{Algorithm, AuthScheme};
use rtspan_core::limits::{
    ACCESS_POINT_WAIT, AUTH_TURN_WAIT_MAX, DEADLINE_GRACE, NONCE_LIFETIME, REQUESTS_WAITING_MAX,
    TCP_UNACKNOWLEDGED_MAX, UDP_BURST_PACKETS, UNPROVEN_BYTES_MAX, WRITE_STALL,
};
use rtspan_core::server::{Asks, ServerConfig, SrtpPolicy, TakeoverPolicy};
use rtspan_core::srtp::Suite;
use rtspan_core::stream::{LagPolicy, LogLimits, StartAt};
use rtspan_core::udp::{UdpPorts, UdpSpec};

use super::choices::Chance;
use super::rights::{Guard, users};
use super::spoofs::Spoof;
use super::udp::UdpFaults;
use super::world::{PAIRS_MAX, SERVER};

/// Connections and sessions, where there is room for all.
const ROOM: usize = 1000;

/// The kind of a world: chosen once, at its beginning.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) session_timeout: Duration,
    pub(super) media_silence: Duration,
    pub(super) conn_idle: Duration,
    pub(super) ticket_deadline: Duration,
    pub(super) conns_max: usize,
    pub(super) sessions_max: usize,
    pub(super) log_packets: usize,
    pub(super) log_bytes: usize,
    unproven_bytes: usize,
    gather: Duration,
    udp_burst: usize,
    pub(super) lag: LagPolicy,
    start: StartAt,
    asks: Asks,
    /// How often in a thousand a reader is given a stream of its own.
    pub(super) films: u64,
    /// The application refuses next to nothing, and leaves nothing without an answer.
    pub(super) is_kind: bool,
    /// The guard, if there are users that may not do everything.
    pub(super) guard: Option<Guard>,
    schemes: Vec<AuthScheme>,
    nonce_lifetime: Duration,
    pub(super) takeover: TakeoverPolicy,
    resume: Duration,
    resume_after_teardown: bool,
    has_udp: bool,
    udp_pairs: usize,
    /// How long things go wrong.
    pub(super) storm: Instant,
    /// How much may happen until then.
    pub(super) steps: u64,
    pub(super) udp: UdpFaults,
    /// How often something breaks; `None` for a world where nothing does.
    pub(super) chaos: Option<Duration>,
    /// How often in a thousand a task does less than it could.
    pub(super) laziness: u64,
    /// How somebody forges the packets of publishers.
    pub(super) spoof: Option<Spoof>,
    /// How often in a thousand pictures an encoder begins anew.
    pub(super) restarts: u64,
    /// How often in a thousand a stream of the application's has a back channel, and how many speak at once.
    pub(super) listens: u64,
    pub(super) speakers_max: usize,
    /// How often in a thousand a client reconnects by itself.
    pub(super) comebacks: u64,
    /// How often in a thousand the server is switched off where something breaks.
    pub(super) reboots: u64,
    /// How often in a thousand a client's connections are for one request each.
    pub(super) one_request: u64,
    pub(super) streams: u64,
    pub(super) players: u64,
    pub(super) hostiles: u64,
    /// True if the world ends by closing the server; otherwise everybody leaves.
    pub(super) closes: bool,
    /// True if the server takes on no session any more when everybody leaves.
    pub(super) drains: bool,
    /// How often in a thousand decisions the application sends a session elsewhere.
    pub(super) redirects: u64,
    /// The suite by which media is encrypted, if it is.
    pub(super) srtp: Option<Suite>,
    /// True if the server is closed in the middle of the storm.
    pub(super) closes_early: bool,
}

impl Plan {
    pub(super) fn new(chance: &mut Chance<'_>) -> Self {
        let asks = [
            Asks::DESCRIBE,
            Asks::ANNOUNCE,
            Asks::SETUP,
            Asks::PLAY,
            Asks::PAUSE,
            Asks::RECORD,
            Asks::GET_PARAMETER,
            Asks::SET_PARAMETER,
            Asks::SPEAK,
        ];
        let asking = chance.pick(&[0, 150, 500, 1000]);
        let asks = asks.into_iter().filter(|_| chance.happens(asking)).fold(Asks::NONE, |all, ask| all | ask);
        let films = chance.pick(&[0, 0, 0, 300, 1000]);
        let asks = if films > 0 { asks | Asks::SETUP | Asks::DESCRIBE } else { asks };
        let asks_all = films > 0 && chance.happens(700);
        let asks = if asks_all { asks | Asks::PLAY | Asks::PAUSE } else { asks };
        let is_calm = chance.happens(300);
        let udp = UdpFaults {
            lost: chance.pick(&[0, 5, 50, 200]),
            doubled: chance.pick(&[0, 0, 20]),
            delayed: chance.pick(&[0, 50, 400]),
            bursts: chance.pick(&[0, 0, 1, 5]),
        };
        let size = chance.pick(&[1, 1, 1, 2, 4]);
        let plan = Self {
            session_timeout: chance.millis(6_000, 60_000),
            media_silence: chance.millis(2_000, 10_000),
            conn_idle: chance.millis(5_000, 60_000),
            ticket_deadline: chance.millis(500, 30_000),
            conns_max: chance.pick(&[ROOM, ROOM, ROOM, 6]),
            sessions_max: chance.pick(&[ROOM, ROOM, ROOM, 4]),
            log_packets: chance.pick(&[4096, 512, 64, 12, 1]),
            log_bytes: chance.pick(&[8 << 20, 8 << 20, 8 << 20, 6_000]),
            unproven_bytes: chance.pick(&[UNPROVEN_BYTES_MAX, UNPROVEN_BYTES_MAX, 3_000, 0]),
            gather: Duration::from_millis(chance.pick(&[0, 0, 0, 0, 2, 20, 500])),
            udp_burst: chance.pick(&[UDP_BURST_PACKETS, UDP_BURST_PACKETS, 5, 1]),
            lag: chance.pick(&[LagPolicy::SkipToKeyframe, LagPolicy::SkipToLive, LagPolicy::Disconnect]),
            start: chance.pick(&[StartAt::Live, StartAt::Keyframe]),
            asks,
            films,
            is_kind: chance.happens(if films > 0 { 700 } else { 100 }),
            guard: chance.pick(&[None, None, None, Some(Guard::Table), Some(Guard::Question)]),
            schemes: chance.pick(&[
                vec![AuthScheme::Digest(Algorithm::Md5)],
                vec![
                    AuthScheme::Digest(Algorithm::Sha256),
                    AuthScheme::Digest(Algorithm::Md5),
                    AuthScheme::Basic,
                ],
                vec![AuthScheme::Basic],
            ]),
            nonce_lifetime: chance.pick(&[NONCE_LIFETIME, NONCE_LIFETIME, Duration::from_secs(3)]),
            takeover: chance.pick(&[
                TakeoverPolicy::SameAddress,
                TakeoverPolicy::SameAddress,
                TakeoverPolicy::Never,
                TakeoverPolicy::Ask,
            ]),
            resume: Duration::from_secs(chance.pick(&[0, 0, 2, 15])),
            resume_after_teardown: chance.happens(500),
            has_udp: chance.happens(800),
            udp_pairs: chance.between(1, PAIRS_MAX) as usize,
            storm: Instant::ZERO + chance.millis(20_000, 150_000),
            steps: chance.between(1_000, 2_000 * size),
            udp: if is_calm { UdpFaults::default() } else { udp },
            chaos: (!is_calm).then(|| chance.millis(200, 5_000)),
            spoof: chance.pick(&[
                None,
                None,
                None,
                Some(Spoof::Strays),
                Some(Spoof::Sources),
                Some(Spoof::Sequence),
            ]),
            restarts: chance.pick(&[0, 0, 10, 50]),
            listens: chance.pick(&[0, 0, 600]),
            speakers_max: chance.pick(&[1, 1, 3, 0]),
            comebacks: chance.pick(&[0, 300, 900]),
            reboots: chance.pick(&[0, 0, 100]),
            one_request: chance.pick(&[0, 0, 300]),
            laziness: chance.pick(&[0, 100, 400]),
            streams: chance.between(1, 3),
            players: chance.between(1, 3 * size),
            hostiles: chance.between(0, 2 * size),
            closes: chance.happens(300),
            closes_early: chance.happens(150),
            drains: chance.happens(200),
            redirects: chance.pick(&[0, 0, 0, 5, 30]),
            srtp: chance.pick(&[None, None, Some(Suite::AeadAes128Gcm), Some(Suite::AesCm128HmacSha1_32)]),
        };
        if plan.srtp.is_none() {
            return plan;
        }
        // Of a sequence that goes back, packets are left out until it is where it was: no number is encrypted twice.
        Self { restarts: 0, spoof: None, ..plan }
    }

    pub(super) fn config(&self) -> ServerConfig {
        let spec = UdpSpec::new(SERVER.into(), UdpPorts::Any);
        let log = LogLimits::default().packets(self.log_packets).bytes(self.log_bytes);
        let config = match self.guard {
            None => ServerConfig::default().asks(self.asks),
            Some(Guard::Table) => ServerConfig::default().asks(self.asks).users(users()),
            Some(Guard::Question) => ServerConfig::default().asks(self.asks | Asks::AUTHENTICATE),
        };
        // A world has no TLS.
        let config = match self.srtp {
            Some(suite) => config.srtp(SrtpPolicy::OfferWithoutTls).srtp_suites([suite]),
            None => config,
        };
        config
            .schemes(self.schemes.clone())
            .nonce_lifetime(self.nonce_lifetime)
            .takeover(self.takeover)
            .resume(self.resume)
            .resume_after_teardown(self.resume_after_teardown)
            .session_timeout(self.session_timeout)
            .media_silence(self.media_silence)
            .conn_idle(self.conn_idle)
            .ticket_deadline(self.ticket_deadline)
            .conns_max(self.conns_max)
            .sessions_max(self.sessions_max)
            .log(log)
            .unproven_bytes_max(self.unproven_bytes)
            .gather(self.gather)
            .udp_burst(self.udp_burst)
            .lag(self.lag)
            .start(self.start)
            .udp(self.has_udp.then_some(spec))
            .udp_pairs(self.udp_pairs)
            .speakers_max(self.speakers_max)
    }

    /// Readers begin at keyframes.
    pub(super) fn begins_at_keyframes(&self) -> bool {
        self.start == StartAt::Keyframe
    }

    /// How long a reader may wait for pictures that it can begin at.
    pub(super) fn access_wait(&self) -> Duration {
        let waits = self.lag == LagPolicy::SkipToKeyframe || self.begins_at_keyframes();
        if waits { ACCESS_POINT_WAIT } else { Duration::ZERO }
    }

    /// Returns `true` if right credentials are never refused: nobody decides otherwise, and no nonce grows old on its way.
    pub(super) fn takes_right_credentials(&self) -> bool {
        let is_asked = self.asks != Asks::NONE || self.takeover == TakeoverPolicy::Ask;
        self.guard == Some(Guard::Table) && !is_asked && self.nonce_lifetime == NONCE_LIFETIME
    }

    /// Returns `true` if the application is asked who may speak.
    pub(super) fn asks_speakers(&self) -> bool {
        self.asks.contains(Asks::SPEAK)
    }

    /// Returns `true` if the application answers nothing itself.
    pub(super) fn asks_nobody(&self) -> bool {
        let is_asked = self.asks != Asks::NONE || self.takeover == TakeoverPolicy::Ask;
        !is_asked && self.guard != Some(Guard::Question)
    }

    /// Returns `true` if a reader of a stream that is there is never refused.
    pub(super) fn takes_everybody(&self) -> bool {
        let is_wide = self.conns_max == ROOM && self.sessions_max == ROOM;
        is_wide && self.asks_nobody() && self.guard.is_none() && self.has_udp
    }

    pub(super) fn udp_burst(&self) -> usize {
        self.udp_burst
    }

    /// Returns `true` if every datagram comes through.
    pub(super) fn is_lossless(&self) -> bool {
        self.udp == UdpFaults::default()
    }

    /// How long a host may say nothing before nothing is sent to it any more.
    pub(super) fn patience(&self) -> Duration {
        self.session_timeout + self.answers() + SLACK
    }

    /// How long all requests of a connection may wait for the application; they are signs of life when their turn comes.
    fn answers(&self) -> Duration {
        let is_asked = self.asks != Asks::NONE || self.takeover == TakeoverPolicy::Ask;
        let questions = u32::from(is_asked) + u32::from(self.guard == Some(Guard::Question));
        let turn = if self.guard.is_some() { AUTH_TURN_WAIT_MAX } else { Duration::ZERO };
        let answer = self.ticket_deadline.max(DEADLINE_GRACE) * questions + turn;
        answer * (1 + REQUESTS_WAITING_MAX as u32)
    }

    /// Returns `true` if a reader over UDP may be sent less than everything because nothing of it has come.
    pub(super) fn limits_unproven(&self) -> bool {
        self.unproven_bytes < UNPROVEN_BYTES_MAX
    }

    /// How long a server may take to become empty once everybody has left, or it is closed.
    pub(super) fn farewell(&self) -> Duration {
        if self.closes || self.closes_early {
            // Readers get the rest of their streams, and then all that there is to say is written.
            return WRITE_STALL * 2 + SLACK * 3;
        }
        let last = self.session_timeout + TCP_UNACKNOWLEDGED_MAX + self.conn_idle * 2;
        last + self.answers() + self.resume + SLACK * 6
    }
}

/// The cost of an overshooting clock and of reports once a second.
pub(super) const SLACK: Duration = Duration::from_secs(6);
