//! [`Latch`]: blocks requests until it is opened.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Blocks requests that hit [`FaultKind::Wait`](crate::FaultKind::Wait) until it is opened. Clones
/// share one latch.
#[derive(Clone, Default)]
pub struct Latch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_open: bool,
    next_id: u64,
    waiting: BTreeMap<u64, Option<Waker>>,
}

impl Latch {
    /// A closed latch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it for good: blocked requests continue, and later ones don't wait.
    pub fn open(&self) {
        let mut state = self.lock();
        state.is_open = true;
        let wakers: Vec<Waker> = state
            .waiting
            .values_mut()
            .filter_map(Option::take)
            .collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Number of requests waiting.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(crate) fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.waiting.insert(id, None);
        drop(state);
        Waiting {
            latch: self.clone(),
            id,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch")
            .field("is_open", &self.lock().is_open)
            .finish_non_exhaustive()
    }
}

struct Waiting {
    latch: Latch,
    id: u64,
}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.latch.lock();
        if state.is_open {
            return Poll::Ready(());
        }
        state.waiting.insert(self.id, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.latch.lock().waiting.remove(&self.id);
    }
}
