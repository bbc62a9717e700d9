use std::fmt;

use super::HeaderError;
use super::params::{elements, params};
use crate::limits::KEY_MGMT_MAX;
use crate::trace::Shown;
use crate::{Tolerances, base64};

const KEY_MGMT: &str = "KeyMgmt";
const MIKEY: &str = "mikey";

/// A message of a key management protocol, as the header KeyMgmt and `a=key-mgmt` carry it (RFC 4567).
///
/// It holds keys, and [`Debug`] does not show them.
#[derive(Clone, Eq, PartialEq)]
pub struct KeyMgmt {
    /// The protocol, `mikey` in all that is known.
    pub protocol: Box<str>,
    /// The URL of what the keys are for, in the header only: a media, or the stream as a whole. It is empty or missing
    /// where a request says it.
    pub uri: Option<Box<str>>,
    /// The message.
    pub data: Box<[u8]>,
}

impl KeyMgmt {
    /// A message of MIKEY.
    pub fn mikey(data: impl Into<Box<[u8]>>) -> Self {
        Self { protocol: MIKEY.into(), uri: None, data: data.into() }
    }

    /// The same message for a URL.
    #[must_use]
    pub fn with_uri(self, uri: impl Into<Box<str>>) -> Self {
        Self { uri: Some(uri.into()), ..self }
    }

    /// Returns `true` for a message of MIKEY.
    pub fn is_mikey(&self) -> bool {
        self.protocol.eq_ignore_ascii_case(MIKEY)
    }

    /// Reads the messages of a KeyMgmt header (RFC 4567, section 3.2), those beyond [`KEY_MGMT_MAX`] left out.
    ///
    /// # Errors
    ///
    /// If there is none, or one lacks its protocol or its data, or has a part that cannot be read.
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Result<Vec<Self>, HeaderError> {
        let messages = elements(value, b',').filter(|element| !element.is_empty()).take(KEY_MGMT_MAX);
        let messages: Vec<Self> =
            messages.map(|element| Self::parse_one(element, tolerances)).collect::<Result<_, _>>()?;
        if messages.is_empty() {
            return Err(HeaderError::Missing { header: KEY_MGMT, what: "message" });
        }
        Ok(messages)
    }

    fn parse_one(element: &str, tolerances: &mut Tolerances) -> Result<Self, HeaderError> {
        let params = params(element, b';', KEY_MGMT, tolerances)?;
        let find = |key| params.iter().find(|param| param.is(key)).and_then(|param| param.value);
        let missing = |what| HeaderError::Missing { header: KEY_MGMT, what };
        let unreadable = |parameter| HeaderError::Unreadable { header: KEY_MGMT, parameter };
        let protocol = find("prot").filter(|name| !name.is_empty()).ok_or_else(|| missing("prot"))?;
        if !is_protocol(protocol) {
            return Err(unreadable("prot"));
        }
        let uri = find("uri");
        if uri.is_some_and(|uri| uri.contains(['"', '\\'])) {
            return Err(unreadable("uri"));
        }
        let data = find("data").ok_or_else(|| missing("data"))?;
        let data = read_data(data).ok_or_else(|| unreadable("data"))?;
        Ok(Self { protocol: protocol.into(), uri: uri.map(Into::into), data })
    }

    /// Reads the value of `a=key-mgmt` (RFC 4567, section 3.1).
    ///
    /// `None` if it has no protocol, or no data in base64.
    pub fn from_attribute(value: &str) -> Option<Self> {
        let (protocol, data) = value.trim_ascii().split_once([' ', '\t'])?;
        let data = read_data(data).filter(|_| is_protocol(protocol))?;
        Some(Self { protocol: protocol.into(), uri: None, data })
    }

    /// The value of `a=key-mgmt`.
    pub fn to_attribute(&self) -> String {
        format!("{} {}", self.protocol, base64::encode(&self.data))
    }
}

