//! The text of an error, for the tests of all crates.

use std::error::Error;

use rtspan_core::{Printable, WithCauses};

/// The whole of an error, once it is sure that no level repeats what another one says, and that neither it nor its `Debug` form has
/// a password or token of the tests (`horse`, `battery`).
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let mut levels = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        levels.push(error.to_string());
        next = error.source();
    }
    for (number, level) in levels.iter().enumerate() {
        assert!(!level.is_empty() && !level.ends_with('.') && !level.contains('\n'), "{level:?}");
        let repeats = |other: &&String| level.contains(other.as_str()) || other.contains(level.as_str());
        assert!(levels.iter().skip(number + 1).find(repeats).is_none(), "said twice: {levels:?}");
    }
    let whole = WithCauses(error).to_string();
    let both = format!("{whole} {error:?}");
    assert!(!both.contains("horse") && !both.contains("battery"), "{both}");
    assert_eq!(whole, Printable(levels.join(": ")).to_string());
    whole
}

/// Checks what each variant of an error says. One that has no line does not compile, in the crate of the error.
#[allow(unused_macros)]
macro_rules! say_each {
    ($type:ty: $($variant:pat = $error:expr => $text:expr,)*) => {{
        let named = |error: &$type| match error { $( $variant => stringify!($variant), )* };
        $(
            let error: $type = $error;
            assert_eq!((named(&error), crate::told::told(&error)), (stringify!($variant), $text.into()));
        )*
    }};
}
