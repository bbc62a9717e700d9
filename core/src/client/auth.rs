//! Challenges are answered: the request that they refuse goes out again, and all that follow carry credentials.

use super::request::Sent;
use super::{AuthDemand, Client, ClientConfig, CommandError};
use crate::Instant;
use crate::auth::{Authorization, Challenge, ChallengeKind, Secret};
use crate::limits::AUTH_TRIES_MAX;
use crate::url::Url;
use crate::wire::{Request, Response, name};

/// The server that the credentials are for, and the challenge that is answered.
#[derive(Debug)]
pub(super) struct Auth {
    /// The first URL: its server is the one that the user's credentials are for.
    home: Url,
    answered: Option<Answered>,
}

/// A challenge that is answered in every request.
#[derive(Debug)]
struct Answered {
    challenge: Challenge,
    /// The server that it came from: no other gets the answer.
    server: Url,
    /// How often its nonce was used.
    count: u32,
    cnonce: Box<str>,
    /// A refusal need not mean that the credentials are wrong: they were right before, or the nonce is that of another
    /// connection.
    may_be_stale: bool,
}

impl Auth {
    pub(super) fn new(home: Url) -> Self {
        Self { home, answered: None }
    }

    /// Nonces may be good for one connection only.
    pub(super) fn connected(&mut self) {
        self.answered.iter_mut().for_each(|answered| answered.may_be_stale = true);
    }

    /// A request with credentials was not refused for them.
    pub(super) fn accepted(&mut self) {
        self.connected();
    }
}

impl Client {
    /// Has a request carry credentials, if the server has asked for some before.
    pub(super) fn authorize(&mut self, request: &mut Request) {
        request.headers.remove(name::AUTHORIZATION);
        let Some((user, secret)) = self.credentials() else { return };
        let Some(answered) = self.auth.answered.as_mut().filter(|own| own.server.same_origin(&self.url))
        else {
            return;
        };
        answered.count = answered.count.saturating_add(1);
        let answer = Authorization::answer(
            &answered.challenge,
            &user,
            &secret,
            (request.method.as_str(), &request.uri),
            (answered.count, &answered.cnonce),
        );
        if let Some(answer) = answer {
            request.headers.set(name::AUTHORIZATION, answer.to_header_value());
        }
    }

    /// Sends a request again that was refused with 401; gives it back if there is nothing else to try.
    pub(super) fn answer_challenge(
        &mut self,
        now: Instant,
        sent: Sent,
        response: &Response,
    ) -> Result<(), Sent> {
        let tries = sent.tries.saturating_add(1);
        let next = self.next_challenge(&sent, response).filter(|_| tries < AUTH_TRIES_MAX);
        let (Some(challenge), Some(request)) = (next, &sent.request) else { return Err(sent) };
        self.auth.answered = Some(Answered {
            challenge,
            server: self.url.clone(),
            count: 0,
            cnonce: (*self.random.hex_id()).into(),
            may_be_stale: false,
        });
        let request = Request::clone(request);
        self.send_again(now, sent.asker, request, tries);
        Ok(())
    }

    /// The challenge to be answered: the strongest; if that was, the same with a new nonce where the old one may be stale,
    /// and else a weaker one.
    ///
    /// There are cameras that offer SHA-256 and take no answer to it.
    fn next_challenge(&mut self, sent: &Sent, response: &Response) -> Option<Challenge> {
        let (user, secret) = self.credentials()?;
        let tolerances = &mut self.tolerances;
        let headers = response.headers.get_all(name::WWW_AUTHENTICATE);
        let offers: Vec<Challenge> =
            headers.flat_map(|value| Challenge::parse_all(value, tolerances)).collect();
        let is_allowed = |offer: &Challenge| {
            strength(offer) > 0
                && (self.config.basic_auth || offer.kind != ChallengeKind::Basic)
                && (self.url.is_secure() || offer.kind != ChallengeKind::Bearer)
                && Authorization::answer(offer, &user, &secret, ("", ""), (1, "")).is_some()
        };
        let has_answered =
            sent.request.as_ref().is_some_and(|own| own.headers.get(name::AUTHORIZATION).is_some());
        let answered = self.auth.answered.as_ref().filter(|_| has_answered);
        let offers = offers.into_iter().filter(is_allowed);
        let offers = offers.filter(|offer| {
            let Some(answered) = answered else { return true };
            let same = strength(offer) == strength(&answered.challenge);
            let is_stale = matches!(offer.kind, ChallengeKind::Digest { stale: true, .. });
            strength(offer) < strength(&answered.challenge) || (same && (is_stale || answered.may_be_stale))
        });
        // Among equally strong ones, the first: the server prefers it.
        offers.reduce(|best, offer| if strength(&offer) > strength(&best) { offer } else { best })
    }

    /// Returns `true` if a request may have to be sent again with credentials.
    pub(super) fn may_be_challenged(&self) -> bool {
        self.credentials().is_some()
    }

    /// The error of a command that the server asks other credentials for.
    pub(super) fn refused(&self, demand: Box<AuthDemand>) -> CommandError {
        match self.credentials() {
            None => CommandError::Unauthorized(demand),
            Some((_, secret)) if secret.as_token().is_some() && !self.url.is_secure() => {
                CommandError::TokenNeedsTls
            }
            Some(_) => CommandError::CredentialsRefused(demand),
        }
    }

    /// Returns true at another server than that of the first URL.
    pub(super) fn is_elsewhere(&self) -> bool {
        !self.url.same_origin(&self.auth.home)
    }

    /// Those of the URL, or the user's, which are for the server of the first URL only.
    fn credentials(&self) -> Option<(Box<str>, Secret)> {
        if let Some(credentials) = self.url.credentials() {
            return Some((credentials.user.into(), Secret::password(credentials.password)));
        }
        self.config.credentials.clone().filter(|_| !self.is_elsewhere())
    }
}

impl ClientConfig {
    /// The user and its password, or what stands for it, for servers that ask for them. Those in a URL go before.
    ///
    /// No other server gets them, whoever redirects the client there.
    #[must_use]
    pub fn credentials(mut self, user: &str, secret: Secret) -> Self {
        self.credentials = Some((user.into(), secret));
        self
    }

    /// A token (Bearer, RFC 6750), in the place of a user and a password.
    ///
    /// It is sent to servers that ask for one, over TLS only ([`CommandError::TokenNeedsTls`]). No other server gets it, whoever
    /// redirects the client there. A user and a password in a URL go before.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.credentials("", Secret::token(token))
    }

    /// Lets the password be sent as it is (Basic) to servers that know nothing better; on by default.
    ///
    /// Without TLS everybody on the way can read it, and an attacker that changes the server's answers can ask for it.
    #[must_use]
    pub fn basic_auth(mut self, basic_auth: bool) -> Self {
        self.basic_auth = basic_auth;
        self
    }
}

/// The rank of a challenge: the higher of two is preferred.
fn strength(challenge: &Challenge) -> u8 {
    match &challenge.kind {
        ChallengeKind::Digest { algorithm: Some(algorithm), .. } if algorithm.is_sha256() => 3,
        ChallengeKind::Digest { .. } => 2,
        // A secret is a password or a token, so that only one of them can be answered.
        ChallengeKind::Basic | ChallengeKind::Bearer => 1,
    }
}
