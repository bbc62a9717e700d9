//! Counts of a media, and how they are shown.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rtspan_std::rtp::HEADER_BYTES;
use rtspan_std::{Media, Printable, TrackStats};
use serde_json::{Value, json};

/// Counts of one media.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// `udp` or `tcp`.
    pub(crate) over: &'static str,
    pub(crate) media: usize,
    kind: String,
    format: String,
    pub(crate) packets: u64,
    bytes: u64,
    pub(crate) lost: u64,
    counted: Counted,
}

/// Counts of one end only.
#[derive(Clone, Debug)]
enum Counted {
    Received {
        dropped: u64,
        duplicates: u64,
        reordered: u64,
        invalid: u64,
        jitter: Duration,
        /// Nothing has come for long, though the server is there.
        is_silent: bool,
    },
    Sent,
}

impl Figures {
    pub(crate) fn received(
        over: &'static str,
        media: usize,
        description: &Media,
        stats: &TrackStats,
        is_silent: bool,
    ) -> Self {
        let counted = Counted::Received {
            dropped: stats.dropped,
            duplicates: stats.duplicates,
            reordered: stats.reordered,
            invalid: stats.invalid,
            jitter: stats.jitter,
            is_silent,
        };
        Self {
            packets: stats.packets,
            bytes: stats.bytes,
            lost: stats.lost + stats.dropped,
            ..Self::new(over, media, description, counted)
        }
    }

    pub(crate) fn sent(over: &'static str, media: usize, description: &Media, stats: &TrackStats) -> Self {
        Self {
            packets: stats.sent_packets,
            bytes: stats.sent_octets + HEADER_BYTES as u64 * stats.sent_packets,
            lost: u64::try_from(stats.reported_lost).unwrap_or(0),
            ..Self::new(over, media, description, Counted::Sent)
        }
    }

    fn new(over: &'static str, media: usize, description: &Media, counted: Counted) -> Self {
        let format = description.formats.first().map_or("?", |format| &format.encoding);
        let (kind, format) = (description.kind.as_str().to_owned(), format.to_owned());
        Self { over, media, kind, format, packets: 0, bytes: 0, lost: 0, counted }
    }

    /// One object of the list of tracks.
    fn to_json(&self, elapsed: Duration) -> Value {
        let mut value = json!({
            "media": self.media,
            "kind": self.kind,
            "format": self.format,
            "transport": self.over,
            "packets": self.packets,
            "bytes": self.bytes,
            "bits_per_second": rate(self.bytes, elapsed),
            "lost": self.lost,
        });
        if let Counted::Received { dropped, duplicates, reordered, invalid, jitter, is_silent } = self.counted
        {
            value["dropped"] = dropped.into();
            value["duplicates"] = duplicates.into();
            value["reordered"] = reordered.into();
            value["invalid"] = invalid.into();
            value["jitter_ms"] = milliseconds(jitter).into();
            value["silent"] = is_silent.into();
        }
        value
    }
}

/// Shows figures, with the bit rates since they were shown before.
#[derive(Debug)]
pub(crate) struct Meter {
    shown: Instant,
    bytes: Vec<u64>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self { shown: Instant::now(), bytes: Vec::new() }
    }

    /// A line for each media.
    pub(crate) fn lines(&mut self, figures: &[Figures]) -> Vec<String> {
        let elapsed = self.shown.elapsed();
        self.shown = Instant::now();
        self.bytes.resize(figures.len(), 0);
        let lines = figures.iter().zip(&mut self.bytes).map(|(figures, before)| {
            // Counters begin again when the client changes its transport.
            let since = figures.bytes.checked_sub(*before).unwrap_or(figures.bytes);
            *before = figures.bytes;
            line(figures, since, elapsed)
        });
        lines.collect()
    }
}

/// A table of all that was counted in `elapsed`: a line for each media.
pub(crate) fn table(figures: &[Figures], elapsed: Duration) -> Vec<String> {
    figures.iter().map(|figures| line(figures, figures.bytes, elapsed)).collect()
}

/// All that was counted in `elapsed`, as JSON.
pub(crate) fn tracks(figures: &[Figures], elapsed: Duration) -> Value {
    figures.iter().map(|figures| figures.to_json(elapsed)).collect()
}

fn line(figures: &Figures, bytes: u64, elapsed: Duration) -> String {
    let Figures { over, kind, format, packets, lost, .. } = figures;
    let rate = bit_rate(rate(bytes, elapsed));
    // The description is the peer's.
    let (kind, format) = (Printable(kind), Printable(format));
    let mut line =
        format!("{over}  {kind:<5}  {format:<8}  {packets:>8} packets  {rate:>12}  {lost:>5} lost");
    if let Counted::Received { jitter, is_silent, .. } = figures.counted {
        let _ = write!(line, "  {:>8.2} ms jitter", milliseconds(jitter));
        line += if is_silent { "  silent" } else { "" };
    }
    line
}

fn rate(bytes: u64, elapsed: Duration) -> u64 {
    (bytes as f64 * 8.0 / elapsed.as_secs_f64().max(0.001)).round() as u64
}

fn bit_rate(bits_per_second: u64) -> String {
    match bits_per_second {
        0..10_000_000 => format!("{} kbit/s", bits_per_second.div_ceil(1000)),
        _ => format!("{:.1} Mbit/s", bits_per_second as f64 / 1e6),
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use rtspan_std::{Format, MediaKind};

    use super::*;

    #[test]
    fn figures_are_shown_in_units_that_can_be_read() {
        let media = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        let mut stats = TrackStats::default();
        (stats.packets, stats.bytes, stats.lost) = (100, 20_000, 2);
        stats.jitter = Duration::from_micros(1234);
        let figures = [Figures::received("udp", 1, &media, &stats, false)];
        let table = table(&figures, Duration::from_secs(2)).concat();
        for part in ["udp", "audio", "PCMU", " 100 packets", " 80 kbit/s", " 2 lost", " 1.23 ms"] {
            assert!(table.contains(part), "{part:?} in {table:?}");
        }
        let json = tracks(&figures, Duration::from_secs(2));
        assert_eq!((&json[0]["bits_per_second"], &json[0]["jitter_ms"]), (&json!(80_000), &json!(1.234)));
        assert!(!table.contains("silent") && json[0]["silent"] == json!(false), "{table:?} {json}");
        assert_eq!(bit_rate(12_345_678), "12.3 Mbit/s");
    }

    #[test]
    fn a_media_that_has_fallen_silent_is_marked() {
        let media = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        let figures = [Figures::received("tcp", 0, &media, &TrackStats::default(), true)];
        assert!(table(&figures, Duration::from_secs(1)).concat().ends_with("  silent"));
        assert_eq!(tracks(&figures, Duration::from_secs(1))[0]["silent"], json!(true));
    }

    #[test]
    fn what_a_description_calls_a_format_is_shown_escaped() {
        let media = Media::new(MediaKind::Video, vec![Format::new(96, "H2\u{1b}[31m\u{7}", 90_000)]);
        let table = table(
            &[Figures::received("tcp", 0, &media, &TrackStats::default(), false)],
            Duration::from_secs(1),
        )
        .concat();
        assert!(table.contains("H2\\u{1b}[31m\\u{7}"), "{table:?}");
    }
}
