//! Every bound and every default of the library, in one place.
//!
//! Each bound has a test that goes one over it. The comment beside it says what happens there.

use std::time::Duration;

// wire

/// Bytes of a request or response up to and including its empty line; more closes the connection (431 to a client).
pub const HEAD_BYTES_MAX: usize = 64 << 10;
/// Headers in one message; more closes the connection (431 to a client).
pub const HEADERS_MAX: usize = 255;
/// Bytes of a message body; more closes the connection (413 to a client).
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of garbage skipped between two messages before the connection is closed.
pub const GARBAGE_BYTES_MAX: usize = 64 << 10;
/// Bytes of the header that a trusted proxy puts in front of a connection; more closes it.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 << 10;
/// Bytes of one block that a connection reads into.
pub const READ_BLOCK_BYTES: usize = 64 << 10;
/// Bytes of the block that a connection reads into until its peer has sent more than that at once.
pub const FIRST_BLOCK_BYTES: usize = 1 << 10;
/// Bytes of the block that a connection then reads into until its peer has sent media.
pub const CONTROL_BLOCK_BYTES: usize = 4 << 10;
/// The least room at the end of a read block that is still read into.
pub const READ_BYTES_MIN: usize = 512;
/// A connection that reads this many bytes at once keeps its previous block, to read into it again.
pub const BUSY_READ_BYTES: usize = READ_BLOCK_BYTES / 8;
/// Payloads up to this size are copied out of the read block, so that a small packet does not pin a large block.
pub const SMALL_PAYLOAD_BYTES: usize = 512;
/// Bytes of one block that small payloads are copied into.
pub const SMALL_BLOCK_BYTES: usize = 4 << 10;
/// Bytes of a request's URI that a server takes; more is answered with 414.
pub const URI_BYTES_MAX: usize = 4 << 10;
/// Bytes of a method's name; more is garbage.
pub const METHOD_BYTES_MAX: usize = 64;

// tunnel

/// Bytes of the head of an HTTP request or answer in front of a tunnel; more is answered with 431, and closes the connection.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers in such a head; likewise.
pub const HTTP_HEADERS_MAX: usize = 100;
/// Characters of the cookie that pairs the halves of a tunnel; more is answered with 400. QuickTime's have 22.
pub const SESSION_COOKIE_BYTES_MAX: usize = 128;
/// Halves of HTTP tunnels that wait for the other one; more are refused with 503.
pub const TUNNEL_HALVES_MAX: usize = 1024;
/// Such halves from one address; more are refused with 503.
pub const TUNNEL_HALVES_OF_ADDRESS_MAX: usize = 32;
/// HTTP tunnels of one server, with the halves that wait; more are refused with 503.
pub const TUNNELS_MAX: usize = CONNS_MAX;
/// How long a half waits for the other one; then it is closed.
pub const TUNNEL_HALF_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a message of a WebSocket, of all its fragments together; more closes it (1009).
///
/// No part of a message is kept, so this costs no memory.
pub const WEBSOCKET_MESSAGE_BYTES_MAX: u64 = 16 << 20;

// header

/// Parameters of one header value, or of one of its list's elements; more is an error.
pub const PARAMETERS_MAX: usize = 64;
/// Alternatives of a Transport header; further ones are not read.
pub const TRANSPORTS_MAX: usize = 32;
/// Entries of an RTP-Info header; further ones are not read.
pub const RTP_INFO_ENTRIES_MAX: usize = 64;
/// Messages of a KeyMgmt header; further ones are not read.
pub const KEY_MGMT_MAX: usize = 8;

// description

/// Bytes of an SDP document.
pub const SDP_BYTES_MAX: usize = 256 << 10;
/// Media, attribute and bandwidth lines of a description; more is refused with 400.
pub const SDP_LINES_MAX: usize = 4096;
/// Bytes of a line of a session description that an error shows.
pub const SDP_LINE_TOLD_BYTES_MAX: usize = 128;
/// Media sections of a description; more is refused with 400.
pub const MEDIAS_MAX: usize = 32;
/// Formats of one media section; further ones are left out.
pub const FORMATS_MAX: usize = 32;

