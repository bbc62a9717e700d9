use crate::program::Program;

#[test]
fn players_and_publishers_wait_for_a_server_that_is_killed_and_go_on_when_it_comes_back() {
    let (mut server, url) = Program::serve("smol");
    let mut publisher = Program::rtspan(&format!("publish {url}/live"));
    server.line("/live is published");
    let mut clients = vec![publisher];
    for transport in ["tcp", "udp"] {
        clients.push(Program::rtspan(&format!("play {url}/demo --transport {transport}")));
    }
    for client in &mut clients {
        client.line("1 s: ");
    }
    drop(server);
    for client in &mut clients {
        let line = client.line("lost: ");
        assert!(line.contains("; attempt 1 in "), "{line}");
    }
    let mut server = Program::rtspan(&format!("serve --listen {}", url.trim_start_matches("rtsp://")));
    server.line("/live is published");
    for client in &mut clients {
        client.line("back after ");
    }
    let player = clients.pop().unwrap();
    player.interrupt().well();
    publisher = clients.swap_remove(0);
    publisher.interrupt().well();
}

#[test]
fn whoever_is_told_not_to_reconnect_ends_with_the_server() {
    let (server, url) = Program::serve("smol");
    let mut player = Program::rtspan(&format!("play {url}/demo --transport tcp --no-reconnect"));
    let mut publisher = Program::rtspan(&format!("publish {url}/live --no-reconnect"));
    player.line("1 s: ");
    publisher.line("1 s: ");
    drop(server);
    for client in [player, publisher] {
        let reason = client.end().reason();
        assert!(reason.contains("connection"), "{reason}");
    }
}
