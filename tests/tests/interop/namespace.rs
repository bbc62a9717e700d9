//! Networks of a test's own: what it sends to multicast groups reaches nobody else, and no other test.

use std::env;
use std::process::Command;

use crate::policy::skip;

/// Set where a test runs in its own network already.
const MARK: &str = "RTSPAN_TEST_NETWORK";

/// The loopback interface, which then knows multicast, is all that there is.
pub(crate) const SETUP: &str = "ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo src 127.0.0.1 \
    && ip -6 route add table local multicast ff00::/8 dev lo && exec \"$@\"";

/// Runs a test, of this name with its modules, in a network of its own: this program begins anew there, for that test alone.
///
/// Where the system does not allow it, the test says so and is skipped.
pub(crate) fn within(name: &str, test: impl FnOnce()) {
    if env::var_os(MARK).is_some() {
        return test();
    }
    let allowed = Command::new("unshare").args(["-n", "sh", "-c", SETUP, "sh", "true"]).output();
    if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
        return skip(&format!("the system allows {name} no network of its own ({allowed:?})"));
    }
    let this = env::current_exe().expect("a program knows where it is");
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", SETUP, "sh"]).arg(this).args(["--exact", name, "--nocapture"]);
    let output = command.env(MARK, name).output().expect("unshare ran just before");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{name} in a network of its own:\n{said}");
}
