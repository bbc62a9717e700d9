//! MIKEY, and where it stands: a message is written in one form, which reads the same, and says the same of its keys.

use rtspan_core::header::KeyMgmt;
use rtspan_core::limits::KEY_MGMT_MAX;
use rtspan_core::mikey::Message;
use rtspan_core::srtp::{ReceiveContext, SendContext, Suite};
use rtspan_core::{Tolerances, limits};

use super::input::text;

/// Reads the bytes as a message, and as the headers and attributes that carry one.
pub fn run(data: &[u8]) {
    let mut tolerances = Tolerances::NONE;
    if let Ok(message) = Message::parse(data, &mut tolerances) {
        check(&message);
    }
    let text = text(data);
    if let Some(message) = KeyMgmt::from_attribute(&text) {
        assert_eq!(KeyMgmt::from_attribute(&message.to_attribute()), Some(message));
    }
    if let Ok(messages) = KeyMgmt::parse(&text, &mut tolerances) {
        assert!((1..=KEY_MGMT_MAX).contains(&messages.len()));
        for message in messages {
            assert_eq!(KeyMgmt::parse(&message.to_string(), &mut tolerances), Ok(vec![message]));
        }
    }
}

fn check(message: &Message) {
    let mut tolerances = Tolerances::NONE;
    let written = message.to_bytes();
    assert_eq!(Message::parse(&written, &mut tolerances).as_ref(), Ok(message));
    assert_eq!(Message::from_base64(&message.to_base64(), &mut tolerances).as_ref(), Ok(message));
    for former in [None, Some(Suite::AeadAes256Gcm)] {
        let Ok(keys) = message.master_keys(former) else { continue };
        let mut receiver = ReceiveContext::new(keys.first().expect("a message has a key"));
        keys.iter().for_each(|key| receiver.rekey(key));
        for session in message.sessions() {
            // There may be more sources than a key may have.
            let _ = receiver.set_roc(session.ssrc, session.roc);
        }
        assert!(receiver.rocs().count() <= limits::SRTP_SOURCES_MAX);
        assert!(keys.iter().all(|key| SendContext::new(key).overhead() <= 16 + limits::SRTP_MKI_BYTES_MAX));
    }
}
