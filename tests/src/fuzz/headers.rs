//! The typed headers: each is written in one form, which reads the same.

use std::fmt::{Debug, Display};

use rtspan_core::header::{
    Frames, HeaderError, Methods, Range, RtpInfo, SessionHeader, TimedRange, Transport, parse_transports,
};
use rtspan_core::{Tolerances, limits};

use super::input::text;

/// Reads the bytes as the value of each header.
pub fn run(data: &[u8]) {
    let text = text(data).replace(['\r', '\n', '\0'], "");
    let value = text.trim_matches([' ', '\t']);
    check(value, SessionHeader::parse);
    check(value, Range::parse);
    check(value, TimedRange::parse);
    check(value, Transport::parse);
    check(value, |value, _| Frames::parse(value));
    // A comma at its end is that of the list as soon as nothing follows, and a quote ends the quotes around it.
    let can_be_written = |url: &str| !url.ends_with(',') && !url.contains(['"', '\\']);
    let mut tolerances = Tolerances::NONE;
    if let Ok(info) = RtpInfo::parse(value, &mut tolerances) {
        assert!(info.0.len() <= limits::RTP_INFO_ENTRIES_MAX);
        if info.0.iter().all(|entry| can_be_written(&entry.url)) {
            check_written(&info, tolerances, RtpInfo::parse);
        }
    }
    let mut tolerances = Tolerances::NONE;
    if let Ok(transports) = parse_transports(value.split('\t'), &mut tolerances) {
        assert!((1..=limits::TRANSPORTS_MAX).contains(&transports.len()));
        transports.iter().for_each(|transport| check_written(transport, tolerances, Transport::parse));
    }
    let methods = Methods::parse(value, &mut Tolerances::default());
    assert_eq!(Methods::parse(&methods.to_string(), &mut Tolerances::default()), methods);
}

type Parse<T> = fn(&str, &mut Tolerances) -> Result<T, HeaderError>;

fn check<T: Debug + Display + PartialEq>(value: &str, parse: Parse<T>) {
    let mut tolerances = Tolerances::NONE;
    if let Ok(read) = parse(value, &mut tolerances) {
        check_written(&read, tolerances, parse);
    }
}

/// A relative URL stays one; nothing deviates that did not before.
fn check_written<T: Debug + Display + PartialEq>(read: &T, tolerated: Tolerances, parse: Parse<T>) {
    let mut all = tolerated;
    let written = read.to_string();
    assert_eq!(parse(&written, &mut all).as_ref(), Ok(read), "{written:?}");
    assert_eq!(all, tolerated, "{written:?}");
}
