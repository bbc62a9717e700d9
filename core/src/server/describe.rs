use bytes::Bytes;

use super::asks::Asks;
use super::back_channel::{asks_for_back_channels, back_channels_of, without_back_channels};
use super::groups::Key;
use super::request::{Outcome, Step};
use super::{Event, Server};
use crate::description::{Description, Media};
use crate::frame::FrameWriter;
use crate::payload::UnsupportedFormat;
use crate::payload::parameter_sets::ParameterSets;
use crate::stream::{Streams, TrackSet};
use crate::url::track::{TrackPath, resolve_aggregate};
use crate::wire::{Request, Response, StatusCode, name};
use crate::{ConnId, Instant, StreamId};

impl Server {
    /// DESCRIBE (RFC 2326, section 10.2).
    pub(super) fn describe(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (path, query) = path_of(request)?;
        if self.config.asks_about(Asks::DESCRIBE, path) {
            let question = self.question(conn, request, None, (path, query))?;
            return Ok(Outcome::ask(Step::Describe, Event::Describe(question)));
        }
        self.describe_published(now, conn, request, streams)
    }

    pub(super) fn describe_published(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (path, query) = path_of(request)?;
        let stream = self.stream_at(path);
        let sdp = stream.and_then(|stream| {
            let sdp = self.sdp_of(stream, streams)?;
            Some(self.with_offer(now, conn, stream, sdp, streams))
        });
        let has_hidden = |stream: &StreamId| {
            let published = self.published.get(*stream);
            published.is_some_and(|published| published.back_channels != TrackSet::NONE)
        };
        let sdp = match stream.filter(has_hidden) {
            Some(_) if !asks_for_back_channels(request) => sdp.and_then(|sdp| without_back_channels(&sdp)),
            _ => sdp,
        };
        let sdp = sdp.ok_or_else(|| Response::new(StatusCode::NOT_FOUND))?;
        let tells_groups = self.config.multicast.as_ref().is_some_and(|config| config.is_told(query));
        Ok(described(
            request,
            match stream.filter(|_| tells_groups) {
                Some(stream) => self.with_groups(now, conn, stream, sdp),
                None => sdp,
            },
        ))
    }

    /// The description with the groups that the medias are sent to, for a peer that is reached by this family of addresses.
    fn with_groups(&mut self, now: Instant, conn: ConnId, stream: StreamId, sdp: Bytes) -> Bytes {
        let Some(is_ipv6) = self.conns.get(conn).map(|own| own.peer.is_ipv6()) else { return sdp };
        let Some(description) = Description::parse_written(&sdp) else { return sdp };
        let back_channels = back_channels_of(&description);
        let is_secure = description.medias.iter().any(|media| media.profile.is_secure());
        let secure = if is_secure { self.offered_log(stream) } else { None };
        let group = |(place, media): (u8, &Media)| {
            // Back channels may have been left out, and the others have kept their controls.
            let own = TrackPath { path: "", query: None, control: media.control.as_deref() };
            let track = own.index().and_then(|index| u8::try_from(index).ok())?;
            let key = Key { stream, track, is_ipv6, secure };
            if back_channels.contains(place) { None } else { self.group_line(now, key) }
        };
        let groups: Vec<_> = (0..).zip(&description.medias).map(group).collect();
        description.to_sdp_of_groups(&groups).into()
    }

    /// The description of a stream with its latest parameter sets, as DESCRIBE tells it; `None` if there is no such stream.
    pub fn description(&self, stream: StreamId, streams: &dyn Streams) -> Option<Description> {
        self.stream(stream)?;
        Description::parse_written(&self.sdp_of(stream, streams)?)
    }

    /// Makes the packets of frames of a stream, with SSRCs, sequence numbers and timestamps that are drawn here; those of no
    /// media at all if there is no such stream.
    ///
    /// # Errors
    ///
    /// A format of its description is used in a way that is not supported.
    pub fn frame_writer(
        &mut self,
        stream: StreamId,
        streams: &dyn Streams,
    ) -> Result<FrameWriter, UnsupportedFormat> {
        let description = self.description(stream, streams).unwrap_or_default();
        FrameWriter::new(&description, self.random.seed())
    }

    fn sdp_of(&self, stream: StreamId, streams: &dyn Streams) -> Option<Bytes> {
        let published = self.published.get(stream)?;
        let mut news = Vec::new();
        streams.read(stream, &mut |log| news = log.new_parameter_sets());
        Some(if news.is_empty() { published.sdp.clone() } else { with_news(&published.sdp, news) })
    }
}

/// The answer to DESCRIBE.
pub(super) fn described(request: &Request, sdp: Bytes) -> Outcome {
    let slash = if request.uri.ends_with('/') { "" } else { "/" };
    Response::new(StatusCode::OK)
        .with_header(name::CONTENT_BASE, format_args!("{}{slash}", request.uri))
        .with_body("application/sdp", sdp)
        .into()
}

/// The description with the parameter sets that have come since it was made.
///
/// That is rare enough to read for it what was written: a description is not kept a second time.
fn with_news(sdp: &Bytes, news: Vec<(u8, u8, ParameterSets)>) -> Bytes {
    let Some(mut description) = Description::parse_written(sdp) else { return sdp.clone() };
    for (track, payload_type, sets) in news {
        let formats =
            description.medias.get_mut(usize::from(track)).map(|media| &mut media.formats).into_iter();
        let own = formats.flatten().find(|format| format.payload_type == payload_type);
        if let Some(format) = own {
            *format = sets.tell(format.clone());
        }
    }
    description.to_sdp().into()
}

/// The path of a stream and the query, from a request's URL.
pub(super) fn path_of(request: &Request) -> Result<(&str, Option<&str>), Response> {
    resolve_aggregate(&request.uri).map_err(|_| Response::new(StatusCode::BAD_REQUEST))
}
