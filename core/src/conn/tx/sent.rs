use super::ConnTx;
use crate::SessionId;
use crate::conn::Report;

/// A reader that is to be told of when it has been sent all packets of its stream before one.
#[derive(Debug)]
pub(super) struct Asked {
    session: SessionId,
    number: u64,
    /// The number of bytes that had been put into the outbox when the last of them was.
    pub(super) until: Option<u64>,
}

impl ConnTx {
    pub(super) fn ask_if_sent(&mut self, session: SessionId, number: u64) {
        self.asked.retain(|asked| asked.session != session);
        self.asked.push(Asked { session, number, until: None });
    }

    /// Takes note of what is in the outbox now, and tells of those whose packets are written. Of those that have gone there
    /// is nothing to tell.
    pub(super) fn tell_sent(&mut self) {
        let (queued, written) = (self.queued(), self.written);
        let Self { asked, readers, reports, .. } = self;
        asked.retain_mut(|Asked { session, number, until }| {
            let mut subscriptions = readers.iter().map(|reader| &reader.subscription);
            let Some(reader) = subscriptions.find(|own| own.session() == *session) else { return false };
            if until.is_none() && reader.position() >= *number {
                *until = Some(queued);
            }
            let is_written = until.is_some_and(|until| until <= written);
            if is_written {
                reports.push_back(Report::Sent(*session, *number));
            }
            !is_written
        });
    }

    /// Has those told of whose packets are written.
    pub(super) fn look_at_asked(&mut self) {
        self.has_more |=
            self.asked.iter().any(|asked| asked.until.is_some_and(|until| until <= self.written));
    }
}
