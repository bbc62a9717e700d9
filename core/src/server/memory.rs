use std::net::IpAddr;

#[cfg(feature = "srtp")]
use super::logs::Publisher;
use super::secure::StreamKeys;
use super::session::State;
use super::shares::{Held, Refused};
use super::{Output, Server, ServerConfig};
use crate::limits::{DESCRIPTION_COST, DESCRIPTION_SHARE_LEAST};
use crate::prefix::Origin;
use crate::stream::LogLimits;
use crate::subscription::LogId;
use crate::{SessionId, StreamId};

/// The memory of logs and descriptions together.
impl Server {
    /// Counts the log of a stream, which has a publisher or is the application's own; how much it keeps.
    pub(super) fn count_log(&mut self, stream: StreamId, publisher: Option<SessionId>) -> LogLimits {
        let ip =
            publisher.and_then(|publisher| self.sessions.get(publisher)).map(|session| session.peer.ip());
        let publisher = ip.map(|ip| (Origin::from(ip), self.is_exempt(ip)));
        let published = self.published.get(stream);
        let secure = published.into_iter().flat_map(|published| &published.keys).filter_map(StreamKeys::log);
        let all: Vec<_> = secure.map(Some).chain([None]).collect();
        all.into_iter().for_each(|secure| self.logs.add(LogId { stream, secure }, publisher));
        self.limit_logs();
        self.config.log.bytes(self.logs.bytes_of(stream.into()))
    }

    /// Checks that there is room for a log of encrypted packets beside that of a stream.
    #[cfg(feature = "srtp")]
    pub(super) fn check_secure_log(&self, stream: StreamId) -> Result<(), Refused> {
        self.publisher_of(stream).map_or(Ok(()), |publisher| self.logs.check(publisher))
    }

    /// Counts a log of encrypted packets.
    #[cfg(feature = "srtp")]
    pub(super) fn count_secure_log(&mut self, stream: StreamId, number: u32) {
        let publisher = self.publisher_of(stream);
        self.logs.add(LogId { stream, secure: Some(number) }, publisher);
        self.limit_logs();
    }

    #[cfg(feature = "srtp")]
    fn publisher_of(&self, stream: StreamId) -> Option<Publisher> {
        let published = self.published.get(stream)?;
        let ip = self.sessions.get(published.publisher.or(published.speaker)?)?.peer.ip();
        Some((Origin::from(ip), self.is_exempt(ip)))
    }

    /// A log of encrypted packets is gone.
    #[cfg(feature = "srtp")]
    pub(super) fn uncount_secure_log(&mut self, stream: StreamId, number: u32) {
        self.logs.remove(LogId { stream, secure: Some(number) });
        self.limit_logs();
    }

    /// The log of a stream is gone.
    pub(super) fn uncount_log(&mut self, stream: StreamId) {
        self.logs.remove(stream.into());
        self.limit_logs();
    }

    fn limit_logs(&mut self) {
        // Those of encrypted packets are as long as the first log of their stream, and told with it.
        for log in self.logs.take_changed().into_iter().filter(|log| log.secure.is_none()) {
            let limits = self.config.log.bytes(self.logs.bytes_of(log));
            self.outputs.push_back(Output::LimitLog(log.stream, limits));
        }
    }

    /// Checks that a publisher's stream still has room for its log.
    pub(super) fn check_stream(&self, ip: IpAddr) -> Result<(), Refused> {
        self.logs.check((Origin::from(ip), self.is_exempt(ip)))
    }

    /// Checks that a publisher may announce a description of so many bytes.
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

    fn description_budget(&self) -> usize {
        self.config.memory / 8
    }
}

/// Bytes that all logs of a server may keep together.
pub(super) fn log_budget(config: &ServerConfig) -> usize {
    config.memory.saturating_sub(config.memory / 8)
}

/// The memory that a description takes, as it is announced, read, and told to readers.
fn cost_of(bytes: usize) -> usize {
    bytes.saturating_mul(DESCRIPTION_COST)
}
