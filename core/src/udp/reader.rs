use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;

use bytes::Bytes;

use super::batch::Batch;
use super::group::Members;
use super::queues::Queues;
use super::{DatagramSink, Port, TooBig, Trust};
use crate::conn::{Inbound, Report};
use crate::heard::Heard;
use crate::keying::PeerKeys;
use crate::stats::Counted;
use crate::stream::Packet;
use crate::subscription::{STREAM_ENDED, Subscription};
use crate::{Instant, SessionId};

/// A reader of a stream over UDP, or all those of a group.
#[derive(Debug)]
pub(crate) struct DatagramReader {
    pub(crate) subscription: Subscription,
    /// The address of the server's that it has talked to, and that it is sent everything from.
    pub(super) local: Option<IpAddr>,
    /// Per track: where its packets and its reports go.
    pub(crate) peers: Vec<Option<(SocketAddr, SocketAddr)>>,
    pub(crate) trust: Trust,
    /// Its reports, by track.
    pub(super) heard: Vec<Heard>,
    /// Those who read, if it is sent to a group.
    pub(super) members: Option<Members>,
    too_big: TooBig,
}

impl DatagramReader {
    pub(crate) fn new(
        subscription: Subscription,
        local: Option<IpAddr>,
        peers: Vec<Option<(SocketAddr, SocketAddr)>>,
        trust: Trust,
        heard: Vec<Heard>,
    ) -> Self {
        Self { subscription, local, peers, trust, heard, members: None, too_big: TooBig::default() }
    }

    /// The readers of a track's group at these addresses, which is sent to from `local` if that is known. Nobody has to prove
    /// anything, since a group is no address of theirs.
    pub(crate) fn of_group(
        subscription: Subscription,
        local: Option<IpAddr>,
        (track, rtp, rtcp): (u8, SocketAddr, SocketAddr),
        members: Members,
    ) -> Self {
        let mut peers = vec![None; usize::from(track)];
        peers.push(Some((rtp, rtcp)));
        let trust = Trust::Proven;
        Self {
            subscription,
            local,
            peers,
            trust,
            heard: Vec::new(),
            members: Some(members),
            too_big: TooBig::default(),
        }
    }

