//! [etcd](https://etcd.io) as the registry, through its JSON gateway over HTTP: leases and transactions are its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::address::Login;
use super::{Answer, Lease, Registry, RegistryError, Request, View, Watch};
use crate::trust::Trust;

mod watch;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it may take to check a password, which is made slow on purpose: a server that is busy with those of many nodes would be
/// asked again and again if nobody waited for it.
const LOGIN_PATIENCE: Duration = Duration::from_secs(6);
/// Bytes of an answer: a view of some hundred thousand paths.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// The codes of an answer that says that there is no such lease, and that the token counts no more.
const NOT_FOUND: u64 = 5;
const UNAUTHENTICATED: u64 = 16;
/// The same, in the words of servers that give another code: the users have changed.
const OLD_TOKEN: &str = "revision of auth store is old";

/// The servers of an etcd.
#[derive(Clone)]
pub struct Etcd {
    scheme: &'static str,
    servers: Vec<String>,
    /// The server that has answered last.
    server: usize,
    prefix: String,
    login: Option<Login>,
    /// It stands for the login, for all connections of this node: a password is checked once.
    token: Arc<Mutex<Option<String>>>,
    agent: Agent,
}

impl std::fmt::Debug for Etcd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Etcd").field("servers", &self.servers).finish_non_exhaustive()
    }
}

impl Etcd {
    /// An etcd whose servers, such as `10.0.0.1:2379`, are asked in turn until one answers. All keys begin with `prefix`.
    pub fn new(servers: impl IntoIterator<Item = String>, prefix: &str) -> Self {
        Self::with(servers.into_iter().collect(), prefix, None, None)
    }

