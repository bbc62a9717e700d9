//! Ports for those who have to know them before they listen, for the tests of all crates.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The system gives none of these to those who ask for any.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port of TCP that is free, and that nobody else gets meanwhile: neither another test nor a program that asks for any.
pub(crate) fn own_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let begin = process::id().wrapping_mul(97);
    loop {
        let number = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + number % COUNT).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
