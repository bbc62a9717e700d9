//! Counts of a media, and how they are shown.

use std::time::{Duration, Instant};

use rtspan_std::rtp::HEADER_BYTES;
use rtspan_std::{Media, Printable, TrackStats};
use serde_json::{Value, json};

use crate::screen::{cut, width};

/// Spaces between the columns of a table.
const GAP: usize = 2;
/// Columns from here on are numbers.
const FIRST_NUMBER: usize = 3;

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
        let format = description.formats.first().map_or("?", |format| format.encoding());
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

    /// A line for each media, of so many columns at most.
    pub(crate) fn lines(&mut self, figures: &[Figures], columns: usize) -> Vec<String> {
        let elapsed = self.shown.elapsed();
        self.shown = Instant::now();
        self.bytes.resize(figures.len(), 0);
        let rows = figures.iter().zip(&mut self.bytes).map(|(figures, before)| {
            // Counters begin again when the client changes its transport.
            let since = figures.bytes.checked_sub(*before).unwrap_or(figures.bytes);
            *before = figures.bytes;
            row(figures, since, elapsed)
        });
        layout(&rows.collect::<Vec<_>>(), columns)
    }
}

/// A table of all that was counted in `elapsed`: a line for each media.
pub(crate) fn table(figures: &[Figures], elapsed: Duration) -> Vec<String> {
    let rows = figures.iter().map(|figures| row(figures, figures.bytes, elapsed));
    layout(&rows.collect::<Vec<_>>(), usize::MAX)
}

/// All that was counted in `elapsed`, as JSON.
pub(crate) fn tracks(figures: &[Figures], elapsed: Duration) -> Value {
    figures.iter().map(|figures| figures.to_json(elapsed)).collect()
}

/// The columns of a table: transport, kind, format, packets, rate, losses, jitter, silence.
const COLUMNS: usize = 8;
/// Their widths, so that they stay where they are while numbers grow; numbers stand on the right.
const WIDTHS: [usize; COLUMNS] = [0, 5, 8, 16, 12, 10, 18, 0];
/// Those that go where there is no room, in this order.
const LEFT_OUT: [usize; 5] = [6, 3, 0, 5, 2];

type Row = [String; COLUMNS];

fn row(figures: &Figures, bytes: u64, elapsed: Duration) -> Row {
    let Figures { over, kind, format, packets, lost, .. } = figures;
    let (jitter, silence) = match figures.counted {
        Counted::Received { jitter, is_silent, .. } => (
            format!("{:.2} ms jitter", milliseconds(jitter)),
            if is_silent { "silent".to_owned() } else { String::new() },
        ),
        Counted::Sent => (String::new(), String::new()),
    };
    [
        over.to_string(),
        // The description is the peer's.
        Printable(kind).to_string(),
        Printable(format).to_string(),
        format!("{packets} packets"),
        bit_rate(rate(bytes, elapsed)),
        format!("{lost} lost"),
        jitter,
        silence,
    ]
}

/// Rows as lines of so many columns of a terminal at most. Where the usual widths do not fit, what is there stands as close as it can;
/// where that does not fit, the columns that matter least are left out of all rows.
fn layout(rows: &[Row], columns: usize) -> Vec<String> {
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let mut widths: [usize; COLUMNS] = std::array::from_fn(widest);
    let usual = std::array::from_fn(|at| if widths[at] == 0 { 0 } else { widths[at].max(WIDTHS[at]) });
    let total = |widths: &[usize; COLUMNS]| {
        widths.iter().filter(|width| **width > 0).map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
    };
    if total(&usual) <= columns {
        widths = usual;
    }
    for column in LEFT_OUT {
        if total(&widths) > columns {
            widths[column] = 0;
        }
    }
    rows.iter().map(|row| cut(&line(row, &widths), columns)).collect()
}

/// The cells of a row that have a width.
fn line(row: &Row, widths: &[usize; COLUMNS]) -> String {
    let mut line = String::new();
    for (at, (cell, columns)) in row.iter().zip(widths).enumerate().filter(|(_, (_, columns))| **columns > 0)
    {
        let gap = if line.is_empty() { 0 } else { GAP };
        let padding = " ".repeat(columns.saturating_sub(width(cell)));
        line += &" ".repeat(gap);
        line += &if at < FIRST_NUMBER { cell.clone() + &padding } else { padding + cell };
    }
    line.truncate(line.trim_end().len());
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
    fn a_table_fits_every_terminal_and_keeps_what_matters_most() {
        let mut stats = TrackStats::default();
        (stats.packets, stats.bytes, stats.lost) = (123_456, 20_000, 2);
        let figures = |kind, name: &str, is_silent| {
            let media = Media::new(kind, vec![Format::new(96, name, 90_000)]);
            Figures::received("udp", 0, &media, &stats, is_silent)
        };
        let all = [
            figures(MediaKind::Video, "H264", false),
            figures(MediaKind::Audio, "MPEG4-GENERIC", true),
            figures(MediaKind::Application, "入口入口入口入口", false),
        ];
        let lines = |columns| {
            let rows: Vec<_> =
                all.iter().map(|figures| row(figures, figures.bytes, Duration::from_secs(1))).collect();
            layout(&rows, columns)
        };
        for columns in 0..300 {
            for line in lines(columns) {
                assert!(width(&line) <= columns, "{columns}: {line:?}");
            }
        }
        for (columns, part) in [
            (200, " ms jitter  silent"),
            (90, " packets"),
            (65, " lost"),
            (48, "kbit/s  silent"),
            (24, "kbit/s"),
        ] {
            assert!(lines(columns)[1].contains(part), "{columns}: {:?}", lines(columns));
        }
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
