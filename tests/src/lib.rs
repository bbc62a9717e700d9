//! Code that the tests of the whole library share.

pub mod fuzz;
pub mod model;
pub mod rig;
pub mod sim;
