use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use rtspan_core::limits::RECEIVED_BATCH_MAX;
use rtspan_core::rtp::RtpPacket;
use rtspan_core::stream::{Cursor, LagPolicy, StartAt, TrackSet};
use rtspan_core::timeline::{MediaTime, Timeline};
use rtspan_core::{Instant, StreamId};

use super::registry::Published;
use crate::wake::Wake;

/// A packet of a stream that the application reads itself.
///
/// [`Server::read`](crate::Server::read) yields them:
///
/// ```
/// use rtspan_std::StreamPacket;
///
/// fn tell(read: &StreamPacket) -> String {
///     let StreamPacket { media, packet, time, missed, .. } = read;
///     format!("media {media} at {} ns: {} bytes, {missed} missed before", time.pts, packet.len())
/// }
/// # let server = rtspan_std::Server::builder().bind("127.0.0.1:0")?;
/// # let sound = rtspan_std::Media::new(rtspan_std::MediaKind::Audio, vec![rtspan_std::Format::pcma()]);
/// # let mut hall = server.publish("/hall", rtspan_std::Description::new(vec![sound]))?.into_frames()?;
/// # let mut reader = server.read(hall.stream().id(), rtspan_std::StartAt::Oldest).unwrap();
/// # hall.write(&rtspan_std::Frame::new(0, 0, vec![0xd5; 160]))?;
/// # let read = reader.next().unwrap();
///
/// assert_eq!(tell(&read), "media 0 at 0 ns: 172 bytes, 0 missed before");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StreamPacket {
    /// Index of the media in the stream's description.
    pub media: usize,
    /// The packet, as readers over the network get it.
    pub packet: RtpPacket,
    /// The time at which the server took it, by the clock of [`now`](crate::now).
    pub at: Instant,
    /// The time of the frame that it is of; its wall clock time is that of the publisher once the publisher has told it.
    pub time: MediaTime,
    /// Decoding of the media can begin here, as far as that can be told
    /// ([`Packet::access_point`](rtspan_core::stream::Packet::access_point)).
    pub access_point: bool,
    /// Packets of the stream that this reader was too slow for, before this one.
    pub missed: u64,
}

/// The packets of a stream, for the application itself: to record them, to look into them, to send them on.
///
/// It reads the same log as readers over the network, and loses packets as they do when it is too slow. It then continues at
/// the newest keyframe in the log, and [`missed`](StreamPacket::missed) tells how many packets it has lost. Up to
/// [`RECEIVED_BATCH_MAX`] packets are held here.
///
/// ```no_run
/// # use rtspan_std::{StreamId, runtime::Runtime, server::Server};
/// # async fn read<R: Runtime>(server: &Server<R>, stream: StreamId) -> Option<()> {
/// use rtspan_std::StartAt;
///
/// let mut reader = server.read(stream, StartAt::Keyframe)?;
/// while let Some(read) = reader.next().await {
///     println!("media {}: {} bytes, {} missed before", read.media, read.packet.len(), read.missed);
/// }
/// # Some(())
/// # }
/// ```
pub struct StreamReader {
    published: Arc<Published>,
    wake: Arc<Wake>,
    cursor: Cursor,
    timeline: Timeline,
    /// Taken from the log together, so that its lock is not taken for each.
    batch: VecDeque<StreamPacket>,
}

impl StreamReader {
    pub(super) fn new(published: Arc<Published>, start: StartAt) -> Self {
        let wake = Arc::<Wake>::default();
        // It is woken for what comes from here on, and looks for what came before.
        published.readers().add(&wake);
        let cursor = published.read(|log| Cursor::new(log, start, LagPolicy::SkipToKeyframe, TrackSet::ALL));
        Self { published, wake, cursor, timeline: Timeline::new(), batch: VecDeque::new() }
    }

    /// The stream that it reads.
    pub fn stream(&self) -> StreamId {
        self.published.id()
    }

    /// The next packet, or `None` once the stream has ended and all its packets were taken.
    ///
    /// No packet is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<StreamPacket> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The next packet, if it is here already.
    pub fn try_next(&mut self) -> Option<StreamPacket> {
        if self.batch.is_empty() {
            self.fill();
        }
        self.batch.pop_front()
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<StreamPacket>> {
        if let Some(packet) = self.batch.pop_front() {
            return Poll::Ready(Some(packet));
        }
        self.wake.register(cx);
        let has_ended = self.fill();
        match self.batch.pop_front() {
            Some(packet) => Poll::Ready(Some(packet)),
            None if has_ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Takes what the log holds. Returns `true` if nothing more is going to come.
    fn fill(&mut self) -> bool {
        let Self { published, cursor, timeline, batch, .. } = self;
        published.read(|log| {
            while batch.len() < RECEIVED_BATCH_MAX {
                // A reader that skips is never closed for being slow.
                let Ok(Some(packet)) = cursor.pull(log) else { break };
                batch.push_back(StreamPacket {
                    media: packet.track.into(),
                    packet: packet.rtp.clone(),
                    at: packet.at,
                    time: log.time_of(packet, timeline),
                    access_point: packet.access_point,
                    missed: cursor.take_dropped(),
                });
            }
            log.is_closed()
        })
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.published.readers().remove(&self.wake, None);
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader").field("stream", &self.stream()).finish_non_exhaustive()
    }
}
