//! A server whose users are in a store that takes its time: `cargo run --example auth_async 127.0.0.1:8554`.
//!
//! The store has hashes and no passwords (HA1). Players that know no passwords put a token into the URL:
//! `ffplay 'rtsp://127.0.0.1:8554/vault?token=open-sesame'`, or log in: `ffplay rtsp://wall:horse@127.0.0.1:8554/vault`.

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rtspan_examples::{Clip, say};
use rtspan_smol::{
    Algorithm, Asks, Authenticate, Authority, Event, Question, Refusal, Secret, Server, ServerConfig, Smol,
};
use smol::Timer;

/// The answer of a database: MD5 of `wall:rtspan:horse`.
async fn look_up(user: &str) -> Option<&'static str> {
    Timer::after(Duration::from_millis(100)).await;
    (user == "wall").then_some(HA1)
}

const HA1: &str = "71e15b38c8b6034af812ca0d8bf82831";

async fn judge(question: &Question<Authenticate>) -> Result<Authority, Refusal> {
    if question.query.as_deref() == Some("token=open-sesame") {
        return Ok(Authority::Open);
    }
    let Some(user) = &question.user else { return Ok(Authority::Challenge) };
    let ha1 = look_up(user).await.and_then(|ha1| Secret::ha1(Algorithm::Md5, ha1));
    Ok(ha1.map_or(Authority::Challenge, Authority::Secret))
}

fn main() -> Result<(), Box<dyn Error>> {
    let addr = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8554".to_owned());
    smol::block_on(async {
        let config = ServerConfig::default().asks(Asks::AUTHENTICATE);
        let server = Server::builder().config(config).runtime(Smol::global()).bind(addr).await?;
        let server = Arc::new(server);
        let _vault = server.publish("/vault", Clip::demo().description())?;
        say(format_args!("listening on rtsp://{}", server.local_addr()));
        while let Some(event) = server.next().await {
            if let Event::Authenticate(question) = event {
                // Nobody waits for those who are looked up.
                let server = Arc::clone(&server);
                smol::spawn(async move {
                    let authority = judge(&question).await;
                    // An answer that comes too late is no mishap: the client has gone.
                    let _ = server.answer(question.ticket, authority);
                })
                .detach();
            }
        }
        Ok(())
    })
}
