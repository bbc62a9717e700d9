//! Scenarios that have to hold on every runtime; each runtime's test file runs all of them.
#![allow(clippy::unwrap_used)]

mod answers;
mod back_channel;
mod backlog;
mod by_hand;
mod commands;
mod connecting;
mod data;
mod defaults;
mod elsewhere;
mod endings;
mod errors;
mod frames;
mod groups;
mod hostile;
mod leaving;
mod limits;
mod many;
mod matrix;
mod media;
mod multicast;
#[path = "../../../tests/ports.rs"]
mod ports;
mod reading;
mod reconnecting;
mod requests;
mod scale;
mod secured;
mod seeking;
mod stats;
mod streams;
mod through;
mod tls;
mod tunnels;
mod udp;

use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rtspan_std::client::{Client, Packets};
use rtspan_std::runtime::{Runtime, Timer};
use rtspan_std::server::Server;
use rtspan_std::{
    Description, Event, Format, Media, MediaKind, Received, RtpHeader, RtpPacket, ServerConfig, Transports,
    UdpPorts, UdpSpec,
};

pub(crate) use answers::*;
pub(crate) use back_channel::*;
pub(crate) use backlog::*;
pub(crate) use commands::*;
pub(crate) use connecting::*;
pub(crate) use data::*;
pub(crate) use defaults::*;
pub(crate) use elsewhere::*;
pub(crate) use endings::*;
pub(crate) use errors::*;
pub(crate) use frames::*;
pub(crate) use groups::*;
pub(crate) use hostile::*;
pub(crate) use leaving::*;
pub(crate) use limits::*;
pub(crate) use many::*;
pub(crate) use matrix::*;
pub(crate) use media::*;
pub(crate) use multicast::*;
pub(crate) use reading::*;
pub(crate) use reconnecting::*;
pub(crate) use requests::*;
pub(crate) use scale::*;
pub(crate) use secured::*;
pub(crate) use seeking::*;
pub(crate) use stats::*;
pub(crate) use streams::*;
pub(crate) use tls::*;
pub(crate) use tunnels::*;
pub(crate) use udp::*;

/// Makes a test of each scenario; `$run` runs a future to its end on `$runtime`.
macro_rules! scenarios {
    ($runtime:ty, $run:expr, [$($name:ident),* $(,)?]) => {$(
        #[test]
        fn $name() {
            $run(crate::scenarios::within::<$runtime, _>(crate::scenarios::$name::<$runtime>()));
        }
    )*};
    ($runtime:ty, $run:expr) => {
        crate::scenarios::all!(crate::scenarios::scenarios, $runtime, $run);
    };
}
pub(crate) use scenarios;

