//! Sends all readers the same bursts, as the example `limit` does, but with one call of the system for all of them:
//! `uring ADDR RATE SIZE BURST`. Requests are answered by a thread for each reader, which costs nothing once it plays.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::serve()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("io_uring is of Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::sync::mpsc::{Sender, channel};
    use std::thread;
    use std::time::{Duration, Instant};

    use io_uring::{IoUring, opcode, types};

    type Error = Box<dyn std::error::Error>;

    const ENTRIES: u32 = 4096;
    const DESCRIPTION: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
        a=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n";

    pub(super) fn serve() -> Result<(), Error> {
        let args: Vec<_> = std::env::args().skip(1).collect();
        let [addr, rate, size, burst] = &args[..] else { return Err("ADDR RATE SIZE BURST".into()) };
        let (rate, size, burst): (f64, u16, usize) = (rate.parse()?, size.parse()?, burst.parse()?);
        let listener = TcpListener::bind(addr)?;
        println!("listening on rtsp://{}", listener.local_addr()?);
        let (players, playing) = channel();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let players = players.clone();
                thread::spawn(move || converse(&socket, &players));
            }
        });

        let mut ring = IoUring::new(ENTRIES)?;
        let mut frames = vec![0x55; burst * (4 + usize::from(size))];
        let (mut readers, mut sequence) = (Vec::<TcpStream>::new(), 0_u16);
        let period = Duration::from_secs_f64(burst as f64 / rate);
        let mut due = Instant::now();
        loop {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due += period;
            readers.extend(playing.try_iter());
            for frame in frames.chunks_mut(4 + usize::from(size)) {
                let [high, low] = size.to_be_bytes();
                frame[..4].copy_from_slice(&[b'$', 0, high, low]);
                frame[4..6].copy_from_slice(&[0x80, 96]);
                frame[6..8].copy_from_slice(&sequence.to_be_bytes());
                sequence = sequence.wrapping_add(1);
            }
            let mut gone = Vec::new();
            for (chunk, first) in readers.chunks(ENTRIES as usize).zip((0..).step_by(ENTRIES as usize)) {
                for (reader, place) in chunk.iter().zip(first..) {
                    let len = u32::try_from(frames.len())?;
                    let fd = types::Fd(reader.as_raw_fd());
                    let send = opcode::Send::new(fd, frames.as_ptr(), len).flags(libc::MSG_DONTWAIT);
                    // SAFETY: the bytes and the socket stay until all of this chunk are complete, which is waited for below.
                    unsafe { ring.submission().push(&send.build().user_data(place))? };
                }
                ring.submit_and_wait(chunk.len())?;
                for sent in ring.completion() {
                    if usize::try_from(sent.result()).is_ok_and(|n| n == frames.len()) {
                        continue;
                    }
                    // Its socket is full, or it has gone.
                    gone.push(usize::try_from(sent.user_data())?);
                }
            }
            gone.sort_unstable();
            gone.iter().rev().for_each(|place| drop(readers.swap_remove(*place)));
        }
    }

    /// Answers the requests of one reader, and hands on its socket when it plays.
    fn converse(socket: &TcpStream, players: &Sender<TcpStream>) -> Option<()> {
        socket.set_nodelay(true).ok()?;
        let mut lines = BufReader::new(socket).lines();
        loop {
            let first = lines.next()?.ok()?;
            let mut cseq = String::from("0");
            for line in lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                if let Some(value) = line.strip_prefix("CSeq:") {
                    value.trim().clone_into(&mut cseq);
                }
            }
            let start = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n");
            let rest = match first.split(' ').next()? {
                "DESCRIBE" => format!(
                    "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{DESCRIPTION}",
                    DESCRIPTION.len()
                ),
                "SETUP" => "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n".to_owned(),
                _ => "\r\n".to_owned(),
            };
            let mut socket = socket;
            socket.write_all((start + &rest).as_bytes()).ok()?;
            if first.starts_with("PLAY") {
                players.send(socket.try_clone().ok()?).ok()?;
            }
        }
    }
}
