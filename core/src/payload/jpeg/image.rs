use super::segments::{Segments, huffman_tables, marker, quantization_tables};
use super::tables::HUFFMAN;
use crate::payload::PacketizeError;
use crate::wire::scan::find_pair;

/// An image, as far as RTP can carry it: whose headers can be rebuilt by whoever has its size and its quantization tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image<'a> {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) has_half_rows: bool,
    pub(super) restart_interval: Option<u16>,
    /// The quantization tables of luminance and chrominance, each of 64 or 128 bytes.
    pub(super) quantization: [&'a [u8]; 2],
    /// The entropy-coded data, up to the end of the image.
    pub(super) scan: &'a [u8],
}

/// A component of an image: which tables it has, and how often it is sampled.
#[derive(Clone, Copy, Debug)]
struct Component {
    id: u8,
    sampling: u8,
    table: u8,
}

/// The tables of one kind by their names, which are below four.
type ByName<'a> = [Option<&'a [u8]>; 4];

#[derive(Default)]
struct Found<'a> {
    quantization: ByName<'a>,
    /// The tables of the first coefficients, and those of the others.
    huffman: [ByName<'a>; 2],
    has_huffman: bool,
    restart_interval: Option<u16>,
    frame: Option<&'a [u8]>,
}

const fn refused(why: &'static str) -> PacketizeError {
    PacketizeError::Malformed(why)
}

const NO_IMAGE: PacketizeError = refused("a JPEG image lacks its beginning, its size or its scan");

impl<'a> Image<'a> {
    /// Reads an image; refuses those that RTP cannot carry.
    pub(super) fn read(image: &'a [u8]) -> Result<Self, PacketizeError> {
        let mut segments = Segments::of_image(image).ok_or(NO_IMAGE)?;
        let mut found = Found::default();
        while let Some(segment) = segments.next() {
            let body = segment.body;
            match segment.marker {
                marker::SOS => return found.finish(body, segments.rest()),
                marker::DQT => quantization_tables(body)
                    .for_each(|(name, table)| set(&mut found.quantization, name, table)),
                marker::DHT => {
                    found.has_huffman = true;
                    for (name, table) in huffman_tables(body) {
                        let [first, others] = &mut found.huffman;
                        set(if name >> 4 == 0 { first } else { others }, name, table);
                    }
                }
                marker::DRI => found.restart_interval = body.first_chunk().copied().map(u16::from_be_bytes),
                marker::SOF0 | marker::SOF1 => found.frame = Some(body),
                0xc2..=0xcf => {
                    return Err(refused(
                        "the JPEG image is progressive, lossless or arithmetic, not baseline",
                    ));
                }
                _ => {}
            }
        }
        Err(NO_IMAGE)
    }
}

impl<'a> Found<'a> {
    /// The image, of which the scan is left to read.
    fn finish(self, scan_header: &[u8], scan: &'a [u8]) -> Result<Image<'a>, PacketizeError> {
        let &[precision, h1, h0, w1, w0, count, ref components @ ..] = self.frame.ok_or(NO_IMAGE)? else {
            return Err(NO_IMAGE);
        };
        if precision != 8 {
            return Err(refused("the JPEG image has samples of more than 8 bits"));
        }
        let components: Vec<Component> = components
            .chunks_exact(3)
            .filter_map(|component| match *component {
                [id, sampling, table] => Some(Component { id, sampling, table }),
                _ => None,
            })
            .collect();
        let &[luminance, blue, red] = &components[..] else {
            return Err(refused("the JPEG image is grey or has four components; RTP carries three"));
        };
        let has_half_rows = match (count, [luminance, blue, red].map(|component| component.sampling)) {
            (3, [0x21, 0x11, 0x11]) => false,
            (3, [0x22, 0x11, 0x11]) => true,
            _ => {
                return Err(refused(
                    "the JPEG image is sampled neither 4:2:0 nor 4:2:2 by rows, as RTP carries it",
                ));
            }
        };
        let table = |component: Component| by_name(&self.quantization, component.table);
        let quantization = [table(luminance)?, table(blue)?];
        if table(red)? != quantization[1] {
            return Err(refused("the JPEG image has quantization tables of its own for each chrominance"));
        }
        self.check_scan(scan_header, [luminance.id, blue.id, red.id])?;
        let [width, height] = [[w1, w0], [h1, h0]].map(u16::from_be_bytes);
        let scan = scan.get(..scan_bytes(scan)).unwrap_or_default();
        if width == 0 || height == 0 || scan.is_empty() {
            return Err(NO_IMAGE);
        }
        let restart_interval = self.restart_interval.filter(|interval| *interval > 0);
        Ok(Image { width, height, has_half_rows, restart_interval, quantization, scan })
    }

    /// The scan has all components, in their order, and the Huffman tables that whoever rebuilds the headers assumes.
    fn check_scan(&self, header: &[u8], ids: [u8; 3]) -> Result<(), PacketizeError> {
        let &[3, y, y_tables, b, b_tables, r, r_tables, ..] = header else {
            return Err(refused("the JPEG image has a scan for each component; RTP carries one for all"));
        };
        if [y, b, r] != ids {
            return Err(refused("the components of the JPEG image are out of order"));
        }
        // Without tables the standard ones are meant, as in Motion JPEG of files and webcams.
        if !self.has_huffman {
            return Ok(());
        }
        let [first, others] = &self.huffman;
        let [luminance_dc, luminance_ac, chrominance_dc, chrominance_ac] = HUFFMAN;
        let is_standard = [
            (y_tables, luminance_dc, luminance_ac),
            (b_tables, chrominance_dc, chrominance_ac),
            (r_tables, chrominance_dc, chrominance_ac),
        ]
        .iter()
        .all(|(names, dc, ac)| {
            by_name(first, names >> 4) == Ok(*dc) && by_name(others, names & 0x0f) == Ok(*ac)
        });
        if is_standard {
            Ok(())
        } else {
            Err(refused("the JPEG image has Huffman tables of its own; RTP carries the standard ones only"))
        }
    }
}

fn set<'a>(tables: &mut ByName<'a>, name: u8, table: &'a [u8]) {
    if let Some(place) = tables.get_mut(usize::from(name & 0x0f)) {
        *place = Some(table);
    }
}

fn by_name<'a>(tables: &ByName<'a>, name: u8) -> Result<&'a [u8], PacketizeError> {
    let table = tables.get(usize::from(name)).copied().flatten();
    table.ok_or(refused("the JPEG image lacks one of its tables"))
}

/// Bytes of entropy-coded data, in which the only markers are those of restarts.
fn scan_bytes(scan: &[u8]) -> usize {
    let mut end = 0_usize;
    loop {
        let rest = scan.get(end..).unwrap_or_default();
        // A byte of 0xff that is none of a marker has a zero behind it.
        let marker = find_pair::<64>(rest, |first, second| (first == 0xff) & (second != 0));
        end = end.saturating_add(marker.unwrap_or(rest.len()));
        match scan.get(end.saturating_add(1)) {
            Some(marker::RST0..=marker::RST7 | 0xff) => end = end.saturating_add(1),
            _ => break,
        }
    }
    let before = scan.get(..end).unwrap_or_default();
    before.iter().rposition(|byte| *byte != 0xff).map_or(0, |last| last.saturating_add(1))
}
