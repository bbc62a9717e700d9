//! The file as it is done: checked, complete, with its secrets.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use rtspan_core::url::canonical_path;
use rtspan_examples::vod;
use rtspan_std::{Action, Asks, Fingerprint, Secret, Url, User, Users};

use super::file::{File, PathSettings};
use crate::args::PlayTransport;
use crate::serve::cluster::ClusterPlan;

/// How long readers wait for the first picture, a source on demand for readers, and readers for a camera that was lost.
pub(super) const WAIT: Duration = Duration::from_secs(10);
pub(super) const CLOSE_AFTER: Duration = Duration::from_secs(10);
pub(super) const HOLD: Duration = Duration::from_secs(10);

/// Settings that were checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// As they were given. Those of the server itself are read here.
    pub(crate) file: File,
    pub(crate) accounts: Accounts,
    /// The plans of paths: the exact ones first, then those with the longest text in front of the star.
    pub(crate) paths: Vec<PathPlan>,
    /// The part of the server in a cluster.
    pub(crate) cluster: Option<ClusterPlan>,
    /// The lines of the file at which sections and settings stand.
    pub(crate) lines: BTreeMap<String, usize>,
    /// Lines about what is perhaps not meant so.
    pub(crate) warnings: Vec<String>,
}

/// The users of a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Accounts {
    /// `None` lets everybody do everything.
    pub(crate) users: Option<Vec<Account>>,
    pub(crate) anyone: Vec<(Action, String)>,
}

/// A user, and what it may do at which paths.
#[derive(Clone, PartialEq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) proof: Proof,
    pub(crate) rights: Vec<(Action, String)>,
}

/// How a user proves that it is the one.
#[derive(Clone, PartialEq)]
pub(crate) enum Proof {
    Password(String),
    Token(String),
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

impl Accounts {
    pub(crate) fn users(&self) -> Option<Users> {
        let accounts = self.users.as_ref()?;
        let users = accounts.iter().fold(Users::default(), |users, account| users.with(account.user()));
        Some(self.anyone.iter().fold(users, |users, (action, paths)| users.anyone_may(*action, paths)))
    }
}

impl Account {
    fn user(&self) -> User {
        let secret = match &self.proof {
            Proof::Password(password) => Secret::password(&**password),
            Proof::Token(token) => Secret::token(&**token),
        };
        let user = User::new(&*self.name, secret);
        self.rights.iter().fold(user, |user, (action, paths)| user.may(*action, paths))
    }
}

/// A path, or all paths with the same beginning: `gate`, `cam/*`, `*`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern {
    text: String,
    is_prefix: bool,
}

/// The name of a path is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a path is a name such as gate or cam/1, or a beginning with one * behind it, such as cam/*")]
pub(crate) struct BadPattern;

impl Pattern {
    pub(crate) fn new(name: &str) -> Result<Self, BadPattern> {
        let name = trimmed(name);
        let (text, is_prefix) = match name.strip_suffix('*') {
            Some(text) => (text, true),
            None => (name, false),
        };
        let is_fit = |char: char| !char.is_whitespace() && !char.is_control() && !"*?#%\"".contains(char);
        if name.is_empty() || !text.chars().all(is_fit) {
            return Err(BadPattern);
        }
        Ok(Self { text: encoded(text).into_owned(), is_prefix })
    }

    /// Of one path, by its name.
    pub(crate) fn of_path(name: &str) -> Self {
        Self { text: name.to_owned(), is_prefix: false }
    }

    /// The text that the star stands for in the name of a path; nothing in a path that is named exactly. `None` if it is another path.
    pub(crate) fn rest<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(&*self.text)?;
        (self.is_prefix || rest.is_empty()).then_some(rest)
    }

    /// There may be a path that is one of both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let holds = |one: &Self, other: &Self| match one.is_prefix {
            true => other.text.starts_with(&*one.text),
            false => other.text == one.text && !other.is_prefix,
        };
        holds(self, other) || holds(other, self)
    }

    /// The path, if it is one.
    pub(crate) fn exact(&self) -> Option<&str> {
        (!self.is_prefix).then_some(&*self.text)
    }

    /// Orders those first that say more.
    pub(crate) fn rank(&self) -> (bool, std::cmp::Reverse<usize>) {
        (self.is_prefix, std::cmp::Reverse(self.text.len()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }
}

/// A path as it is written in the file: without slashes around it.
pub(crate) fn trimmed(path: &str) -> &str {
    path.trim_matches('/')
}

/// The name of a path: without slashes around it, and with percent codes only where a URL needs them. Paths that the server takes for the
/// same have the same name.
pub(crate) fn path_name(path: &str) -> Cow<'_, str> {
    encoded(trimmed(path))
}

