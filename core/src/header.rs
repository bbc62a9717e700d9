//! The values of RTSP headers.
//!
//! Each is read leniently, records the [`Tolerance`](crate::Tolerance)s that it needed, and is written in one
//! canonical form. Reading takes linear time, and the counts that a peer decides are bounded.
//!
//! [`Display`](std::fmt::Display) is what is written on the wire, with all that a peer has put into it. A person is shown
//! [`Debug`], or the value in [`Printable`](crate::Printable).

mod date;
mod key_mgmt;
mod methods;
mod params;
mod range;
mod rate;
mod replay;
mod rtp_info;
mod session;
mod transport;

pub use date::UtcTime;
pub use key_mgmt::KeyMgmt;
pub use methods::Methods;
pub(crate) use params::number;
pub use range::{NptTime, Range, SmpteRate, SmpteTime, TimedRange};
pub(crate) use rate::{is_scale, is_speed, parse_rate};
pub use replay::{Frames, ONVIF_REPLAY, Replay};
pub use rtp_info::{RtpInfo, RtpInfoEntry};
pub use session::SessionHeader;
pub use transport::{Delivery, Lower, Mode, Transport, parse_transports};

/// Why the value of a header cannot be used; its sender is at fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The header lacks the part that it is for.
    #[error("{header} header has no {what}")]
    Missing {
        /// The header.
        header: &'static str,
        /// The missing part.
        what: &'static str,
    },
    /// A parameter that is needed cannot be read.
    #[error("{header} header has a {parameter} that cannot be read")]
    Unreadable {
        /// The header.
        header: &'static str,
        /// The name of the parameter.
        parameter: &'static str,
    },
    /// A quoted value does not end.
    #[error("{header} header has a quote that is not closed")]
    UnclosedQuote {
        /// The header.
        header: &'static str,
    },
    /// There are more than [`PARAMETERS_MAX`](crate::limits::PARAMETERS_MAX) parameters.
    #[error("{header} header has too many parameters")]
    TooManyParameters {
        /// The header.
        header: &'static str,
    },
    /// All transports offered are well formed and unknown; a server answers 461.
    #[error("Transport header has no known transport")]
    UnknownTransport,
}

/// The feature tag of back channels (ONVIF Streaming Specification, section 5.3.1).
pub(crate) const BACK_CHANNEL: &str = "www.onvif.org/ver20/backchannel";

/// Returns `true` if a Content-Type is `media_type`, whatever its case and parameters.
pub fn content_type_is(value: &str, media_type: &str) -> bool {
    value.split(';').next().is_some_and(|bare| bare.trim().eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};

    use super::*;
    use crate::Tolerances;

    /// Every prefix of `value`, and `value` with each character replaced by each of some that have a meaning.
    fn mutilated(value: &str) -> impl Iterator<Item = String> {
        let prefixes = (0..=value.len()).map(|end| value[..end].to_owned());
        let replaced = (0..value.len()).flat_map(move |at| {
            ["", ";", ",", "=", "\"", "\\", " ", "-", ".", ":", "/", "0", "9", "é"]
                .map(|with| [&value[..at], with, &value[at + 1..]].concat())
        });
        prefixes.chain(replaced)
    }

    fn reads_what_it_writes<T: Debug + Display + PartialEq>(
        values: &[&str],
        parse: impl Fn(&str, &mut Tolerances) -> Result<T, HeaderError>,
    ) {
        for value in values.iter().flat_map(|value| mutilated(value)) {
            if let Ok(read) = parse(&value, &mut Tolerances::default()) {
                let written = read.to_string();
                assert_eq!(
                    parse(&written, &mut Tolerances::default()),
                    Ok(read),
                    "{value} written as {written}"
                );
            }
        }
    }

    #[test]
    fn what_was_read_from_a_mutilated_value_is_read_again_as_it_is_written() {
        reads_what_it_writes(
            &[
                r#"RTP/AVP;unicast;client_port=3456-3457;mode="PLAY", RTP/AVP/TCP;interleaved=0-1"#,
                "RTP/SAVPF/UDP;multicast;source=h;destination=225.219.201.15;port=7000-7001;ttl=127;ssrc=0B6020AD",
            ],
            Transport::parse,
        );
        reads_what_it_writes(&["A3eqwsafq3rFASqew; timeout=47;x=\"y\""], SessionHeader::parse);
        reads_what_it_writes(
            &[
                "npt=12:05:35.3-now;time=19970123T143720Z",
                "clock=19961108T142300Z-",
                "smpte-25=10:07:00-10:07:33:05.01",
            ],
            TimedRange::parse,
        );
        reads_what_it_writes(
            &["url=rtsp://h/a?b/track1;seq=35243;rtptime=717574556, url=\"track2\";seq=1"],
            RtpInfo::parse,
        );
        let parse = |value: &str, tolerances: &mut Tolerances| {
            KeyMgmt::parse(value, tolerances).map(|mut messages| messages.remove(0))
        };
        reads_what_it_writes(&[r#"prot=mikey;uri="rtsps://h/a?b";data="AQAF""#], parse);
    }

    #[test]
    fn content_types_are_compared_without_case_and_parameters() {
        for value in
            ["application/sdp", "Application/SDP", "application/sdp; charset=utf-8", " application/sdp ;x"]
        {
            assert!(content_type_is(value, "application/sdp"), "{value}");
        }
        for value in ["", "text/parameters", "application/sdpx", "application/sdp x", ";application/sdp"] {
            assert!(!content_type_is(value, "application/sdp"), "{value}");
        }
    }
}
