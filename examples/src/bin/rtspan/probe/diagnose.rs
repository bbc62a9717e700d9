//! From facts to findings: pure functions, the gravest findings first.

use super::facts::Facts;
use super::finding::{Finding, Problem};
use super::{medias, refused};

/// The longest distance of two clocks that need not be told, in seconds: the Date header has no fractions, and answers take
/// a moment.
const CLOCK_SECONDS: f64 = 2.0;
const QUARTER: f64 = 900.0;
const DAY: f64 = 86_400.0;

/// All that is wrong, by severity.
pub(super) fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(facts.failure.as_ref().map(|failed| refused::explain(facts, failed.step, &failed.error)));
    findings.extend(medias::transport(facts));
    findings.extend(medias::medias(facts));
    findings.extend(clock(facts));
    findings.extend(password(facts));
    findings.extend(redirects(facts));
    findings.extend(deviations(facts));
    findings.sort_by_key(|finding| finding.severity as u8);
    findings
}

/// By how many seconds the server's clock is ahead: by the sender reports of its medias, which are the more exact, or its Date
/// header.
pub(super) fn report_ahead(facts: &Facts) -> Option<f64> {
    let ahead = facts.tracks.iter().filter_map(|track| track.stats()?.clock.wall_ahead);
    ahead.map(|nanos| nanos as f64 / 1e9).max_by(|a, b| a.abs().total_cmp(&b.abs()))
}

fn clock(facts: &Facts) -> Option<Finding> {
    let told = [("its sender reports", report_ahead(facts)), ("its Date header", facts.heard.date_ahead)];
    let is_off = |ahead: f64| ahead.abs() > CLOCK_SECONDS;
    let off = told.into_iter().filter_map(|(by, ahead)| Some((by, ahead.filter(|ahead| is_off(*ahead))?)));
    let off: Vec<_> = off.collect();
    let told = off.iter().map(|(by, ahead)| format!("{} by {by}", distance(*ahead))).collect::<Vec<_>>();
    let local = off.iter().any(|(_, ahead)| is_local_time(*ahead));
    let what = format!("the clock of the server is off: {}", told.join(", and "));
    let advice = if local {
        "it seems to tell local time where UTC belongs: set its time zone, and have it set its clock by NTP"
    } else {
        "have the server set its clock by NTP, and this machine as well"
    };
    (!off.is_empty()).then(|| Finding::warning(Problem::ClockOff, what).advice(advice))
}

/// A distance of two clocks.
fn distance(ahead: f64) -> String {
    let way = if ahead < 0.0 { "behind" } else { "ahead" };
    let seconds = ahead.abs();
    let minutes = (seconds / 60.0).round();
    match seconds {
        _ if seconds >= DAY => format!("{:.0} days {way}", seconds / DAY),
        _ if seconds >= 3600.0 => {
            format!("{:.0} h {:.0} min {way}", (minutes / 60.0).floor(), minutes % 60.0)
        }
        _ => format!("{seconds:.1} s {way}"),
    }
}

/// Time zones are apart by quarters of an hour, and by 14 hours at most.
fn is_local_time(ahead: f64) -> bool {
    let seconds = ahead.abs();
    let nearest = (seconds / QUARTER).round() * QUARTER;
    (QUARTER..=14.0 * 3600.0).contains(&nearest) && (seconds - nearest).abs() <= CLOCK_SECONDS
}

fn password(facts: &Facts) -> Option<Finding> {
    let was_sent = facts.failure.is_none() && facts.has_credentials && facts.heard.offers_basic_only();
    let what = "the server takes the password in no other form than as it is (Basic), which everybody on the way can read";
    was_sent.then(|| {
        Finding::warning(Problem::PasswordReadable, what).advice("have the server ask for Digest, if it can")
    })
}

fn redirects(facts: &Facts) -> impl Iterator<Item = Finding> {
    facts.heard.redirects.iter().map(|url| {
        Finding::note(Problem::Redirected, format!("the server redirects to {url}"))
            .done("it was examined there")
    })
}

fn deviations(facts: &Facts) -> impl Iterator<Item = Finding> {
    facts
        .tolerances
        .iter()
        .map(|tolerance| Finding::note(Problem::Deviation, tolerance.to_string()).done("it was put up with"))
}

#[cfg(test)]
mod tests {
    use rtspan_std::{Tolerance, TrackStats};

    use super::*;
    use crate::probe::facts::{Outcome, Track};
    use crate::probe::finding::Severity;

    fn track(stats: TrackStats) -> Track {
        let outcome = Outcome::Played { over: "tcp", stats: Box::new(stats) };
        Track { media: 0, kind: "video".to_owned(), always_flows: true, outcome }
    }

    fn off_by(date: Option<f64>, report: Option<f64>) -> Option<Finding> {
        let mut facts = Facts::default();
        facts.heard.date_ahead = date;
        let mut stats = TrackStats::default();
        stats.clock.wall_ahead = report.map(|seconds| (seconds * 1e9) as i64);
        facts.tracks = vec![track(TrackStats::default()), track(stats)];
        clock(&facts)
    }

    #[test]
    fn a_clock_that_is_right_is_no_finding() {
        for (date, report) in [(None, None), (Some(1.9), Some(-1.9)), (Some(-2.0), None)] {
            assert!(off_by(date, report).is_none());
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_by_each_source_that_shows_it() {
        for (date, report, what) in [
            (Some(2.5), None, "2.5 s ahead by its Date header"),
            (Some(0.0), Some(-7.25), "7.2 s behind by its sender reports"),
            (
                Some(-90.0),
                Some(-90.4),
                "90.4 s behind by its sender reports, and 90.0 s behind by its Date header",
            ),
            (Some(-4.0 * DAY), None, "4 days behind by its Date header"),
            (Some(3599.9 * 2.0), None, "2 h 0 min ahead by its Date header"),
        ] {
            let finding = off_by(date, report).unwrap();
            assert_eq!(finding.what, format!("the clock of the server is off: {what}"));
            assert_eq!(finding.severity, Severity::Warning);
        }
    }

    #[test]
    fn a_clock_that_tells_local_time_is_told_apart() {
        for (ahead, expected) in
            [(3600.0, true), (-19_800.5, true), (60.0, false), (3700.0, false), (15.0 * 3600.0, false)]
        {
            let advice = off_by(Some(ahead), None).unwrap().advice.unwrap();
            assert_eq!(advice.contains("time zone"), expected, "{ahead}");
        }
    }

    #[test]
    fn each_tolerance_is_a_note_and_says_what_was_done() {
        let mut facts = Facts::default();
        facts.tolerances.record(Tolerance::Garbage);
        facts.tolerances.record(Tolerance::MissingReason);
        let findings = diagnose(&facts);
        assert_eq!(findings.len(), 2);
        for (finding, tolerance) in findings.iter().zip(facts.tolerances.iter()) {
            assert_eq!((finding.problem, finding.severity), (Problem::Deviation, Severity::Note));
            assert_eq!(finding.what, tolerance.to_string());
            assert!(finding.done.is_some());
        }
    }

    #[test]
    fn the_gravest_findings_come_first() {
        let mut facts = Facts { tracks: vec![track(TrackStats::default())], ..Facts::default() };
        facts.tolerances.record(Tolerance::Garbage);
        facts.heard.date_ahead = Some(100.0);
        let severities: Vec<_> = diagnose(&facts).iter().map(|finding| finding.severity.as_str()).collect();
        assert_eq!(severities, ["fault", "warning", "note"]);
    }
}
