use std::future::pending;

use futures_lite::future::or;
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, Playback, Playing};
use serde_json::json;

use crate::Failure;
use crate::args::PlayArgs;
use crate::figures::{table, tracks};
use crate::live::{patiently, watch};
use crate::output::{notice, result, result_json};
use crate::reconnect::policy;
use crate::recording::Recording;
use crate::session::{RefusedMedia, Session};
use crate::sink::is_standard;
use crate::stop::{stop, unless_interrupted};
use crate::text::counted;
use crate::voice::Voice;

/// Why playing is over.
enum End {
    OfStream,
    Stopped,
}

/// Plays a stream, shows what arrives, and writes it to a file if one is given.
pub(crate) async fn run<R: Runtime>(args: &PlayArgs) -> Result<(), Failure> {
    let voice = args.backchannel.as_deref().map(Voice::read).transpose()?;
    let config = ClientConfig::default()
        .transports(args.transport.into())
        .back_channel(voice.is_some())
        .reconnect(policy(args.no_reconnect));
    let failed = |error| Failure::Play { url: args.url.clone(), error: Box::new(error) };
    let config = args.requests.apply(args.playback.apply(config)).map_err(failed)?;
    let (medias, playback) = (args.playback.medias(), args.playback.playback());
    let begun = Session::<R>::play_some(&args.url, config, medias, playback);
    let session = unless_interrupted(patiently::<R, _>(format!("connecting to {}", args.url), begun)).await?;
    if playback != Playback::default() {
        notice(granted(&session.playing));
    }
    for refused in session.refused() {
        notice(refused);
    }
    let out = &args.out;
    let mut recording = match &out.out {
        Some(path) => Some(Recording::create(out, path, &args.url, &session.description, session.medias())?),
        None => None,
    };
    for media in recording.iter().flat_map(|recording| recording.left_out(session.medias())) {
        let kind = &session.description.medias[media].kind;
        notice(format_args!("media {media} ({kind}) is not written: such a file cannot hold it"));
    }
    // Standard output has the stream then, and nothing else.
    let is_piped = out.out.as_deref().is_some_and(is_standard);
    let receive = session.receive(|received| match &mut recording {
        Some(recording) => recording.take(received),
        None => Ok(()),
    });
    let receive = async { receive.await.map(|()| End::OfStream) };
    let speak = async {
        match &voice {
            Some(voice) => voice.say(&args.url, session.client()).await.map(|()| End::Stopped),
            None => pending().await,
        }
    };
    let stopped = async {
        stop::<R>(args.seconds).await;
        Ok(End::Stopped)
    };
    let end = or(or(or(receive, speak), stopped), watch::<R, _>(args.json, || session.figures())).await;

    let (figures, elapsed, over) = (session.figures(), session.elapsed(), session.over());
    let written = recording.map(|recording| recording.finish(&args.url)).transpose();
    let (tolerances, refused) = (session.client().tolerances(), session.refused());
    let range = session.playing.range.map(|range| range.to_string());
    let (scale, speed) = (session.playing.scale, session.playing.speed);
    session.close().await;
    if args.json && !is_piped {
        let report = json!({
            "url": args.url.to_string(),
            "transport": over,
            "seconds": elapsed.as_secs_f64(),
            "range": range,
            "scale": scale,
            "speed": speed,
            "tracks": tracks(&figures, elapsed),
            "refused": refused.iter().map(RefusedMedia::to_json).collect::<Vec<_>>(),
            "frames": written.as_ref().ok(),
            "tolerances": tolerances.iter().map(|tolerance| tolerance.to_string()).collect::<Vec<_>>(),
        });
        result_json(report);
    } else if is_piped {
        table(&figures, elapsed).iter().for_each(notice);
    } else {
        table(&figures, elapsed).iter().for_each(result);
    }
    let end = end?;
    if figures.iter().all(|figures| figures.packets == 0) {
        let url = args.url.clone();
        return Err(match end {
            End::OfStream => Failure::Ended { url },
            End::Stopped => Failure::NothingArrived { url, over, seconds: elapsed.as_secs() },
        });
    }
    if let (Some(frames), Some(path), false) = (written?, &out.out, args.json || is_piped) {
        result(format_args!("{} written to {}", counted(frames, "frame"), path.display()));
    }
    if args.strict && !refused.is_empty() {
        return Err(Failure::RefusedMedias { url: args.url.clone(), refused });
    }
    Ok(())
}

/// The part of a wish that the server has granted.
fn granted(playing: &Playing) -> String {
    let range = playing.range.map(|range| format!("{range}, ")).unwrap_or_default();
    format!("plays {range}scale {}, speed {}", playing.scale.unwrap_or(1.0), playing.speed.unwrap_or(1.0))
}
