//! A connection that goes on as something else behind a 101.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::http::serve::Prefixed;

/// Comes true when the 101 was written; fails when there was none.
#[derive(Debug)]
pub struct OnUpgrade(oneshot::Receiver<Upgraded>);

/// The connection's own side.
#[derive(Debug)]
pub(super) struct Pending {
    to: oneshot::Sender<Upgraded>,
    accepted: bool,
}

/// The client's bytes from here on.
pub struct Upgraded(Prefixed<Box<dyn Socket>>);

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send> Socket for IO {}

pub(super) fn pair() -> (Pending, OnUpgrade) {
    let (to, from) = oneshot::channel();
    let pending = Pending {
        to,
        accepted: false,
    };
    (pending, OnUpgrade(from))
}

impl Pending {
    pub(super) const fn accept(&mut self) {
        self.accepted = true;
    }

    pub(super) const fn is_accepted(&self) -> bool {
        self.accepted
    }

    pub(super) fn fulfil(
        self,
        came: Bytes,
        io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) {
        let io: Box<dyn Socket> = Box::new(io);
        // Nobody there any more: the connection ends here.
        let _ = self.to.send(Upgraded(Prefixed::new(came, io)));
    }
}

impl Future for OnUpgrade {
    type Output = io::Result<Upgraded>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<Upgraded>> {
        Pin::new(&mut self.0)
            .poll(context)
            .map_err(|_| io::Error::other("the connection ended before its upgrade"))
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Upgraded")
    }
}
