//! A picture of the cluster, and what a node chooses in it.

use std::collections::BTreeMap;

use super::{Claim, Relay, Told};

/// The whole cluster, at the moment at which the registry was asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct View {
    /// The claim to each path.
    pub claims: BTreeMap<String, Claim>,
    /// The state of each node, as it tells it.
    pub nodes: BTreeMap<String, Told>,
}

/// A node that a path is pulled from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parent {
    /// The name of the node.
    pub node: String,
    /// The URL of the node, without a path.
    pub url: String,
    /// The term of the claim that the path comes from.
    pub term: u64,
    /// How many nodes lie between that node and the publisher.
    pub depth: u8,
}

/// The term of a path that nobody has claimed yet.
pub(super) const UNCLAIMED: u64 = 0;

/// The bounds of a tree of relays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shape {
    /// Nodes that pull a path from the same node, about.
    pub(super) fan_out: usize,
    /// Nodes on the way from the publisher to a reader that pull, at most.
    pub(super) depth_max: u8,
}

impl View {
    /// The nodes that show a path: its owner, and those that relay it.
    fn showing<'a>(&'a self, path: &'a str) -> impl Iterator<Item = Parent> + 'a {
        let claim = self.claims.get(path);
        let owner = claim.map(|claim| Parent {
            node: claim.node.clone(),
            url: claim.url.clone(),
            term: claim.term,
            depth: 0,
        });
        let relays = self.relays(path).filter_map(move |(node, told, relay)| {
            let is_not_owner = claim.is_some_and(|claim| claim.node != *node);
            let parent =
                || Parent { node: node.clone(), url: told.url.clone(), term: relay.term, depth: relay.depth };
            is_not_owner.then(parent)
        });
        owner.into_iter().chain(relays)
    }

    /// The nodes that relay a path from its present owner. What comes from an earlier owner is about to end.
    fn relays<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a String, &'a Told, &'a Relay)> {
        let term = self.claims.get(path).map(|claim| claim.term);
        self.nodes.iter().filter_map(move |(node, told)| {
            let relay = told.relays.get(path).filter(|relay| Some(relay.term) == term)?;
            Some((node, told, relay))
        })
    }

    /// How many nodes lie between a node and the publisher of a path that it shows.
    pub(super) fn depth(&self, path: &str, node: &str) -> Option<u8> {
        self.showing(path).find(|shown| shown.node == node).map(|shown| shown.depth)
    }

    /// The node that `me` best pulls a path from, if the path is another node's: one near the publisher that few pull from.
    ///
    /// `within` is the depth that `me` has told since the path has this owner. Its parent has to be less deep: so the depth of a node
    /// never grows, each parent is less deep than its children, and there is no loop, even if the views of nodes are of different
    /// ages. `avoid` is a node that has just failed. It is taken if there is no other one.
    pub(super) fn parent(
        &self,
        path: &str,
        me: &str,
        within: Option<u8>,
        avoid: Option<&str>,
        shape: Shape,
    ) -> Option<Parent> {
        if self.claims.get(path)?.node == me {
            return None;
        }
        let bound = within.unwrap_or(shape.depth_max).min(shape.depth_max);
        let mut children: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, _, relay) in self.relays(path).filter(|(node, ..)| *node != me) {
            *children.entry(&relay.from).or_default() += 1;
        }
        let fits = self.showing(path).filter(|parent| parent.node != me && parent.depth < bound.max(1));
        fits.min_by_key(|parent| {
            let children = children.get(&*parent.node).copied().unwrap_or_default();
            let load = self.nodes.get(&parent.node).map_or(0, |told| told.load);
            let is_avoided = avoid == Some(&*parent.node);
            (is_avoided, children / shape.fan_out.max(1), parent.depth, children, load, parent.node.clone())
        })
    }

    /// A node has a source for a path.
    pub(super) fn offers(&self, node: &str, path: &str) -> bool {
        let fits = |offer: &String| match offer.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => offer == path,
        };
        self.nodes.get(node).is_some_and(|told| told.offers.iter().any(fits))
    }

    /// The node with the fewest readers of those that have a source for a path, without `me`. `avoid` is taken if there is no other.
    pub(super) fn offering(&self, path: &str, me: &str, avoid: Option<&str>) -> Option<Parent> {
        let others = self.nodes.iter().filter(|(node, _)| *node != me && self.offers(node, path));
        let best = others.min_by_key(|(node, told)| (avoid == Some(node.as_str()), told.load));
        best.map(|(node, told)| Parent {
            node: node.clone(),
            url: told.url.clone(),
            term: UNCLAIMED,
            depth: 0,
        })
    }

    /// The nodes that pull a path from `me`.
    pub fn children<'a>(&'a self, path: &'a str, me: &'a str) -> impl Iterator<Item = &'a str> {
        self.relays(path).filter(move |(.., relay)| relay.from == me).map(|(node, ..)| node.as_str())
    }

    /// The node with the fewest readers of those that show a path and take more readers, without `me`. `sent` are readers that have
    /// been sent to nodes which have not counted them yet.
    pub fn least_loaded(&self, path: &str, me: &str, sent: &BTreeMap<&str, u32>) -> Option<Parent> {
        let others = self.showing(path).filter(|other| other.node != me);
        let told = others.filter_map(|other| {
            let told = self.nodes.get(&other.node).filter(|told| !told.is_full)?;
            Some((told.load_with(&other.node, sent), other))
        });
        told.min_by_key(|(load, other)| (*load, other.depth)).map(|(_, other)| other)
    }

    /// The node with the fewest readers of all nodes that take more, without `me`, and its name. `sent` are readers that have been sent
    /// to nodes which have not counted them yet.
    pub fn with_room(&self, me: &str, sent: &BTreeMap<&str, u32>) -> Option<(&String, &Told)> {
        let others = self.nodes.iter().filter(|(node, told)| *node != me && !told.is_full);
        others.min_by_key(|(node, told)| told.load_with(node, sent))
    }
}

