//! Closes a connection so that its client can still read the last response.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Size of a read.
const CHUNK: usize = 8 * 1024;

/// How long, and for how many bytes, a refused client is read from, so that it reads the error
/// before it notices that the connection closes.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 64 * 1024 * 1024;

/// Closing a connection while bytes arrive resets it, and the client may not see the response.
pub(super) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    tokio::time::timeout(LINGER, drain(stream)).await.ok();
}

async fn drain<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut chunk = [0; CHUNK];
    let mut left = LINGER_BYTES;
    while let Ok(len @ 1..) = stream.read(&mut chunk).await {
        left = left.saturating_sub(len as u64);
        if left == 0 {
            return;
        }
    }
}
