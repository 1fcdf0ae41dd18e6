//! Waits for Ctrl-C or SIGTERM.

use std::io;

/// Completes at Ctrl-C, and on Unix at SIGTERM. Where a signal can't be watched, it ends the program at once.
pub(crate) async fn requested() {
    let interrupted = or_never(tokio::signal::ctrl_c());
    futures::future::select(Box::pin(interrupted), Box::pin(or_never(terminated()))).await;
}

async fn or_never(signal: impl Future<Output = io::Result<()>>) {
    if signal.await.is_err() {
        std::future::pending().await
    }
}

#[cfg(unix)]
async fn terminated() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> io::Result<()> {
    std::future::pending().await
}