// rtp

/// Packets held back for reordering.
pub const REORDER_PACKETS: usize = 64;
/// How long a missing packet is waited for.
pub const REORDER_DELAY: Duration = Duration::from_millis(100);
/// Time between two receiver reports.
pub const RECEIVER_REPORT_PERIOD: Duration = Duration::from_secs(5);
/// How long an access point gives the time for sender reports of a source with B-frames. Then the next packet gives it, because
/// clocks drift apart.
pub const SENDER_ANCHOR_AGE_MAX: Duration = Duration::from_secs(30);
/// How far a timestamp may go back, as those of B-frames do. One that goes back farther means that the encoder has begun anew.
pub const TIMESTAMP_BACK_MAX: Duration = Duration::from_secs(10);
/// Time between two sender reports.
pub const SENDER_REPORT_PERIOD: Duration = Duration::from_secs(5);
/// The most sources (SSRCs) of one media that are told apart. A further source replaces the one that has been silent for longest.
/// Sources that were added beyond one for each format while another lived go first.
pub const SOURCES_MAX: usize = 16;
/// Sources of a media over UDP that have not proved themselves by packets in sequence, and are remembered; the oldest go.
pub const SOURCES_UNPROVEN_MAX: usize = 64;
/// The number of these sources whose last packet is held as well, so that it is not lost when the next packet proves the
/// source.
pub const PACKETS_UNPROVEN_MAX: usize = 4;
/// Sources of a media whose sender report is kept until their first packet comes; the oldest go.
pub const REPORTS_EARLY_MAX: usize = 4;
/// How long after its last packet a source lives: until then another over UDP has to prove itself beside it.
pub const SOURCE_LIVES: Duration = Duration::from_secs(2);
/// How often a sequence over UDP may begin anew, and a source be added beyond one for each format.
pub const SOURCE_RESTART_PERIOD: Duration = Duration::from_secs(1);
/// How far the clock of a sender report may be from that of the report before. A report that differs more is ignored until the
/// difference persists.
pub const CLOCK_JUMP_MAX: Duration = Duration::from_secs(1);
/// How far a timestamp may go back on the time line, as those of B-frames do. Farther back, the source begins anew.
pub const TIMELINE_BACK_MAX: Duration = Duration::from_secs(2);
/// How far timestamps, sender reports and arrivals may be apart on the time line; farther apart, a source begins anew, and
/// a report is not used to bring tracks together.
pub const TIMELINE_GAP_MAX: Duration = Duration::from_secs(10);
/// A recorder, or a server that has kept media, may send it all at once. The clocks of two tracks may then differ by the length
/// of that media more than [`TIMELINE_GAP_MAX`], up to this.
pub const TIMELINE_BURST_MAX: Duration = Duration::from_secs(60);
/// How far the `rtptime` of RTP-Info may be from the first packets of its track. Farther away, it is ignored.
pub const TIMELINE_RTPTIME_DISTANCE_MAX: Duration = Duration::from_secs(5);
/// The window in which the sender report with the least delay measures the drift of a sender's clocks.
pub const TIMELINE_DRIFT_WINDOW: Duration = Duration::from_secs(60);
/// How old a sender report may be by its timestamp. An older one gives no wall clock time.
pub const TIMELINE_REPORT_AGE_MAX: Duration = Duration::from_secs(600);
/// How far sender reports may be from the time line without moving it.
pub const TIMELINE_ERROR_MIN: Duration = Duration::from_micros(250);
/// How far two sender reports may differ in the error of the time line that they show, for that error to be corrected.
pub const TIMELINE_AGREEMENT: Duration = Duration::from_millis(1);
/// The most bytes of an RTP packet from a packetizer: 1,280, which every IPv6 path carries (RFC 8200, section 5), also through
/// tunnels, less the headers of IPv6 and UDP.
pub const PACKET_BYTES_MAX: usize = 1232;
/// Bytes that a packetizer leaves free in packets that will be protected: for the tag of SRTP and the identifier of its key.
pub const PROTECTION_BYTES: usize = 20;
/// Bytes of one block that a packetizer writes packets into.
pub const PACKET_BLOCK_BYTES: usize = 32 << 10;
/// Packets that a receiver holds ready; further ones push out the oldest, which count as lost.
pub const READY_PACKETS_MAX: usize = 2 * REORDER_PACKETS;
/// How far a sequence number may jump ahead and still be the same sequence (RFC 3550, appendix A.1).
pub const SEQUENCE_JUMP_MAX: u16 = 3000;
/// Access units that a depacketizer holds ready; at the bound it takes no further packet.
pub const ACCESS_UNITS_READY_MAX: usize = 16;
/// Bytes of an access unit that a depacketizer puts together.
pub const ACCESS_UNIT_BYTES_MAX: usize = 8 << 20;
/// Bytes of a document of metadata, once it is unpacked.
pub const DOCUMENT_BYTES_MAX: usize = 16 << 20;
/// Parts of an access unit: NAL units or OBUs.
pub const ACCESS_UNIT_PARTS_MAX: usize = 512;
/// Blocks of earlier packets that a packet repeats at most; those before them are passed over.
pub const REDUNDANT_BLOCKS_MAX: usize = 8;
/// Sets of headers of a Vorbis track that are known at once; further ones take the place of the oldest.
pub const VORBIS_HEADERS_MAX: usize = 8;
/// Pictures that are decoded ahead of one that is presented before them, as all video standards bound it.
pub const REORDERING_MAX: usize = 16;

