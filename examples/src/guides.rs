//! The READMEs and the guides, whose programs are tested.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(
            #[doc = include_str!($path)]
            pub struct $name;
        )*
    };
}

pages! {
    BackChannel: "../../docs/back-channel.md",
    Cameras: "../../docs/cameras.md",
    Encryption: "../../docs/encryption.md",
    EventLoop: "../../docs/event-loop.md",
    Gortsplib: "../../docs/gortsplib.md",
    PackageReadme: "../README.md",
    Readme: "../../README.md",
    Reconnect: "../../docs/reconnect.md",
    Recorded: "../../docs/recorded.md",
    Recording: "../../docs/recording.md",
    Relay: "../../docs/relay.md",
    Retina: "../../docs/retina.md",
    Security: "../../docs/security.md",
    Server: "../../docs/server.md",
    Simulation: "../../docs/simulation.md",
    Time: "../../docs/time.md",
}
