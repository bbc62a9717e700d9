//! The findings of a doctor.

use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Severity {
    /// The stream, or a part of it, does not play.
    Fault,
    /// It plays, and something should be changed.
    Warning,
    /// It plays, and the server does something otherwise than the standard says.
    Note,
}

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

macro_rules! problems {
    ($($name:ident = $id:literal,)*) => {
        /// The fault. The names are stable, and `docs/probe.md` explains each.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Problem {
            $($name,)*
        }

        impl Problem {
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$name),*];

            pub(super) fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

problems! {
    Unresolved = "unresolved",
    Refused = "refused",
    Unreachable = "unreachable",
    NoAnswer = "no_answer",
    NoTls = "no_tls",
    CertificateRefused = "certificate_refused",
    NotRtsp = "not_rtsp",
    Unreadable = "unreadable",
    Silent = "silent",
    Closed = "closed",
    PasswordNeeded = "password_needed",
    PasswordWrong = "password_wrong",
    PasswordReadable = "password_readable",
    Forbidden = "forbidden",
    NotFound = "not_found",
    Busy = "busy",
    NoTransport = "no_transport",
    RefusedOtherwise = "refused_otherwise",
    DescriptionUnreadable = "description_unreadable",
    NoMedia = "no_media",
    UdpBlocked = "udp_blocked",
    UdpRefused = "udp_refused",
    MediaRefused = "media_refused",
    MediaSilent = "media_silent",
    NothingArrives = "nothing_arrives",
    PacketsLost = "packets_lost",
    PacketsUnreadable = "packets_unreadable",
    ClockOff = "clock_off",
    Redirected = "redirected",
    Deviation = "deviation",
    Other = "other",
}

/// Something that is wrong, as a person is told it.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) problem: Problem,
    pub(super) severity: Severity,
    /// The observation.
    pub(super) what: String,
    /// The remedy that was applied.
    pub(super) done: Option<String>,
    /// The advice for a person.
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn fault(problem: Problem, what: impl Into<String>) -> Self {
        Self::new(problem, Severity::Fault, what)
    }

    pub(super) fn warning(problem: Problem, what: impl Into<String>) -> Self {
        Self::new(problem, Severity::Warning, what)
    }

    pub(super) fn note(problem: Problem, what: impl Into<String>) -> Self {
        Self::new(problem, Severity::Note, what)
    }

    fn new(problem: Problem, severity: Severity, what: impl Into<String>) -> Self {
        Self { problem, severity, what: what.into(), done: None, advice: None }
    }

    pub(super) fn done(self, done: impl Into<String>) -> Self {
        Self { done: Some(done.into()), ..self }
    }

    pub(super) fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.problem.id(),
            "severity": self.severity.as_str(),
            "what": self.what,
            "done": self.done,
            "advice": self.advice,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_documented() {
        let page = include_str!("../../../../../docs/probe.md");
        for problem in Problem::ALL {
            assert!(page.contains(&format!("| `{}` |", problem.id())), "{}", problem.id());
        }
    }
}
