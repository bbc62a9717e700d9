//! One TCP connection: what was read becomes messages and media, what is to be written waits in order.

mod outbox;

pub(crate) use outbox::Outbox;
