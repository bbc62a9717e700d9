//! The receiver: whatever comes in whatever order and at whatever time, packets leave in order, and each gap is told.

use std::time::Duration;

use rtspan_core::limits::READY_PACKETS_MAX;
use rtspan_core::rtp::rtcp::SenderReport;
use rtspan_core::rtp::{Delivery, Receiver, RtpHeader, RtpPacket};
use rtspan_core::{Instant, NtpTime};

use super::input::Input;

const ANOTHER_SSRC: u8 = 1;
const REPORTS: u8 = 1 << 1;
const WAITS: u8 = 1 << 2;
const LEAVES_UNPOLLED: u8 = 1 << 3;
const GOES_BACK: u8 = 1 << 4;

/// Takes the bytes in records: what happens, how much later, which packet.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let config = input.byte();
    let delivery = if config & 1 == 0 { Delivery::Unordered } else { Delivery::Ordered };
    let clock_rate = if config & 2 == 0 { 90_000 } else { 0 };
    let mut world = World {
        receiver: Receiver::new(clock_rate, delivery, 9),
        last: None,
        settled: 0,
        handed_out: 0,
        has_left_unpolled: false,
    };
    let mut now = Instant::ZERO + Duration::from_secs(3600);
    while !input.is_empty() {
        let (what, later, sequence) = (input.byte(), input.byte(), input.word());
        let passed = Duration::from_millis(u64::from(later) * u64::from(later) / 16);
        now = if what & GOES_BACK == 0 {
            now + passed
        } else {
            Instant::ZERO + (now - (Instant::ZERO + passed))
        };
        let ssrc = 1 + u32::from(what & ANOTHER_SSRC);
        if what & WAITS != 0 {
            world.receiver.handle_timeout(now);
            assert!(world.receiver.poll_timeout().is_none_or(|at| at > now), "what is due is done");
        }
        if what & REPORTS != 0 {
            let ntp = NtpTime::from_bits(u64::from(sequence) << 32 | 1);
            let report = SenderReport { ssrc, ntp, rtp: sequence.into(), ..SenderReport::default() };
            world.receiver.handle_sender_report(now, &report);
            world.receiver.report(now, "fuzz");
        }
        let timestamp = u32::from(sequence).wrapping_mul(3000) << (later & 15);
        let header = RtpHeader { payload_type: 96, marker: false, sequence, timestamp, ssrc };
        world.receiver.handle_packet(now, RtpPacket::build(header, &[what]));
        if what & LEAVES_UNPOLLED == 0 {
            world.drain();
        } else {
            world.has_left_unpolled = true;
        }
    }
    world.drain();
    world.receiver.handle_timeout(now + Duration::from_secs(3600));
    world.drain();
    assert_eq!(world.receiver.poll_timeout(), None);
    let stats = world.receiver.stats();
    assert!(world.handed_out <= stats.packets, "no more leave than came");
    assert!(
        world.has_left_unpolled || world.handed_out == stats.packets,
        "all that were taken leave: {stats:?}"
    );
}

struct World {
    receiver: Receiver,
    /// SSRC and sequence number of the packet that left last.
    last: Option<(u32, u16)>,
    /// Restarts when nothing was left to be polled.
    settled: u64,
    handed_out: u64,
    has_left_unpolled: bool,
}

impl World {
    fn drain(&mut self) {
        let goes_on = self.receiver.stats().restarts == self.settled;
        let mut polled = 0;
        while let Some(received) = self.receiver.poll_packet() {
            let (ssrc, sequence) = (received.packet.ssrc(), received.packet.sequence());
            if let Some((_, last)) = self.last.filter(|_| goes_on) {
                let expected = last.wrapping_add(1).wrapping_add(received.lost);
                assert_eq!(sequence, expected, "{} lost behind {last}", received.lost);
            }
            self.last = Some((ssrc, sequence));
            self.handed_out += 1;
            polled += 1;
        }
        assert!(polled <= READY_PACKETS_MAX, "{polled} packets were ready");
        self.settled = self.receiver.stats().restarts;
    }
}
