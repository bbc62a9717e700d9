use std::fmt;

use super::HeaderError;
use super::params::{Param, elements, number, params};
use crate::limits::TRANSPORTS_MAX;
use crate::wire::scan::{split_once, trim};
use crate::{Profile, Tolerance, Tolerances};

const TRANSPORT: &str = "Transport";

/// One alternative of a Transport header (RFC 2326, section 12.39).
///
/// Numbers are as the peer sent them: ports may be zero or far apart.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Transport {
    /// The transport that carries the packets.
    pub lower: Lower,
    /// The RTP profile.
    pub profile: Profile,
    /// To one receiver or to a group.
    pub delivery: Option<Delivery>,
    /// The address or host name that media goes to. A server that obeys it can be turned on a victim.
    pub destination: Option<Box<str>>,
    /// The address or host name that media comes from.
    pub source: Option<Box<str>>,
    /// Channels of interleaved RTP and RTCP.
    pub interleaved: Option<(u8, u8)>,
    /// RTP and RTCP ports of a multicast group.
    pub port: Option<(u16, u16)>,
    /// RTP and RTCP ports of the client.
    pub client_port: Option<(u16, u16)>,
    /// RTP and RTCP ports of the server.
    pub server_port: Option<(u16, u16)>,
    /// Time to live of multicast packets.
    pub ttl: Option<u8>,
    /// The SSRC of the server's packets.
    pub ssrc: Option<u32>,
    /// The direction of media; none is [`Mode::Play`].
    pub mode: Option<Mode>,
}

/// The transport below RTP.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Lower {
    /// Datagrams.
    #[default]
    Udp,
    /// Interleaved frames on the RTSP connection.
    Tcp,
}

/// How many receive what is sent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Delivery {
    /// One receiver.
    Unicast,
    /// A group.
    Multicast,
}

/// The direction of media.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// From the server.
    Play,
    /// To the server.
    Record,
}

impl Transport {
    /// Unicast over UDP, received by the client on `client_port`.
    pub fn udp(client_port: (u16, u16)) -> Self {
        Self { delivery: Some(Delivery::Unicast), client_port: Some(client_port), ..Self::default() }
    }

    /// Interleaved on `channels`.
    pub fn tcp(channels: (u8, u8)) -> Self {
        Self {
            lower: Lower::Tcp,
            delivery: Some(Delivery::Unicast),
            interleaved: Some(channels),
            ..Self::default()
        }
    }

    /// Multicast, to a group that the server chooses.
    pub fn multicast() -> Self {
        Self { delivery: Some(Delivery::Multicast), ..Self::default() }
    }

    /// Reads a value with one alternative, or the first usable one of several.
    ///
    /// # Errors
    ///
    /// As [`parse_transports`].
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Result<Self, HeaderError> {
        read_alternatives(std::iter::once(value), 1, tolerances)
            .and_then(|transports| transports.into_iter().next().ok_or(HeaderError::UnknownTransport))
    }
}

/// Reads the alternatives of all Transport headers of a message, in the order of preference.
///
/// Those that are unknown or broken are left out, and only the first
/// [`TRANSPORTS_MAX`](crate::limits::TRANSPORTS_MAX) are read.
///
/// # Errors
///
/// If none is left: [`HeaderError::UnknownTransport`] if any was well formed but unknown, otherwise what is wrong
/// with the first one.
pub fn parse_transports<'a>(
    values: impl Iterator<Item = &'a str>,
    tolerances: &mut Tolerances,
) -> Result<Vec<Transport>, HeaderError> {
    read_alternatives(values, TRANSPORTS_MAX, tolerances)
}

