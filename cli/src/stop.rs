//! Waits for Ctrl-C or SIGTERM.

use std::io;

/// Completes at Ctrl-C, and on Unix at SIGTERM. Where a signal can't be watched, it ends the program at once.
pub(crate) async fn requested() {
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        Ok(()) = terminated() => {}
        else => std::future::pending().await,
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
