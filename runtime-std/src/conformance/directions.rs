use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use super::sockets::{SHORT, connected, read, write_all};
use super::timers::{Count, LATE};
use super::{Checked, PATIENCE, both, ensure, failed, soon};
use crate::runtime::{Direction, Runtime, TcpSocket};

/// Both directions of a socket are waited for at the same time, each by a waker of its own.
///
/// A direction is asked for again only when its own waker was woken. So whatever becomes of the other, and in which order they
/// are asked for, it has to stay waited for.
pub(super) async fn apart<R: Runtime>(runtime: &R) -> Checked {
    let reading_first = apart_in(runtime, [Direction::Read, Direction::Write]);
    let writing_first = apart_in(runtime, [Direction::Write, Direction::Read]);
    let (one, other) = both(reading_first, writing_first).await;
    one.and(other)
}

async fn apart_in<R: Runtime>(runtime: &R, order: [Direction; 2]) -> Checked {
    let (near, far) = connected(runtime).await?;
    let mut ends = Ends { runtime, near, far, sides: order.map(Side::new), taken: 0 };
    for at in [0, 1] {
        ends.ask(at)?;
    }
    // Each is told, though the other was the last to be asked for.
    for at in [0, 1, 0] {
        ends.settle().await?;
        ends.bring_about(at).await?;
        ends.until_told(at).await?;
    }
    // The second is told, though nobody asks for the first any more.
    ends.settle().await?;
    ends.bring_about(0).await?;
    ends.until_woken(0).await?;
    ends.bring_about(1).await?;
    ends.until_told(1).await
}

/// A direction of the near end, and who waits for it.
struct Side {
    direction: Direction,
    woken: Arc<Count>,
    /// How often it was woken when it asked last.
    seen: usize,
    /// Bytes that were read or written.
    moved: usize,
}

impl Side {
    fn new(direction: Direction) -> Self {
        Self { direction, woken: Arc::default(), seen: 0, moved: 0 }
    }

    fn is_woken(&self) -> bool {
        self.woken.get() != self.seen
    }

    /// Reads or writes until that would block and the direction is waited for.
    fn ask<S: TcpSocket>(&mut self, socket: &mut S) -> Checked {
        const BYTES_MAX: usize = 1 << 30;
        self.seen = self.woken.get();
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut refused = 0;
        while socket.poll_ready(&mut Context::from_waker(&waker), self.direction).is_ready() {
            match transfer(socket, self.direction) {
                Ok(count) => self.moved += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => refused += 1,
                Err(error) => return Err(failed("an operation")(error)),
            }
            ensure(refused < 100 && self.moved < BYTES_MAX, || format!("{:?} never waits", self.direction))?;
        }
        Ok(())
    }
}

fn transfer<S: TcpSocket>(socket: &S, direction: Direction) -> io::Result<usize> {
    match direction {
        Direction::Read => socket.try_read(&mut [0; 64]),
        Direction::Write => socket.try_write_vectored(&[IoSlice::new(&[7; 4096])]),
    }
}

struct Ends<'a, R: Runtime> {
    runtime: &'a R,
    near: R::Tcp,
    far: R::Tcp,
    sides: [Side; 2],
    /// Bytes that the far end has read.
    taken: usize,
}

impl<R: Runtime> Ends<'_, R> {
    fn ask(&mut self, at: usize) -> Checked {
        self.sides[at].ask(&mut self.near)
    }

    /// Waits until the system has moved to the far end what it can.
    async fn settle(&mut self) -> Checked {
        const ROUNDS_MAX: usize = 40;
        for _ in 0..ROUNDS_MAX {
            self.runtime.sleep(SHORT).await;
            let woken: Vec<_> = [0, 1].into_iter().filter(|at| self.sides[*at].is_woken()).collect();
            if woken.is_empty() {
                break;
            }
            woken.into_iter().try_for_each(|at| self.ask(at))?;
        }
        Ok(())
    }

    /// Has the far end do what makes a direction ready.
    async fn bring_about(&mut self, at: usize) -> Checked {
        let Side { direction, moved, .. } = self.sides[at];
        match direction {
            Direction::Read => write_all(&mut self.far, b"word").await.map_err(failed("writing")),
            Direction::Write => {
                let mut block = vec![0; 1 << 16];
                while self.taken < moved {
                    let read =
                        soon(self.runtime, "what was written", read(&mut self.far, &mut block)).await?;
                    match read.map_err(failed("reading"))? {
                        0 => return Err("the end comes before the last byte".to_owned()),
                        count => self.taken += count,
                    }
                }
                Ok(())
            }
        }
    }

    /// Waits until a direction is told, and asks for it again.
    async fn until_told(&mut self, at: usize) -> Checked {
        let clock = self.runtime.clock();
        let begun = clock.now();
        let before = self.sides[at].moved;
        loop {
            self.until_woken(at).await?;
            self.ask(at)?;
            if self.sides[at].moved != before {
                return Ok(());
            }
            ensure(clock.now().since(begun) < PATIENCE, || {
                format!("{:?} is told, and never possible", self.sides[at].direction)
            })?;
            // A runtime may wake a task at once to have it give way to others (tokio), and tells nothing before.
            self.runtime.sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until who waits for a direction is woken, and asks for the other one whenever that is.
    async fn until_woken(&mut self, at: usize) -> Checked {
        let clock = self.runtime.clock();
        let begun = clock.now();
        while !self.sides[at].is_woken() {
            ensure(clock.now().since(begun) < LATE, || {
                let [one, other] = [at, 1 - at].map(|at| self.sides[at].direction);
                format!("{one:?} is forgotten over {other:?}")
            })?;
            self.runtime.sleep(Duration::from_millis(1)).await;
            if self.sides[1 - at].is_woken() {
                self.ask(1 - at)?;
            }
        }
        Ok(())
    }
}