// srtp

/// Bytes of a packet once it is protected; a longer one is refused.
pub const SRTP_PACKET_BYTES_MAX: usize = 65_535;
/// Sources (SSRCs) that use one master key; packets of further ones are refused.
pub const SRTP_SOURCES_MAX: usize = 64;
/// Master keys with an identifier that a receiver holds; a further one takes the place of the oldest.
pub const SRTP_KEYS_MAX: usize = 4;
/// Bytes of the identifier of a master key (MKI); a longer one is refused.
pub const SRTP_MKI_BYTES_MAX: usize = 128;
/// Packets under a new master key without an identifier, after which the former key is forgotten.
pub const SRTP_FORMER_KEY_PACKETS: u64 = 1024;
/// Packets of a source in a row that are not authentic, after which later rollover counters are tried, one with each packet.
pub const SRTP_FAILURES_BEFORE_SEARCH: u16 = 8;
/// Rollover counters that are tried in this way.
pub const SRTP_ROLLOVERS_SEARCHED: u16 = 16;
/// Readers of a stream that get the same keys, one after the other. The next reader gets new keys.
pub const READERS_OF_KEYS_MAX: u32 = 1 << 10;
/// Reports of a media that a reader of SRTP gets between PLAY and PAUSE: enough for 120 days.
pub const SRTCP_INDICES_PER_READER: u32 = 1 << 21;

/// Bytes of a message of MIKEY; a longer one is refused.
pub const MIKEY_BYTES_MAX: usize = 4 << 10;
/// Keys of a media in `a=crypto`; further ones are not read.
pub const SRTP_CRYPTO_MAX: usize = 16;

// stream

