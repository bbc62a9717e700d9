//! Findings on that which flows, or does not.

use rtspan_std::{CommandError, SrtpError, SwitchReason, WithCauses};

use super::facts::{Facts, Outcome, Step, Track};
use super::finding::{Finding, Problem};

/// Tells the transport of media, where that was changed.
pub(super) fn transport(facts: &Facts) -> Option<Finding> {
    let reason = match facts.switched? {
        // TCP is no better, so that no firewall is to blame.
        SwitchReason::NothingHeard if is_silent(facts) => return None,
        SwitchReason::NothingHeard => {
            let what =
                "nothing comes over UDP, and over TCP the stream plays: a firewall or a NAT holds UDP back";
            let advice = "let UDP from the server through, or play over TCP";
            return Some(Finding::warning(Problem::UdpBlocked, what).done("TCP was used").advice(advice));
        }
        SwitchReason::NoSockets => "this machine gives no UDP ports",
        SwitchReason::Refused => "the server refuses UDP",
        SwitchReason::Answered => "the server answers a request for UDP with TCP",
        SwitchReason::NoServerPorts => "the server does not say from which UDP ports it sends",
        _ => "media does not go over UDP",
    };
    Some(Finding::note(Problem::UdpRefused, reason).done("TCP was used"))
}

/// The medias that do not play as they should.
pub(super) fn medias(facts: &Facts) -> Vec<Finding> {
    // If all are refused, that is what has failed.
    let some_play = facts.tracks.iter().any(|track| track.stats().is_some());
    let mut findings: Vec<_> = facts.tracks.iter().filter(|_| some_play).filter_map(refused).collect();
    if !is_over(facts) {
        return findings;
    }
    if is_silent(facts) {
        findings.push(nothing_arrives(facts));
        return findings;
    }
    findings.extend(facts.tracks.iter().filter_map(silent));
    findings.extend(facts.tracks.iter().filter_map(lost));
    findings.extend(facts.tracks.iter().filter_map(unreadable));
    findings
}

/// Packets were waited for.
fn is_over(facts: &Facts) -> bool {
    facts.failure.as_ref().is_none_or(|failed| failed.step == Step::Receive)
}

/// Returns true if medias play and none has sent anything.
pub(super) fn is_silent(facts: &Facts) -> bool {
    let mut played = facts.tracks.iter().filter_map(Track::stats).peekable();
    played.peek().is_some() && played.all(|stats| stats.packets == 0)
}

fn nothing_arrives(facts: &Facts) -> Finding {
    let finding = Finding::fault(
        Problem::NothingArrives,
        "the server says that it plays, and nothing arrives of any media",
    );
    if facts.switched == Some(SwitchReason::NothingHeard) {
        return finding.done("TCP was tried where nothing came over UDP").advice(
            "see whether the source of the stream runs, such as the camera behind a recorder, or a publisher",
        );
    }
    finding
        .advice("see whether the source of the stream runs; over UDP, see whether a firewall holds it back")
}

fn refused(track: &Track) -> Option<Finding> {
    let Outcome::Refused(error) = &track.outcome else { return None };
    let what = format!("media {} ({}) is refused: {}", track.media, track.kind, WithCauses(error));
    let advice = match error {
        CommandError::Srtp { error: SrtpError::NotOverTls, .. } => {
            "ask for it by rtsps, so that nobody reads its keys"
        }
        CommandError::Srtp { .. } => "have the server tell its keys by MIKEY, or offer it without SRTP",
        _ => "see whether it is switched on at the server, and whether too many others play it",
    };
    Some(Finding::fault(Problem::MediaRefused, what).done("it was left out").advice(advice))
}

fn silent(track: &Track) -> Option<Finding> {
    track.stats().filter(|stats| stats.packets == 0)?;
    let what =
        format!("media {} ({}) is described and sends nothing, though others do", track.media, track.kind);
    Some(if track.always_flows {
        Finding::fault(Problem::MediaSilent, what)
            .advice("see whether it is switched on at the server, such as a microphone; if not, leave it out of the stream")
    } else {
        Finding::note(Problem::MediaSilent, what).done("media of this kind may be quiet")
    })
}

fn lost(track: &Track) -> Option<Finding> {
    let Outcome::Played { over, stats } = &track.outcome else { return None };
    // One in a hundred is seen.
    if stats.lost.saturating_mul(100) <= stats.packets.saturating_add(stats.lost) {
        return None;
    }
    let what = format!(
        "{} packets of media {} ({}) got lost, and {} arrived",
        stats.lost, track.media, track.kind, stats.packets
    );
    let advice = match *over {
        "udp" | "multicast" => "play over TCP, or see why the network loses packets",
        _ => "see why the server leaves packets out; it may have too little bandwidth or too many readers",
    };
    Some(Finding::warning(Problem::PacketsLost, what).advice(advice))
}

