//! Answers that leave out or get wrong what the client can do without.

use super::scenario::*;
use crate::Tolerance;
use crate::client::*;

/// The one tolerance that has fired, if any.
fn fired(it: &Scenario) -> Vec<Tolerance> {
    it.client.tolerances().iter().collect()
}

#[test]
fn a_source_that_packets_cannot_come_from_is_recorded() {
    for (source, expected) in [
        ("192.0.2.9", &[][..]),
        ("camera.local", &[Tolerance::UnusableSource]),
        ("0.0.0.0", &[Tolerance::UnusableSource]),
        ("127.0.0.1", &[Tolerance::UnusableSource]),
        ("", &[Tolerance::UnreadableParameter]),
    ] {
        let mut it = Scenario::described(Transports::Udp);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer(&format!(
            "200 OK | Session: 1 | Transport: RTP/AVP;unicast;source={source};server_port=5000-5001"
        ));
        it.done();
        assert_eq!(fired(&it), expected, "{source}");
    }
}

#[test]
fn a_transport_over_udp_without_unicast_is_taken_for_unicast() {
    let mut it = Scenario::described(Transports::Udp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP;client_port=7000-7001;server_port=5000-5001");
    assert!(matches!(it.done(), Reply::Setup(_)));
    assert_eq!(fired(&it), [Tolerance::NoDelivery]);
}

#[test]
fn a_setup_without_a_session_is_accepted() {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    assert!(matches!(it.done(), Reply::Setup(_)));
    assert_eq!(fired(&it), [Tolerance::NoSessionId]);
    it.client.play(it.now, None).unwrap();
    it.expect("PLAY rtsp://192.0.2.1/cam?q=1/ | CSeq: 4 | Range: npt=0.000- | User-Agent: test");
}

/// A client that plays one media, and is told this of it; `URL` is that of its PLAY.
fn played(media: usize, info: &str) -> (Scenario, Playing) {
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, media).unwrap();
    it.client.play(it.now, None).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    let play = it.request();
    let url = play.split(' ').nth(1).unwrap().trim_end_matches('/');
    it.answer(&format!("200 OK | RTP-Info: {}", info.replace("URL", url)));
    let Reply::Playing(playing) = it.done() else { panic!() };
    (it, playing)
}

#[test]
fn first_sequence_numbers_of_0_and_1_are_not_believed() {
    // Hikvision DS-2CD2032-I, Tapo C320WS.
    for (seq, believed) in [(0, None), (1, None), (2, Some(2)), (35_243, Some(35_243))] {
        let (it, playing) = played(0, &format!("url=URL/trackID=0;seq={seq};rtptime=7"));
        assert_eq!(playing.tracks.iter().map(|track| track.sequence).collect::<Vec<_>>(), [believed]);
        assert_eq!(
            it.client.tolerances().contains(Tolerance::UnbelievableSequence),
            believed.is_none(),
            "{seq}"
        );
    }
}

#[test]
fn a_track_starts_where_its_own_entry_says_also_when_the_server_tells_of_more() {
    // The answer to another SETUP was lost, so that the server plays a track that the client does not know to be set up.
    let (_, playing) = played(1, "url=URL/trackID=0;seq=7;rtptime=8,url=URL/trackID=1;seq=9;rtptime=10");
    assert_eq!(playing.tracks, [TrackStart { media: 1, sequence: Some(9), timestamp: Some(10) }]);
}
