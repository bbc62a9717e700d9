//! Media of the client: publishing, and back channels.

use super::*;
use crate::description::{Attribute, Description, Format, Media, MediaKind};
use crate::frame::Frame;
use crate::limits::{PACKET_BYTES_MAX, SEND_PACKETS_MAX};

fn protected() -> ClientConfig {
    tcp().srtp(ClientSrtp::default().publish(Suite::AeadAes128Gcm))
}

/// Announces, and returns the description as it was announced.
fn announced(it: &mut Scenario, description: Description) -> Description {
    it.client.announce(it.now, description).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    let request = it.request();
    let (_, body) = request.split_once(" || ").expect("a description");
    Description::parse(body.as_bytes(), &mut Tolerances::default()).unwrap()
}

fn keys_in(description: &Description, media: usize) -> PeerKeys {
    let messages = description.medias[media].key_mgmt();
    PeerKeys::read(messages, None, &mut Tolerances::default()).unwrap().expect("a message of MIKEY")
}

/// Records the video, once the server has answered ANNOUNCE and SETUP so.
fn recording(config: ClientConfig, announce: &str, setup: &str) -> (Scenario, PeerKeys) {
    let mut it = Scenario::with(SECURE, config);
    let description = announced(&mut it, published());
    it.answer(&format!("200 OK{announce}"));
    it.done();
    it.client.setup(it.now, 0).unwrap();
    let keys = keys_of(&it.request());
    assert_eq!(keys.keys(), keys_in(&description, 0).keys(), "SETUP tells the key of ANNOUNCE");
    it.answer(&format!("200 OK | Session: 1 | {TCP};mode=record{setup}"));
    it.done();
    it.client.record(it.now).unwrap();
    it.expect_method("RECORD");
    it.answer("200 OK");
    it.done();
    (it, keys)
}

#[test]
fn what_is_published_is_announced_and_sent_under_a_key_of_each_media() {
    let mut it = Scenario::with(SECURE, protected());
    let description = announced(&mut it, published());
    assert!(description.medias.iter().all(|media| media.profile == Profile::Savp));
    let keys = [0, 1].map(|media| keys_in(&description, media));
    assert!(keys.iter().all(|keys| keys.suite() == Suite::AeadAes128Gcm));
    assert_ne!(keys[0].keys(), keys[1].keys());

    let (mut it, keys) = recording(protected(), "", "");
    let mut opener = Opener::new(&keys, &BuiltIn).unwrap();
    for sequence in [65_535, 0] {
        it.client.send(it.now, 0, &video(sequence)).unwrap();
        it.pump();
        let frame = it.frames.pop_front().unwrap();
        assert_eq!((frame.channel, &opener.rtp(frame.payload).unwrap()), (0, video(sequence).as_bytes()));
        // A sender report behind the first.
        let reports = it.frames.drain(..).map(|frame| opener.rtcp(frame.payload).unwrap()[1]);
        assert_eq!(reports.collect::<Vec<_>>(), if sequence == 0 { vec![] } else { vec![200] });
    }
    assert_eq!(it.client.media_stats(it.now, 0).unwrap().sent_packets, 2);
}

#[test]
fn the_sources_of_the_frame_writer_are_told_and_its_packets_have_room_for_the_tag() {
    let mut it = Scenario::with(SECURE, protected());
    let description = announced(&mut it, published());
    it.answer("200 OK");
    it.done();
    let told = |media: usize| {
        let message = description.medias[media].key_mgmt().next().unwrap();
        let message = crate::mikey::Message::parse(&message.data, &mut Tolerances::default()).unwrap();
        message.sessions().iter().map(|session| (media, session.ssrc)).collect::<Vec<_>>()
    };
    let mut writer = it.client.frame_writer().unwrap();
    let ssrcs: Vec<_> = writer.ssrcs().collect();
    assert_eq!(ssrcs, [told(0), told(1)].concat());
    let frame = Frame::new(0, 0, vec![0x65; 9000]);
    let mut longest = 0;
    writer.write(&frame, |packet| longest = longest.max(packet.len())).unwrap();
    assert_eq!(longest, PACKET_BYTES_MAX - 20);
    // Another writer has sources of its own.
    assert_ne!(it.client.frame_writer().unwrap().ssrcs().collect::<Vec<_>>(), ssrcs);
}

#[test]
fn sources_that_the_description_names_are_told() {
    let mut it = Scenario::with(SECURE, protected());
    let mut description = published();
    description.medias[0].set_ssrcs([1]);
    description.medias[0].set_ssrcs([7, 9]);
    description.medias[0].attributes.push(Attribute::new("ssrc", "7 cname:x"));
    let description = announced(&mut it, description);
    let message = description.medias[0].key_mgmt().next().unwrap();
    let message = crate::mikey::Message::parse(&message.data, &mut Tolerances::default()).unwrap();
    assert_eq!(message.sessions().iter().map(|session| session.ssrc).collect::<Vec<_>>(), [7, 9]);
}

