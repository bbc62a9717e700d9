//! Interoperability with real programs: FFmpeg, GStreamer, VLC and retina, as publishers, readers and servers.
//!
//! The media that is published is known to the byte, and readers have to get the same.

#![cfg(target_os = "linux")]

mod access_unit;
mod archive;
mod auth;
mod behaviour;
mod changing;
mod clip;
mod clocks;
mod cluster;
mod config;
mod decoding;
mod films;
mod foreign;
mod formats;
mod groups;
mod guides;
mod layers;
mod matrix;
mod metadata;
mod multicast;
mod namespace;
mod onvif;
mod peer;
mod policy;
#[path = "../../ports.rs"]
mod ports;
mod probing;
mod program;
mod publishing;
mod recording;
mod recordings;
mod relayed;
mod replay;
#[cfg(feature = "tokio")]
mod retina;
mod rtspan;
mod savp;
mod secured;
mod seeking;
mod srtp;
mod vlc;
