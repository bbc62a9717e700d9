//! JSON that is posted to an address.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use crate::trust::Trust;

/// How long the first failure is waited after; the next ones are waited twice as long after each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Posts it, within `patience` altogether. What fails for now is tried again, `retries` times.
pub(super) async fn post(url: &str, retries: u32, patience: Duration, body: Value) -> Result<(), String> {
    let url = url.to_owned();
    smol::unblock(move || {
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        for tried in 0.. {
            let left = deadline.saturating_duration_since(Instant::now());
            match try_once(&url, left, &body) {
                Ok(()) => return Ok(()),
                Err(failure) if failure.is_final || tried >= retries || left <= pause => {
                    return Err(failure.why);
                }
                Err(_) => {}
            }
            thread::sleep(pause);
            pause *= 2;
        }
        Ok(())
    })
    .await
}

struct Failure {
    why: String,
    /// It would fail again.
    is_final: bool,
}

fn try_once(url: &str, left: Duration, body: &Value) -> Result<(), Failure> {
    let post = agent().post(url).config().timeout_global(Some(left)).build();
    let sent = post.header("Content-Type", "application/json").send(body.to_string());
    match sent {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => {
            let status = response.status();
            let is_final = !status.is_server_error() && status.as_u16() != 429;
            Err(Failure { why: format!("answered {status}"), is_final })
        }
        Err(error) => {
            Err(Failure { is_final: matches!(error, ureq::Error::BadUri(_)), why: error.to_string() })
        }
    }
}

/// A client that trusts the certificates that the system trusts, and follows nobody elsewhere.
fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        let tls = Trust::default().of_http();
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).tls_config(tls);
        config.build().new_agent()
    })
}
