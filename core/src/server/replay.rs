//! Requests for a recording ask for more than RTSP has (ONVIF Streaming Specification, sections 6.2, 6.4 and 6.5).

use super::Server;
use super::back_channel::required;
use super::ticket::{Play, Question};
use crate::header::{ONVIF_REPLAY, Replay};
use crate::wire::{Request, Response, StatusCode};

impl<A> Question<A> {
    /// Returns `true` if the request requires a feature by its tag (RFC 2326, section 12.32), such as
    /// [`ONVIF_REPLAY`]: what requires neither this server's [features](super::ServerConfig::features) nor a back channel has been
    /// answered 551.
    pub fn requires(&self, tag: &str) -> bool {
        required(&self.request).any(|own| own == tag)
    }
}

impl Question<Play> {
    /// How a recording is to be played: at whose pace, and which frames. Without a word it is as by default.
    ///
    /// A request that [requires](Self::requires) a replay and says that in a way that cannot be read has been answered 400.
    pub fn replay(&self) -> Replay {
        Replay::of(&self.request.headers).unwrap_or_default()
    }

    /// The number of the request, of which the packets of a replay carry the lowest byte
    /// ([`OnvifExtension::cseq`](crate::rtp::OnvifExtension)).
    pub fn cseq(&self) -> u32 {
        self.request.cseq().unwrap_or_default()
    }
}

impl Server {
    /// Refuses a replay whose headers cannot be read (400), with the name of the header in the reason.
    pub(super) fn check_replay(&self, request: &Request) -> Result<(), Response> {
        if !required(request).any(|tag| tag == ONVIF_REPLAY) {
            return Ok(());
        }
        Replay::of(&request.headers).map(drop).map_err(|error| {
            let mut refusal = Response::new(StatusCode::BAD_REQUEST);
            refusal.reason = format!("Bad Request: {error}").into();
            refusal
        })
    }
}
