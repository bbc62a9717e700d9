//! Where the clusters of a file are, and when they begin: what `matroska-demuxer` does not tell.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Identifiers of elements (RFC 9559), with their length markers.
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const TIMESTAMP: u64 = 0xe7;
const CHECKSUM: u64 = 0xbf;
/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// A file that several readers share, each of which goes to its place before it reads.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<BufReader<File>>>);

impl Shared {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(BufReader::with_capacity(BUFFER_BYTES, file))))
    }

    fn lock(&self) -> MutexGuard<'_, BufReader<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut file = self.lock();
        // The buffer stays if the place is in it.
        if let SeekFrom::Start(at) = to {
            let here = file.stream_position()?;
            if let Ok(apart) = i64::try_from(i128::from(at) - i128::from(here)) {
                file.seek_relative(apart)?;
                return Ok(at);
            }
        }
        file.seek(to)
    }
}

/// A cluster: its time in the units of the file, and its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Cluster {
    pub(super) time: u64,
    pub(super) at: u64,
}

/// All clusters of a file, in their order.
pub(super) fn clusters(file: &mut Shared) -> io::Result<Vec<Cluster>> {
    let (mut clusters, mut at) = (Vec::new(), 0);
    loop {
        file.seek(SeekFrom::Start(at))?;
        let Some((id, size, body)) = element(file, at)? else { return Ok(clusters) };
        match id {
            SEGMENT => {
                at = body;
                continue;
            }
            CLUSTER => {
                if let Some(time) = time_of(file, body)? {
                    clusters.push(Cluster { time, at });
                }
            }
            _ => {}
        }
        // An element without a size is gone through.
        at = size.and_then(|size| body.checked_add(size)).unwrap_or(body);
    }
}

/// The time of a cluster, which only a checksum may come before.
fn time_of(file: &mut Shared, body: u64) -> io::Result<Option<u64>> {
    let mut at = body;
    loop {
        file.seek(SeekFrom::Start(at))?;
        match element(file, at)? {
            Some((TIMESTAMP, Some(bytes @ 0..=8), _)) => {
                let mut time = [0; 8];
                file.read_exact(&mut time[8 - bytes as usize..])?;
                return Ok(Some(u64::from_be_bytes(time)));
            }
            Some((CHECKSUM, Some(bytes), body)) if at < body => at = body.saturating_add(bytes),
            _ => return Ok(None),
        }
    }
}

/// The identifier and the size of the element at a place, and where its body begins; `None` at the end of the file.
fn element(file: &mut Shared, at: u64) -> io::Result<Option<(u64, Option<u64>, u64)>> {
    let Some((id, id_bytes, _)) = number(file, true)? else { return Ok(None) };
    let Some((size, size_bytes, is_unknown)) = number(file, false)? else { return Ok(None) };
    Ok(Some((id, (!is_unknown).then_some(size), at + id_bytes + size_bytes)))
}

/// A number of variable length, its bytes, and whether all its bits are set; `None` at the end of the file.
fn number(file: &mut Shared, keeps_marker: bool) -> io::Result<Option<(u64, u64, bool)>> {
    let mut first = [0];
    if file.read(&mut first)? == 0 {
        return Ok(None);
    }
    let length = first[0].leading_zeros() as usize + 1;
    if length > 8 {
        return Ok(None);
    }
    let marker = 0x80_u8 >> (length - 1);
    let mut bytes = [0; 8];
    bytes[8 - length] = if keeps_marker { first[0] } else { first[0] & !marker };
    if file.read_exact(&mut bytes[8 - length + 1..]).is_err() {
        return Ok(None);
    }
    let number = u64::from_be_bytes(bytes);
    Ok(Some((number, length as u64, number == (1 << (7 * length)) - 1)))
}
