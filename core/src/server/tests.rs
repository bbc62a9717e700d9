mod limits;
mod play;
mod questions;
mod record;
mod refusals;
mod scenario;
mod setup;
mod udp;
