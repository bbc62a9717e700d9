//! Lines that RTSP has no use for: they are left out, and looked at only to tell what is wrong with them.

/// Returns `true` if a line is as RFC 8866, section 9 has it, or has no form that could be wrong.
pub(super) fn is_well_formed(key: u8, value: &str) -> bool {
    match key {
        b'o' => matches!(fields(value), Some([user, id, version, net, kind, address])
            if !user.is_empty() && is_number(id) && is_number(version) && is_address(net, kind, address)),
        b'c' => matches!(fields(value), Some([net, kind, address]) if is_address(net, kind, address)),
        b'e' => value.contains('@'),
        b't' => matches!(fields(value), Some([start, stop]) if is_number(start) && is_number(stop)),
        b'r' => value.split(' ').count() >= 3 && value.split(' ').all(is_typed_time),
        _ => true,
    }
}

/// The fields of a line, if there are just so many.
fn fields<const N: usize>(value: &str) -> Option<[&str; N]> {
    let mut fields = value.split(' ');
    let mut found = [""; N];
    for field in &mut found {
        *field = fields.next()?;
    }
    fields.next().is_none().then_some(found)
}

fn is_address(net: &str, kind: &str, address: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b':' | b'-' | b'/' | b'%');
    net == "IN" && matches!(kind, "IP4" | "IP6") && !address.is_empty() && address.bytes().all(plain)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number of seconds, or of days, hours or minutes.
fn is_typed_time(text: &str) -> bool {
    is_number(text.strip_prefix('-').unwrap_or(text).trim_end_matches(['d', 'h', 'm', 's']))
}