impl Told {
    /// The readers of the node of this name, with those that are on the way to it.
    fn load_with(&self, node: &str, sent: &BTreeMap<&str, u32>) -> u32 {
        self.load.saturating_add(sent.get(node).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { fan_out: 2, depth_max: 3 };

    /// A cluster in which `o` has the path, and others relay it, each with its depth and its parent.
    fn view(relays: &[(&str, u8, &str, u32)]) -> View {
        let url = |node: &str| format!("rtsp://{node}:8554");
        let claim = Claim { node: "o".to_owned(), url: url("o"), term: 1 };
        let mut view = View { claims: [("gate".to_owned(), claim)].into(), nodes: BTreeMap::new() };
        view.nodes.insert("o".to_owned(), Told { url: url("o"), load: 5, ..Told::default() });
        for &(node, depth, from, load) in relays {
            let relay = Relay { term: 1, depth, from: from.to_owned() };
            let told =
                Told { url: url(node), load, relays: [("gate".to_owned(), relay)].into(), ..Told::default() };
            view.nodes.insert(node.to_owned(), told);
        }
        view
    }

    fn none() -> BTreeMap<&'static str, u32> {
        BTreeMap::new()
    }

    fn parent(view: &View, me: &str, within: Option<u8>, avoid: Option<&str>) -> Option<String> {
        view.parent("gate", me, within, avoid, SHAPE).map(|parent| parent.node)
    }

    #[test]
    fn few_nodes_pull_from_the_owner_and_the_others_from_those_that_have_the_fewest() {
        assert_eq!(parent(&view(&[]), "x", None, None).unwrap(), "o");
        let two = view(&[("a", 1, "o", 0), ("b", 1, "o", 0)]);
        assert_eq!(parent(&two, "x", None, None).unwrap(), "a");
        let three = view(&[("a", 1, "o", 0), ("b", 1, "o", 0), ("c", 2, "a", 0)]);
        assert_eq!(parent(&three, "x", None, None).unwrap(), "b");
        assert_eq!(parent(&view(&[]), "o", None, None), None, "the owner pulls from nobody");
        assert_eq!(View::default().parent("gate", "x", None, None, SHAPE), None);
    }

    #[test]
    fn nobody_pulls_from_a_node_that_is_as_deep_as_itself_or_as_the_tree_may_be() {
        let chain = view(&[("a", 1, "o", 0), ("b", 1, "o", 0), ("c", 2, "a", 0), ("d", 3, "c", 0)]);
        assert_eq!(parent(&chain, "a", Some(1), None).unwrap(), "o");
        assert_eq!(parent(&chain, "c", Some(2), Some("a")).unwrap(), "b");
        let full = view(&[("a", 3, "o", 0), ("b", 3, "o", 0)]);
        assert_eq!(parent(&full, "x", None, None).unwrap(), "o", "deeper than allowed: the owner takes it");
    }

    #[test]
    fn a_relay_of_an_earlier_owner_shows_nothing() {
        let mut view = view(&[("a", 1, "o", 0), ("b", 1, "o", 0)]);
        view.claims.get_mut("gate").unwrap().term = 2;
        assert_eq!(parent(&view, "x", None, None).unwrap(), "o");
        assert_eq!(view.least_loaded("gate", "x", &none()).unwrap().node, "o");
    }

    #[test]
    fn a_node_that_has_just_failed_is_taken_only_if_there_is_no_other() {
        assert_eq!(parent(&view(&[]), "x", None, Some("o")).unwrap(), "o");
        assert_eq!(parent(&view(&[("a", 1, "o", 9)]), "x", None, Some("o")).unwrap(), "a");
    }

    #[test]
    fn readers_go_to_the_node_with_the_fewest_of_those_that_show_the_path_and_take_more() {
        let mut view = view(&[("a", 1, "o", 3), ("b", 1, "o", 1)]);
        assert_eq!(view.least_loaded("gate", "x", &none()).unwrap().node, "b");
        let sent = [("b", 3)].into();
        assert_eq!(view.least_loaded("gate", "x", &sent).unwrap().node, "a", "b has four soon");
        assert_eq!(view.with_room("x", &sent).unwrap().0, "a");
        view.nodes.get_mut("b").unwrap().is_full = true;
        assert_eq!(view.least_loaded("gate", "x", &none()).unwrap().node, "a");
        assert_eq!(view.least_loaded("gate", "a", &none()).unwrap().node, "o");
        assert_eq!(view.least_loaded("yard", "x", &none()), None);
        assert_eq!(view.with_room("a", &none()).unwrap().1.load, 5);
    }
}
