use super::*;

fn format(ssrc: u32, packets: u64) -> FormatStats {
    let sent = Counted { packets, bytes: packets * 100 };
    FormatStats { local_ssrc: Some(ssrc), sent, ..FormatStats::default() }
}

fn of(formats: Vec<FormatStats>) -> MediaStats {
    MediaStats { formats, ..MediaStats::default() }
}

#[test]
fn one_source_over_the_bound_takes_the_name_of_the_first_and_no_packet_is_forgotten() {
    let mut media = MediaStats::default();
    for ssrc in 0..2 * SOURCES_MAX as u32 {
        media.absorb(&of(vec![format(ssrc, 1)]));
    }
    assert_eq!(media.formats.len(), SOURCES_MAX + 1);
    assert_eq!(media.sent().rtp, Counted { packets: 2 * SOURCES_MAX as u64, bytes: 3200 });
    let nameless = media.formats.iter().find(|format| format.local_ssrc.is_none()).unwrap();
    assert_eq!(nameless.sent.packets, SOURCES_MAX as u64);
}

#[test]
fn what_is_counted_of_one_source_is_added_and_its_newest_values_count() {
    let mut session = SessionStats::default();
    let part = |media, formats| MediaStats { media, ..of(formats) };
    let newer = FormatStats { last_sequence: Some(7), ..format(1, 3) };
    for medias in
        [vec![part(1, vec![format(1, 2)])], vec![part(0, vec![format(9, 1)])], vec![part(1, vec![newer])]]
    {
        session.absorb(SessionStats { medias, ..SessionStats::default() });
    }
    assert_eq!(session.medias.iter().map(|media| media.media).collect::<Vec<_>>(), [0, 1]);
    let own = &session.medias[1].formats[0];
    assert_eq!((own.sent.packets, own.last_sequence), (5, Some(7)));
    assert_eq!(session.sent().rtp.packets, 6);
}

#[test]
fn only_a_report_that_names_one_of_ours_tells_the_round_trip() {
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    let block = |last_sr| ReportBlock { ssrc: 1, last_sr, delay: 65_536, ..ReportBlock::default() };
    let round_trip = |last_sr, came| {
        let reported = FormatStats { block: Some((at(came), block(last_sr))), ..format(1, 1) };
        let mut stats = SessionStats { medias: vec![of(vec![reported])], ..SessionStats::default() };
        [(0, 0), (5, 2000)].iter().for_each(|(middle, millis)| stats.rounds.note(at(*millis), *middle));
        stats.resolve();
        stats.medias[0].formats[0].reported.unwrap().round_trip
    };
    assert_eq!(round_trip(5, 3040), Some(Duration::from_millis(40)));
    assert_eq!(round_trip(5, 2900), Some(Duration::ZERO), "a delay that is too long");
    assert_eq!(round_trip(6, 3040), None, "a report that nobody sent");
    assert_eq!(round_trip(0, 3040), None, "zero stands for none");
}
