//! Reads a stream with retina and says how much has come: `peers URL tcp|udp packets|units SECONDS`.

use std::time::Duration;

use futures_util::StreamExt;
use retina::client::{
    PacketItem, PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, Transport,
    UdpTransportOptions,
};
use retina::codec::CodecItem;

type Error = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [url, transport, what, seconds] = &args[..] else {
        return Err("URL tcp|udp packets|units SECONDS".into());
    };
    let transport = match transport.as_str() {
        "udp" => Transport::Udp(UdpTransportOptions::default()),
        _ => Transport::Tcp(TcpTransportOptions::default()),
    };
    let mut session = Session::describe(url::Url::parse(url)?, SessionOptions::default()).await?;
    session.setup(0, SetupOptions::default().transport(transport)).await?;
    let session = session.play(PlayOptions::default()).await?;
    let end = tokio::time::sleep(Duration::from_secs(seconds.parse()?));
    tokio::pin!(end);
    let (mut packets, mut units) = (0_u64, 0_u64);
    if what == "packets" {
        tokio::pin!(session);
        loop {
            tokio::select! {
                () = &mut end => break,
                item = session.next() => match item.transpose()? {
                    Some(PacketItem::Rtp(_)) => packets += 1,
                    Some(_) => {}
                    None => break,
                },
            }
        }
    } else {
        let session = session.demuxed()?;
        tokio::pin!(session);
        loop {
            tokio::select! {
                () = &mut end => break,
                item = session.next() => match item.transpose()? {
                    Some(CodecItem::VideoFrame(_)) => units += 1,
                    Some(_) => {}
                    None => break,
                },
            }
        }
    }
    println!("{{\"packets\":{packets},\"units\":{units}}}");
    Ok(())
}
