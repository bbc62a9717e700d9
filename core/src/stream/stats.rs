use super::{Packet, StreamLog};
use crate::limits::BITRATE_WINDOW;
use crate::stats::{Counted, Lag, StreamFormatStats, StreamMediaStats, StreamStats};
use crate::{Instant, NtpTime};

/// Statistics: all of them are reckoned when they are asked for, from what is counted and kept anyway.
impl StreamLog {
    /// The packets that were published. Those that readers were sent are known to the server
    /// ([`Server::stream_stats`](crate::server::Server::stream_stats)).
    pub fn stats(&self, now: Instant) -> StreamStats {
        let medias: Vec<_> = (0..).zip(&self.tracks).map(|(track, _)| self.media_stats(track)).collect();
        let mut published = Counted::default();
        medias.iter().for_each(|media| published.absorb(media.published));
        StreamStats {
            at: Some(now),
            published,
            bitrate: self.bitrate(now),
            kept: Counted { packets: self.packets.len() as u64, bytes: self.bytes as u64 },
            medias,
            ..StreamStats::default()
        }
    }

    /// The distance of a reader at `next` to the newest packet.
    pub(crate) fn lag(&self, now: Instant, next: u64) -> Lag {
        let oldest = self.packets_from(next).next();
        Lag {
            packets: self.head().saturating_sub(next),
            bytes: self.kept_from(next).bytes,
            time: oldest.map(|packet| now.since(packet.at)).unwrap_or_default(),
        }
    }

    /// The newest packet of a track and SSRC before `next`, if it is kept.
    pub(crate) fn last_of(&self, track: u8, ssrc: u32, next: u64) -> Option<&Packet> {
        let before = usize::try_from(next.saturating_sub(self.tail())).unwrap_or(usize::MAX);
        let kept = self.packets.iter().take(before).rev();
        kept.into_iter().find(|packet| packet.track == track && packet.rtp.ssrc() == ssrc)
    }

    /// The wall clock time of a timestamp of `ssrc`, as sender reports tell it.
    pub(crate) fn ntp_of(&self, now: Instant, track: u8, ssrc: u32, timestamp: u32) -> Option<NtpTime> {
        let wall = self.wall_at(now)?;
        self.tracks.get(usize::from(track))?.senders.ntp_of(ssrc, timestamp, now, wall)
    }

    /// The clock rate of `ssrc`; 0 if it has sent nothing.
    pub(crate) fn clock_rate_of(&self, track: u8, ssrc: u32) -> u32 {
        self.tracks.get(usize::from(track)).map_or(0, |track| track.senders.clock_rate_of(ssrc))
    }

    fn media_stats(&self, index: u8) -> StreamMediaStats {
        let Some(track) = self.tracks.get(usize::from(index)) else { return StreamMediaStats::default() };
        let all = track.senders.stats();
        let (keyframes, keyframe_interval) = track.access.counted();
        let formats = track.senders.each().map(|(ssrc, stats)| StreamFormatStats {
            local_ssrc: ssrc,
            payload_type: self.last_of(index, ssrc, u64::MAX).map(|packet| packet.rtp.payload_type()),
            published: Counted { packets: stats.packets, bytes: stats.octets },
            last_sequence: stats.last_sequence,
            last_timestamp: stats.last_timestamp,
            sent: Counted::default(),
        });
        StreamMediaStats {
            published: Counted { packets: all.packets, bytes: all.octets },
            keyframes,
            keyframe_interval,
            formats: formats.collect(),
            ..StreamMediaStats::default()
        }
    }

    /// Bits a second since the beginning of the window, or since the oldest packet that is kept, which itself came before that
    /// time and does not count.
    fn bitrate(&self, now: Instant) -> Option<u64> {
        let is_older = |packet: &Packet| now.since(packet.at) > BITRATE_WINDOW;
        let older = self.packets.partition_point(is_older);
        let (since, bytes) = match older {
            0 => {
                let oldest = self.packets.front()?;
                (now.since(oldest.at), self.kept_from(self.tail().saturating_add(1)).bytes)
            }
            older => (BITRATE_WINDOW, self.kept_from(self.tail().saturating_add(older as u64)).bytes),
        };
        let millis = u64::try_from(since.as_millis()).ok()?;
        bytes.saturating_mul(8000).checked_div(millis)
    }

    /// The packets that are kept from this number on.
    fn kept_from(&self, number: u64) -> Counted {
        let mut kept = Counted::default();
        self.packets_from(number).for_each(|packet| kept.add(packet.rtp.len()));
        kept
    }
}
