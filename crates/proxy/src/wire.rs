//! A connection with its buffers.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::http::body::Transfer;
use crate::http::chunked::BadChunk;
use crate::limits::BACKLOG_MAX;

/// What is read at once at first, and what an idle connection keeps.
const READ_MIN: usize = 4 * 1024;
/// What is read at once when much comes.
const READ_MAX: usize = 64 * 1024;

/// The kinds of connections, of both sides.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Inside the process: the other end speaks HTTP/2.
    Pipe(DuplexStream),
}

/// A connection, what was read from it and what is to be written to it.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    pub(crate) input: BytesMut,
    pub(crate) output: Vec<u8>,
    written: usize,
    room: usize,
    /// Bytes that moved in either direction, ever.
    pub(crate) traffic: u64,
}

/// What went wrong while a body moved.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The side that it came from ended or failed too early.
    From,
    /// The side that it came from sent what is no body.
    Framing,
    /// The side that it went to.
    To,
}

impl From<BadChunk> for Broken {
    fn from(_: BadChunk) -> Self {
        Self::Framing
    }
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, input: BytesMut::new(), output: Vec::new(), written: 0, room: READ_MIN, traffic: 0 }
    }

    /// Reads what has come; 0 is the end.
    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(self.room);
        let count = ready!(pin!(self.stream.read_buf(&mut self.input)).poll(context))?;
        if count >= self.room {
            self.room = (self.room * 2).min(READ_MAX);
        }
        self.traffic += count as u64;
        Poll::Ready(Ok(count))
    }

    /// Writes what waits, all of it.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest @ [_, ..]) = self.output.get(self.written..) {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
            self.traffic += count as u64;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Writes all that waits.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_flush(context)).await
    }

    /// Ends the direction to the other side.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    /// Whether an idle connection is still of use: nothing has come, not even its end. It costs no call into the
    /// kernel unless the kernel has told that something came.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.poll_fill(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// The same, with a call that asks the kernel now.
    pub(crate) fn is_quiet_now(&mut self) -> bool {
        let socket = match &self.stream {
            Stream::Tcp(stream) => socket2::SockRef::from(stream),
            Stream::Tls(stream) => socket2::SockRef::from(stream.get_ref().0),
            Stream::Pipe(_) => return self.is_quiet(),
        };
        let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Gives back the memory that a big message took.
    pub(crate) fn rest(&mut self) {
        if self.input.is_empty() && self.input.capacity() > READ_MIN {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() && self.output.capacity() > READ_MIN {
            self.output = Vec::new();
        }
        self.room = READ_MIN;
    }
}

/// Moves a body, and what else waits to be written, as far as both sides let it. Ready when it is all written.
pub(crate) fn poll_transfer(
    context: &mut Context<'_>,
    transfer: &mut Transfer,
    from: &mut Wire,
    to: &mut Wire,
) -> Poll<Result<(), Broken>> {
    loop {
        transfer.run(&mut from.input, &mut to.output)?;
        let flushed = to.poll_flush(context).map_err(|_| Broken::To)?;
        if transfer.is_done() {
            return flushed.map(Ok);
        }
        if to.output.len() >= BACKLOG_MAX {
            return Poll::Pending;
        }
        if !from.input.is_empty() {
            continue;
        }
        match ready!(from.poll_fill(context)) {
            Ok(1..) => {}
            Ok(0) if transfer.ended(&mut to.output) => {}
            Ok(0) | Err(_) => return Poll::Ready(Err(Broken::From)),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(it) => Pin::new(it).poll_read(context, buffer),
            Self::Tls(it) => Pin::new(it).poll_read(context, buffer),
            Self::Pipe(it) => Pin::new(it).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(it) => Pin::new(it).poll_write(context, bytes),
            Self::Tls(it) => Pin::new(it).poll_write(context, bytes),
            Self::Pipe(it) => Pin::new(it).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(it) => Pin::new(it).poll_flush(context),
            Self::Tls(it) => Pin::new(it).poll_flush(context),
            Self::Pipe(it) => Pin::new(it).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(it) => Pin::new(it).poll_shutdown(context),
            Self::Tls(it) => Pin::new(it).poll_shutdown(context),
            Self::Pipe(it) => Pin::new(it).poll_shutdown(context),
        }
    }
}
