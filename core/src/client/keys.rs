//! The keys of medias that are protected by SRTP: the client's, which it tells, and the server's, which it is told (RFC 4567).
//!
//! ```text
//!            a=key-mgmt            KeyMgmt                KeyMgmt
//! DESCRIBE ◀───────────── SETUP ─────────────▶ ◀──────────────────── its answer
//!            the server's        the client's     the server's again, or only now
//! ```
//!
//! For publishing it goes the other way: the client's key stands in ANNOUNCE, and again in SETUP. Axis has its servers use the
//! client's key, which it then has to tell with an identifier.

mod guard;
mod policy;
mod renewal;

use std::collections::BTreeMap;

pub(super) use guard::{Guard, OwnSide};
pub use policy::ClientSrtp;
pub(super) use renewal::Renewal;

use super::setup::Setup;
use super::{Client, CommandError, SrtpError, State};
use crate::description::{Attribute, Description};
use crate::frame::FrameWriter;
use crate::header::KeyMgmt;
use crate::keying::{KeyingError, OwnKey, PeerKeys};
use crate::random::Random;
use crate::srtp::Suite;
use crate::url::Url;
use crate::wire::{Response, StatusCode, name};
use crate::{Instant, NtpTime, Tolerance, Tolerances};

/// The suite that every server has.
const COMMON: Suite = Suite::AesCm128HmacSha1_80;

/// Keys of what is announced, and the sources that are told with them.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The client's, of each media.
    announced: BTreeMap<usize, OwnSide>,
    /// The server's in its answer to ANNOUNCE, as GStreamer has them.
    answered: Vec<KeyMgmt>,
    /// The seed of the next frame writer, whose sources were told.
    writer_seed: Option<[u8; 32]>,
    /// The sources of the last frame writer, or of the next if they were told.
    ssrcs: Vec<(usize, u32)>,
}

impl Keys {
    /// Begins anew for another description of the application's.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The seed of a frame writer.
    pub(super) fn writer_seed(&mut self, random: &mut Random) -> [u8; 32] {
        self.writer_seed.take().unwrap_or_else(|| random.seed())
    }

    /// Takes note of the sources that the application is going to send.
    pub(super) fn handle_writer(&mut self, writer: &FrameWriter) {
        self.ssrcs = writer.ssrcs().collect();
    }

    /// Keeps the keys in the answer to ANNOUNCE.
    pub(super) fn handle_announced(&mut self, response: &Response) {
        let values = response.headers.get_all(name::KEY_MGMT);
        let read = |value| KeyMgmt::parse(value, &mut Tolerances::default()).unwrap_or_default();
        self.answered = values.flat_map(read).collect();
    }

    /// The sources that are going to be sent of a media of a description, as far as they are known: those that it names, or
    /// those of a frame writer.
    fn ssrcs_of(&mut self, description: &Description, media: usize, random: &mut Random) -> Vec<u32> {
        let named: Vec<u32> =
            description.medias.get(media).into_iter().flat_map(|media| media.ssrcs()).collect();
        if !named.is_empty() {
            return named;
        }
        if self.ssrcs.is_empty() {
            let seed = random.seed();
            if let Ok(writer) = FrameWriter::new(description, seed) {
                self.writer_seed = Some(seed);
                self.handle_writer(&writer);
            }
        }
        self.ssrcs.iter().filter(|(own, _)| *own == media).map(|(_, ssrc)| *ssrc).collect()
    }
}

/// The client's keys.
impl Client {
    /// A description as it is announced, but for its keys.
    pub(super) fn to_announce(&self, mut description: Description) -> Description {
        if self.config.srtp.publish.is_some() {
            description.medias.iter_mut().for_each(|media| media.profile = media.profile.secured());
        }
        description
    }

    /// Draws a key for each media that is announced as protected, and adds it to the description.
    pub(super) fn with_keys(
        &mut self,
        now: Instant,
        description: &Description,
    ) -> Result<Description, CommandError> {
        let mut announced = description.clone();
        self.keys.announced.clear();
        for (index, media) in announced.medias.iter_mut().enumerate() {
            if !media.profile.is_secure() {
                continue;
            }
            self.check_secrecy(index)?;
            let ssrcs = self.keys.ssrcs_of(description, index, &mut self.random);
            let own = self.draw(self.config.srtp.publish.unwrap_or(COMMON), ssrcs);
            let message = self.message(now, &own);
            media.attributes.push(Attribute::new("key-mgmt", message.to_attribute()));
            self.keys.announced.insert(index, own);
        }
        Ok(announced)
    }

    /// The client's key for a media that is to be set up; `None` for one that is not protected.
    pub(super) fn own_side(&mut self, media: usize) -> Result<Option<Box<OwnSide>>, CommandError> {
        if !self.is_secure(media) {
            return Ok(None);
        }
        self.check_secrecy(media)?;
        if self.state == State::PreRecord {
            return Ok(self.keys.announced.get(&media).cloned().map(Box::new));
        }
        let (described, is_sent) = (self.described_keys(media), self.is_back_channel(media));
        let known = self.presentation.as_ref().map(|presentation| &presentation.description);
        let has_crypto = known.and_then(|known| known.medias.get(media)?.crypto().next()).is_some();
        if has_crypto && matches!(described, Ok(None)) {
            return Err(CommandError::Srtp { media, error: SrtpError::OnlyCrypto });
        }
        let ssrcs = match known.filter(|_| is_sent) {
            Some(description) => self.keys.ssrcs_of(description, media, &mut self.random),
            None => vec![self.random.next_u32()],
        };
        let offered = described.ok().flatten().map_or(COMMON, |keys| keys.suite());
        let suite = self.config.srtp.suite.unwrap_or(offered);
        Ok(Some(Box::new(self.draw(suite, ssrcs))))
    }

