use std::time::Duration;

use super::access::{Player, guarded};
use super::scenario::{SDP, Scenario, peer, session_of};
use crate::auth::Action;
use crate::limits::USER_AGENT_BYTES_MAX;
use crate::server::{Event, MediaTransport, ServerConfig, SessionState, TrackChannels};

#[test]
fn the_lists_tell_who_is_there_and_what_it_does() {
    let (mut scenario, idle, stream) = Scenario::with_stream(guarded());
    let begun = scenario.now;
    scenario.advance(Duration::from_secs(3));
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=4-5|User-Agent: LibVLC/3.0";
    let setup = format!("SETUP rtsp://h/cam/trackID=1?a=b|{transport}");
    let key = session_of(&player.request(&mut scenario, &setup, ""));
    let [session] = &scenario.server.sessions().collect::<Vec<_>>()[..] else { panic!("one session") };
    assert_eq!((session.state, session.action), (SessionState::PrePlay, Action::Read));
    assert_eq!(
        (session.user.as_deref(), &*session.path, session.query.as_deref()),
        (Some("wall"), "/cam", Some("a=b"))
    );
    assert_eq!((session.stream, session.transport), (Some(stream), Some(MediaTransport::Tcp)));
    assert_eq!(
        session.tracks.iter().map(|track| (track.media, track.channels)).collect::<Vec<_>>(),
        [(1, TrackChannels::Tcp(4, 5))]
    );
    assert_eq!((session.since, &session.conns[..]), (scenario.now, &[player.conn][..]));
    let id = session.session;
    player.request(&mut scenario, &format!("PLAY rtsp://h/cam|Session: {key}"), "");
    assert_eq!(scenario.server.session(id).unwrap().state, SessionState::Play);

    let conns: Vec<_> = scenario.server.connections().collect();
    assert_eq!(conns.iter().map(|own| own.conn).collect::<Vec<_>>(), [idle, player.conn]);
    let conn = scenario.server.connection(player.conn).unwrap();
    assert_eq!((conn.user_agent.as_deref(), &conn.users[..]), (Some("LibVLC/3.0"), &["wall".to_owned()][..]));
    assert_eq!((conn.peer, &conn.sessions[..]), (peer(40_000), &[id][..]));
    assert_eq!((conns[0].since, &conns[0].users[..], &conns[0].user_agent), (begun, &[][..], &None));

    let [published] = &scenario.server.streams().collect::<Vec<_>>()[..] else { panic!("one stream") };
    assert_eq!((published.stream, &*published.path, published.medias), (stream, "/cam", 2));
    assert_eq!((published.publisher, &published.readers[..], published.since), (None, &[id][..], begun));

    scenario.server.close_connection(scenario.now, player.conn);
    assert!(scenario.is_closed(player.conn));
    assert!(scenario.server.session(id).is_none() && scenario.server.connection(player.conn).is_none());
    assert!(scenario.server.stream(stream).unwrap().readers.is_empty());
    let closed = |event: &Event| matches!(event, Event::SessionClosed { session, .. } if *session == id);
    assert_eq!(scenario.events.iter().filter(|event| closed(event)).count(), 1);
    scenario.server.remove_stream(scenario.now, stream);
    assert_eq!(scenario.server.streams().count(), 0);
}

#[test]
fn a_publisher_is_there_from_its_announcement_on() {
    let mut scenario = Scenario::with_udp();
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live?key=1", SDP);
    scenario.response(conn);
    let publisher = |scenario: &Scenario| scenario.server.sessions().next().unwrap();
    let own = publisher(&scenario);
    assert_eq!((own.state, own.action, own.stream), (SessionState::PreRecord, Action::Publish, None));
    assert_eq!((own.transport, own.query.as_deref()), (None, Some("key=1")));
    assert_eq!(scenario.server.announced(own.session).unwrap().medias.len(), 2);
    let mut key = String::new();
    for (track, port) in [(0, 5000), (1, 5002)] {
        let named = if key.is_empty() { String::new() } else { format!("|Session: {key}") };
        let transport = format!("RTP/AVP;unicast;client_port={port}-{};mode=record", port + 1);
        let setup = format!("SETUP rtsp://h/live?key=1/streamid={track}|Transport: {transport}{named}");
        key = session_of(&scenario.request(conn, &setup));
    }
    scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {key}"));
    let own = publisher(&scenario);
    assert_eq!(
        (own.state, own.tracks[1].channels),
        (SessionState::Record, TrackChannels::Udp(peer(5002), peer(5003)))
    );
    let stream = scenario.server.stream(own.stream.unwrap()).unwrap();
    assert_eq!((stream.publisher, &*stream.path), (Some(own.session), "/live"));
}

#[test]
fn a_long_user_agent_is_cut_where_a_character_ends() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default());
    let agent = format!("{}é", "a".repeat(USER_AGENT_BYTES_MAX - 1));
    scenario.request(conn, &format!("OPTIONS *|User-Agent: {agent}"));
    let kept = scenario.server.connection(conn).unwrap().user_agent.unwrap();
    assert_eq!(kept, agent.trim_end_matches('é'));
}
