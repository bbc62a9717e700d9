use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Write};
use std::path::Path;
use std::task::Poll;

use futures_lite::future::or;
use png::{BitDepth, ColorType, Encoder, EncodingError};
use rtspan_core::frame::{Form, Frame, FrameReader};
use rtspan_core::payload::Colours;
use rtspan_core::payload::h264::Sps;
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, Codec, Description, MediaChoice, MediaKind, Playback};
use rust_h264::decoder::{Decoder, Frame as Picture};
use rust_h264::nal::parse_annex_b;
use serde_json::{Value, json};

use crate::Failure;
use crate::args::SnapshotArgs;
use crate::live::patiently;
use crate::output::{result, result_json};
use crate::session::Session;
use crate::sink::{self, Sink, is_standard};
use crate::stop::{stop, unless_interrupted};

/// From so many rows on a stream that tells no colours is taken to have those of BT.709.
const ROWS_OF_HIGH_DEFINITION: u32 = 720;

/// A picture as it is written.
enum Image {
    /// JPEG, as it was sent.
    Jpeg(Vec<u8>),
    /// Rows of red, green and blue.
    Rgb { width: u32, height: u32, bytes: Vec<u8> },
}

/// Writes the next picture that can be decoded by itself to a file.
pub(crate) async fn run<R: Runtime>(args: &SnapshotArgs) -> Result<(), Failure> {
    let config = ClientConfig::default().transports(args.transport.into());
    let failed = |error| Failure::Play { url: args.url.clone(), error: Box::new(error) };
    let config = args.requests.apply(config).map_err(failed)?;
    let medias = MediaChoice::from(MediaKind::Video);
    let waits = format!("waiting for a picture of {}", args.url);
    let begun = Session::<R>::play_some(&args.url, config, medias, Playback::new());
    let session = unless_interrupted(patiently::<R, _>(waits.clone(), begun)).await?;
    let Some(media) = find(&session.description, session.medias()) else {
        session.close().await;
        return Err(Failure::NoPictures { url: args.url.clone() });
    };
    let mut reader = FrameReader::new(&session.description);
    reader.set_form(Form::ByteStream);
    let image = RefCell::new(None);
    let receive = session.receive(|received| {
        // A picture that cannot be read, or decoded, is followed by another.
        let _ = reader.push(received);
        while let Some(frame) = reader.poll() {
            if frame.media == media && image.borrow().is_none() {
                *image.borrow_mut() = image_of(&frame);
            }
        }
        Ok(())
    });
    let found = poll_fn(|_| if image.borrow().is_some() { Poll::Ready(()) } else { Poll::Pending });
    let ended = async {
        or(found, stop::<R>(Some(args.seconds))).await;
        Ok(())
    };
    let received = patiently::<R, _>(waits, or(receive, ended)).await;
    session.close().await;
    received?;
    let none = || Failure::NoKeyframe { url: args.url.clone(), path: args.file.clone() };
    let image = image.into_inner().ok_or_else(none)?;
    image.check_name(&args.file)?;
    let sink = Sink::create(&args.file, "a picture", args.force)?;
    image.write(sink).map_err(|error| sink::failed(&args.file, error))?;
    if is_standard(&args.file) {
        return Ok(());
    }
    if args.json {
        let mut report = image.to_json();
        (report["url"], report["file"]) = (args.url.to_string().into(), args.file.to_string_lossy().into());
        result_json(report);
    } else {
        result(format_args!("a picture of {} is in {}", image.size(), args.file.display()));
    }
    Ok(())
}

/// The first media that plays whose pictures are understood.
fn find(description: &Description, playing: &[usize]) -> Option<usize> {
    let is_understood = |media: &&usize| {
        let format = description.medias.get(**media).and_then(|media| media.formats.first());
        format.is_some_and(|format| matches!(format.codec(), Codec::H264(_) | Codec::Jpeg))
    };
    playing.iter().find(is_understood).copied()
}

