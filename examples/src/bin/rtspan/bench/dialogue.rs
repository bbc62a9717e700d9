use std::io;
use std::time::Duration;

use bytes::BytesMut;
use rtspan_core::header::{SessionHeader, Transport};
use rtspan_core::limits::SESSION_TIMEOUT_DEFAULT;
use rtspan_core::wire::{Method, Request, Response, name};
use rtspan_core::{Description, Profile, Tolerances, Url};

use super::trouble::Trouble;

/// The transport of media.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Over {
    Tcp,
    Udp,
}

impl Over {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The requests of a light reader: DESCRIBE, SETUP of every media, PLAY, and in the end TEARDOWN.
#[derive(Debug)]
pub(super) struct Dialogue {
    /// That of the aggregate, once the description is known.
    url: Url,
    over: Over,
    cseq: u32,
    /// The request that is waited for; later ones are only said.
    asked: Method,
    session: Option<Box<str>>,
    timeout: Duration,
    tracks: Vec<(Url, Profile)>,
    /// The channels of RTP packets of the tracks that are set up, if they are interleaved.
    channels: Vec<Option<u8>>,
}

/// How far a dialogue has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Asking,
    Playing,
    Over,
}

impl Dialogue {
    /// Begins with DESCRIBE.
    pub(super) fn begin(url: &Url, over: Over, out: &mut BytesMut) -> Self {
        let mut dialogue = Self {
            url: url.clone(),
            over,
            cseq: 0,
            asked: Method::Describe,
            session: None,
            timeout: SESSION_TIMEOUT_DEFAULT,
            tracks: Vec::new(),
            channels: Vec::new(),
        };
        let accept = |request: Request| request.with_header(name::ACCEPT, "application/sdp");
        dialogue.ask(Method::Describe, url, accept, out);
        dialogue
    }

    /// Takes an answer, and says what comes next; `ports` opens the two UDP sockets of a track.
    pub(super) fn handle_response(
        &mut self,
        response: &Response,
        ports: impl FnOnce() -> io::Result<(u16, u16)>,
        out: &mut BytesMut,
    ) -> Result<Stage, Trouble> {
        if response.cseq().is_some_and(|cseq| cseq != self.cseq) {
            return Ok(Stage::Asking);
        }
        // A keepalive does its work also when the answer is that it is not known.
        if !response.status.is_success() && self.asked != Method::Options {
            return Err(Trouble::Status { method: self.asked.clone(), status: response.status });
        }
        match self.asked {
            Method::Describe => self.handle_description(response)?,
            Method::Setup => self.handle_setup(response)?,
            Method::Teardown => return Ok(Stage::Over),
            _ => return Ok(Stage::Playing),
        }
        let Some((track, profile)) = self.tracks.get(self.channels.len()).cloned() else {
            let url = self.url.clone();
            self.ask(Method::Play, &url, |request| request.with_header(name::RANGE, "npt=0.000-"), out);
            return Ok(Stage::Asking);
        };
        let mut transport = match self.over {
            Over::Udp => Transport::udp(ports().map_err(Trouble::Udp)?),
            Over::Tcp => {
                let channel = u8::try_from(2 * self.channels.len()).map_err(|_| Trouble::NothingToPlay)?;
                Transport::tcp((channel, channel + 1))
            }
        };
        // Encrypted media stays so: nobody looks into packets.
        transport.profile = profile;
        self.ask(Method::Setup, &track, |request| request.with_header(name::TRANSPORT, transport), out);
        Ok(Stage::Asking)
    }

    /// Says that it is still there, and waits for no answer.
    pub(super) fn keep_alive(&mut self, out: &mut BytesMut) {
        let url = self.url.clone();
        self.ask(Method::Options, &url, |request| request, out);
    }

    /// Says goodbye.
    pub(super) fn tear_down(&mut self, out: &mut BytesMut) {
        let url = self.url.clone();
        self.ask(Method::Teardown, &url, |request| request, out);
    }

    /// How long the session lives without a sign of life.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The channel of RTP packets of each track, if it is interleaved.
    pub(super) fn channels(&self) -> &[Option<u8>] {
        &self.channels
    }

    fn handle_description(&mut self, response: &Response) -> Result<(), Trouble> {
        let description =
            Description::parse(&response.body, &mut Tolerances::default()).map_err(Trouble::Description)?;
        let content_base = response.headers.get(name::CONTENT_BASE).unwrap_or_default();
        self.url = resolve(&self.url, content_base).unwrap_or_else(|| self.url.clone());
        self.url = resolve(&self.url, description.control.as_deref().unwrap_or("*"))
            .ok_or(Trouble::NothingToPlay)?;
        let tracks = description.medias.iter().enumerate();
        let tracks = tracks.filter(|(number, _)| !description.is_back_channel(*number));
        self.tracks = tracks
            .filter_map(|(_, media)| {
                let url = resolve(&self.url, media.control.as_deref().unwrap_or("*"))?;
                Some((url, media.profile))
            })
            .collect();
        if self.tracks.is_empty() { Err(Trouble::NothingToPlay) } else { Ok(()) }
    }

