//! The steps of one node.

use std::sync::Arc;
use std::time::Duration;

use super::super::*;

const BEGIN: Duration = Duration::ZERO;
const S: Duration = Duration::from_secs(1);

/// A node that has a lease of 6 seconds since the beginning of its clock, and has told of itself.
fn leased() -> Node {
    leased_with(NodeSettings::new("a", "rtsp://a:8554"))
}

fn leased_with(settings: NodeSettings) -> Node {
    let mut node = Node::new(settings, 100);
    assert_eq!(node.poll_request(BEGIN), Some(Request::Grant { ttl: 6 * S }));
    node.handle_answer(BEGIN, Some(Answer::Granted(Lease { id: "l".to_owned(), ttl: 6 * S })));
    let Some(Request::Tell { .. }) = node.poll_request(BEGIN) else { panic!() };
    node.handle_answer(BEGIN, Some(Answer::Done));
    node
}

/// A node that owns a path.
fn owner() -> (Node, Claim) {
    let mut node = leased();
    node.want("gate");
    let Some(Request::Claim { claim, .. }) = node.poll_request(BEGIN) else { panic!() };
    node.handle_answer(BEGIN, Some(Answer::Claimed(claim.clone())));
    assert_eq!(node.poll_output(), Some(Output::Owned { path: "gate".to_owned() }));
    (node, claim)
}

fn other(node: &str, term: u64) -> Claim {
    Claim { node: node.to_owned(), url: format!("rtsp://{node}:8554"), term }
}

fn view(claims: &[(&str, Claim)]) -> Option<Answer> {
    let claims = claims.iter().map(|(path, claim)| ((*path).to_owned(), claim.clone())).collect();
    Some(Answer::View(Arc::new(View { claims, ..View::default() })))
}

#[test]
fn the_lease_counts_from_the_question_and_not_from_the_answer() {
    let mut node = Node::new(NodeSettings::new("a", "rtsp://a:8554"), 1);
    node.poll_request(BEGIN).unwrap();
    // The answer takes five seconds, so that nothing is left of the lease.
    node.handle_answer(5 * S, Some(Answer::Granted(Lease { id: "l".to_owned(), ttl: 6 * S })));
    assert_eq!(node.lease(), None);
    assert!(matches!(node.poll_request(5 * S), Some(Request::Grant { .. })));
}

#[test]
fn an_owner_that_cannot_renew_stops_before_the_lease_is_over_and_claims_anew() {
    let (mut node, claim) = owner();
    assert_eq!(node.poll_request(2 * S), Some(Request::Renew { lease: "l".to_owned() }));
    // The question hangs: the deadline counts all the same.
    assert_eq!(node.poll_timeout(), Some(5 * S));
    node.handle_timeout(5 * S - S / 1000);
    assert!(node.owns("gate"));
    node.handle_timeout(5 * S);
    assert_eq!(node.poll_output(), Some(Output::Lost { path: "gate".to_owned() }));
    // An answer that comes too late changes nothing.
    node.handle_answer(5 * S, Some(Answer::Renewed(6 * S)));
    assert_eq!(node.lease(), None);
    node.poll_request(5 * S).unwrap();
    node.handle_answer(5 * S, Some(Answer::Granted(Lease { id: "m".to_owned(), ttl: 6 * S })));
    let Some(Request::Claim { claim: anew, .. }) = node.poll_request(5 * S) else { panic!() };
    assert_ne!(anew.term, claim.term);
}

#[test]
fn a_lease_that_the_registry_does_not_know_any_more_is_lost_at_once() {
    let (mut node, _) = owner();
    node.poll_request(2 * S).unwrap();
    node.handle_answer(2 * S, Some(Answer::NoLease));
    assert_eq!(node.poll_output(), Some(Output::Lost { path: "gate".to_owned() }));
}

#[test]
fn a_claim_that_somebody_has_removed_is_lost() {
    let (mut node, claim) = owner();
    for (at, claims, lost) in [(BEGIN, vec![("gate", claim)], false), (S, vec![], true)] {
        assert_eq!(node.poll_request(at), Some(Request::View));
        node.handle_answer(at, view(&claims));
        let output = node.poll_output();
        assert_eq!(output, lost.then(|| Output::Lost { path: "gate".to_owned() }));
    }
}

