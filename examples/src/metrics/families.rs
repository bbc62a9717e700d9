use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use rtspan_std::stats::{Lag, StreamMediaStats};
use rtspan_std::{
    Action, ConnInfo, ConnStats, ServerStats, SessionInfo, SessionStats, StreamInfo, StreamStats,
};

/// The statistics of a server, as it told them.
#[derive(Debug)]
pub(super) struct Snapshot(pub(super) ServerStats);

type Labels = Vec<(&'static str, String)>;

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let ServerStats { connections, sessions, streams, .. } = &self.0;
        let of = |action| sessions.iter().filter(|(info, _)| info.action == action).count();
        page.gauge("connections", "Connections that there are.", [(vec![], connections.len() as f64)])?;
        page.gauge("readers", "Sessions that read.", [(vec![], of(Action::Read) as f64)])?;
        page.gauge("publishers", "Sessions that publish.", [(vec![], of(Action::Publish) as f64)])?;
        connection_families(&mut page, connections)?;
        session_families(&mut page, sessions)?;
        stream_families(&mut page, streams)
    }
}

/// Writes one family of values after the other.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn counter(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let name = format!("rtspan_{name}");
        let mut family = self.0.encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let name = format!("rtspan_{name}");
        let mut family = self.0.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

fn connection_families(page: &mut Page<'_>, all: &[(ConnInfo, ConnStats)]) -> fmt::Result {
    let each = |value: fn(&ConnStats) -> u64| {
        all.iter().map(move |(info, stats)| (vec![("peer", info.peer.to_string())], value(stats)))
    };
    page.counter("connection_received_bytes", "Bytes read.", each(|stats| stats.bytes_received))?;
    page.counter("connection_sent_bytes", "Bytes written.", each(|stats| stats.bytes_sent))?;
    let waiting = each(|stats| stats.bytes_waiting).map(|(labels, value)| (labels, value as f64));
    page.gauge("connection_waiting_bytes", "Bytes that wait to be written.", waiting)
}

fn session_families(page: &mut Page<'_>, all: &[(SessionInfo, SessionStats)]) -> fmt::Result {
    let labels = |info: &SessionInfo| {
        vec![
            ("session", info.session.index().to_string()),
            ("peer", info.peer.to_string()),
            ("path", info.path.clone()),
        ]
    };
    let of = |action: Action, value: fn(&SessionStats) -> u64| {
        let own = all.iter().filter(move |(info, _)| info.action == action);
        own.map(move |(info, stats)| (labels(info), value(stats)))
    };
    let sent = |value| of(Action::Read, value);
    page.counter("reader_sent_packets", "RTP packets sent to a reader.", sent(|own| own.sent().rtp.packets))?;
    page.counter("reader_sent_bytes", "Bytes of them.", sent(|own| own.sent().rtp.bytes))?;
    page.counter("reader_sent_rtcp", "RTCP compounds sent.", sent(|own| own.sent().rtcp.packets))?;
    page.counter(
        "reader_reports",
        "RTCP compounds that came of it.",
        sent(|own| own.received().rtcp.packets),
    )?;
    page.counter(
        "reader_missed_packets",
        "Packets that it was skipped over.",
        sent(|own| own.skips.packets),
    )?;
    let skips = all.iter().filter(|(info, _)| info.action == Action::Read).flat_map(|(info, stats)| {
        [("too slow", stats.skips.too_slow), ("unproven", stats.skips.unproven)].map(|(reason, count)| {
            let mut labels = labels(info);
            labels.push(("reason", reason.to_owned()));
            (labels, count)
        })
    });
    page.counter("reader_skips", "How often it was skipped forward, and why.", skips)?;
    let gauge = |action: Action, value: fn(&SessionStats) -> Option<f64>| {
        let own = all.iter().filter(move |(info, _)| info.action == action);
        own.filter_map(move |(info, stats)| Some((labels(info), value(stats)?)))
    };
    let reader = |value| gauge(Action::Read, value);
    page.gauge(
        "reader_reported_lost",
        "Packets that it says it misses.",
        reader(|own| Some(own.reported_lost() as f64)),
    )?;
    page.gauge(
        "reader_round_trip_seconds",
        "The time to it and back.",
        reader(|own| own.round_trip().map(seconds)),
    )?;
    let lag =
        |of: fn(Lag) -> f64| all.iter().filter_map(move |(info, own)| Some((labels(info), of(own.lag?))));
    page.gauge("reader_lag_packets", "Packets of its stream ahead of it.", lag(|lag| lag.packets as f64))?;
    page.gauge("reader_lag_bytes", "Bytes of them.", lag(|lag| lag.bytes as f64))?;
    page.gauge("reader_lag_seconds", "The age of the oldest.", lag(|lag| seconds(lag.time)))?;

    let came = |value| of(Action::Publish, value);
    page.counter(
        "publisher_received_packets",
        "RTP packets of a publisher.",
        came(|own| own.receiver().packets),
    )?;
    page.counter("publisher_received_bytes", "Bytes of them.", came(|own| own.receiver().bytes))?;
    page.counter(
        "publisher_reports",
        "RTCP compounds that came of it.",
        came(|own| own.received().rtcp.packets),
    )?;
    page.counter("publisher_lost_packets", "Packets that did not come.", came(|own| own.receiver().lost))?;
    page.counter("publisher_duplicates", "Packets that came again.", came(|own| own.receiver().duplicates))?;
    page.counter("publisher_late_packets", "Packets that came too late.", came(|own| own.receiver().late))?;
    page.counter(
        "publisher_reordered_packets",
        "Packets put in order.",
        came(|own| own.receiver().reordered),
    )?;
    let errors = came(|own| own.medias.iter().map(|media| media.rtp_errors + media.rtcp_errors).sum());
    page.counter("publisher_errors", "Packets that could not be read.", errors)?;
    let jitter = gauge(Action::Publish, |own| Some(seconds(own.receiver().jitter)));
    page.gauge("publisher_jitter_seconds", "How much the time between packets varies.", jitter)
}