#[test]
fn reports_of_the_server_are_read_by_the_key_of_either_answer() {
    let right = key(Suite::AesCm128HmacSha1_80);
    let track = "rtsps://192.0.2.1/cam/trackID=0";
    let header = format!(" | KeyMgmt: {}", told(&right, 0).with_uri(track));
    for (announce, setup) in [(&*header, ""), ("", &*header)] {
        let (it, client) = recording(protected(), announce, setup);
        let opener = Opener::new(&client, &BuiltIn).unwrap();
        let mut server = Server { it, sender: SendContext::new(right.key()), opener, client };
        server.it.client.send(server.it.now, 0, &video(1)).unwrap();
        let ssrc = [0, 0, 0xab, 0xcd];
        let block = [&ssrc[..], &[128, 0, 0, 5], &[0; 16]].concat();
        server.report(&[&[0x81, 201, 0, 7, 0, 0, 0, 9][..], &block].concat());
        let event = server.it.event();
        assert!(matches!(event, ClientEvent::LossReported { media: 0, lost: 5, .. }), "{event:?}");
    }
    // Without its key they cannot be read, which does not matter to what is sent.
    let (mut it, _) = recording(protected(), "", "");
    it.frame(1, REPORT);
    it.client.send(it.now, 0, &video(1)).unwrap();
    assert_eq!(it.client.media_stats(it.now, 0).unwrap().unauthentic, 1);
}

#[test]
fn a_packet_that_finds_no_room_is_taken_later() {
    let (mut it, keys) = recording(protected(), "", "");
    for sequence in 0..SEND_PACKETS_MAX as u16 {
        match it.client.send(it.now, 0, &video(sequence)) {
            Ok(()) => continue,
            // The report behind the first took a place.
            Err(error) => assert_eq!((error, sequence), (SendError::Full, SEND_PACKETS_MAX as u16 - 1)),
        }
    }
    it.pump();
    it.client.send(it.now, 0, &video(SEND_PACKETS_MAX as u16 - 1)).unwrap();
    it.pump();
    let mut opener = Opener::new(&keys, &BuiltIn).unwrap();
    let opened = it.frames.drain(..).filter(|frame| frame.channel == 0);
    assert_eq!(opened.filter_map(|frame| opener.rtp(frame.payload)).count(), SEND_PACKETS_MAX);
}

#[test]
fn no_number_is_sent_twice_under_one_key() {
    let (mut it, _) = recording(protected(), "", "");
    it.client.send(it.now, 0, &video(1)).unwrap();
    let error = it.client.send(it.now, 0, &video(1));
    assert_eq!(error, Err(SendError::Protect(crate::srtp::ProtectError::Repeated)));
    assert_eq!(it.client.media_stats(it.now, 0).unwrap().sent_packets, 1);
}

#[test]
fn keys_of_somebody_elses_are_not_announced() {
    let foreign = key(Suite::AeadAes256Gcm);
    let mut media = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
    media.profile = Profile::Savpf;
    media.attributes = vec![
        Attribute::new("key-mgmt", told(&foreign, 0).to_attribute()),
        Attribute::new("crypto", "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"),
    ];
    let mut relayed = Description::new(vec![media]);
    relayed.attributes.push(Attribute::new("key-mgmt", told(&foreign, 0).to_attribute()));
    // A media that is described as encrypted is encrypted, also without a policy.
    let announced = announced(&mut Scenario::with(SECURE, tcp()), relayed.clone());
    assert_eq!((announced.key_mgmt().count(), announced.medias[0].crypto().count()), (0, 0));
    assert_eq!(announced.medias[0].profile, Profile::Savpf);
    assert_eq!(keys_in(&announced, 0).suite(), Suite::AesCm128HmacSha1_80);

    let mut it = Scenario::with(URL, tcp());
    it.client.announce(it.now, relayed).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_nothing_sent();
    assert_eq!(it.failed(), CommandError::Srtp { media: 0, error: SrtpError::NotOverTls });
}

#[test]
fn a_back_channel_is_sent_under_the_clients_key() {
    let right = key(Suite::AesCm128HmacSha1_80);
    let media = attribute(&right, 0);
    let door = description("", &media)
        + &format!("m=audio 0 RTP/SAVP 0\r\na=control:trackID=1\r\na=sendonly\r\n{media}");
    let it = Scenario::with(SECURE, tcp().back_channel(true)).describe_as(&door);
    let mut server = Server::set_up(it, right.key(), TCP);
    server.it.done();
    server.it.client.setup(server.it.now, 1).unwrap();
    let keys = keys_of(&server.it.request());
    let ssrc = server.it.client.frame_writer().unwrap().ssrcs().nth(1).unwrap().1;
    server.it.answer("200 OK | Session: 1 | Transport: RTP/SAVP/TCP;unicast;interleaved=2-3");
    assert!(matches!(server.it.done(), Reply::Setup(TrackInfo { is_sent: true, .. })));
    server.it.client.play(server.it.now, None).unwrap();
    server.it.expect_method("PLAY");
    server.it.answer("200 OK");
    server.it.done();
    let said = packet(0, 5, ssrc);
    server.it.client.send(server.it.now, 1, &said).unwrap();
    server.it.pump();
    let mut opener = Opener::new(&keys, &BuiltIn).unwrap();
    let frame = server.it.frames.iter().find(|frame| frame.channel == 2).unwrap();
    assert_eq!(&opener.rtp(frame.payload.clone()).unwrap(), said.as_bytes());
}
