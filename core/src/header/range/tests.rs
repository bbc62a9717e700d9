use super::*;

fn read(value: &str) -> (Result<TimedRange, HeaderError>, Tolerances) {
    let mut tolerances = Tolerances::NONE;
    (TimedRange::parse(value, &mut tolerances), tolerances)
}

fn at(seconds: u64, nanos: u32) -> Option<NptTime> {
    Some(NptTime::At(Duration::new(seconds, nanos)))
}

fn code(hours: u8, minutes: u8, seconds: u8, frames: u8, subframes: u8) -> Option<SmpteTime> {
    Some(SmpteTime { hours, minutes, seconds, frames, subframes })
}

fn utc(text: &str) -> Option<UtcTime> {
    Some(UtcTime::parse(text).expect(text))
}

#[test]
fn ranges_are_read_and_written() {
    let smpte = |start, end| Range::Smpte { rate: SmpteRate::Default, start, end };
    for (value, range, written) in [
        (
            "smpte=10:07:00-10:07:33:05.01",
            smpte(code(10, 7, 0, 0, 0), code(10, 7, 33, 5, 1)),
            "smpte=10:07:00-10:07:33:05.01",
        ),
        ("smpte=0:10:00-", smpte(code(0, 10, 0, 0, 0), None), "smpte=0:10:00-"),
        ("smpte=0:10:00:01-", smpte(code(0, 10, 0, 1, 0), None), "smpte=0:10:00:01-"),
        ("smpte=-10:00:00", smpte(None, code(10, 0, 0, 0, 0)), "smpte=-10:00:00"),
        (
            "smpte-25=10:12:33:20-",
            Range::Smpte { rate: SmpteRate::Fps25, start: code(10, 12, 33, 20, 0), end: None },
            "smpte-25=10:12:33:20-",
        ),
        (
            "SMPTE-30-Drop=10:07:00-10:07:33:05.01",
            Range::Smpte { rate: SmpteRate::Drop30, start: code(10, 7, 0, 0, 0), end: code(10, 7, 33, 5, 1) },
            "smpte-30-drop=10:07:00-10:07:33:05.01",
        ),
        ("npt=123.45-125", Range::Npt { start: at(123, 450_000_000), end: at(125, 0) }, "npt=123.45-125"),
        ("npt=12:05:35.3-", Range::Npt { start: at(43535, 300_000_000), end: None }, "npt=43535.3-"),
        ("npt=2:3-", Range::Npt { start: at(123, 0), end: None }, "npt=123-"),
        ("npt=0.000-", Range::Npt { start: at(0, 0), end: None }, "npt=0-"),
        ("npt=0-", Range::from_npt(Duration::ZERO), "npt=0-"),
        ("npt=now-", Range::Npt { start: Some(NptTime::Now), end: None }, "npt=now-"),
        ("npt=now-100", Range::Npt { start: Some(NptTime::Now), end: at(100, 0) }, "npt=now-100"),
        ("npt=-10", Range::Npt { start: None, end: at(10, 0) }, "npt=-10"),
        ("npt=20-10", Range::Npt { start: at(20, 0), end: at(10, 0) }, "npt=20-10"),
        ("npt=5-5", Range::Npt { start: at(5, 0), end: at(5, 0) }, "npt=5-5"),
        (" NPT = 1.5 - 2 ", Range::Npt { start: at(1, 500_000_000), end: at(2, 0) }, "npt=1.5-2"),
        ("npt=1.0000000019-", Range::Npt { start: at(1, 1), end: None }, "npt=1.000000001-"),
        (
            "clock=19961108T142300Z-19961108T143520Z",
            Range::Clock { start: utc("19961108T142300Z"), end: utc("19961108T143520Z") },
            "clock=19961108T142300Z-19961108T143520Z",
        ),
        (
            "clock=19961108T143720.25Z-",
            Range::Clock { start: utc("19961108T143720.25Z"), end: None },
            "clock=19961108T143720.250Z-",
        ),
        // Hikvision replay
        (
            "clock=20200618T212222Z-20200618T212312Z",
            Range::Clock { start: utc("20200618T212222Z"), end: utc("20200618T212312Z") },
            "clock=20200618T212222Z-20200618T212312Z",
        ),
    ] {
        let (timed, tolerances) = read(value);
        assert_eq!(timed, Ok(TimedRange { range, time: None }), "{value}");
        assert!(tolerances.iter().all(|fired| fired == Tolerance::NptFields), "{value}: {tolerances:?}");
        assert_eq!(range.to_string(), written);
        assert_eq!(Range::parse(written, &mut Tolerances::default()), Ok(range));
    }
}

#[test]
fn the_time_of_effect_is_read_and_written() {
    let value = "clock=19960213T143205Z-;time=19970123T143720Z";
    let timed = TimedRange {
        range: Range::Clock { start: utc("19960213T143205Z"), end: None },
        time: utc("19970123T143720Z"),
    };
    assert_eq!(read(value).0, Ok(timed));
    assert_eq!(timed.to_string(), value);
    assert_eq!(Range::parse(value, &mut Tolerances::default()), Ok(timed.range));
}

#[test]
fn an_end_that_overflows_is_open() {
    for end in ["4294967296", "18446744073.709551615", "99999999999999999999999999"] {
        let (timed, tolerances) = read(&format!("npt=0-{end}"));
        assert_eq!(timed, Ok(TimedRange { range: Range::from_npt(Duration::ZERO), time: None }), "{end}");
        assert!(tolerances.contains(Tolerance::RangeEndOverflow), "{end}");
    }
    let (timed, tolerances) = read("npt=0-4294967295");
    assert_eq!(timed.unwrap().range, Range::Npt { start: at(0, 0), end: at(u32::MAX.into(), 0) });
    assert!(tolerances.is_empty());
}