fn stream_families(page: &mut Page<'_>, all: &[(StreamInfo, StreamStats)]) -> fmt::Result {
    let each = |value: fn(&StreamStats) -> u64| {
        all.iter().map(move |(info, stats)| (vec![("path", info.path.clone())], value(stats)))
    };
    page.counter("stream_published_packets", "RTP packets published.", each(|own| own.published.packets))?;
    page.counter("stream_published_bytes", "Payload bytes of them.", each(|own| own.published.bytes))?;
    page.counter(
        "stream_sent_packets",
        "RTP packets sent to its readers.",
        each(|own| own.sent.rtp.packets),
    )?;
    page.counter("stream_sent_bytes", "Bytes of them.", each(|own| own.sent.rtp.bytes))?;
    let readers = all.iter().map(|(info, _)| (vec![("path", info.path.clone())], info.readers.len() as f64));
    page.gauge("stream_readers", "Sessions that have set up something of it.", readers)?;
    let bitrate =
        all.iter().filter_map(|(info, own)| Some((vec![("path", info.path.clone())], own.bitrate? as f64)));
    page.gauge("stream_bits_per_second", "Its bitrate over the last seconds.", bitrate)?;
    let medias = || {
        all.iter()
            .flat_map(|(info, own)| (0..).zip(&own.medias).map(move |(number, media)| (info, number, media)))
    };
    let labels =
        |info: &StreamInfo, number: usize| vec![("path", info.path.clone()), ("media", number.to_string())];
    let of = |value: fn(&StreamMediaStats) -> u64| {
        medias().map(move |(info, number, media)| (labels(info, number), value(media)))
    };
    page.counter(
        "media_published_packets",
        "RTP packets of a media published.",
        of(|media| media.published.packets),
    )?;
    page.counter("media_sent_packets", "RTP packets of a media sent.", of(|media| media.sent.rtp.packets))?;
    page.counter("media_keyframes", "Keyframes told from its packets.", of(|media| media.keyframes))?;
    let intervals = medias()
        .filter_map(|(info, number, media)| Some((labels(info, number), seconds(media.keyframe_interval?))));
    page.gauge("media_keyframe_interval_seconds", "The time between the last two.", intervals)
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