    /// The sessions that it is for.
    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        let own = self.members.is_none().then(|| self.subscription.session());
        own.into_iter().chain(self.members.iter().flat_map(Members::sessions))
    }

    /// Returns `true` if it is for this session, or for it among others.
    pub(super) fn is_of(&self, session: SessionId) -> bool {
        match &self.members {
            Some(members) => members.has(session),
            None => self.subscription.session() == session,
        }
    }

    /// Another session joins the group.
    pub(super) fn join(&mut self, now: Instant, joining: Self) {
        let sent = self.subscription.stats(now, None);
        if let (Some(members), Some(joining)) = (&mut self.members, joining.members) {
            members.join(joining, &sent);
        }
    }

    /// A session leaves. Returns `true` if nobody is left to send to, and the stream has not ended: of one that has, the
    /// group still gets the rest, since its medias end one after the other.
    pub(super) fn leave(&mut self, session: SessionId) -> bool {
        let is_left = self.members.as_mut().is_none_or(|members| members.leave(session));
        is_left && (self.members.is_none() || !self.subscription.is_ending())
    }

    /// Takes what came from one of its addresses for reports.
    pub(super) fn hear(&mut self, now: Instant, from: SocketAddr, data: &[u8], queues: &mut Queues) {
        let is_own = |peer: &Option<(SocketAddr, SocketAddr)>| peer.is_some_and(|(_, rtcp)| rtcp == from);
        let Some(track) = self.peers.iter().position(is_own) else { return };
        let Some(heard) = self.heard.get_mut(track) else { return };
        let track = u8::try_from(track).unwrap_or(u8::MAX);
        heard.handle_rtcp(now, (self.subscription.session(), track), data, &mut queues.inbound);
    }

    /// Takes note that a packet of so many bytes was too big for the path to it.
    pub(super) fn handle_too_big(&mut self, now: Instant, bytes: usize, queues: &mut Queues) {
        let told = self.too_big.handle(now, bytes);
        let session = self.subscription.session();
        queues.inbound.extend(
            told.map(|(packets, bytes)| Inbound::Report(Report::PacketsTooBig { session, packets, bytes })),
        );
    }

    /// Sends RTCP of the application's to it, if that may go there.
    pub(super) fn send_rtcp(&mut self, track: u8, compound: Bytes, queues: &mut Queues) {
        let peer = self.peers.get(usize::from(track)).copied().flatten();
        let Some(compound) = self.subscription.seal(track, compound) else { return };
        let bytes = compound.len();
        if let Some((_, rtcp)) = peer.filter(|_| self.trust.allows(bytes)) {
            if queues.report(Port::Rtcp, self.local, rtcp, compound) {
                self.trust.spend(bytes);
                self.subscription.count_rtcp(track, bytes);
            }
        }
    }

    /// Takes its reports of a track under other keys.
    pub(super) fn rekey(&mut self, session: SessionId, track: u8, keys: &PeerKeys) {
        if let Some(members) = &mut self.members {
            members.rekey(session, track, keys);
        } else if let Some(heard) = self.heard.get_mut(usize::from(track)) {
            heard.rekey(keys);
        }
    }

    /// Takes nothing of a track any more.
    pub(super) fn drop_track(&mut self, track: u8) {
        self.subscription.drop_track(track);
        self.peers.iter_mut().skip(track.into()).take(1).for_each(|place| *place = None);
    }

    /// Sends what of the batch, which starts at `from`, is still to come; `false` if the sink would block.
    pub(super) fn send(&mut self, from: u64, batch: &Batch, sink: &mut dyn DatagramSink) -> bool {
        if self.subscription.is_finished() {
            return true;
        }
        let skip = usize::try_from(self.subscription.position().saturating_sub(from)).unwrap_or(usize::MAX);
        for run in batch.runs(skip) {
            // A reader that waits for an access point looks at each packet.
            let flow = match self.subscription.waits() {
                false => self.send_run(run, sink),
                true => run.chunks(1).try_for_each(|packet| self.send_run(packet, sink)),
            };
            if let ControlFlow::Break(is_done) = flow {
                return is_done;
            }
        }
        true
    }

    /// Sends packets of one source, of which the reader wants all or none; breaks off with `false` if the sink would block, and
    /// with `true` if nothing more may be sent.
    fn send_run(&mut self, run: &[Packet], sink: &mut dyn DatagramSink) -> ControlFlow<bool> {
        let Some(first) = run.first() else { return ControlFlow::Continue(()) };
        let peer = self.peers.get(usize::from(first.track)).copied().flatten();
        let Some((rtp, _)) = peer.filter(|_| self.subscription.wants(first)) else {
            self.subscription.leave_out(run);
            return ControlFlow::Continue(());
        };
        let mut sent = Counted::default();
        let flow = run.iter().try_for_each(|packet| {
            if !self.trust.allows(packet.rtp.len()) {
                return ControlFlow::Break(true);
            }
            if !sink.send(Port::Rtp, self.local, rtp, packet.rtp.as_bytes()) {
                return ControlFlow::Break(false);
            }
            self.trust.spend(packet.rtp.len());
            sent.add(packet.rtp.len());
            ControlFlow::Continue(())
        });
        self.subscription.pass_sent(run, sent);
        flow
    }

    pub(super) fn say_goodbye_at_end(&mut self, now: Instant, log_is_there: bool, queues: &mut Queues) {
        if !log_is_there {
            self.subscription.end();
        } else {
            self.subscription.mark_drained(now);
        }
        if self.subscription.is_at_end(now, log_is_there) {
            self.send_goodbyes(STREAM_ENDED, queues);
            queues.inbound.extend(self.sessions().map(|session| Inbound::Report(Report::Ended(session))));
        }
    }

    pub(super) fn send_goodbyes(&mut self, reason: &str, queues: &mut Queues) {
        for (track, goodbye) in self.subscription.goodbyes(reason) {
            let peer = self.peers.get(usize::from(track)).copied().flatten();
            if let Some((_, rtcp)) = peer.filter(|_| self.trust.allows(goodbye.len())) {
                let bytes = goodbye.len();
                if queues.report(Port::Rtcp, self.local, rtcp, goodbye) {
                    self.subscription.count_rtcp(track, bytes);
                }
            }
        }
    }
}
