//! From where datagrams are taken.

use super::scenario::*;
use crate::client::*;
use crate::rtp::rtcp::{self, SenderReport};
use crate::udp::Port;

/// A client that plays over UDP from a server that says it sends from ports 5000 and 5001.
fn playing(policy: SourcePolicy) -> Scenario {
    let config = ClientConfig::default().transports(Transports::Udp).source(policy);
    let mut it = Scenario::playing_udp(config);
    it.datagrams.clear();
    it
}

fn learnt(it: &mut Scenario) -> Option<(usize, Port, String)> {
    match it.next_event()? {
        ClientEvent::SourceLearnt { media, port, source } => Some((media, port, source.to_string())),
        event => panic!("{event:?}"),
    }
}

#[test]
fn what_is_learnt_of_the_server_is_told_once_for_each_port() {
    let mut it = playing(SourcePolicy::AnyPort);
    it.datagram(Port::Rtp, "192.0.2.1:41000", video(2).into_bytes());
    assert_eq!(learnt(&mut it), Some((0, Port::Rtp, "192.0.2.1:41000".into())));
    it.datagram(Port::Rtp, "192.0.2.1:41000", video(3).into_bytes());
    let report = SenderReport { ssrc: 0xabcd, ..SenderReport::default() };
    it.datagram(Port::Rtcp, "192.0.2.1:41007", rtcp::sender_report_compound(&report, "camera"));
    assert_eq!(learnt(&mut it), Some((0, Port::Rtcp, "192.0.2.1:41007".into())));
    assert_eq!(learnt(&mut it), None);
    assert_eq!(it.packets(), [(0, 2, 0), (0, 3, 0)]);
    let mut it = playing(SourcePolicy::Announced);
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(2).into_bytes());
    assert_eq!(learnt(&mut it), None, "nothing is learnt where only what was announced counts");
}

#[test]
fn a_third_address_steers_nothing_before_or_behind_what_is_learnt() {
    let mut it = playing(SourcePolicy::AnyPort);
    // Datagrams from elsewhere, and those that are no packets of the media, teach nothing.
    it.datagram(Port::Rtp, "198.51.100.7:5000", video(7).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.1:42000", &b"hello"[..]);
    assert_eq!((learnt(&mut it), it.packets()), (None, Vec::new()));
    it.datagram(Port::Rtp, "192.0.2.1:41000", video(2).into_bytes());
    assert_eq!(learnt(&mut it), Some((0, Port::Rtp, "192.0.2.1:41000".into())));
    for from in ["198.51.100.7:41000", "198.51.100.7:5000", "192.0.2.1:41001"] {
        it.datagram(Port::Rtp, from, video(3).into_bytes());
    }
    assert_eq!((learnt(&mut it), it.packets()), (None, vec![(0, 2, 0)]));
    assert_eq!(it.client.media_stats(it.now, 0).unwrap().foreign, 4);
    // Reports go where the server has said.
    it.advance(std::time::Duration::from_secs(11));
    it.pump();
    let to: Vec<_> = it.datagrams.iter().map(|(_, _, to, _)| to.to_string()).collect();
    assert!(!to.is_empty() && to.iter().all(|to| to == "192.0.2.1:5001"), "{to:?}");
}