/// Calls a macro with what it is given, and behind that the list of all scenarios.
macro_rules! all {
    ($each:path, $($given:tt)*) => {
        $each!($($given)*, [
            frames_go_from_a_publisher_through_a_server_to_a_client,
            frames_of_the_application_are_a_byte_stream_that_can_be_decoded,
            what_is_published_is_read_over_tcp,
            what_is_published_is_read_over_udp,
            what_a_client_publishes_over_tcp_is_read,
            what_a_client_publishes_over_udp_is_read,
            a_reader_that_stops_reading_costs_the_others_nothing,
            large_keyframes_lose_nothing_at_a_healthy_reader,
            hundreds_of_publishers_are_recorded_and_read,
            a_client_that_is_dropped_tears_its_session_down,
            a_server_that_is_closed_says_goodbye_and_stops,
            a_server_that_is_dropped_ends_its_readers,
            a_stream_that_is_dropped_ends_its_readers_and_frees_its_path,
            a_stream_keeps_the_clock_of_its_source,
            a_publisher_keeps_the_clock_of_its_source,
            picture_and_sound_of_a_client_have_one_time_line,
            rtcp_of_the_application_reaches_readers_behind_the_packets_before_it,
            a_stream_is_described_anew_while_it_is_read,
            the_ssrc_of_each_media_is_told_before_its_first_packet,
            each_reader_has_a_stream_of_its_own,
            a_client_goes_elsewhere_in_a_stream_while_it_plays,
            what_is_written_as_fast_as_a_reader_reads_reaches_it_whole,
            a_reader_with_the_pace_holds_the_server_up_and_loses_nothing,
            what_is_written_to_a_reader_over_udp_has_left_before_the_writer_goes_on,
            no_call_of_a_builder_takes_back_what_another_has_set,
            the_chosen_medias_are_played_and_published,
            a_request_of_the_applications_own_is_answered,
            a_client_speaks_while_it_plays_over_tcp,
            a_client_speaks_while_it_plays_over_udp,
            a_client_that_may_not_speak_plays,
            a_server_hangs_up_and_the_client_plays_on,
            a_voice_goes_over_the_get_of_a_tunnel_to_cameras_that_want_it_there,
            a_back_channel_is_there_for_those_that_ask_for_it,
            a_client_receives_on_the_ports_that_it_was_given,
            addresses_that_cannot_be_had_are_errors_that_say_why,
            addresses_come_and_go_and_connections_stay,
            a_socket_that_listens_already_is_served,
            a_stream_goes_to_a_group_for_as_long_as_somebody_reads_it,
            the_server_tells_who_reads_groups_and_what_they_were_sent,
            the_end_of_a_stream_ends_the_readers_of_its_groups,
            ports_of_groups_that_somebody_has_are_passed_over,
            every_command_has_its_typed_answer,
            a_refusal_leaves_the_client_usable,
            a_client_tells_its_dialogue_and_its_end,
            a_server_that_is_not_there_is_an_error_with_its_kind,
            addresses_that_do_not_answer_are_not_waited_for,
            a_host_that_cannot_be_connected_is_an_error_that_names_each_address,
            each_reason_for_no_connection_is_an_error_of_its_own_with_its_source,
            each_refusal_has_its_status_and_the_words_of_the_server,
            a_description_that_cannot_be_read_is_told_with_its_line,
            each_answer_is_waited_for_as_long_as_its_deadline_says,
            a_teardown_tells_whether_the_server_has_heard_it,
            a_peer_over_ipv4_of_a_socket_for_both_is_told_as_such,
            a_server_listens_on_each_address_of_a_name,
            a_client_goes_on_where_its_server_sends_it,
            a_redirect_to_a_server_that_is_not_there_names_what_was_tried,
            a_client_plays_on_when_its_server_has_restarted,
            a_client_waits_for_a_server_that_is_not_there_yet,
            a_publisher_goes_on_when_its_server_has_restarted,
            a_question_is_answered_by_the_application,
            a_value_on_a_connection_or_a_session_is_there_until_its_end_is_told,
            values_are_let_go_although_nobody_takes_the_events,
            an_application_reads_what_a_client_publishes,
            rtcp_goes_between_an_application_and_one_session,
            rtcp_goes_between_two_applications,
            a_reader_in_the_process_knows_the_time_of_the_source_and_what_it_has_missed,
            a_reader_in_the_process_ends_with_its_stream_and_its_server,
            a_publisher_without_room_waits_and_goes_on,
            a_server_that_goes_away_ends_the_packets_with_an_error,
            an_unreadable_message_is_answered_before_the_connection_is_closed,
            a_peer_that_says_no_more_gets_all_its_answers,
            an_answer_has_headers_and_a_description_of_the_applications,
            a_teardown_just_behind_the_end_of_its_stream_is_answered_200,
            requests_that_race_the_end_of_their_stream_are_answered,
            another_protocol_is_answered_in_its_own_words_and_closed_at_once,
            a_connection_behind_a_proxy_is_that_of_the_client_of_the_proxy,
            dropped_packets_are_counted,
            packets_are_a_stream_that_others_can_combine,
            a_camera_that_hangs_and_one_that_floods_change_nothing_for_the_others,
            packets_that_are_held_are_the_oldest_and_what_is_dropped_behind_them_is_told,
            packets_that_a_handle_has_not_used_are_there_for_the_next,
            packets_that_came_before_the_end_are_told_before_it,
            a_client_stays_alive_while_nobody_comes_back_who_waited_for_packets,
            tasks_that_wait_for_packets_share_them,
            more_than_there_is_room_for_is_sent_over_udp_in_turn,
            news_that_nobody_takes_are_dropped_and_counted,
            a_closed_server_has_given_up_its_ports,
            a_server_is_closed_while_its_events_are_waited_for,
            a_server_that_drains_sends_its_readers_to_another,
            a_server_that_drains_waits_no_longer_than_it_may,
            readers_go_on_when_their_publisher_comes_back,
            readers_go_on_when_the_application_takes_the_stream_of_a_publisher_that_has_gone,
            a_user_with_the_password_reads,
            a_server_that_is_closed_waits_no_longer_than_the_limit_for_a_reader_that_does_not_read,
            a_connection_that_is_closed_is_listened_to_for_a_moment_and_no_longer,
            one_connection_too_many_is_answered_503_and_closed,
            connections_too_many_are_answered_a_few_at_a_time,
            one_byte_too_many_of_a_head_is_answered_431,
            one_byte_too_many_of_a_body_is_answered_413,
            one_session_too_many_is_answered_503,
            requests_that_wait_for_their_answer_are_not_read_beyond_the_limit,
            answers_that_are_not_read_close_the_connection,
            a_reader_that_takes_nothing_is_closed,
            packets_are_gathered_as_long_as_they_may_be,
            a_message_that_does_not_end_closes_the_connection,
            a_connection_that_asks_nothing_is_closed,
            an_address_that_shows_nothing_is_sent_little,
            clients_of_a_host_hear_a_group_report_to_it_and_leave_it,
            the_only_source_of_a_group_is_heard_and_reported_to,
            an_interface_that_is_not_there_is_an_error_that_says_so,
            a_burst_over_udp_leaves_in_portions,
            readers_over_several_udp_pairs_get_everything,
            each_peer_is_sent_datagrams_from_the_address_that_it_has_talked_to,
            a_large_keyframe_published_over_udp_arrives_whole_in_a_small_socket,
            what_is_one_over_a_default_is_refused,
            a_connection_has_as_many_sessions_as_by_default_and_no_more,
            nobody_is_waited_for_longer_than_by_default,
            what_a_reader_got_over_tcp_is_what_is_counted,
            what_a_reader_got_over_udp_is_what_is_counted,
            what_a_publisher_has_sent_is_counted_to_its_end,
            nothing_is_counted_as_sent_that_a_reader_does_not_take,
            losses_that_a_reader_reports_are_told,
            what_is_published_over_tls_is_read_over_tls_and_without,
            a_reader_over_tls_that_does_not_read_loses_only_its_own,
            a_certificate_that_is_not_trusted_says_why,
            a_certificate_is_replaced_while_the_server_runs,
            a_client_shows_its_certificate_and_the_application_sees_it,
            a_peer_without_tls_is_told_that_it_is_required,
            a_user_with_the_token_reads_over_tls,
            a_handshake_has_as_long_as_a_message,
            a_server_that_does_not_speak_tls_is_told_as_such,
            a_reader_over_tls_that_takes_nothing_is_closed,
            an_encrypted_stream_is_played_over_tcp_and_udp_by_every_suite,
            what_is_published_encrypted_is_read_encrypted_and_in_the_clear,
            a_client_speaks_into_an_encrypted_back_channel,
            a_client_that_reconnects_has_new_keys,
            what_is_published_in_any_tunnel_is_read_in_any_other,
            a_reader_in_a_tunnel_that_does_not_read_loses_only_its_own,
            the_halves_of_a_tunnel_find_each_other_in_either_order,
            a_half_without_the_other_is_closed,
            the_halves_of_a_tunnel_behind_a_proxy_are_of_the_address_that_it_names,
            a_tunnel_that_is_switched_off_is_refused,
            a_websocket_that_breaks_the_protocol_is_closed,
            a_server_that_names_no_subprotocol_is_told_as_such,
            what_is_published_any_way_is_read_every_way,
            keys_are_neither_told_nor_taken_without_tls,
            encrypted_packets_that_are_repeated_changed_or_forged_change_nothing_in_every_way,
            credentials_of_any_shape_are_refused_in_every_way,
            guesses_are_slowed_and_told_in_every_way,
            one_byte_at_a_time_is_too_slow_in_every_way,
            tunnels_left_half_open_leave_room_for_whole_ones,
        ]);
    };
}
pub(crate) use all;

