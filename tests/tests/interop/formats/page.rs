//! The page of all formats, which is made from the table.

use std::fmt::Write;
use std::{env, fs};

use super::table::{Loss, ROWS, Reason, Row};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats.md");

const INTRODUCTION: &str = "# Formats\n\n\
    The payload formats that frames are made of and packets of frames, and the programs that this was tried with. The page is \
    made\nfrom the table of the tests (`tests/tests/interop/formats`), which compare what it says with what they see.\n";

const LIBRARY: &str = "\n## What the library does\n\n\
    Parameters are those of a description (`a=fmtp`) that are read; those that a player needs are written as well. The\n\
    configuration is what a container keeps for the decoder (`Parameters::configuration`).\n\n\
    | format | name | document | parameters | configuration | a frame that lost a packet |\n\
    | --- | --- | --- | --- | --- | --- |\n";

const MP4: &str = "\n\
    `rtspan play --out camera.mp4` keeps H.264, H.265, AV1, VP8, VP9, Motion JPEG, MPEG-4 Part 2, MPEG-1 and MPEG-2 video, AAC, Opus,\n\
    Vorbis, MPEG audio, AC-3, E-AC-3 (of one substream, in frames of six blocks), G.711, L8, L16 and L24. The others are left out:\n\
    there is no entry for them in MP4, or none that players know. Samples that are not compressed have the entries of QuickTime.\n";

const TRIED: &str = "\n## What was tried\n\n\
    Frames that are known are sent by one side and have to come out of the other one, all of them, to the byte. `TCP` and\n\
    `UDP` say over what. Where the library reads, the packets that came over UDP are also sent through 50 histories of a link that\n\
    loses one of fifty and delivers others late: each frame that comes out unmarked is whole (`UDP with losses`). The other programs\n\
    do not mark frames, so they read over UDP without losses. FFmpeg is 5.1, GStreamer is 1.22, both of Debian 12.\n\n\
    | format | FFmpeg reads | FFmpeg sends | GStreamer reads | GStreamer sends |\n\
    | --- | --- | --- | --- | --- |\n";

const NOTES: &str = "\n## What the other programs do\n\n";

const KEEP: &str = "at the end of a stream FFmpeg or GStreamer never send what does not fill a packet.";

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
