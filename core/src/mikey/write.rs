//! From what a message says to its bytes.

use super::{Message, payload};

pub(super) fn message(message: &Message) -> Vec<u8> {
    let mut payloads = Vec::new();
    if let Some(time) = message.time {
        payloads.push((payload::TIME, [&[0], &time.to_bits().to_be_bytes()[..]].concat()));
    }
    if !message.rand.is_empty() {
        payloads.push((payload::RAND, [&[message.rand.len() as u8], &*message.rand].concat()));
    }
    payloads.extend(message.policies.iter().map(|policy| (payload::POLICY, policy.to_bytes())));
    payloads.push((payload::KEY_TRANSPORT, key_transport(message)));

    let following = |at: usize| payloads.get(at).map_or(payload::LAST, |(kind, _)| *kind);
    let mut bytes = vec![1, 0, following(0), 0];
    bytes.extend(message.csb_id.to_be_bytes());
    bytes.extend([message.sessions.len() as u8, 0]);
    for session in &message.sessions {
        bytes.push(session.policy);
        bytes.extend(session.ssrc.to_be_bytes());
        bytes.extend(session.roc.to_be_bytes());
    }
    for (at, (_, payload)) in (1..).zip(&payloads) {
        bytes.push(following(at));
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// The keys, neither encrypted nor authenticated.
fn key_transport(message: &Message) -> Vec<u8> {
    let mut keys = Vec::new();
    for (left, key) in (0..message.keys.len()).rev().zip(&message.keys) {
        keys.push(if left == 0 { payload::LAST } else { payload::KEY });
        key.write(&mut keys);
    }
    let mut bytes = vec![0];
    bytes.extend((keys.len() as u16).to_be_bytes());
    bytes.append(&mut keys);
    bytes.push(0);
    bytes
}
