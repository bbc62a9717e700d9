//! Names of headers, spelt as the standards spell them; some devices know no other spelling.

/// Declares the names; those that most messages carry come first, where they are found soonest.
macro_rules! names {
    ($($name:ident = $text:literal,)*) => {
        $(#[doc = concat!("`", $text, "`.")]
        pub const $name: &str = $text;)*

        const ALL: &[&str] = &[$($text),*];

        /// A name that is spelt as the standard spells it, which nearly all are.
        fn exact(name: &str) -> Option<&'static str> {
            match name {
                $($text => Some($text),)*
                _ => None,
            }
        }
    };
}

names! {
    CSEQ = "CSeq",
    SESSION = "Session",
    TRANSPORT = "Transport",
    USER_AGENT = "User-Agent",
    SERVER = "Server",
    DATE = "Date",
    AUTHORIZATION = "Authorization",
    CONTENT_LENGTH = "Content-Length",
    CONTENT_TYPE = "Content-Type",
    CONTENT_BASE = "Content-Base",
    ACCEPT = "Accept",
    RANGE = "Range",
    RTP_INFO = "RTP-Info",
    PUBLIC = "Public",
    WWW_AUTHENTICATE = "WWW-Authenticate",
    REQUIRE = "Require",
    CACHE_CONTROL = "Cache-Control",
    ACCEPT_ENCODING = "Accept-Encoding",
    ACCEPT_LANGUAGE = "Accept-Language",
    ALLOW = "Allow",
    AUTHENTICATION_INFO = "Authentication-Info",
    BANDWIDTH = "Bandwidth",
    BLOCKSIZE = "Blocksize",
    CONFERENCE = "Conference",
    CONNECTION = "Connection",
    CONTENT_ENCODING = "Content-Encoding",
    CONTENT_LANGUAGE = "Content-Language",
    CONTENT_LOCATION = "Content-Location",
    EXPIRES = "Expires",
    FRAMES = "Frames",
    FROM = "From",
    HOST = "Host",
    IF_MODIFIED_SINCE = "If-Modified-Since",
    IMMEDIATE = "Immediate",
    KEY_MGMT = "KeyMgmt",
    LAST_MODIFIED = "Last-Modified",
    LOCATION = "Location",
    PROXY_AUTHENTICATE = "Proxy-Authenticate",
    PROXY_AUTHORIZATION = "Proxy-Authorization",
    PROXY_REQUIRE = "Proxy-Require",
    RATE_CONTROL = "Rate-Control",
    REFERER = "Referer",
    RETRY_AFTER = "Retry-After",
    SCALE = "Scale",
    SPEED = "Speed",
    SUPPORTED = "Supported",
    TIMESTAMP = "Timestamp",
    UNSUPPORTED = "Unsupported",
    VARY = "Vary",
    VIA = "Via",
}

/// Returns `true` for a header whose value is nobody else's business: credentials and keys. `name` is as the standard spells it.
pub(crate) fn is_secret(name: &str) -> bool {
    matches!(name, AUTHORIZATION | PROXY_AUTHORIZATION | KEY_MGMT)
}

/// The standard's spelling of `name`, if a standard has one.
pub(super) fn canonical(name: &str) -> Option<&'static str> {
    exact(name).or_else(|| ALL.iter().copied().find(|known| known.eq_ignore_ascii_case(name)))
}
