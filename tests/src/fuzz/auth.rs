//! Challenges and credentials: each is written in one form, which reads the same, and secrets are not shown.

use rtspan_core::Tolerances;
use rtspan_core::auth::{Authorization, Challenge, Secret};

use super::input::text;

/// Reads the bytes as the values of both headers.
pub fn run(data: &[u8]) {
    let text = text(data).replace(['\r', '\n', '\0'], "");
    let value = text.trim_matches([' ', '\t']);
    for challenge in Challenge::parse_all(value, &mut Tolerances::default()) {
        let written = challenge.to_string();
        let read = Challenge::parse_all(&written, &mut Tolerances::default());
        assert_eq!(read, std::slice::from_ref(&challenge), "{written:?}");
        let request = ("DESCRIBE", value);
        let answer =
            |secret: &Secret| Authorization::answer(&challenge, "user", secret, request, (1, "cnonce"));
        let (password, token) = (Secret::password(value), Secret::token(value));
        let (secret, answer) = match (answer(&password), answer(&token)) {
            (Some(answer), None) => (password, answer),
            (None, Some(answer)) => (token, answer),
            answers => panic!("a password or a token answers every challenge, {written:?}: {answers:?}"),
        };
        check(&answer);
        assert!(answer.proves(&secret, &challenge.realm, "DESCRIBE"), "{written:?}");
    }
    if let Ok(authorization) = Authorization::parse(value, &mut Tolerances::default()) {
        check(&authorization);
        assert!(!authorization.proves(&Secret::password("a secret that nobody has"), "realm", "DESCRIBE"));
    }
}

fn check(authorization: &Authorization) {
    let written = authorization.to_header_value();
    let mut tolerances = Tolerances::NONE;
    match authorization {
        // A token is written as it is, and need not be one.
        Authorization::Bearer(token) if token.trim() != &**token || token.is_empty() => {}
        // The first colon ends the user.
        Authorization::Basic { user, .. } if user.contains(':') => {}
        _ => assert_eq!(Authorization::parse(&written, &mut tolerances).as_ref(), Ok(authorization)),
    }
    assert_eq!(tolerances, Tolerances::NONE, "{written:?}");
    if let Authorization::Basic { user, password, .. } = authorization {
        let shown = format!("{authorization:?}");
        assert!(password.len() < 8 || !shown.contains(&**password) || user.contains(&**password), "{shown}");
    }
}
