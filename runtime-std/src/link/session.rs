//! A TLS connection over a socket: the buffered interface of rustls, driven with slices of bytes.

use std::cell::Cell;
use std::io::{self, BufRead, ErrorKind, IoSlice, Write};
use std::mem;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use rtspan_core::tls::{Secured, TlsError};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Connection, ServerConfig};

use crate::runtime::TcpSocket;
use crate::tls::error::of_rustls;

/// Bytes that are read off a socket in one call.
const READ_BYTES: usize = 64 << 10;
/// Plaintext that goes into one record at most (RFC 8446, section 5.1). So many frames of RTSP share one.
const RECORD_BYTES: usize = 16 << 10;
/// Records that are made in one go, if there is as much to write.
const RECORDS: usize = 4;

thread_local! {
    /// The encrypted bytes that are being read, per thread: no connection holds any of its own.
    static ENCRYPTED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A TLS connection, of either side.
pub(crate) struct Session {
    conn: Connection,
    /// Encrypted bytes that there was no room for.
    held: BytesMut,
    /// The plaintext that the peer has sent is not all handed on.
    has_input: bool,
    /// The peer has said that it says no more.
    has_ended: bool,
    is_secured: bool,
}

impl Session {
    pub(crate) fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, TlsError> {
        rustls::ClientConnection::new(config, name).map(Self::of).map_err(of_rustls)
    }

    pub(crate) fn server(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        rustls::ServerConnection::new(config).map(Self::of).map_err(of_rustls)
    }

    fn of(conn: impl Into<Connection>) -> Self {
        let mut conn = conn.into();
        conn.set_buffer_limit(Some(RECORDS * RECORD_BYTES));
        Self { conn, held: BytesMut::new(), has_input: false, has_ended: false, is_secured: false }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.conn.is_handshaking()
    }

    /// The facts that are known of the peer, once, when the handshake is done.
    pub(crate) fn take_secured(&mut self) -> Option<Secured> {
        if self.is_handshaking() || mem::replace(&mut self.is_secured, true) {
            return None;
        }
        let mut secured = Secured::default();
        if let Connection::Server(server) = &self.conn {
            secured.server_name = server.server_name().map(str::to_owned);
        }
        let certificate = self.conn.peer_certificates().and_then(|chain| chain.first());
        secured.certificate = certificate.map(|certificate| Bytes::copy_from_slice(certificate));
        Some(secured)
    }

    /// Returns `true` if [`read`](Self::read) has something, whatever the socket says.
    pub(crate) fn has_input(&self) -> bool {
        self.has_input || self.has_ended
    }

    /// Reads the socket and appends what comes out of it to `into`, as far as that has capacity. 0 is the end; it would block
    /// where no record is whole.
    pub(crate) fn read(&mut self, socket: &impl TcpSocket, into: &mut BytesMut) -> io::Result<usize> {
        let before = into.len();
        if mem::take(&mut self.has_input) {
            self.decrypt(&[], into)?;
        } else if !self.has_ended {
            self.receive(socket, into)?;
        }
        match into.len().saturating_sub(before) {
            0 if self.has_ended && !self.has_input => Ok(0),
            0 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }

    /// Takes bytes that were read elsewhere.
    pub(crate) fn push(&mut self, encrypted: &[u8], into: &mut BytesMut) -> io::Result<()> {
        self.decrypt(encrypted, into)
    }

    fn receive(&mut self, socket: &impl TcpSocket, into: &mut BytesMut) -> io::Result<()> {
        let mut encrypted = ENCRYPTED.take();
        encrypted.resize(READ_BYTES, 0);
        let received = match socket.try_read(&mut encrypted) {
            Ok(0) => {
                // The peer may go without a word: RTSP tells itself where its messages end.
                self.has_ended = true;
                Ok(())
            }
            Ok(n) => self.decrypt(encrypted.get(..n).unwrap_or_default(), into),
            Err(error) => Err(error),
        };
        ENCRYPTED.set(encrypted);
        received
    }

    /// Decrypts what is held and then these bytes, as far as there is room for what comes out.
    fn decrypt(&mut self, encrypted: &[u8], into: &mut BytesMut) -> io::Result<()> {
        let mut held = mem::take(&mut self.held);
        if !held.is_empty() {
            held.extend_from_slice(encrypted);
        }
        let mut rest = if held.is_empty() { encrypted } else { &*held };
        loop {
            if !self.drain(into)? {
                break;
            }
            if rest.is_empty() {
                return Ok(());
            }
            self.conn.read_tls(&mut rest)?;
            let processed = self.conn.process_new_packets();
            let state =
                processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, of_rustls(error)))?;
            self.has_ended |= state.peer_has_closed();
        }
        self.has_input = true;
        let read = if held.is_empty() { encrypted.len() } else { held.len() } - rest.len();
        if held.is_empty() {
            held.extend_from_slice(encrypted);
        }
        held.advance(read);
        self.held = held;
        Ok(())
    }

    /// Hands on what was decrypted. Returns `true` if that was all of it.
    fn drain(&mut self, into: &mut BytesMut) -> io::Result<bool> {
        let mut reader = self.conn.reader();
        loop {
            let room = into.capacity() - into.len();
            let chunk = match reader.fill_buf() {
                Ok([]) => return Ok(true),
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            if room == 0 {
                return Ok(false);
            }
            let n = room.min(chunk.len());
            into.extend_from_slice(chunk.get(..n).unwrap_or_default());
            reader.consume(n);
        }
    }

    /// Encrypts the beginning of what is to be written, and says how much it took.
    pub(crate) fn take(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.conn.writer().write_vectored(from) {
            Ok(0) if !from.is_empty() => Err(ErrorKind::WouldBlock.into()),
            taken => taken,
        }
    }

    /// Writes encrypted bytes, as far as the socket has room.
    pub(crate) fn write(&mut self, socket: &impl TcpSocket) -> io::Result<()> {
        while self.conn.wants_write() {
            if self.conn.write_tls(&mut Writing(socket))? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Tells the peer that nothing more is written.
    pub(crate) fn close(&mut self) {
        self.conn.send_close_notify();
    }
}

/// The socket as rustls writes to it.
struct Writing<'a, T>(&'a T);

impl<T: TcpSocket> Write for Writing<'_, T> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0.try_write_vectored(&[IoSlice::new(from)])
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
