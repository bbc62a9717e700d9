//! The client library retina as a reader.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ::retina::client::{
    Credentials, Demuxed, PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions,
    TeardownPolicy, Transport as Via, UdpTransportOptions,
};
use ::retina::codec::CodecItem;
use futures_lite::StreamExt;

use crate::access_unit::AccessUnit;
use crate::peer::Transport;
use crate::program::PATIENCE;

/// Over UDP retina takes no notice of a goodbye: it is done when nothing comes for so long.
const SILENCE: Duration = Duration::from_secs(3);

/// Retina, reading in a thread of its own.
#[derive(Debug)]
pub(crate) struct Retina {
    task: Option<JoinHandle<Result<Vec<AccessUnit>, String>>>,
    /// Access units that it has read.
    read: Arc<AtomicUsize>,
}

impl Retina {
    /// Reads the pictures at a URL until the server ends the session or the connection.
    pub(crate) fn read(transport: Transport, url: &str) -> Self {
        let url = url.to_owned();
        let read = Arc::default();
        let count = Arc::clone(&read);
        let task = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let items =
                    within(PATIENCE, play(transport, &url)).await?.map_err(|error| error.to_string())?;
                within(PATIENCE, read_all(items, &count)).await?
            })
        });
        Self { task: Some(task), read }
    }

    /// Returns `true` if it has read so many access units.
    pub(crate) fn has_read(&self, units: usize) -> bool {
        self.task.as_ref().is_none_or(JoinHandle::is_finished) || self.read.load(Ordering::Relaxed) >= units
    }

    /// Waits until it has ended, and returns what it has read.
    pub(crate) fn finish(&mut self) -> Result<Vec<AccessUnit>, String> {
        self.task.take().expect("it is awaited once").join().expect("retina does not panic")
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, String> {
    tokio::time::timeout(patience, work).await.map_err(|_| format!("has not ended after {patience:?}"))
}

async fn play(transport: Transport, url: &str) -> Result<Demuxed, ::retina::Error> {
    // It wants them apart.
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (credentials, rest) = rest.rsplit_once('@').map_or((None, rest), |(own, rest)| (Some(own), rest));
    let credentials = credentials
        .and_then(|own| own.split_once(':'))
        .map(|(user, password)| Credentials { username: user.to_owned(), password: password.to_owned() });
    let url = format!("{scheme}://{rest}").parse().expect("a URL");
    let options = SessionOptions::default().teardown(TeardownPolicy::Never).creds(credentials);
    let mut session = Session::describe(url, options).await?;
    let video =
        session.streams().iter().position(|stream| stream.media() == "video").expect("there is video");
    let via = match transport {
        Transport::Tcp => Via::Tcp(TcpTransportOptions::default()),
        Transport::Udp => Via::Udp(UdpTransportOptions::default()),
    };
    session.setup(video, SetupOptions::default().transport(via)).await?;
    session.play(PlayOptions::default()).await?.demuxed()
}

async fn read_all(mut items: Demuxed, count: &AtomicUsize) -> Result<Vec<AccessUnit>, String> {
    let mut units = Vec::new();
    while let Ok(Some(item)) = within(SILENCE, items.next()).await {
        match item {
            Ok(CodecItem::VideoFrame(frame)) if frame.loss() > 0 => {
                return Err(format!("lost {} packets before picture {}", frame.loss(), units.len()));
            }
            Ok(CodecItem::VideoFrame(frame)) => {
                units.extend(AccessUnit::split(nals(frame.data())));
                count.store(units.len(), Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(units)
}

/// The NAL units of a picture in which each follows its length in four bytes.
fn nals(mut data: &[u8]) -> Vec<&[u8]> {
    let mut nals = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<4>() {
        let (nal, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        nals.push(nal);
        data = rest;
    }
    nals
}