    /// The header that tells the client's key in SETUP.
    pub(super) fn key_header(&mut self, now: Instant, setup: &Setup, url: &Url) -> Option<KeyMgmt> {
        let message = self.message(now, setup.own.as_ref()?);
        Some(message.with_uri(url.as_request_uri()))
    }

    /// Takes note that the server wants to use the client's key, if that is why it has refused SETUP. Returns `true` if it is
    /// to be asked again.
    pub(super) fn takes_over_keys(&mut self, setup: &mut Setup, status: StatusCode) -> bool {
        let is_refused = status == StatusCode::KEY_MANAGEMENT_FAILURE && self.state != State::PreRecord;
        let Some(own) = setup.own.as_mut().filter(|own| is_refused && !own.is_shared) else { return false };
        own.key = identified(&own.key, &mut self.random);
        own.is_shared = true;
        self.tolerances.record(Tolerance::ClientManagedKeys);
        true
    }

    fn draw(&mut self, suite: Suite, ssrcs: Vec<u32>) -> OwnSide {
        let key = OwnKey::draw(suite, &mut self.random);
        OwnSide { key: limited(key, self.config.srtp.key_packets), ssrcs, is_shared: false }
    }

    /// The message that tells a key. Servers look the key of a packet up by its source (GStreamer).
    fn message(&mut self, now: Instant, own: &OwnSide) -> KeyMgmt {
        let ssrcs = if own.ssrcs.is_empty() { &[0][..] } else { &own.ssrcs };
        let sources = ssrcs.iter().map(|ssrc| (*ssrc, 0));
        let now = self.own_wall_clock(now);
        own.key.tell(&mut self.random, now, sources)
    }

    /// The wall clock time of `now`, which servers compare with their own.
    fn own_wall_clock(&self, now: Instant) -> NtpTime {
        self.wall.map(|(then, wall)| wall + (now - then)).unwrap_or_default()
    }

    fn check_secrecy(&self, media: usize) -> Result<(), CommandError> {
        let may_tell = self.url.is_secure() || self.config.srtp.without_tls;
        if may_tell { Ok(()) } else { Err(CommandError::Srtp { media, error: SrtpError::NotOverTls }) }
    }
}

/// The server's keys.
impl Client {
    /// The protection of a media that the server has set up; `None` if it is not protected.
    pub(super) fn guard(
        &mut self,
        setup: &Setup,
        url: &Url,
        response: &Response,
    ) -> Result<Option<Box<Guard>>, CommandError> {
        let Some(own) = setup.own.as_deref().cloned() else { return Ok(None) };
        let peer = match self.told_keys(setup.media, url, response) {
            _ if own.is_shared => None,
            // Only reports come of what the client sends.
            Err(_) | Ok(None) if self.is_to_be_sent(setup.media) => None,
            Ok(Some(keys)) => Some(keys),
            Ok(None) => return Err(CommandError::Srtp { media: setup.media, error: SrtpError::NoKeys }),
            Err(error) => {
                return Err(CommandError::Srtp { media: setup.media, error: SrtpError::Keys(error) });
            }
        };
        Ok(Some(Box::new(Guard::new(own, peer, self.config.srtp.chosen_ciphers()))))
    }

    /// The server's keys in the answer to SETUP, or else those that it has told before.
    fn told_keys(
        &mut self,
        media: usize,
        url: &Url,
        response: &Response,
    ) -> Result<Option<PeerKeys>, KeyingError> {
        let answered = PeerKeys::of_headers(&response.headers, None, &mut self.tolerances);
        if let Ok(Some(_)) = answered {
            return answered;
        }
        let before = match self.announced_keys(media, url) {
            Ok(None) => self.described_keys(media),
            told => told,
        };
        if let Ok(None) = before { answered } else { before }
    }

    /// The server's keys for a media in its answer to ANNOUNCE.
    fn announced_keys(&mut self, media: usize, url: &Url) -> Result<Option<PeerKeys>, KeyingError> {
        let named = |message: &&KeyMgmt| message.uri.as_deref() == Some(url.as_request_uri());
        let by_name = self.keys.answered.iter().find(named);
        let by_place = || self.keys.answered.get(media);
        let message = by_name.or_else(by_place).cloned();
        PeerKeys::read(message, None, &mut self.tolerances)
    }

    /// The server's keys for a media in its description: those of the media, or of all.
    fn described_keys(&mut self, media: usize) -> Result<Option<PeerKeys>, KeyingError> {
        let Some(presentation) = &self.presentation else { return Ok(None) };
        let description = &presentation.description;
        let own = description.medias.get(media).into_iter().flat_map(|media| media.key_mgmt());
        let messages: Vec<_> = own.chain(description.key_mgmt()).collect();
        PeerKeys::read(messages, None, &mut self.tolerances)
    }
}

/// The same key for as many packets as it may protect.
fn limited(key: OwnKey, packets: Option<u64>) -> OwnKey {
    match packets {
        Some(packets) => key.with_lifetime(packets),
        None => key,
    }
}

/// The same key with an identifier of chance.
fn identified(key: &OwnKey, random: &mut Random) -> OwnKey {
    // Four bytes are not too long.
    key.clone().with_mki(random.next_u32().to_be_bytes()).unwrap_or_else(|_| key.clone())
}
