//! Code that the command-line tool and the example programs share: what lies around RTSP in a program.
//!
//! It is there to be read and copied from. It has no stable API.
//!
//! ```
//! use std::io::Cursor;
//!
//! use rtspan_examples::Clip;
//! use rtspan_examples::recorder::{FileKind, Recorder};
//! use rtspan_std::{Client, Server};
//!
//! // A server shows a clip.
//! let server = Server::builder().bind("127.0.0.1:0")?;
//! let clip = Clip::demo();
//! let stream = server.publish("/clip", clip.description())?;
//! let url = format!("rtsp://{}/clip", server.local_addr());
//! let frames = Client::builder(&url)?.play_frames()?.form(FileKind::Mp4.form());
//! for frame in clip.frames().take(150) {
//!     stream.write_frame(frame.media, &frame.packets)?; // as fast as it goes
//! }
//! drop(stream);
//!
//! // A client writes it to MP4.
//! let mut recorder = Recorder::new(FileKind::Mp4, Cursor::new(Vec::new()), frames.medias());
//! for frame in frames {
//!     recorder.write(frame?)?;
//! }
//! assert!(recorder.finish()? >= 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rooms
//!
//! * [`recorder`] writes files of a kind that the end of their name tells, [`mp4`] those of MP4; [`source`] reads them.
//! * [`archive`] records many cameras into a folder that is whole after a power cut, and keeps what there is room for.
//! * [`vod`] serves films and recordings on demand, with a time line for each reader.
//! * [`cluster`] has many servers show the same streams.
//! * [`metrics`] tells Prometheus what flows; [`http`] is the server for it and for what else is asked over HTTP.
//! * [`listen`] reads addresses to listen at, such as `:8554`.
//! * [`output`] prints lines without waiting for a reader; [`say`] is its shortest way.
//! * [`clip`], [`synthetic`] and [`stamp`] make media to try and to measure with.
//!
//! The programs are listed in
//! [`examples/README.md`](https://github.com/rtspan/rtspan/blob/main/examples/README.md#examples) by task.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(test)]
#[macro_use]
#[path = "../../tests/told.rs"]
mod told;

#[cfg(test)]
#[path = "../../tests/ports.rs"]
mod ports;
#[cfg(test)]
#[path = "../../tests/refusing.rs"]
mod refusing;

pub mod archive;
pub mod clip;
pub mod cluster;
#[cfg(test)]
mod errors;
#[cfg(all(doctest, feature = "tokio"))]
pub mod guides;
pub mod hooks;
pub mod http;
pub mod listen;
pub mod metrics;
pub mod mp4;
pub mod output;
pub mod recorder;
pub mod source;
pub mod stamp;
pub mod synthetic;
#[cfg(unix)]
pub mod systemd;
pub mod trust;
pub mod vod;

pub use clip::{Clip, ClipError, Frame};
pub use listen::Listen;
pub use output::say;
pub use synthetic::Synthetic;
