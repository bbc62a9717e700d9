//! header

mod methods;

pub use methods::Methods;