    fn handle_setup(&mut self, response: &Response) -> Result<(), Trouble> {
        let tolerances = &mut Tolerances::default();
        if let Some(Ok(session)) =
            response.headers.get(name::SESSION).map(|value| SessionHeader::parse(value, tolerances))
        {
            self.timeout = session.timeout.unwrap_or(self.timeout);
            self.session = Some(session.id);
        }
        let transport = response.headers.get(name::TRANSPORT);
        let transport = transport.and_then(|value| Transport::parse(value, tolerances).ok());
        let channel = transport.and_then(|transport| transport.interleaved).map(|(rtp, _)| rtp);
        if (self.over == Over::Tcp) != channel.is_some() {
            return Err(Trouble::OtherTransport);
        }
        self.channels.push(channel);
        Ok(())
    }

    fn ask(&mut self, method: Method, url: &Url, with: impl FnOnce(Request) -> Request, out: &mut BytesMut) {
        self.cseq += 1;
        let mut request = Request::new(method.clone(), url.as_request_uri())
            .with_header(name::CSEQ, self.cseq)
            .with_header(name::USER_AGENT, "rtspan-bench");
        if let Some(session) = &self.session {
            request = request.with_header(name::SESSION, session);
        }
        with(request).encode(out);
        self.asked = method;
    }
}

/// The URL that a control names: absolute, or appended as text, always at the host that was asked for.
fn resolve(base: &Url, control: &str) -> Option<Url> {
    if matches!(control, "" | "*") {
        return Some(base.clone());
    }
    let url = if control.contains("://") {
        Url::parse(control)
    } else {
        Url::parse(&format!("{}/{control}", base.as_request_uri().trim_end_matches('/')))
    };
    Some(url.ok()?.with_authority_of(base))
}

#[cfg(test)]
mod tests {
    use rtspan_core::wire::{Decoder, DecoderLimits, Item, Message};

    use super::*;

    const SDP: &str = "v=0\r\ns=-\r\na=control:*\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
        m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n";

    /// Answers each request with the next response, and gives the requests with the last stage.
    fn converse(over: Over, responses: &[&str]) -> (Vec<String>, Result<Stage, Trouble>) {
        let mut out = BytesMut::new();
        let url = Url::parse("rtsp://host/cam").unwrap();
        let mut dialogue = Dialogue::begin(&url, over, &mut out);
        let mut requests = Vec::new();
        let mut stage = Ok(Stage::Asking);
        for text in responses {
            requests.push(String::from_utf8(out.split().to_vec()).unwrap());
            let mut decoder = Decoder::new(DecoderLimits::default());
            decoder.feed(text.as_bytes());
            let Some(Item::Message(Message::Response(response))) = decoder.poll().unwrap() else {
                panic!("{text}")
            };
            stage = dialogue.handle_response(&response, || Ok((5000, 5001)), &mut out);
            if matches!(stage, Ok(Stage::Playing)) && dialogue.asked == Method::Play {
                dialogue.tear_down(&mut out);
            }
        }
        (requests, stage)
    }

    fn described() -> String {
        format!(
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Base: rtsp://h/cam/\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        )
    }

    #[test]
    fn every_media_is_set_up_before_it_plays() {
        let responses = [
            &described(),
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: abc;timeout=30\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n",
            "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: abc\r\nTransport: RTP/AVP/TCP;interleaved=2-3\r\n\r\n",
            "RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n",
            "RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\n",
        ];
        let (requests, stage) = converse(Over::Tcp, &responses);
        assert_eq!(stage.unwrap(), Stage::Over);
        for (request, parts) in requests.iter().zip([
            ["DESCRIBE rtsp://host/cam RTSP/1.0\r\nCSeq: 1\r\n", "Accept: application/sdp"],
            ["SETUP rtsp://host/cam/trackID=0 ", "RTP/AVP/TCP;unicast;interleaved=0-1"],
            ["SETUP rtsp://host/cam/trackID=1 ", "Session: abc\r\n"],
            ["PLAY rtsp://host/cam/ ", "Session: abc\r\n"],
            ["TEARDOWN rtsp://host/cam/ ", "Session: abc\r\n"],
        ]) {
            assert!(parts.iter().all(|part| request.contains(part)), "{parts:?} in {request}");
        }
    }

    #[test]
    fn the_ports_of_the_sockets_are_told() {
        let (requests, stage) = converse(
            Over::Udp,
            &[
                &described(),
                "RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: abc\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n",
            ],
        );
        assert_eq!(stage.unwrap(), Stage::Asking);
        assert!(requests[1].contains("client_port=5000-5001"), "{}", requests[1]);
    }

    #[test]
    fn a_refusal_is_told_with_what_was_refused() {
        let (_, stage) = converse(Over::Udp, &["RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n"]);
        assert!(stage.unwrap_err().to_string().contains("404 Not Found to DESCRIBE"));
        let (_, stage) = converse(
            Over::Tcp,
            &[&described(), "RTSP/1.0 200 OK\r\nCSeq: 2\r\nTransport: RTP/AVP;client_port=1-2\r\n\r\n"],
        );
        assert!(matches!(stage, Err(Trouble::OtherTransport)));
    }
}
