//! [`pause`]: lets the others go on.

use std::future::poll_fn;
use std::task::Poll;

/// Waits for one turn of the executor.
///
/// With everything in memory nothing would ever have to wait, and requests that a client sends side by side would run
/// one after the other: what goes wrong between them would never show.
pub(crate) async fn pause() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
