//! A server with a certificate, a client that publishes to it and one that plays, all over `rtsps`: `cargo run --example tls`.
//!
//! The certificate is made on the spot, as cameras make theirs, so that the clients pin it. A server on the internet has one of
//! an authority (`ServerTls::from_pem_files`), and clients need nothing.

use std::error::Error;

use rtspan_examples::Clip;
use rtspan_std::tls::{ClientTls, ServerTls};
use rtspan_std::{Client, Server};

/// Two seconds: 50 pictures and 100 blocks of sound.
const FRAMES: usize = 150;

fn main() -> Result<(), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let certificate = ServerTls::from_pem(chain.as_bytes(), key.as_bytes())?;
    let pin = certificate.fingerprint().ok_or("the certificate cannot be read")?;
    // The same port takes both `rtsp` and `rtsps`; here it refuses the former.
    let server = Server::builder().tls(certificate).require_tls(true).bind("127.0.0.1:0")?;
    let url = format!("rtsps://{}/clip", server.local_addr());

    let clip = Clip::demo();
    let publisher = Client::builder(&url)?.tls(ClientTls::pinned(pin)).publish(clip.description())?;
    let packets = Client::builder(&url)?.tls(ClientTls::pinned(pin)).play()?;
    for frame in clip.frames().take(FRAMES) {
        publisher.write_frame(frame.media, &frame.packets)?;
    }
    publisher.teardown()?;
    let mut counts = [0, 0];
    for received in packets {
        counts[received?.media] += 1;
    }
    println!("{} packets of video and {} of audio over TLS", counts[0], counts[1]);

    let refused = Client::builder(&url.replace("rtsps", "rtsp"))?.play();
    println!("without TLS: {}", refused.err().ok_or("that is not to be possible")?);
    Ok(())
}
