//! SRTP: what was protected is taken once and is what it was; anything else is refused and changes nothing.

use bytes::BytesMut;
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::srtp::{MasterKey, ReceiveContext, SendContext, Suite, UnprotectError};

use super::input::Input;

/// Suites whose tags are too long to be met by chance.
const SUITES: [Suite; 3] = [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm, Suite::AeadAes256Gcm];

/// A packet that is under way.
struct Sent {
    bytes: Vec<u8>,
    plain: Vec<u8>,
    is_rtcp: bool,
    was_taken: bool,
}

/// Does what the bytes say: sends, loses, delivers late, twice and changed, forges, and agrees on new keys.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut seed = input.byte();
    let mki = input.byte();
    let mut key = agree(seed, mki);
    let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
    let mut under_way: Vec<Sent> = Vec::new();
    while !input.is_empty() {
        match input.byte() % 8 {
            0 => {
                let mut forged = input.chunk().to_vec();
                assert!(receiver.unprotect(&mut forged).is_err());
            }
            1 => {
                let mut forged = input.chunk().to_vec();
                assert!(receiver.unprotect_rtcp(&mut forged).is_err());
            }
            2 | 3 => {
                let header =
                    RtpHeader { ssrc: input.byte().into(), sequence: input.word(), ..RtpHeader::default() };
                let packet = RtpPacket::build(header, input.chunk());
                if let Ok(protected) = sender.protect(&packet) {
                    assert_eq!(protected.len(), packet.len() + sender.overhead());
                    under_way.push(Sent::rtp(protected.as_bytes(), packet.as_bytes()));
                }
            }
            4 => {
                let compound = [&[0x80, 201, 0, 1, 0, 0, 0, input.byte()], input.chunk()].concat();
                let mut out = BytesMut::new();
                if sender.protect_rtcp_into(&compound, &mut out).is_ok() {
                    assert_eq!(out.len(), compound.len() + sender.rtcp_overhead());
                    under_way.push(Sent { is_rtcp: true, ..Sent::rtp(&out, &compound) });
                }
            }
            5 => {
                let (at, place, bit) = (input.byte(), input.word(), input.byte() % 8);
                if let Some(sent) = under_way.get(usize::from(at)) {
                    let mut changed = sent.bytes.clone();
                    let place = usize::from(place) % changed.len();
                    changed[place] ^= 1 << bit;
                    assert!(sent.receive(&mut receiver, &mut changed).is_err());
                }
            }
            6 => {
                seed = seed.wrapping_add(1);
                key = agree(seed, mki.wrapping_add(seed));
                sender.rekey(&key);
                receiver.rekey(&key);
            }
            _ => {
                if let Some(sent) = under_way.get_mut(usize::from(input.byte())) {
                    let mut bytes = sent.bytes.clone();
                    if let Ok(len) = sent.receive(&mut receiver, &mut bytes) {
                        assert!(!sent.was_taken, "taken twice");
                        assert_eq!(bytes[..len], sent.plain);
                        sent.was_taken = true;
                    }
                }
            }
        }
    }
}

/// A key that follows from two bytes, with an identifier or without.
fn agree(seed: u8, mki: u8) -> MasterKey {
    let key = MasterKey::from_seed(SUITES[usize::from(seed) % SUITES.len()], [seed; 32]);
    key.with_mki(vec![mki; usize::from(mki % 5)]).expect("a short identifier")
}

impl Sent {
    fn rtp(bytes: &[u8], plain: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), plain: plain.to_vec(), is_rtcp: false, was_taken: false }
    }

    fn receive(&self, receiver: &mut ReceiveContext, bytes: &mut [u8]) -> Result<usize, UnprotectError> {
        if self.is_rtcp { receiver.unprotect_rtcp(bytes) } else { receiver.unprotect(bytes) }
    }
}
