//! The places where a server listens: for players, for programs that control it or collect its statistics, and for browsers that want
//! its page. These settings, and all others, are taken when the file is read again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, PoisonError};

use futures_lite::future::{block_on, or};
use rtspan_examples::http::Guard;
use rtspan_examples::{Listen, metrics};
use rtspan_std::WithCauses;
use rtspan_std::runtime::Runtime;
use serde_json::json;

use super::api::{self, Guards};
use super::config::{File, SecretText, Settings, Web};
use super::desk::{Desk, Move};
use super::service;
use super::station::{AtNextStart, Changes, Station};
use super::web;
use crate::Failure;
use crate::output::notice;
use crate::stop::hung_up;

/// The places of a server.
pub(super) struct Places<R: Runtime> {
    station: Station<R>,
    /// Where players come to, as the settings say it and as it is; nothing of sockets that systemd has opened.
    players: Vec<Place>,
    /// The address of the sockets for media over UDP, which stay.
    udp_ip: IpAddr,
    api: Desk,
    guards: Guards,
    metrics: Desk,
    web: Desk,
}

/// A place as settings say it, and the addresses that it is.
pub(super) type Place = (Listen, Vec<SocketAddr>);

impl<R: Runtime> Places<R> {
    /// Answers programs where the settings say, or at the sockets that systemd has opened for that. Players come to `players` already.
    ///
    /// # Errors
    ///
    /// It cannot be listened somewhere.
    pub(super) fn open(
        station: &Station<R>,
        players: Vec<Place>,
        [api, metrics, web]: [Option<TcpListener>; 3],
    ) -> Result<Self, Failure> {
        let [api, metrics, web] = [api, metrics, web].map(Desk::new);
        let settings = station.settings();
        let udp_ip = settings.udp_ip();
        let guards = Guards::default();
        let mut places = Self { station: station.clone(), players, udp_ip, api, guards, metrics, web };
        let metrics = places.prepare_metrics(&settings.file)?;
        let api = places.prepare_api(&settings.file)?;
        let web = places.prepare_web(&settings.file)?;
        if let (Some(addr), _) = places.metrics.take(metrics) {
            station.tell_place("metrics", "statistics at", &metrics_url(addr), addr);
        }
        places.take_guard(api.1);
        if let (Some(addr), _) = places.api.take(api.0) {
            station.tell_place("api", "control interface at", &api_url(addr), addr);
        }
        if let (Some(addr), _) = places.web.take(web) {
            station.tell_place("web", "page at", &places.web_url()(addr), addr);
        }
        for addr in station.server().local_addrs() {
            station.tell_place("listening", "listening on", &url(addr), addr);
        }
        Ok(places)
    }

    fn prepare_metrics(&self, file: &File) -> Result<Move, Failure> {
        let server = Arc::clone(self.station.server());
        let Some(at) = file.metrics.as_ref().map(|at| at.0.clone()) else { return Ok(Move::Closes) };
        let serve = |listener| metrics::serve(listener, move || block_on(server.stats()));
        self.metrics.prepare(at.clone(), serve).map_err(|source| Failure::Metrics { at, source })
    }

    /// The guard goes with it: it depends on the address.
    fn prepare_api(&self, file: &File) -> Result<(Move, Option<Guard>), Failure> {
        let Some(settings) = &file.api else { return Ok((Move::Closes, None)) };
        let failed = |source| Failure::Api { at: settings.at(), source };
        let token = settings.token.as_ref().map(SecretText::resolve).transpose();
        let token = token.map_err(|error| failed(io::Error::other(error)))?;
        let serve = |listener| api::begin(&self.station, &self.guards, listener);
        let to = self.api.prepare(settings.at(), serve).map_err(failed)?;
        let guard = self.api.after(&to).map(|addr| Guard::new(addr, token)).transpose();
        Ok((to, guard.map_err(|refusal| failed(io::Error::other(refusal)))?))
    }

    fn prepare_web(&self, file: &File) -> Result<Move, Failure> {
        let Some(at) = file.web.as_ref().map(Web::at) else { return Ok(Move::Closes) };
        let serve = |listener| web::begin(&self.station, listener);
        self.web.prepare(at.clone(), serve).map_err(|source| Failure::Web { at, source })
    }

    /// The URL of the page at an address.
    fn web_url(&self) -> fn(SocketAddr) -> String {
        match self.station.tls() {
            Some(_) => |addr| format!("https://{}/", reachable(addr)),
            None => |addr| format!("http://{}/", reachable(addr)),
        }
    }

    /// Lets only those ask whom this one lets; `true` if it is another one than before.
    fn take_guard(&self, guard: Option<Guard>) -> bool {
        let mut own = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = own.is_some() && guard.is_some() && *own != guard;
        *own = guard;
        is_other
    }

