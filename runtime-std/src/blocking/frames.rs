use std::time::Duration;

use rtspan_core::client::Farewell;
use rtspan_core::frame::{Form, Frame, FrameStats, ParameterSetsIn};
use rtspan_core::payload::{Parameters, UnsupportedFormat};

use super::{Client, TimedOut};
use crate::client::{self, Error};
use crate::threads::{Threads, block_on, block_on_for};

/// The frames that a client receives, as an iterator: pictures and sound, whole and with their time.
///
/// ```
/// use rtspan_std::{Client, Description, Form, Format, Frame, Media, MediaKind, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
///
/// let url = format!("rtsp://{}/hall", server.local_addr());
/// let mut frames = Client::builder(&url)?.play_frames()?.form(Form::ByteStream);
/// hall.write(&Frame::new(0, 0, vec![0xd5; 160]))?;
/// let frame = frames.next().ok_or("the stream has ended")??;
/// assert_eq!((frame.media, frame.data.total_bytes(), frame.lost), (0, 160, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Frames(pub(super) client::Frames<Threads>);

impl Frames {
    /// Sets the form in which frames come out ([`Form::Parts`] by default).
    #[must_use]
    pub fn form(self, form: Form) -> Self {
        Self(self.0.form(form))
    }

    /// Sets where parameter sets are wanted, if not where they are usual in the form.
    #[must_use]
    pub fn parameter_sets(self, sets: ParameterSetsIn) -> Self {
        Self(self.0.parameter_sets(sets))
    }

    /// Waits for the next frame, but for so long at most; `None` as the iterator ends.
    ///
    /// # Errors
    ///
    /// No frame has come by then.
    pub fn next_timeout(&mut self, patience: Duration) -> Result<Option<Result<Frame, Error>>, TimedOut> {
        if let Some(frame) = self.0.try_next() {
            return Ok(Some(Ok(frame)));
        }
        block_on_for(self.0.next(), patience).ok_or(TimedOut)
    }

    /// The next frame, if its packets are here already.
    pub fn try_next(&mut self) -> Option<Frame> {
        self.0.try_next()
    }

    /// The client that receives them: pause it, or take its events.
    pub fn client(&self) -> Client {
        Client(self.0.client().clone())
    }

    /// The indices of the medias that are received.
    pub fn medias(&self) -> Vec<usize> {
        self.0.medias()
    }

    /// The parameters of a media, as far as they are known now; those of its first format.
    pub fn parameters(&self, media: usize) -> Option<Parameters> {
        self.0.parameters(media)
    }

    /// The counts of the frames of a media; those of its first format.
    pub fn stats(&self, media: usize) -> Option<FrameStats> {
        self.0.stats(media)
    }

    /// The formats that are used in a way that is not supported, each with its media; their packets are left out.
    pub fn unsupported(&self) -> impl Iterator<Item = (usize, &UnsupportedFormat)> {
        self.0.unsupported()
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub fn teardown(self) -> Result<Farewell, Error> {
        block_on(self.0.teardown())
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Most often it is, and then nothing has to be set up to wait for it.
        self.0.try_next().map(Ok).or_else(|| block_on(self.0.next()))
    }
}

/// Sends the frames of a client that publishes, or those of the back channels of one that plays.
///
/// SSRCs, sequence numbers and timestamps are its own; the timestamps follow the presentation times of the frames.
///
/// ```
/// use rtspan_std::{Client, Description, Format, Frame, Media, MediaKind, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let url = format!("rtsp://{}/live", server.local_addr());
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut live = Client::builder(&url)?.publish_frames(Description::new(vec![sound]))?;
/// live.write(&Frame::new(0, 0, vec![0xd5; 160]))?;
/// live.write(&Frame::new(0, 20_000_000, vec![0xd5; 160]))?; // 20 ms later
/// assert!(live.teardown()?.is_over());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FramePublisher(pub(super) client::FramePublisher<Threads>);

impl FramePublisher {
    /// The client that sends, for example to take its events.
    pub fn client(&self) -> Client {
        Client(self.0.client().clone())
    }

    /// Writes a frame, and waits while there is no room. The time at which it is due is up to the caller.
    ///
    /// A frame with a wall clock time has sender reports tell that clock from then on.
    ///
    /// # Errors
    ///
    /// The frame has no place in the description or cannot be sent ([`Error::Frame`]), there is no session at the moment
    /// ([`SendError::Reconnecting`](rtspan_core::client::SendError::Reconnecting): live media may be left out), or the
    /// client is closed.
    pub fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        block_on(self.0.write(frame))
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub fn teardown(self) -> Result<Farewell, Error> {
        block_on(self.0.teardown())
    }
}