fn unreadable(track: &Track) -> Option<Finding> {
    let stats = track.stats().filter(|stats| stats.invalid > 0)?;
    let what = format!(
        "{} packets of media {} ({}) are no RTP, or of a payload type that the description does not name",
        stats.invalid, track.media, track.kind
    );
    Some(Finding::warning(Problem::PacketsUnreadable, what).done("they were left out"))
}

#[cfg(test)]
mod tests {
    use rtspan_std::{ClientCloseReason, Error, StatusCode, TrackStats};

    use super::*;
    use crate::probe::facts::Failed;
    use crate::probe::finding::Severity;

    fn track(kind: &str, outcome: Outcome) -> Track {
        let always_flows = matches!(kind, "video" | "audio");
        Track { media: usize::from(kind != "video"), kind: kind.to_owned(), always_flows, outcome }
    }

    fn played(kind: &str, packets: u64, lost: u64) -> Track {
        let mut stats = TrackStats::default();
        (stats.packets, stats.lost) = (packets, lost);
        track(kind, Outcome::Played { over: "udp", stats: Box::new(stats) })
    }

    fn found(tracks: Vec<Track>, switched: Option<SwitchReason>) -> Vec<(Problem, Severity)> {
        let facts = Facts { tracks, switched, ..Facts::default() };
        let findings = transport(&facts).into_iter().chain(medias(&facts));
        findings.map(|finding| (finding.problem, finding.severity)).collect()
    }

    #[test]
    fn a_stream_that_flows_is_no_finding() {
        assert!(found(vec![played("video", 99, 1), played("audio", 1, 0)], None).is_empty());
        assert!(found(Vec::new(), None).is_empty());
    }

    #[test]
    fn udp_is_blocked_only_where_tcp_helps() {
        let reason = Some(SwitchReason::NothingHeard);
        assert_eq!(found(vec![played("video", 9, 0)], reason), [(Problem::UdpBlocked, Severity::Warning)]);
        assert_eq!(found(vec![played("video", 0, 0)], reason), [(Problem::NothingArrives, Severity::Fault)]);
        for reason in [SwitchReason::Refused, SwitchReason::Answered, SwitchReason::NoServerPorts] {
            let found = found(vec![played("video", 9, 0)], Some(reason));
            assert_eq!(found, [(Problem::UdpRefused, Severity::Note)]);
        }
    }

    #[test]
    fn a_media_that_is_quiet_though_others_are_not_is_a_fault_if_it_is_picture_or_sound() {
        let with = |kind| found(vec![played("video", 9, 0), played(kind, 0, 0)], None);
        assert_eq!(with("audio"), [(Problem::MediaSilent, Severity::Fault)]);
        assert_eq!(with("application"), [(Problem::MediaSilent, Severity::Note)]);
    }

    #[test]
    fn more_than_one_lost_packet_in_a_hundred_is_told() {
        assert!(found(vec![played("video", 990, 10)], None).is_empty());
        assert_eq!(found(vec![played("video", 989, 11)], None), [(Problem::PacketsLost, Severity::Warning)]);
    }

    #[test]
    fn packets_that_cannot_be_read_are_told() {
        let mut stats = TrackStats::default();
        (stats.packets, stats.invalid) = (1, 1);
        let tracks = vec![track("video", Outcome::Played { over: "tcp", stats: Box::new(stats) })];
        assert_eq!(found(tracks, None), [(Problem::PacketsUnreadable, Severity::Warning)]);
    }

    #[test]
    fn a_media_that_is_refused_is_told_with_the_status() {
        let error = CommandError::Status { status: StatusCode::NOT_ENOUGH_BANDWIDTH, reason: "Full".into() };
        let refused = track("audio", Outcome::Refused(error));
        assert!(found(vec![refused.clone()], None).is_empty(), "that is told as what has failed");
        let tracks = vec![played("video", 9, 0), refused];
        let findings = medias(&Facts { tracks, ..Facts::default() });
        assert_eq!((findings.len(), findings[0].problem), (1, Problem::MediaRefused));
        assert!(findings[0].what.contains("media 1 (audio)") && findings[0].what.contains("453 Full"));
    }

    #[test]
    fn nothing_is_called_silent_before_it_was_played() {
        let error = Error::Closed(ClientCloseReason::ConnectionLost(None));
        let failure = Some(Failed { step: Step::Play, error });
        assert!(
            medias(&Facts { tracks: vec![played("video", 0, 0)], failure, ..Facts::default() }).is_empty()
        );
    }
}
