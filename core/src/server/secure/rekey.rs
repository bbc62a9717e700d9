use super::super::request::Outcome;
use super::{Server, refused};
use crate::conn::RxOrder;
use crate::keying::PeerKeys;
use crate::udp::UdpOrder;
use crate::url::same;
use crate::wire::{Request, Response, StatusCode};
use crate::{ConnId, SessionId, Tolerances};

impl Server {
    /// SET_PARAMETER of a peer that protects what it sends by other keys from now on, in either form; `None` if it is about
    /// something else.
    ///
    /// They are for the track whose URL is told, or else for those whose bundle has the number of the message, or else for
    /// all. Rollover counters go on.
    pub(in super::super) fn rekey(
        &mut self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Option<Outcome>, Response> {
        let Some((id, own)) = session.and_then(|id| Some((id, self.sessions.get(id)?))) else {
            return Ok(None);
        };
        let protected = own.tracks.iter().filter_map(|track| Some((track, track.keys.as_ref()?)));
        let protected: Vec<_> = protected.collect();
        let Some(former) = protected.first().map(|(_, keys)| keys.peer.suite()) else { return Ok(None) };
        let mut tolerances = Tolerances::NONE;
        let told = match PeerKeys::of_headers(&request.headers, Some(former), &mut tolerances) {
            Ok(None) => PeerKeys::of_parameters(&request.body, Some(former), &mut tolerances),
            told => told,
        };
        let Some(keys) = told.map_err(|_| refused())? else { return Ok(None) };
        if keys.suite() != former {
            return Err(refused());
        }
        let at = |uri: &str| protected.iter().filter(|(track, _)| same(&track.uri, uri)).collect::<Vec<_>>();
        let mut meant = keys.uri().map(at).unwrap_or_default();
        if meant.is_empty() {
            meant = protected.iter().filter(|(_, own)| own.peer.csb_id() == keys.csb_id()).collect();
        }
        if meant.is_empty() {
            meant = protected.iter().collect();
        }
        let meant: Vec<u8> = meant.into_iter().map(|(track, _)| track.index).collect();
        self.tolerate(conn, tolerances);
        self.put_in_use(id, &meant, &keys);
        Ok(Some(StatusCode::OK.into()))
    }

    fn put_in_use(&mut self, id: SessionId, tracks: &[u8], keys: &PeerKeys) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let own = session.tracks.iter_mut().filter(|track| tracks.contains(&track.index));
        own.filter_map(|track| track.keys.as_mut()).for_each(|own| own.peer = keys.clone());
        let (bound_to, stream) =
            (session.bound_to(), session.read_stream().or_else(|| session.recorded_stream()));
        for track in tracks {
            let keys = || Box::new(keys.clone());
            match (bound_to, stream) {
                (Some(conn), _) => self.order_rx(conn, RxOrder::Rekey(id, *track, keys())),
                (None, Some(stream)) => {
                    self.order_reader(id, || UdpOrder::Rekey(stream, id, *track, keys()));
                }
                (None, None) => {}
            }
        }
    }
}
