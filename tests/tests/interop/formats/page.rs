//! The page of all formats, which is made from the table.

use std::fmt::Write;
use std::{env, fs};

use super::table::{Loss, ROWS, Reason, Row};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats.md");

const INTRODUCTION: &str = "# Formats\n\n\
    Look up the payload formats that rtspan reads and writes, and the programs that each was tested with. A test writes\n\
    this page from its own table (`tests/tests/interop/formats`), and the tests compare it with what they see.\n";

const LIBRARY: &str = "\n## What the library does\n\n\
    The parameters are those that the library reads from a description (`a=fmtp`). It writes those that a player needs. The\n\
    configuration is the part that a container keeps for the decoder (`Parameters::configuration`).\n\n\
    | format | name | document | parameters | configuration | a frame that lost a packet |\n\
    | --- | --- | --- | --- | --- | --- |\n";

const MP4: &str = "\n\
    `rtspan play --out camera.mp4` keeps H.264, H.265, AV1, VP8, VP9, Motion JPEG, MPEG-4 Part 2, MPEG-1 and MPEG-2 video, AAC, Opus,\n\
    Vorbis, MPEG audio, AC-3, E-AC-3 (of one substream, in frames of six blocks), G.711, L8, L16 and L24. It leaves the\n\
    others out, because MP4 has no entry for them, or none that players know. Uncompressed samples have the entries of QuickTime.\n";

const TRIED: &str = "\n## What was tried\n\n\
    One side sends known frames, and all of them have to come out of the other side, equal to the byte. `TCP` and `UDP` name the\n\
    transports. When the library reads over UDP, its packets also pass through 50 simulated links, each of which loses one packet\n\
    of fifty and delivers others late: each frame that comes out unmarked is whole (`UDP with losses`). The other programs do not\n\
    mark frames, so they read over UDP without losses. FFmpeg is 5.1, GStreamer is 1.22, both of Debian 12.\n\n\
    | format | FFmpeg reads | FFmpeg sends | GStreamer reads | GStreamer sends |\n\
    | --- | --- | --- | --- | --- |\n";

const NOTES: &str = "\n## What the other programs do\n\n";

const KEEP: &str =
    "at the end of a stream FFmpeg or GStreamer never send the rest that does not fill a packet.";

fn page() -> String {
    let mut page = format!("{INTRODUCTION}{LIBRARY}");
    for row in ROWS.iter() {
        let parameters: Vec<_> = row.parameters.iter().map(|name| format!("`{name}`")).collect();
        let loss = match row.loss {
            Loss::Marks => "comes out, marked",
            Loss::LeavesOut => "is left out",
            Loss::Doubts => "is left out; what follows may be marked",
        };
        let Row { name, encoding, rfc, .. } = row;
        let (parameters, container) = (parameters.join(", "), row.container.unwrap_or_default());
        let _ = writeln!(page, "| {name} | `{encoding}` | {rfc} | {parameters} | {container} | {loss} |");
    }
    page += MP4;
    page += TRIED;
    for row in ROWS.iter() {
        let cells = [
            cell(row.ffmpeg.reads.err(), "TCP, UDP"),
            cell(row.ffmpeg.sends.err(), "TCP, UDP with losses"),
            cell(row.gstreamer.reads.err(), "TCP, UDP"),
            cell(row.gstreamer.sends.err(), "TCP, UDP with losses"),
        ];
        let _ = writeln!(page, "| {} | {} |", row.name, cells.join(" | "));
    }
    page += NOTES;
    for (note, row) in ROWS.iter().filter_map(|row| Some((row.note?, row))) {
        let _ = writeln!(page, "* {}: {note}", row.name);
    }
    let keepers: Vec<_> = ROWS.iter().filter(|row| row.kept > 0).map(|row| row.name).collect();
    let _ = writeln!(page, "* {}: {KEEP}", keepers.join("; "));
    page
}

fn cell(reason: Option<Reason>, tried: &str) -> String {
    reason.map_or_else(|| tried.to_owned(), |reason| format!("no: {reason}"))
}

#[test]
fn the_page_of_formats_says_what_was_tried() {
    if env::var_os("RTSPAN_FORMATS").is_some() {
        fs::write(DOCUMENT, page()).unwrap();
    }
    let written = fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(written == page(), "docs/formats.md is old: run this test with RTSPAN_FORMATS=write");
}
