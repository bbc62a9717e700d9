//! RTCP that the client sends: reports of what it sends and receives, and the application's own.

use bytes::Bytes;

use super::{Client, SendError, State};
use crate::limits::{RECEIVER_REPORT_PERIOD, SENDER_REPORT_PERIOD};
use crate::rtp::rtcp;
use crate::{Instant, NtpTime};

impl Client {
    /// Sends the reports that are due.
    pub(super) fn send_reports(&mut self, now: Instant) {
        self.renew_keys(now);
        let wall = self.wall_clock(now).filter(|_| self.config.sender_reports);
        for track in self.tracks.iter_mut().filter(|track| track.report_at.is_some_and(|at| at <= now)) {
            let reports: Vec<Bytes> = if track.is_sent {
                track.report_at = Some(now + SENDER_REPORT_PERIOD);
                let rounds = &mut self.rounds;
                let sent = |wall: NtpTime| {
                    rounds.note(now, wall.middle());
                    track.sender_reports(now, wall, &self.cname)
                };
                wall.into_iter().flat_map(sent).collect()
            } else {
                track.report_at = Some(now + RECEIVER_REPORT_PERIOD);
                track.receiver_report(now, &self.cname).into_iter().collect()
            };
            for report in reports {
                // One that finds no room is left out; the next one tells the same.
                track.send_rtcp(now, &mut self.link, &mut self.datagrams, report);
            }
        }
    }

    /// Sends the first report of a source, behind its first packet.
    pub(super) fn send_first_report(&mut self, now: Instant, index: usize, ssrc: u32) {
        let wall = self.wall_clock(now).filter(|_| self.config.sender_reports);
        let (Some(wall), Some(track)) = (wall, self.tracks.get_mut(index)) else { return };
        if let Some(report) = track.sender_report(ssrc, now, wall, &self.cname) {
            self.rounds.note(now, wall.middle());
            track.send_rtcp(now, &mut self.link, &mut self.datagrams, report);
        }
    }

    /// Sends RTCP of the application's for the media of this index, such as a request for a keyframe (PLI, RFC 4585,
    /// section 6.3.1). Reports and goodbyes are sent besides.
    ///
    /// # Errors
    ///
    /// When the client neither plays nor records, or reconnects, or the media is not set up; when it is no RTCP compound, or
    /// one too large for a datagram; when too much waits to be sent.
    pub fn write_rtcp(&mut self, now: Instant, media: usize, compound: Bytes) -> Result<(), SendError> {
        if !matches!(self.state, State::Play | State::Record) || self.link.is_closed() {
            return Err(self.unsent_error(SendError::RtcpState(self.state)));
        }
        rtcp::check_compound(&compound)?;
        let track = self.tracks.iter_mut().find(|track| track.media == media);
        let track = track.ok_or(SendError::NotSetUp(media))?;
        let is_taken = track.send_rtcp(now, &mut self.link, &mut self.datagrams, compound);
        if is_taken { Ok(()) } else { Err(SendError::Full) }
    }

    /// The wall clock time of `now`, by the clock of what is sent if that has one.
    pub(super) fn wall_clock(&self, now: Instant) -> Option<NtpTime> {
        self.sources_wall.or(self.wall).map(|(then, ntp)| ntp + (now - then))
    }
}
