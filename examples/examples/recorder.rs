//! Records cameras into a folder, and keeps two gigabytes:
//! `cargo run --example recorder -- recordings gate=rtsp://gate/main yard=rtsp://yard/main`
//!
//! Each camera has a thread that plays it, and comes back when it was away. One thread writes: `archive` is a plain value
//! that is told the time, and holds no thread and no clock.

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use rtspan_core::Description;
use rtspan_core::frame::Frame;
use rtspan_examples::archive::{Archive, ArchiveConfig};
use rtspan_examples::say;
use rtspan_std::{Client, Form, MediaKind, NtpTime, ReconnectPolicy, WithCauses};

/// A camera's name, its description, and one of its frames.
type Recorded = (String, Description, Frame);

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let to = args.next().ok_or("usage: recorder DIR NAME=URL...")?;
    let config = ArchiveConfig::new(Duration::from_secs(60)).keep(2_000_000_000);
    let archive = Archive::open(Path::new(&to), config, now())?;
    // A disk that is slow has the cameras wait.
    let (frames, recorded) = sync_channel(256);
    for camera in args {
        let (name, url) = camera.split_once('=').ok_or("a camera is NAME=URL")?;
        let (name, url, frames) = (name.to_owned(), url.to_owned(), frames.clone());
        thread::spawn(move || {
            loop {
                if let Err(error) = play(&name, &url, &frames) {
                    say(format_args!("{name}: {}", WithCauses(&*error)));
                }
                thread::sleep(Duration::from_secs(10));
            }
        });
    }
    drop(frames);
    write(archive, &recorded)
}

/// Plays a camera for as long as there is hope.
fn play(name: &str, url: &str, frames: &SyncSender<Recorded>) -> Result<(), Box<dyn Error>> {
    let camera = Client::builder(url)?
        .medias([MediaKind::Video, MediaKind::Audio])
        .reconnect(ReconnectPolicy::default());
    let mut playing = camera.play_frames()?.form(Form::Container);
    while let Some(frame) = playing.next() {
        // It may describe itself otherwise when it comes back.
        frames.send((name.to_owned(), playing.client().description().unwrap_or_default(), frame?))?;
    }
    Ok(())
}

/// Writes all frames, and says what happens.
fn write(mut archive: Archive, recorded: &Receiver<Recorded>) -> Result<(), Box<dyn Error>> {
    loop {
        if let Ok((name, description, frame)) = recorded.recv_timeout(Duration::from_secs(1)) {
            let camera = archive.camera(&name, &description)?;
            archive.write(camera, frame, now());
        }
        archive.tick(now());
        while let Some(event) = archive.poll_event() {
            say(format_args!("{event:?}"));
        }
    }
}

fn now() -> NtpTime {
    NtpTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}
