use super::Server;
use super::streams::in_the_clear;
use crate::description::Description;
use crate::stream::{SsrcError, StreamLog};
use crate::{StreamId, Tolerances};

/// Why a stream was not given another description.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The stream has ended.
    #[error("the stream has ended")]
    Ended,
    /// A publisher records the stream; it is described as it was announced.
    #[error("the stream is described by its publisher, and only that can describe it anew")]
    Publishers,
    /// Readers have set up tracks that would become others.
    #[error("the description has not as many medias of the same kinds, in their order, as the stream")]
    Medias,
}

impl Server {
    /// Has DESCRIBE of one of the application's streams answered with another description from here on.
    ///
    /// Readers go on, with what they know from the description before. The stream's log is to be told as well
    /// ([`StreamLog::reload`](crate::stream::StreamLog::reload)).
    ///
    /// # Errors
    ///
    /// The stream is not there or not the application's, or the description has other medias: another number of them,
    /// or of another kind.
    pub fn reload(&mut self, stream: StreamId, description: &Description) -> Result<(), ReloadError> {
        let published = self.published.get_mut(stream).filter(|published| !published.has_ended());
        let published = published.ok_or(ReloadError::Ended)?;
        if published.publisher.is_some() || published.awaits.is_some() {
            return Err(ReloadError::Publishers);
        }
        // The written text is read again: a description is not kept a second time.
        let former = Description::parse(&published.sdp, &mut Tolerances::default());
        let kinds = |description: &Description| {
            description.medias.iter().map(|media| media.kind.clone()).collect::<Vec<_>>()
        };
        if !former.is_ok_and(|former| kinds(&former) == kinds(description)) {
            return Err(ReloadError::Medias);
        }
        published.sdp = in_the_clear(description.clone()).with_track_controls().to_sdp().into();
        Ok(())
    }

    /// Chooses the SSRC of a track of the application's that no packet has yet and no other track has, and tells readers
    /// of it; the one that it has, if it has one. `None` if there is no such track.
    pub fn choose_ssrc(&mut self, log: &mut StreamLog, track: u8) -> Option<u32> {
        loop {
            if let Some(ssrc) = log.ssrc(track) {
                return Some(ssrc);
            }
            match log.set_ssrc(track, self.random.next_u32()) {
                // By chance another has it.
                Ok(()) | Err(SsrcError::InUse(_)) => {}
                Err(SsrcError::NoSuchTrack(_)) => return None,
            }
        }
    }
}
