use std::net::IpAddr;

use super::session::State;
use super::shares::{Held, Refused};
use super::{Output, Server};
use crate::limits::{DESCRIPTION_COST, DESCRIPTION_SHARE_LEAST, LOG_BYTES_LEAST};
use crate::stream::LogLimits;
use crate::{SessionId, StreamId};

/// What the logs of all streams hold together is shared out among them: with each doubling of their number beyond what
/// there is room for, each log keeps half.
impl Server {
    /// The most that a log keeps now.
    pub(super) fn log_limits(&self) -> LogLimits {
        self.config.log.bytes(self.log_bytes)
    }

    /// Shares the memory of the logs out anew: a stream has come or gone.
    ///
    /// Logs become shorter at once, and longer again only when there is more room than they need, so that one stream which
    /// comes and goes does not concern all the others each time.
    pub(super) fn share_logs(&mut self) {
        let streams = self.published.len();
        let mut bytes = self.log_bytes_for(streams);
        if bytes > self.log_bytes {
            bytes = self.log_bytes_for(streams.saturating_add(streams / 2)).max(self.log_bytes);
        }
        if bytes == self.log_bytes {
            return;
        }
        self.log_bytes = bytes;
        let limits = self.log_limits();
        let all: Vec<StreamId> = self.published.iter().map(|(stream, _)| stream).collect();
        self.outputs.extend(all.into_iter().map(|stream| Output::LimitLog(stream, limits)));
    }

    fn log_bytes_for(&self, streams: usize) -> usize {
        let mut bytes = self.config.log.bytes_kept();
        while bytes > LOG_BYTES_LEAST && bytes.saturating_mul(streams) > self.log_budget() {
            bytes = (bytes / 2).max(LOG_BYTES_LEAST);
        }
        bytes
    }

    /// Whether a publisher's stream still has room for its log.
    pub(super) fn check_stream(&self) -> Result<(), Refused> {
        let least = self.config.log.bytes_kept().min(LOG_BYTES_LEAST);
        let needed = self.published.len().saturating_add(1).saturating_mul(least);
        if needed <= self.log_budget() { Ok(()) } else { Err(Refused::Streams) }
    }

    /// Whether a publisher may announce a description of so many bytes.
    pub(super) fn check_description(&self, ip: IpAddr, bytes: usize) -> Result<(), Refused> {
        let (cost, own) = (cost_of(bytes), self.shares.of(ip).described);
        let others = self.described.saturating_sub(own);
        let left = self.description_budget().saturating_sub(others);
        let wanted = own.saturating_add(cost);
        if wanted > left {
            return Err(Refused::Descriptions);
        }
        let share = left.checked_div(self.config.address_share).unwrap_or(left).max(DESCRIPTION_SHARE_LEAST);
        if wanted <= share || self.is_exempt(ip) { Ok(()) } else { Err(Refused::DescriptionsOfAddress) }
    }

    /// Counts the description that a session has announced.
    pub(super) fn hold_description(&mut self, session: SessionId, bytes: usize) {
        let Some(session) = self.sessions.get_mut(session) else { return };
        if let State::PreRecord(publishing) = &mut session.state {
            publishing.described = cost_of(bytes);
            self.described = self.described.saturating_add(publishing.described);
            let described = publishing.described;
            self.shares.take(session.peer.ip(), Held { described, ..Held::default() });
        }
    }

    fn log_budget(&self) -> usize {
        self.config.memory.saturating_sub(self.description_budget())
    }

    fn description_budget(&self) -> usize {
        self.config.memory / 8
    }
}

/// What a description holds, as it is announced, read, and told to readers.
fn cost_of(bytes: usize) -> usize {
    bytes.saturating_mul(DESCRIPTION_COST)
}
