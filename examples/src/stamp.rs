//! The time of writing, which a publisher of this program puts into its packets, so that a reader on the same machine
//! can tell how long they took.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Behind the RTP header and the two bytes of a fragment (FU-A).
const AT: usize = 14;
const MAGIC: [u8; 8] = *b"\xffrtspan\xff";

/// Bytes of a packet that has a stamp.
pub const PACKET_BYTES_MIN: usize = AT + MAGIC.len() + 8;

/// The stamp of now, which follows the beginning of a fragment.
pub fn now() -> [u8; 16] {
    let mut stamp = [0; 16];
    stamp[..8].copy_from_slice(&MAGIC);
    let now = u64::try_from(clock().as_nanos()).unwrap_or(u64::MAX);
    stamp[8..].copy_from_slice(&now.to_be_bytes());
    stamp
}

/// How long before `now`, which is what [`clock`] shows, a packet was stamped; none if it was not, or by another clock.
pub fn age(packet: &[u8], now: Duration) -> Option<Duration> {
    let (magic, time) = packet.get(AT..PACKET_BYTES_MIN)?.split_at(MAGIC.len());
    let time = u64::from_be_bytes(time.try_into().ok()?);
    if magic == MAGIC { now.checked_sub(Duration::from_nanos(time)) } else { None }
}

/// The clock of all stamps of one machine.
pub fn clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_tells_its_age_and_what_has_none_does_not() {
        let mut packet = vec![0x80; AT];
        packet.extend_from_slice(&now());
        let later = clock() + Duration::from_secs(1);
        assert!((1..60).contains(&age(&packet, later).unwrap().as_secs()));
        assert_eq!(age(&packet, Duration::from_secs(1)), None);
        assert_eq!(age(&packet[..packet.len() - 1], later), None);
        packet[AT] = 0;
        assert_eq!(age(&packet, later), None);
    }
}
