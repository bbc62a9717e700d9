//! Puts in order what an earlier recorder has left: torn segments, and those that the index does not know.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use super::event::ArchiveEvent;
use super::index::{Day, INDEX, append, cameras, days, line};
use super::{ArchiveError, Store};

/// Cuts off what is torn, completes the indexes, and learns how much room everything takes.
pub(super) fn recover(dir: &Path, store: &mut Store) -> Result<(), ArchiveError> {
    for name in cameras(dir).map_err(failed(dir))? {
        let folder = dir.join(&name);
        let number = store.disk.camera(&name);
        for day in days(&folder).map_err(failed(&folder))? {
            let of_day = folder.join(&day);
            recover_day(&name, number, &of_day, &day, store).map_err(failed(&of_day))?;
        }
    }
    Ok(())
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError::Folder { path: path.clone(), source }
}

fn recover_day(name: &str, number: usize, folder: &Path, day: &str, store: &mut Store) -> io::Result<()> {
    let mut lines = String::new();
    for (stamp, known) in Day::read(folder)?.segments {
        let path = folder.join(stamp.file());
        let whole = known.segment.as_ref().map_or(0, |segment| segment.bytes);
        if whole < known.length {
            let repaired = ArchiveEvent::Repaired {
                camera: name.to_owned(),
                path: path.clone(),
                bytes: known.length - whole,
            };
            match whole {
                0 => fs::remove_file(&path)?,
                _ => OpenOptions::new().write(true).open(&path)?.set_len(whole)?,
            }
            store.events.push(repaired);
        }
        let Some(segment) = known.segment else {
            // An empty one, too.
            let _ = fs::remove_file(&path);
            continue;
        };
        store.disk.grow((stamp, number), whole);
        if !segment.is_ended {
            lines += &line(stamp, &segment, known.follows.as_deref());
        }
    }
    let index = folder.join(INDEX);
    if !lines.is_empty() {
        // Without them the segments are looked into when they are read.
        let _ = append(&index, &lines);
    }
    store.disk.set_index(number, day, fs::metadata(&index).map_or(0, |metadata| metadata.len()));
    store.disk.remove_day(number, day);
    Ok(())
}
