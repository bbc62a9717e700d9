use std::fmt;
use std::sync::Arc;

use rtspan_core::description::Description;
use rtspan_core::rtp::RtpPacket;
use rtspan_core::server::AddStreamError;

use super::door::Door;
use super::registry::Published;
use crate::clock;

/// Why packets were not written to a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The description has no such media.
    #[error("the stream has no media {0}")]
    NoSuchMedia(usize),
    /// The stream or its server is closed.
    #[error("the stream is closed")]
    Closed,
}

/// A stream that the application publishes; it ends when this is dropped.
///
/// Writing never waits: packets are appended to the stream's log, and a reader that is too slow loses them, not the
/// others.
pub struct ServerStream {
    door: Arc<Door>,
    published: Arc<Published>,
}

impl ServerStream {
    pub(super) fn publish(
        door: &Arc<Door>,
        path: &str,
        description: Description,
    ) -> Result<Self, AddStreamError> {
        let published = door.enter(|server, now| {
            let (id, log) = server.add_stream(now, path, description)?;
            Ok(door.registry().insert(id, log))
        })?;
        Ok(Self { door: Arc::clone(door), published })
    }

    /// Writes one packet of a media section, counted from zero.
    ///
    /// # Errors
    ///
    /// There is no such media, or the stream is closed.
    pub fn write(&self, media: usize, packet: RtpPacket) -> Result<(), WriteError> {
        self.append(media, [packet])
    }

    /// Writes the packets of one frame, and wakes the readers once.
    ///
    /// # Errors
    ///
    /// There is no such media, or the stream is closed.
    pub fn write_frame(&self, media: usize, packets: &[RtpPacket]) -> Result<(), WriteError> {
        self.append(media, packets.iter().cloned())
    }

    fn append(&self, media: usize, packets: impl IntoIterator<Item = RtpPacket>) -> Result<(), WriteError> {
        let track = u8::try_from(media).map_err(|_| WriteError::NoSuchMedia(media))?;
        let now = clock::now();
        self.published.write(|log| {
            if log.is_closed() {
                return Err(WriteError::Closed);
            }
            let written = packets.into_iter().all(|packet| log.push(now, track, packet));
            if written { Ok(()) } else { Err(WriteError::NoSuchMedia(media)) }
        })
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        self.door.enter(|server, now| server.remove_stream(now, self.published.id()));
    }
}

impl fmt::Debug for ServerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStream").field("id", &self.published.id()).finish_non_exhaustive()
    }
}