/// Packets that a stream's log keeps.
pub const LOG_PACKETS: usize = 4096;
/// Bytes that a stream's log keeps; fewer if the logs of all streams would not fit into [`MEMORY_BYTES`].
pub const LOG_BYTES: usize = 8 << 20;
/// The most readers of a connection that get nothing more and whose last packets are still to be written. If there are more,
/// the first is reported as if its unwritten packets had not been sent.
pub const READERS_LEAVING_MAX: usize = 8;
/// The longest time that statistics are waited for once they were asked for.
pub const STATS_WAIT: Duration = Duration::from_secs(1);
/// The window over which the bitrate of a stream is measured.
pub const BITRATE_WINDOW: Duration = Duration::from_secs(5);
/// How long readers that have missed packets wait for the next access point of a stream. Then they continue at any picture.
///
/// It is longer than most cameras go without a keyframe, those with adaptive groups of pictures included.
pub const ACCESS_POINT_WAIT: Duration = Duration::from_secs(30);
/// Parameter sets that a log keeps of a format; a new one takes the place of the oldest.
pub const PARAMETER_SETS_MAX: usize = 8;
/// Bytes of a parameter set that a log keeps; a longer one is left out.
pub const PARAMETER_SET_BYTES_MAX: usize = 512;

// connection

/// Requests of one connection that wait for their answer; at the bound no further message is parsed.
pub const REQUESTS_WAITING_MAX: usize = 16;
/// Bytes of messages that the peer has not read; more closes the connection.
pub const OUTBOX_BYTES_MAX: usize = 256 << 10;
/// Interleaved frames pulled ahead of the socket.
pub const OUTBOX_FRAMES_MAX: usize = 32;
/// If a socket takes less than [`WRITE_BYTES_MIN`] in this time, with more to send, its connection holds no packets any more:
/// they stay in their logs until the socket has taken the frame in front, a part of which may have left.
///
/// After that a reader that does not read holds only a copy of that frame, and messages up to [`OUTBOX_BYTES_MAX`], for
/// [`WRITE_STALL`].
pub const OUTBOX_HELD: Duration = Duration::from_secs(1);
/// Packets that a thread keeps for all of its readers until they want others.
pub const RECENT_PACKETS_MAX: usize = 128;
/// Packets up to this size are copied once into a run of frames, if several readers on a thread want them.
pub const FRAMED_BYTES_MAX: usize = 4 << 10;
/// How long packets are gathered for a reader, so that one call takes more of them: by default not at all.
pub const GATHER_DELAY: Duration = Duration::ZERO;
/// A socket that takes less than [`WRITE_BYTES_MIN`] in this time, with more to send, is closed.
pub const WRITE_STALL: Duration = Duration::from_secs(10);
/// Bytes that a socket takes within [`WRITE_STALL`] at least, if so many wait.
pub const WRITE_BYTES_MIN: usize = 4 << 10;
/// A message that is not complete this long after its first byte closes the connection.
pub const MESSAGE_DEADLINE: Duration = Duration::from_secs(10);

// time

/// The time between the two checks of a deadline: the first check is this long before the deadline, the second at the deadline.
/// A process that has stood still has this time to read the bytes that arrived meanwhile.
///
/// A check that is late by more than this shows that the process stood still.
pub const DEADLINE_GRACE: Duration = Duration::from_secs(1);
/// Late checks of a deadline in a row. The next check counts, late or not.
pub const DEADLINE_LATE_LOOKS_MAX: u8 = 3;

// server

