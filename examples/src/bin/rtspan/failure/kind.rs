use std::io::ErrorKind;

use rtspan_examples::source::SourceError;
use rtspan_std::BindError;

use super::Failure;
use crate::probe;

macro_rules! kinds {
    ($($name:ident = $id:literal, $status:literal;)*) => {
        /// The kind of a failure. Names and exit statuses are stable, and `docs/tool.md` explains each.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Kind {
            $($name,)*
        }

        impl Kind {
            const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name by which programs know it; that of a [finding](crate::probe) if there is such a one.
            pub(crate) fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The status that the tool exits with.
            pub(crate) fn status(self) -> u8 {
                match self { $(Self::$name => $status,)* }
            }
        }
    };
}

kinds! {
    Other = "other", 1;
    Usage = "usage", 2;
    Configuration = "configuration", 2;
    Unresolved = "unresolved", 3;
    Refused = "refused", 3;
    Unreachable = "unreachable", 3;
    NoAnswer = "no_answer", 3;
    NoTls = "no_tls", 3;
    CertificateRefused = "certificate_refused", 3;
    NotRtsp = "not_rtsp", 3;
    Unreadable = "unreadable", 3;
    Silent = "silent", 3;
    Closed = "closed", 3;
    PasswordNeeded = "password_needed", 4;
    PasswordWrong = "password_wrong", 4;
    Forbidden = "forbidden", 4;
    NotFound = "not_found", 5;
    NoMedia = "no_media", 5;
    Busy = "busy", 6;
    NoTransport = "no_transport", 6;
    RefusedOtherwise = "refused_otherwise", 6;
    MediaRefused = "media_refused", 6;
    DescriptionUnreadable = "description_unreadable", 7;
    UdpBlocked = "udp_blocked", 7;
    MediaSilent = "media_silent", 7;
    NothingArrives = "nothing_arrives", 7;
    Ended = "ended", 7;
    NoKeyframe = "no_keyframe", 7;
    Unfit = "unfit", 7;
    File = "file", 8;
    UnknownFile = "unknown_file", 8;
    Certificate = "certificate", 8;
    CannotListen = "cannot_listen", 8;
    PortInUse = "port_in_use", 8;
    NoPermission = "no_permission", 8;
    Output = "output", 8;
    System = "system", 8;
    Interrupted = "interrupted", 130;
    ReaderGone = "reader_gone", 141;
}

impl Kind {
    /// The kind of this name.
    pub(crate) fn named(id: &str) -> Self {
        Self::ALL.iter().copied().find(|kind| kind.id() == id).unwrap_or(Self::Other)
    }
}

impl Failure {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Runtime(_) | Self::Signals(_) | Self::Measure(_) | Self::Writer => Kind::System,
            Self::Output(error) if error.kind() == ErrorKind::BrokenPipe => Kind::ReaderGone,
            Self::Output(_) => Kind::Output,
            Self::Interrupted => Kind::Interrupted,
            Self::Bind(BindError::Listen { source, .. })
            | Self::Metrics { source, .. }
            | Self::Web { source, .. } => match source.kind() {
                ErrorKind::AddrInUse => Kind::PortInUse,
                ErrorKind::PermissionDenied => Kind::NoPermission,
                _ => Kind::CannotListen,
            },
            Self::Bind(BindError::NoCertificate) => Kind::Certificate,
            Self::Bind(_) => Kind::CannotListen,
            Self::Certificate { .. } | Self::SelfSigned(_) => Kind::Certificate,
            Self::Play { url, error } | Self::Publish { url, error } => probe::explained(url, error).0,
            Self::Bench { url, trouble } => trouble.explained(url).0,
            Self::NothingArrived { .. } | Self::NothingRecorded { .. } => Kind::NothingArrives,
            Self::Ended { .. } => Kind::Ended,
            Self::RefusedMedias { .. } => Kind::MediaRefused,
            Self::Config(_) => Kind::Configuration,
            Self::Faulty { kind, .. } => *kind,
            Self::NoBackChannel { .. } => Kind::NoMedia,
            Self::NothingToWrite { .. } | Self::NoPictures { .. } | Self::Record { .. } => Kind::Unfit,
            Self::NoParameterSets { .. } | Self::NoKeyframe { .. } => Kind::NoKeyframe,
            Self::UnknownFile { .. } | Self::OtherPicture { .. } => Kind::UnknownFile,
            Self::Source { source, .. } if matches!(**source, SourceError::UnknownKind) => Kind::UnknownFile,
            Self::Archive(_)
            | Self::WriteIn { .. }
            | Self::WriteFile { .. }
            | Self::Read { .. }
            | Self::User { .. }
            | Self::Source { .. } => Kind::File,
            Self::SameName { .. } | Self::NoPath { .. } | Self::Process(_) | Self::Terminal { .. } => {
                Kind::Usage
            }
            _ => Kind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_documented_with_its_status() {
        let page = include_str!("../../../../../docs/tool.md");
        for kind in Kind::ALL {
            let row = format!("| {} | `{}` |", kind.status(), kind.id());
            assert!(page.contains(&row), "{row}");
            assert_eq!(Kind::named(kind.id()), *kind);
        }
    }
}
