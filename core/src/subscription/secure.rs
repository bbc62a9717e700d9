use bytes::Bytes;

use super::Subscription;
use crate::StreamId;
use crate::keying::Sealer;
use crate::stream::StreamLog;

/// The log that a reader reads: that of a stream, or the one of this number beside it, whose packets are encrypted.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct LogId {
    pub(crate) stream: StreamId,
    pub(crate) secure: Option<u32>,
}

impl From<StreamId> for LogId {
    /// The first log of a stream.
    fn from(stream: StreamId) -> Self {
        Self { stream, secure: None }
    }
}

impl LogId {
    /// The log, of those of its stream.
    #[inline]
    pub(crate) fn of(self, log: &StreamLog) -> Option<&StreamLog> {
        match self.secure {
            None => Some(log),
            Some(number) => log.secure(number),
        }
    }
}

/// The encryption of a reader: the log that it reads, and what protects its reports, by track.
#[derive(Debug)]
pub(crate) struct Protection {
    pub(crate) log: u32,
    pub(crate) sealers: Vec<Option<Sealer>>,
}

impl Subscription {
    /// Has it read encrypted packets, and its reports encrypted.
    pub(crate) fn protected(mut self, protection: Option<Protection>) -> Self {
        self.log.secure = protection.as_ref().map(|protection| protection.log);
        self.sealers = protection.map(|protection| protection.sealers.into());
        self
    }

    /// The same for one track by itself, which takes what protects its reports.
    pub(crate) fn of_track(&mut self, track: u8) -> Self {
        let place = usize::from(track);
        let sealers = self.sealers.as_mut().map(|all| {
            let own = all.get_mut(place).and_then(Option::take);
            let others = std::iter::repeat_with(|| None).take(place);
            others.chain([own]).collect()
        });
        Self { sealers, cursor: self.cursor.clone(), sent: self.sent.clone(), ..*self }
    }

    /// The log that it reads.
    pub(crate) fn log_id(&self) -> LogId {
        self.log
    }

    /// RTCP of a track as it is sent; `None` if it must not be sent.
    pub(crate) fn seal(&mut self, track: u8, compound: Bytes) -> Option<Bytes> {
        seal(&mut self.sealers, track, compound)
    }
}

/// RTCP of a track as it is sent to whom these sealers are for, if they are for anybody.
#[inline]
pub(super) fn seal(sealers: &mut Option<Box<[Option<Sealer>]>>, track: u8, compound: Bytes) -> Option<Bytes> {
    match sealers {
        None => Some(compound),
        Some(sealers) => sealers.get_mut(usize::from(track))?.as_mut()?.rtcp(&compound).ok(),
    }
}
