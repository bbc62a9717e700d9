//! Requests leave, and responses find them.

use std::collections::VecDeque;
use std::time::Duration;

use super::datagrams::Held;
use super::redirect::is_redirect;
use super::{CSeqPolicy, Client, ClientCloseReason};
use crate::header::SessionHeader;
use crate::limits::{LAST_DATAGRAMS, REQUESTS_WAITING_MAX, SESSION_TIMEOUT_DEFAULT};
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{Instant, Tolerance, Tolerances, TracedMessage};

/// The part of the client that waits for a response.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Asker {
    /// The command that runs.
    Command,
    /// A keepalive of this method.
    Keepalive(Method),
    /// Nobody any more; the number is kept so that a late response is known.
    Nobody,
}

/// A request that was sent and not answered.
#[derive(Debug)]
pub(super) struct Sent {
    cseq: u32,
    pub(super) asker: Asker,
    /// The request that was sent, if it may have to be sent again with credentials.
    pub(super) request: Option<Box<Request>>,
    /// How often it was sent again.
    pub(super) tries: u8,
}

/// The requests that were sent and not answered.
#[derive(Debug)]
pub(super) struct Requests {
    policy: CSeqPolicy,
    next: u32,
    waiting: VecDeque<Sent>,
}

impl Requests {
    pub(super) fn new(policy: CSeqPolicy) -> Self {
        // Parrot's librtsp does not echo a CSeq of 0.
        Self { policy, next: 1, waiting: VecDeque::new() }
    }

    /// The number of a new request.
    fn next_cseq(&mut self) -> u32 {
        let cseq = self.next;
        self.next = self.next.checked_add(1).unwrap_or(1);
        cseq
    }

    fn sent(&mut self, sent: Sent) {
        if self.waiting.len() >= REQUESTS_WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(sent);
    }

    /// Finds who asked for a response.
    pub(super) fn answered(&mut self, cseq: Option<u32>, tolerances: &mut Tolerances) -> Option<Sent> {
        let by_number = cseq.and_then(|cseq| self.waiting.iter().position(|sent| sent.cseq == cseq));
        let position = match (by_number, self.policy) {
            (Some(position), _) => position,
            (None, CSeqPolicy::Strict) => return None,
            (None, CSeqPolicy::Lenient) => {
                let oldest = self.waiting.iter().position(|sent| sent.asker != Asker::Nobody)?;
                tolerances.record(Tolerance::WrongCSeq);
                oldest
            }
        };
        self.waiting.remove(position)
    }

    /// Lets the response to the running command come to nobody.
    pub(super) fn forget_command(&mut self) {
        self.forget(|asker| *asker == Asker::Command);
    }

    /// Lets responses to former keepalives come to nobody.
    pub(super) fn forget_keepalives(&mut self) {
        self.forget(|asker| matches!(asker, Asker::Keepalive(_)));
    }

    /// No response comes any more.
    pub(super) fn forget_all(&mut self) {
        self.waiting.clear();
    }

    fn forget(&mut self, which: impl Fn(&Asker) -> bool) {
        for sent in self.waiting.iter_mut().filter(|sent| which(&sent.asker)) {
            sent.asker = Asker::Nobody;
        }
    }
}

/// The id that the server gives the session, and how long it keeps it.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: Option<Box<str>>,
    timeout: Option<Duration>,
    /// A SETUP was accepted; the id stays from there on.
    pinned: bool,
}

impl Session {
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(SESSION_TIMEOUT_DEFAULT)
    }

    pub(super) fn pin(&mut self) {
        self.pinned = true;
    }

    /// Returns `true` if the server has to be told when the session ends.
    pub(super) fn exists(&self) -> bool {
        self.pinned
    }

    /// Reads the Session header that any response may carry.
    fn read(&mut self, response: &Response, tolerances: &mut Tolerances) {
        let header = response.headers.get(name::SESSION);
        let Some(header) = header else { return };
        let Ok(header) = SessionHeader::parse(header, tolerances) else {
            return tolerances.record(Tolerance::UnreadableHeader);
        };
        self.timeout = header.timeout.or(self.timeout);
        match &self.id {
            Some(id) if self.pinned => {
                if *id != header.id {
                    tolerances.record(Tolerance::SessionIdChanged);
                }
            }
            _ => self.id = Some(header.id),
        }
    }
}

impl Client {
    /// Sends a request: the one place where all of them get their common headers.
    pub(super) fn send_request(&mut self, now: Instant, asker: Asker, request: Request) {
        self.send_again(now, asker, request, 0);
    }

    /// Sends a request that has been sent so often before.
    pub(super) fn send_again(&mut self, now: Instant, asker: Asker, mut request: Request, tries: u8) {
        let cseq = self.requests.next_cseq();
        request.headers.set(name::CSEQ, cseq);
        request.headers.set(name::USER_AGENT, &self.config.user_agent);
        if let Some(id) = self.session.id() {
            request.headers.set(name::SESSION, id);
        }
        self.authorize(&mut request);
        self.dress(&mut request);
        let again = self.may_be_challenged().then(|| Box::new(request.clone()));
        self.requests.sent(Sent { cseq, asker, request: again, tries });
        self.keepalive.put_off(now, self.session.timeout());
        if matches!(request.method, Method::Pause | Method::Teardown) && !self.datagrams.is_empty() {
            self.held = Some(Held { behind: self.datagrams.pushed(), until: now + LAST_DATAGRAMS });
        }
        self.trace_sent(|| TracedMessage::of_request(&request));
        if !self.link.push_message(now, request.to_bytes()) {
            self.close(now, ClientCloseReason::Stalled);
        }
    }

    /// Takes a response: the one place where all of them are seen.
    pub(super) fn handle_response(&mut self, now: Instant, response: Response) {
        if response.status.as_u16() < 200 {
            return;
        }
        if response.headers.repeats() {
            self.tolerances.record(Tolerance::RepeatedHeader);
        }
        self.link.handle_response(response.status);
        self.redirects.handle_response();
        self.keepalive.handle_answer(now);
        let mut answered = self.requests.answered(response.cseq(), &mut self.tolerances);
        if response.status != StatusCode::UNAUTHORIZED {
            self.auth.accepted();
        } else if let Some(sent) = answered.take_if(|sent| sent.asker != Asker::Nobody) {
            match self.answer_challenge(now, sent, &response) {
                Ok(()) => return,
                Err(sent) => answered = Some(sent),
            }
        }
        match answered.map(|sent| sent.asker) {
            Some(Asker::Command) => {
                self.read_session(now, &response);
                self.command_answered(now, response);
            }
            Some(Asker::Keepalive(method)) => {
                self.read_session(now, &response);
                if let Some(location) = response.headers.get(name::LOCATION) {
                    if is_redirect(&response, &mut self.tolerances) {
                        return self.handle_redirect(now, Some(location));
                    }
                }
                self.keepalive_answered(now, method, response.status);
            }
            Some(Asker::Nobody) => {}
            None => self.tolerances.record(Tolerance::StrayResponse),
        }
    }

    /// Reads the Session header of a response; a timeout that is shorter than the one before counts at once.
    fn read_session(&mut self, now: Instant, response: &Response) {
        self.session.read(response, &mut self.tolerances);
        self.keepalive.bring_forward(now, self.session.timeout());
    }
}
