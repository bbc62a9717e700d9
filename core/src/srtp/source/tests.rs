use super::*;

fn source(index: u64) -> Source {
    let mut source = Source::new(7);
    source.pass(index);
    source
}

#[test]
fn the_index_is_the_nearest_with_its_sequence_number() {
    for (highest, sequence, expected) in [
        (0x0_0000, 0xffff, 0x0_ffff), // nothing comes before the first counter
        (0x0_7fff, 0x8000, 0x0_8000),
        (0x0_ffff, 0x0000, 0x1_0000),
        (0x0_ffff, 0x7ffe, 0x1_7ffe),
        (0x0_ffff, 0x7fff, 0x0_7fff),
        (0x1_0000, 0xffff, 0x0_ffff),
        (0x1_0000, 0x8001, 0x0_8001),
        (0x1_0000, 0x8000, 0x1_8000),
        (0x1_7fff, 0xffff, 0x1_ffff),
        (0x1_8000, 0x0000, 0x1_0000),
        (0x1_8001, 0x0000, 0x2_0000),
        (0xffff_ffff_7fff, 0xffff, 0xffff_ffff_ffff),
    ] {
        assert_eq!(source(highest).index_of(sequence), Some(expected), "{sequence:x} behind {highest:x}");
    }
    assert_eq!(source(INDEX_MAX).index_of(0), None, "the key has ended");
}

/// The estimate is what RFC 3711 has in appendix A, for all pairs of one counter.
#[test]
fn the_estimate_is_that_of_rfc_3711_appendix_a() {
    for last in (0..=u16::MAX).step_by(61).chain([0x7fff, 0x8000, 0x8001, 0xffff]) {
        let source = source(0x5_0000 | u64::from(last));
        for sequence in (0..=u16::MAX).step_by(59).chain([0x7fff, 0x8000, 0x8001, 0xffff]) {
            let (s_l, seq) = (i32::from(last), i32::from(sequence));
            let roc = if s_l < 32768 {
                if seq - s_l > 32768 { 4 } else { 5 }
            } else if s_l - 32768 > seq {
                6
            } else {
                5
            };
            assert_eq!(source.index_of(sequence), Some(index(roc, sequence)), "{sequence:x} behind {last:x}");
        }
    }
}

#[test]
fn each_index_passes_once_and_those_behind_the_window_do_not() {
    let mut window = ReplayWindow::default();
    let mut passed = |index| {
        let is_new = window.is_new(index);
        if is_new {
            window.pass(index);
        }
        is_new
    };
    assert!(passed(1000));
    assert!(!passed(1000));
    assert!(passed(873), "the last of the window");
    assert!(!passed(872), "one behind the window");
    assert!(passed(1001));
    assert!(!passed(873), "which the window has left");
    assert!(passed(874));
    assert!(passed(1001 + 127));
    assert!(!passed(1001));
    assert!(passed(1002));
    assert!(passed(1_000_000));
    assert!(!passed(1001 + 127));
    assert!((1_000_000 - 127..1_000_000).rev().all(passed));
    assert!((0..=1_000_000).all(|index| !window.is_new(index)));
    window.pass(u64::MAX);
    assert!(window.is_new(u64::MAX - 1));
}

#[test]
fn a_counter_that_was_told_holds_for_the_first_packet_and_the_nearest_other_is_tried_as_well() {
    let mut source = Source::new(7);
    assert_eq!((source.index_of(9), source.second_guess(9)), (Some(9), Some(0x1_0009)));
    assert_eq!(source.second_guess(0xffff), Some(0x1_ffff));
    source.tell_roc(5);
    assert_eq!((source.index_of(0xffff), source.second_guess(0xffff)), (Some(0x5_ffff), Some(0x4_ffff)));
    assert_eq!((source.second_guess(0x7fff), source.second_guess(0x8000)), (Some(0x6_7fff), Some(0x4_8000)));
    assert_eq!((source.index_of(9), source.second_guess(9)), (Some(0x5_0009), Some(0x6_0009)));
    source.tell_roc(u32::MAX);
    assert_eq!(source.second_guess(9), None);
    source.tell_roc(5);
    source.pass(0x6_0009);
    assert_eq!((source.roc(), source.second_guess(10)), (6, None));
    source.tell_roc(9);
    assert_eq!((source.roc(), source.second_guess(10)), (6, Some(0x9_000a)));
}

#[test]
fn later_counters_are_tried_once_nothing_is_authentic() {
    let mut source = source(0x3_0005);
    let mut guesses = Vec::new();
    for failures in 0..40 {
        let guess = source.second_guess(6);
        assert_eq!(guess.is_some(), failures >= SRTP_FAILURES_BEFORE_SEARCH, "{failures} failures");
        guesses.extend(guess.map(|guess| guess >> 16));
        source.fail();
    }
    let all: Vec<u64> = (4..4 + u64::from(SRTP_ROLLOVERS_SEARCHED)).collect();
    guesses.sort_unstable();
    guesses.dedup();
    assert_eq!(guesses, all);
    (0..=u16::MAX).for_each(|_| source.fail());
    assert!(source.second_guess(6).is_some());
    source.pass(0x5_0006);
    assert_eq!(source.second_guess(7), None);
}

#[test]
fn one_source_more_than_there_is_room_for_is_refused() {
    let mut sources = Sources::default();
    for ssrc in 0..SRTP_SOURCES_MAX as u32 {
        assert!(sources.get_or(ssrc, &Source::new(ssrc)).is_some());
        assert!(sources.get_or_insert(ssrc).is_some());
    }
    assert!(sources.get_or_insert(u32::MAX).is_none());
    assert!(sources.get_or(u32::MAX, &Source::new(u32::MAX)).is_none());
    assert!(sources.get_or_insert(0).is_some());
    assert_eq!(sources.rocs().count(), SRTP_SOURCES_MAX);
}
