//! Peers that try passwords, from any number of addresses.

use std::net::{Ipv4Addr, SocketAddr};

use rtspan_core::Tolerances;
use rtspan_core::auth::{Action, Authorization, Challenge, Secret, User, Users};
use rtspan_core::server::ServerConfig;

use super::memory::held;
use super::world::World;

/// After so many used nonces and failures every table is as large as it gets.
const WARM_UP: u32 = 5_000;
/// Connections that fail.
const CONNECTIONS: u32 = 100_000;
const URL: &str = "rtsp://h/secret";

/// Is given a nonce, guesses, and hangs up; a peer that knows the password uses the nonce before.
fn guess(world: &mut World, serial: u32, knows: bool) {
    let peer = SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + serial), 40_000));
    let conn = world.rig.connect(peer).expect("room for a connection");
    let asked = world.ask(conn, &format!("DESCRIBE {URL}"));
    let challenge = asked.headers.get("WWW-Authenticate").expect("a challenge");
    let challenge = Challenge::parse_all(challenge, &mut Tolerances::default()).remove(0);
    let mut status = |password: &str, count: u32| {
        let secret = Secret::password(password);
        let answer = Authorization::answer(&challenge, "reader", &secret, ("DESCRIBE", URL), (count, "c"));
        let answer = answer.expect("an answer").to_header_value();
        world.status(conn, &format!("DESCRIBE {URL}|Authorization: {answer}"))
    };
    if knows {
        assert_eq!(status("right", 1), 404, "connection {serial}");
    }
    assert_eq!(status("wrong", 2), 401, "connection {serial}");
    world.rig.hang_up(conn);
    world.rig.forget(conn);
    world.rig.events.clear();
}

#[test]
fn a_hundred_thousand_connections_that_fail_leave_memory_where_it_was() {
    let reader = User::new("reader", Secret::password("right")).may(Action::Read, "/secret");
    let users = Users::default().with(reader).anyone_may(Action::Read, "/cam");
    let mut world = World::with(ServerConfig::default().users(users));
    (0..WARM_UP).for_each(|serial| guess(&mut world, serial, true));
    let held = held(|| {
        (WARM_UP..WARM_UP + CONNECTIONS).for_each(|serial| guess(&mut world, serial, serial % 8 == 0));
    });
    assert!(held.left.abs() < 64 << 10, "{held:?}");
    assert!(held.peak < 256 << 10, "{held:?}");
    world.nobody_else_notices();
}
