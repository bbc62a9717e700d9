//! Errors of TLS, certificates, and of the keys of SRTP.

use super::{io, say};
use crate::header::HeaderError;
use crate::mikey::MikeyError;
use crate::srtp::{KeyError, KeyingError, ProtectError, Suite, UnprotectError};
use crate::tls::{CertificateError, CertificateProblem, Fingerprint, TlsError};

#[test]
fn tls_and_certificates() {
    let expired = || CertificateError::new(CertificateProblem::Expired);
    say_each! { TlsError:
        TlsError::Unavailable = TlsError::Unavailable => "this program was built without TLS",
        TlsError::NotTls = TlsError::NotTls => "the peer does not speak TLS at this port",
        TlsError::Certificate(_) = TlsError::Certificate(Box::new(expired())) =>
            "the peer's certificate has expired: renew it, or set this machine's clock",
        TlsError::RefusedByPeer(_) = TlsError::RefusedByPeer(io("unknown CA")) =>
            "the peer refused TLS: unknown CA",
        TlsError::Failed(_) = TlsError::Failed(io("no common version")) => "TLS failed: no common version",
    }
    let wrong = CertificateProblem::WrongName { expected: "cam".into(), presented: vec!["dvr".into()] };
    let certificate = |problem| CertificateError::new(problem);
    say! {
        certificate(CertificateProblem::NotYetValid) =>
            "the peer's certificate is not valid yet: set this machine's clock",
        certificate(CertificateProblem::UnknownIssuer) =>
            "the peer's certificate comes from no authority that is trusted: trust its root, or pin it",
        certificate(wrong) => "the peer's certificate is not for cam but for dvr: connect by its name, or pin it",
        certificate(CertificateProblem::NotPinned) =>
            "the peer's certificate is another one than was pinned: it was renewed, or somebody is in between",
        certificate(CertificateProblem::Revoked) => "the peer's certificate was revoked: renew it",
        certificate(CertificateProblem::Unfit(io("bad encoding"))) =>
            "the peer's certificate cannot be used: bad encoding",
        "0".parse::<Fingerprint>().unwrap_err() =>
            "a SHA-256 has 64 hexadecimal digits, with colons between pairs of them or none",
    }
}

#[test]
fn packets_that_are_protected() {
    let suite = Suite::AesCm128HmacSha1_80;
    say_each! { KeyError:
        KeyError::KeyLength { .. } = KeyError::KeyLength { suite, length: 15 } =>
            "a master key of 15 bytes is not one of AES_CM_128_HMAC_SHA1_80, which has 16",
        KeyError::SaltLength { .. } = KeyError::SaltLength { suite, length: 15 } =>
            "a master salt of 15 bytes is not one of AES_CM_128_HMAC_SHA1_80, which has 14",
        KeyError::MkiLength { .. } = KeyError::MkiLength { length: 300 } =>
            "a master key identifier has 300 bytes, of 128 at most",
    }
    say_each! { ProtectError:
        ProtectError::Malformed { .. } = ProtectError::Malformed { length: 3 } =>
            "3 bytes are no packet that could be protected",
        ProtectError::TooLong { .. } = ProtectError::TooLong { length: 65_530 } =>
            "a packet of 65530 bytes is longer than 65535 once it is protected",
        ProtectError::Repeated = ProtectError::Repeated =>
            "a packet with this sequence number was protected before, or may have been",
        ProtectError::KeyExhausted = ProtectError::KeyExhausted =>
            "the master key has protected as many packets as it may; agree on a new one",
        ProtectError::TooManySources = ProtectError::TooManySources =>
            "more than 64 sources use one master key; agree on a new one",
    }
    say_each! { UnprotectError:
        UnprotectError::Malformed { .. } = UnprotectError::Malformed { length: 3 } =>
            "3 bytes are no protected packet",
        UnprotectError::NotEncrypted = UnprotectError::NotEncrypted =>
            "a compound of RTCP is not encrypted, though that was agreed on",
        UnprotectError::UnknownMki = UnprotectError::UnknownMki => "a packet names a master key that is not known",
        UnprotectError::Replayed = UnprotectError::Replayed => "a packet came before, or is too old to tell",
        UnprotectError::Unauthentic = UnprotectError::Unauthentic => "the tag of a packet is not right",
        UnprotectError::KeyExhausted = UnprotectError::KeyExhausted =>
            "the master key has protected as many packets as it may; agree on a new one",
        UnprotectError::TooManySources = UnprotectError::TooManySources =>
            "more than 64 sources use one master key; agree on a new one",
    }
}

#[test]
fn keys_that_a_peer_tells() {
    let key = KeyError::MkiLength { length: 300 };
    say_each! { KeyingError:
        KeyingError::Header(_) = KeyingError::Header(HeaderError::UnclosedQuote { header: "KeyMgmt" }) =>
            "the header KeyMgmt cannot be read: KeyMgmt header has a quote that is not closed",
        KeyingError::Protocol(_) = KeyingError::Protocol("kerberos".into()) =>
            "keys are told by \"kerberos\"; only MIKEY is supported",
        KeyingError::Mikey(_) = KeyingError::Mikey(MikeyError::NoKey) =>
            "the message of MIKEY cannot be used: the message has no key",
        KeyingError::Suite(_) = KeyingError::Suite(Suite::AesCm128HmacSha1_80) =>
            "the keys are of AES_CM_128_HMAC_SHA1_80, which is not allowed here; allow it, or have the peer use another \
             suite",
    }
    say_each! { MikeyError:
        MikeyError::NotBase64 = MikeyError::NotBase64 => "the message is not in base64",
        MikeyError::TooLong { .. } = MikeyError::TooLong { length: 9000 } =>
            "a message of 9000 bytes is longer than 4096",
        MikeyError::Truncated { .. } = MikeyError::Truncated { field: "header", offset: 4 } =>
            "the message ends within the header at byte 4",
        MikeyError::TrailingBytes { .. } = MikeyError::TrailingBytes { offset: 4, count: 2 } =>
            "2 bytes follow the last payload, at byte 4",
        MikeyError::Unsupported { .. } = MikeyError::Unsupported { field: "version", offset: 0, value: 7 } =>
            "the version at byte 0 is 7, which is not supported",
        MikeyError::Failed { .. } = MikeyError::Failed { code: 3 } =>
            "the peer could not use the keys that it was sent: error 3 of MIKEY",
        MikeyError::Policy { .. } = MikeyError::Policy { parameter: 1, value: 99 } =>
            "parameter 1 of the security policy is 99, which is of no suite that is known",
        MikeyError::NoKey = MikeyError::NoKey => "the message has no key",
        MikeyError::Key(_) = MikeyError::Key(key) =>
            "the key in the message is none of its suite: a master key identifier has 300 bytes, of 128 at most",
    }
}
