//! From the bytes of a message to what it says.

use super::key_data::KeyData;
use super::policy::Policy;
use super::reader::Reader;
use super::{CryptoSession, Message, MikeyError, payload};
use crate::limits::MIKEY_BYTES_MAX;
use crate::{NtpTime, Tolerance, Tolerances};

/// Data types of messages.
const PRE_SHARED_KEY: u8 = 0;
const ERROR: u8 = 6;
/// The flag that asks for a message in return, which RTSP always gives.
const WANTS_ANSWER: u8 = 0x80;
/// Bytes of a message authentication code by HMAC-SHA1.
const MAC_BYTES: usize = 20;

pub(super) fn message(bytes: &[u8], tolerances: &mut Tolerances) -> Result<Message, MikeyError> {
    if bytes.len() > MIKEY_BYTES_MAX {
        return Err(MikeyError::TooLong { length: bytes.len() });
    }
    let reader = &mut Reader::new(bytes);
    let (mut message, mut next) = header(reader)?;
    while next != payload::LAST {
        let (kind, offset) = (next, reader.offset());
        next = reader.u8("type of the next payload")?;
        match kind {
            payload::KEY_TRANSPORT => message.keys.append(&mut key_transport(reader)?),
            payload::TIME => message.time = time(reader)?.or(message.time),
            payload::POLICY => message.policies.push(Policy::read(reader, tolerances)?),
            payload::RAND => {
                let len = reader.u8("length of the random value")?;
                message.rand = reader.bytes("random value", len.into())?.into();
            }
            payload::ERROR => return Err(MikeyError::Failed { code: reader.u8("error")? }),
            // Identities and extensions change no key.
            payload::ID | payload::EXTENSION => {
                reader.u8("type of a payload")?;
                let len = reader.u16("length of a payload")?;
                reader.bytes("payload", len.into())?;
            }
            value => return Err(MikeyError::Unsupported { field: "type of the payload", offset, value }),
        }
    }
    end(reader, tolerances)?;
    if message.keys.is_empty() {
        return Err(MikeyError::NoKey);
    }
    Ok(message)
}

/// Reads the header, and the type of the first payload.
fn header(reader: &mut Reader<'_>) -> Result<(Message, u8), MikeyError> {
    reader.known("version", &[1])?;
    reader.known("data type", &[PRE_SHARED_KEY, ERROR])?;
    let next = reader.u8("type of the first payload")?;
    reader.known("pseudo-random function", &[0, WANTS_ANSWER])?;
    let csb_id = reader.u32("number of the bundle")?;
    let count = reader.u8("number of crypto sessions")?;
    reader.known("type of the crypto session map", &[0])?;
    let session = |_| {
        let policy = reader.u8("policy of a crypto session")?;
        let ssrc = reader.u32("source of a crypto session")?;
        Ok(CryptoSession { policy, ssrc, roc: reader.u32("rollover counter of a crypto session")? })
    };
    let sessions = (0..count).map(session).collect::<Result<_, _>>()?;
    let message = Message {
        csb_id,
        sessions,
        time: None,
        rand: Box::default(),
        policies: Vec::new(),
        keys: Vec::new(),
    };
    Ok((message, next))
}

/// Reads keys that are not encrypted (RFC 3830, section 6.2). A code that authenticates them is passed over: the secret that
/// it needs is not known, and TLS has done it.
fn key_transport(reader: &mut Reader<'_>) -> Result<Vec<KeyData>, MikeyError> {
    reader.known("encryption of the keys", &[0])?;
    let len = reader.u16("length of the keys")?;
    let mut part = reader.part("keys", len.into())?;
    let mut keys = Vec::new();
    if len > 0 {
        loop {
            let next = part.known("type of the next key", &[payload::LAST, payload::KEY])?;
            keys.push(KeyData::read(&mut part)?);
            if next == payload::LAST {
                break;
            }
        }
    }
    if !part.rest().is_empty() {
        return Err(MikeyError::TrailingBytes { offset: part.offset(), count: part.rest().len() });
    }
    let code = reader.known("authentication of the keys", &[0, 1])?;
    reader.bytes("authentication code", if code == 1 { MAC_BYTES } else { 0 })?;
    Ok(keys)
}

/// Reads a time; `None` for a counter, which is none.
fn time(reader: &mut Reader<'_>) -> Result<Option<NtpTime>, MikeyError> {
    const COUNTER: u8 = 2;
    if reader.known("type of the time", &[0, 1, COUNTER])? == COUNTER {
        return reader.u32("counter").map(|_| None);
    }
    reader.u64("time").map(|bits| Some(NtpTime::from_bits(bits)))
}

fn end(reader: &Reader<'_>, tolerances: &mut Tolerances) -> Result<(), MikeyError> {
    match reader.rest() {
        [] => Ok(()),
        [0] => {
            tolerances.record(Tolerance::MikeyTrailingByte);
            Ok(())
        }
        rest => Err(MikeyError::TrailingBytes { offset: reader.offset(), count: rest.len() }),
    }
}