/// The longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `scenario`, but not for ever.
pub(crate) async fn within<R: Runtime, T>(scenario: impl Future<Output = T>) -> T {
    let runtime = R::default();
    let mut timer = runtime.timer();
    timer.reset(Some(runtime.clock().now() + LIMIT));
    let mut scenario = pin!(scenario);
    poll_fn(|cx| {
        assert!(timer.poll(cx).is_pending(), "nothing came of it in {LIMIT:?}");
        scenario.as_mut().poll(cx)
    })
    .await
}

const LOOPBACK: &str = "127.0.0.1:0";
const UDP: UdpSpec = UdpSpec::new(IpAddr::V4(Ipv4Addr::LOCALHOST), UdpPorts::Any);

fn description() -> Description {
    Description::new(vec![
        Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]),
        Media::new(MediaKind::Audio, vec![Format::pcmu()]),
    ])
}

fn packet(media: usize, number: u16, bytes: usize) -> RtpPacket {
    let header = RtpHeader {
        payload_type: if media == 0 { 96 } else { 0 },
        marker: false,
        sequence: number,
        timestamp: u32::from(number) * 160,
        ssrc: 0x1234_5678 + u32::try_from(media).unwrap(),
    };
    let mut payload = vec![0x41; bytes.max(3)];
    payload[1..3].copy_from_slice(&number.to_be_bytes());
    RtpPacket::build(header, &payload)
}

