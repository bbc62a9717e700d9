//! An application of a user, tested with what a user has: a recorder whose camera reboots every ten minutes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::sim::{Link, Server, Sim, SimRuntime, sleep};
use rtspan_std::{
    Description, Format, Instant, Media, MediaKind, ReconnectPolicy, RtpHeader, RtpPacket, Transports,
};

/// How the recorder tells what it has already.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Recorder {
    /// The client has left out what came twice.
    Sound,
    /// A sequence number that is not above the last is that of a packet that came twice: a mistake, since cameras begin anew.
    Mistaken,
}

/// The application: it keeps the number of each keyframe.
async fn record<R: Runtime>(url: &str, recorder: Recorder, kept: &Mutex<Vec<u32>>) -> Result<(), Error> {
    let camera = Client::<R>::builder(url)?.transport(Transports::Tcp).reconnect(ReconnectPolicy::default());
    let mut packets = camera.play().await?;
    let mut last = None;
    while let Some(received) = packets.next().await {
        let packet = received?.packet;
        if recorder == Recorder::Mistaken && last.is_some_and(|last| packet.sequence() <= last) {
            continue;
        }
        last = Some(packet.sequence());
        if let [KEYFRAME, number @ ..] = packet.payload() {
            kept.lock().unwrap().push(u32::from_be_bytes(number.try_into().unwrap()));
        }
    }
    Ok(())
}

/// The first byte of an IDR picture.
const KEYFRAME: u8 = 0x65;
const PICTURES_A_SECOND: u16 = 25;
/// The time behind a reboot within which the recorder is to be back.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The keyframes that a camera has sent, with the time since its reboot.
type Sent = Arc<Mutex<Vec<(Duration, u32)>>>;

/// A camera from its power-up on: a keyframe each second, and sequence numbers from zero.
async fn film(sent: Sent) {
    let server = Server::builder().bind("10.0.0.1:554").await.unwrap();
    let media = Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]);
    let stream = server.publish("/cam", Description::new(vec![media])).unwrap();
    let mut header = RtpHeader { payload_type: 96, marker: true, ..RtpHeader::default() };
    for picture in 0..u16::MAX {
        (header.sequence, header.timestamp) = (picture, u32::from(picture) * 3600);
        let payload = if picture % PICTURES_A_SECOND == 0 {
            let mut sent = sent.lock().unwrap();
            let number = u32::try_from(sent.len()).unwrap();
            sent.push((Duration::from_millis(40) * picture.into(), number));
            [&[KEYFRAME][..], &number.to_be_bytes()].concat()
        } else {
            vec![0x41; 1000]
        };
        stream.write(0, RtpPacket::build(header, &payload)).unwrap();
        sleep(Duration::from_millis(40)).await;
    }
}

/// The keyframes that the recorder should have, and those of them that it has not.
fn missing(recorder: Recorder, seed: u64) -> (usize, Vec<u32>) {
    let sim = Sim::new(seed);
    let (sent, kept) = (Sent::default(), Arc::new(Mutex::new(Vec::new())));
    let camera = sim.host("10.0.0.1");
    camera.spawn(film(Arc::clone(&sent)));
    let keeps = Arc::clone(&kept);
    let link = Link::lossy(0.01).latency(Duration::from_millis(5));
    sim.host("10.0.0.2").link_to("10.0.0.1", link).spawn(async move {
        record::<SimRuntime>("rtsp://10.0.0.1/cam", recorder, &keeps).await.unwrap();
    });
    for _ in 0..6 {
        sim.run_for(Duration::from_secs(600)).unwrap();
        camera.cut_power();
        sim.run_for(Duration::from_secs(5)).unwrap();
        camera.restore_power();
        camera.spawn(film(Arc::clone(&sent)));
    }
    assert!(sim.now().since(Instant::ZERO) >= Duration::from_secs(3600));
    let (sent, kept) = (sent.lock().unwrap(), kept.lock().unwrap());
    assert!(kept.is_sorted_by(|one, next| one < next), "each came once, in its order");
    let due: Vec<u32> = sent.iter().filter(|(at, _)| *at >= BACK_WITHIN).map(|(_, number)| *number).collect();
    // Frames that were on their way when the power went are nobody's fault.
    let in_time = |number: &&u32| {
        !kept.contains(number) && sent.get(**number as usize + 1).is_some_and(|(at, _)| !at.is_zero())
    };
    (due.len(), due.iter().filter(in_time).copied().collect())
}

#[test]
fn a_recorder_has_every_keyframe_although_its_camera_reboots() {
    let seed = u64::from(std::process::id());
    for seed in [1, seed] {
        let (due, missing) = missing(Recorder::Sound, seed);
        assert!(due > 3200 && missing.is_empty(), "seed {seed}: of {due} are missing {missing:?}");
    }
}

#[test]
fn a_mistake_in_the_recorder_is_found() {
    let (due, missing) = missing(Recorder::Mistaken, 1);
    assert!(missing.len() > due / 2, "of {due} only {} are missing", missing.len());
}
