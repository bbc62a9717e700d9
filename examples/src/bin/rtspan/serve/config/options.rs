//! The options of the command line, which count more than the file.

use std::time::Duration;

use super::file::{File, Web};
use super::plan::{Account, PathPlan, Pattern, Settings, Shelf, Source};
use super::values::{Choice, HttpAddr, Span, Text};
use crate::args::{SecureArgs, ServeArgs};
use crate::serve::DEMO;

/// Puts what is given as an option in the place of what the file says.
pub(super) fn overlay(args: &ServeArgs, file: &mut File) {
    let listen: Vec<_> = args.listen.iter().cloned().map(Text).collect();
    if !listen.is_empty() {
        file.listen = Some(listen);
    }
    let set = |own: &mut Option<bool>, given: bool| *own = if given { Some(true) } else { *own };
    set(&mut file.trace, args.trace);
    replace(&mut file.metrics, args.metrics.clone().map(HttpAddr));
    replace(&mut file.web, args.web.clone().map(|at| Web { listen: Some(HttpAddr(at)) }));
    replace(&mut file.start, args.start.map(Choice));
    replace(&mut file.resume, args.resume.map(|seconds| Span(Duration::from_secs(seconds))));
    replace(&mut file.realm, args.realm.clone());
    replace(&mut file.auth, (!args.auth.is_empty()).then(|| args.auth.iter().copied().map(Choice).collect()));
    replace(&mut file.dscp, args.network.dscp.map(Text));
    replace(&mut file.udp.ports, args.network.udp_ports.map(|ports| Text(super::Ports(ports))));
    replace(&mut file.udp.pairs, args.udp_pairs.map(Into::into));
    if args.no_fragments {
        file.udp.fragments = Some(false);
    }
    let multicast = &args.multicast;
    if !multicast.multicast.is_empty() {
        file.multicast.groups = multicast.multicast.iter().copied().map(Text).collect();
    }
    replace(&mut file.multicast.interface, multicast.multicast_interface.clone().map(Text));
    replace(&mut file.multicast.ports, multicast.multicast_ports.map(|ports| Text(super::Ports(ports))));
    replace(&mut file.multicast.ttl, multicast.multicast_ttl);
    set(&mut file.multicast.only, multicast.multicast_only);
    let limits = &mut file.limits;
    replace(&mut limits.gather_milliseconds, args.gather);
    replace(&mut limits.address_share, args.address_share.map(Into::into));
    let shared = args.shared_addresses.as_ref();
    replace(&mut limits.shared_addresses, shared.map(|all| all.iter().copied().map(Text).collect()));
    if !args.proxies.is_empty() {
        limits.proxies = args.proxies.iter().copied().map(Text).collect();
    }
    replace(&mut file.cluster.registry, args.cluster.clone().map(Text));
    replace(&mut file.cluster.url, args.node_url.clone());
    overlay_secure(&args.secure, file);
}

fn overlay_secure(args: &SecureArgs, file: &mut File) {
    let tls = &mut file.tls;
    if args.tls_cert.is_some() || args.tls_self_signed.is_some() {
        // One certificate takes the place of the other.
        (tls.certificate, tls.key, tls.self_signed) =
            (args.tls_cert.clone(), args.tls_key.clone(), args.tls_self_signed.clone());
    }
    if args.require_tls {
        tls.required = Some(true);
    }
    replace(&mut tls.srtp, args.srtp.map(Choice));
    if args.no_tunnels {
        file.tunnels.enabled = Some(false);
    }
    replace(&mut file.tunnels.origins, args.origins.clone());
}

fn replace<T>(own: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *own = given;
    }
}

/// Users of the command line stand beside those of the file, and in the place of those of the same name.
pub(super) fn add_accounts(settings: &mut Settings, given: Option<Vec<Account>>) {
    let Some(given) = given else { return };
    let users = settings.accounts.users.get_or_insert_default();
    users.retain(|user| given.iter().all(|other| other.name != user.name));
    users.extend(given);
}

/// The other nodes of a cluster are users beside those that there are.
pub(super) fn add_nodes(settings: &mut Settings) {
    let account = settings.cluster.as_ref().and_then(|cluster| cluster.account());
    if let Some((users, account)) = settings.accounts.users.as_mut().zip(account) {
        users.retain(|user| user.name != account.name);
        users.push(account);
    }
}

/// The clip, and the films and recordings of the command line: at all paths, beside what is published there.
pub(super) fn add_paths(args: &ServeArgs, settings: &mut Settings) {
    let mut add = |name: &str, source| {
        if let Ok(pattern) = Pattern::new(name) {
            settings.paths.push(PathPlan::of(pattern, source));
        }
    };
    args.files.iter().for_each(|dir| add("*", Source::Shelf(Shelf::Films(dir.clone()))));
    args.recordings.iter().for_each(|dir| add("*", Source::Shelf(Shelf::Recordings(dir.clone()))));
    let has_demo = !args.no_demo && settings.file.demo.unwrap_or_else(|| args.config.is_none());
    let is_free = settings.paths.iter().all(|plan| plan.pattern.exact() != Some(super::trimmed(DEMO)));
    if has_demo && is_free {
        let loudspeaker = args.backchannel.clone();
        settings.paths.push(PathPlan::of(
            Pattern::new(DEMO).expect("the name of the clip is one of a path"),
            Source::Demo { loudspeaker },
        ));
    }
    // Those of the same rank stay in their order, and films come first.
    let is_published = |plan: &PathPlan| !matches!(plan.source, Source::Shelf(_));
    settings.paths.sort_by_key(|plan| (plan.pattern.rank(), is_published(plan)));
}