#[test]
fn a_path_that_is_taken_comes_to_the_node_when_it_is_free() {
    let mut node = leased();
    node.want("gate");
    node.poll_request(BEGIN).unwrap();
    node.handle_answer(BEGIN, Some(Answer::Claimed(other("b", 1))));
    assert_eq!(node.poll_output(), Some(Output::Taken { path: "gate".to_owned(), by: other("b", 1) }));
    assert_eq!(node.poll_request(BEGIN), Some(Request::View));
    node.handle_answer(BEGIN, view(&[("gate", other("b", 1))]));
    assert_eq!(node.poll_request(BEGIN), None);
    assert_eq!(node.poll_request(S), Some(Request::View));
    node.handle_answer(S, view(&[]));
    assert!(matches!(node.poll_request(S), Some(Request::Claim { .. })));
}

#[test]
fn a_path_that_is_not_wanted_any_more_is_released_also_if_the_claim_was_never_answered() {
    let mut node = leased();
    node.want("gate");
    let Some(Request::Claim { claim, .. }) = node.poll_request(BEGIN) else { panic!() };
    node.unwant("gate");
    node.handle_answer(BEGIN, None);
    assert_eq!(node.poll_request(BEGIN), None, "it waits a little before it asks again");
    assert_eq!(node.poll_request(S), Some(Request::Release { path: "gate".to_owned(), claim }));
    node.handle_answer(S, Some(Answer::Done));
    assert_eq!(node.poll_request(S), Some(Request::View));
}

#[test]
fn a_reader_of_a_path_that_is_nowhere_is_answered_by_a_view_that_is_newer_than_its_question() {
    let mut node = leased();
    node.poll_request(BEGIN).unwrap();
    node.handle_answer(BEGIN, view(&[]));
    let asked = S / 2;
    node.follow(asked, "gate");
    assert_eq!(node.poll_output(), None);
    assert_eq!(node.poll_request(asked), Some(Request::View), "it is looked at once");
    node.handle_answer(asked, view(&[]));
    assert_eq!(node.poll_output(), Some(Output::Pull { path: "gate".to_owned(), from: None }));
    // A publisher comes to another node.
    node.poll_request(2 * S - S / 2).unwrap();
    node.handle_answer(2 * S - S / 2, view(&[("gate", other("b", 1))]));
    let parent = Parent { node: "b".to_owned(), url: "rtsp://b:8554".to_owned(), term: 1, depth: 0 };
    assert_eq!(node.poll_output(), Some(Output::Pull { path: "gate".to_owned(), from: Some(parent) }));
}

#[test]
fn the_others_are_told_of_what_is_pulled_while_it_flows() {
    let mut node = leased();
    node.follow(BEGIN, "gate");
    node.poll_request(BEGIN).unwrap();
    node.handle_answer(BEGIN, view(&[("gate", other("b", 1))]));
    node.set_live("gate", true);
    let Some(Request::Tell { told, .. }) = node.poll_request(S) else { panic!() };
    let relay = Relay { term: 1, depth: 1, from: "b".to_owned() };
    assert_eq!(told.relays.into_iter().collect::<Vec<_>>(), [("gate".to_owned(), relay)]);
    node.handle_answer(S, Some(Answer::Done));
    node.unfollow("gate");
    let Some(Request::Tell { told, .. }) = node.poll_request(2 * S - S / 4) else { panic!() };
    assert!(told.relays.is_empty());
}

