//! The faults of a file, and their places.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rtspan_std::Printable;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use crate::text::counted;

/// A fault, and where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// Line and column, from one.
    pub(crate) at: Option<(usize, usize)>,
    /// The names on the way to what is wrong, such as `paths.gate.source`.
    pub(crate) key: String,
    pub(crate) message: String,
}

impl Fault {
    /// The fault, behind its names.
    fn text(&self) -> String {
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", Printable(&self.key)) };
        format!("{key}{}", Printable(&self.message))
    }
}

/// All faults of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Faults {
    pub(crate) file: PathBuf,
    pub(crate) faults: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.faults.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", self.line(fault))?;
        }
        Ok(())
    }
}

impl Faults {
    /// A fault with the file in front, as compilers say it.
    pub(crate) fn line(&self, fault: &Fault) -> String {
        let at = fault.at.map_or_else(String::new, |(line, column)| format!("{line}:{column}: "));
        format!("{}:{at}{}", self.file.display(), fault.text())
    }

    /// How many there are, and where.
    pub(crate) fn summary(&self) -> String {
        let file = self.file.display().to_string();
        let place = if file.is_empty() { "the options" } else { &*file };
        let has = if file.is_empty() { "have" } else { "has" };
        format!("{place} {has} {}", counted(self.faults.len(), "fault"))
    }

    /// A line for each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.faults.iter().map(|fault| self.line(fault))
    }
}

/// The text of a file as it is read, and its faults as they are found.
pub(crate) struct Reading<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
    faults: Vec<Fault>,
    /// Settings that may be taken, and are perhaps not meant so.
    doubts: Vec<Fault>,
}

impl<'a> Reading<'a> {
    /// Reads the text as far as it is TOML.
    pub(crate) fn new(text: &'a str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reading = Self { text, table, faults: Vec::new(), doubts: Vec::new() };
        for error in errors {
            reading.add(error.span(), String::new(), error.message());
        }
        reading
    }

    /// Its settings. A key that is unknown or has a wrong value is a fault, and is left out, so that all of them are found.
    pub(crate) fn file<T: for<'de> Deserialize<'de> + Default>(&mut self) -> T {
        let mut left = self.table.clone();
        loop {
            match T::deserialize(Deserializer::from(left.clone())) {
                Ok(file) => return file,
                Err(error) => {
                    let (key, taken) = match error.span() {
                        Some(span) => take(left.get_mut(), &span),
                        None => (String::new(), false),
                    };
                    self.add(error.span(), key, &with_nearest(error.message()));
                    if !taken {
                        return T::default();
                    }
                }
            }
        }
    }

    /// Adds a fault of what stands at these names.
    pub(crate) fn fault(&mut self, keys: &[&str], message: impl fmt::Display) {
        let span = find(self.table.get_ref(), keys);
        self.add(span, keys.join("."), &message.to_string());
    }

    /// Adds a warning of what stands at these names.
    pub(crate) fn doubt(&mut self, keys: &[&str], message: impl fmt::Display) {
        let at = find(self.table.get_ref(), keys).map(|span| self.place(&span));
        self.doubts.push(Fault { at, key: keys.join("."), message: message.to_string() });
    }

    /// A line for each warning.
    pub(crate) fn warnings(&mut self, file: &Path) -> Vec<String> {
        self.doubts.sort_by_key(|doubt| doubt.at);
        let line = |doubt: &Fault| {
            let at = doubt.at.map_or_else(String::new, |(line, _)| format!(":{line}"));
            format!("{}{at}: warning: {}", file.display(), doubt.text())
        };
        self.doubts.iter().map(line).collect()
    }

    fn add(&mut self, span: Option<Range<usize>>, key: String, message: &str) {
        let at = span.map(|span| self.place(&span));
        self.faults.push(Fault { at, key, message: message.to_owned() });
    }