/// Bytes of a peer's `User-Agent` header that are kept.
pub const USER_AGENT_BYTES_MAX: usize = 128;
/// Connections of one server; the first request on a further one is answered 503, and it is closed.
pub const CONNS_MAX: usize = 10_000;
/// Sessions of one server; more are refused with 503.
pub const SESSIONS_MAX: usize = 10_000;
/// The most bytes of all logs of a server and of the descriptions of its publishers. At the bound logs become shorter, and then
/// publishers are refused with 503. A machine of 1 GiB has room for that and for ten thousand connections.
pub const MEMORY_BYTES: usize = 640 << 20;
/// The fewest bytes that each log keeps. A publisher is refused with 503 if its log would leave less to the others, or if its
/// address would have more logs of this size than its share allows.
pub const LOG_BYTES_LEAST: usize = 64 << 10;
/// Bytes that count for a log besides its packets: the blocks at its two ends, of which it keeps only a part, the list of its
/// packets, and the tasks and buffers of its publisher.
pub const LOG_COST: usize = 192 << 10;
/// How many times the bytes of a description count. It is held once: as it was announced, and later in the form for readers, which
/// may be a little longer.
pub const DESCRIPTION_COST: usize = 2;
/// The bytes of descriptions that one address may have even if others leave fewer, as long as any are free.
pub const DESCRIPTION_SHARE_LEAST: usize = 1 << 20;
/// An address may have one part in this number of the connections and sessions that others leave. Beyond that it is refused, as
/// all peers are beyond the bounds of the server.
pub const ADDRESS_SHARE: usize = 4;
/// The connections or sessions that one address may have even if others leave fewer, as long as any are free.
pub const SHARE_LEAST: usize = 8;
/// Connections beyond the bounds that are answered at a time; further ones are closed without an answer.
pub const REFUSALS_MAX: usize = 64;
/// Bytes of the head of a request on such a connection, of which only the number is read. The number of a longer one is not read.
pub const REFUSED_HEAD_BYTES_MAX: usize = 4 << 10;
/// Sessions that one connection makes, or names in its requests; more are refused with 503.
pub const SESSIONS_PER_CONN_MAX: usize = 8;
/// Sessions that have a back channel of the same stream at once: a loudspeaker takes one voice.
pub const SPEAKERS_MAX: usize = 1;
/// Connections that use one session over UDP at the same time; requests on further ones are refused with 503.
pub const CONNS_PER_SESSION_MAX: usize = 8;
/// How long the application may take to answer a question; then the peer is answered 503.
pub const TICKET_DEADLINE: Duration = Duration::from_secs(30);
/// A session without a sign of life for this time is closed.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(60);
/// The time by which the session timeout is shortened when it is told to the client, for those that refresh at the last
/// moment.
pub const SESSION_TIMEOUT_MARGIN: Duration = Duration::from_secs(5);
/// A connection without a session that sends nothing for this time is closed.
pub const CONN_IDLE: Duration = Duration::from_secs(60);
/// The application is told of a media if its publisher, or the server that plays it, sends no packet for this time.
pub const MEDIA_SILENCE: Duration = Duration::from_secs(10);
/// How long a publisher has to be silent before another one from its address may take its place.
pub const TAKEOVER_SILENCE: Duration = Duration::from_secs(1);
/// How long a session may exist and neither play nor record, even with keepalives.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(180);
/// How long a session over UDP that has not begun, or a publisher that pauses, outlives its last connection.
pub const UNATTENDED_SESSION_TIMEOUT: Duration = Duration::from_secs(5);

/// Headers that the application adds to one answer; further ones are refused.
pub const ANSWER_HEADERS_MAX: usize = 16;
/// Bytes of such headers, names and values together.
pub const ANSWER_HEADER_BYTES_MAX: usize = 4 << 10;
/// Bytes of a body or a description that the application gives an answer; a longer one is refused.
pub const ANSWER_BODY_BYTES_MAX: usize = 128 << 10;

/// Headers that the application of a client adds to its requests; further ones are refused.
pub const REQUEST_HEADERS_MAX: usize = 16;
/// Bytes of such headers, names and values together.
pub const REQUEST_HEADER_BYTES_MAX: usize = 4 << 10;
/// Bytes of the body of a request of the application's own; a longer one is refused.
pub const REQUEST_BODY_BYTES_MAX: usize = 128 << 10;

/// Bytes of the start line and the headers of a message that is traced; the rest is left out.
pub const TRACE_HEAD_BYTES_MAX: usize = 4 << 10;
/// Bytes of its body; the rest is left out.
pub const TRACE_BODY_BYTES_MAX: usize = 4 << 10;

/// Bytes of the text with which the application closes a session or a connection; the rest is left out.
pub const CLOSE_NOTE_BYTES_MAX: usize = 255;

// authentication

