use bytes::Bytes;

use super::super::session::Publishing;
use super::Server;
use crate::description::Attribute;
use crate::header::KeyMgmt;
use crate::keying::PeerKeys;
use crate::stream::Streams;
use crate::wire::Request;
use crate::{ConnId, Description, Instant, SessionId, StreamId, Tolerances};

impl Server {
    /// The description of a stream with its keys, if a peer is offered SRTP, and as it is otherwise.
    pub(in super::super) fn with_offer(
        &mut self,
        now: Instant,
        conn: ConnId,
        stream: StreamId,
        sdp: Bytes,
        streams: &dyn Streams,
    ) -> Bytes {
        if !self.offers_srtp(conn) {
            return sdp;
        }
        let Some(mut description) = Description::parse_written(&sdp) else { return sdp };
        let Some(number) = self.keys_for(stream, None) else { return sdp };
        let Some(keys) = self.keys_of(stream, number).map(|keys| keys.keys.clone()) else { return sdp };
        for ((track, key), media) in (0..).zip(&keys).zip(&mut description.medias) {
            let message = self.tell(now, key, (stream, number, track), streams);
            media.profile = media.profile.secured();
            media.attributes.push(Attribute::new("key-mgmt", message.to_attribute()));
        }
        description.to_sdp().into()
    }
}

impl Server {
    /// The log of encrypted packets whose keys the descriptions of a stream tell.
    pub(in super::super) fn offered_log(&mut self, stream: StreamId) -> Option<u32> {
        self.keys_for(stream, None)
    }

    /// The log that a reader of a group reads, by the keys that it tells; `None` if each reader has keys of its own.
    pub(in super::super) fn log_of_group(
        &mut self,
        request: &Request,
        session: Option<SessionId>,
        stream: StreamId,
    ) -> Option<u32> {
        if let Some(own) = session.and_then(|id| self.sessions.get(id)?.secure_log) {
            return Some(own);
        }
        // Keys that cannot be read, or may not be used, are refused when they are taken.
        let told = PeerKeys::of_headers(&request.headers, None, &mut Tolerances::default()).ok().flatten();
        let suite = told.map(|keys| keys.suite()).filter(|suite| self.config.srtp.suites.contains(suite));
        if self.config.srtp.key_per_reader { None } else { self.keys_for(stream, suite) }
    }
}

impl Publishing {
    /// The messages of keys that were announced for a media, and those for all.
    pub(super) fn keys_of(&self, track: u8) -> Vec<KeyMgmt> {
        let Ok(announced) = Description::parse(&self.text, &mut Tolerances::default()) else {
            return Vec::new();
        };
        let own = announced.medias.get(usize::from(track)).into_iter().flat_map(|media| media.key_mgmt());
        own.chain(announced.key_mgmt()).collect()
    }
}
