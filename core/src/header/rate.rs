//! Scale and Speed (RFC 2326, sections 12.34 and 12.35).

use super::HeaderError;

/// Reads the value of a Scale or Speed header: a number that is finite and not zero.
pub(crate) fn parse_rate(header: &'static str, value: &str) -> Result<f32, HeaderError> {
    let rate = value.trim().parse().ok().filter(|rate| is_scale(*rate));
    rate.ok_or(HeaderError::Unreadable { header, parameter: "number" })
}

/// Returns true for what a Scale header may say; below zero is backwards.
pub(crate) fn is_scale(scale: f32) -> bool {
    scale.is_finite() && scale != 0.0
}

/// Returns true for what a Speed header may say.
pub(crate) fn is_speed(speed: f32) -> bool {
    speed.is_finite() && speed > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_that_is_finite_and_not_zero() {
        for (value, expected) in [
            ("2", Some(2.0)),
            (" -0.5 ", Some(-0.5)),
            ("1.000", Some(1.0)),
            ("0", None),
            ("inf", None),
            ("x", None),
        ] {
            assert_eq!(parse_rate("Scale", value).ok(), expected, "{value}");
        }
        assert!(is_speed(0.5) && !is_speed(-1.0) && !is_speed(f32::NAN));
    }
}