/// The next time that the node tells of itself, and with which lease.
fn next_tell(node: &mut Node, now: Duration) -> (String, Told) {
    loop {
        match node.poll_request(now).unwrap() {
            Request::View => node.handle_answer(now, view(&[])),
            Request::Tell { lease, told, .. } => return (lease, told),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_node_that_told_of_itself_with_a_lease_that_was_over_when_the_answer_came_tells_again() {
    let mut node = leased();
    node.set_offers(vec!["gate".to_owned()]);
    let (lease, told) = next_tell(&mut node, S);
    assert_eq!((lease.as_str(), told.offers.len()), ("l", 1));
    // The process stood still.
    node.handle_answer(5 * S, Some(Answer::Done));
    assert_eq!(node.lease(), None);
    assert_eq!(node.poll_request(5 * S), Some(Request::Grant { ttl: 6 * S }));
    node.handle_answer(5 * S, Some(Answer::Granted(Lease { id: "m".to_owned(), ttl: 6 * S })));
    assert_eq!(next_tell(&mut node, 6 * S), ("m".to_owned(), told));
}

#[test]
fn a_node_whose_parent_comes_nearer_to_the_publisher_keeps_it_and_tells_that_it_is_nearer_too() {
    let mut node = leased_with(NodeSettings { fan_out: 1, ..NodeSettings::new("a", "rtsp://a:8554") });
    let tree = |relays: &[(&str, u8, &str)]| {
        let told = |&(node, depth, from): &(&str, u8, &str)| {
            let relay = Relay { term: 1, depth, from: from.to_owned() };
            let relays = [("gate".to_owned(), relay)].into();
            (node.to_owned(), Told { url: format!("rtsp://{node}:8554"), relays, ..Told::default() })
        };
        let claims = [("gate".to_owned(), other("b", 1))].into();
        Some(Answer::View(Arc::new(View { claims, nodes: relays.iter().map(told).collect() })))
    };
    node.follow(BEGIN, "gate");
    node.poll_request(BEGIN).unwrap();
    node.handle_answer(BEGIN, tree(&[("c", 1, "b"), ("d", 2, "c")]));
    let Some(Output::Pull { from: Some(parent), .. }) = node.poll_output() else { panic!() };
    assert_eq!((&*parent.node, parent.depth), ("d", 2));
    node.set_live("gate", true);
    assert_eq!(node.told.relays["gate"].depth, 3);
    for (seconds, depth, told) in [(1, 1, 2), (2, 2, 2)] {
        let at = seconds * S;
        while !matches!(node.poll_request(at).unwrap(), Request::View) {
            node.handle_answer(at, Some(Answer::Renewed(6 * S)));
        }
        node.handle_answer(at, tree(&[("d", depth, "b")]));
        assert_eq!(node.poll_output(), None);
        assert_eq!(node.told.relays["gate"], Relay { term: 1, depth: told, from: "d".to_owned() });
    }
}

#[test]
fn a_path_whose_claim_is_lost_is_pulled_on_while_it_flows_and_when_the_same_node_claims_it_anew() {
    let mut node = leased();
    node.follow(BEGIN, "gate");
    let seen = |at: Duration, claims: &[(&str, Claim)], node: &mut Node| {
        while !matches!(node.poll_request(at).unwrap(), Request::View) {
            node.handle_answer(at, Some(Answer::Renewed(6 * S)));
        }
        node.handle_answer(at, view(claims));
        node.poll_output()
    };
    assert_eq!(seen(BEGIN, &[("gate", other("b", 1))], &mut node), pull("gate", "b", 1));
    node.set_live("gate", true);
    assert_eq!(seen(S, &[], &mut node), None);
    assert_eq!(seen(2 * S, &[("gate", other("b", 7))], &mut node), None);
    assert_eq!(node.told.relays["gate"], Relay { term: 7, depth: 1, from: "b".to_owned() });
    // Its owner has given it up.
    assert_eq!(seen(3 * S, &[], &mut node), None);
    node.failed(3 * S, "gate");
    assert_eq!(node.poll_output(), Some(Output::Pull { path: "gate".to_owned(), from: None }));
    assert_eq!(seen(4 * S, &[("gate", other("c", 8))], &mut node), pull("gate", "c", 8));
}

fn offering(node: &str, offers: &[&str], claims: &[(&str, Claim)]) -> Option<Answer> {
    let offers = offers.iter().map(|offer| (*offer).to_owned()).collect();
    let told = Told { url: format!("rtsp://{node}:8554"), offers, ..Told::default() };
    let claims = claims.iter().map(|(path, claim)| ((*path).to_owned(), claim.clone())).collect();
    Some(Answer::View(Arc::new(View { claims, nodes: [(node.to_owned(), told)].into() })))
}

fn pull(path: &str, node: &str, term: u64) -> Option<Output> {
    let parent = Parent { node: node.to_owned(), url: format!("rtsp://{node}:8554"), term, depth: 0 };
    Some(Output::Pull { path: path.to_owned(), from: Some(parent) })
}

#[test]
fn a_path_that_nobody_has_is_pulled_from_a_node_that_has_a_source_and_goes_on_when_that_claims_it() {
    let mut node = leased();
    node.follow(BEGIN, "cam/7");
    node.poll_request(BEGIN).unwrap();
    node.handle_answer(BEGIN, offering("b", &["gate", "cam/*"], &[]));
    assert_eq!(node.poll_output(), pull("cam/7", "b", 0));
    node.set_live("cam/7", true);
    for (at, claims) in [(S, vec![]), (2 * S, vec![("cam/7", other("b", 5))])] {
        loop {
            match node.poll_request(at).unwrap() {
                Request::View => break,
                Request::Renew { .. } => node.handle_answer(at, Some(Answer::Renewed(6 * S))),
                _ => node.handle_answer(at, Some(Answer::Done)),
            }
        }
        node.handle_answer(at, offering("b", &["cam/*"], &claims));
        assert_eq!(node.poll_output(), None, "it is the same one");
    }
    assert_eq!(node.parent("cam/7").unwrap().term, 5);
    assert_eq!(node.told.relays["cam/7"], Relay { term: 5, depth: 1, from: "b".to_owned() });
    // Another one has been faster.
    let mut late = leased();
    late.follow(BEGIN, "gate");
    late.poll_request(BEGIN).unwrap();
    late.handle_answer(BEGIN, offering("b", &["gate"], &[]));
    assert_eq!(late.poll_output(), pull("gate", "b", 0));
    late.poll_request(S).unwrap();
    late.handle_answer(S, offering("b", &["gate"], &[("gate", other("c", 9))]));
    assert_eq!(late.poll_output(), pull("gate", "c", 9));
}

#[test]
fn a_node_that_wants_a_path_itself_asks_no_other_for_its_source() {
    let mut node = leased();
    node.want("gate");
    node.follow(BEGIN, "gate");
    node.poll_request(BEGIN).unwrap();
    node.handle_answer(BEGIN, None);
    node.poll_request(S).unwrap();
    node.handle_answer(S, Some(Answer::Claimed(other("c", 9))));
    assert!(matches!(node.poll_output(), Some(Output::Taken { .. })));
    node.poll_request(S).unwrap();
    node.handle_answer(S, offering("b", &["gate"], &[]));
    assert_eq!(node.poll_output(), Some(Output::Pull { path: "gate".to_owned(), from: None }));
}

#[test]
fn a_change_that_is_told_while_the_cluster_is_looked_at_has_it_looked_at_again() {
    let mut node = leased();
    assert_eq!(node.poll_request(BEGIN), Some(Request::View));
    node.look();
    node.handle_answer(BEGIN, view(&[]));
    assert_eq!(node.poll_timeout(), Some(S / 10));
    assert_eq!(node.poll_request(S / 10), Some(Request::View));
    node.handle_answer(S / 10, view(&[]));
    assert_eq!(node.poll_timeout(), Some(S / 10 + S), "once");
}

#[test]
fn an_owner_that_serves_on_its_own_goes_on_until_it_hears_that_another_node_has_the_path() {
    for is_taken in [false, true] {
        let mut settings = NodeSettings::new("a", "rtsp://a:8554");
        settings.isolated = Isolated::Serve;
        let mut node = Node::new(settings, 100);
        let lease = |id: &str| Some(Answer::Granted(Lease { id: id.to_owned(), ttl: 6 * S }));
        node.want("gate");
        node.poll_request(BEGIN).unwrap();
        node.handle_answer(BEGIN, lease("l"));
        let Some(Request::Claim { claim, .. }) = node.poll_request(BEGIN) else { panic!() };
        node.handle_answer(BEGIN, Some(Answer::Claimed(claim)));
        assert_eq!(node.poll_output(), Some(Output::Owned { path: "gate".to_owned() }));
        node.handle_timeout(600 * S);
        assert!(node.owns("gate") && node.lease().is_none());
        assert_eq!(node.poll_output(), None);
        // A path that it gets anew is not fed before it is claimed.
        node.want("yard");
        assert!(!node.owns("yard"));
        node.unwant("yard");
        node.poll_request(600 * S).unwrap();
        node.handle_answer(600 * S, lease("m"));
        let Some(Request::Claim { claim, .. }) = node.poll_request(600 * S) else { panic!() };
        let has = if is_taken { other("b", 1) } else { claim };
        node.handle_answer(600 * S, Some(Answer::Claimed(has)));
        assert_eq!(node.owns("gate"), !is_taken);
        let lost = is_taken.then(|| Output::Lost { path: "gate".to_owned() });
        assert_eq!(node.poll_output(), lost);
    }
}
