//! Deviations of devices and other libraries that are shown by tests beside the code: the device or the defect, what is right, and
//! the test.

pub(super) const TESTS: &[(&str, &str, &str)] = &[
    // Messages
    (
        "cameras known to go2rtc: garbage amid a stream",
        "skips a bounded number of bytes",
        "wire::decoder::tests::as_much_garbage_as_the_limit_is_skipped_and_one_byte_more_is_not",
    ),
    (
        "payloads that look like a frame",
        "the framing of a connection is never guessed anew; after garbage only channels that are known count",
        "wire::decoder::tests::after_garbage_only_known_channels_count",
    ),
    (
        "proxies known to Frigate: an answer that comes too late",
        "does not answer the next request",
        "client::tests::leniency::a_response_that_comes_too_late_does_not_answer_the_next_request",
    ),
    (
        "redirects without end",
        "are followed a bounded number of times",
        "client::tests::redirect::redirects_are_followed_so_often_and_no_more",
    ),
    (
        "a redirect to another host",
        "takes no credentials there",
        "client::tests::redirect::credentials_go_along_only_to_the_same_server",
    ),
    (
        "REDIRECT from the server",
        "what plays goes on there",
        "client::tests::elsewhere::what_plays_goes_on_where_the_server_sends_it",
    ),
    (
        "a client that cannot play where OPTIONS is answered with 404",
        "OPTIONS that is refused is not asked again, and PLAY follows",
        "client::tests::leniency::options_that_is_refused_is_not_asked_again",
    ),
    // URLs
    (
        "users with `@`, `:` and `%` in their password",
        "the credentials of a URL are used as they are meant",
        "client::tests::auth::credentials_of_a_url_are_used_as_they_are_meant_and_not_sent_in_it",
    ),
    (
        "controls that lead to another host",
        "the client stays at the host that it has reached",
        "url::track::tests::a_control_never_leads_to_another_host_nor_changes_the_credentials",
    ),
    (
        "ranges from `now`, of smpte and of clocks",
        "all are read and written",
        "header::range::tests::ranges_are_read_and_written",
    ),
    // Sessions
    (
        "a client that gives UDP up after a fixed second",
        "the first packet over UDP has a deadline that can be set",
        "client::tests::deadlines::the_first_packet_over_udp_has_its_deadline",
    ),
    (
        "a publisher whose UDP is answered with TCP",
        "announces its stream again, at the same URL",
        "client::tests::dialogues::a_recording_whose_udp_is_answered_with_tcp_is_announced_again",
    ),
    (
        "Reolink, Motion: two streams in one after a quick reconnect",
        "the former session is torn down first",
        "client::tests::reconnect::servers_may_close_behind_the_teardown_of_the_former_session_or_not_answer_it",
    ),
    (
        "Dahua VTO: a back channel that nobody has asked for",
        "is set up only if it is wanted",
        "client::tests::back_channel::a_back_channel_is_set_up_by_default_only_if_it_is_wanted",
    ),
    (
        "Dahua, Amcrest: a second back channel that is refused",
        "asks without, and plays",
        "client::tests::back_channel::play_and_setup_go_on_without_a_tag_that_only_they_refuse",
    ),
    (
        "cameras without a back channel: 551, 400, 454, 500, 501 to `Require`",
        "asks without",
        "client::tests::back_channel::a_server_that_refuses_the_tag_is_asked_without",
    ),
    (
        "doorbells: an end after 30 seconds of sending alone",
        "a client that only sends is kept alive by requests",
        "client::tests::back_channel::a_client_that_only_sends_is_kept_alive_by_requests",
    ),
    // Credentials
    (
        "a nonce that is used for ever",
        "uses of a nonce are counted",
        "client::tests::auth::the_uses_of_a_nonce_are_counted",
    ),
    (
        "a nonce that has grown old, in any request",
        "is renewed",
        "client::tests::auth::a_nonce_that_has_grown_old_is_renewed_in_any_request",
    ),
    // Media
    (
        "a duplicate over TCP that counts as 65,535 losses",
        "duplicates are dropped, and are no losses",
        "rtp::receiver::tests::duplicates_are_dropped_and_never_counted_as_losses",
    ),
    (
        "jitter that jumps where timestamps wrap",
        "jitter is zero for even packets",
        "rtp::receiver::tests::jitter_is_zero_for_even_packets_over_the_timestamp_wrap",
    ),
    (
        "statistics that vanish with the session",
        "what was counted is still there",
        "client::tests::closing::what_was_counted_is_still_there_when_the_client_has_closed",
    ),
    (
        "reports without a name, and no goodbye",
        "reports are compound, and BYE comes behind a report and the name",
        "rtp::rtcp::tests::a_goodbye_comes_after_a_report_and_the_name",
    ),
    (
        "no receiver reports over TCP",
        "receiver reports go over TCP too",
        "client::tests::media::receiver_reports_go_over_tcp_too",
    ),
    (
        "tracks that come together by arrival though there are sender reports",
        "sender reports bring picture and sound together",
        "client::tests::time::sender_reports_bring_picture_and_sound_together_over_tcp",
    ),
    (
        "RTP-Info that is ignored",
        "picture and sound begin as RTP-Info says",
        "client::tests::time::picture_and_sound_begin_as_rtp_info_says",
    ),
    (
        "packets that wait for a lost one until 64 others have come",
        "a packet that is missing is given up after a while",
        "client::tests::media::a_packet_that_is_missing_over_udp_is_given_up_after_a_while",
    ),
    (
        "a slow application that lets the camera's socket fill",
        "the application loses the oldest packets and is told; the socket is read on",
        "client::tests::media::an_application_that_does_not_keep_up_loses_the_oldest_packets_and_is_told",
    ),
    // Payloads
    (
        "V380, Amatek AR-N3222F, Revotech: start codes inside payloads",
        "separate NAL units",
        "payload::h264::tests::devices::start_codes_inside_a_payload_separate_nal_units",
    ),
    (
        "the same, inside fragments",
        "separate NAL units wherever they are cut",
        "payload::h264::tests::devices::start_codes_inside_fragments_separate_nal_units_wherever_they_are_cut",
    ),
    (
        "CostarHD: a fragment that starts and ends its unit",
        "is a whole NAL unit",
        "payload::h264::tests::devices::a_fragment_that_starts_and_ends_is_a_whole_nal_unit",
    ),
    (
        "Tiandy: fragments that are empty or change their type",
        "are taken",
        "payload::h264::tests::devices::fragments_may_change_their_type_and_be_empty",
    ),
    (
        "a reserved bit in a fragment",
        "is ignored",
        "payload::h264::tests::devices::a_reserved_bit_in_a_fragment_is_ignored",
    ),
    (
        "Ivel LV-IP22IR40DVBL: the marker on parameter sets",
        "does not end the access unit",
        "payload::h264::tests::devices::a_marker_on_parameter_sets_does_not_end_the_unit",
    ),
    (
        "FLIR M400: no marker at all",
        "an access unit ends with its timestamp",
        "payload::h264::tests::devices::without_markers_a_unit_ends_with_its_timestamp",
    ),
    (
        "VStarcam: packets behind the marker",
        "belong to the same access unit, and the marker is not trusted again",
        "payload::h264::tests::devices::a_marker_that_the_picture_goes_on_after_is_not_trusted_again",
    ),
];