    /// The same, as a user, and over TLS if there is something to know the servers by.
    pub(super) fn with(
        servers: Vec<String>,
        prefix: &str,
        login: Option<Login>,
        trust: Option<&Trust>,
    ) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let config = match trust {
            Some(trust) => config.tls_config(trust.of_http()),
            None => config,
        };
        Self {
            scheme: if trust.is_some() { "https" } else { "http" },
            servers,
            server: 0,
            prefix: prefix.to_owned(),
            login,
            token: Arc::default(),
            agent: config.build().new_agent(),
        }
    }

    /// Asks with a token, if one is needed, and once more with a new one; `None` is the answer that there is no such lease.
    fn post(&mut self, method: &str, body: &Value) -> Result<Option<Value>, RegistryError> {
        let old = self.log_in(None)?;
        match self.post_to_any(method, body, old.as_deref()) {
            Err(RegistryError::Unauthenticated { .. }) if old.is_some() => {
                let token = self.log_in(old.as_deref())?;
                self.post_to_any(method, body, token.as_deref())
            }
            answered => answered,
        }
    }

    /// The token if one is needed, another one than `old`.
    fn log_in(&mut self, old: Option<&str>) -> Result<Option<String>, RegistryError> {
        let Some(login) = &self.login else { return Ok(None) };
        let body = json!({ "name": login.user, "password": login.password });
        let token = Arc::clone(&self.token);
        // All others that need it wait.
        let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_none() || token.as_deref() == old {
            *token = None;
            let answer = self.post_to_any("auth/authenticate", &body, None)?.ok_or_else(|| self.foreign())?;
            *token = Some(answer["token"].as_str().ok_or_else(|| self.foreign())?.to_owned());
        }
        Ok(token.clone())
    }

    /// Asks one server after the other.
    fn post_to_any(
        &mut self,
        method: &str,
        body: &Value,
        token: Option<&str>,
    ) -> Result<Option<Value>, RegistryError> {
        let mut failure = None;
        for _ in 0..self.servers.len().max(1) {
            let at = self.servers.get(self.server).cloned().unwrap_or_default();
            match self.post_to(&at, method, body, token) {
                Err(error @ RegistryError::Unreachable { .. }) => failure = Some(error),
                answered => return answered,
            }
            self.server = (self.server + 1) % self.servers.len().max(1);
        }
        Err(failure.unwrap_or_else(|| self.foreign()))
    }

    fn post_to(
        &self,
        at: &str,
        method: &str,
        body: &Value,
        token: Option<&str>,
    ) -> Result<Option<Value>, RegistryError> {
        let unreachable =
            |source: ureq::Error| RegistryError::Unreachable { at: at.to_owned(), source: source.into() };
        let patience = if method == "auth/authenticate" { LOGIN_PATIENCE } else { PATIENCE };
        let mut response = self.send(at, method, body, token, patience).map_err(unreachable)?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let answer: Value =
            serde_json::from_slice(&body.map_err(unreachable)?).map_err(|_| self.foreign())?;
        if response.status().is_success() {
            return Ok(Some(answer));
        }
        if answer["code"].as_u64() == Some(NOT_FOUND) {
            return Ok(None);
        }
        let message = answer["message"].as_str().or_else(|| answer["error"].as_str()).unwrap_or_default();
        let (at, message) = (at.to_owned(), message.to_owned());
        if answer["code"].as_u64() == Some(UNAUTHENTICATED) || message.contains(OLD_TOKEN) {
            return Err(RegistryError::Unauthenticated { at, message });
        }
        Err(RegistryError::Refused { at, message })
    }

    fn send(
        &self,
        at: &str,
        method: &str,
        body: &Value,
        token: Option<&str>,
        patience: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.post(format!("{}://{at}/v3/{method}", self.scheme));
        let request = request.config().timeout_global(Some(patience)).build();
        let request = request.header("Content-Type", "application/json");
        let request = match token {
            Some(token) => request.header("Authorization", token),
            None => request,
        };
        request.send(body.to_string())
    }

    fn foreign(&self) -> RegistryError {
        let at = self.servers.get(self.server).cloned().unwrap_or_default();
        RegistryError::Foreign { at, kind: "etcd" }
    }

    fn key(&self, kind: &str, name: &str) -> String {
        BASE64_STANDARD.encode(format!("{}/{kind}/{name}", self.prefix))
    }

    fn grant(&mut self, ttl: Duration) -> Result<Answer, RegistryError> {
        let body = json!({ "TTL": ttl.as_secs().max(1).to_string(), "ID": "0" });
        let answer = self.post("lease/grant", &body)?.ok_or_else(|| self.foreign())?;
        let id = answer["ID"].as_str().ok_or_else(|| self.foreign())?;
        Ok(Answer::Granted(Lease { id: id.to_owned(), ttl: self.ttl(&answer)? }))
    }

    fn renew(&mut self, lease: &str) -> Result<Answer, RegistryError> {
        let Some(answer) = self.post("lease/keepalive", &json!({ "ID": lease }))? else {
            return Ok(Answer::NoLease);
        };
        let result = &answer["result"];
        // A lease that is over has no time any more.
        match result["TTL"].is_null() {
            true if result["ID"].is_null() => Err(self.foreign()),
            true => Ok(Answer::NoLease),
            false => Ok(Answer::Renewed(self.ttl(result)?)),
        }
    }

    fn ttl(&self, answer: &Value) -> Result<Duration, RegistryError> {
        let seconds = answer["TTL"].as_str().and_then(|text| text.parse().ok());
        seconds.map(Duration::from_secs).ok_or_else(|| self.foreign())
    }

    fn claim(&mut self, lease: &str, path: &str, claim: &impl Serialize) -> Result<Answer, RegistryError> {
        let key = self.key("claims", path);
        let put = json!({ "request_put": { "key": key, "value": encoded(claim), "lease": lease } });
        let body = json!({
            "compare": [{ "key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0" }],
            "success": [put, { "request_range": { "key": key } }],
            "failure": [{ "request_range": { "key": key } }],
        });
        let Some(answer) = self.post("kv/txn", &body)? else { return Ok(Answer::NoLease) };
        let ranges = answer["responses"].as_array().into_iter().flatten();
        let has =
            ranges.filter_map(|response| decoded(&response["response_range"]["kvs"][0]["value"])).next();
        Ok(Answer::Claimed(has.ok_or_else(|| self.foreign())?))
    }

    fn release(&mut self, path: &str, claim: &impl Serialize) -> Result<Answer, RegistryError> {
        let key = self.key("claims", path);
        let body = json!({
            "compare": [{ "key": key, "target": "VALUE", "result": "EQUAL", "value": encoded(claim) }],
            "success": [{ "request_delete_range": { "key": key } }],
        });
        self.post("kv/txn", &body)?;
        Ok(Answer::Done)
    }

    fn view(&mut self) -> Result<Answer, RegistryError> {
        let (from, to) = (format!("{}/", self.prefix), format!("{}0", self.prefix));
        let body = json!({ "key": BASE64_STANDARD.encode(&from), "range_end": BASE64_STANDARD.encode(to) });
        let answer = self.post("kv/range", &body)?.ok_or_else(|| self.foreign())?;
        if answer["header"].is_null() {
            return Err(self.foreign());
        }
        let (mut view, none) = (View::default(), Vec::new());
        for pair in answer["kvs"].as_array().unwrap_or(&none) {
            let key = pair["key"].as_str().and_then(|key| BASE64_STANDARD.decode(key).ok());
            let Some(key) = key.and_then(|key| String::from_utf8(key).ok()) else { continue };
            match key.strip_prefix(&from).and_then(|name| name.split_once('/')) {
                Some(("claims", path)) => insert(&mut view.claims, path, &pair["value"]),
                Some(("nodes", node)) => insert(&mut view.nodes, node, &pair["value"]),
                _ => {}
            }
        }
        Ok(Answer::View(Arc::new(view)))
    }
}

fn insert<T: DeserializeOwned>(all: &mut BTreeMap<String, T>, name: &str, value: &Value) {
    if let Some(value) = decoded(value) {
        all.insert(name.to_owned(), value);
    }
}

fn encoded(value: &impl Serialize) -> String {
    BASE64_STANDARD.encode(json!(value).to_string())
}

fn decoded<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_slice(&BASE64_STANDARD.decode(value.as_str()?).ok()?).ok()
}

impl Registry for Etcd {
    fn ask(&mut self, request: &Request) -> Result<Answer, RegistryError> {
        match request {
            Request::Grant { ttl } => self.grant(*ttl),
            Request::Renew { lease } => self.renew(lease),
            Request::Claim { lease, path, claim } => self.claim(lease, path, claim),
            Request::Release { path, claim } => self.release(path, claim),
            Request::Tell { lease, node, told } => {
                let key = self.key("nodes", node);
                let put = json!({ "key": key, "value": encoded(told), "lease": lease });
                Ok(self.post("kv/put", &put)?.map_or(Answer::NoLease, |_| Answer::Done))
            }
            Request::View => self.view(),
        }
    }

    fn leave(&mut self, lease: &str) -> Result<(), RegistryError> {
        self.post("lease/revoke", &json!({ "ID": lease })).map(drop)
    }

    fn watch(&self) -> Option<Box<dyn Watch>> {
        Some(Box::new(watch::EtcdWatch::new(self.clone())))
    }
}
