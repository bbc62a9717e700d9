use std::collections::{BTreeMap, BTreeSet};

use rtspan_core::StreamId;
use rtspan_core::stream::{Media, StreamLog, Streams};

use super::conn::reads;
use super::plan::Plan;
use super::world::{Task, World};

/// The logs of all streams, and which there were.
#[derive(Debug, Default)]
pub(super) struct Logs {
    pub(super) logs: BTreeMap<StreamId, StreamLog>,
    /// Streams whose log was dropped.
    former: BTreeSet<StreamId>,
}

impl Streams for Logs {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.logs.get(&stream).map(f).is_some()
    }
}

impl Logs {
    pub(super) fn insert(&mut self, stream: StreamId, log: StreamLog) {
        assert!(self.logs.insert(stream, log).is_none(), "{stream:?} was added twice");
        assert!(!self.former.contains(&stream), "{stream:?} was removed before");
    }

    pub(super) fn remove(&mut self, stream: StreamId) {
        assert!(self.logs.remove(&stream).is_some(), "{stream:?} was removed and is not there");
        self.former.insert(stream);
    }

    pub(super) fn check_limits(&self, plan: &Plan) {
        for (stream, log) in &self.logs {
            let packets = log.head() - log.tail();
            let bytes: usize = log.packets_from(log.tail()).map(|packet| packet.rtp.len()).sum();
            assert!(packets <= plan.log_packets as u64, "{stream:?} keeps {packets} packets");
            assert!(bytes <= plan.log_bytes || packets == 1, "{stream:?} keeps {bytes} bytes");
        }
    }
}

impl World<'_> {
    /// Appends media that a publisher sent to its log.
    pub(super) fn append(&mut self, stream: StreamId, media: Media) {
        let Some(log) = self.logs.logs.get_mut(&stream) else {
            assert!(self.logs.former.contains(&stream), "media for {stream:?}, which nobody has added");
            return;
        };
        let number = log.head();
        log.handle_media(self.now, media.clone());
        if self.talks.contains(stream) {
            if let Media::Packet { packet, .. } = &media {
                self.hear_words(stream, packet);
            }
            return;
        }
        if let Media::Clock { ntp, .. } = media {
            self.truth.hear_clock(self.now, stream, ntp);
        }
        if let Media::Packet { track, packet: sent } = media {
            assert_eq!(log.head(), number + 1, "{stream:?} did not take a packet of track {track}");
            // As readers see it: it may have other numbers than its publisher's.
            let packet = log.get(number).expect("the newest packet").rtp.clone();
            let made = self.truth.push(self.now, (stream, number), track, (&sent, &packet));
            made.into_iter().for_each(|made| self.rights.check_publisher(stream, made.origin));
            self.counts.add("packets published", 1);
            self.notify_from(stream, number + 1);
        }
    }

    /// Wakes who reads a stream.
    pub(super) fn notify(&mut self, stream: StreamId) {
        self.notify_from(stream, u64::MAX);
    }

    /// Wakes who reads a stream, except those who wait for it to have had more packets.
    fn notify_from(&mut self, stream: StreamId, head: u64) {
        let readers: Vec<Task> = self
            .lines
            .iter()
            .filter(|(_, line)| reads(line, stream) && head >= line.tx.patience())
            .map(|(id, _)| Task::Conn(*id))
            .collect();
        readers.into_iter().for_each(|reader| self.wake(reader, self.now));
        let pairs: Vec<_> =
            self.pairs.iter().filter(|(_, pair)| pair.reads(stream)).map(|(id, _)| *id).collect();
        pairs.into_iter().for_each(|pair| self.wake(Task::Pair(pair), self.now));
    }
}
