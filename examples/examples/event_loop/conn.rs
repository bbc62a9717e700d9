//! Connections: bytes in, messages and media on; packets and answers out.

use std::io::{ErrorKind, IoSlice};

use rtspan_core::conn::{CloseReason, ConnRx, ConnTx, Inbound};
use rtspan_core::{ConnId, Instant};

use crate::application::{Application, Sockets};

/// The two halves of a connection.
pub(crate) struct Connection {
    pub(crate) rx: ConnRx,
    pub(crate) tx: ConnTx,
    /// Why nothing more is read; the rest is still written.
    failure: Option<CloseReason>,
}

impl Connection {
    pub(crate) fn new(rx: ConnRx, tx: ConnTx) -> Self {
        Self { rx, tx, failure: None }
    }
}

impl Application<'_> {
    /// Reads until there is no more, and hands on what came.
    pub(crate) fn receive(&mut self, now: Instant, id: ConnId, sockets: &mut impl Sockets) {
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
                Ok(None) if conn.rx.wants_read() => match sockets.read(id, conn.rx.read_buf()) {
                    Ok(0) => return self.close(now, id, CloseReason::PeerClosed, sockets),
                    Ok(n) => conn.rx.handle_read(now, n),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        return conn.rx.handle_read(now, 0);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return self.close(now, id, CloseReason::Io(error.into()), sockets),
                },
                Ok(None) => return,
                Err(reason) => {
                    self.server.handle_conn_error(now, id, &reason, &self.logs);
                    conn.failure = Some(reason);
                }
            }
            self.hand_out(now);
        }
    }

    /// Writes what there is, as far as the socket has room.
    pub(crate) fn send(&mut self, now: Instant, id: ConnId, sockets: &mut impl Sockets) {
        loop {
            let Some(conn) = self.conns.get_mut(&id) else { return };
            conn.tx.pull(now, &self.logs);
            while let Some(report) = conn.tx.poll_report() {
                self.server.handle_report(now, report);
            }
            let sent = write(now, id, &mut conn.tx, sockets);
            let sent = sent.and_then(|has_room| conn.tx.handle_timeout(now).map(|()| has_room));
            let is_finished = conn.tx.is_finished();
            let goes_on = sent == Ok(true) && conn.tx.has_more();
            let failure = conn.failure.take_if(|_| is_finished);
            match (sent, failure) {
                (Err(reason), _) | (Ok(_), Some(reason)) => return self.close(now, id, reason, sockets),
                _ if is_finished => return self.close(now, id, CloseReason::Application, sockets),
                _ => {}
            }
            self.hand_out(now);
            if !goes_on {
                return;
            }
        }
    }

    /// Forgets a connection, and tells the server its last.
    fn close(&mut self, now: Instant, id: ConnId, reason: CloseReason, sockets: &mut impl Sockets) {
        if let Some(mut conn) = self.conns.remove(&id) {
            let stats = [conn.rx.last_stats(now), conn.tx.last_stats(now, &self.logs)];
            stats.into_iter().for_each(|report| self.server.handle_report(now, report));
        }
        sockets.close(id);
        self.server.handle_conn_closed(now, id, reason);
        self.hand_out(now);
    }
}

/// Writes until nothing is left, or there is no room any more: then it returns `false`.
fn write(now: Instant, id: ConnId, tx: &mut ConnTx, sockets: &mut impl Sockets) -> Result<bool, CloseReason> {
    while tx.wants_write() {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = tx.io_slices(&mut slices);
        match sockets.write(id, &slices[..filled]) {
            Ok(0) => return Err(CloseReason::Io(ErrorKind::WriteZero.into())),
            Ok(n) => tx.handle_written(now, n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(CloseReason::Io(error.into())),
        }
    }
    Ok(true)
}
