//! Our client in the multicast groups of GStreamer's server, which is at the other end of a cable, in a network of its own.

use std::collections::BTreeMap;
use std::process::Command;

use rtspan_std::{Client, MediaKind, Packets, TrackTransport, Transports};

use crate::clip::Clip;
use crate::namespace::within;
use crate::policy::{Needs, PYTHON, installed};
use crate::program::{PATIENCE, Program};
use crate::rtspan::{Runtime, listening, rtspan};

/// Waits for the cable, and then runs a program there.
const FAR: &str = "echo waiting; until ip link show far > /dev/null 2>&1; do sleep 0.02; done; \
    ip addr add 10.77.0.1/24 dev far && ip addr add fd77::1/64 dev far nodad && ip link set far up && exec \"$@\"";

/// The near end of the cable. Routes say that groups are reached by the loopback interface.
const NEAR: &str =
    "ip addr add 10.77.0.2/24 dev near && ip addr add fd77::2/64 dev near nodad && ip link set near up";

/// Packets of video that are compared.
const COMPARED: usize = 60;

/// GStreamer's server at an address of the far end, which sends to a group, and its URL.
fn server(address: &str, group: &str) -> (Program, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/gst_server.py");
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", FAR, "sh", PYTHON, script, "multicast"]);
    command.arg(&Clip::brief_high().mov).args([address, "far", group]);
    let program = Program::start(format!("GStreamer's server, to {group}"), &mut command);
    program.line("waiting", |line| line == "waiting");
    let cable = format!("ip link add near type veth peer name far netns {} && {NEAR}", program.id());
    let status = Command::new("sh").args(["-c", &cable]).status().expect("sh runs");
    assert!(status.success(), "there is no cable");
    let url = listening(&program);
    (program, url)
}

/// A client that has set up its video, and the transport that the server has agreed to.
fn set_up(url: &str, transports: Transports) -> (Client, TrackTransport) {
    let client = Client::builder(url).unwrap().transport(transports).connect().unwrap();
    client.describe().unwrap();
    let medias = client.chosen_medias(&MediaKind::Video.into());
    let transport = client.setup(medias[0]).unwrap().transport;
    (client, transport)
}

/// Plays so many packets, and then leaves. They are told by the number that the server has given them.
fn play(client: Client) -> Vec<(u16, Vec<u8>)> {
    client.play(None).unwrap();
    let payloads = payloads(client.packets());
    client.teardown().unwrap();
    payloads
}

fn payloads(packets: Packets) -> Vec<(u16, Vec<u8>)> {
    let packets = packets.map(|received| received.unwrap().packet);
    packets.map(|packet| (packet.sequence(), packet.payload().to_vec())).take(COMPARED).collect()
}

/// A client is sent the same as one over TCP, and so are two at once.
fn receive(address: &str, group: &str, is_of_one_source: bool) {
    let (server, url) = server(address, group);
    let (alone, transport) = set_up(&url, Transports::Multicast);
    let source = is_of_one_source.then(|| address.parse().unwrap());
    match transport {
        TrackTransport::Multicast { group: own, source: only, ttl: 1, .. } => {
            assert_eq!((own, only), (group.parse().unwrap(), source));
        }
        other => panic!("{other:?}"),
    }
    let alone = play(alone);
    let first = alone.first().map(|(number, _)| *number);
    let in_order = alone
        .iter()
        .zip(0..)
        .all(|((number, _), count)| first.map(|first| first.wrapping_add(count)) == Some(*number));
    assert!(in_order, "none is missing");
    server.line("closed", |line| line == "closed");
    let over_tcp = play(set_up(&url, Transports::Tcp).0);
    let payloads_of =
        |packets: &[(u16, Vec<u8>)]| packets.iter().map(|(_, payload)| payload.clone()).collect::<Vec<_>>();
    assert!(payloads_of(&alone) == payloads_of(&over_tcp), "the same as over TCP");
    server.lines("closed", 2, |line| line == "closed");

    let (one, other) = (set_up(&url, Transports::Multicast).0, set_up(&url, Transports::Multicast).0);
    // The server begins anew for the second of them.
    one.play(None).unwrap();
    other.play(None).unwrap();
    let of_one: BTreeMap<_, _> = payloads(one.packets()).into_iter().collect();
    let of_other = payloads(other.packets());
    let both: Vec<_> =
        of_other.iter().filter_map(|(number, payload)| Some((payload, of_one.get(number)?))).collect();
    assert!(both.len() > COMPARED / 2, "{} of {COMPARED}", both.len());
    assert!(both.iter().all(|(one, other)| one == other));
}

fn receive_in_a_network(name: &str, address: &str, group: &str, is_of_one_source: bool) {
    if installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        within(&format!("groups::{name}"), || receive(address, group, is_of_one_source));
    }
}

#[test]
fn our_clients_receive_from_a_group() {
    receive_in_a_network("our_clients_receive_from_a_group", "10.77.0.1", "239.77.0.1", false);
}

#[test]
fn our_clients_receive_from_a_group_of_one_source() {
    receive_in_a_network("our_clients_receive_from_a_group_of_one_source", "10.77.0.1", "232.77.0.1", true);
}

#[test]
fn our_clients_receive_from_a_group_of_ipv6() {
    receive_in_a_network("our_clients_receive_from_a_group_of_ipv6", "fd77::1", "ff15::77", false);
}

#[test]
fn our_clients_receive_from_a_group_of_ipv6_of_one_source() {
    let name = "our_clients_receive_from_a_group_of_ipv6_of_one_source";
    receive_in_a_network(name, "fd77::1", "ff35::77", true);
}

#[test]
fn our_tool_receives_from_a_group_on_each_runtime_and_only_by_the_interface_that_it_comes_by() {
    if !installed(&[Needs::Ffmpeg, Needs::GstRtspServer]) {
        return;
    }
    // It is built where there is a network.
    drop(rtspan(Runtime::Std));
    let name =
        "groups::our_tool_receives_from_a_group_on_each_runtime_and_only_by_the_interface_that_it_comes_by";
    within(name, || {
        let (_server, url) = server("10.77.0.1", "239.77.0.1");
        let play = |runtime, interface: &[&str]| {
            let mut command = rtspan(runtime);
            command
                .args(["play", "--no-reconnect", "--transport", "multicast", "--seconds", "2"])
                .args(interface);
            let mut program = Program::start("rtspan playing", command.arg(&url));
            let status = program.wait(PATIENCE).expect("it ends");
            (status.success(), program.said())
        };
        let interfaces =
            [&[][..], &["--multicast-interface", "near"], &["--multicast-interface", "10.77.0.2"]];
        for (runtime, interface) in Runtime::ALL.into_iter().zip(interfaces) {
            let (has_received, said) = play(runtime, interface);
            assert!(has_received && said.contains("multicast  video"), "{interface:?}: {said}");
        }
        let (has_received, said) = play(Runtime::Std, &["--multicast-interface", "lo"]);
        assert!(!has_received && said.contains("--multicast-interface"), "{said}");
        let (has_received, said) = play(Runtime::Std, &["--multicast-interface", "eth9"]);
        assert!(!has_received && said.contains("eth9"), "{said}");
    });
}
