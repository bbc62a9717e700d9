//! SETUP: a media becomes a track.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::agree::{Offer, Refusal};
use super::command::{Command, Running, Task, Wait, accepted};
use super::keys::{Guard, OwnSide};
use super::table::Verb;
use super::track::{Path, Track};
use super::{Client, ClientOutput, CommandError, Misuse, Reply, State, SwitchReason, TrackInfo, Transports};
use crate::header::{Delivery, Lower, Mode, Transport};
use crate::tap::Tap;
use crate::udp::{UdpOpenError, UdpSpec};
use crate::url::Url;
use crate::url::base::Way;
use crate::url::track::track_url;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{Instant, Profile, Tolerance, UdpId};

/// How far the SETUP of a media has come.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) media: usize,
    /// The transport that the server is asked for.
    offer: Option<Offer>,
    /// The agreement of the server, until its group is joined.
    agreed: Option<Box<Agreed>>,
    /// The server has refused to send it to a group.
    is_alone: bool,
    /// How its URL is made; another is taken after the server has refused it.
    way: Way,
    /// The client's key, if the media is encrypted.
    pub(super) own: Option<Box<OwnSide>>,
}

/// The way that the server has agreed to, the SSRC that it names, and the keys.
#[derive(Debug)]
struct Agreed {
    url: Url,
    path: Path,
    ssrc: Option<u32>,
    guard: Option<Box<Guard>>,
}

impl Setup {
    pub(super) fn new(media: usize) -> Self {
        Self { media, offer: None, agreed: None, is_alone: false, way: Way::default(), own: None }
    }

    /// The sockets that it has, or waits for.
    fn udp_id(&self) -> Option<UdpId> {
        match (&self.agreed, self.offer) {
            (Some(agreed), _) => agreed.path.udp_id(),
            (None, Some(Offer::Udp(id, _))) => Some(id),
            (None, _) => None,
        }
    }
}

impl Client {
    /// Checks that a media can be set up, as far as that is known before the commands ahead are done.
    pub(super) fn check_setup(&self, media: usize) -> Result<(), Misuse> {
        let is_known_later =
            self.planned().any(|command| matches!(command, Command::Describe | Command::Announce(_)));
        match &self.presentation {
            _ if is_known_later => {}
            None => return Err(Misuse::NoDescription),
            Some(presentation) if media >= presentation.description.medias.len() => {
                return Err(Misuse::NoSuchMedia(media));
            }
            Some(_) => {}
        }
        let is_set_up = self.tracks.iter().any(|track| track.media == media);
        if is_set_up || self.planned_setups().any(|planned| planned == media) {
            return Err(Misuse::AlreadySetUp(media));
        }
        Ok(())
    }

    pub(super) fn planned_setups(&self) -> impl Iterator<Item = usize> {
        self.planned().filter_map(|command| match command {
            Command::Setup(setup) => Some(setup.media),
            _ => None,
        })
    }

    /// Remembers a media that is not set up, to be told of once others play.
    pub(super) fn leave_out(&mut self, media: usize, error: &CommandError) {
        let is_known = self.description().is_some_and(|description| media < description.medias.len())
            || self.is_reconnecting();
        if is_known && self.tracks.iter().all(|track| track.media != media) {
            self.refused.insert(media, error.clone());
        }
    }

    pub(super) fn start_setup(&mut self, now: Instant, mut task: Task) {
        let Command::Setup(setup) = &mut task.command else { return };
        if let Err(error) = self.can_set_up(setup.media, task.id.is_none()) {
            return self.finish(now, task, Err(error));
        }
        if let Some(info) = self.share_track(setup.media) {
            return self.finish(now, task, Ok(Reply::Setup(info)));
        }
        setup.own = match self.own_side(setup.media) {
            Ok(own) => own,
            Err(error) => return self.finish(now, task, Err(error)),
        };
        match self.lower {
            Lower::Tcp => {
                let Some(channels) = self.free_channels() else {
                    return self.finish(now, task, Err(CommandError::NoChannels));
                };
                setup.offer = Some(Offer::Tcp(channels));
                self.request_setup(now, task);
            }
            Lower::Udp if !setup.is_alone && self.delivery(setup.media) == Delivery::Multicast => {
                setup.offer = Some(Offer::Multicast);
                self.request_setup(now, task);
            }
            Lower::Udp => {
                let id = self.next_udp_id();
                let is_v4 = self.link.peer().is_none_or(|peer| peer.is_ipv4());
                let any = if is_v4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
                let ip = self.link.local.unwrap_or(any);
                let spec = UdpSpec { ip, ports: self.config.udp_ports };
                self.outputs.push_back(ClientOutput::OpenUdp(id, spec));
                self.running = Some(Running::new(task, now, self.config.response_deadline, Wait::Udp(id)));
            }
        }
    }

