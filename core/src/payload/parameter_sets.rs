use bytes::Bytes;

use super::probe::Probe;
use crate::base64;
use crate::description::Format;
use crate::limits::{PARAMETER_SET_BYTES_MAX, PARAMETER_SETS_MAX};

/// The key of a parameter set: a newer set takes the place of an older one with the same key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key {
    /// The type of its NAL unit; where all are of one kind, zero.
    pub(crate) kind: u8,
    pub(crate) id: u32,
}

/// The parameter sets of a format: those announced, and in their place those that have come since.
#[derive(Clone, Debug)]
pub(crate) struct ParameterSets {
    probe: &'static Probe,
    /// The newest first.
    sets: Vec<(Key, Bytes)>,
    /// How often one was learned that was not known.
    changes: u64,
}

impl ParameterSets {
    /// Those that a description announces.
    pub(crate) fn announced(probe: &'static Probe, format: &Format) -> Self {
        let mut sets = Self { probe, sets: Vec::new(), changes: 0 };
        let mut nals = Vec::new();
        for (name, _) in probe.lists {
            format.for_each_listed_nal(name, |nal| nals.push(Bytes::copy_from_slice(nal)));
        }
        (probe.for_each_announced)(format, &mut |unit| nals.push(Bytes::copy_from_slice(unit)));
        // The first that is listed counts as the newest.
        nals.iter().rev().for_each(|nal| sets.learn(nal));
        sets.changes = 0;
        sets
    }

    /// Learns the parameter sets that a packet holds whole; one in fragments is not learned.
    pub(crate) fn learn_from(&mut self, payload: &[u8]) {
        (self.probe.for_each_unit)(payload, &mut |unit| self.learn(unit));
    }

    /// Learns a NAL unit, if it is a parameter set.
    pub(crate) fn learn(&mut self, nal: &[u8]) {
        let Some(key) = (self.probe.key)(nal).filter(|_| nal.len() <= PARAMETER_SET_BYTES_MAX) else {
            return;
        };
        let known = self.sets.iter().position(|(own, _)| *own == key);
        if let Some((_, own)) = known.and_then(|known| self.sets.get(known)) {
            if own == nal {
                return;
            }
        }
        known.map(|known| self.sets.remove(known));
        self.sets.truncate(PARAMETER_SETS_MAX.saturating_sub(1));
        // A copy, since a slice would keep the block that was read into.
        self.sets.insert(0, (key, Bytes::copy_from_slice(nal)));
        self.changes = self.changes.wrapping_add(1);
    }

    /// Returns `true` if they are others than those announced, and enough to start a decoder.
    pub(crate) fn are_news(&self) -> bool {
        let mut kinds = self.probe.needed.iter();
        self.changes > 0 && kinds.all(|kind| self.of(*kind).next().is_some())
    }

    /// Writes them into the parameters of a format.
    pub(crate) fn tell(&self, format: Format) -> Format {
        let mut format = format;
        for (name, kinds) in self.probe.lists {
            let sets: Vec<String> =
                kinds.iter().flat_map(|kind| self.of(*kind)).map(|nal| base64::encode(nal)).collect();
            if !sets.is_empty() {
                format = format.with_parameter(name, &sets.join(","));
            }
        }
        let mut others = Vec::new();
        for (_, nal) in self.sets.iter().rev() {
            (self.probe.consequences)(nal, &mut |other| others.push(other));
        }
        for other in others {
            if !other.is_optional || format.parameter(other.name).is_some() {
                format = format.with_parameter(other.name, &other.value);
            }
        }
        format
    }

    /// How often one was learned that was not known; another number than before means that there is something new.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// All of them, in the order in which the description lists them, which is that of decoders.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Bytes> {
        let kinds = self.probe.lists.iter().flat_map(|(_, kinds)| kinds.iter());
        kinds.flat_map(|kind| self.of(*kind))
    }

    /// A NAL unit is a delimiter, which comes before everything else.
    pub(crate) fn is_delimiter(&self, nal: &[u8]) -> bool {
        (self.probe.is_delimiter)(nal)
    }

    /// A NAL unit is a parameter set.
    pub(crate) fn is_set(&self, nal: &[u8]) -> bool {
        (self.probe.key)(nal).is_some()
    }

    /// The sets of a kind, the newest first.
    pub(crate) fn of(&self, kind: u8) -> impl Iterator<Item = &Bytes> {
        self.sets.iter().filter(move |(key, _)| key.kind == kind).map(|(_, nal)| nal)
    }
}
