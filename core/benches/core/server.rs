use std::io::IoSlice;

use rtspan_core::conn::{CloseReason, ConnCommand, Inbound, ServerConn};
use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::server::{Output, Server, ServerConfig};
use rtspan_core::{Description, Format, Instant, Media, MediaKind};

use crate::fan_out::One;
use crate::step::{Step, steps};

steps! {
    /// DESCRIBE, SETUP, PLAY, the first packet and TEARDOWN on a connection of their own, from bytes to bytes.
    session_over_tcp = sessions();
}

struct World {
    server: Server,
    stream: One,
}

impl World {
    fn new() -> Self {
        let mut server = Server::new(ServerConfig::default(), [7; 32]);
        let media = Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]);
        let (id, log) = server.add_stream(Instant::ZERO, "/live", Description::new(vec![media])).unwrap();
        let mut stream = One(id, log);
        let header = RtpHeader { payload_type: 96, marker: true, sequence: 1, timestamp: 0, ssrc: 1 };
        stream.1.push(Instant::ZERO, 0, RtpPacket::build(header, &[0x65; 100]));
        Self { server, stream }
    }

    /// Has a request answered, and returns the bytes that are written.
    fn ask(&mut self, conn: &mut ServerConn, request: &str) -> Vec<u8> {
        let now = Instant::ZERO;
        conn.rx.read_buf()[..request.len()].copy_from_slice(request.as_bytes());
        conn.rx.handle_read(now, request.len());
        while let Some(inbound) = conn.rx.poll_input(now).expect("a request") {
            match inbound {
                Inbound::Message(message) => {
                    self.server.handle_message(now, conn.id, message, &self.stream);
                    self.carry_out(conn);
                }
                Inbound::Report(report) => self.server.handle_report(now, report),
                _ => {}
            }
        }
        let mut answer = Vec::new();
        conn.tx.pull(now, &self.stream);
        while conn.tx.wants_write() {
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = conn.tx.io_slices(&mut slices);
            slices[..filled].iter().for_each(|slice| answer.extend_from_slice(slice));
            let written = slices[..filled].iter().map(|slice| slice.len()).sum();
            conn.tx.handle_written(now, written);
            conn.tx.pull(now, &self.stream);
        }
        while let Some(report) = conn.tx.poll_report() {
            self.server.handle_report(now, report);
        }
        self.carry_out(conn);
        answer
    }

    fn carry_out(&mut self, conn: &mut ServerConn) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Conn(_, ConnCommand::Rx(command)) => conn.rx.handle_command(Instant::ZERO, command),
                Output::Conn(_, ConnCommand::Tx(command)) => conn.tx.handle_command(Instant::ZERO, command),
                _ => {}
            }
        }
    }

    fn session(&mut self) {
        let peer = ([127, 0, 0, 1], 10_000).into();
        let mut conn = self.server.open_conn(Instant::ZERO, peer).unwrap();
        let agent = "User-Agent: Lavf61.1.100\r\n\r\n";
        let url = "rtsp://127.0.0.1:8554/live";
        self.ask(
            &mut conn,
            &format!("DESCRIBE {url} RTSP/1.0\r\nAccept: application/sdp\r\nCSeq: 1\r\n{agent}"),
        );
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
        let answer = self
            .ask(&mut conn, &format!("SETUP {url}/trackID=0 RTSP/1.0\r\n{transport}\r\nCSeq: 2\r\n{agent}"));
        let answer = String::from_utf8(answer).unwrap();
        let (_, session) = answer.split_once("Session: ").unwrap();
        let session = session.split([';', '\r']).next().unwrap();
        let play =
            format!("PLAY {url}/ RTSP/1.0\r\nRange: npt=0.000-\r\nCSeq: 3\r\nSession: {session}\r\n{agent}");
        assert!(self.ask(&mut conn, &play).contains(&b'$'), "the packet is written");
        let teardown = format!("TEARDOWN {url}/ RTSP/1.0\r\nCSeq: 4\r\nSession: {session}\r\n{agent}");
        self.ask(&mut conn, &teardown);
        for report in conn.last_stats(Instant::ZERO, &self.stream) {
            self.server.handle_report(Instant::ZERO, report);
        }
        self.server.handle_conn_closed(Instant::ZERO, conn.id, CloseReason::PeerClosed);
        self.carry_out(&mut conn);
        assert_eq!((self.server.session_count(), self.server.conn_count()), (0, 0));
    }
}

fn sessions() -> Step<impl FnMut()> {
    let mut world = World::new();
    Step::new(1, move || world.session())
}