/// How long after its creation a nonce may be used on a connection for the first time.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// Nonces whose uses are counted, so that none is used twice for the same request; the oldest are forgotten.
pub const NONCES_COUNTED_MAX: usize = 4096;
/// Rights that a connection need not prove again. If there are more, it has to prove the oldest again.
pub const GRANTS_PER_CONN_MAX: usize = 16;
/// Wrong credentials in a row on one connection that close it.
pub const AUTH_FAILURES_OF_CONN_MAX: u32 = 5;
/// Wrong credentials from one address that do not slow it down.
pub const AUTH_FAILURES_OF_ADDRESS_FREE: u32 = 10;
/// How long it takes until one of an address's wrong credentials is forgiven.
pub const AUTH_FAILURE_FORGIVEN: Duration = Duration::from_secs(10);
/// How long credentials from an address that has sent too many wrong ones wait until they are looked at, one after the
/// other.
pub const AUTH_TURN: Duration = Duration::from_secs(1);
/// How long credentials wait for their turn at most; those that would wait longer are answered 503.
pub const AUTH_TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Addresses whose wrong credentials are remembered; of more, those with the fewest are forgotten.
pub const AUTH_SLOWED_ADDRESSES_MAX: usize = 1024;

/// How often a client sends one request at most, if the server answers with challenges.
pub const AUTH_TRIES_MAX: u8 = 5;

// client

/// How long a client waits for a connection, from the lookup of the name to the end of the TLS handshake.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a response is waited for.
pub const RESPONSE_DEADLINE: Duration = Duration::from_secs(10);
/// How long the response to DESCRIBE is waited for: some servers fetch or start a source only when they are asked for it.
pub const DESCRIBE_DEADLINE: Duration = Duration::from_secs(60);
/// Redirects followed in a row.
pub const REDIRECTS_MAX: usize = 5;
/// The session timeout when the server names none (RFC 2326, 12.37).
pub const SESSION_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// How long the first packet over UDP is waited for before the client asks for TCP.
pub const FIRST_UDP_PACKET: Duration = Duration::from_secs(3);
/// A server that sends nothing at all for this time is asked for a sign of life. It counts as gone if nothing comes within
/// [`RESPONSE_DEADLINE`].
pub const SERVER_SILENCE: Duration = Duration::from_secs(10);
/// Packets over UDP that a client holds back for each media while it waits for the answer to a further PLAY, because they may be
/// older than that PLAY. The oldest are left out beyond that.
pub const BYGONE_PACKETS_MAX: usize = 512;
/// How long after the answer to PLAY older packets may still arrive over UDP.
pub const BYGONE_WAIT: Duration = Duration::from_secs(1);
/// How long a media may go on after its server has said that it ends (BYE), before it counts as ended.
pub const RESTART_WAIT: Duration = Duration::from_secs(3);
/// How long a client with a session over UDP and no connection waits after a failure before it connects again.
pub const RECONNECT_PERIOD: Duration = Duration::from_millis(500);
/// How long a client waits for packets when its session seems lost: no connection comes about, or the server answers that it
/// does not know the session (454). Some devices say so and play on.
pub const LOST_SESSION_WAIT: Duration = Duration::from_secs(2);
/// The shortest wait of a client that reconnects before its first attempt.
pub const RECONNECT_WAIT_LEAST: Duration = Duration::from_secs(1);
/// The longest wait before an attempt.
pub const RECONNECT_WAIT_MOST: Duration = Duration::from_secs(30);
/// How long a new session has to last, with media, before a row of attempts is over.
pub const RECONNECT_SETTLED: Duration = Duration::from_secs(10);
/// Attempts in a row that a server refuses with 401 or 403 before the client gives up. Some cameras lock a user out after
/// seven.
pub const RECONNECT_DENIED_MAX: u32 = 5;
/// Attempts in a row that a server refuses with 404, or with another error that only a person can mend, before the client gives
/// up. With the default waits they take four to nine minutes.
pub const RECONNECT_MISSING_MAX: u32 = 20;
/// How long a client that reconnects asks for TCP at once after UDP has failed.
pub const UDP_AVOIDED: Duration = Duration::from_secs(3600);
/// Received packets that wait for the application; the oldest are dropped and counted.
pub const RECEIVED_PACKETS_MAX: usize = 4096;
/// Bytes of received packets that wait for the application; the oldest are dropped and counted.
pub const RECEIVED_BYTES_MAX: usize = 8 << 20;
/// The most received packets that are handed to the application together. They no longer count as waiting.
pub const RECEIVED_BATCH_MAX: usize = 64;
/// Commands that wait together with outputs that were not polled; further commands are refused.
pub const COMMANDS_WAITING_MAX: usize = 96;
/// Packets that wait to be sent; further ones are refused.
pub const SEND_PACKETS_MAX: usize = 2048;
/// How long PAUSE and TEARDOWN wait for the datagrams that were sent before them: servers drop datagrams that arrive later.
pub const LAST_DATAGRAMS: Duration = Duration::from_secs(1);
/// Bytes that wait to be sent; packets beyond are refused.
pub const SEND_BYTES_MAX: usize = 8 << 20;
/// How long the answer to TEARDOWN is waited for.
pub const TEARDOWN_DEADLINE: Duration = Duration::from_secs(3);
/// The least time between a keepalive and the end of the session timeout.
pub const KEEPALIVE_MARGIN: Duration = Duration::from_secs(5);
/// The least time between two keepalives.
pub const KEEPALIVE_PERIOD_MIN: Duration = Duration::from_secs(1);

