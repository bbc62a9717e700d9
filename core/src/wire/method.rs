use std::fmt;

use crate::Printable;

/// Declares the methods that RFC 2326 names.
macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The method of a request (RFC 2326, 10); names are case-sensitive.
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $name,)*
            /// A method that RFC 2326 does not name.
            Extension(Box<str>),
        }

        impl Method {
            /// The names that RFC 2326 gives, in the order of the variants.
            pub(super) const NAMES: &'static [&'static str] = &[$($text),*];

            /// The name as it is on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Extension(name) => name,
                }
            }
        }

        impl From<&str> for Method {
            fn from(name: &str) -> Self {
                match name {
                    $($text => Self::$name,)*
                    _ => Self::Extension(name.into()),
                }
            }
        }
    };
}

methods! {
    /// `OPTIONS` (10.1).
    Options = "OPTIONS",
    /// `DESCRIBE` (10.2).
    Describe = "DESCRIBE",
    /// `ANNOUNCE` (10.3).
    Announce = "ANNOUNCE",
    /// `SETUP` (10.4).
    Setup = "SETUP",
    /// `PLAY` (10.5).
    Play = "PLAY",
    /// `PAUSE` (10.6).
    Pause = "PAUSE",
    /// `RECORD` (10.11).
    Record = "RECORD",
    /// `TEARDOWN` (10.7).
    Teardown = "TEARDOWN",
    /// `GET_PARAMETER` (10.8).
    GetParameter = "GET_PARAMETER",
    /// `SET_PARAMETER` (10.9).
    SetParameter = "SET_PARAMETER",
    /// `REDIRECT` (10.10).
    Redirect = "REDIRECT",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A peer's own.
            Self::Extension(name) => Printable(name).fmt(f),
            known => f.pad(known.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_standard_is_its_own_method() {
        for name in Method::NAMES {
            let method = Method::from(*name);
            assert!(!matches!(method, Method::Extension(_)), "{name}");
            assert_eq!(method.as_str(), *name);
        }
    }

    #[test]
    fn a_name_in_another_case_is_another_method() {
        assert_eq!(Method::from("Play"), Method::Extension("Play".into()));
    }
}
