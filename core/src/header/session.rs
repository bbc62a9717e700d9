use std::fmt;
use std::time::Duration;

use super::HeaderError;
use super::params::{number, params};
use crate::{Tolerance, Tolerances};

const SESSION: &str = "Session";
/// Characters of an identifier besides letters and digits (RFC 2326, section 15.1).
const SAFE: &[u8] = b"$-_.+";

/// The value of a Session header (RFC 2326, section 12.37).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SessionHeader {
    /// The identifier, which is opaque and compared byte by byte.
    pub id: Box<str>,
    /// How long the session lives without a sign of life; `None` if that is not told, or unlimited.
    pub timeout: Option<Duration>,
}

impl SessionHeader {
    /// A session without a timeout.
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self { id: id.into(), timeout: None }
    }

    /// Reads a value, also one with parameters behind the identifier in a request, as Larix and Honeywell send it.
    ///
    /// # Errors
    ///
    /// If there is no identifier, or the parameters are no list.
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Result<Self, HeaderError> {
        let (id, rest) = value.split_once(';').unwrap_or((value, ""));
        let id = id.trim();
        if id.is_empty() {
            return Err(HeaderError::Missing { header: SESSION, what: "identifier" });
        }
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || SAFE.contains(&byte)) {
            tolerances.record(Tolerance::SessionIdForm);
        }
        let params = params(rest, b';', SESSION, tolerances)?;
        let timeout = params.iter().find(|param| param.is("timeout"));
        let timeout = timeout.and_then(|param| read_timeout(param.value.unwrap_or(""), tolerances));
        Ok(Self { id: id.into(), timeout })
    }
}

impl fmt::Display for SessionHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match self.timeout {
            // FFmpeg does not find a timeout behind a blank.
            Some(timeout) => write!(f, ";timeout={}", timeout.as_secs()),
            None => Ok(()),
        }
    }
}

fn read_timeout(value: &str, tolerances: &mut Tolerances) -> Option<Duration> {
    match number::<u32>(value) {
        Some(0) => {
            tolerances.record(Tolerance::ZeroSessionTimeout);
            None
        }
        Some(seconds) => Some(Duration::from_secs(seconds.into())),
        None => {
            tolerances.record(Tolerance::UnreadableParameter);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> (Result<SessionHeader, HeaderError>, Tolerances) {
        let mut tolerances = Tolerances::NONE;
        (SessionHeader::parse(value, &mut tolerances), tolerances)
    }

    #[test]
    fn identifier_and_timeout_are_read_and_written() {
        for (value, id, timeout, written) in [
            ("A3eqwsafq3rFASqew", "A3eqwsafq3rFASqew", None, "A3eqwsafq3rFASqew"),
            ("A3eqwsafq3rFASqew;timeout=47", "A3eqwsafq3rFASqew", Some(47), "A3eqwsafq3rFASqew;timeout=47"),
            ("A3eqwsafq3rFASqew; timeout=47", "A3eqwsafq3rFASqew", Some(47), "A3eqwsafq3rFASqew;timeout=47"),
            ("x ; Timeout = 60 ", "x", Some(60), "x;timeout=60"),
            ("F8F8E425", "F8F8E425", None, "F8F8E425"),
            ("3289688595;timeout=60", "3289688595", Some(60), "3289688595;timeout=60"),
            ("a$b-c.d+e_f;other=1;timeout=\"5\"", "a$b-c.d+e_f", Some(5), "a$b-c.d+e_f;timeout=5"),
            ("x;timeout=4294967295", "x", Some(u64::from(u32::MAX)), "x;timeout=4294967295"),
        ] {
            let (header, tolerances) = read(value);
            let header = header.unwrap();
            assert_eq!((&*header.id, header.timeout), (id, timeout.map(Duration::from_secs)), "{value}");
            assert_eq!(header.to_string(), written);
            assert!(tolerances.is_empty(), "{value}: {tolerances:?}");
            assert_eq!(read(written).0, Ok(header));
        }
    }

    #[test]
    fn an_identifier_with_characters_that_it_cannot_have_is_taken_as_it_came() {
        for id in ["mHq/3w==", "two words", "{4f1c}", "caf\u{e9}"] {
            let (header, tolerances) = read(&format!("{id};timeout=5"));
            assert_eq!(&*header.unwrap().id, id);
            assert_eq!(tolerances.iter().collect::<Vec<_>>(), [Tolerance::SessionIdForm], "{id}");
        }
    }

    #[test]
    fn a_timeout_of_zero_is_none() {
        let (header, tolerances) = read("x;timeout=0");
        assert_eq!(header, Ok(SessionHeader::new("x")));
        assert!(tolerances.contains(Tolerance::ZeroSessionTimeout));
    }

    #[test]
    fn a_timeout_that_cannot_be_read_is_none() {
        for value in ["x;timeout", "x;timeout=", "x;timeout=-1", "x;timeout=4294967296", "x;timeout=60s"] {
            let (header, tolerances) = read(value);
            assert_eq!(header, Ok(SessionHeader::new("x")), "{value}");
            assert!(tolerances.contains(Tolerance::UnreadableParameter), "{value}");
        }
    }

    #[test]
    fn a_session_without_identifier_is_an_error() {
        for value in ["", " ", ";timeout=60", " ;"] {
            assert_eq!(
                read(value).0,
                Err(HeaderError::Missing { header: SESSION, what: "identifier" }),
                "{value}"
            );
        }
    }
}