// UDP

/// Bytes that a reader over UDP is sent while no datagram has shown that its client is at the ports it named.
///
/// VLC, GStreamer and FFmpeg send a datagram before PLAY, to open firewalls, and reports after it. A player that sends no
/// datagram earns bytes by its requests, in proportion to the time since the last one: all of this in [`UNPROVEN_PERIOD`]. So
/// a keepalive each half a minute allows 8 Mbit/s, and another host at that port receives no more than that.
pub const UNPROVEN_BYTES_MAX: usize = 32 << 20;
/// How long it takes until requests may grant all of [`UNPROVEN_BYTES_MAX`] again.
pub const UNPROVEN_PERIOD: Duration = Duration::from_secs(30);
/// All sessions of one address share this many times [`UNPROVEN_BYTES_MAX`]. Each gets one part in this number of the rest.
pub const UNPROVEN_SESSIONS: usize = 2;
/// How long a datagram from a port proves to a session that begins to play that its client is there.
///
/// It is the least time for which a NAT keeps a port for its client (RFC 4787, section 4.3).
pub const PROOF_LASTS: Duration = Duration::from_secs(120);
/// The default time to live of packets to a multicast group.
pub const MULTICAST_TTL: u8 = 16;

/// Packets of one stream that each reader over UDP gets at once, and then in each [`UDP_BURST_PERIOD`]. A client that publishes
/// sends as many.
///
/// A socket of Linux with default settings holds some 90.
pub const UDP_BURST_PACKETS: usize = 64;
/// How long it takes until as many packets may follow.
pub const UDP_BURST_PERIOD: Duration = Duration::from_millis(1);
/// UDP ports that all sessions of one address name: a quarter of all ports. Further tracks are refused with 461, so that
/// neighbours behind the same NAT find free ports.
pub const UDP_PORTS_OF_ADDRESS_MAX: usize = 1 << 14;
/// UDP ports of clients that all sessions of a server name: four for each session with two tracks. Further tracks are refused
/// with 461.
pub const UDP_PORTS_MAX: usize = 1 << 16;
/// Pairs of UDP sockets of one server.
pub const UDP_PAIRS_MAX: usize = 32;
/// Groups that streams are sent to at once, one for each media and family (multicast).
pub const MULTICAST_GROUPS_MAX: usize = 1000;
/// The first and last port of groups. They are outside the range from which systems choose free ports.
pub const MULTICAST_PORTS: (u16, u16) = (26_000, 27_999);
/// How long a reader of a group that has reported with one SSRC has to be silent before another SSRC at its address counts as
/// that reader.
pub const REPORTER_LASTS: Duration = Duration::from_secs(15);
/// Datagrams from addresses without a session that are kept for a moment: a publisher's first packets may be read before the
/// order that names their session. The oldest are left out.
pub const EARLY_DATAGRAMS_MAX: usize = 64;
/// Bytes of such datagrams.
pub const EARLY_BYTES_MAX: usize = 128 << 10;
/// How long such datagrams are kept.
pub const EARLY_DELAY: Duration = Duration::from_secs(1);
/// How long after its last packet a reader over UDP gets BYE: FFmpeg reads reports first, and ends at BYE.
pub const GOODBYE_WAIT: Duration = Duration::from_millis(200);
/// How long a connection stays open after BYE to its reader over UDP, whose last packets are still on their way.
pub const GOODBYE_DELAY: Duration = Duration::from_secs(1);
/// RTCP of the application that a stream keeps for readers that read it later; the oldest goes first.
pub const RTCP_WAITING_MAX: usize = 64;
/// Bytes of RTCP that an application may write to a stream at once: as many as a datagram holds.
pub const RTCP_BYTES_MAX: usize = PACKET_BYTES_MAX;
/// Compounds of RTCP of one media that the application is told of in a second; further ones are not told.
pub const RTCP_TOLD_MAX: usize = 64;
/// Reports that wait for a UDP socket; further ones are left out, since the next period brings new ones.
pub const UDP_REPORTS_WAITING_MAX: usize = 4096;

