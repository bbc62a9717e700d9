use bytes::{Buf, Bytes};

use super::durations::Durations;
use super::{HEADER_BYTES, HEADERS, RAW};
use crate::Tolerances;
use crate::description::{Vorbis, VorbisHeaders};
use crate::limits::VORBIS_HEADERS_MAX;
use crate::payload::fragments::Fragments;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;
use crate::tolerance::Tolerance;

/// Gives each packet of Vorbis with its own timestamp.
///
/// Packets that are whole in a payload share its memory. One of which a fragment is missing is dropped; no other suffers
/// from a loss. The first unit for which other headers count than before has them as its configuration.
#[derive(Debug)]
pub struct Depacketizer {
    pub(super) known: Vec<VorbisHeaders>,
    /// The headers that count now.
    current: Option<(VorbisHeaders, Option<Durations>)>,
    /// The headers that count are to be told with the next unit.
    has_news: bool,
    /// Fragments are passed over whose beginning a loss has taken.
    skips: bool,
    /// The fragments are of headers.
    joins_headers: bool,
    fragments: Fragments,
    tolerances: Tolerances,
}

/// The first four bytes of a payload (RFC 5215, section 2.2).
#[derive(Clone, Copy, Debug)]
struct Header {
    ident: u32,
    fragment: Fragment,
    kind: u8,
    count: u8,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fragment {
    None,
    First,
    Further,
    Last,
}

impl Header {
    fn read(payload: &mut Bytes) -> Option<Self> {
        let word = payload.try_get_u32().ok()?;
        let fragment = match word >> 6 & 3 {
            0 => Fragment::None,
            1 => Fragment::First,
            2 => Fragment::Further,
            _ => Fragment::Last,
        };
        Some(Self { ident: word >> 8, fragment, kind: (word >> 4 & 3) as u8, count: (word & 15) as u8 })
    }
}

impl Depacketizer {
    /// A depacketizer with the headers that a description tells, if it does.
    pub fn new(vorbis: &Vorbis) -> Self {
        let known = vorbis.headers.clone();
        Self {
            current: known.first().map(|first| (first.clone(), Durations::read(first))),
            known,
            has_news: false,
            skips: false,
            joins_headers: false,
            fragments: Fragments::default(),
            tolerances: Tolerances::default(),
        }
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read, its headers have not come yet, or a bound is hit; the next packet can be pushed all the
    /// same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let intact = self.fragments.turn_to(packet, lost)?;
        if !intact {
            self.forget();
            self.skips = true;
        }
        let result = self.push_payload(packet);
        self.fragments.finish(result)
    }

    /// The next unit.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.fragments.poll()
    }

    /// Drops a packet of which fragments have yet to come.
    pub fn flush(&mut self) {
        self.fragments.flush();
        self.forget();
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    fn forget(&mut self) {
        if let Some((_, Some(durations))) = &mut self.current {
            durations.forget();
        }
    }

    fn push_payload(&mut self, packet: &RtpPacket) -> Result<(), PayloadError> {
        let mut payload = packet.payload_bytes();
        let length = payload.len();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let header = Header::read(&mut payload);
        let header = header.ok_or(PayloadError::Truncated { needed: HEADER_BYTES, length })?;
        if header.fragment != Fragment::None {
            return self.push_fragment(packet, payload, header);
        }
        self.fragments.drop_open();
        self.skips = false;
        let mut timestamp = packet.timestamp();
        for _ in 0..header.count {
            let part = split_part(&mut payload)?;
            let passed = self.push_part(header, part, timestamp)?;
            timestamp = timestamp.wrapping_add(passed);
        }
        Ok(())
    }

    fn push_fragment(
        &mut self,
        packet: &RtpPacket,
        mut payload: Bytes,
        header: Header,
    ) -> Result<(), PayloadError> {
        let fragment = split_part(&mut payload)?;
        if header.fragment == Fragment::First {
            self.fragments.start(packet.timestamp(), 0);
            self.skips = false;
            self.joins_headers = header.kind == HEADERS;
        } else if !self.fragments.is_open() {
            // Fragments left over by a loss are no error.
            return if self.skips { Ok(()) } else { Err(PayloadError::FragmentWithoutStart) };
        } else if self.joins_headers != (header.kind == HEADERS) {
            self.fragments.drop_open();
            return Err(PayloadError::Malformed("fragments of sound and of headers are mixed"));
        }
        self.fragments.extend(&fragment)?;
        if header.fragment == Fragment::Last {
            if let Some((timestamp, part)) = self.fragments.take() {
                self.push_part(header, part, timestamp)?;
            }
        }
        Ok(())
    }

    /// Adds a whole packet, or whole headers; the samples that it gives.
    fn push_part(&mut self, header: Header, part: Bytes, timestamp: u32) -> Result<u32, PayloadError> {
        match header.kind {
            RAW => self.push_sound(header.ident, part, timestamp),
            HEADERS => {
                let headers = VorbisHeaders::read_packed(header.ident, part);
                self.learn(headers.ok_or(PayloadError::Malformed("no headers of Vorbis"))?);
                Ok(0)
            }
            // Comments by themselves, of which the RFC says that they are passed over, as what is reserved.
            _ => Ok(0),
        }
    }

    fn learn(&mut self, headers: VorbisHeaders) {
        if self.known.contains(&headers) {
            return;
        }
        let ident = headers.ident;
        self.known.retain(|known| known.ident != ident);
        if self.known.len() >= VORBIS_HEADERS_MAX {
            self.known.remove(0);
        }
        self.known.push(headers);
        if self.current.as_ref().is_some_and(|(current, _)| current.ident == ident) {
            self.turn_to(ident);
        }
    }

    /// Goes by the headers of this name from now on, if they are known.
    fn turn_to(&mut self, ident: u32) -> bool {
        let Some(headers) = self.known.iter().find(|known| known.ident == ident) else { return false };
        self.current = Some((headers.clone(), Durations::read(headers)));
        self.has_news = true;
        true
    }

    fn push_sound(&mut self, ident: u32, part: Bytes, timestamp: u32) -> Result<u32, PayloadError> {
        let is_current = self.current.as_ref().is_some_and(|(current, _)| current.ident == ident);
        if !is_current && !self.turn_to(ident) {
            return Err(PayloadError::Malformed("the headers of Vorbis have not come yet"));
        }
        if part.is_empty() {
            self.tolerances.record(Tolerance::EmptyAccessUnit);
            return Ok(0);
        }
        let Some((headers, durations)) = &mut self.current else { return Ok(0) };
        let passed = durations.as_mut().map_or(0, |durations| durations.next(&part));
        let configuration = std::mem::take(&mut self.has_news).then(|| headers.to_private());
        self.fragments.push_unit(AccessUnit {
            timestamp,
            parts: part.into(),
            is_keyframe: true,
            is_damaged: false,
            configuration,
        });
        Ok(passed)
    }
}

/// The next part behind its length.
fn split_part(payload: &mut Bytes) -> Result<Bytes, PayloadError> {
    let length = payload.len();
    let needed = payload.try_get_u16().map_err(|_| PayloadError::Truncated { needed: 2, length })?;
    let needed = usize::from(needed);
    if needed > payload.len() {
        return Err(PayloadError::Truncated { needed, length: payload.len() });
    }
    Ok(payload.split_to(needed))
}
