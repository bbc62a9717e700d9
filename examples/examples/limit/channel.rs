use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rtspan_std::tls::rustls::ServerConnection;
use rtspan_std::tls::rustls::server::ServerConfig;

/// Bytes that go into one record of TLS at most; more are not handed over at once, so that what is not written stays little.
const RECORD_BYTES: usize = 16 << 10;

/// A connection as it is, or under TLS by nothing but rustls.
pub(crate) enum Channel {
    Plain(TcpStream),
    Tls(TcpStream, Box<ServerConnection>),
}

impl Channel {
    pub(crate) fn new(socket: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        Ok(match tls {
            None => Self::Plain(socket),
            Some(config) => {
                let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Self::Tls(socket, Box::new(session))
            }
        })
    }

    /// Reads what there is.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (socket, session) = match self {
            Self::Plain(socket) => return socket.read(buffer),
            Self::Tls(socket, session) => (socket, session),
        };
        loop {
            let read = session.read_tls(socket)?;
            session.process_new_packets().map_err(io::Error::other)?;
            flush(socket, session)?;
            match session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && read > 0 => {}
                read => return read,
            }
        }
    }

    /// Writes what there is room for.
    pub(crate) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let (socket, session) = match self {
            Self::Plain(socket) => return socket.write_vectored(slices),
            Self::Tls(socket, session) => (socket, session),
        };
        if !flush(socket, session)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = 0;
        let fits = slices.iter().take_while(|slice| {
            taken += slice.len();
            taken <= RECORD_BYTES
        });
        let written = session.writer().write_vectored(&slices[..fits.count().max(1)])?;
        flush(socket, session)?;
        Ok(written)
    }

    /// Writes all of a short answer.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes),
            Self::Tls(socket, session) => {
                session.writer().write_all(bytes)?;
                flush(socket, session).map(drop)
            }
        }
    }
}

/// Writes the records that wait; `false` if there is no room for all.
fn flush(socket: &mut TcpStream, session: &mut ServerConnection) -> io::Result<bool> {
    while session.wants_write() {
        match session.write_tls(socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            written => written?,
        };
    }
    Ok(true)
}
