//! Redis as the registry. Each question is a script, which Redis carries out without anything in between.
//!
//! A lease is a key that ends by itself; a claim counts while the key of its lease is there. Redis ends keys by its wall clock: a clock
//! that is set forward by more than a lease ends leases early. It also forgets what it has not copied when its primary fails. Choose
//! etcd where two owners of a path would do harm.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::address::Login;
use super::{Answer, Lease, Registry, RegistryError, Request, View};
use crate::trust::Trust;

/// How long a server may take to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of a text in an answer.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Parts of an answer.
const PARTS_MAX: usize = 1 << 20;

// KEYS: the lease, the hash. ARGV: the lease's name, the field, the value, what the keys of leases begin with.
const CLAIM: &str = "\
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local has = redis.call('HGET', KEYS[2], ARGV[2])
if has then
  local lease, value = has:match('^(%S+) (.*)$')
  if redis.call('EXISTS', ARGV[4] .. lease) == 1 then return value end
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1] .. ' ' .. ARGV[3])
return ARGV[3]";
const TELL: &str = "\
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1] .. ' ' .. ARGV[3])
return ARGV[3]";
// KEYS: the hash. ARGV: the field, the value.
const RELEASE: &str = "\
local has = redis.call('HGET', KEYS[1], ARGV[1])
if has and has:match('^%S+ (.*)$') == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1";
// KEYS: the hash. ARGV: what the keys of leases begin with.
const LIST: &str = "\
local all, found = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local lease, value = all[i + 1]:match('^(%S+) (.*)$')
  if redis.call('EXISTS', ARGV[1] .. lease) == 1 then
    found[#found + 1] = all[i]
    found[#found + 1] = value
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return found";

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    at: String,
    login: Option<Login>,
    trust: Option<Trust>,
    prefix: String,
    ttl: Duration,
    connection: Option<BufReader<Line>>,
}

/// A connection to Redis.
#[derive(Debug)]
enum Line {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Line {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// An answer of Redis.
#[derive(Debug, Eq, PartialEq)]
enum Reply {
    Nothing,
    Number(i64),
    Text(String),
    Error(String),
    Parts(Vec<Self>),
}

impl Redis {
    /// A server at an address such as `10.0.0.1:6379`. All keys begin with `prefix`.
    pub fn new(at: &str, password: Option<&str>, prefix: &str) -> Self {
        let login = password.map(|password| Login { user: String::new(), password: password.to_owned() });
        Self::with(at, prefix, login, None)
    }

    /// The same, as a user, and over TLS if there is something to know the server by.
    pub(super) fn with(at: &str, prefix: &str, login: Option<Login>, trust: Option<&Trust>) -> Self {
        Self {
            at: at.to_owned(),
            login,
            trust: trust.cloned(),
            prefix: prefix.to_owned(),
            ttl: Duration::ZERO,
            connection: None,
        }
    }

    /// Gives a command, and reads the answer. After a failure the connection is another one.
    fn command(&mut self, words: &[&str]) -> Result<Reply, RegistryError> {
        let at = self.at.clone();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        match exchange(&mut connection, words) {
            Ok(Reply::Error(message)) => Err(RegistryError::Refused { at, message }),
            Ok(reply) => {
                self.connection = Some(connection);
                Ok(reply)
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(self.foreign()),
            Err(error) => Err(RegistryError::Unreachable { at, source: error.into() }),
        }
    }

    fn connect(&self) -> Result<BufReader<Line>, RegistryError> {
        let unreachable =
            |error: io::Error| RegistryError::Unreachable { at: self.at.clone(), source: error.into() };
        let mut tried = Err(io::Error::from(io::ErrorKind::NotFound));
        for addr in self.at.to_socket_addrs().map_err(unreachable)? {
            tried = TcpStream::connect_timeout(&addr, PATIENCE);
            if tried.is_ok() {
                break;
            }
        }
        let socket = tried.map_err(unreachable)?;
        socket.set_nodelay(true).map_err(unreachable)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
        socket.set_write_timeout(Some(PATIENCE)).map_err(unreachable)?;
        let mut connection = BufReader::new(self.secured(socket).map_err(unreachable)?);
        let Some(Login { user, password }) = &self.login else { return Ok(connection) };
        let words = ["AUTH", user, password];
        // Without a user it is the password of all, which older servers know only.
        let words = if user.is_empty() { vec![words[0], words[2]] } else { words.to_vec() };
        match exchange(&mut connection, &words).map_err(unreachable)? {
            Reply::Error(message) => Err(RegistryError::Refused { at: self.at.clone(), message }),
            _ => Ok(connection),
        }
    }

    /// TLS begins with the first command.
    fn secured(&self, socket: TcpStream) -> io::Result<Line> {
        let Some(trust) = &self.trust else { return Ok(Line::Clear(socket)) };
        let host = self.at.rsplit_once(':').map_or(&*self.at, |(host, _)| host);
        let name =
            ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
        let tls = trust.of_tls().map_err(io::Error::other)?;
        let connection = ClientConnection::new(tls, name).map_err(io::Error::other)?;
        Ok(Line::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    fn foreign(&self) -> RegistryError {
        RegistryError::Foreign { at: self.at.clone(), kind: "Redis" }
    }

    fn lease_key(&self, lease: &str) -> String {
        format!("{}:lease:{lease}", self.prefix)
    }

    fn hash(&self, kind: &str) -> String {
        format!("{}:{kind}", self.prefix)
    }

    /// Writes a field that counts while its lease lasts; the answer is the value that is there then.
    fn put(
        &mut self,
        script: &str,
        lease: &str,
        kind: &str,
        field: &str,
        value: &str,
    ) -> Result<Option<String>, RegistryError> {
        let (key, hash, leases) = (self.lease_key(lease), self.hash(kind), self.lease_key(""));
        match self.command(&["EVAL", script, "2", &key, &hash, lease, field, value, &leases])? {
            Reply::Nothing => Ok(None),
            Reply::Text(value) => Ok(Some(value)),
            _ => Err(self.foreign()),
        }
    }

    fn list<T: DeserializeOwned>(&mut self, kind: &str) -> Result<Vec<(String, T)>, RegistryError> {
        let (hash, leases) = (self.hash(kind), self.lease_key(""));
        let Reply::Parts(parts) = self.command(&["EVAL", LIST, "1", &hash, &leases])? else {
            return Err(self.foreign());
        };
        let pairs = parts.chunks_exact(2).filter_map(|pair| match pair {
            [Reply::Text(name), Reply::Text(value)] => {
                Some((name.clone(), serde_json::from_str(value).ok()?))
            }
            _ => None,
        });
        Ok(pairs.collect())
    }
}

impl Registry for Redis {
    fn ask(&mut self, request: &Request) -> Result<Answer, RegistryError> {
        match request {
            Request::Grant { ttl } => {
                self.ttl = *ttl;
                let id = format!("{:016x}", getrandom::u64().unwrap_or_default());
                let (key, millis) = (self.lease_key(&id), ttl.as_millis().to_string());
                match self.command(&["SET", &key, "1", "NX", "PX", &millis])? {
                    Reply::Text(_) => Ok(Answer::Granted(Lease { id, ttl: *ttl })),
                    _ => Err(self.foreign()),
                }
            }
            Request::Renew { lease } => {
                let (key, millis) = (self.lease_key(lease), self.ttl.as_millis().to_string());
                match self.command(&["PEXPIRE", &key, &millis])? {
                    Reply::Number(1) => Ok(Answer::Renewed(self.ttl)),
                    Reply::Number(_) => Ok(Answer::NoLease),
                    _ => Err(self.foreign()),
                }
            }
            Request::Claim { lease, path, claim } => {
                match self.put(CLAIM, lease, "claims", path, &json!(claim).to_string())? {
                    None => Ok(Answer::NoLease),
                    Some(has) => serde_json::from_str(&has).map(Answer::Claimed).map_err(|_| self.foreign()),
                }
            }
            Request::Release { path, claim } => {
                let (hash, value) = (self.hash("claims"), json!(claim).to_string());
                self.command(&["EVAL", RELEASE, "1", &hash, path, &value]).map(|_| Answer::Done)
            }
            Request::Tell { lease, node, told } => {
                let put = self.put(TELL, lease, "nodes", node, &json!(told).to_string())?;
                Ok(put.map_or(Answer::NoLease, |_| Answer::Done))
            }
            Request::View => {
                let claims = self.list("claims")?.into_iter().collect();
                Ok(Answer::View(Arc::new(View { claims, nodes: self.list("nodes")?.into_iter().collect() })))
            }
        }
    }

    fn leave(&mut self, lease: &str) -> Result<(), RegistryError> {
        self.command(&["DEL", &self.lease_key(lease)]).map(drop)
    }
}

/// Writes a command, and reads its answer.
fn exchange(connection: &mut BufReader<Line>, words: &[&str]) -> io::Result<Reply> {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    connection.get_mut().write_all(command.as_bytes())?;
    connection.get_mut().flush()?;
    read(connection, true)
}

/// Reads an answer, whose parts have no parts.
fn read(from: &mut impl BufRead, may_have_parts: bool) -> io::Result<Reply> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let line = line(from)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(broken)?;
    let number = || rest.parse::<i64>().map_err(|_| broken());
    let length = |max: usize| number().map(|number| usize::try_from(number).ok().filter(|len| *len <= max));
    match kind {
        "+" => Ok(Reply::Text(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => Ok(Reply::Number(number()?)),
        "$" | "*" if rest == "-1" => Ok(Reply::Nothing),
        "$" => {
            let mut text = vec![0; length(TEXT_BYTES_MAX)?.ok_or_else(broken)? + 2];
            from.read_exact(&mut text)?;
            text.truncate(text.len() - 2);
            String::from_utf8(text).map(Reply::Text).map_err(|_| broken())
        }
        "*" if may_have_parts => {
            let parts = length(PARTS_MAX)?.ok_or_else(broken)?;
            (0..parts).map(|_| read(from, false)).collect::<io::Result<_>>().map(Reply::Parts)
        }
        _ => Err(broken()),
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.take(TEXT_BYTES_MAX as u64).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Result<Reply, io::ErrorKind> {
        read(&mut io::Cursor::new(bytes), true).map_err(|error| error.kind())
    }

    #[test]
    fn answers_of_redis_are_read_and_what_is_none_is_told() {
        for (bytes, reply) in [
            ("+OK\r\n", Reply::Text("OK".to_owned())),
            (":-3\r\n", Reply::Number(-3)),
            ("$-1\r\n", Reply::Nothing),
            ("$3\r\na\r\n\r\n", Reply::Text("a\r\n".to_owned())),
            ("-ERR no\r\n", Reply::Error("ERR no".to_owned())),
            ("*2\r\n$1\r\na\r\n:1\r\n", Reply::Parts(vec![Reply::Text("a".to_owned()), Reply::Number(1)])),
        ] {
            assert_eq!(read_all(bytes.as_bytes()), Ok(reply), "{bytes:?}");
        }
        for bytes in
            ["HTTP/1.1 400\r\n", "\r\n", "$x\r\n", "$1048577\r\n", "*1\r\n*0\r\n", "*1048577\r\n", "$-2\r\n"]
        {
            assert_eq!(read_all(bytes.as_bytes()), Err(io::ErrorKind::InvalidData), "{bytes:?}");
        }
        for bytes in ["", "$3\r\na", "*1\r\n"] {
            assert_eq!(read_all(bytes.as_bytes()), Err(io::ErrorKind::UnexpectedEof), "{bytes:?}");
        }
    }
}
