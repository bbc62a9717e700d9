use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use rtspan_core::client::{Farewell, Received};
use rtspan_core::description::Description;
use rtspan_core::frame::{Form, Frame, FrameReader, FrameStats, ParameterSetsIn};
use rtspan_core::payload::{Parameters, UnsupportedFormat};

use super::{Client, Error, Packets};
use crate::runtime::Runtime;

/// The frames that a client receives: pictures and sound, whole and with their time, by [`next`](Self::next) or as a
/// [`Stream`](futures_core::Stream).
///
/// They are made from [`Packets`] and have the same bounds: an application that is too slow loses the oldest packets.
pub struct Frames<R: Runtime> {
    packets: Packets<R>,
    reader: FrameReader,
    description: Description,
    end: End,
}

/// How far the packets have come to their end.
#[derive(Debug)]
enum End {
    /// There may be more.
    Open,
    /// There are no more; behind the last frames comes the error, if there was one.
    Reached(Option<Error>),
}

impl<R: Runtime> Frames<R> {
    /// Puts frames together from packets.
    pub(super) fn new(packets: Packets<R>) -> Self {
        let description = packets.description();
        Self { packets, reader: FrameReader::new(&description), description, end: End::Open }
    }

    /// Sets the form in which frames come out ([`Form::Parts`] by default).
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.reader.set_form(form);
        self
    }

    /// Sets where parameter sets are wanted, if not where they are usual in the form.
    #[must_use]
    pub fn parameter_sets(mut self, sets: ParameterSetsIn) -> Self {
        self.reader.set_parameter_sets(sets);
        self
    }

    /// The packets behind the frames.
    pub fn packets(&self) -> &Packets<R> {
        &self.packets
    }

    /// The client that receives them: pause it, or take its events.
    pub fn client(&self) -> &Client<R> {
        self.packets.client()
    }

    /// The indices of the medias that are received.
    pub fn medias(&self) -> Vec<usize> {
        self.client().stats().tracks.iter().map(|track| track.media).collect()
    }

    /// The parameters of a media, as far as they are known now; those of its first format.
    pub fn parameters(&self, media: usize) -> Option<Parameters> {
        self.reader.parameters(media)
    }

    /// The counts of the frames of a media; those of its first format.
    pub fn stats(&self, media: usize) -> Option<FrameStats> {
        self.reader.stats(media)
    }

    /// The formats that are used in a way that is not supported, each with its media; their packets are left out.
    pub fn unsupported(&self) -> impl Iterator<Item = (usize, &UnsupportedFormat)> {
        self.reader.unsupported()
    }

    /// The next frame; `None` when all medias have ended or the client was torn down.
    ///
    /// An error comes once, before `None`: it is the reason for which the client has closed. Nothing is lost when the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<Result<Frame, Error>> {
        loop {
            if let Some(frame) = self.try_next() {
                return Some(Ok(frame));
            }
            if let End::Reached(error) = &mut self.end {
                return error.take().map(Err);
            }
            let received = self.packets.next().await;
            self.take(received);
        }
    }

    /// The next frame, if its packets are here already.
    pub fn try_next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.reader.poll() {
                return Some(frame);
            }
            let received = self.packets.try_next()?;
            self.take(Some(Ok(received)));
        }
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub async fn teardown(self) -> Result<Farewell, Error> {
        self.packets.teardown().await
    }

    fn take(&mut self, received: Option<Result<Received, Error>>) {
        match received {
            Some(Ok(received)) => {
                if received.time.begins_anew {
                    self.look_at_description();
                }
                // Counted, and told of by the frame.
                let _ = self.reader.push(&received);
            }
            Some(Err(error)) => self.end(Some(error)),
            None => self.end(None),
        }
    }

    /// Behind a gap, such as that of a reconnection, the server may have described something else.
    fn look_at_description(&mut self) {
        let description = self.packets.description();
        if description != self.description {
            self.reader.set_description(&description);
            self.description = description;
        }
    }

    fn end(&mut self, error: Option<Error>) {
        self.reader.flush();
        self.end = End::Reached(error);
    }
}

impl<R: Runtime> Stream for Frames<R> {
    type Item = Result<Frame, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frames = self.get_mut();
        loop {
            if let Some(frame) = frames.reader.poll() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if let End::Reached(error) = &mut frames.end {
                return Poll::Ready(error.take().map(Err));
            }
            let received = ready!(Pin::new(&mut frames.packets).poll_next(cx));
            frames.take(received);
        }
    }
}

impl<R: Runtime> fmt::Debug for Frames<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("packets", &self.packets).finish_non_exhaustive()
    }
}
