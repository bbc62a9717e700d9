//! DESCRIBE.

use super::command::{Task, accepted};
use super::{Client, ClientEvent, CommandError, Reply};
use crate::description::Description;
use crate::description::groups::{Described, groups};
use crate::header::content_type_is;
use crate::url::Url;
use crate::url::base::{Bases, check_control};
use crate::wire::{Method, Request, Response, name};
use crate::{Instant, Tolerance};

const SDP: &str = "application/sdp";

/// The medias to set up, and the URL that stands for all of them.
#[derive(Debug)]
pub(super) struct Presentation {
    pub(super) description: Description,
    pub(super) base: Url,
    /// The multicast group of each media, as far as the description names one.
    pub(super) groups: Vec<Described>,
}

impl Presentation {
    /// The control of a media, as the description has it.
    pub(super) fn control(&self, media: usize) -> Option<&str> {
        self.description.medias.get(media)?.control.as_deref()
    }
}

impl Client {
    pub(super) fn start_describe(&mut self, now: Instant, task: Task) {
        let request =
            Request::new(Method::Describe, self.url.as_request_uri()).with_header(name::ACCEPT, SDP);
        self.run(now, task, request);
    }

    pub(super) fn describe_answered(&mut self, now: Instant, task: Task, response: &Response) {
        let result = self.read_description(response).map(|presentation| {
            let description = presentation.description.clone();
            if task.id.is_some() {
                self.want_nothing();
                self.keys.forget();
            } else if self.description().is_some_and(|former| !former.has_same_medias(&description)) {
                self.event(ClientEvent::DescriptionChanged(Box::new(description.clone())));
            }
            self.presentation = Some(presentation);
            self.refused.clear();
            self.tell_back_channel_refused();
            Reply::Described(description)
        });
        self.finish(now, task, result);
    }

    fn read_description(&mut self, response: &Response) -> Result<Presentation, CommandError> {
        accepted(response)?;
        match response.headers.get(name::CONTENT_TYPE) {
            Some(content_type) if !content_type_is(content_type, SDP) => {
                return Err(CommandError::ContentType(content_type.into()));
            }
            Some(_) => {}
            None => self.tolerances.record(Tolerance::NoContentType),
        }
        let description =
            Description::parse(&response.body, &mut self.tolerances).map_err(CommandError::Description)?;
        for control in description.medias.iter().filter_map(|media| media.control.as_deref()) {
            check_control(&self.url, control, &mut self.tolerances);
        }
        let bases = Bases {
            content_base: response.headers.get(name::CONTENT_BASE),
            content_location: response.headers.get(name::CONTENT_LOCATION),
            control: description.control.as_deref(),
        };
        let base = bases.url(&self.url, &mut self.tolerances);
        Ok(Presentation { description, base, groups: groups(&response.body) })
    }
}
