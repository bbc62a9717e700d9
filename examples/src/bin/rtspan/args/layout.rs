//! How the help of the commands is laid out: options under headings, and the short help without those that few need.

use clap::{Arg, Command, CommandFactory};

use super::Args;

/// Options under a heading; the short help does not have them.
const RARE: [(&str, &[&str]); 5] = [
    (
        "Security",
        &[
            "tls_cert",
            "tls_key",
            "require_tls",
            "srtp",
            "no_tunnels",
            "origins",
            "realm",
            "auth",
            "users_file",
        ],
    ),
    ("Who is let in", &["proxies", "address_share", "shared_addresses"]),
    (
        "Network",
        &[
            "udp_pairs",
            "no_fragments",
            "gather",
            "multicast",
            "multicast_interface",
            "multicast_ports",
            "multicast_ttl",
            "multicast_only",
            "any_port",
        ],
    ),
    ("Playback", &["speed"]),
    ("Behaviour", &["resume", "start", "no_reconnect", "strict", "backchannel", "fps"]),
];

/// The command line of the tool.
pub(crate) fn command() -> Command {
    Args::command().mut_subcommands(|command| command.mut_args(placed))
}

fn placed(arg: Arg) -> Arg {
    match RARE.iter().find(|(_, ids)| ids.contains(&arg.get_id().as_str())) {
        Some((heading, _)) => arg.help_heading(*heading).hide_short_help(true),
        None => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_that_is_placed_is_one_of_a_command() {
        let command = command();
        let is_there = |id: &&str| {
            let mut args = command.get_subcommands().flat_map(Command::get_arguments);
            args.any(|arg| arg.get_id() == *id && arg.is_hide_short_help_set())
        };
        for (heading, ids) in RARE {
            assert_eq!(ids.iter().find(|id| !is_there(id)), None, "{heading}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
