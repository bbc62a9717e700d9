//! Users as people write them: `NAME:PASSWORD[:read|speak|publish|all[:PATHS]]`.

use std::fs;
use std::path::Path;

use rtspan_std::Action;

use crate::Failure;
use crate::serve::{Account, Proof};

/// The text is no user.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum UserError {
    #[error(
        "expected NAME:PASSWORD, and behind it :read, :speak, :publish or :all, and the paths, such as :/live/*"
    )]
    Form,
    #[error("expected read, speak, publish or all behind the password, which has no colon in it")]
    Right,
}

/// A user on the command line.
pub(crate) fn parse_argument(text: &str) -> Result<Account, UserError> {
    let mut fields = text.splitn(4, ':');
    let (Some(name), Some(password)) = (fields.next(), fields.next()) else { return Err(UserError::Form) };
    if name.is_empty() || password.is_empty() {
        return Err(UserError::Form);
    }
    let (right, paths) = (fields.next().unwrap_or("all"), fields.next().unwrap_or("*"));
    let actions: &[Action] = match right {
        "read" => &[Action::Read],
        "speak" => &[Action::Read, Action::Speak],
        "publish" => &[Action::Publish],
        "all" => &[Action::Read, Action::Publish, Action::Speak],
        _ => return Err(UserError::Right),
    };
    let rights = actions.iter().map(|action| (*action, paths.to_owned())).collect();
    Ok(Account { name: name.to_owned(), proof: Proof::Password(password.to_owned()), rights })
}

/// The users of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<Account>, Failure> {
    let text = fs::read_to_string(path).map_err(|source| Failure::Read { path: path.into(), source })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    // The line itself has a password in it.
    let user = |(number, line)| {
        parse_argument(line).map_err(|source| Failure::User { path: path.into(), line: number + 1, source })
    };
    lines.map(user).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_and_their_passwords_not_shown() {
        for (text, shown) in [
            ("a:hunter2", r#"[(Read, "*"), (Publish, "*"), (Speak, "*")]"#),
            ("a:hunter2:read", r#"[(Read, "*")]"#),
            ("a:hunter2:speak", r#"[(Read, "*"), (Speak, "*")]"#),
            ("a:hunter2:publish:/live/*", r#"[(Publish, "/live/*")]"#),
            ("a:hunter2:all:/a:b", r#"[(Read, "/a:b"), (Publish, "/a:b"), (Speak, "/a:b")]"#),
        ] {
            let user = format!("{:?}", parse_argument(text).unwrap());
            assert!(user.contains(shown) && !user.contains("hunter2"), "{user}");
        }
    }

    #[test]
    fn what_is_no_user_is_refused() {
        for (text, error) in [
            ("", UserError::Form),
            ("a", UserError::Form),
            (":hunter2", UserError::Form),
            ("a:b:c", UserError::Right),
            ("a:b:", UserError::Right),
        ] {
            assert_eq!(parse_argument(text).unwrap_err(), error, "{text}");
        }
    }
}