    /// Takes the result of [`ClientOutput::OpenUdp`] or [`ClientOutput::JoinGroup`]; one that is not waited for is ignored.
    pub fn handle_udp_opened(&mut self, now: Instant, id: UdpId, result: Result<(u16, u16), UdpOpenError>) {
        let waited = self.running.take_if(|running| running.wait == Wait::Udp(id));
        let Some(Running { mut task, .. }) = waited else { return };
        let Command::Setup(setup) = &mut task.command else { return };
        match result {
            Ok(_) if setup.agreed.is_some() => self.group_joined(now, id, task),
            Ok(ports) => {
                setup.offer = Some(Offer::Udp(id, ports));
                self.request_setup(now, task);
            }
            Err(error) => {
                let is_agreed = setup.agreed.take().is_some();
                match self.may_switch() {
                    false => self.finish(now, task, Err(CommandError::Udp(error))),
                    true if is_agreed => {
                        *setup = Setup::new(setup.media);
                        self.switch_by_restart(SwitchReason::NoSockets, task);
                    }
                    true => self.switch_at_once(SwitchReason::NoSockets, task),
                }
            }
        }
        self.advance(now);
    }

    pub(super) fn setup_answered(&mut self, now: Instant, mut task: Task, response: &Response) {
        let Command::Setup(setup) = &mut task.command else { return };
        if response.status == StatusCode::UNSUPPORTED_TRANSPORT && self.may_go_alone(setup) {
            *setup = Setup { is_alone: true, ..Setup::new(setup.media) };
            return self.queue.push_front(task);
        }
        if response.status == StatusCode::UNSUPPORTED_TRANSPORT && self.may_switch() {
            return self.switch_at_once(SwitchReason::Refused, task);
        }
        if self.takes_over_keys(setup, response.status) {
            return self.request_setup(now, task);
        }
        if is_control_refused(response.status) {
            if let Some(way) = self.next_way(setup) {
                setup.way = way;
                return self.request_setup(now, task);
            }
        }
        if let Some(status) = self.refuses_tcp(response) {
            return self.return_to_udp(status, task);
        }
        if response.status.is_success() {
            self.session.pin();
            if self.session.id().is_none() {
                self.tolerances.record(Tolerance::NoSessionId);
            }
        }
        match self.accept_setup(setup, response) {
            Ok(Some(info)) => self.finish(now, task, Ok(Reply::Setup(info))),
            Ok(None) => self.join_group(now, task),
            Err(Refusal::Switch(reason)) => {
                self.take_back(setup);
                *setup = Setup::new(setup.media);
                self.switch_by_restart(reason, task);
            }
            Err(Refusal::Fail(error)) => self.finish(now, task, Err(error)),
        }
    }

    /// Takes the answer; `None` if a group is to be joined first.
    fn accept_setup(&mut self, setup: &mut Setup, response: &Response) -> Result<Option<TrackInfo>, Refusal> {
        accepted(response)?;
        let asked = setup.offer.ok_or(CommandError::OtherTransport)?;
        let answer = self.read_transport(asked, response)?;
        let path = self.agree(setup.media, asked, &answer)?;
        let url = self.setup_url(setup)?;
        let guard = self.guard(setup, &url, response)?;
        let agreed = Agreed { url, path, ssrc: answer.ssrc, guard };
        if agreed.path.group().is_some() {
            self.take_back(setup);
            setup.agreed = Some(Box::new(agreed));
            return Ok(None);
        }
        Ok(Some(self.add_track(setup, agreed)?))
    }

    fn join_group(&mut self, now: Instant, task: Task) {
        let Command::Setup(Setup { agreed: Some(agreed), .. }) = &task.command else { return };
        let (Some(id), Some(spec)) = (agreed.path.udp_id(), agreed.path.group()) else { return };
        self.outputs.push_back(ClientOutput::JoinGroup(id, *spec));
        self.running = Some(Running::new(task, now, self.config.response_deadline, Wait::Udp(id)));
    }

    fn group_joined(&mut self, now: Instant, id: UdpId, mut task: Task) {
        let Command::Setup(setup) = &mut task.command else { return };
        let Some(agreed) = setup.agreed.take() else { return };
        let added = self.add_track(setup, *agreed);
        if added.is_err() {
            self.outputs.push_back(ClientOutput::CloseUdp(id));
        }
        self.finish(now, task, added.map(Reply::Setup));
    }

    /// Returns `true` if a server that refuses to send a media to a group is asked to send it to the client alone.
    fn may_go_alone(&self, setup: &Setup) -> bool {
        self.config.transports == Transports::Any && matches!(setup.offer, Some(Offer::Multicast))
    }

