//! The findings, as lines for a person and as an object for a program (`docs/probe.md`).

use rtspan_std::{Description, Format, Media, WithCauses};
use serde_json::{Value, json};

use super::diagnose::report_ahead;
use super::facts::{Facts, Outcome, Track};
use super::finding::{Finding, Severity};
use super::measure::Measured;
use crate::args::Target;

pub(super) fn lines(url: &Target, facts: &Facts, findings: &[Finding]) -> Vec<String> {
    let mut lines = vec![url.to_string()];
    lines.extend(facts.heard.server.as_ref().map(|server| format!("server   {server}")));
    if let Some(description) = &facts.description
        && !description.title.trim().is_empty()
    {
        lines.push(format!("title    {}", description.title));
    }
    lines.extend(facts.methods.as_ref().map(|methods| format!("methods  {methods}")));
    if let Some(description) = &facts.description {
        for (number, media) in description.medias.iter().enumerate() {
            lines.push(media_line(facts, description, number, media));
            lines.extend(media.formats.iter().map(|format| format!("         {}", format_line(format))));
            let measured = facts.measured.get(&number).and_then(Measured::line);
            lines.extend(measured.map(|line| format!("         {line}")));
        }
    }
    for finding in findings {
        lines.push(format!("{:<8} {}", finding.severity.as_str(), finding.what));
        lines.extend(finding.done.as_ref().map(|done| format!("         done: {done}")));
        lines.extend(finding.advice.as_ref().map(|advice| format!("         to do: {advice}")));
    }
    if is_sound(facts, findings) {
        lines.push("sound    all that was asked for plays".to_owned());
    }
    lines
}

fn is_sound(facts: &Facts, findings: &[Finding]) -> bool {
    facts.failure.is_none() && findings.iter().all(|finding| finding.severity != Severity::Fault)
}

fn media_line(facts: &Facts, description: &Description, number: usize, media: &Media) -> String {
    let back_channel = if description.is_back_channel(number) { ", to be sent to the server" } else { "" };
    let played = match track(facts, number).map(|track| &track.outcome) {
        Some(Outcome::Played { over, stats }) => {
            format!(", {over}: {} packets, {} lost", stats.packets, stats.lost)
        }
        _ => String::new(),
    };
    format!("media {number}  {}, {}{back_channel}{played}", media.kind, media.profile)
}

fn track(facts: &Facts, media: usize) -> Option<&Track> {
    facts.tracks.iter().find(|track| track.media == media)
}

fn format_line(format: &Format) -> String {
    let mut line = format!("{} {}/{}", format.payload_type, format.encoding(), format.clock_rate());
    if let Some(channels) = format.channels() {
        line += &format!("/{channels}");
    }
    if let Some(fmtp) = format.fmtp() {
        line += &format!("  {fmtp}");
    }
    line
}

pub(super) fn to_json(url: &Target, facts: &Facts, findings: &[Finding]) -> Value {
    let medias = facts.description.iter().flat_map(|description| {
        let medias = description.medias.iter().enumerate();
        medias.map(move |(number, media)| media_to_json(facts, description, number, media))
    });
    json!({
        "url": url.to_string(),
        "sound": is_sound(facts, findings),
        "failed_step": facts.failure.as_ref().map(|failed| failed.step.as_str()),
        "server": facts.heard.server,
        "title": facts.description.as_ref().map(|description| description.title.to_string()),
        "methods": facts.methods.iter().flat_map(|methods| methods.iter()).map(ToString::to_string).collect::<Vec<_>>(),
        "authentication": { "realm": facts.heard.realm(), "offered": facts.heard.schemes() },
        "medias": medias.collect::<Value>(),
        "clock": { "date_ahead": facts.heard.date_ahead, "reports_ahead": report_ahead(facts) },
        "findings": findings.iter().map(Finding::to_json).collect::<Value>(),
        "tolerances": facts.tolerances.iter().map(|tolerance| tolerance.to_string()).collect::<Vec<_>>(),
    })
}

fn media_to_json(facts: &Facts, description: &Description, number: usize, media: &Media) -> Value {
    let (mut over, mut packets, mut lost, mut refused) = (None, None, None, None);
    match track(facts, number).map(|track| &track.outcome) {
        Some(Outcome::Played { over: own, stats }) => {
            (over, packets, lost) = (Some(*own), Some(stats.packets), Some(stats.lost));
        }
        Some(Outcome::Refused(error)) => refused = Some(WithCauses(error).to_string()),
        None => {}
    }
    json!({
        "kind": media.kind.as_str(),
        "profile": media.profile.as_str(),
        "direction": media.direction.map(|direction| direction.as_str()),
        "back_channel": description.is_back_channel(number),
        "control": media.control,
        "formats": media.formats.iter().map(format_to_json).collect::<Value>(),
        "measured": facts.measured.get(&number).map(Measured::to_json),
        "transport": over,
        "packets": packets,
        "lost": lost,
        "refused": refused,
    })
}

fn format_to_json(format: &Format) -> Value {
    json!({
        "payload_type": format.payload_type,
        "encoding": format.encoding(),
        "clock_rate": format.clock_rate(),
        "channels": format.channels(),
        "fmtp": format.fmtp(),
    })
}
