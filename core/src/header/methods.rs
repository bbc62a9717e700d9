use std::collections::BTreeSet;
use std::fmt;

use crate::wire::Method;
use crate::{Tolerance, Tolerances};

/// A set of methods: the `Public` header (RFC 2326, 12.28) and the `Allow` header (12.4).
///
/// Written in the order of RFC 2326, extensions last.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Methods(BTreeSet<Method>);

impl Methods {
    /// No method at all.
    pub const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Reads names with commas between them, or blanks; every text is a set of methods.
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Self {
        if value.split(',').any(|name| name.trim().contains([' ', '\t'])) {
            tolerances.record(Tolerance::BlankBetweenMethods);
        }
        value.split([',', ' ', '\t']).filter(|name| !name.is_empty()).map(Method::from).collect()
    }

    /// Adds `method`.
    pub fn insert(&mut self, method: Method) {
        self.0.insert(method);
    }

    /// Removes `method`.
    pub fn remove(&mut self, method: &Method) {
        self.0.remove(method);
    }

    /// Returns `true` if `method` is in the set.
    pub fn contains(&self, method: &Method) -> bool {
        self.0.contains(method)
    }

    /// Returns `true` if the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The methods, in the order of RFC 2326.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.0.iter()
    }
}

impl FromIterator<Method> for Methods {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        Self(methods.into_iter().collect())
    }
}

impl Extend<Method> for Methods {
    fn extend<I: IntoIterator<Item = Method>>(&mut self, methods: I) {
        self.0.extend(methods);
    }
}

impl IntoIterator for Methods {
    type Item = Method;
    type IntoIter = std::collections::btree_set::IntoIter<Method>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, method) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(method.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a value in which nothing has to be tolerated.
    fn read(value: &str) -> Methods {
        let mut tolerances = Tolerances::NONE;
        let methods = Methods::parse(value, &mut tolerances);
        assert!(tolerances.is_empty(), "{value}");
        methods
    }

    #[test]
    fn blanks_without_commas_are_read_and_recorded() {
        for value in ["OPTIONS DESCRIBE PLAY", "OPTIONS, DESCRIBE PLAY", "OPTIONS\tDESCRIBE\tPLAY"] {
            let mut tolerances = Tolerances::NONE;
            let methods = Methods::parse(value, &mut tolerances);
            assert_eq!(methods, read("OPTIONS, DESCRIBE, PLAY"), "{value}");
            assert!(tolerances.contains(Tolerance::BlankBetweenMethods), "{value}");
        }
    }

    #[test]
    fn the_order_written_does_not_depend_on_the_order_read() {
        let methods = read("TEARDOWN,X_ZOOM, PLAY ,\tOPTIONS,, DESCRIBE, PLAY");
        assert_eq!(methods.to_string(), "OPTIONS, DESCRIBE, PLAY, TEARDOWN, X_ZOOM");
        assert!(methods.contains(&Method::Play));
        assert!(methods.contains(&Method::from("X_ZOOM")));
        assert!(!methods.contains(&Method::GetParameter));
    }

    #[test]
    fn the_example_of_the_standard_reads_and_writes() {
        let methods = read("DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE");
        let same = [Method::Pause, Method::Play, Method::Setup, Method::Teardown, Method::Describe];
        assert_eq!(methods, same.into_iter().collect());
        assert_eq!(methods.to_string(), "DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN");
    }

    #[test]
    fn an_empty_value_is_an_empty_set() {
        assert!(read(" , ").is_empty());
        assert_eq!(Methods::new().to_string(), "");
    }
}
