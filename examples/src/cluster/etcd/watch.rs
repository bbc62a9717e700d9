//! etcd tells of claims as they begin and end, in an answer of HTTP that goes on.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use ureq::BodyReader;

use super::Etcd;
use crate::cluster::{RegistryError, Watch};

/// How long an answer goes on. Then another one is asked for, so that a connection that is dead is not waited for.
const SPAN: Duration = Duration::from_secs(60);
/// Bytes of a line of the answer.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// The claims of an etcd, as they change.
pub(super) struct EtcdWatch {
    etcd: Etcd,
    lines: Option<BufReader<BodyReader<'static>>>,
    token: Option<String>,
    /// The token with which it was refused.
    old: Option<String>,
}

impl EtcdWatch {
    pub(super) fn new(etcd: Etcd) -> Self {
        Self { etcd, lines: None, token: None, old: None }
    }

    fn open(&mut self) -> Result<BufReader<BodyReader<'static>>, RegistryError> {
        self.token = self.etcd.log_in(self.old.take().as_deref())?;
        let etcd = &mut self.etcd;
        let at = etcd.servers.get(etcd.server).cloned().unwrap_or_default();
        let key = |sign: char| BASE64_STANDARD.encode(format!("{}/claims{sign}", etcd.prefix));
        // All keys that begin with the first one: 0 comes behind the slash.
        let body = json!({ "create_request": { "key": key('/'), "range_end": key('0') } });
        match etcd.send(&at, "watch", &body, self.token.as_deref(), SPAN) {
            Ok(response) if response.status().is_success() => {
                Ok(BufReader::new(response.into_body().into_reader()))
            }
            Ok(response) => {
                self.old = self.token.take();
                Err(RegistryError::Refused { at, message: format!("no watch: {}", response.status()) })
            }
            Err(source) => {
                etcd.server = (etcd.server + 1) % etcd.servers.len().max(1);
                Err(RegistryError::Unreachable { at, source: source.into() })
            }
        }
    }

    /// Reads a line of the answer; `None` if there is no other.
    fn line(&mut self) -> Option<Value> {
        let mut line = Vec::new();
        let read = std::io::Read::take(self.lines.as_mut()?, LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.ok().and_then(|_| serde_json::from_slice(&line).ok())
    }
}

impl Watch for EtcdWatch {
    fn wait(&mut self) -> Result<(), RegistryError> {
        if self.lines.is_none() {
            self.lines = Some(self.open()?);
        }
        match self.line() {
            // The first line says that it is watched from now on: what was before is to be looked at.
            Some(line) if line["error"].is_null() && line["result"]["canceled"].is_null() => Ok(()),
            line => {
                self.lines = None;
                match line {
                    // The answer has gone on for long enough.
                    None => Ok(()),
                    Some(_) => {
                        // The token may count no more.
                        self.old = self.token.take();
                        Err(self.etcd.foreign())
                    }
                }
            }
        }
    }
}
