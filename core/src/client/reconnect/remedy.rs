use super::super::{ClientCloseReason, CommandError, ConnectError};
use crate::tls::TlsError;

/// The remedy that may mend the cause of an end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Remedy {
    /// Time, and another attempt.
    #[default]
    Time,
    /// Other credentials, unless the server has only begun to start.
    Credentials,
    /// Another address or another description, unless the source of the stream is only away.
    Person,
    /// Nothing that a client could do.
    Nothing,
}

impl Remedy {
    pub(super) fn of(cause: &ClientCloseReason) -> Self {
        match cause {
            ClientCloseReason::TornDown
            | ClientCloseReason::Connect(ConnectError::Tls(TlsError::Unavailable)) => Self::Nothing,
            // A certificate is renewed, or pinned, by a person.
            ClientCloseReason::Connect(ConnectError::Tls(TlsError::Certificate(_))) => Self::Person,
            ClientCloseReason::RestartFailed(error) => Self::of_error(error),
            _ => Self::Time,
        }
    }

    fn of_error(error: &CommandError) -> Self {
        match error {
            CommandError::Downgrade | CommandError::TornDown | CommandError::Closed => Self::Nothing,
            CommandError::Unauthorized(_)
            | CommandError::CredentialsRefused(_)
            | CommandError::TokenNeedsTls => Self::Credentials,
            CommandError::Status { status, .. } => match status.as_u16() {
                403 => Self::Credentials,
                // Not Enough Bandwidth, Session Not Found and Method Not Valid in This State pass by themselves.
                408 | 453..=455 | 500.. => Self::Time,
                _ => Self::Person,
            },
            CommandError::Timeout | CommandError::ConnectionLost | CommandError::Udp(_) => Self::Time,
            _ => Self::Person,
        }
    }
}
