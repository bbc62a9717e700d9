//! The credentials that a server asks for.

use std::fmt;

use crate::Tolerances;
use crate::auth::{Challenge, ChallengeKind};
use crate::wire::{Response, name};

/// The words of a server that asks for credentials, or refuses those that it got (401).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AuthDemand {
    /// The server's own words; empty if it has none.
    pub reason: Box<str>,
    /// The ways in which it accepts credentials, in its order.
    pub challenges: Vec<Challenge>,
    /// Its challenges with unknown schemes or algorithms, as they came.
    pub unknown: Vec<Box<str>>,
}

impl AuthDemand {
    pub(super) fn of_response(response: &Response) -> Self {
        let mut demand = Self { reason: (*response.reason).into(), ..Self::default() };
        for value in response.headers.get_all(name::WWW_AUTHENTICATE) {
            match Challenge::parse_all(value, &mut Tolerances::default()) {
                challenges if challenges.is_empty() => demand.unknown.push(value.into()),
                challenges => demand.challenges.extend(challenges),
            }
        }
        demand
    }

    /// Returns `true` if a token is accepted (RFC 6750), perhaps among others.
    pub fn takes_token(&self) -> bool {
        self.challenges.iter().any(|challenge| challenge.kind == ChallengeKind::Bearer)
    }

    /// The credentials that it accepts, in words.
    pub(super) fn wanted(&self) -> &'static str {
        let is_other = |challenge: &Challenge| challenge.kind != ChallengeKind::Bearer;
        match (self.takes_token(), self.challenges.iter().any(is_other)) {
            (false, _) => "user and password",
            (true, false) => "the token",
            (true, true) => "the token, or user and password",
        }
    }

    /// The name of the area that credentials are asked for, as a person is told it.
    pub fn realm(&self) -> Option<&str> {
        self.challenges.iter().map(|challenge| &*challenge.realm).find(|realm| !realm.is_empty())
    }
}

/// ` for "the realm"`, or nothing.
impl fmt::Display for AuthDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.realm().map_or(Ok(()), |realm| write!(f, " for {realm:?}"))
    }
}
