//! [`Timer`]: the only clock there is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A future that resolves when its time has come. Dropping it forgets it.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// A monotonic clock and a way to wait on it.
///
/// Deadlines and pauses ask this and nothing else, so that they need no runtime, and so that a test can turn the time
/// itself with a [`ManualTimer`](crate::ManualTimer). Wall-clock time is not asked at all.
pub trait Timer: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Instant;

    /// A future that resolves once `duration` has passed, counted from this call.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The timer that works on any executor: a helper thread of the `futures-timer` crate wakes its sleepers.
#[derive(Clone, Copy, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Timer that everyone else asks"
    )]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(Delay(futures_timer::Delay::new(duration)))
    }
}

impl fmt::Debug for SystemTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemTimer")
    }
}

struct Delay(futures_timer::Delay);

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}
