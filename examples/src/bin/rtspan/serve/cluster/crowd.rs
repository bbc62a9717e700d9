//! Nodes that have just been let pull a path from here, so that the others do not know yet.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Until then the others know of a node that pulls from here, and this one of readers that it has sent to others.
pub(super) const UNTOLD: Duration = Duration::from_secs(3);
/// Paths of which it is remembered; nodes are let pull others as well.
const PATHS_MAX: usize = 10_000;
/// Bytes of the name of a node that is remembered.
const NAME_MAX: usize = 255;

/// The nodes of each path, and since when.
#[derive(Debug, Default)]
pub(super) struct Crowd(HashMap<String, Vec<(String, Instant)>>);

impl Crowd {
    /// The nodes that have been let pull a path lately.
    pub(super) fn of(&self, path: &str, now: Instant) -> impl Iterator<Item = &str> {
        let nodes = self.0.get(path).into_iter().flatten();
        nodes.filter(move |(_, since)| is_new(*since, now)).map(|(node, _)| node.as_str())
    }

    /// A node is let pull a path.
    pub(super) fn remember(&mut self, path: &str, node: &str, now: Instant) {
        if node.len() > NAME_MAX || (self.0.len() >= PATHS_MAX && !self.0.contains_key(path)) {
            return;
        }
        let nodes = self.0.entry(path.to_owned()).or_default();
        nodes.retain(|(other, since)| other != node && is_new(*since, now));
        nodes.push((node.to_owned(), now));
    }

    /// Forgets the nodes that the others know of by now.
    pub(super) fn forget(&mut self, now: Instant) {
        self.0.retain(|_, nodes| {
            nodes.retain(|(_, since)| is_new(*since, now));
            !nodes.is_empty()
        });
    }
}

fn is_new(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < UNTOLD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_remembered_once_and_until_the_others_know_of_it() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        crowd.remember("gate", "one", now);
        crowd.remember("gate", "two", now + Duration::from_secs(1));
        crowd.remember("gate", "one", now + Duration::from_secs(2));
        let of = |crowd: &Crowd, at| crowd.of("gate", now + at).map(ToOwned::to_owned).collect::<Vec<_>>();
        assert_eq!(of(&crowd, Duration::from_secs(2)), ["two", "one"]);
        assert_eq!(of(&crowd, Duration::from_secs(4)), ["one"]);
        assert_eq!(crowd.of("yard", now).count(), 0);
    }

    #[test]
    fn paths_and_names_that_peers_make_up_are_bounded_and_forgotten() {
        let (mut crowd, now) = (Crowd::default(), Instant::now());
        for number in 0..PATHS_MAX + 10 {
            crowd.remember(&format!("cam/{number}"), "node", now);
        }
        crowd.remember("cam/0", &"n".repeat(NAME_MAX + 1), now);
        assert_eq!(crowd.0.len(), PATHS_MAX);
        assert_eq!(crowd.of("cam/0", now).count(), 1);
        crowd.forget(now + UNTOLD);
        assert!(crowd.0.is_empty());
    }
}
