//! SRTP against libsrtp, by way of GStreamer: packets are the same to the byte in both directions, over rollovers, with loss
//! and reordering.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use bytes::BytesMut;
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::srtp::{MasterKey, ReceiveContext, SendContext, Suite};

use crate::clip::empty;
use crate::policy::{Needs, installed};
use crate::program::Program;

const SSRC: u32 = 0x0102_0304;

/// The names that GStreamer has for the cipher and the authentication of a suite.
fn names(suite: Suite) -> (&'static str, &'static str) {
    match suite {
        Suite::AesCm128HmacSha1_80 => ("aes-128-icm", "hmac-sha1-80"),
        Suite::AesCm128HmacSha1_32 => ("aes-128-icm", "hmac-sha1-32"),
        Suite::AeadAes128Gcm => ("aes-128-gcm", "null"),
        Suite::AeadAes256Gcm => ("aes-256-gcm", "null"),
        other => panic!("a suite that is not known: {other}"),
    }
}

/// A key, and the ways in which GStreamer is told of it.
struct Agreed {
    key: MasterKey,
    /// The properties of `srtpenc`.
    encoder: String,
    /// The fields of the caps that `srtpdec` reads.
    caps: String,
}

fn agreed(suite: Suite, mki: &'static [u8]) -> Agreed {
    let key = MasterKey::from_seed(suite, [suite as u8; 32]).with_mki(mki).expect("a short identifier");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let joined = hex(&[key.key(), key.salt()].concat());
    let (cipher, auth) = names(suite);
    // GStreamer shortens the tags of RTCP with those of RTP, if it is not told otherwise.
    let rtcp_auth = if suite.is_aead() { "null" } else { "hmac-sha1-80" };
    let mut encoder = format!(
        "key={joined} rtp-cipher={cipher} rtp-auth={auth} rtcp-cipher={cipher} rtcp-auth={rtcp_auth}"
    );
    let mut caps = format!(
        "ssrc=(uint){SSRC},roc=(uint)0,srtp-key=(buffer){joined},srtp-cipher={cipher},srtp-auth={auth},\
         srtcp-cipher={cipher},srtcp-auth={rtcp_auth}"
    );
    if !mki.is_empty() {
        encoder += &format!(" mki={}", hex(mki));
        caps += &format!(",mki=(buffer){}", hex(mki));
    }
    Agreed { key, encoder, caps }
}

/// Every suite, with and without an identifier in the packets.
fn every_agreement() -> impl Iterator<Item = Agreed> {
    Suite::ALL.into_iter().flat_map(|suite| [&b""[..], b"\0\0\0\x07"].map(|mki| agreed(suite, mki)))
}

/// Packets of all lengths over four rollovers, of which most are lost and some come later.
fn packets() -> Vec<RtpPacket> {
    let mut packets: Vec<_> = (65_000..330_000_u32)
        .step_by(37)
        .enumerate()
        .map(|(at, number)| {
            let header = RtpHeader {
                payload_type: 96,
                marker: at % 5 == 0,
                sequence: number as u16,
                timestamp: number,
                ssrc: SSRC,
            };
            let payload: Vec<u8> = (0..1 + at * 7 % 1400).map(|byte| (byte + at) as u8).collect();
            RtpPacket::build(header, &payload)
        })
        .collect();
    packets.chunks_exact_mut(8).for_each(|chunk| chunk[2..5].rotate_left(1));
    packets
}

fn reports() -> Vec<Vec<u8>> {
    let report = |number: u8| {
        let ssrc = SSRC.to_be_bytes();
        [&[0x80, 200, 0, 6][..], &ssrc, &[number; 20], &[0x81, 202, 0, 2], &ssrc, &[1, 1, b'a', 0]].concat()
    };
    (0..50).map(report).collect()
}

/// Each packet behind its length (RFC 4571).
fn framed(packets: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        let packet = packet.as_ref();
        bytes.extend(u16::try_from(packet.len()).expect("a short packet").to_be_bytes());
        bytes.extend_from_slice(packet);
    }
    bytes
}

fn unframed(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (packet, rest) = rest.split_at(u16::from_be_bytes(*length).into());
        packets.push(packet.to_vec());
        bytes = rest;
    }
    packets
}