    /// Line and column, from one.
    fn place(&self, span: &Range<usize>) -> (usize, usize) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }

    /// The lines of sections and of the settings in them: `limits`, `limits.sessions`.
    pub(crate) fn lines(&self) -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        for (section, value) in self.table.get_ref().iter() {
            let name = section.get_ref().to_string();
            if let DeValue::Table(settings) = value.get_ref() {
                let line =
                    |key: &Spanned<_>| (format!("{name}.{}", key.get_ref()), self.place(&key.span()).0);
                lines.extend(settings.keys().map(line));
            }
            lines.insert(name, self.place(&section.span()).0);
        }
        lines
    }

    /// `Err` if there was any fault.
    pub(crate) fn end(mut self, file: &Path) -> Result<(), Faults> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort_by_key(|fault| fault.at);
        Err(Faults { file: file.to_owned(), faults: self.faults })
    }
}

/// The message of an unknown name, with the nearest one in the place of all that there are.
fn with_nearest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().filter(|_| message.starts_with("unknown field "));
    match unknown.and_then(|unknown| Some((unknown, nearest(unknown, names)?))) {
        Some((unknown, nearest)) => format!("unknown field `{unknown}`; did you mean `{nearest}`?"),
        None => message.to_owned(),
    }
}

/// The name that somebody may have meant: in a third of its letters at most is it another one.
pub(super) fn nearest<'a>(meant: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = (meant.chars().count() / 3).max(1);
    let near = names.map(|name| (strsim::damerau_levenshtein(meant, name), name));
    near.filter(|(distance, _)| *distance <= far).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Takes away the innermost key that an error is about. Gives its name, and whether there was one.
fn take(table: &mut DeTable<'_>, span: &Range<usize>) -> (String, bool) {
    let is_about = |own: &Range<usize>| own.start <= span.start && span.end <= own.end;
    let found = table.iter().find(|(key, value)| is_about(&key.span()) || is_within(value, &is_about));
    let Some((key, _)) = found else { return (String::new(), false) };
    let (key, is_key) = (key.clone(), is_about(&key.span()));
    let name = key.get_ref().to_string();
    if !is_key {
        let inner = table.get_mut(&key).map(|value| take_in(value.get_mut(), span));
        if let Some((inner, true)) = inner {
            return (format!("{name}.{inner}"), true);
        }
    }
    table.remove(&key);
    (name, true)
}

fn take_in(value: &mut DeValue<'_>, span: &Range<usize>) -> (String, bool) {
    match value {
        DeValue::Table(table) => take(table, span),
        DeValue::Array(array) => {
            let is_about = |own: &Range<usize>| own.start <= span.start && span.end <= own.end;
            let place = array.iter().position(|value| is_within(value, &is_about));
            let Some((place, value)) = place.and_then(|place| Some((place, array.get_mut(place)?))) else {
                return (String::new(), false);
            };
            match take_in(value.get_mut(), span) {
                (inner, true) => (format!("{place}.{inner}"), true),
                _ => (String::new(), false),
            }
        }
        _ => (String::new(), false),
    }
}

/// The error is about this value, or about something in it: tables that were opened in several places have no place of their own.
fn is_within(value: &Spanned<DeValue<'_>>, is_about: &impl Fn(&Range<usize>) -> bool) -> bool {
    is_about(&value.span())
        || match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().any(|(key, value)| is_about(&key.span()) || is_within(value, is_about))
            }
            DeValue::Array(array) => array.iter().any(|value| is_within(value, is_about)),
            _ => false,
        }
}

/// Where what stands at these names is: its value, or the last name on the way that is there.
fn find(table: &DeTable<'_>, keys: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = keys.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    find_in(value, rest).or_else(|| Some(if rest.is_empty() { value.span() } else { key.span() }))
}

fn find_in(value: &Spanned<DeValue<'_>>, keys: &[&str]) -> Option<Range<usize>> {
    match (value.get_ref(), keys) {
        (DeValue::Table(table), _) => find(table, keys),
        (DeValue::Array(array), [place, rest @ ..]) => {
            let value = array.get(place.parse::<usize>().ok()?)?;
            find_in(value, rest).or_else(|| Some(value.span()))
        }
        _ => None,
    }
}
