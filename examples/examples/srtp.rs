//! Media over UDP that is encrypted (SRTP), with the keys told over TLS: `cargo run --example srtp`.

use std::error::Error;
use std::net::Ipv4Addr;

use rtspan_examples::Clip;
use rtspan_std::tls::{ClientTls, ServerTls};
use rtspan_std::{Client, Server, ServerConfig, SrtpPolicy, Transports, UdpPorts, UdpSpec};

/// Two seconds: 50 pictures and 100 blocks of sound.
const FRAMES: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let certificate = ServerTls::from_pem(chain.as_bytes(), key.as_bytes())?;
    let pin = certificate.fingerprint().ok_or("the certificate cannot be read")?;
    // Its descriptions offer SRTP, so that clients use it; by default it is for those that ask. UDP is off unless ports are named.
    let udp = UdpSpec::new(Ipv4Addr::LOCALHOST.into(), UdpPorts::Any);
    let config = ServerConfig::default().udp(Some(udp));
    let builder = Server::builder().config(config).tls(certificate).srtp(SrtpPolicy::Offer);
    let server = builder.bind("127.0.0.1:0")?;
    let clip = Clip::demo();
    let stream = server.publish("/clip", clip.description())?;

    let url = format!("rtsps://{}/clip", server.local_addr());
    let camera = Client::builder(&url)?.tls(ClientTls::pinned(pin)).transport(Transports::Udp);
    let packets = camera.play()?;
    for media in &packets.description().medias {
        println!("{} in {}", media.kind, media.profile);
    }
    for frame in clip.frames_to_protect().take(FRAMES) {
        stream.write_frame(frame.media, &frame.packets)?;
    }
    drop(stream);
    let received = packets.map(|received| received.map(|_| ())).collect::<Result<Vec<_>, _>>()?;
    println!("{} packets, decrypted", received.len());
    Ok(())
}
