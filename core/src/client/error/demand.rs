//! The credentials that a server asks for.

use std::fmt;

use crate::Tolerances;
use crate::auth::Challenge;
use crate::wire::{Response, name};

/// The words of a server that asks for credentials, or refuses those that it got (401).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AuthDemand {
    /// The server's own words; empty if it has none.
    pub reason: Box<str>,
    /// The ways in which it takes credentials, in its order.
    pub challenges: Vec<Challenge>,
    /// Its challenges that nobody here can answer, as they came: of schemes and algorithms that are not known.
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
