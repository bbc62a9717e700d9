//! Peers that mean harm: their bytes are survived within bounded memory and time, and answered as they deserve, and nobody
//! else notices.

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
