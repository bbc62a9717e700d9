use super::{UdpMedia, reader_of};
use crate::conn::{Inbound, Report};
use crate::{SessionId, StreamId};

/// A reader that is to be told of when it has been sent all packets of a stream before this one.
#[derive(Debug)]
pub(super) struct Asked {
    stream: StreamId,
    session: SessionId,
    number: u64,
}

impl UdpMedia {
    pub(super) fn ask_if_sent(&mut self, stream: StreamId, session: SessionId, number: u64) {
        self.asked.retain(|asked| asked.session != session);
        self.asked.push(Asked { stream, session, number });
    }

    /// Tells of the readers that have been sent all packets that were asked about. Of those that have gone there is nothing to tell.
    pub(super) fn tell_sent(&mut self) {
        let Self { asked, readers, queues, .. } = self;
        asked.retain(|Asked { stream, session, number }| {
            let Some(reader) = reader_of(readers, *stream, *session) else { return false };
            let is_sent = reader.subscription.position() >= *number;
            if is_sent {
                queues.inbound.push_back(Inbound::Report(Report::Sent(*session, *number)));
            }
            !is_sent
        });
    }
}
