use std::io::{self, ErrorKind, IoSlice, Read, Write};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Token};
use rtspan_core::conn::{CloseReason, ConnRx, ConnTx, Inbound, ServerConn};
use rtspan_core::{ConnId, Instant};

use super::{EventLoop, LISTENER, udp};

/// A connection and its two halves.
pub(super) struct Connection {
    pub(super) rx: ConnRx,
    pub(super) tx: ConnTx,
    socket: TcpStream,
    /// mio tells of changes only: ready until the socket says that it would block.
    readable: bool,
    writable: bool,
    /// Why nothing more is read; what is left to say is still written.
    failure: Option<CloseReason>,
}

impl EventLoop {
    pub(super) fn note_readiness(&mut self, event: &Event) -> io::Result<()> {
        if event.token() == LISTENER {
            return self.accept();
        }
        if udp::is_udp(event.token()) {
            if let Some(pair) = &mut self.udp {
                pair.note_readiness(event);
            }
            return Ok(());
        }
        // Indices are used again: at worst this wakes another connection for nothing.
        if let Some((_, conn)) = self.conns.iter_mut().find(|(id, _)| Token(id.index()) == event.token()) {
            conn.readable |= event.is_readable() || event.is_error();
            conn.writable |= event.is_writable() || event.is_error();
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let (mut socket, peer) = match self.listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                accepted => accepted?,
            };
            let Ok(ServerConn { id, rx, tx }) = self.server.open_conn(self.now(), peer) else { continue };
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, Token(id.index()), both)?;
            let conn = Connection { rx, tx, socket, readable: true, writable: true, failure: None };
            self.conns.insert(id, conn);
        }
    }

    /// Reads until there is no more, and hands on what came.
    pub(super) fn receive(&mut self, now: Instant, id: ConnId) -> io::Result<()> {
        while let Some(conn) =
            self.conns.get_mut(&id).filter(|conn| conn.failure.is_none() || conn.rx.has_input())
        {
            conn.rx.handle_timeout(now);
            match conn.rx.poll_input(now) {
                Ok(Some(Inbound::Message(message))) => {
                    self.server.handle_message(now, id, message, &self.logs);
                }
                Ok(Some(Inbound::Media(stream, media))) => {
                    if let Some(log) = self.logs.0.get_mut(&stream) {
                        log.handle_media(now, media);
                    }
                }
                Ok(Some(Inbound::Reply(frame))) => conn.tx.handle_reply(now, frame),
                Ok(Some(Inbound::Report(report))) => self.server.handle_report(now, report),
                Ok(Some(_)) => {}
                Ok(None) if conn.readable && conn.rx.wants_read() => match conn.read(now) {
                    Ok(()) => continue,
                    Err(reason) => return self.close(now, id, reason),
                },
                Ok(None) => return Ok(()),
                Err(reason) => {
                    self.server.handle_conn_error(now, id, &reason, &self.logs);
                    conn.failure = Some(reason);
                }
            }
            self.hand_out(now)?;
        }
        Ok(())
    }

    /// Writes what there is, as far as the socket has room.
    pub(super) fn send(&mut self, now: Instant, id: ConnId) -> io::Result<()> {
        loop {
            let Some(conn) = self.conns.get_mut(&id) else { return Ok(()) };
            conn.tx.pull(now, &self.logs);
            while let Some(report) = conn.tx.poll_report() {
                self.server.handle_report(now, report);
            }
            let sent = conn.write(now).and_then(|()| conn.tx.handle_timeout(now));
            let is_finished = conn.tx.is_finished();
            let goes_on = conn.writable && conn.tx.has_more();
            let failure = conn.failure.take_if(|_| is_finished);
            match (sent, failure) {
                (Err(reason), _) | (Ok(()), Some(reason)) => return self.close(now, id, reason),
                _ if is_finished => return self.close(now, id, CloseReason::Application),
                _ => {}
            }
            self.hand_out(now)?;
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Forgets a connection; its socket is closed with it.
    fn close(&mut self, now: Instant, id: ConnId, reason: CloseReason) -> io::Result<()> {
        if let Some(mut conn) = self.conns.remove(&id) {
            let stats = [conn.rx.last_stats(now), conn.tx.last_stats(now, &self.logs)];
            stats.into_iter().for_each(|report| self.server.handle_report(now, report));
        }
        self.server.handle_conn_closed(now, id, reason);
        self.hand_out(now)
    }
}

impl Connection {
    fn read(&mut self, now: Instant) -> Result<(), CloseReason> {
        match self.socket.read(self.rx.read_buf()) {
            Ok(0) => return Err(CloseReason::PeerClosed),
            Ok(n) => self.rx.handle_read(now, n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                self.rx.handle_read(now, 0);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(CloseReason::Io(error.kind())),
        }
        Ok(())
    }

    fn write(&mut self, now: Instant) -> Result<(), CloseReason> {
        while self.writable && self.tx.wants_write() {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = self.tx.io_slices(&mut slices);
            match self.socket.write_vectored(&slices[..filled]) {
                Ok(0) => return Err(CloseReason::Io(ErrorKind::WriteZero)),
                Ok(n) => self.tx.handle_written(now, n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(CloseReason::Io(error.kind())),
            }
        }
        Ok(())
    }
}
