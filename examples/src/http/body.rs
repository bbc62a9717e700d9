//! The bodies of answers: whole ones, and events for as long as there are some.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_lite::Stream;
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use smol::channel::Receiver;

use super::PATIENCE;

/// The body of an answer.
pub struct Body(Kind);

enum Kind {
    Whole(Full<Bytes>),
    Events { events: Pin<Box<dyn Stream<Item = Bytes>>>, lease: Option<Rc<Lease>> },
}

/// How long a connection may last.
pub(super) struct Lease {
    pub(super) deadline: Cell<Instant>,
    /// It is closed when the server ends.
    pub(super) stopped: Receiver<()>,
}

impl Lease {
    pub(super) fn new(stopped: Receiver<()>) -> Self {
        Self { deadline: Cell::new(Instant::now() + PATIENCE), stopped }
    }
}

impl Body {
    /// A body that goes on until there are no more events, or the server ends. A client that takes none for [`PATIENCE`] is closed, so
    /// that something has to be sent within that time.
    pub fn events(events: impl Stream<Item = Bytes> + 'static) -> Self {
        Self(Kind::Events { events: Box::pin(events), lease: None })
    }

    /// Each event has the connection last longer.
    pub(super) fn extends(&mut self, own: &Rc<Lease>) {
        if let Kind::Events { lease, .. } = &mut self.0 {
            *lease = Some(Rc::clone(own));
        }
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self(Kind::Whole(Full::from(bytes.into())))
    }
}

/// An empty one.
impl Default for Body {
    fn default() -> Self {
        Self::from(Bytes::new())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Whole(_) => "Body::Whole(..)",
            Kind::Events { .. } => "Body::Events(..)",
        })
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Kind::Events { lease: Some(lease), .. } if lease.stopped.is_closed() => Poll::Ready(None),
            Kind::Events { events, lease } => events.as_mut().poll_next(cx).map(|event| {
                lease.iter().for_each(|lease| lease.deadline.set(Instant::now() + PATIENCE));
                event.map(|event| Ok(Frame::data(event)))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Kind::Whole(whole) if whole.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(whole) => whole.size_hint(),
            Kind::Events { .. } => SizeHint::default(),
        }
    }
}
