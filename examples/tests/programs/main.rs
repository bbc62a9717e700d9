//! The tool and the example programs as a user runs them, against each other over loopback.
#![allow(clippy::unwrap_used)]
// Ctrl-C is sent as a signal.
#![cfg(unix)]

mod api;
mod back_channel;
mod bench;
mod browser;
mod capabilities;
mod cluster;
mod config;
mod doctor;
mod events;
mod examples;
mod failures;
mod hooks;
mod log;
mod metrics;
#[cfg(target_os = "linux")]
mod networks;
mod pipes;
#[path = "../../../tests/ports.rs"]
mod ports;
mod program;
mod reconnect;
mod record;
mod refused;
#[path = "../../../tests/refusing.rs"]
mod refusing;
mod reload;
mod screen;
mod shell;
mod stall;
mod systemd;
mod terminal;
mod tokens;
mod tool;
#[cfg(target_os = "linux")]
mod unread;
mod web;
mod wish;
