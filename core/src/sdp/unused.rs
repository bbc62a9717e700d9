//! Lines that RTSP has no use for: they are left out, and looked at only to tell what is wrong with them.

/// Whether a line is as RFC 8866, section 9 has it; true for those without a form that could be wrong.
pub(super) fn is_well_formed(key: &str, value: &str) -> bool {
    let fields: Vec<&str> = value.split(' ').collect();
    match (key, &*fields) {
        ("o", [user, id, version, net, kind, address]) => {
            !user.is_empty() && is_number(id) && is_number(version) && is_address(net, kind, address)
        }
        ("c", [net, kind, address]) => is_address(net, kind, address),
        ("t", [start, stop]) => is_number(start) && is_number(stop),
        ("r", times) => times.len() >= 3 && times.iter().all(|time| is_typed_time(time)),
        ("o" | "c" | "t", _) => false,
        _ => true,
    }
}

/// Whether SDP has lines of this letter.
pub(super) fn is_known(key: &str) -> bool {
    matches!(key, "v" | "o" | "s" | "i" | "u" | "e" | "p" | "c" | "b" | "t" | "r" | "z" | "k" | "a" | "m")
}

fn is_address(net: &str, kind: &str, address: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '/' | '%');
    net == "IN" && matches!(kind, "IP4" | "IP6") && !address.is_empty() && address.chars().all(plain)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number of seconds, or of days, hours or minutes.
fn is_typed_time(text: &str) -> bool {
    is_number(text.strip_prefix('-').unwrap_or(text).trim_end_matches(['d', 'h', 'm', 's']))
}
