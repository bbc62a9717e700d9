//! The tool between two hosts: network namespaces with a cable between them, which only root can make.

use std::process::{Command, Output};

use crate::program::{Program, RUNTIMES};
use crate::tool::assert_flowed;

/// A server's host with two addresses of each family, and a client's, with a cable between.
struct Hosts {
    server: String,
    client: String,
}

impl Hosts {
    /// `None`, with the reason on standard error, where they cannot be made.
    fn new(name: &str) -> Option<Self> {
        let named = |side: &str| format!("rtspan-{name}-{side}-{}", std::process::id());
        let made = Self { server: named("s"), client: named("c") };
        for host in [&made.server, &made.client] {
            let added = ip(&format!("netns add {host}"));
            if !added.as_ref().is_ok_and(|added| added.status.success()) {
                eprintln!("skipped: no network namespaces here: {added:?}");
                return None;
            }
        }
        let Self { server, client } = &made;
        let cable = format!("link add s0 netns {server} type veth peer name c0 netns {client}");
        done(&cable);
        for (host, device, addresses) in [
            (server, "s0", &["10.77.1.1/24", "10.77.2.1/24", "2001:db8:77::1/64", "2001:db8:77::2/64"][..]),
            (client, "c0", &["10.77.1.2/24", "2001:db8:77::9/64"]),
        ] {
            for address in addresses {
                let nodad = if address.contains(':') { "nodad" } else { "" };
                done(&format!("-n {host} address add {address} dev {device} {nodad}"));
            }
            done(&format!("-n {host} link set lo up"));
            done(&format!("-n {host} link set {device} up"));
        }
        done(&format!("-n {client} route add 10.77.2.0/24 dev c0"));
        Some(made)
    }

    /// Has the server's side of the cable take packets of so many bytes at most.
    fn set_mtu(&self, bytes: u32) {
        done(&format!("-n {} link set s0 mtu {bytes}", self.server));
    }

    fn serve(&self, options: &str) -> Program {
        let mut server = Program::rtspan_within(&self.server, &format!("serve --listen :8554 {options}"));
        server.url();
        server
    }

    /// Plays over UDP, and checks that all has come.
    fn play(&self, url: &str, runtime: &str, tracks: usize) {
        let play = format!("play {url} --transport udp --seconds 2 --json --runtime {runtime}");
        let report = Program::rtspan_within(&self.client, &play).end().json();
        assert_flowed(&report, "udp", tracks);
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in [&self.server, &self.client] {
            let _ = ip(&format!("netns delete {host}"));
        }
    }
}

fn ip(args: &str) -> std::io::Result<Output> {
    Command::new("ip").args(args.split_whitespace()).output()
}

#[track_caller]
fn done(args: &str) {
    let output = ip(args).unwrap();
    assert!(output.status.success(), "ip {args}: {output:?}");
}

#[test]
fn a_host_with_several_addresses_serves_each_client_from_the_one_that_it_has_talked_to() {
    let Some(hosts) = Hosts::new("homes") else { return };
    for runtime in RUNTIMES {
        let mut server = hosts.serve(&format!("--runtime {runtime} --udp-ports 9000-9099 --dscp af41"));
        for address in ["10.77.1.1", "10.77.2.1", "[2001:db8:77::1]", "[2001:db8:77::2]"] {
            hosts.play(&format!("rtsp://{address}:8554/demo"), runtime, 2);
        }
        let at = "rtsp://10.77.2.1:8554/live";
        let publish = format!("publish {at} --transport udp --json --runtime {runtime} --dscp af41");
        let publisher = Program::rtspan_within(&hosts.client, &publish);
        server.line("/live is published");
        let play = format!("play {at} --transport udp --seconds 2 --json --runtime {runtime}");
        let player = Program::rtspan_within(&hosts.client, &format!("{play} --udp-ports 7000-7003"));
        server.line("plays /live over udp");
        let marked = Command::new("ip")
            .args(["netns", "exec", &hosts.server, "ss", "-Htn", "--tos"])
            .output()
            .unwrap();
        let marked = String::from_utf8(marked.stdout).unwrap();
        assert_eq!(marked.matches("tos:0x88").count(), marked.lines().count(), "{marked}");
        assert!(marked.lines().count() >= 2, "{marked}");
        assert_flowed(&player.end().json(), "udp", 2);
        drop(publisher);
        server.interrupt().well();
    }
}

#[test]
fn packets_that_are_too_big_for_a_path_come_in_fragments_or_are_told_and_the_tools_own_fit_every_path() {
    let Some(hosts) = Hosts::new("mtu") else { return };
    let at = "rtsp://[2001:db8:77::1]:8554";
    for runtime in RUNTIMES {
        for options in ["", "--no-fragments"] {
            let mut server = hosts.serve(&format!("--runtime {runtime} {options}"));
            let publish = format!("bench publish {at}/big --size 1400 --rate 100 --seconds 600");
            let _publisher = Program::rtspan_within(&hosts.client, &publish);
            server.line("/big is published");
            hosts.set_mtu(1280);
            hosts.play(&format!("{at}/demo"), runtime, 2);
            let url = format!("{at}/big --no-reconnect");
            match options {
                "" => hosts.play(&url, runtime, 1),
                _ => {
                    let play = format!("play {url} --transport udp --seconds 3 --runtime {runtime}");
                    let player = Program::rtspan_within(&hosts.client, &play);
                    server.line("packets of up to 1400 bytes were too big for the path to the reader");
                    drop(player);
                }
            }
            server.interrupt().well();
            hosts.set_mtu(1500);
        }
    }
}
