//! What a client's connection is doing, and since when: seen where its bytes pass, used by the one who watches it.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::deaf::poll_write_parts;
use crate::limits::LINGER_BYTES;

/// The state of a connection. Only its own thread looks at it; hyper wants streams that could go to another.
#[derive(Debug)]
pub(crate) struct Life {
    start: Instant,
    /// Every byte counts. With HTTP/2 only requests do, for a client can always send a ping.
    counts_bytes: AtomicBool,
    /// The client may still be sending when its last answer has been written.
    lingers: AtomicBool,
    /// Requests under way.
    open: AtomicUsize,
    /// Milliseconds from the start to the last thing that happened.
    last: AtomicU64,
    /// The same, to the first byte of the head that is coming in, plus one; 0 when there is none.
    begun: AtomicU64,
    /// The same, to the end of what is written, plus one; 0 before.
    ended: AtomicU64,
}

/// What a connection is doing, and since when it is without a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No request has begun.
    Idle(Instant),
    /// A head is coming in, since then.
    Head(Instant),
    /// Requests are under way; this is when something moved last.
    Busy(Instant),
    /// All has been written; what the client still sends is thrown away.
    Ended(Instant),
}

impl Life {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            counts_bytes: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        })
    }

    /// When something moved last.
    pub(crate) fn last_moved(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Relaxed))
    }

    pub(crate) fn phase(&self) -> Phase {
        let at = |value: u64| self.start + Duration::from_millis(value);
        match (self.ended.load(Relaxed), self.open.load(Relaxed), self.begun.load(Relaxed)) {
            (0, 0, 0) => Phase::Idle(self.last_moved()),
            (0, 0, begun) => Phase::Head(at(begun - 1)),
            (0, ..) => Phase::Busy(self.last_moved()),
            (ended, ..) => Phase::Ended(at(ended - 1)),
        }
    }

    pub(crate) fn count_bytes(&self) {
        self.counts_bytes.store(true, Relaxed);
        self.touch();
    }

    /// The connection ends only once the client has had time to read its answer.
    pub(crate) fn linger(&self) {
        self.lingers.store(true, Relaxed);
    }

    /// A part of an answer is about to be written.
    pub(crate) fn has_moved(&self) {
        if !self.counts_bytes.load(Relaxed) {
            self.touch();
        }
    }

    pub(crate) fn touch(&self) {
        self.last.store(self.now(), Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn has_read(&self) {
        if self.counts_bytes.load(Relaxed) {
            let now = self.now();
            self.last.store(now, Relaxed);
            if self.open.load(Relaxed) == 0 && self.begun.load(Relaxed) == 0 {
                self.begun.store(now + 1, Relaxed);
            }
        }
    }

    fn has_written(&self) {
        if self.counts_bytes.load(Relaxed) {
            self.touch();
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Open(pub(crate) Arc<Life>);

impl Open {
    pub(crate) fn new(life: &Arc<Life>) -> Self {
        life.open.fetch_add(1, Relaxed);
        life.begun.store(0, Relaxed);
        life.touch();
        Self(life.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
        self.0.touch();
    }
}

/// A client's stream that tells its connection's state what passes.
#[derive(Debug)]
pub(crate) struct Watched {
    stream: TcpStream,
    life: Arc<Life>,
    /// Bytes that were thrown away after the end.
    thrown: usize,
}

impl Watched {
    pub(crate) fn new(stream: TcpStream, life: Arc<Life>) -> Self {
        Self { stream, life, thrown: 0 }
    }

    /// Throws away what the client still sends. Closing before it stops would make the kernel throw away the answer.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = [MaybeUninit::uninit(); 4096];
        while self.thrown < LINGER_BYTES {
            let mut buffer = ReadBuf::uninit(&mut room);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                count => self.thrown += count,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.life.has_read();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if polled.is_ready() {
            self.life.has_written();
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = poll_write_parts(&mut self.stream, context, parts);
        if polled.is_ready() {
            self.life.has_written();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.life.phase(), Phase::Ended(_)) {
            // A head that came in without becoming a request was refused by hyper.
            if matches!(self.life.phase(), Phase::Head(_)) {
                self.life.linger();
            }
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.life.ended.store(self.life.now() + 1, Relaxed);
        }
        if self.life.lingers.load(Relaxed) { self.poll_linger(context) } else { Poll::Ready(Ok(())) }
    }
}
