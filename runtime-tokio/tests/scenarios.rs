//! Every scenario on tokio, on one thread and on several.
#![allow(clippy::unwrap_used)]

#[path = "../../runtime-std/tests/shared/scenarios.rs"]
mod scenarios;

use rtspan_tokio::Tokio;
use tokio::runtime::Builder;

mod on_several_threads {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
    }

    scenarios::scenarios!(Tokio, run);
}

mod on_one_thread {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    // Those that block in the middle need another thread for the server.
    scenarios::scenarios!(
        Tokio,
        run,
        [
            what_is_published_is_read_over_tcp,
            what_is_published_is_read_over_udp,
            what_a_client_publishes_over_tcp_is_read,
            what_a_client_publishes_over_udp_is_read,
            a_client_that_is_dropped_tears_its_session_down,
            a_server_that_is_closed_says_goodbye_and_stops,
            every_command_has_its_typed_answer,
        ]
    );
}
