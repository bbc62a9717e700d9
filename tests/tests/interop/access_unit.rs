//! Access units of H.264, and a comparison of those that were read with those that were published.

use std::fmt;
use std::ops::Range;

/// The slices of a picture. Units that muxers add, drop or repeat (delimiters, SEI, parameter sets, filler) are left out.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct AccessUnit {
    slices: Vec<Vec<u8>>,
}

/// How what was read differs from what was published. Positions count access units from 0.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Difference {
    /// There is no keyframe in what was read, out of so many access units.
    NoKeyframe { read: usize },
    /// The first keyframe read was never published.
    UnknownKeyframe { read: usize, unit: AccessUnit },
    /// Where `published` was due, an access unit came that was published as another one: lost, repeated or swapped.
    OutOfTurn { read: usize, published: usize, came: usize },
    /// Where `published` was due, an access unit came that never was published.
    Changed { read: usize, published: usize, due: AccessUnit, came: AccessUnit },
    /// More came than had been published.
    TooMany { read: usize },
    /// All is well, but there is less than was demanded.
    TooFew { run: Range<usize>, demanded: usize },
}

impl AccessUnit {
    /// Cuts NAL units into access units (H.264 section 7.4.1.2.3: a slice that begins with macroblock 0 begins one).
    pub(crate) fn split<'a>(nals: impl IntoIterator<Item = &'a [u8]>) -> Vec<Self> {
        let mut units: Vec<Self> = Vec::new();
        for nal in nals {
            let (Some(1..=5), Some(second)) = (nal.first().map(|first| first & 0x1f), nal.get(1)) else {
                continue;
            };
            // first_mb_in_slice is an Exp-Golomb number: a leading 1 bit is 0.
            let begins = second & 0x80 != 0;
            match units.last_mut() {
                Some(unit) if !begins => unit.slices.push(nal.to_vec()),
                _ => units.push(Self { slices: vec![nal.to_vec()] }),
            }
        }
        units
    }

    /// Cuts a byte stream (H.264 annex B) into access units.
    pub(crate) fn split_annex_b(stream: &[u8]) -> Vec<Self> {
        Self::split(nals_of_annex_b(stream))
    }

    /// Returns `true` if this is an IDR picture.
    pub(crate) fn is_keyframe(&self) -> bool {
        self.slices.iter().any(|slice| slice[0] & 0x1f == 5)
    }

    /// Bytes of the slices, without start codes.
    pub(crate) fn bytes(&self) -> usize {
        self.slices.iter().map(Vec::len).sum()
    }
}

impl fmt::Debug for AccessUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slices = self.slices.len();
        write!(f, "{} bytes in {slices} slices, keyframe: {}", self.bytes(), self.is_keyframe())?;
        self.slices.iter().try_for_each(|slice| write!(f, ", {:02x?}…", &slice[..slice.len().min(8)]))
    }
}

/// Demands that what was read, from its first keyframe on, is a run of what was published: every access unit, in its
/// place, to the last byte. Returns which run, at least `demanded` long.
pub(crate) fn compare(
    published: &[AccessUnit],
    read: &[AccessUnit],
    demanded: usize,
) -> Result<Range<usize>, Difference> {
    let Some(first) = read.iter().position(AccessUnit::is_keyframe) else {
        return Err(Difference::NoKeyframe { read: read.len() });
    };
    let find = |unit: &AccessUnit| published.iter().position(|published| published == unit);
    let Some(start) = find(&read[first]) else {
        return Err(Difference::UnknownKeyframe { read: first, unit: read[first].clone() });
    };
    let mut due = start;
    for (index, came) in read.iter().enumerate().skip(first) {
        if published.get(due) == Some(came) {
            due += 1;
            continue;
        }
        return Err(match (find(came), published.get(due)) {
            (Some(came), _) => Difference::OutOfTurn { read: index, published: due, came },
            (None, Some(unit)) => {
                Difference::Changed { read: index, published: due, due: unit.clone(), came: came.clone() }
            }
            (None, None) => Difference::TooMany { read: index },
        });
    }
    let run = start..due;
    if run.len() < demanded { Err(Difference::TooFew { run, demanded }) } else { Ok(run) }
}

