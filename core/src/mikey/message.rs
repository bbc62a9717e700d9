use super::MikeyError;
use super::key_data::KeyData;
use super::policy::Policy;
use crate::srtp::{MasterKey, Suite};
use crate::{NtpTime, Tolerances, base64};

/// A source of packets that the keys of a message are for: a crypto session of SRTP (RFC 3830, section 6.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CryptoSession {
    /// The number of its security policy in the message.
    pub policy: u8,
    /// The source; 0 if the sender of the message does not know it.
    pub ssrc: u32,
    /// The rollover counter of the source.
    pub roc: u32,
}

/// A message that hands keys to a peer in the clear, so that it may travel over TLS only (RFC 3830, section 3.1, without
/// encryption).
///
/// Nothing shows the keys but [`master_keys`](Self::master_keys) and the bytes of the message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    pub(super) csb_id: u32,
    pub(super) sessions: Vec<CryptoSession>,
    pub(super) time: Option<NtpTime>,
    pub(super) rand: Box<[u8]>,
    pub(super) policies: Vec<Policy>,
    pub(super) keys: Vec<KeyData>,
}

impl Message {
    /// A message with a key for sources, each with its rollover counter.
    ///
    /// `csb_id` is a number of chance that stays the same when the key is replaced, `rand` is new for each message, and
    /// `now` is the time of the wall clock.
    pub fn new(
        csb_id: u32,
        rand: [u8; 16],
        now: NtpTime,
        key: &MasterKey,
        sources: impl IntoIterator<Item = (u32, u32)>,
    ) -> Self {
        // Their number is a byte.
        let sources = sources.into_iter().take(u8::MAX.into());
        Self {
            csb_id,
            sessions: sources.map(|(ssrc, roc)| CryptoSession { policy: 0, ssrc, roc }).collect(),
            time: Some(now),
            rand: rand.into(),
            policies: vec![Policy::of(key.suite())],
            keys: vec![KeyData::of(key)],
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// If it is none, or hands over keys in another way than in the clear.
    pub fn parse(bytes: &[u8], tolerances: &mut Tolerances) -> Result<Self, MikeyError> {
        super::read::message(bytes, tolerances)
    }

    /// Reads a message in base64, as it stands in descriptions and headers.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and if it is not base64.
    pub fn from_base64(text: &str, tolerances: &mut Tolerances) -> Result<Self, MikeyError> {
        Self::parse(&base64::decode(text).ok_or(MikeyError::NotBase64)?, tolerances)
    }

    /// The bytes of the message.
    pub fn to_bytes(&self) -> Vec<u8> {
        super::write::message(self)
    }

    /// The message in base64, as it stands in descriptions and headers.
    pub fn to_base64(&self) -> String {
        base64::encode(&self.to_bytes())
    }

    /// The number of the bundle of crypto sessions, which stays the same when their key is replaced.
    pub fn csb_id(&self) -> u32 {
        self.csb_id
    }

    /// The sources that the keys are for, with their rollover counters.
    pub fn sessions(&self) -> &[CryptoSession] {
        &self.sessions
    }

    /// The time of the message, if it tells one.
    pub fn time(&self) -> Option<NtpTime> {
        self.time
    }

    /// The keys of the message, of which there is one at least; those of several have identifiers.
    ///
    /// A message that replaces a key may lack the policy, which is then that of the `former` key. Without either it is
    /// [`Suite::AesCm128HmacSha1_80`], as it is to others.
    ///
    /// # Errors
    ///
    /// If the policy is of a suite that is not known, or a key has not the length of the suite.
    pub fn master_keys(&self, former: Option<Suite>) -> Result<Vec<MasterKey>, MikeyError> {
        let number = self.sessions.first().map_or(0, |session| session.policy);
        let policy =
            self.policies.iter().find(|policy| policy.number == number).or_else(|| self.policies.first());
        let suite = match policy {
            Some(policy) => policy.suite()?,
            None => former.unwrap_or(Suite::AesCm128HmacSha1_80),
        };
        self.keys.iter().map(|key| key.master_key(suite)).collect()
    }
}
