//! Fuzz targets: what each does with bytes from anywhere, and what has to be true of it whatever the bytes are.
//!
//! The binaries that a fuzzer drives stand in `tests/fuzz` and call these; the inputs that are kept in
//! `tests/fuzz/corpus` are run by `tests/tests/fuzz.rs` as well, without a fuzzer.

pub mod auth;
pub mod client;
pub mod data;
pub mod decoder;
pub mod description;
pub mod framed;
pub mod g711;
pub mod headers;
pub mod http_tunnel;
pub mod input;
pub mod keyframes;
pub mod mikey;
pub mod nal;
pub mod parameter_sets;
pub mod receiver;
pub mod replay;
pub mod rtcp;
pub mod rtp;
pub mod server;
pub mod sessions;
pub mod simulation;
pub mod sound;
pub mod srtp;
pub mod tls;
mod units;
pub mod url;
pub mod websocket;

/// A fuzz target: panics if anything is not as it has to be.
pub type Target = fn(&[u8]);

/// All fuzz targets by their names.
pub const TARGETS: &[(&str, Target)] = &[
    ("auth", auth::run),
    ("av1", framed::run_av1),
    ("client", client::run),
    ("data", data::run),
    ("decoder", decoder::run),
    ("description", description::run),
    ("g711", g711::run),
    ("h264", nal::run_h264),
    ("h265", nal::run_h265),
    ("h266", nal::run_h266),
    ("headers", headers::run),
    ("http_tunnel", http_tunnel::run),
    ("jpeg", framed::run_jpeg),
    ("keyframes", keyframes::run),
    ("mikey", mikey::run),
    ("mpeg4_video", framed::run_mpeg4_video),
    ("mpeg_video", framed::run_mpeg_video),
    ("parameter_sets", parameter_sets::run),
    ("receiver", receiver::run),
    ("replay", replay::run),
    ("rtcp", rtcp::run),
    ("rtp", rtp::run),
    ("server", server::run),
    ("sessions", sessions::run),
    ("simulation", simulation::run),
    ("sound", sound::run),
    ("srtp", srtp::run),
    ("tls", tls::run),
    ("url", url::run),
    ("vp8", framed::run_vp8),
    ("vp9", framed::run_vp9),
    ("websocket", websocket::run),
];
