use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rtspan_examples::{Synthetic, say};
use rtspan_std::tls::rustls::server::ServerConfig;
use rustix::net::SocketAddrAny;

use crate::channel::Channel;
use crate::feed::Feed;
use crate::gso::Gso;
use crate::reader::{Answers, Reader};

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;
const EVENTS: usize = 1024;
const LISTENER: Token = Token(usize::MAX);

/// Serves until it is killed.
pub(crate) fn serve(addr: SocketAddr, mut feed: Feed, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(addr)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let gso = Gso::bind(SocketAddr::new(addr.ip(), 0), feed.size())?;
    let description = Synthetic::description().with_track_controls().to_sdp();
    let answers = Answers { description, port: gso.port()? };
    say(format_args!("listening on rtsp://{}", listener.local_addr()?));

    let mut events = Events::with_capacity(EVENTS);
    let mut buffer = vec![0; BUFFER];
    let mut readers: Vec<Option<Reader>> = Vec::new();
    let mut free = Vec::new();
    loop {
        let timeout = feed.due().saturating_duration_since(Instant::now());
        match poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut readers, &mut free, tls.as_ref())?;
                continue;
            }
            let place = event.token().0;
            let Some(reader) = readers.get_mut(place).and_then(Option::as_mut) else { continue };
            let mut served = Ok(());
            if event.is_readable() {
                served = reader.read(&mut buffer, &answers, &feed);
            }
            if event.is_writable() {
                served = served.and_then(|()| reader.write(&feed));
            }
            if served.is_err() {
                leave(&mut readers[place], &feed);
                free.push(place);
            }
        }
        let made = feed.advance();
        if made > 0 {
            let to = readers.iter().flatten().filter_map(Reader::datagrams);
            let to: Vec<_> = to.map(SocketAddrAny::from).collect();
            feed.newest(made).for_each(|burst| gso.send(burst, &to));
            for (place, slot) in readers.iter_mut().enumerate() {
                if slot.as_mut().is_some_and(|reader| reader.write(&feed).is_err()) {
                    leave(slot, &feed);
                    free.push(place);
                }
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    readers: &mut Vec<Option<Reader>>,
    free: &mut Vec<usize>,
    tls: Option<&Arc<ServerConfig>>,
) -> io::Result<()> {
    loop {
        let (mut socket, peer) = match listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            accepted => accepted?,
        };
        socket.set_nodelay(true)?;
        let place = free.pop().unwrap_or(readers.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut socket, Token(place), interest)?;
        let reader = Reader::new(Channel::new(socket, tls)?, peer);
        match readers.get_mut(place) {
            Some(free) => *free = Some(reader),
            None => readers.push(Some(reader)),
        }
    }
}

/// Says what a reader was sent, for those whose own count is not to be had.
fn leave(reader: &mut Option<Reader>, feed: &Feed) {
    let packets = reader.take().map_or(0, |reader| reader.packets(feed));
    if packets > 0 {
        say(format_args!("{packets} packets were for a reader that has gone"));
    }
}
