use bytes::Bytes;

use super::super::session::Publishing;
use super::Server;
use crate::description::Attribute;
use crate::header::KeyMgmt;
use crate::stream::Streams;
use crate::{ConnId, Description, Instant, StreamId, Tolerances};

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