/// Text of a path, with percent codes only where a URL needs them.
fn encoded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_path_text) {
        return Cow::Borrowed(text);
    }
    let mut name = String::with_capacity(text.len());
    for byte in canonical_path(text).bytes() {
        // The codes that are left stand for what would be structure.
        if is_path_text(byte) || byte == b'%' {
            name.push(byte.into());
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    Cow::Owned(name)
}

/// A byte stands for itself in the path of a URL (RFC 3986, section 3.3).
fn is_path_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

/// The plan of a path.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PathPlan {
    pub(crate) pattern: Pattern,
    /// As it was given.
    pub(crate) settings: PathSettings,
    pub(crate) source: Source,
    pub(crate) on_demand: bool,
    pub(crate) wait: Duration,
    pub(crate) close_after: Duration,
    pub(crate) hold: Duration,
    pub(crate) fallback: Option<String>,
    pub(crate) record: Option<Recording>,
}

impl PathPlan {
    /// The plan of a path of the command line.
    pub(crate) fn of(pattern: Pattern, source: Source) -> Self {
        Self {
            pattern,
            settings: PathSettings::default(),
            source,
            on_demand: false,
            wait: WAIT,
            close_after: CLOSE_AFTER,
            hold: HOLD,
            fallback: None,
            record: None,
        }
    }

    /// Everything but the recording is the same, so that the source need not be touched.
    pub(crate) fn has_same_source(&self, other: &Self) -> bool {
        let without = |plan: &Self| {
            let settings = PathSettings { record: None, ..plan.settings.clone() };
            Self { record: None, settings, ..plan.clone() }
        };
        without(self) == without(other)
    }
}

/// Where the stream of a path comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// From whoever publishes it.
    Publisher,
    Camera(Camera),
    Looped(PathBuf),
    /// The embedded clip, perhaps with a loudspeaker whose words are written into a folder.
    Demo {
        loudspeaker: Option<PathBuf>,
    },
    /// Another node of the cluster.
    Node,
    /// Each reader has a stream of its own.
    Shelf(Shelf),
}

impl Source {
    /// It runs for all readers together, and those of other nodes of a cluster can have it too. Nobody there could speak into a
    /// loudspeaker.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Camera(_) | Self::Looped(_) | Self::Demo { loudspeaker: None })
    }

    /// The words for readers when there is nothing. They know the path only, and do not learn where its stream comes from.
    pub(crate) fn absence(&self) -> &'static str {
        match self {
            Self::Camera(_) => "the camera of this path cannot be reached",
            _ => "there is nothing at this path now",
        }
    }
}

impl fmt::Display for Source {
    /// Its name, without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publisher => f.write_str("publisher"),
            Self::Camera(camera) => match Url::parse(&camera.url) {
                Ok(url) => url.fmt(f),
                Err(_) => f.write_str("camera"),
            },
            Self::Looped(film) | Self::Shelf(Shelf::Film(film)) => film.display().fmt(f),
            Self::Demo { .. } => f.write_str("demo"),
            Self::Node => f.write_str("node"),
            Self::Shelf(Shelf::Films(folder) | Shelf::Recordings(folder)) => folder.display().fmt(f),
        }
    }
}

/// A camera that is pulled.
#[derive(Clone, PartialEq)]
pub(crate) struct Camera {
    /// A star in it stands for what that of the path does.
    pub(crate) url: String,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) token: Option<String>,
    pub(crate) transport: PlayTransport,
    pub(crate) pin: Option<Fingerprint>,
    pub(crate) insecure: bool,
}

impl fmt::Debug for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Camera(..)")
    }
}

/// Films or recordings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shelf {
    Film(PathBuf),
    Films(PathBuf),
    Recordings(PathBuf),
}

/// How a path is recorded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recording {
    pub(crate) folder: PathBuf,
    pub(crate) segment: Duration,
    pub(crate) keep: Option<u64>,
    pub(crate) keep_for: Option<Duration>,
}

impl Settings {
    /// The questions that the server asks at the paths of some patterns. What is published needs none, and a reader of it waits
    /// for nobody; but a source may have to be begun, a film or a fallback be found, or another node of a cluster.
    pub(crate) fn asks(&self, is_clustered: bool) -> Vec<(String, Asks)> {
        if is_clustered {
            return vec![("*".to_owned(), vod::asks())];
        }
        let plans = self.paths.iter();
        let asking = plans.filter(|plan| plan.source != Source::Publisher || plan.fallback.is_some());
        // Peers may write more slashes in front of a path and behind it.
        asking.map(|plan| (format!("*/{}*", plan.pattern), vod::asks())).collect()
    }

    /// The plan by which a path has a publisher, or a source for all readers.
    pub(crate) fn plan(&self, path: &str) -> Option<&PathPlan> {
        let name = path_name(path);
        let mut matching = self.paths.iter().filter(|plan| plan.pattern.rest(&name).is_some());
        let first = matching.next()?;
        if !matches!(first.source, Source::Shelf(_)) {
            return Some(first);
        }
        // Films may stand beside what is published, at paths of the same pattern.
        matching.find(|plan| plan.pattern == first.pattern && !matches!(plan.source, Source::Shelf(_)))
    }

    /// The films and recordings that a path of this name may mean, and what is left of the name for them.
    pub(crate) fn shelves<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Shelf, &'a str)> {
        self.paths.iter().filter_map(move |plan| match &plan.source {
            Source::Shelf(shelf) => Some((shelf, plan.pattern.rest(name)?)),
            _ => None,
        })
    }
}
