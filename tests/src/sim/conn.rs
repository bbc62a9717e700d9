use std::io::{ErrorKind, IoSlice};

use rtspan_core::conn::{CloseReason, ConnCommand, ConnRx, ConnTx, Inbound};
use rtspan_core::limits::{
    BODY_BYTES_MAX, HEAD_BYTES_MAX, OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, READ_BLOCK_BYTES,
};
use rtspan_core::{ConnId, StreamId};

use super::tcp::{Io, LinkId, Side};
use super::world::{Task, World};

/// A connection of the server, as its task has it.
#[derive(Debug)]
pub(super) struct Line {
    rx: ConnRx,
    pub(super) tx: ConnTx,
    link: LinkId,
    /// Something was sent that cannot be read. Nothing more is read, and the rest is still written.
    has_failed: bool,
    /// The peer says no more.
    at_end: bool,
}

impl Line {
    pub(super) fn new(rx: ConnRx, tx: ConnTx, link: LinkId) -> Self {
        Self { rx, tx, link, has_failed: false, at_end: false }
    }
}

pub(super) fn reads(line: &Line, stream: StreamId) -> bool {
    line.tx.streams().any(|own| own == stream)
}

impl World<'_> {
    pub(super) fn run_conn(&mut self, id: ConnId) {
        let Some(mut line) = self.lines.remove(&id) else { return };
        // As drivers do that have many connections on one thread; not all do.
        if self.chance.happens(900) {
            line.tx.lend(std::mem::take(&mut self.room));
        }
        let served = self.serve(id, &mut line);
        if let Some(room) = line.tx.take_room() {
            self.room = room;
        }
        match served {
            Ok(()) => {
                self.lines.insert(id, line);
            }
            Err(reason) => {
                self.note(2, || format!("{id:?} is over: {reason}"));
                self.mailboxes.remove(&id);
                self.close_link(line.link, Side::Server);
                self.door(|server, now, logs| {
                    let stats = [line.rx.last_stats(now), line.tx.last_stats(now, logs)];
                    stats.into_iter().for_each(|report| server.handle_report(now, report));
                    server.handle_conn_closed(now, id, reason);
                });
            }
        }
    }

    /// A round of a connection's task: some of everything that it can do.
    fn serve(&mut self, id: ConnId, line: &mut Line) -> Result<(), CloseReason> {
        let was_due = line.rx.poll_timeout().is_some_and(|at| at <= self.now);
        if was_due || self.chance.happens(100) {
            line.rx.handle_timeout(self.now);
        }
        self.take_commands(id, line);
        self.read(line)?;
        let has_more = self.take_input(id, line);
        if !has_more && line.at_end {
            // Requests from before it left are still answered, as far as there is room.
            self.take_commands(id, line);
            let _ = self.write(line);
            return Err(CloseReason::PeerClosed);
        }
        if !self.is_lazy() {
            self.take_commands(id, line);
        }
        let is_blocked = self.write(line)?;
        if line.tx.is_finished() {
            return Err(CloseReason::Application);
        }
        line.tx.handle_timeout(self.now)?;
        self.check_buffers(id, line);
        let deadlines = [line.rx.poll_timeout().filter(|_| !has_more), line.tx.poll_timeout()];
        let deadline = deadlines.into_iter().flatten().min();
        assert!(deadline.is_none_or(|at| at > self.now), "a deadline of {id:?} does not pass");
        self.wake_by(Task::Conn(id), deadline);
        self.wait(id, line, has_more || line.rx.has_input(), is_blocked);
        Ok(())
    }

    fn wait(&mut self, id: ConnId, line: &Line, has_more: bool, is_blocked: bool) {
        let link = self.tcp.get(line.link);
        let wants_read = line.rx.wants_read() && !line.has_failed && !line.at_end;
        let readable = link.filter(|_| wants_read).and_then(|link| link.readable(Side::Server));
        let wants_write = line.tx.wants_write() && is_blocked;
        let writable = link.filter(|_| wants_write).and_then(|link| link.writable(Side::Server));
        let waits = !self.mailboxes.get(&id).is_none_or(|mailbox| mailbox.is_empty());
        let now = (has_more || waits || (line.tx.wants_write() && !is_blocked)).then_some(self.now);
        let at = [readable, writable, now].into_iter().flatten().min();
        self.wake_by(Task::Conn(id), at.map(|at| at.max(self.now)));
    }

    fn take_commands(&mut self, id: ConnId, line: &mut Line) {
        let Some(mailbox) = self.mailboxes.get_mut(&id) else { return };
        for command in std::mem::take(mailbox) {
            match command {
                ConnCommand::Rx(command) => line.rx.handle_command(self.now, command),
                ConnCommand::Tx(command) => line.tx.handle_command(self.now, command),
            }
        }
    }

    fn read(&mut self, line: &mut Line) -> Result<(), CloseReason> {
        let rounds = if self.is_lazy() { 1 } else { 8 };
        for _ in 0..rounds {
            if line.has_failed || line.at_end || !line.rx.wants_read() {
                break;
            }
            let Some(link) = self.tcp.get_mut(line.link) else { return Err(broken()) };
            let (client, peer) = (link.client, link.peer);
            let read = |into: &mut _| link.read(Side::Server, self.now, into, &mut self.chance);
            match line.rx.read_with(self.now, read) {
                Io::Done(n) => {
                    self.heard.insert(peer.ip(), self.now);
                    self.note(n as u64, || format!("{n} bytes read from {peer}"));
                    // The window is open again.
                    self.wake(client, self.now);
                    // The input that is polled may hold the rest back.
                    break;
                }
                Io::Blocked => break,
                Io::Closed => line.at_end = true,
                Io::Reset => return Err(broken()),
            }
        }
        Ok(())
    }

    /// Returns `true` if there may be more to be polled.
    fn take_input(&mut self, id: ConnId, line: &mut Line) -> bool {
        let mut rest = if self.is_lazy() { 1 + self.chance.below(3) } else { u64::MAX };
        // Once it cannot be read any more only reports come, by orders.
        while !line.has_failed || line.rx.has_input() {
            if rest == 0 {
                return true;
            }
            rest -= 1;
            match line.rx.poll_input(self.now) {
                Ok(None) => break,
                Ok(Some(Inbound::Message(message))) => {
                    self.counts.add("messages received by the server", 1);
                    self.door(|server, now, logs| server.handle_message(now, id, message, logs));
                }
                Ok(Some(Inbound::Media(stream, media))) => self.append(stream, media),
                Ok(Some(Inbound::Reply(frame))) => line.tx.handle_reply(self.now, frame),
                Ok(Some(Inbound::Report(report))) => {
                    self.door(|server, now, _| server.handle_report(now, report));
                }
                Ok(Some(other)) => panic!("an input that no driver knows: {other:?}"),
                Err(reason) => {
                    line.has_failed = true;
                    self.door(|server, now, logs| server.handle_conn_error(now, id, &reason, logs));
                }
            }
        }
        false
    }

    /// Returns `true` if the socket takes no more.
    fn write(&mut self, line: &mut Line) -> Result<bool, CloseReason> {
        let rounds = if self.is_lazy() { 1 } else { 64 };
        for _ in 0..rounds {
            line.tx.pull(self.now, &self.logs);
            while let Some(report) = line.tx.poll_report() {
                self.door(|server, now, _| server.handle_report(now, report));
            }
            if !line.tx.wants_write() {
                return Ok(false);
            }
            let mut slices = [IoSlice::new(&[]); 64];
            let most = self.chance.pick(&[64, 64, 3, 1]);
            let filled = line.tx.io_slices(&mut slices[..most]);
            assert!(filled > 0, "something is to be written, and nothing is given");
            let Some(link) = self.tcp.get_mut(line.link) else { return Err(broken()) };
            let client = link.client;
            match link.write(Side::Server, self.now, &slices[..filled], &mut self.chance) {
                Io::Done(n) => {
                    let arrival = link.readable(Side::Client);
                    line.tx.handle_written(self.now, n);
                    self.note(n as u64, || format!("{n} bytes written to {client:?}"));
                    self.wake_by(client, arrival.map(|at| at.max(self.now)));
                }
                Io::Blocked => return Ok(true),
                Io::Closed | Io::Reset => return Err(broken()),
            }
        }
        Ok(false)
    }

    fn check_buffers(&mut self, id: ConnId, line: &Line) {
        let unread = line.rx.buffered();
        let most = HEAD_BYTES_MAX + BODY_BYTES_MAX + 2 * READ_BLOCK_BYTES;
        assert!(unread <= most, "{id:?} holds {unread} bytes that were not parsed");
        if self.chance.happens(30) {
            let mut slices = [IoSlice::new(&[]); 2048];
            let filled = line.tx.io_slices(&mut slices);
            let bytes: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
            let frames = (OUTBOX_FRAMES_MAX + 64) * 2048;
            assert!(
                filled < 2048 && bytes <= OUTBOX_BYTES_MAX + frames,
                "{id:?} holds {bytes} bytes to be written"
            );
        }
    }
}

fn broken() -> CloseReason {
    CloseReason::Io(ErrorKind::ConnectionReset.into())
}
