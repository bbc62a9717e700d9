use crate::NtpTime;
use crate::header::KeyMgmt;
use crate::mikey::Message;
use crate::random::Random;
use crate::srtp::{KeyError, MasterKey, Suite};

/// A key of one's own: what is sent of one media is protected by it.
#[derive(Clone, Debug)]
pub(crate) struct OwnKey {
    /// Stays the same when the key is replaced.
    csb_id: u32,
    key: MasterKey,
}

impl OwnKey {
    /// A key of chance.
    pub(crate) fn draw(suite: Suite, random: &mut Random) -> Self {
        Self { csb_id: random.next_u32(), key: MasterKey::from_seed(suite, random.seed()) }
    }

    /// The same key with an identifier in each packet (MKI).
    pub(crate) fn with_mki(self, mki: impl Into<Box<[u8]>>) -> Result<Self, KeyError> {
        Ok(Self { key: self.key.with_mki(mki)?, ..self })
    }

    /// The same key for so many packets.
    pub(crate) fn with_lifetime(self, packets: u64) -> Self {
        Self { key: self.key.with_lifetime(packets), ..self }
    }

    /// Another key of the same suite in its place.
    pub(crate) fn renew(&mut self, random: &mut Random) {
        self.key = MasterKey::from_seed(self.suite(), random.seed());
    }

    pub(crate) fn key(&self) -> &MasterKey {
        &self.key
    }

    pub(crate) fn suite(&self) -> Suite {
        self.key.suite()
    }

    /// The message that tells the key, for sources with their rollover counters.
    pub(crate) fn tell(
        &self,
        random: &mut Random,
        now: NtpTime,
        sources: impl IntoIterator<Item = (u32, u32)>,
    ) -> KeyMgmt {
        let mut rand = [0; 16];
        rand.iter_mut().zip(random.seed()).for_each(|(to, from)| *to = from);
        KeyMgmt::mikey(Message::new(self.csb_id, rand, now, &self.key, sources).to_bytes())
    }
}
