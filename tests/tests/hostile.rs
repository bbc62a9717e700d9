//! Peers that mean harm: what they send is survived, within bounded memory and time, answered as it deserves, and
//! nobody else notices.

mod hostile {
    mod foreign;
    mod framing;
    mod guessing;
    mod media;
    mod memory;
    mod publishers;
    mod servers;
    mod sessions;
    mod terminal;
    mod transports;
    mod world;
}
