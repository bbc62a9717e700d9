use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rtspan_examples::stamp;

use super::super::tally::Times;
use super::crowd::Counts;

const PERIOD: Duration = Duration::from_millis(5);

/// Datagrams from one thread to another, with no server between them: they take as long as the machine lets them.
#[derive(Debug)]
pub(super) struct Control(Arc<Mutex<Times>>);

impl Control {
    pub(super) fn begin(counts: &Arc<Counts>) -> io::Result<Self> {
        let (from, to) =
            (UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        from.connect(to.local_addr()?)?;
        to.set_read_timeout(Some(PERIOD * 20))?;
        let times = Arc::<Mutex<Times>>::default();
        let (sender, receiver) = (Arc::clone(counts), Arc::clone(counts));
        thread::spawn(move || {
            while !sender.is_over() {
                thread::sleep(PERIOD);
                // A datagram that is not sent is not measured.
                let _ = from.send(&nanoseconds().to_be_bytes());
            }
        });
        let own = Arc::clone(&times);
        thread::spawn(move || {
            let mut datagram = [0; 8];
            while !receiver.is_over() {
                if to.recv(&mut datagram).is_ok() {
                    let age = nanoseconds().saturating_sub(u64::from_be_bytes(datagram));
                    own.lock().unwrap_or_else(PoisonError::into_inner).take(Duration::from_nanos(age));
                }
            }
        });
        Ok(Self(times))
    }

    /// Microseconds within which 99 % of the datagrams since the last look came.
    pub(super) fn look(&self) -> f64 {
        let times = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        times.quantile(0.99).map_or(0.0, |time| time.as_micros() as f64)
    }
}

fn nanoseconds() -> u64 {
    u64::try_from(stamp::clock().as_nanos()).unwrap_or(u64::MAX)
}
