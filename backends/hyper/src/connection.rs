//! [`Connection`]: a socket that can be closed from outside, by its [`CloseSwitch`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use atomic_waker::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect;

/// The stream that a connector makes: TCP, TLS over TCP, or that of a custom connector.
pub(crate) trait Io: Read + Write + connect::Connection + Send + Unpin {}

impl<T: Read + Write + connect::Connection + Send + Unpin> Io for T {}

/// A connection to a server, with or without TLS.
///
/// hyper closes the connection of a dropped request gracefully: over TLS it first flushes its buffer, which never ends
/// if the server has stopped reading, and keeps the socket and the source of the body until then. It doesn't stop an
/// upload whose response arrived early at all. So each connection has a [`CloseSwitch`].
pub(crate) struct Connection {
    io: Box<dyn Io>,
    switch: CloseSwitch,
}

impl Connection {
    pub(crate) fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::new(io),
            switch: CloseSwitch::default(),
        }
    }

    /// Closes this connection.
    pub(crate) fn switch(&self) -> CloseSwitch {
        self.switch.clone()
    }

    /// Whether it leads to a proxy, which needs absolute URIs.
    pub(crate) fn is_proxied(&self) -> bool {
        self.io.connected().is_proxied()
    }

    /// The stream, unless the connection was closed.
    fn alive(self: Pin<&mut Self>, cx: &Context<'_>) -> io::Result<Pin<&mut dyn Io>> {
        let this = self.get_mut();
        // Registered before the check: otherwise a close between the two would go unnoticed.
        this.switch.0.task.register(cx.waker());
        if this.switch.0.closed.load(Ordering::Acquire) {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the request was aborted",
            ));
        }
        Ok(Pin::new(&mut *this.io))
    }
}

impl Read for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_read(cx, buf)
    }
}

impl Write for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive(cx)?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().alive(cx)?.poll_flush(cx))?;
        self.switch.0.unflushed.store(false, Ordering::Release);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.alive(cx)?.poll_write_vectored(cx, bufs)
    }
}

/// Closes a connection: its task is woken and every further operation fails, so the task ends and the socket is closed.
#[derive(Clone, Default)]
pub(crate) struct CloseSwitch(Arc<CloseSwitchState>);

#[derive(Default)]
struct CloseSwitchState {
    closed: AtomicBool,
    /// Whether hyper has bytes of a body that it has not written yet. It flushes the stream once it has written all.
    unflushed: AtomicBool,
    /// The task that drives the connection.
    task: AtomicWaker,
}

impl CloseSwitch {
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.task.wake();
    }

    /// Records that hyper has taken bytes of a body.
    pub(crate) fn mark_unflushed(&self) {
        self.0.unflushed.store(true, Ordering::Release);
    }

    /// Whether all bytes that hyper has taken are written.
    pub(crate) fn is_flushed(&self) -> bool {
        !self.0.unflushed.load(Ordering::Acquire)
    }
}
