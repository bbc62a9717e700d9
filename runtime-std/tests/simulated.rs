//! Scenarios in simulated worlds, over many seeds: those whose peers are all on the runtime.
#![cfg(feature = "sim")]

#[allow(unused, reason = "some scenarios have peers of their own on the system's sockets")]
#[path = "shared/scenarios.rs"]
mod scenarios;

use std::env;
use std::future::Future;
use std::time::Duration;

use rtspan_std::sim::{Link, Sim};

/// Runs a scenario once for each seed, on a host where what is sent is there at once, or takes its time.
fn over_seeds<F: Future<Output = ()>>(link: Option<Link>, scenario: impl Fn() -> F) {
    let number = |name, otherwise| env::var(name).map_or(otherwise, |text| text.parse().expect(name));
    let first = number("RTSPAN_SEED", u64::from(std::process::id()) << 20);
    for seed in first..first + number("RTSPAN_SEEDS", 10) {
        let sim = Sim::new(seed);
        let host = sim.host("10.0.0.1");
        let host = link.map_or_else(|| host.clone(), |link| host.clone().link_to("10.0.0.1", link));
        if let Err(error) = sim.run(&host, Duration::from_secs(3600), scenario()) {
            panic!("{error} (RTSPAN_SEED={seed} RTSPAN_SEEDS=1)");
        }
    }
}

macro_rules! simulated {
    ($link:expr, [$($name:ident),* $(,)?]) => {$(
        #[test]
        fn $name() {
            super::over_seeds($link, || scenarios::within::<SimRuntime, _>(scenarios::$name::<SimRuntime>()));
        }
    )*};
}

/// What is sent is there, as within one host.
mod at_once {
    use rtspan_std::sim::SimRuntime;

    use crate::scenarios;

    simulated!(
        None,
        [
            what_is_published_is_read_over_tcp,
            what_is_published_is_read_over_udp,
            what_a_client_publishes_over_tcp_is_read,
            what_a_client_publishes_over_udp_is_read,
            large_keyframes_lose_nothing_at_a_healthy_reader,
            hundreds_of_publishers_are_recorded_and_read,
            a_client_that_is_dropped_tears_its_session_down,
            a_server_that_is_dropped_ends_its_readers,
            a_stream_that_is_dropped_ends_its_readers_and_frees_its_path,
            a_stream_keeps_the_clock_of_its_source,
            a_publisher_keeps_the_clock_of_its_source,
            picture_and_sound_of_a_client_have_one_time_line,
            a_stream_is_described_anew_while_it_is_read,
            a_client_goes_elsewhere_in_a_stream_while_it_plays,
            no_call_of_a_builder_takes_back_what_another_has_set,
            the_chosen_medias_are_played_and_published,
            a_request_of_the_applications_own_is_answered,
            a_client_speaks_while_it_plays_over_tcp,
            a_client_speaks_while_it_plays_over_udp,
            a_client_that_may_not_speak_plays,
            a_back_channel_is_there_for_those_that_ask_for_it,
            a_client_receives_on_the_ports_that_it_was_given,
            every_command_has_its_typed_answer,
            a_refusal_leaves_the_client_usable,
            a_client_tells_its_dialogue_and_its_end,
            a_client_plays_on_when_its_server_has_restarted,
            a_publisher_goes_on_when_its_server_has_restarted,
            a_question_is_answered_by_the_application,
            an_application_reads_what_a_client_publishes,
            rtcp_goes_between_two_applications,
            a_reader_in_the_process_knows_the_time_of_the_source_and_what_it_has_missed,
            a_reader_in_the_process_ends_with_its_stream_and_its_server,
            dropped_packets_are_counted,
            packets_are_a_stream_that_others_can_combine,
            packets_that_are_held_are_the_oldest_and_what_is_dropped_behind_them_is_told,
            packets_that_a_handle_has_not_used_are_there_for_the_next,
            packets_that_came_before_the_end_are_told_before_it,
            more_than_there_is_room_for_is_sent_over_udp_in_turn,
            a_closed_server_has_given_up_its_ports,
            a_server_is_closed_while_its_events_are_waited_for,
            a_user_with_the_password_reads,
            readers_over_several_udp_pairs_get_everything,
            what_a_reader_got_over_tcp_is_what_is_counted,
            what_a_reader_got_over_udp_is_what_is_counted,
            what_a_publisher_has_sent_is_counted_to_its_end,
        ]
    );
}

/// What is sent takes its time, and TCP overtakes UDP: not for those that count on the last datagram before a TEARDOWN.
mod over_a_cable {
    use rtspan_std::sim::{Link, SimRuntime};

    use crate::scenarios;

    simulated!(
        Some(Link::new()),
        [
            what_is_published_is_read_over_tcp,
            what_is_published_is_read_over_udp,
            what_a_client_publishes_over_tcp_is_read,
            what_a_client_publishes_over_udp_is_read,
            large_keyframes_lose_nothing_at_a_healthy_reader,
            hundreds_of_publishers_are_recorded_and_read,
            a_client_that_is_dropped_tears_its_session_down,
            a_server_that_is_dropped_ends_its_readers,
            a_stream_that_is_dropped_ends_its_readers_and_frees_its_path,
            a_stream_keeps_the_clock_of_its_source,
            a_publisher_keeps_the_clock_of_its_source,
            picture_and_sound_of_a_client_have_one_time_line,
            a_stream_is_described_anew_while_it_is_read,
            a_client_goes_elsewhere_in_a_stream_while_it_plays,
            no_call_of_a_builder_takes_back_what_another_has_set,
            the_chosen_medias_are_played_and_published,
            a_request_of_the_applications_own_is_answered,
            a_client_speaks_while_it_plays_over_tcp,
            a_client_speaks_while_it_plays_over_udp,
            a_client_that_may_not_speak_plays,
            a_back_channel_is_there_for_those_that_ask_for_it,
            a_client_receives_on_the_ports_that_it_was_given,
            every_command_has_its_typed_answer,
            a_refusal_leaves_the_client_usable,
            a_client_tells_its_dialogue_and_its_end,
            a_client_plays_on_when_its_server_has_restarted,
            a_publisher_goes_on_when_its_server_has_restarted,
            a_question_is_answered_by_the_application,
            rtcp_goes_between_two_applications,
            a_reader_in_the_process_knows_the_time_of_the_source_and_what_it_has_missed,
            a_reader_in_the_process_ends_with_its_stream_and_its_server,
            dropped_packets_are_counted,
            packets_are_a_stream_that_others_can_combine,
            packets_that_are_held_are_the_oldest_and_what_is_dropped_behind_them_is_told,
            packets_that_a_handle_has_not_used_are_there_for_the_next,
            packets_that_came_before_the_end_are_told_before_it,
            more_than_there_is_room_for_is_sent_over_udp_in_turn,
            a_closed_server_has_given_up_its_ports,
            a_server_is_closed_while_its_events_are_waited_for,
            a_user_with_the_password_reads,
            readers_over_several_udp_pairs_get_everything,
            what_a_reader_got_over_tcp_is_what_is_counted,
            what_a_reader_got_over_udp_is_what_is_counted,
            what_a_publisher_has_sent_is_counted_to_its_end,
        ]
    );
}