fn read_alternatives<'a>(
    values: impl Iterator<Item = &'a str>,
    wanted: usize,
    tolerances: &mut Tolerances,
) -> Result<Vec<Transport>, HeaderError> {
    let mut transports = Vec::new();
    let mut error = HeaderError::Missing { header: TRANSPORT, what: "transport" };
    let (mut failed, mut left_out) = (false, false);
    let mut texts = values.flat_map(|value| elements(value, b',')).filter(|text| !text.is_empty());
    for text in texts.by_ref().take(TRANSPORTS_MAX) {
        let read = read_alternative(text, tolerances);
        left_out |= read.as_ref().is_err_and(|error| *error != HeaderError::UnknownTransport);
        match read {
            Ok(transport) => transports.push(transport),
            Err(later) if !failed || later == HeaderError::UnknownTransport => {
                (error, failed) = (later, true)
            }
            Err(_) => {}
        }
        if transports.len() == wanted {
            break;
        }
    }
    if transports.is_empty() {
        return Err(error);
    }
    if left_out {
        tolerances.record(Tolerance::TransportLeftOut);
    }
    if texts.next().is_some() {
        tolerances.record(Tolerance::ElementsLeftOut);
    }
    Ok(transports)
}

fn read_alternative(text: &str, tolerances: &mut Tolerances) -> Result<Transport, HeaderError> {
    let params = params(text, b';', TRANSPORT, tolerances)?;
    let (place, (profile, lower)) = params
        .iter()
        .enumerate()
        .find_map(|(place, param)| Some((place, specification(param)?)))
        .ok_or_else(|| missing_specification(params.first()))?;
    if place > 0 {
        tolerances.record(Tolerance::LateTransportProfile);
    }
    let mut transport = Transport { lower, profile, ..Transport::default() };
    for param in &params {
        match param.value {
            None => transport.read_flag(param, tolerances),
            Some(value) => transport.read_parameter(&param.key.to_ascii_lowercase(), value, tolerances)?,
        }
    }
    if transport.lower == Lower::Udp && transport.names_only_channels() {
        tolerances.record(Tolerance::InterleavedWithoutTcp);
        transport.lower = Lower::Tcp;
    }
    Ok(transport)
}

impl Transport {
    fn names_only_channels(&self) -> bool {
        self.interleaved.is_some()
            && self.delivery != Some(Delivery::Multicast)
            && [self.port, self.client_port, self.server_port].iter().all(Option::is_none)
    }

    fn read_flag(&mut self, param: &Param<'_>, tolerances: &mut Tolerances) {
        let known = [Delivery::Unicast, Delivery::Multicast];
        if let Some(delivery) = known.into_iter().find(|delivery| param.is(delivery.as_str())) {
            set_first(&mut self.delivery, delivery, tolerances);
        }
    }

    /// Reads one parameter; of two with the same name the first counts.
    fn read_parameter(
        &mut self,
        key: &str,
        value: &str,
        tolerances: &mut Tolerances,
    ) -> Result<(), HeaderError> {
        match key {
            "interleaved" => {
                set(&mut self.interleaved, "interleaved", channels(value, tolerances), tolerances)?
            }
            "port" => set(&mut self.port, "port", pair(value), tolerances)?,
            "client_port" => set(&mut self.client_port, "client_port", pair(value), tolerances)?,
            "server_port" => set(&mut self.server_port, "server_port", pair(value), tolerances)?,
            "ttl" => set(&mut self.ttl, "ttl", number(value), tolerances)?,
            "mode" => set(&mut self.mode, "mode", mode(value, tolerances), tolerances)?,
            "source" => set_if_read(&mut self.source, host(value), tolerances),
            "destination" => set_if_read(&mut self.destination, host(value), tolerances),
            "ssrc" => {
                if value.len() < 8 && !value.is_empty() {
                    tolerances.record(Tolerance::ShortSsrc);
                }
                set_if_read(&mut self.ssrc, ssrc(value), tolerances);
            }
            _ => {}
        }
        Ok(())
    }
}

fn set<T>(
    slot: &mut Option<T>,
    parameter: &'static str,
    read: Option<T>,
    tolerances: &mut Tolerances,
) -> Result<(), HeaderError> {
    let read = read.ok_or(HeaderError::Unreadable { header: TRANSPORT, parameter })?;
    set_first(slot, read, tolerances);
    Ok(())
}

fn set_if_read<T>(slot: &mut Option<T>, read: Option<T>, tolerances: &mut Tolerances) {
    match read {
        Some(read) => set_first(slot, read, tolerances),
        None => tolerances.record(Tolerance::UnreadableParameter),
    }
}

fn set_first<T>(slot: &mut Option<T>, read: T, tolerances: &mut Tolerances) {
    match slot {
        Some(_) => tolerances.record(Tolerance::RepeatedParameter),
        None => *slot = Some(read),
    }
}

