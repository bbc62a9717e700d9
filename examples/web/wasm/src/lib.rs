//! A player of RTSP for web browsers.
//!
//! [`Player`] is [`rtspan_core::Client`] and [`rtspan_core::frame::FrameReader`] with the decisions of a player: it describes
//! the stream, sets up the medias that browsers decode, plays them, and gives their frames as WebCodecs takes them. Like all
//! of the core it does no I/O: `examples/web/rtspan.js` has the WebSocket, the clock and the decoders.
//!
//! [`abi`] has the functions that the module exports. It imports none.

pub mod abi;
mod output;
mod player;

pub use output::{Output, Track};
pub use player::{Player, Stats};
