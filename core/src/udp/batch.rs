use crate::stream::Packet;

/// Packets of one stream that are handed to all its readers in one go.
#[derive(Debug, Default)]
pub(super) struct Batch {
    packets: Vec<Packet>,
    /// The place behind the last packet of each run: packets of one source in a row.
    run_ends: Vec<usize>,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.run_ends.clear();
    }

    pub(super) fn extend<'a>(&mut self, packets: impl Iterator<Item = &'a Packet>) {
        self.packets.extend(packets.cloned());
        let runs =
            self.packets.chunk_by(|one, next| one.track == next.track && one.rtp.ssrc() == next.rtp.ssrc());
        let mut end = 0_usize;
        self.run_ends.clear();
        self.run_ends.extend(runs.map(|run| {
            end = end.saturating_add(run.len());
            end
        }));
    }

    /// The packets from the place `skip` on, those of one source in a row together; none of them is empty.
    pub(super) fn runs(&self, skip: usize) -> impl Iterator<Item = &[Packet]> {
        let mut start = skip;
        self.run_ends.iter().filter_map(move |end| {
            let run = self.packets.get(start..*end).filter(|run| !run.is_empty())?;
            start = *end;
            Some(run)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instant;
    use crate::rtp::{RtpHeader, RtpPacket};

    #[test]
    fn packets_of_one_source_in_a_row_are_a_run_wherever_a_reader_stands() {
        let sources = [(0, 1), (0, 1), (1, 1), (0, 1), (0, 2), (0, 2)];
        let packets = sources.map(|(track, ssrc)| {
            let header = RtpHeader { ssrc, ..RtpHeader::default() };
            let rtp = RtpPacket::build(header, b"payload");
            Packet { track, access_point: false, at: Instant::ZERO, rtp }
        });
        let mut batch = Batch::default();
        for _ in 0..2 {
            batch.clear();
            batch.extend(packets.iter());
            for (skip, lens) in [
                (0, &[2, 1, 1, 2][..]),
                (1, &[1, 1, 1, 2]),
                (2, &[1, 1, 2]),
                (4, &[2]),
                (5, &[1]),
                (6, &[]),
                (usize::MAX, &[]),
            ] {
                assert_eq!(batch.runs(skip).map(<[_]>::len).collect::<Vec<_>>(), lens, "from {skip}");
            }
            assert_eq!((batch.len(), batch.is_empty()), (6, false));
        }
        batch.clear();
        assert!(batch.is_empty() && batch.runs(0).next().is_none());
    }
}
