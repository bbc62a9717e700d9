//! The time line of a client: it never goes back, however often the client plays, is cut off or is sent elsewhere.

use std::collections::BTreeMap;

use rtspan_core::client::Received;
use rtspan_core::timeline::MediaTime;

/// The times of the packets that a client has handed out since it was made.
#[derive(Debug, Default)]
pub(super) struct Times {
    medias: BTreeMap<usize, Line>,
}

/// The times of a media.
#[derive(Debug, Default)]
struct Line {
    /// The highest timestamp and PTS, if there is one.
    reached: Option<(i64, i64)>,
    /// The last packet of each source.
    sources: BTreeMap<u32, MediaTime>,
}

impl Times {
    /// Takes a packet in the order in which the application gets it.
    ///
    /// Where `has_dropped`, the first packet of a source may be missing, and others may have begun before the next one.
    pub(super) fn take(&mut self, received: &Received, has_dropped: bool) {
        let Received { media, packet, time, .. } = received;
        let line = self.medias.entry(*media).or_default();
        let former = line.sources.insert(packet.ssrc(), *time);
        if let Some(former) = former {
            let (order, of_pts) = (time.timestamp.cmp(&former.timestamp), time.pts.cmp(&former.pts));
            assert_eq!(order, of_pts, "{time:?} of {packet:?} is not in order behind {former:?}");
        }
        let is_above = |(timestamp, pts)| timestamp < time.timestamp && pts < time.pts;
        if (time.begins_anew || former.is_none()) && !has_dropped {
            assert!(line.reached.is_none_or(is_above), "{time:?} begins below {:?}", line.reached);
        }
        let (timestamp, pts) = line.reached.unwrap_or((time.timestamp, time.pts));
        line.reached = Some((timestamp.max(time.timestamp), pts.max(time.pts)));
    }
}
