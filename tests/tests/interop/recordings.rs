//! Recordings that our server plays to FFmpeg and to GStreamer, with a gap in them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rtspan_core::payload::Parts;
use rtspan_examples::archive::{Archive, ArchiveConfig};
use rtspan_examples::source::FileSource;
use rtspan_std::NtpTime;

use crate::clip::{Clip, ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::rtspan::{Runtime, Server};

/// When the recording begins, in seconds since 1970, and how much later it goes on behind the gap.
const BEGUN: u64 = 1_790_033_400;
const GAP: u64 = 600;
/// The NAL units that a file keeps in its header.
const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 7..=8;

/// NAL units behind their lengths, as files have them.
fn contained(parts: &Parts) -> Vec<u8> {
    let nals = parts.slices().filter(|nal| !PARAMETER_SETS.contains(&(nal[0] & 0x1f)));
    nals.flat_map(|nal| [&(nal.len() as u32).to_be_bytes(), nal].concat()).collect()
}

/// Records a clip twice, in segments of a second, with a gap in between; where, and how many pictures.
fn record(name: &str, clip: &Clip) -> (PathBuf, u64) {
    let dir = folder().join(format!("recordings-{name}"));
    let _ = std::fs::remove_dir_all(&dir);
    let ntp = |pts: i64| NtpTime::from_unix(Duration::from_secs(BEGUN) + Duration::from_nanos(pts as u64));
    let mut archive = Archive::open(&dir, ArchiveConfig::new(Duration::from_secs(1)), ntp(0)).unwrap();
    let mut source = FileSource::open(&clip.mov, 25.0).unwrap();
    let camera = archive.camera("gate", source.description()).unwrap();
    let video =
        source.description().medias.iter().position(|media| media.kind == rtspan_std::MediaKind::Video);
    let mut count = 0;
    for later in [0, GAP] {
        let later = (later * 1_000_000_000) as i64;
        source.seek(i64::MIN).unwrap();
        while let Some(mut frame) = source.next().unwrap() {
            if Some(frame.media) != video {
                continue;
            }
            count += 1;
            frame.data = contained(&frame.data).into();
            (frame.time.pts, frame.dts) = (frame.time.pts + later, frame.dts + later);
            let wall = ntp(frame.time.pts);
            archive.write(camera, frame.with_ntp(wall), wall);
        }
        archive.gap(camera);
    }
    (dir, count)
}

fn serve(dir: &Path) -> (Server, String) {
    let server = Server::start_with(Runtime::Smol, &["--recordings", dir.to_str().unwrap()]);
    let url = server.url("/gate");
    (server, url)
}

/// The hashes of the pictures that FFmpeg decodes, with their times.
fn decoded(input: &[&str], pictures: u64) -> Vec<(i64, String)> {
    let mut command = ffmpeg();
    command.args(["-v", "error"]).args(input).args(["-an", "-fps_mode", "passthrough"]);
    command.args(["-frames:v", &pictures.to_string(), "-enc_time_base", "1/90000", "-f", "framemd5", "-"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let picture = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (fields[2].parse().unwrap(), fields[5].to_owned())
    };
    lines.lines().filter(|line| !line.starts_with('#')).map(picture).collect()
}

#[test]
fn ffmpeg_gets_every_picture_and_no_time_passes_in_a_gap() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let clip = Clip::brief_high();
    let (dir, count) = record("ffmpeg", clip);
    let (_server, url) = serve(&dir);
    let once = decoded(&["-i", clip.mov.to_str().unwrap()], count / 2);
    let played = decoded(&["-rtsp_transport", "tcp", "-i", &url], count);
    let hashes =
        |pictures: &[(i64, String)]| pictures.iter().map(|(_, hash)| hash.clone()).collect::<Vec<_>>();
    assert_eq!(hashes(&played), [hashes(&once), hashes(&once)].concat());
    // The first of them have the times of their order of decoding, and where a gap is passed over a picture may last twice as long.
    let steps: Vec<i64> = played[4..].windows(2).map(|two| two[1].0 - two[0].0).collect();
    let is_uneven = |step: &&i64| !(3_500..=3_700).contains(*step);
    let uneven: Vec<&i64> = steps.iter().filter(is_uneven).collect();
    assert!(uneven.len() <= 1 && uneven.iter().all(|step| (0..=7_300).contains(*step)), "{uneven:?}");
}

#[test]
fn gstreamer_as_an_onvif_client_plays_a_recording_by_its_clock_and_over_its_gap() {
    if !installed(&[Needs::Gstreamer, Needs::GstRtspServer]) {
        return;
    }
    let clip = Clip::brief_high();
    let (dir, count) = record("gstreamer", clip);
    let (_server, url) = serve(&dir);
    let mut command = Command::new("timeout");
    command.args(["60", "gst-launch-1.0", "-v", "rtspsrc"]).arg(format!("location={url}"));
    command.args(["protocols=tcp", "onvif-mode=true", "onvif-rate-control=false", "!", "rtponvifparse", "!"]);
    command.args(["rtph264depay", "!", "h264parse", "!", "video/x-h264,stream-format=avc,alignment=au", "!"]);
    command.args(["fakesink", "sync=false", "silent=false"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let times: Vec<u64> = said
        .lines()
        .filter(|line| line.contains("chain") && line.contains("bytes"))
        .filter_map(|line| line.split("pts: ").nth(1)?.split(',').next())
        .filter_map(|time| {
            let [hours, minutes, seconds] = time.split(':').collect::<Vec<_>>()[..] else { return None };
            let millis = (seconds.parse::<f64>().ok()? * 1000.0).round() as u64;
            Some((hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?) * 60_000 + millis)
        })
        .collect();
    // It counts from the range that PLAY has told, in milliseconds since 1900, and goes on as if there were no gap. The last
    // picture stays in its depacketizer.
    let begun = (BEGUN + 2_208_988_800) * 1000;
    assert!(times.len() as u64 >= count - 1, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(times.iter().all(|time| (begun..begun + count * 40 + 1000).contains(time)), "{times:?}");
}