/// The NAL units between start codes, without the zeros that may follow them.
fn nals_of_annex_b(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = stream[at..].windows(3).position(|window| window == [0, 0, 1]) {
        at += found + 3;
        starts.push(at);
    }
    let ends = starts.iter().skip(1).map(|start| start - 3).chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let nal = &stream[start..end];
            let zeros = nal.iter().rev().take_while(|&&byte| byte == 0).count();
            &nal[..nal.len() - zeros]
        })
        .filter(|nal| !nal.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x65, 0x88, 0x84, 0x01];

    /// A stream of `n` pictures in two slices each, with a keyframe every fourth.
    fn stream(n: u8) -> Vec<AccessUnit> {
        (0..n)
            .map(|i| {
                let head = if i % 4 == 0 { 0x65 } else { 0x41 };
                AccessUnit { slices: vec![vec![head, 0x88, i, 1], vec![head, 0x40, i, 1]] }
            })
            .collect()
    }

    #[test]
    fn a_byte_stream_is_cut_at_first_macroblocks_and_keeps_slices_only() {
        let bytes = [
            &[0, 0, 0, 1, 0x09, 0xf0][..],
            &[0, 0, 0, 1, 0x67, 0x42, 0xc0],
            &[0, 0, 1, 0x68, 0xce],
            &[0, 0, 1, 0x65, 0x88, 0x84, 0x01],
            &[0, 0, 1, 0x65, 0x44, 0x02, 0, 0, 0],
            &[0, 0, 0, 1, 0x06, 0x05, 0x01],
            &[0, 0, 1, 0x41, 0x9a, 0x03],
        ]
        .concat();
        let units = AccessUnit::split_annex_b(&bytes);
        let expected = [
            AccessUnit { slices: vec![KEY.to_vec(), vec![0x65, 0x44, 0x02]] },
            AccessUnit { slices: vec![vec![0x41, 0x9a, 0x03]] },
        ];
        assert_eq!(units, expected);
        assert!(units[0].is_keyframe() && !units[1].is_keyframe());
    }

    #[test]
    fn nothing_is_cut_from_nothing() {
        for bytes in [&[][..], &[0, 0, 1], &[0, 0, 0, 1, 0x65], &[1, 2, 3, 4]] {
            assert_eq!(AccessUnit::split_annex_b(bytes), [], "{bytes:?}");
        }
    }

    #[test]
    fn a_run_from_a_keyframe_on_is_what_was_published() {
        let published = stream(16);
        assert_eq!(compare(&published, &published, 16), Ok(0..16));
        assert_eq!(compare(&published, &published[4..13], 9), Ok(4..13));
        assert_eq!(compare(&published, &published[2..13], 9), Ok(4..13), "begins amid a group");
    }

    #[test]
    fn too_short_a_run_is_noticed() {
        let published = stream(16);
        let difference = Difference::TooFew { run: 4..13, demanded: 10 };
        assert_eq!(compare(&published, &published[4..13], 10), Err(difference));
        assert_eq!(compare(&published, &published[1..4], 0), Err(Difference::NoKeyframe { read: 3 }));
        assert_eq!(compare(&published, &[], 0), Err(Difference::NoKeyframe { read: 0 }));
    }

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is() {
        let published = stream(12);
        for (unit, slice, byte) in
            (0..12).flat_map(|u| (0..2).flat_map(move |s| (1..4).map(move |b| (u, s, b))))
        {
            let mut read = published.clone();
            read[unit].slices[slice][byte] ^= 0x10;
            let difference = compare(&published, &read, 12).expect_err("a flipped bit");
            let expected = match difference {
                Difference::UnknownKeyframe { read, .. } => read == 0 && unit == 0,
                Difference::Changed { read, published, .. } => read == unit && published == unit,
                _ => false,
            };
            assert!(expected, "{difference:?} for unit {unit}");
        }
    }

    #[test]
    fn a_missing_access_unit_is_noticed_wherever_it_is() {
        let published = stream(12);
        for unit in 1..11 {
            let mut read = published.clone();
            read.remove(unit);
            let difference = Difference::OutOfTurn { read: unit, published: unit, came: unit + 1 };
            assert_eq!(compare(&published, &read, 0), Err(difference));
        }
    }

    #[test]
    fn a_missing_slice_is_noticed() {
        let published = stream(12);
        let mut read = published.clone();
        read[5].slices.pop();
        assert!(matches!(compare(&published, &read, 0), Err(Difference::Changed { read: 5, .. })));
    }

    #[test]
    fn a_swapped_pair_is_noticed_wherever_it_is() {
        let published = stream(12);
        for unit in 1..11 {
            let mut read = published.clone();
            read.swap(unit, unit + 1);
            let difference = Difference::OutOfTurn { read: unit, published: unit, came: unit + 1 };
            assert_eq!(compare(&published, &read, 0), Err(difference));
        }
    }

    #[test]
    fn what_comes_twice_or_beyond_the_end_is_noticed() {
        let published = stream(12);
        let mut read = published.clone();
        read.insert(6, published[5].clone());
        let difference = Difference::OutOfTurn { read: 6, published: 6, came: 5 };
        assert_eq!(compare(&published, &read, 0), Err(difference));
        let mut read = published.clone();
        read.push(AccessUnit { slices: vec![vec![0x41, 0x88, 99, 1]] });
        assert_eq!(compare(&published, &read, 0), Err(Difference::TooMany { read: 12 }));
    }
}
