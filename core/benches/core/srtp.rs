//! Valgrind has no instructions for SHA-1, so that counts of AES-CM are those of a processor that has none either.

use bytes::BytesMut;
use divan::black_box;
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::srtp::{MasterKey, ProtectError, ReceiveContext, SendContext, Suite};

use crate::step::{Step, steps};

/// Packets of 1,400 bytes.
const PAYLOAD: [u8; 1388] = [0x41; 1388];

steps! {
    protect_aes_cm = protect(Suite::AesCm128HmacSha1_80);
    protect_aes_gcm = protect(Suite::AeadAes128Gcm);
    unprotect_aes_cm = unprotect(Suite::AesCm128HmacSha1_80);
    unprotect_aes_gcm = unprotect(Suite::AeadAes128Gcm);
}

fn packet(sequence: u16) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type: 96, sequence, ssrc: 7, ..RtpHeader::default() }, &PAYLOAD)
}

fn protect(suite: Suite) -> Step<impl FnMut() -> Result<(), ProtectError>> {
    let mut sender = SendContext::new(&MasterKey::from_seed(suite, [1; 32]));
    let mut packet = BytesMut::from(&packet(0).as_bytes()[..]);
    let mut out = BytesMut::with_capacity(2 * packet.len());
    let mut sequence = 0_u16;
    Step::new(1, move || {
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        sequence = sequence.wrapping_add(1);
        out.clear();
        sender.protect_into(black_box(&packet), &mut out)
    })
}

/// The packets are copied first, since they are decrypted in place.
fn unprotect(suite: Suite) -> Step<impl FnMut()> {
    const PACKETS: u16 = 1000;
    let key = MasterKey::from_seed(suite, [1; 32]);
    let mut sender = SendContext::new(&key);
    let sent: Vec<_> = (0..PACKETS).map(|sequence| sender.protect(&packet(sequence)).unwrap()).collect();
    let mut buffer = sent[0].as_bytes().to_vec();
    Step::new(sent.len(), move || {
        let mut receiver = ReceiveContext::new(&key);
        for packet in &sent {
            buffer.copy_from_slice(packet.as_bytes());
            receiver.unprotect(black_box(&mut buffer)).unwrap();
        }
    })
}
