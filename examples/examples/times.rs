//! Tells of each frame when it is presented, and when it was recorded: `cargo run --example times rtsp://camera/main`.

use std::env;
use std::error::Error;

use rtspan_std::{Client, NtpTime, WallSource};

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).ok_or("usage: times URL")?;
    for frame in Client::builder(&url)?.play_frames()? {
        let frame = frame?;
        // Picture and sound have the same time line. Behind B-frames the decoding time (DTS) is the earlier one.
        let (pts, dts) = (frame.time.pts / 1_000_000, frame.dts / 1_000_000);
        // At first only the arrival is known; the camera tells its own clock every few seconds.
        let wall = match frame.time.wall() {
            Some(wall) if wall.source == WallSource::Arrival => {
                format!("{} at the latest", seconds(wall.ntp))
            }
            Some(wall) => format!("{} by the camera ({:?})", seconds(wall.ntp), wall.source),
            None => "at an unknown time".to_owned(),
        };
        println!("media {}: PTS {pts} ms, DTS {dts} ms, recorded {wall}", frame.media);
    }
    Ok(())
}

/// Seconds since 1970.
fn seconds(ntp: NtpTime) -> String {
    ntp.to_unix().map_or_else(|| "before 1970".to_owned(), |time| format!("{:.3}", time.as_secs_f64()))
}