/// Returns `true` for what may be the name of a protocol.
fn is_protocol(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The bytes of a message, which is not empty.
fn read_data(text: &str) -> Option<Box<[u8]>> {
    base64::decode(text).filter(|data| !data.is_empty()).map(Into::into)
}

impl fmt::Display for KeyMgmt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prot={}", self.protocol)?;
        if let Some(uri) = &self.uri {
            write!(f, ";uri=\"{uri}\"")?;
        }
        write!(f, ";data=\"{}\"", base64::encode(&self.data))
    }
}

impl fmt::Debug for KeyMgmt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMgmt")
            .field("protocol", &self.protocol)
            .field("uri", &Shown(&self.uri))
            .field("data", &format_args!("{} bytes", self.data.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Vec<KeyMgmt>, HeaderError> {
        KeyMgmt::parse(value, &mut Tolerances::default())
    }

    #[test]
    fn messages_are_read_and_written() {
        for (value, uri, written) in [
            (
                r#"prot=mikey;uri="rtsps://127.0.0.1:18654/path/trackID=0";data="AQAF""#,
                Some("rtsps://127.0.0.1:18654/path/trackID=0"),
                r#"prot=mikey;uri="rtsps://127.0.0.1:18654/path/trackID=0";data="AQAF""#,
            ),
            // The example of ONVIF has an empty one.
            (r#"prot=mikey;uri="";data="AQAF""#, Some(""), r#"prot=mikey;uri="";data="AQAF""#),
            (r#"prot=mikey; data="AQAF""#, None, r#"prot=mikey;data="AQAF""#),
            ("data=AQAF ; PROT = mikey", None, r#"prot=mikey;data="AQAF""#),
        ] {
            let messages = read(value).unwrap();
            let [message] = &messages[..] else { panic!("{messages:?}") };
            assert_eq!((message.uri.as_deref(), &message.data[..]), (uri, &[1, 0, 5][..]), "{value}");
            assert!(message.is_mikey());
            assert_eq!(message.to_string(), written);
            assert_eq!(read(written), Ok(messages));
        }
    }

    #[test]
    fn messages_of_other_protocols_stand_beside() {
        let messages = read(r#"prot=other;uri="a,b";data="AQAF", prot=MIKEY;data="AAAA""#).unwrap();
        assert_eq!(messages.iter().map(KeyMgmt::is_mikey).collect::<Vec<_>>(), [false, true]);
        assert_eq!(messages[0].uri.as_deref(), Some("a,b"));
    }

    #[test]
    fn what_lacks_a_part_is_an_error() {
        for (value, what) in [
            ("", "message"),
            (" , ", "message"),
            ("data=AQAF", "prot"),
            ("prot=;data=AQAF", "prot"),
            ("prot=mikey", "data"),
            ("prot=mikey;data", "data"),
        ] {
            assert_eq!(read(value), Err(HeaderError::Missing { header: KEY_MGMT, what }), "{value}");
        }
        for (value, parameter) in [
            ("prot=mikey;data=!", "data"),
            ("prot=mikey;data==", "data"),
            ("prot=m\"ikey;data=AQAF", "prot"),
            ("prot=mikey;uri=a\"b;data=AQAF", "uri"),
        ] {
            assert_eq!(read(value), Err(HeaderError::Unreadable { header: KEY_MGMT, parameter }));
        }
    }

    #[test]
    fn one_message_more_than_there_is_room_for_is_left_out() {
        let all = ["prot=mikey;data=AAAA"; KEY_MGMT_MAX + 1].join(",");
        assert_eq!(read(&all).unwrap().len(), KEY_MGMT_MAX);
    }

    #[test]
    fn attributes_are_read_and_written() {
        let message = KeyMgmt::from_attribute(" mikey  AQAF ").unwrap();
        assert_eq!(message, KeyMgmt::mikey([1, 0, 5]));
        assert_eq!(message.to_attribute(), "mikey AQAF");
        for value in ["", "mikey", "mikey !", "mikey =", "mi;key AQAF", "mi\nkey AQAF"] {
            assert_eq!(KeyMgmt::from_attribute(value), None, "{value}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let shown = format!("{:?}", KeyMgmt::mikey([171; 3]).with_uri("rtsps://a/b"));
        assert_eq!(shown, r#"KeyMgmt { protocol: "mikey", uri: Some("rtsps://a/b"), data: 3 bytes }"#);
    }
}
