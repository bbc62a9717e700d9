use std::io;
use std::net::SocketAddr;

use rtspan_core::client::{Client, ClientConfig, ClientEvent};
use rtspan_core::server::{Event, ServerConfig};
use rtspan_core::url::Url;
use socket2::Socket;

#[derive(Debug)]
pub(crate) struct ServerTrace;

impl ServerTrace {
    pub(crate) fn of(config: ServerConfig) -> (ServerConfig, Self) {
        (config, Self)
    }

    pub(crate) fn tell(&self, _: &Event) -> bool {
        true
    }

    pub(crate) fn tell_dropped(&self, _: &Event) {}
}

#[derive(Debug)]
pub(crate) struct ClientTrace;

impl ClientTrace {
    pub(crate) fn of(config: ClientConfig, _: &Url) -> (ClientConfig, Self) {
        (config, Self)
    }

    pub(crate) fn tell(&self, _: &Client, _: &ClientEvent) -> bool {
        true
    }

    pub(crate) fn tell_connected(&self, _: SocketAddr) {}
}

pub(crate) fn accept_failed(_: &io::Error) {}

pub(crate) fn receive_buffer(_: &Socket, _: usize) {}

pub(crate) fn moved(_: &'static str, _: usize) {}
