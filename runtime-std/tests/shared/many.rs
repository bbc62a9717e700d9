//! Many cameras in one process.

use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, RtpHeader, RtpPacket, ServerConfig, Transports};

use super::by_hand::Ear;
use super::{description, number, packet, pause, read, serve, url};

const OTHERS: usize = 8;
const ROUNDS: u16 = 100;
/// Packets of the camera that floods for each one of the others.
const FLOOD: u16 = 30;

pub(crate) async fn a_camera_that_hangs_and_one_that_floods_change_nothing_for_the_others<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let [calm, flood] = ["/cam", "/flood"].map(|path| server.publish(path, description()).unwrap());
    // This one takes connections, and says nothing.
    let hanging = Ear::<R>::new();
    let builder = Client::<R>::builder(&format!("rtsp://{}/cam", hanging.local_addr())).unwrap();
    R::default().spawn(async { drop(builder.play().await) }).unwrap();
    let config = ClientConfig::default().transports(Transports::Tcp).received_packets_max(64);
    let builder = Client::<R>::builder(&url(&server, "/flood")).unwrap().config(config);
    let mut flooded = builder.play().await.unwrap();
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(read(&server, "/cam", Transports::Tcp).await);
    }
    for round in 0..ROUNDS {
        let burst: Vec<_> = (0..FLOOD).map(|own| packet(0, round * FLOOD + own, 1400)).collect();
        flood.write_frame(0, &burst).unwrap();
        calm.write(0, packet(0, round, 100)).unwrap();
        for packets in &mut others {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((number(&received), received.lost), (round, 0));
        }
    }
    // Nobody has taken what was flooded: the oldest are gone, and pictures go on with a keyframe.
    let sent = ROUNDS * FLOOD;
    let header = RtpHeader { payload_type: 96, sequence: sent, ssrc: 0x1234_5678, ..RtpHeader::default() };
    flood
        .write(0, RtpPacket::build(RtpHeader { timestamp: u32::from(sent) * 160, ..header }, &[0x65, 0x88]))
        .unwrap();
    let all = u64::from(sent) + 1;
    while flooded.media_stats(0).unwrap().packets + flooded.media_stats(0).unwrap().lost < all {
        pause::<R>().await;
    }
    let received = flooded.next().await.unwrap().unwrap();
    assert_eq!((received.packet.sequence(), received.lost), (sent, sent));
    assert_eq!(flooded.dropped() + flooded.media_stats(0).unwrap().lost, u64::from(sent));
}
