//! A simulated cluster: nodes that crash, freeze and are cut off, clocks that run at different speeds, a registry that is away, and
//! publishers that move. Two nodes never own a path, and no reader stays dark when the trouble is over.

mod node;
mod registries;
mod world;

use super::Isolated;
use world::{Plan, World};

#[test]
fn small_clusters_never_have_two_owners_and_readers_see_again_within_the_bound() {
    for seed in 0..120 {
        let plan = Plan::new(3 + (seed % 12) as usize, 1 + (seed % 4) as usize, 4);
        World::new(seed, plan).run();
    }
}

#[test]
fn cameras_of_several_nodes_are_pulled_by_one_of_them() {
    for seed in 0..40 {
        let plan = Plan { cameras: 2, ..Plan::new(6 + (seed % 9) as usize, 3, 4) };
        World::new(seed, plan).run();
    }
}

#[test]
fn nodes_that_serve_without_the_registry_are_the_only_ones_beside_an_owner_and_give_way_when_it_is_back() {
    let mut held = 0;
    for seed in 0..60 {
        let plan =
            Plan { cameras: 1, isolated: Isolated::Serve, ..Plan::new(3 + (seed % 12) as usize, 3, 4) };
        held += World::new(seed, plan).run().held;
    }
    assert!(held > 100, "{held}");
}

#[test]
fn hundreds_of_nodes_have_never_two_owners_nor_a_reader_that_stays_dark() {
    hundreds(200, 4);
}

#[test]
#[ignore = "takes minutes: cargo test -p rtspan --lib cluster -- --ignored"]
fn an_hour_of_hundreds_of_nodes_has_never_two_owners_nor_a_reader_that_stays_dark() {
    hundreds(300, 36);
}

fn hundreds(nodes: usize, rounds: u32) {
    let world = World::new(17, Plan { cameras: 10, ..Plan::new(nodes, 40, rounds) }).run();
    assert!(world.deepest >= 1, "trees have grown: {}", world.deepest);
    assert!(world.crashes > 50 && world.moves > 50, "{} crashes, {} moves", world.crashes, world.moves);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let run = |seed| World::new(seed, Plan::new(9, 3, 2)).run().history();
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}
