use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use futures_lite::future::or;
use rtspan_examples::{Clip, Frame};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{ClientConfig, ServerConfig, Transports, UdpPorts, UdpSpec};
use serde_json::json;

use crate::Failure;
use crate::args::{DemoArgs, Target};
use crate::failure::DemoFailure;
use crate::feed::feed;
use crate::figures::{Figures, table, tracks};
use crate::live::watch;
use crate::output::{news, result, result_json};
use crate::serve::DEMO;
use crate::session::Session;
use crate::stop::{stop, unless_interrupted};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Serves the clip and plays it over UDP and TCP at once.
pub(crate) async fn run<R: Runtime>(args: &DemoArgs) -> Result<(), Failure> {
    let udp = UdpSpec::new(LOOPBACK, UdpPorts::Any);
    let config = ServerConfig::default().udp(Some(udp)).publishers(false);
    let server = Server::<R>::builder().config(config).bind(SocketAddr::new(LOOPBACK, 0)).await?;
    let clip = Clip::demo();
    let stream = server.publish(DEMO, clip.description())?;
    let url = format!("rtsp://{}{DEMO}", server.local_addr());
    if !args.json {
        news(format_args!("serving a clip at {url} and playing it over UDP and TCP for {} s", args.seconds));
    }
    let mut frames = clip.frames();
    let write = async |frame: &Frame, _| stream.write_frame(frame.media, &frame.packets);
    let feed = feed::<R, _>(async || Ok(frames.next()), write);
    let feed = async { feed.await.map_err(Failure::from) };
    let play = async {
        let url: Target = url.parse().expect("an address makes a URL");
        play::<R>(&url, args).await
    };
    let result = or(play, feed).await;
    server.close().await;
    result
}

async fn play<R: Runtime>(url: &Target, args: &DemoArgs) -> Result<(), Failure> {
    let over = |transports| ClientConfig::default().transports(transports);
    let udp = unless_interrupted(Session::<R>::play(url, over(Transports::Udp))).await?;
    let tcp = unless_interrupted(Session::<R>::play(url, over(Transports::Tcp))).await?;
    let figures = || [udp.figures(), tcp.figures()].concat();
    let receive = async |session: &Session<R>| {
        session.receive(|_| Ok(())).await?;
        Err(Failure::Demo(DemoFailure::Ended { over: session.over() }))
    };
    let stopped = async {
        stop::<R>(Some(args.seconds)).await;
        Ok(())
    };
    let received = or(receive(&udp), receive(&tcp));
    or(or(stopped, received), watch::<R, _>(args.json, figures)).await?;

    let (figures, elapsed) = (figures(), udp.elapsed());
    udp.close().await;
    tcp.close().await;
    if args.json {
        let report = json!({
            "url": url.to_string(),
            "seconds": elapsed.as_secs_f64(),
            "tracks": tracks(&figures, elapsed),
        });
        result_json(report);
    } else {
        table(&figures, elapsed).iter().for_each(result);
    }
    figures.iter().try_for_each(check).map_err(Failure::Demo)?;
    if !args.json {
        result("all packets arrived, over UDP and over TCP");
    }
    Ok(())
}

fn check(figures: &Figures) -> Result<(), DemoFailure> {
    let &Figures { over, media, packets, lost, .. } = figures;
    match (packets, lost) {
        (0, _) => Err(DemoFailure::NothingArrived { over, media }),
        (_, 0) => Ok(()),
        _ => Err(DemoFailure::Lost { over, media, lost, packets }),
    }
}
