use super::*;

fn read(value: &str) -> (Result<RtpInfo, HeaderError>, Tolerances) {
    let mut tolerances = Tolerances::NONE;
    (RtpInfo::parse(value, &mut tolerances), tolerances)
}

fn entry(url: &str, seq: Option<u16>, rtptime: Option<u32>) -> RtpInfoEntry {
    RtpInfoEntry { url: url.into(), seq, rtptime }
}

#[test]
fn entries_are_read_and_written() {
    let one = "rtsp://127.0.0.1/test.mkv/track1";
    let two = "rtsp://127.0.0.1/test.mkv/track2";
    for (value, entries) in [
        (
            "url=rtsp://127.0.0.1/test.mkv/track1;seq=35243;rtptime=717574556",
            vec![entry(one, Some(35243), Some(717574556))],
        ),
        (
            "url=rtsp://127.0.0.1/test.mkv/track1;seq=35243;rtptime=717574556,url=rtsp://127.0.0.1/test.mkv/track2;seq=13655;rtptime=2848846950",
            vec![entry(one, Some(35243), Some(717574556)), entry(two, Some(13655), Some(2848846950))],
        ),
        ("url=rtsp://127.0.0.1/test.mkv/track1;seq=35243", vec![entry(one, Some(35243), None)]),
        ("url=rtsp://127.0.0.1/test.mkv/track1;rtptime=717574556", vec![entry(one, None, Some(717574556))]),
        (
            "url=rtsp://127.0.0.1/test.mkv/track1,url=rtsp://127.0.0.1/test.mkv/track2",
            vec![entry(one, None, None), entry(two, None, None)],
        ),
        (r#"url="rtsp://h/a;b";seq=2"#, vec![entry("rtsp://h/a;b", Some(2), None)]),
        (
            "url=rtsp://h/a,b/track=1;seq=2,url=rtsp://h/c,d",
            vec![entry("rtsp://h/a,b/track=1", Some(2), None), entry("rtsp://h/c,d", None, None)],
        ),
    ] {
        let (info, tolerances) = read(value);
        assert_eq!(info, Ok(RtpInfo(entries.clone())), "{value}");
        assert!(tolerances.is_empty(), "{value}: {tolerances:?}");
        assert_eq!(RtpInfo(entries).to_string(), value);
    }
}

#[test]
fn blanks_and_other_parameters_are_passed_over() {
    let axis = "url=rtsp://10.13.146.53/axis-media/media.amp/trackID=1;seq=58477;rtptime=1020884293, \
                url=rtsp://10.13.146.53/axis-media/media.amp/trackID=2;seq=15727;rtptime=1171661503";
    assert_eq!(
        read(axis).0.unwrap().0,
        [
            entry("rtsp://10.13.146.53/axis-media/media.amp/trackID=1", Some(58477), Some(1020884293)),
            entry("rtsp://10.13.146.53/axis-media/media.amp/trackID=2", Some(15727), Some(1171661503)),
        ]
    );
    let value = "URL=\"rtsp://h/1\" ; ssrc=dcc4a0d8; Seq = 5 ,\t Url=rtsp://h/2,";
    assert_eq!(
        read(value).0.unwrap().0,
        [entry("rtsp://h/1", Some(5), None), entry("rtsp://h/2", None, None)]
    );
}

#[test]
fn a_semicolon_at_the_end_is_passed_over_as_laureii_sends_it() {
    let (info, tolerances) = read("url=rtsp://h/1;seq=5;rtptime=6;");
    assert_eq!(info.unwrap().0, [entry("rtsp://h/1", Some(5), Some(6))]);
    assert!(tolerances.contains(Tolerance::EmptyParameter));
}

#[test]
fn relative_urls_are_read_as_wowza_and_reolink_send_them() {
    for (value, entries) in [
        ("url=trackID=0;seq=12447;rtptime=12447", vec![entry("trackID=0", Some(12447), Some(12447))]),
        (
            "url=trackID=1;seq=55664;rtptime=254718369;ssrc=56597976,url=trackID=2;seq=43807;rtptime=1702259566;ssrc=ee839a80",
            vec![
                entry("trackID=1", Some(55664), Some(254718369)),
                entry("trackID=2", Some(43807), Some(1702259566)),
            ],
        ),
        (
            "url=trackID=1;seq=1,url=rtsp://h/trackID=2;seq=2",
            vec![entry("trackID=1", Some(1), None), entry("rtsp://h/trackID=2", Some(2), None)],
        ),
    ] {
        let (info, tolerances) = read(value);
        assert_eq!(info.unwrap().0, entries, "{value}");
        assert!(tolerances.contains(Tolerance::RelativeRtpInfoUrl), "{value}");
    }
}

#[test]
fn numbers_that_cannot_be_read_are_unknown() {
    for parameters in ["seq=65536;rtptime=4294967296", "seq=-1;rtptime", "seq=;rtptime=x"] {
        let (info, tolerances) = read(&format!("url=rtsp://h/1;{parameters}"));
        assert_eq!(info.unwrap().0, [entry("rtsp://h/1", None, None)], "{parameters}");
        assert!(tolerances.contains(Tolerance::UnreadableParameter), "{parameters}");
    }
}

#[test]
fn without_a_url_there_is_nothing() {
    for value in ["", ",", ",,,;", "seq=1;rtptime=2", "url", "url=", "url=;seq=1", "a,b"] {
        assert_eq!(read(value).0, Err(HeaderError::Missing { header: RTP_INFO, what: "url" }), "{value}");
    }
    assert_eq!(read("seq=1,url=rtsp://h/2").0.unwrap().0, [entry("rtsp://h/2", None, None)]);
}

#[test]
fn an_entry_without_a_url_is_left_out_and_recorded() {
    for value in [
        "seq=1;rtptime=2,url=rtsp://h/a;seq=3",
        "url=;seq=1,url=rtsp://h/a;seq=3",
        "url;seq=1, url=rtsp://h/a;seq=3",
    ] {
        let (info, tolerances) = read(value);
        assert_eq!(info, Ok(RtpInfo(vec![entry("rtsp://h/a", Some(3), None)])), "{value}");
        assert_eq!(tolerances.iter().collect::<Vec<_>>(), [Tolerance::UnreadableParameter], "{value}");
    }
}

#[test]
fn only_so_many_entries_are_read() {
    let value = vec!["url=rtsp://h/1"; RTP_INFO_ENTRIES_MAX + 1].join(",");
    let (info, tolerances) = read(&value);
    assert_eq!(info.unwrap().0.len(), RTP_INFO_ENTRIES_MAX);
    assert!(tolerances.contains(Tolerance::ElementsLeftOut));
    let value = vec!["url=rtsp://h/1"; RTP_INFO_ENTRIES_MAX].join(",");
    assert!(!read(&value).1.contains(Tolerance::ElementsLeftOut), "as many as there may be are all read");
}

#[test]
fn the_entry_of_a_track_is_found_by_url_or_by_its_last_segment() {
    let track = |text: &str| Url::parse(text).unwrap();
    let info = |urls: &[&str]| RtpInfo(urls.iter().map(|url| entry(url, None, None)).collect());
    for (urls, url, place) in [
        (&["rtsp://h/a/trackID=0", "rtsp://h/a/trackID=1"][..], "rtsp://u:p@h/a/trackID=1", Some(1)),
        (
            &["rtsp://127.0.0.1:554/a/trackID=0", "rtsp://127.0.0.1:554/a/trackID=1"],
            "rtsp://h/a/trackID=1",
            Some(1),
        ),
        (&["trackID=11", "trackID=1"], "rtsp://h/a/trackID=1", Some(1)),
        (&["/a/trackID=0", "/a/trackID=1"], "rtsp://h/a/trackID=1", Some(1)),
        (&["?ctype=audio", "?ctype=video"], "rtsp://h/a?ctype=video", Some(1)),
        // gortsplib's server leaves the query out
        (
            &["rtsp://h/path/trackID=0", "rtsp://h/path/trackID=1"],
            "rtsp://h/path?param=value/trackID=1",
            Some(1),
        ),
        // URLs that are the same once they are decoded
        (&["rtsp://h/caf%C3%A9/1", "rtsp://h/b/1"], "rtsp://h/café/1", Some(0)),
        (&["rtsp://h//a/1", "rtsp://h/b/1"], "rtsp://h/a/%31", Some(0)),
        (&["my%20cam/1", "b/1"], "rtsp://h/a/my cam/1", Some(0)),
        (&["rtsp://h/a%2F1", "rtsp://h/b/1"], "rtsp://h/a/1", Some(1)),
        (&["rtsp://h/a/1", "rtsp://h/b/1"], "rtsp://h/c/1", None),
        (&["rtsp://h/a/trackID=11"], "rtsp://h/a/trackID=1", None),
        (&[], "rtsp://h/a", None),
    ] {
        let info = info(urls);
        let found = info.find(&track(url), &mut Tolerances::default());
        assert_eq!(found, place.map(|place| &info.0[place]), "{urls:?} {url}");
    }
}

#[test]
fn an_entry_that_is_found_by_its_last_segment_only_is_recorded() {
    let track = Url::parse("rtsp://h/path?param=value/trackID=1").unwrap();
    for (url, is_recorded) in [
        ("rtsp://h/path?param=value/trackID=1", false),
        ("rtsp://10.0.0.1/path?param=value/trackID=1", false),
        ("trackID=1", false),
        // gortsplib's server leaves the query out
        ("rtsp://h/path/trackID=1", true),
    ] {
        let mut tolerances = Tolerances::NONE;
        assert!(RtpInfo(vec![entry(url, None, None)]).find(&track, &mut tolerances).is_some(), "{url}");
        assert_eq!(tolerances.contains(Tolerance::RtpInfoLastSegment), is_recorded, "{url}");
    }
}

#[test]
fn sequence_numbers_0_and_1_are_not_believed() {
    for (seq, believed) in
        [(None, None), (Some(0), None), (Some(1), None), (Some(2), Some(2)), (Some(65535), Some(65535))]
    {
        assert_eq!(entry("x", seq, None).first_sequence(), believed);
    }
}