/// The packets that GStreamer makes of others: `pipeline` stands for what is between the one that reads them and that which writes.
fn through_gstreamer(name: &str, packets: &[u8], caps: &str, pipeline: &str) -> Vec<Vec<u8>> {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("srtp-{}-{name}", std::process::id()));
    empty(&folder);
    let (from, to) = (folder.join("from"), folder.join("to"));
    fs::write(&from, packets).expect("a file");
    let source = format!("filesrc location={} ! {caps} ! rtpstreamdepay", from.display());
    let sink = format!("rtpstreampay ! filesink location={}", to.display());
    let pipeline = pipeline.replace("SOURCE", &source).replace("SINK", &sink);
    let mut command = Command::new("gst-launch-1.0");
    Program::start(name, command.arg("-q").args(pipeline.split_whitespace())).finish();
    let made = unframed(&fs::read(&to).expect("what was written"));
    fs::remove_dir_all(&folder).expect("it is our own");
    made
}

#[test]
fn rtp_that_libsrtp_protects_is_ours_to_the_byte_and_is_taken() {
    if !installed(&[Needs::Gstreamer]) {
        return;
    }
    let plain = packets();
    for Agreed { key, encoder, .. } in every_agreement() {
        let made = through_gstreamer(
            &format!("enc-{}-{}", key.suite(), key.mki().len()),
            &framed(plain.iter().map(RtpPacket::as_bytes)),
            "application/x-rtp-stream,media=video,payload=96,clock-rate=90000,encoding-name=H264",
            &format!("SOURCE ! srtpenc {encoder} ! SINK"),
        );
        assert_eq!(made.len(), plain.len());
        let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
        for (mut made, plain) in made.into_iter().zip(&plain) {
            let ours = sender.protect(plain).expect("packets that may be sent");
            assert!(made == ours.as_bytes()[..], "{}: {plain:?}", key.suite());
            let len = receiver.unprotect(&mut made).expect("an authentic packet");
            assert!(made[..len] == plain.as_bytes()[..]);
        }
        assert!(sender.rocs().eq([(SSRC, 5)]));
    }
}

#[test]
fn rtp_that_we_protect_is_taken_by_libsrtp() {
    if !installed(&[Needs::Gstreamer]) {
        return;
    }
    let plain = packets();
    for Agreed { key, caps, .. } in every_agreement() {
        let mut sender = SendContext::new(&key);
        let protected = plain.iter().map(|packet| sender.protect(packet).expect("a packet that may be sent"));
        let taken = through_gstreamer(
            &format!("dec-{}-{}", key.suite(), key.mki().len()),
            &framed(protected.map(RtpPacket::into_bytes)),
            &format!(
                "application/x-srtp-stream,media=video,payload=96,clock-rate=90000,encoding-name=H264,{caps}"
            ),
            "SOURCE ! srtpdec ! SINK",
        );
        assert_eq!(taken.len(), plain.len(), "{}", key.suite());
        assert!(taken.iter().zip(&plain).all(|(taken, plain)| *taken == plain.as_bytes()[..]));
    }
}

#[test]
fn rtcp_is_the_same_to_the_byte_in_both_directions() {
    if !installed(&[Needs::Gstreamer]) {
        return;
    }
    let plain = reports();
    for Agreed { key, encoder, caps } in every_agreement() {
        // libsrtp begins with the index 1.
        let mut sender = SendContext::new(&key).rtcp_indices(1..u32::MAX);
        let ours: Vec<_> = plain
            .iter()
            .map(|report| {
                let mut out = BytesMut::new();
                sender.protect_rtcp_into(report, &mut out).expect("a report that may be sent");
                out.to_vec()
            })
            .collect();
        let name = format!("{}-{}", key.suite(), key.mki().len());
        let made = through_gstreamer(
            &format!("rtcp-enc-{name}"),
            &framed(&plain),
            "application/x-rtcp-stream",
            &format!("srtpenc name=e {encoder} SOURCE ! e.rtcp_sink_0 e.rtcp_src_0 ! SINK"),
        );
        assert_eq!(made, ours, "{name}");
        let mut receiver = ReceiveContext::new(&key);
        for (mut made, plain) in made.into_iter().zip(&plain) {
            let len = receiver.unprotect_rtcp(&mut made).expect("an authentic report");
            assert_eq!(&made[..len], plain);
        }
        // libsrtp looks for the identifier in RTCP by the length of the tags of RTP.
        if key.suite() == Suite::AesCm128HmacSha1_32 && !key.mki().is_empty() {
            continue;
        }
        let taken = through_gstreamer(
            &format!("rtcp-dec-{name}"),
            &framed(&ours),
            &format!("application/x-srtcp-stream,{caps}"),
            "srtpdec name=d SOURCE ! d.rtcp_sink d.rtcp_src ! SINK",
        );
        assert_eq!(taken, plain, "{name}");
    }
}
