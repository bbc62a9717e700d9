use std::collections::BTreeMap;

use super::Secret;
use crate::url::canonical;

/// A thing that a peer can do at a path.
///
/// ```
/// use rtspan_core::auth::{Action, Users};
///
/// let users = Users::default().anyone_may(Action::Read, "/lobby");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Action {
    /// To know of a stream and to read it: DESCRIBE, SETUP, PLAY.
    Read,
    /// To publish a stream: ANNOUNCE, SETUP, RECORD.
    Publish,
    /// To speak into the back channel of a stream that one may read: SETUP of it.
    Speak,
}

/// A user, and what it may do.
///
/// ```
/// use rtspan_core::auth::{Action, Secret, User};
///
/// let wall = User::new("wall", Secret::password("horse")).may(Action::Read, "*");
/// let door = User::new("door", Secret::password("staple")).may_all("/door/*");
/// ```
#[derive(Clone, Debug)]
pub struct User {
    name: Box<str>,
    secret: Secret,
    rights: Rights,
}

impl User {
    /// A user that may do nothing.
    pub fn new(name: impl Into<Box<str>>, secret: Secret) -> Self {
        Self { name: name.into(), secret, rights: Rights::default() }
    }

    /// It may do this at the paths of a pattern.
    ///
    /// In a pattern `*` stands for any text, with slashes or without: `/lobby/*`, `*/low`, `*`. Paths are compared decoded
    /// once, as the server compares them.
    #[must_use]
    pub fn may(mut self, action: Action, paths: &str) -> Self {
        self.rights.add(action, paths);
        self
    }

    /// It may do everything at the paths of a pattern: read, publish and speak.
    #[must_use]
    pub fn may_all(self, paths: &str) -> Self {
        self.may(Action::Read, paths).may(Action::Publish, paths).may(Action::Speak, paths)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(crate) fn is_allowed(&self, action: Action, path: &str) -> bool {
        self.rights.allow(action, path)
    }
}

/// The users of a server, with their rights.
///
/// ```
/// use rtspan_core::auth::{Action, Secret, User, Users};
/// use rtspan_core::server::ServerConfig;
///
/// let users = Users::default()
///     .with(User::new("studio", Secret::password("staple")).may(Action::Publish, "/live/*"))
///     .anyone_may(Action::Read, "/lobby");
/// let config = ServerConfig::default().users(users).realm("cameras");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Users {
    users: BTreeMap<Box<str>, User>,
    anyone: Rights,
}

impl Users {
    /// Adds a user, in the place of one of the same name.
    #[must_use]
    pub fn with(mut self, user: User) -> Self {
        self.users.insert(user.name.clone(), user);
        self
    }

    /// Nobody needs a name to do this at the paths of a [pattern](User::may).
    #[must_use]
    pub fn anyone_may(mut self, action: Action, paths: &str) -> Self {
        self.anyone.add(action, paths);
        self
    }

    /// Returns `true` if a user may do this at a path, or anyone may. Without a user it tells what anyone may.
    ///
    /// A server looks by itself. This is for programs that list streams.
    ///
    /// ```
    /// use rtspan_core::auth::{Action, Secret, User, Users};
    ///
    /// let wall = User::new("wall", Secret::password("horse")).may(Action::Read, "/door/*");
    /// let users = Users::default().with(wall).anyone_may(Action::Read, "/lobby");
    /// assert!(users.allow(Some("wall"), Action::Read, "/door/1") && users.allow(None, Action::Read, "/lobby"));
    /// assert!(!users.allow(None, Action::Read, "/door/1") && !users.allow(Some("nobody"), Action::Read, "/door/1"));
    /// ```
    pub fn allow(&self, user: Option<&str>, action: Action, path: &str) -> bool {
        let user = user.and_then(|name| self.get(name));
        self.is_open(action, path) || user.is_some_and(|user| user.is_allowed(action, path))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    pub(crate) fn have_tokens(&self) -> bool {
        self.users.values().any(|user| user.secret.as_token().is_some())
    }

    /// The user of a token. All users are looked at, so that the time that it takes tells nothing.
    pub(crate) fn of_token(&self, token: &str) -> Option<&User> {
        self.users
            .values()
            .fold(None, |found, user| if user.secret.is_token(token) { Some(user) } else { found })
    }

    pub(crate) fn is_open(&self, action: Action, path: &str) -> bool {
        self.anyone.allow(action, path)
    }
}

/// Actions with the patterns of the paths at which they are allowed.
#[derive(Clone, Debug, Default)]
struct Rights(Vec<(Action, Box<str>)>);

impl Rights {
    fn add(&mut self, action: Action, paths: &str) {
        self.0.push((action, canonical(paths).into()));
    }

    fn allow(&self, action: Action, path: &str) -> bool {
        self.0.iter().any(|(own, pattern)| *own == action && is_at(pattern, path))
    }
}

/// Returns `true` if a path is one of a canonical pattern.
pub(crate) fn is_at(pattern: &str, path: &str) -> bool {
    matches(pattern.as_bytes(), canonical(path).as_bytes())
}

/// Returns true for a text of the form of a pattern, in which `*` stands for anything.
///
/// Each `*` takes as little as will do: if the rest then does not fit, the last one takes a byte more.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut last_star = None;
    loop {
        match (pattern, text) {
            ([b'*', behind @ ..], _) => {
                last_star = Some((behind, text));
                pattern = behind;
            }
            ([one, behind @ ..], [other, rest @ ..]) if one == other => (pattern, text) = (behind, rest),
            ([], []) => return true,
            _ => {
                let Some((behind, [_, rest @ ..])) = last_star else { return false };
                last_star = Some((behind, rest));
                (pattern, text) = (behind, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*", "/a/b", true),
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a", "/", false),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/a", false),
            ("/a*", "/a", true),
            ("*/low", "/cam/7/low", true),
            ("*/low", "/cam/lower", false),
            ("/*/a*b", "/x/a/y/ab", true),
            ("/*/a*b", "/x/a/y/ac", false),
            ("**", "/a", true),
            ("", "", true),
            ("", "/", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_wants_much_is_answered_soon() {
        let (pattern, text) = ("*a".repeat(200), "a".repeat(4_000));
        assert!(!matches(format!("{pattern}b").as_bytes(), text.as_bytes()));
    }

    #[test]
    fn rights_are_those_of_the_action_and_the_path() {
        let users = Users::default()
            .with(
                User::new("wall", Secret::password("x")).may(Action::Read, "/lobby/*").may_all("/caf%C3%A9"),
            )
            .anyone_may(Action::Read, "/public");
        let wall = users.get("wall").unwrap();
        assert!(wall.is_allowed(Action::Read, "/lobby/1"));
        assert!(!wall.is_allowed(Action::Publish, "/lobby/1"));
        assert!(!wall.is_allowed(Action::Read, "/vault"));
        assert!(wall.is_allowed(Action::Publish, "/café"), "it is the same path");
        assert!(wall.is_allowed(Action::Read, "//lobby/1"), "it is the same path");
        assert!(users.get("Wall").is_none());
        assert!(users.is_open(Action::Read, "/public") && !users.is_open(Action::Publish, "/public"));
        let users = users.with(User::new("wall", Secret::password("y")));
        assert!(!users.get("wall").unwrap().is_allowed(Action::Read, "/lobby/1"), "the new one may nothing");
    }
}