    fn add_track(&mut self, setup: &Setup, agreed: Agreed) -> Result<TrackInfo, CommandError> {
        let Agreed { url, path, ssrc, guard } = agreed;
        let presentation = self.presentation.as_ref().ok_or(CommandError::NoDescription)?;
        let is_sent = self.is_to_be_sent(setup.media);
        let (media, transport, profile) = (setup.media, path.transport(), self.profile(setup.media));
        let info = TrackInfo { media, transport, ssrc, is_sent, profile };
        let tap = Tap::new(self.config.rtcp_events);
        let track = Track::new(media, url, path, &presentation.description, tap);
        self.tracks.push(track.sent(is_sent).guarded(guard));
        if setup.way.is_joined() {
            self.tolerances.record(Tolerance::JoinedControl);
        }
        if setup.way.is_by_request() {
            self.tolerances.record(Tolerance::BaseRefused);
            let request = self.url.clone();
            self.presentation.iter_mut().for_each(|presentation| presentation.base = request.clone());
        }
        self.refused.remove(&setup.media);
        self.state = self.state.after(Verb::Setup);
        let channels = self.tracks.iter().filter_map(|track| match track.path {
            Path::Tcp { rtp, rtcp } => Some([rtp, rtcp]),
            Path::Udp { .. } => None,
        });
        self.link.decoder.set_known_channels(channels.flatten());
        Ok(info)
    }

    /// Closes the sockets that were opened for a media that is not set up after all.
    pub(super) fn take_back(&mut self, setup: &Setup) {
        if let Some(id) = setup.udp_id() {
            self.outputs.push_back(ClientOutput::CloseUdp(id));
        }
    }

    /// Has a media share the track of another one with the same control, which a server knows once only.
    ///
    /// Medias without a control are each set up: they have only the URL of the stream in common. So are those that are
    /// encrypted, each with its key.
    fn share_track(&mut self, media: usize) -> Option<TrackInfo> {
        if self.state == State::PreRecord || self.is_secure(media) {
            return None;
        }
        let presentation = self.presentation.as_ref()?;
        let control = |media: usize| track_url(&presentation.base, Some(presentation.control(media)?)).ok();
        let own = control(media)?;
        let first = self.tracks.iter_mut().filter(|track| track.guard.is_none());
        let first = first.into_iter().find(|track| control(track.media).is_some_and(|url| url == own))?;
        first.is_shared = true;
        // RTCP comes for all that share a way, and is told once.
        let (url, path, tap) = (first.url.clone(), first.path.clone(), Tap::default());
        let track = Track::new(media, url, path, &presentation.description, tap);
        let mut track = track.sent(self.is_back_channel(media));
        track.is_shared = true;
        let (transport, is_sent) = (track.path.transport(), track.is_sent);
        self.tracks.push(track);
        self.refused.remove(&media);
        self.tolerances.record(Tolerance::SharedControl);
        Some(TrackInfo { media, transport, ssrc: None, is_sent, profile: self.profile(media) })
    }

    fn can_set_up(&self, media: usize, is_again: bool) -> Result<(), CommandError> {
        let presentation = self.presentation.as_ref().ok_or(CommandError::NoDescription)?;
        let wanted = presentation.description.medias.get(media).ok_or(CommandError::NoSuchMedia(media))?;
        if self.tracks.iter().any(|track| track.media == media) {
            return Err(CommandError::AlreadySetUp(media));
        }
        if is_again { self.check_fit(media, wanted) } else { Ok(()) }
    }

    fn request_setup(&mut self, now: Instant, task: Task) {
        let Command::Setup(setup) = &task.command else { return };
        let url = match self.setup_url(setup) {
            Ok(url) => url,
            Err(error) => return self.finish(now, task, Err(error)),
        };
        let Some(offer) = setup.offer else { return };
        let mut transport = Transport::from(offer);
        transport.profile = self.profile(setup.media);
        // For play the mode is left out: cameras stumble over mode="PLAY".
        transport.mode = (self.state == State::PreRecord).then_some(Mode::Record);
        let mut request =
            Request::new(Method::Setup, url.as_request_uri()).with_header(name::TRANSPORT, transport);
        if let Some(key) = self.key_header(now, setup, &url) {
            request.headers.set(name::KEY_MGMT, key);
        }
        self.run(now, task, request);
    }

    fn profile(&self, media: usize) -> Profile {
        let media = self.description().and_then(|description| description.medias.get(media));
        media.map(|media| media.profile).unwrap_or_default()
    }

    /// Returns `true` for a media that is encrypted.
    pub(super) fn is_secure(&self, media: usize) -> bool {
        self.profile(media).is_secure()
    }

    fn setup_url(&self, setup: &Setup) -> Result<Url, CommandError> {
        let presentation = self.presentation.as_ref().ok_or(CommandError::NoDescription)?;
        let control = presentation.control(setup.media);
        setup
            .way
            .url(&self.url, &presentation.base, control)
            .map_err(|error| CommandError::Control { media: setup.media, error })
    }

    fn next_way(&self, setup: &Setup) -> Option<Way> {
        let presentation = self.presentation.as_ref()?;
        setup.way.next(&self.url, &presentation.base, presentation.control(setup.media))
    }
}

/// Returns `true` if a server may not know a track because its control was appended to the base (GStreamer's list).
fn is_control_refused(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 404 | 451 | 455 | 503)
}
