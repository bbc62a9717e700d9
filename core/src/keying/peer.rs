use super::KeyingError;
use crate::Tolerances;
use crate::base64;
use crate::header::KeyMgmt;
use crate::mikey::{Message, MikeyError};
use crate::srtp::{MasterKey, Suite};
use crate::wire::{Headers, name};

/// The parameter of a SET_PARAMETER that has a message of MIKEY in it, as ONVIF has it.
const MIKEY_PARAMETER: &str = "mikey";

/// The keys that a peer has told: what it sends of one media is protected by them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PeerKeys {
    /// The URL of what they are for, if it was told.
    uri: Option<Box<str>>,
    csb_id: u32,
    /// One at least.
    keys: Vec<MasterKey>,
    suite: Suite,
    /// The sources that are known to the peer, with their rollover counters.
    rocs: Vec<(u32, u32)>,
}

impl PeerKeys {
    /// Reads the first message of MIKEY that can be used; `None` if there is no message at all.
    ///
    /// A message that replaces a key may lack the suite, which is then that of the `former`.
    pub(crate) fn read(
        messages: impl IntoIterator<Item = KeyMgmt>,
        former: Option<Suite>,
        tolerances: &mut Tolerances,
    ) -> Result<Option<Self>, KeyingError> {
        let mut refused = None;
        for message in messages {
            match Self::of_message(message, former, tolerances) {
                Ok(keys) => return Ok(Some(keys)),
                // An error in MIKEY tells more than the presence of another protocol beside it.
                Err(error @ KeyingError::Protocol(_)) => _ = refused.get_or_insert(error),
                Err(error) => refused = Some(error),
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// Reads the keys in the headers KeyMgmt of a message; `None` if there is none.
    pub(crate) fn of_headers(
        headers: &Headers,
        former: Option<Suite>,
        tolerances: &mut Tolerances,
    ) -> Result<Option<Self>, KeyingError> {
        let mut messages = Vec::new();
        for value in headers.get_all(name::KEY_MGMT) {
            messages.extend(KeyMgmt::parse(value, tolerances).map_err(KeyingError::Header)?);
        }
        Self::read(messages, former, tolerances)
    }

    /// Reads the keys in the body of a SET_PARAMETER: behind `mikey:` as ONVIF has it, or behind `KeyMgmt:` as GStreamer does;
    /// `None` if neither is there.
    pub(crate) fn of_parameters(
        body: &[u8],
        former: Option<Suite>,
        tolerances: &mut Tolerances,
    ) -> Result<Option<Self>, KeyingError> {
        let mut messages = Vec::new();
        let text = std::str::from_utf8(body).unwrap_or_default();
        for (parameter, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let (parameter, value) = (parameter.trim(), value.trim());
            if parameter.eq_ignore_ascii_case(name::KEY_MGMT) {
                messages.extend(KeyMgmt::parse(value, tolerances).map_err(KeyingError::Header)?);
            } else if parameter.eq_ignore_ascii_case(MIKEY_PARAMETER) {
                let data = base64::decode(value).ok_or(KeyingError::Mikey(MikeyError::NotBase64))?;
                messages.push(KeyMgmt::mikey(data));
            }
        }
        Self::read(messages, former, tolerances)
    }

    fn of_message(
        message: KeyMgmt,
        former: Option<Suite>,
        tolerances: &mut Tolerances,
    ) -> Result<Self, KeyingError> {
        if !message.is_mikey() {
            return Err(KeyingError::Protocol(message.protocol));
        }
        let read = Message::parse(&message.data, tolerances).map_err(KeyingError::Mikey)?;
        let keys = read.master_keys(former).map_err(KeyingError::Mikey)?;
        let suite = keys.first().map(MasterKey::suite).ok_or(KeyingError::Mikey(MikeyError::NoKey))?;
        // A source of zero is one that the peer does not know yet.
        let known = read.sessions().iter().filter(|session| session.ssrc != 0);
        let rocs = known.map(|session| (session.ssrc, session.roc)).collect();
        Ok(Self { uri: message.uri, csb_id: read.csb_id(), keys, suite, rocs })
    }

    /// The URL of what the keys are for; `None` if it was not told, or is empty.
    pub(crate) fn uri(&self) -> Option<&str> {
        self.uri.as_deref().filter(|uri| !uri.is_empty())
    }

    /// The number that stays the same when a key is replaced.
    pub(crate) fn csb_id(&self) -> u32 {
        self.csb_id
    }

    /// The suite that they are for.
    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    /// The keys, of which there is one at least.
    pub(crate) fn keys(&self) -> &[MasterKey] {
        &self.keys
    }

    pub(super) fn rocs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.rocs.iter().copied()
    }
}

impl From<MasterKey> for PeerKeys {
    /// A key that was not told in a message: that of the other side, which a peer without one of its own uses as well.
    fn from(key: MasterKey) -> Self {
        Self { uri: None, csb_id: 0, suite: key.suite(), keys: vec![key], rocs: Vec::new() }
    }
}
