use rtspan_std::client::Client;
use rtspan_std::header::Methods;
use rtspan_std::runtime::Runtime;
use rtspan_std::{Description, Format, Media, Tolerances};
use serde_json::{Value, json};

use crate::Failure;
use crate::args::{ProbeArgs, Target};
use crate::output::{result, result_json};
use crate::stop::unless_interrupted;

/// Shows what a server offers.
pub(crate) async fn run<R: Runtime>(args: &ProbeArgs) -> Result<(), Failure> {
    let builder = Client::<R>::builder(args.url.as_str()).expect("it was parsed before");
    let ask = async {
        let client = builder.connect().await?;
        let methods = client.options().await?;
        let description = client.describe().await?;
        Ok((client, methods, description))
    };
    let ask =
        async { ask.await.map_err(|error| Failure::Play { url: args.url.clone(), error: Box::new(error) }) };
    let (client, methods, description) = unless_interrupted(ask).await?;
    let tolerances = client.tolerances();
    // All is known; how it ends does not matter.
    let _ = client.teardown().await;
    if args.json {
        result_json(&to_json(&args.url, &methods, &description, tolerances));
    } else {
        print(&args.url, &methods, &description, tolerances);
    }
    Ok(())
}

fn print(url: &Target, methods: &Methods, description: &Description, tolerances: Tolerances) {
    result(url);
    if !description.title.trim().is_empty() {
        result(format_args!("title    {}", description.title));
    }
    result(format_args!("methods  {methods}"));
    for (number, media) in description.medias.iter().enumerate() {
        let back_channel =
            if description.is_back_channel(number) { ", to be sent to the server" } else { "" };
        result(format_args!("media {number}  {}, {}{back_channel}", media.kind, media.profile));
        for format in &media.formats {
            result(format_args!("         {}", line(format)));
        }
    }
    for tolerance in tolerances.iter() {
        result(format_args!("put up with: {tolerance}"));
    }
}

fn line(format: &Format) -> String {
    let mut line = format!("{} {}/{}", format.payload_type, format.encoding, format.clock_rate);
    if let Some(channels) = format.channels {
        line += &format!("/{channels}");
    }
    if let Some(fmtp) = &format.fmtp {
        line += &format!("  {fmtp}");
    }
    line
}

fn to_json(url: &Target, methods: &Methods, description: &Description, tolerances: Tolerances) -> Value {
    let format = |format: &Format| {
        json!({
            "payload_type": format.payload_type,
            "encoding": format.encoding,
            "clock_rate": format.clock_rate,
            "channels": format.channels,
            "fmtp": format.fmtp,
        })
    };
    let media = |(number, media): (usize, &Media)| {
        json!({
            "kind": media.kind.as_str(),
            "profile": media.profile.as_str(),
            "direction": media.direction.map(|direction| direction.as_str()),
            "back_channel": description.is_back_channel(number),
            "control": media.control,
            "formats": media.formats.iter().map(format).collect::<Value>(),
        })
    };
    json!({
        "url": url.to_string(),
        "title": description.title,
        "methods": methods.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "medias": description.medias.iter().enumerate().map(media).collect::<Value>(),
        "tolerances": tolerances.iter().map(|tolerance| tolerance.to_string()).collect::<Vec<_>>(),
    })
}