// runtimes

/// Addresses of a host that a client tries to connect to; further ones are not tried.
pub const CONNECT_ADDRESSES_MAX: usize = 8;
/// How long an attempt to connect to an address is waited for before the next one is tried beside it (RFC 8305, section 8).
pub const CONNECT_ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Bytes of one block that received datagrams are copied into; larger ones have a block of their own.
///
/// It is small, because a packet that is kept also keeps the bytes just before and after it.
pub const DATAGRAM_BLOCK_BYTES: usize = 8 << 10;
/// If nothing comes over a TCP connection for this time, the system probes it: a living peer answers.
pub const TCP_PROBE_IDLE: Duration = Duration::from_secs(10);
/// Time between two such probes.
pub const TCP_PROBE_PERIOD: Duration = Duration::from_secs(5);
/// Probes without an answer after which the connection is gone.
pub const TCP_PROBES_MAX: u32 = 3;
/// A TCP connection is also gone if its peer's system acknowledges no sent bytes for this time, if the system has such a setting.
pub const TCP_UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(25);
/// Connections that the system holds until the server accepts them; the system has further ones retry.
pub const LISTEN_BACKLOG: i32 = 4096;
/// Bytes of a UDP socket's receive buffer, as far as the system allows; more are lost.
pub const UDP_RECEIVE_BUFFER_BYTES: usize = 2 << 20;
/// Bytes of a UDP socket's send buffer, as far as the system allows; then sending waits.
pub const UDP_SEND_BUFFER_BYTES: usize = 1 << 20;
/// Events without a question that wait for the application. The oldest are dropped and counted; events of a beginning or an end
/// only if there are no others.
pub const EVENTS_MAX: usize = 1024;
/// Events of a client that wait for the application; the oldest are dropped and counted.
pub const CLIENT_EVENTS_MAX: usize = 256;
/// Questions that wait for the application; the oldest are dropped and counted, and answered 503 at their deadline.
pub const QUESTIONS_MAX: usize = 16_384;
/// How long a server that is closed waits for its goodbyes to be read.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(3);
/// How long a connection that the server closes is still read, so that a reset does not destroy its last answer.
pub const LINGER_LIMIT: Duration = Duration::from_secs(1);
/// Bytes that a connection may still send while it is being closed.
pub const LINGER_BYTES_MAX: usize = 1 << 20;
/// Findings that a `DriverCheck` keeps; further ones are left out.
pub const NEGLECTS_MAX: usize = 64;