    /// Has the settings read again whenever somebody wants that.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        loop {
            let hung_up = async {
                hung_up().await;
                None
            };
            let wanted = or(hung_up, self.station.reload_wanted()).await;
            let _ = service::reloading();
            let reloaded = self.reload().await;
            self.tell(&reloaded);
            let _ = service::ready();
            if let Some(answer) = wanted {
                let _ = answer.try_send(reloaded);
            }
        }
    }

    /// Reads the settings again, and does what has changed.
    ///
    /// # Errors
    ///
    /// There are faults, or something cannot be opened: then nothing is changed. Or a recording cannot begin.
    async fn reload(&mut self) -> Result<Changes, Failure> {
        let (new, pem) = self.station.read_again()?;
        new.warnings.iter().for_each(notice);
        let (api, guard) = self.prepare_api(&new.file)?;
        let metrics = self.prepare_metrics(&new.file)?;
        let web = self.prepare_web(&new.file)?;
        let opened = self.open_new(&new).await?;
        let (wanted, is_other_ip) = (new.listen(), new.udp_ip() != self.udp_ip);
        let line = new.lines.get("listen").copied();
        let mut changes = match self.station.take(new, pem) {
            Ok(changes) => changes,
            Err(failure) => {
                self.close(opened);
                return Err(failure);
            }
        };
        changes.opened = opened.iter().flat_map(|(_, addrs)| addrs).map(|addr| url(*addr)).collect();
        let (stay, go) =
            std::mem::take(&mut self.players).into_iter().partition(|(at, _)| wanted.contains(at));
        self.players = stay;
        self.players.extend(opened);
        changes.closed = self.close(go);
        if is_other_ip && !self.players.is_empty() {
            let setting = "media over UDP at other addresses of listen".to_owned();
            changes.at_next_start.push(AtNextStart { setting, line });
        }
        changes.token = self.take_guard(guard);
        for ((opened, closed), url) in [
            (self.metrics.take(metrics), metrics_url as fn(SocketAddr) -> String),
            (self.api.take(api), api_url),
            (self.web.take(web), self.web_url()),
        ] {
            changes.opened.extend(opened.map(url));
            changes.closed.extend(closed.map(url));
        }
        Ok(changes)
    }

    /// Listens where new settings say and nobody does yet: on all of it, or on nothing.
    async fn open_new(&self, new: &Settings) -> Result<Vec<Place>, Failure> {
        let mut opened = Vec::new();
        // Sockets that systemd has opened are the only ones.
        let is_ours = !self.players.is_empty();
        let is_new = |at: &Listen| is_ours && self.players.iter().all(|(own, _)| own != at);
        for at in new.listen().into_iter().filter(is_new) {
            match self.station.server().listen(&at).await {
                Ok(addrs) => opened.push((at, addrs)),
                Err(error) => {
                    self.close(opened);
                    return Err(error.into());
                }
            }
        }
        Ok(opened)
    }

    /// Listens no more on these addresses; their URLs.
    fn close(&self, places: Vec<Place>) -> Vec<String> {
        let addrs = places.into_iter().flat_map(|(_, addrs)| addrs);
        addrs.filter(|addr| self.station.server().stop_listening(*addr)).map(url).collect()
    }

    /// Says what has changed, or what is wrong with the settings.
    fn tell(&self, reloaded: &Result<Changes, Failure>) {
        match reloaded {
            Ok(changes) => {
                let line = format!("the settings were read again: {changes}");
                self.station.tell("reloaded", line, json!(changes));
            }
            Err(failure) => {
                let reason = WithCauses(failure).to_string();
                let line = if let Failure::Config(faults) = failure {
                    faults.lines().for_each(notice);
                    "the settings have faults, and nothing is changed".to_owned()
                } else {
                    format!("the settings cannot be taken: {reason}")
                };
                self.station.tell("reload_failed", line, json!({ "reason": reason }));
            }
        }
    }
}

/// Where players come to.
fn url(addr: SocketAddr) -> String {
    format!("rtsp://{}", reachable(addr))
}

fn api_url(addr: SocketAddr) -> String {
    format!("http://{}/v1", reachable(addr))
}

fn metrics_url(addr: SocketAddr) -> String {
    format!("http://{}/metrics", reachable(addr))
}

/// The other addresses that a place has beside the one in its URL, in words.
pub(super) fn beside(addr: SocketAddr) -> &'static str {
    match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => ", on all addresses of IPv4",
        IpAddr::V6(ip) if ip.is_unspecified() => ", on all addresses",
        _ => "",
    }
}

/// An address that a player on this machine can be given. A socket of IPv6 for all addresses takes IPv4 as well.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_stands_for_all_is_shown_as_one_that_can_be_reached() {
        for (bound, shown) in [
            ("0.0.0.0:8554", "127.0.0.1:8554, on all addresses of IPv4"),
            ("[::]:8554", "127.0.0.1:8554, on all addresses"),
            ("192.0.2.1:554", "192.0.2.1:554"),
        ] {
            let addr = bound.parse().unwrap();
            assert_eq!(format!("{}{}", reachable(addr), beside(addr)), shown);
        }
    }
}
