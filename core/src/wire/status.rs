use std::fmt;

/// Declares the status codes with their reason phrases.
macro_rules! status_codes {
    ($($name:ident = $code:literal, $reason:literal;)*) => {
        impl StatusCode {
            $(#[doc = concat!("`", stringify!($code), " ", $reason, "`.")]
            pub const $name: Self = Self($code);)*

            /// The standard's phrase for the code; `"Unknown"` for a code that it does not name.
            pub fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)*
                    _ => "Unknown",
                }
            }
        }
    };
}

/// How a request went (RFC 2326, 7.1.1).
///
/// ```
/// use rtspan_core::wire::StatusCode;
///
/// assert_eq!(StatusCode::SESSION_NOT_FOUND.as_u16(), 454);
/// assert_eq!(StatusCode::SESSION_NOT_FOUND.reason(), "Session Not Found");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StatusCode(u16);

status_codes! {
    CONTINUE = 100, "Continue";
    OK = 200, "OK";
    CREATED = 201, "Created";
    LOW_ON_STORAGE_SPACE = 250, "Low on Storage Space";
    MULTIPLE_CHOICES = 300, "Multiple Choices";
    MOVED_PERMANENTLY = 301, "Moved Permanently";
    FOUND = 302, "Moved Temporarily";
    SEE_OTHER = 303, "See Other";
    NOT_MODIFIED = 304, "Not Modified";
    USE_PROXY = 305, "Use Proxy";
    BAD_REQUEST = 400, "Bad Request";
    UNAUTHORIZED = 401, "Unauthorized";
    PAYMENT_REQUIRED = 402, "Payment Required";
    FORBIDDEN = 403, "Forbidden";
    NOT_FOUND = 404, "Not Found";
    METHOD_NOT_ALLOWED = 405, "Method Not Allowed";
    NOT_ACCEPTABLE = 406, "Not Acceptable";
    PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required";
    REQUEST_TIMEOUT = 408, "Request Time-out";
    GONE = 410, "Gone";
    LENGTH_REQUIRED = 411, "Length Required";
    PRECONDITION_FAILED = 412, "Precondition Failed";
    REQUEST_ENTITY_TOO_LARGE = 413, "Request Entity Too Large";
    REQUEST_URI_TOO_LARGE = 414, "Request-URI Too Large";
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type";
    REQUEST_HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large";
    PARAMETER_NOT_UNDERSTOOD = 451, "Parameter Not Understood";
    CONFERENCE_NOT_FOUND = 452, "Conference Not Found";
    NOT_ENOUGH_BANDWIDTH = 453, "Not Enough Bandwidth";
    SESSION_NOT_FOUND = 454, "Session Not Found";
    METHOD_NOT_VALID_IN_THIS_STATE = 455, "Method Not Valid in This State";
    HEADER_FIELD_NOT_VALID_FOR_RESOURCE = 456, "Header Field Not Valid for Resource";
    INVALID_RANGE = 457, "Invalid Range";
    PARAMETER_IS_READ_ONLY = 458, "Parameter Is Read-Only";
    AGGREGATE_OPERATION_NOT_ALLOWED = 459, "Aggregate operation not allowed";
    ONLY_AGGREGATE_OPERATION_ALLOWED = 460, "Only aggregate operation allowed";
    UNSUPPORTED_TRANSPORT = 461, "Unsupported transport";
    DESTINATION_UNREACHABLE = 462, "Destination unreachable";
    KEY_MANAGEMENT_FAILURE = 463, "Key management Failure";
    INTERNAL_SERVER_ERROR = 500, "Internal Server Error";
    NOT_IMPLEMENTED = 501, "Not Implemented";
    BAD_GATEWAY = 502, "Bad Gateway";
    SERVICE_UNAVAILABLE = 503, "Service Unavailable";
    GATEWAY_TIMEOUT = 504, "Gateway Time-out";
    RTSP_VERSION_NOT_SUPPORTED = 505, "RTSP Version not supported";
    OPTION_NOT_SUPPORTED = 551, "Option not supported";
}

impl StatusCode {
    /// The status of that number; none outside 100 to 599.
    pub const fn new(code: u16) -> Option<Self> {
        if matches!(code, 100..=599) { Some(Self(code)) } else { None }
    }

    /// The number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Returns `true` if the request was carried out (2xx).
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299)
    }

    /// Returns `true` if the resource is to be asked for elsewhere (3xx).
    pub const fn is_redirect(self) -> bool {
        matches!(self.0, 300..=399)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_digit_codes_of_the_five_classes_exist() {
        for (code, exists) in [(0, false), (99, false), (100, true), (599, true), (600, false), (1000, false)]
        {
            assert_eq!(StatusCode::new(code).is_some(), exists, "{code}");
        }
    }

    #[test]
    fn the_class_decides_success_and_redirection() {
        assert!(StatusCode::LOW_ON_STORAGE_SPACE.is_success());
        assert!(!StatusCode::CONTINUE.is_success());
        assert!(StatusCode::USE_PROXY.is_redirect());
        assert!(!StatusCode::BAD_REQUEST.is_redirect());
    }

    #[test]
    fn a_code_without_a_name_still_displays() {
        assert_eq!(StatusCode::new(499).unwrap().to_string(), "499 Unknown");
        assert_eq!(StatusCode::SESSION_NOT_FOUND.to_string(), "454 Session Not Found");
    }
}
