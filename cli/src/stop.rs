//! Waits for Ctrl-C or SIGTERM.

/// Completes at Ctrl-C, and on Unix at SIGTERM.
pub(crate) async fn requested() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler, Ctrl-C ends the program at once.
            std::future::pending::<()>().await;
        }
    };
    futures::future::select(Box::pin(interrupted), Box::pin(terminated())).await;
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
