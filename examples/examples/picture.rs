//! Decodes the next keyframe of H.264 and writes it as PNG, in grey: `cargo run --example picture rtsp://camera/main picture.png`.
//!
//! The decoder is `rust_h264`; any other takes the same bytes (annex B). `rtspan snapshot` does it in colour, and takes JPEG
//! as well.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use png::{BitDepth, ColorType, Encoder};
use rtspan_std::{Client, Form, MediaKind};
use rust_h264::decoder::{Decoder, Frame as Picture};
use rust_h264::nal::parse_annex_b;

fn main() -> Result<(), Box<dyn Error>> {
    let (url, path) = env::args().nth(1).zip(env::args().nth(2)).ok_or("usage: picture URL FILE.png")?;
    let camera = Client::builder(&url)?.medias([MediaKind::Video]);
    // In this form each keyframe begins with the parameter sets that it needs.
    for frame in camera.play_frames()?.form(Form::ByteStream) {
        let frame = frame?;
        if !frame.is_keyframe || frame.is_damaged {
            continue;
        }
        let picture = decode(&frame.data.to_bytes()).ok_or("the picture cannot be decoded")?;
        write(&picture, &path)?;
        println!("{path}: {} x {}", picture.width, picture.height);
        return Ok(());
    }
    Err("the stream has ended without a keyframe".into())
}

fn decode(stream: &[u8]) -> Option<Picture> {
    let mut decoder = Decoder::new();
    let mut picture = None;
    for nal in &parse_annex_b(stream) {
        picture = decoder.decode_nal(nal).ok()?.or(picture);
    }
    decoder.flush().or(picture)
}

/// Writes the brightness of each pixel, whose least is 16 and whose most is 235.
fn write(picture: &Picture, path: &str) -> Result<(), Box<dyn Error>> {
    let pixels = picture.width as usize * picture.height as usize;
    let black = 16 << (picture.bit_depth - 8);
    let grey = |at| {
        let luma = u32::from(picture.sample(&picture.y, at)).saturating_sub(black);
        ((luma * 255 / 219) >> (picture.bit_depth - 8)).min(255) as u8
    };
    let mut encoder = Encoder::new(BufWriter::new(File::create(path)?), picture.width, picture.height);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&(0..pixels).map(grey).collect::<Vec<u8>>())?;
    writer.finish()?;
    Ok(())
}