fn number(received: &Received) -> u16 {
    let payload = received.packet.payload();
    u16::from_be_bytes([payload[1], payload[2]])
}

async fn serve<R: Runtime>(config: ServerConfig) -> Server<R> {
    Server::builder().config(config).bind(LOOPBACK).await.unwrap()
}

fn url<R: Runtime>(server: &Server<R>, path: &str) -> String {
    format!("rtsp://{}{path}", server.local_addr())
}

async fn read<R: Runtime>(server: &Server<R>, path: &str, transports: Transports) -> Packets<R> {
    Client::<R>::builder(&url(server, path)).unwrap().transport(transports).play().await.unwrap()
}

/// Lets a little time pass, for what can only be asked for again and again.
async fn pause<R: Runtime>() {
    R::default().sleep(Duration::from_millis(1)).await;
}

/// The output of a future, if it has one at once.
async fn if_ready<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}

/// Waits for both, and gives what the first brought.
async fn both<T>(first: impl Future<Output = T>, second: impl Future<Output = ()>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut brought, mut done) = (None, false);
    poll_fn(|cx| {
        if brought.is_none() {
            if let Poll::Ready(value) = first.as_mut().poll(cx) {
                brought = Some(value);
            }
        }
        done = done || second.as_mut().poll(cx).is_ready();
        match brought.take() {
            Some(value) if done => Poll::Ready(value),
            waiting => {
                brought = waiting;
                Poll::Pending
            }
        }
    })
    .await
}

async fn event<R: Runtime, T>(server: &Server<R>, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = wanted(server.next().await.expect("the server has stopped")) {
            return found;
        }
    }
}
