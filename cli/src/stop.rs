//! Waits until somebody wants the program to stop.

/// Ends at Ctrl-C, and where the system asks it to end.
pub(crate) async fn asked() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // It can't be heard: then it ends the program as it does any other.
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