/// The picture of a frame, if it can be decoded by itself.
fn image_of(frame: &Frame) -> Option<Image> {
    if !frame.is_keyframe || frame.is_damaged {
        return None;
    }
    let bytes = frame.data.to_bytes();
    if bytes.starts_with(&[0xff, 0xd8]) {
        return Some(Image::Jpeg(bytes.to_vec()));
    }
    let mut decoder = Decoder::new();
    let mut picture = None;
    for nal in &parse_annex_b(&bytes) {
        picture = decoder.decode_nal(nal).ok()?.or(picture);
    }
    let picture = decoder.flush().or(picture)?;
    let nals = rtspan_core::payload::Parts::from_annex_b(&bytes);
    let colours = nals.iter().find_map(|nal| Sps::read(nal).ok()).and_then(|sps| sps.colours);
    let rgb = to_rgb(&picture, colours);
    Some(Image::Rgb { width: picture.width, height: picture.height, bytes: rgb })
}

/// Brightness and colour of each pixel as red, green and blue (ITU-T H.264, section E.2.1, matrix_coefficients).
fn to_rgb(picture: &Picture, colours: Option<Colours>) -> Vec<u8> {
    let told = colours.and_then(|colours| colours.matrix);
    let is_709 = told.map_or(picture.height >= ROWS_OF_HIGH_DEFINITION, |matrix| matrix == 1);
    let (red, blue) = if is_709 { (0.2126, 0.0722) } else { (0.299, 0.114) };
    let is_full = colours.is_some_and(|colours| colours.is_full_range);
    let scale = f32::from(1_u16 << (picture.bit_depth - 8));
    let (black, luma, chroma) =
        if is_full { (0.0, 255.0, 255.0) } else { (16.0 * scale, 219.0 * scale, 224.0 * scale) };
    let (luma, chroma) = if is_full { (luma * scale, chroma * scale) } else { (luma, chroma) };
    let middle = 128.0 * scale;
    let (width, height) = (picture.width as usize, picture.height as usize);
    let chroma_width = picture.chroma_width() as usize;
    let shift = height / (picture.chroma_height().max(1) as usize);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for row in 0..height {
        for column in 0..width {
            let at = (row / shift.max(1)) * chroma_width + (column / 2).min(chroma_width.saturating_sub(1));
            let y = (f32::from(picture.sample(&picture.y, row * width + column)) - black) / luma;
            let cb = (f32::from(picture.sample(&picture.u, at)) - middle) / chroma;
            let cr = (f32::from(picture.sample(&picture.v, at)) - middle) / chroma;
            let r = y + 2.0 * (1.0 - red) * cr;
            let b = y + 2.0 * (1.0 - blue) * cb;
            let g = (y - red * r - blue * b) / (1.0 - red - blue);
            rgb.extend([r, g, b].map(|part| (part * 255.0).round().clamp(0.0, 255.0) as u8));
        }
    }
    rgb
}

impl Image {
    fn size(&self) -> String {
        match self {
            Self::Jpeg(bytes) => format!("{} bytes", bytes.len()),
            Self::Rgb { width, height, .. } => format!("{width} x {height}"),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Jpeg(bytes) => json!({ "format": "jpg", "bytes": bytes.len() }),
            Self::Rgb { width, height, .. } => json!({ "format": "png", "width": width, "height": height }),
        }
    }

    /// Checks that the end of a file's name is that of its format; standard output has none.
    fn check_name(&self, path: &Path) -> Result<(), Failure> {
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
        let (fits, end) = match self {
            Self::Jpeg(_) => (matches!(&*end, "jpg" | "jpeg"), "jpg"),
            Self::Rgb { .. } => (end == "png", "png"),
        };
        if fits || is_standard(path) { Ok(()) } else { Err(Failure::OtherPicture { path: path.into(), end }) }
    }

    fn write(&self, mut out: impl Write) -> io::Result<()> {
        match self {
            Self::Jpeg(bytes) => out.write_all(bytes)?,
            Self::Rgb { width, height, bytes } => {
                let mut encoder = Encoder::new(&mut out, *width, *height);
                encoder.set_color(ColorType::Rgb);
                encoder.set_depth(BitDepth::Eight);
                let mut writer = encoder.write_header().map_err(of_png)?;
                writer.write_image_data(bytes).map_err(of_png)?;
                writer.finish().map_err(of_png)?;
            }
        }
        out.flush()
    }
}

fn of_png(error: EncodingError) -> io::Error {
    match error {
        EncodingError::IoError(error) => error,
        error => io::Error::other(error),
    }
}
