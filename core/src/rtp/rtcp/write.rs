use bytes::{BufMut, Bytes};

use super::{COUNT_MAX, ReceiverReport, ReportBlock, SenderReport};

/// Bytes of a text in an SDES item or a goodbye.
const TEXT_BYTES_MAX: usize = 255;
/// Bytes of reports without blocks and a usual name.
const COMPOUND_BYTES_USUAL: usize = 76;
/// The SDES item of the name.
const CNAME: u8 = 1;

/// Writes a sender report followed by the sender's name (SR, SDES).
///
/// A name longer than 255 bytes is cut.
pub fn sender_report_compound(report: &SenderReport, cname: &str) -> Bytes {
    let mut out = Vec::with_capacity(COMPOUND_BYTES_USUAL);
    put_packet(&mut out, 200, report.reports.len(), |out| {
        out.put_u32(report.ssrc);
        out.put_u64(report.ntp.to_bits());
        out.put_u32(report.rtp);
        out.put_u32(report.packets);
        out.put_u32(report.octets);
        put_blocks(out, &report.reports);
    });
    put_name(&mut out, report.ssrc, cname);
    out.into()
}

/// Writes a receiver report followed by the receiver's name (RR, SDES).
///
/// A name longer than 255 bytes is cut.
pub fn receiver_report_compound(report: &ReceiverReport, cname: &str) -> Bytes {
    let mut out = Vec::with_capacity(COMPOUND_BYTES_USUAL);
    put_receiver_report(&mut out, report.ssrc, &report.reports);
    put_name(&mut out, report.ssrc, cname);
    out.into()
}

/// Writes that `ssrc` leaves, after an empty report and its name (RR, SDES, BYE).
///
/// A name or a reason longer than 255 bytes is cut.
pub fn goodbye_compound(ssrc: u32, cname: &str, reason: &str) -> Bytes {
    let mut out = Vec::with_capacity(COMPOUND_BYTES_USUAL);
    put_receiver_report(&mut out, ssrc, &[]);
    put_name(&mut out, ssrc, cname);
    put_packet(&mut out, 203, 1, |out| {
        out.put_u32(ssrc);
        if !reason.is_empty() {
            put_text(out, reason);
        }
    });
    out.into()
}

fn put_receiver_report(out: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    put_packet(out, 201, blocks.len(), |out| {
        out.put_u32(ssrc);
        put_blocks(out, blocks);
    });
}

fn put_name(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    put_packet(out, 202, 1, |out| {
        out.put_u32(ssrc);
        out.put_u8(CNAME);
        put_text(out, cname);
        // The list of items ends in a zero at least (RFC 3550, section 6.5).
        out.put_u8(0);
    });
}

/// A packet whose header says how many blocks, chunks or sources `body` has, and how long it is; zeros fill it up.
fn put_packet(out: &mut Vec<u8>, packet_type: u8, count: usize, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    let count = u8::try_from(count.min(COUNT_MAX)).unwrap_or_default();
    out.extend([0x80 | count, packet_type, 0, 0]);
    body(out);
    out.resize(out.len().next_multiple_of(4), 0);
    let words = (out.len().saturating_sub(start) / 4).saturating_sub(1);
    let length = u16::try_from(words).expect("31 blocks and two texts are shorter than 65,536 words");
    if let Some(place) = out.get_mut(start.saturating_add(2)..start.saturating_add(4)) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn put_blocks(out: &mut Vec<u8>, blocks: &[ReportBlock]) {
    for block in blocks.iter().take(COUNT_MAX) {
        out.put_u32(block.ssrc);
        out.put_u8(block.fraction_lost);
        out.put_int(block.lost.clamp(-0x80_0000, 0x7f_ffff).into(), 3);
        out.put_u32(block.highest_sequence);
        out.put_u32(block.jitter);
        out.put_u32(block.last_sr);
        out.put_u32(block.delay);
    }
}

/// The length in a byte, and as much of the text as that allows.
fn put_text(out: &mut Vec<u8>, whole: &str) {
    let fits = (0..=TEXT_BYTES_MAX.min(whole.len())).rev().find(|end| whole.is_char_boundary(*end));
    let text = fits.and_then(|end| whole.get(..end)).unwrap_or_default();
    out.put_u8(u8::try_from(text.len()).unwrap_or_default());
    out.put_slice(text.as_bytes());
}