#[test]
fn a_start_before_zero_is_zero() {
    for (value, end) in [("npt=0.-130-", None), ("npt=0.-080-2.5", at(2, 500_000_000))] {
        let (timed, tolerances) = read(value);
        assert_eq!(timed.unwrap().range, Range::Npt { start: at(0, 0), end }, "{value}");
        assert!(tolerances.contains(Tolerance::NptBelowZero), "{value}");
    }
    assert!(read("npt=0.-x-").0.is_err());
}

#[test]
fn a_time_that_is_not_hours_minutes_and_seconds_is_read_and_recorded() {
    for (value, start, is_recorded) in [
        ("npt=1:30-", at(90, 0), true),
        ("npt=1:30.5-", at(90, 500_000_000), true),
        ("npt=0:75:00-", at(4500, 0), true),
        ("npt=0:0:90-", at(90, 0), true),
        ("npt=75:00:00-", at(270_000, 0), false),
        ("npt=0:01:30-", at(90, 0), false),
        ("npt=90-", at(90, 0), false),
    ] {
        let (timed, tolerances) = read(value);
        assert_eq!(timed.map(|timed| timed.range), Ok(Range::Npt { start, end: None }), "{value}");
        let fired = is_recorded.then_some(Tolerance::NptFields);
        assert_eq!(tolerances.iter().next(), fired, "{value}");
    }
    let (_, tolerances) = read("npt=0-1:30");
    assert!(tolerances.contains(Tolerance::NptFields));
}

#[test]
fn a_clock_that_starts_at_zero_is_open() {
    let (timed, tolerances) = read("clock=0-");
    let range = Range::Clock { start: None, end: None };
    assert_eq!(timed, Ok(TimedRange { range, time: None }));
    assert!(tolerances.contains(Tolerance::ZeroClock));
    assert_eq!(range.to_string(), "clock=0-");
}

#[test]
fn a_comma_is_read_as_a_decimal_point() {
    let now = Some(NptTime::Now);
    for (value, range) in [
        ("npt=23,89-now", Range::Npt { start: at(23, 890_000_000), end: now }),
        ("npt=0,000-", Range::from_npt(Duration::ZERO)),
        ("npt=0:00:01,5-0:00:02,25", Range::Npt { start: at(1, 500_000_000), end: at(2, 250_000_000) }),
        ("npt=now-4,5", Range::Npt { start: now, end: at(4, 500_000_000) }),
        ("clock=19961108T143720,25Z-", Range::Clock { start: utc("19961108T143720.25Z"), end: None }),
        (
            "smpte-25=0:00:00:05,01-",
            Range::Smpte { rate: SmpteRate::Fps25, start: code(0, 0, 0, 5, 1), end: None },
        ),
    ] {
        let (timed, tolerances) = read(value);
        assert_eq!(timed, Ok(TimedRange { range, time: None }), "{value}");
        assert!(tolerances.contains(Tolerance::DecimalComma), "{value}");
    }
}

#[test]
fn a_range_knows_whether_it_runs_backwards() {
    for (value, reversed) in [
        ("npt=5-3", true),
        ("npt=5-5", false),
        ("npt=3-5", false),
        ("npt=5-", false),
        ("npt=-5", false),
        ("npt=now-5", false),
        ("npt=5-now", false),
        ("smpte=0:10:00-0:09:59:24", true),
        ("smpte=0:10:00-0:10:00:01", false),
        ("clock=19961108T143520Z-19961108T142300Z", true),
        ("clock=19961108T142300Z-19961108T143520Z", false),
        ("clock=0-", false),
    ] {
        assert_eq!(read(value).0.unwrap().range.is_reversed(), reversed, "{value}");
    }
}

#[test]
fn what_is_no_range_is_an_error() {
    for value in ["", "aa", "bytes=0-1", "time=19970123T143720Z", "npt", "smpte-60=0:00:00-"] {
        assert_eq!(read(value).0, Err(HeaderError::Missing { header: RANGE, what: "known unit" }), "{value}");
    }
    for value in [
        "smpte=",
        "smpte=-",
        "npt=-9999999999999999991",
        "smpte=00:00:01-123",
        "smpte=123-",
        "smpte=aa:00:00-",
        "smpte=00:aa:00-",
        "smpte=00:00:aa-",
        "smpte=00:00:00:aa-",
        "smpte=00:00:00:aa.00-",
        "smpte=00:00:00:00.aa-",
        "smpte=100:00:00-",
        "smpte=0:60:00-",
        "smpte=0:00:60-",
        "smpte=0:00:00:00:00-",
        "npt=",
        "npt=-",
        "npt=0",
        "npt=00:00:00-aa",
        "npt=00:00:00:00-",
        "npt=aa-",
        "npt=aa:00-",
        "npt=aa:00:00-",
        "npt=1e308-",
        "npt=NaN-",
        "npt=inf-",
        "npt=4294967296-",
        "npt=4294967295:0:0-",
        "npt=1.x-",
        "npt=.-",
        "npt=0-.5",
        "npt=0-1.2.3",
        "npt=0-1,2.3",
        "npt=0-1,2-3",
        "npt=0-1,npt=2-3",
        "npt=0-71582788:16",
        "clock=",
        "clock=-",
        "clock=aa-",
        "clock=20060102T150405Z-aa",
        "clock=99999999T999999Z-",
        "clock=0-1",
        "npt=0-;time=aa",
        "npt=0-;time",
    ] {
        assert!(matches!(read(value).0, Err(HeaderError::Unreadable { .. })), "{value} {:?}", read(value));
    }
    assert_eq!(read(r#"npt="0-"#).0, Err(HeaderError::UnclosedQuote { header: RANGE }));
}
