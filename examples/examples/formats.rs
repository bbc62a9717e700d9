//! Plays all medias of a stream as whole units, and says of each format what a unit is:
//! `cargo run --example formats rtsp://127.0.0.1:8554/demo 100`.
//!
//! Packets are put together in the same way for all formats; what differs is what stands in the parts of a frame.

use std::env;
use std::error::Error;

use rtspan_std::{Client, Codec, Frame, Printable};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().ok_or("usage: formats URL [FRAMES]")?;
    let count = args.next().as_deref().unwrap_or("100").parse()?;
    let frames = Client::builder(&url)?.play_frames()?;
    let medias = frames.client().description().unwrap_or_default().medias;
    for (media, format) in frames.unsupported() {
        println!("media {media} is left out: {format}");
    }
    for frame in frames.take(count) {
        let frame = frame?;
        let format = medias.get(frame.media).and_then(|media| match frame.payload_type {
            Some(payload_type) => media.format(payload_type),
            None => media.formats.first(),
        });
        let Some(format) = format else { continue };
        let seconds = frame.time.pts as f64 / 1e9;
        println!("{seconds:.3} {}: {}", Printable(format.encoding()), unit(format.codec(), &frame));
    }
    Ok(())
}

/// The parts of a frame, by its format.
fn unit(codec: &Codec, frame: &Frame) -> String {
    let (parts, bytes) = (frame.data.len(), frame.data.total_bytes());
    let picture = if frame.is_keyframe { "keyframe" } else { "picture" };
    match codec {
        Codec::H264(_) | Codec::H265(_) | Codec::H266(_) => format!("{picture} of {parts} NAL units"),
        Codec::Av1(_) => format!("{picture} of {parts} OBUs"),
        Codec::Jpeg => format!("JPEG file of {bytes} bytes"),
        Codec::Vp8(_) | Codec::Vp9(_) | Codec::Mpeg4Video(_) | Codec::MpegVideo => {
            format!("{picture} of {bytes} bytes")
        }
        Codec::Mpeg4Audio(_) | Codec::Latm(_) => format!("access unit of AAC, {bytes} bytes, without ADTS"),
        Codec::Opus(_) | Codec::Vorbis(_) | Codec::Speex(_) => format!("packet of an encoder, {bytes} bytes"),
        Codec::MpegAudio | Codec::Ac3 | Codec::Eac3 => format!("frame with its header, {bytes} bytes"),
        Codec::G711(law) => format!("{bytes} samples, {law:?}"),
        Codec::Pcm(pcm) => format!("linear samples, {bytes} bytes, {pcm:?}"),
        Codec::MpegTs => format!("{} packets of a transport stream", bytes / 188),
        Codec::Klv => format!("KLV of {bytes} bytes"),
        Codec::OnvifMetadata(_) => format!("XML document of {bytes} bytes"),
        Codec::T140(_) => format!("text {:?}", String::from_utf8_lossy(&frame.data.to_bytes())),
        _ => format!("{bytes} bytes"),
    }
}