/// `RTP/AVP[/UDP|/TCP]`, and the other profiles likewise.
fn specification(param: &Param<'_>) -> Option<(Profile, Lower)> {
    if param.value.is_some() {
        return None;
    }
    let mut slashes = param.key.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    let (profile, lower) = match slashes.nth(1) {
        Some((at, _)) => param.key.split_at(at),
        None => (param.key, ""),
    };
    let lower = match lower {
        "" => Lower::Udp,
        lower if lower.eq_ignore_ascii_case("/udp") => Lower::Udp,
        lower if lower.eq_ignore_ascii_case("/tcp") => Lower::Tcp,
        _ => return None,
    };
    [Profile::Avp, Profile::Avpf, Profile::Savp, Profile::Savpf]
        .into_iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(profile))
        .map(|profile| (profile, lower))
}

fn missing_specification(first: Option<&Param<'_>>) -> HeaderError {
    match first {
        Some(Param { key, value: None }) if key.contains('/') => HeaderError::UnknownTransport,
        _ => HeaderError::Missing { header: TRANSPORT, what: "profile" },
    }
}

/// `a-b`, or `a` for itself and the next number.
fn pair<T: TryFrom<u32>>(value: &str) -> Option<(T, T)> {
    let (first, second) = match split_once(value, b'-') {
        Some((first, second)) => (number::<u32>(trim(first))?, number::<u32>(trim(second))?),
        None => {
            let first = number::<u32>(value)?;
            (first, first.checked_add(1)?)
        }
    };
    Some((T::try_from(first).ok()?, T::try_from(second).ok()?))
}

/// Two channels, or one and the next.
fn channels(value: &str, tolerances: &mut Tolerances) -> Option<(u8, u8)> {
    if !value.contains('-') {
        tolerances.record(Tolerance::LoneChannel);
    }
    pair(value)
}

fn host(value: &str) -> Option<Box<str>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte);
    (!value.is_empty() && value.bytes().all(plain)).then(|| value.into())
}

/// One to eight hexadecimal digits: Hikvision sends seven, live555 all eight.
fn ssrc(value: &str) -> Option<u32> {
    let digits = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u32::from_str_radix(value, 16).ok())?
}

/// A list, mostly of one, in which the first known mode counts.
fn mode(value: &str, tolerances: &mut Tolerances) -> Option<Mode> {
    value.split(',').map(str::trim).find_map(|mode| match mode.to_ascii_lowercase().as_str() {
        "play" => Some(Mode::Play),
        "record" => Some(Mode::Record),
        "receive" => {
            tolerances.record(Tolerance::ModeReceive);
            Some(Mode::Record)
        }
        _ => None,
    })
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.profile.fmt(f)?;
        if self.lower == Lower::Tcp {
            f.write_str("/TCP")?;
        }
        if let Some(delivery) = self.delivery {
            write!(f, ";{}", delivery.as_str())?;
        }
        if let Some(source) = &self.source {
            write!(f, ";source={source}")?;
        }
        if let Some(destination) = &self.destination {
            write!(f, ";destination={destination}")?;
        }
        if let Some((rtp, rtcp)) = self.interleaved {
            write!(f, ";interleaved={rtp}-{rtcp}")?;
        }
        if let Some((rtp, rtcp)) = self.port {
            write!(f, ";port={rtp}-{rtcp}")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, ";ttl={ttl}")?;
        }
        if let Some((rtp, rtcp)) = self.client_port {
            write!(f, ";client_port={rtp}-{rtcp}")?;
        }
        if let Some((rtp, rtcp)) = self.server_port {
            write!(f, ";server_port={rtp}-{rtcp}")?;
        }
        if let Some(ssrc) = self.ssrc {
            write!(f, ";ssrc={ssrc:08X}")?;
        }
        if let Some(mode) = self.mode {
            write!(f, ";mode={}", mode.as_str())?;
        }
        Ok(())
    }
}

impl Delivery {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Multicast => "multicast",
        }
    }
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Play => "play",
            Self::Record => "record",
        }
    }
}

#[cfg(test)]
mod tests;
