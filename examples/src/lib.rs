//! Code that the command-line tool and the example programs share.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod archive;
pub mod clip;
pub mod http;
pub mod listen;
pub mod metrics;
pub mod mp4;
pub mod output;
pub mod recorder;
pub mod source;
pub mod stamp;
pub mod synthetic;
pub mod vod;

pub use clip::{Clip, ClipError, Frame};
pub use listen::Listen;
pub use output::say;
pub use synthetic::Synthetic;

/// The guide to back channels, whose programs are tested.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../docs/back-channel.md")]
pub struct BackChannel;

/// The guide to event loops, whose program is tested.
#[cfg(doctest)]
#[doc = include_str!("../../docs/event-loop.md")]
pub struct EventLoop;

/// The guide to recordings, whose program is tested.
#[cfg(doctest)]
#[doc = include_str!("../../docs/recorded.md")]
pub struct Recorded;

/// The guide to simulated worlds, whose programs are tested.
#[cfg(doctest)]
#[doc = include_str!("../../docs/simulation.md")]
pub struct Simulation;

/// The README, whose programs are tested.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The README of this package, whose program is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct PackageReadme;

/// The page for people who come from retina, whose program is tested.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../docs/retina.md")]
pub struct Retina;
