//! The limit on open local files, and retries when the process runs out of file descriptors.
//!
//! A process has a limited number of descriptors for files and connections. If files used all of
//! them, transfers could not open the connections that they need to finish. So the files of
//! transfers use at most a third, and further transfers wait in FIFO order. If the rest of the
//! program has used up the descriptors, opening a file is retried for `min_retry_duration` from the
//! last success of any call.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use b2kit_core::adapter::is_exhaustion;
use futures_util::future::{Either, select};

use super::semaphore::{Reservation, Semaphore};
use crate::client::handle::Client;

/// The maximum wait for files to be closed: their transfers may never be polled again.
const FILE_WAIT: Duration = Duration::from_secs(60);

/// The minimum pause between two attempts to open a file.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// Assumed if the system doesn't report its limit: the default of macOS.
const SMALLEST_LIMIT: u64 = 256;

/// The semaphore of open files; `None` on a system without a limit.
pub(in crate::client) fn files() -> Option<Arc<Semaphore>> {
    if cfg!(windows) {
        return None;
    }
    let limit = std::fs::read_to_string("/proc/self/limits").ok();
    let limit = limit.map_or(Some(SMALLEST_LIMIT), |limits| soft_limit(&limits))?;
    Some(Semaphore::new((limit / 3).max(1)))
}

/// The soft limit of open files in the text of `/proc/self/limits`; `None` is unlimited.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    match soft {
        Some("unlimited") => None,
        soft => Some(
            soft.and_then(|soft| soft.parse().ok())
                .unwrap_or(SMALLEST_LIMIT),
        ),
    }
}

impl Client {
    /// Reserves this many open files, waiting until they are available. `None` if there is no
    /// limit, or after a minute.
    pub(crate) async fn reserve_files(&self, wanted: u64) -> Option<Reservation> {
        let files = self.shared.files.get_or_init(files).as_ref()?;
        if let Some(files) = files.try_acquire(wanted) {
            return Some(files);
        }
        let enough = self.shared.timer.sleep(FILE_WAIT);
        match select(Semaphore::acquire(files, wanted), enough).await {
            Either::Left((files, _)) => Some(files),
            Either::Right(_) => None,
        }
    }

    /// Opens something that needs a file descriptor, with retries while none is available.
    pub(crate) async fn retry_when_exhausted<T, E, F>(
        &self,
        mut open: impl FnMut() -> F + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: StdError + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
    {
        let (began, limiter) = (self.now(), &self.shared.limiter);
        let (mut since, mut successes) = (began, limiter.successes());
        loop {
            let error = match pin!(open()).await {
                Err(error) if is_exhaustion(&error) => error,
                outcome => return outcome,
            };
            let now = self.now();
            let so_far = limiter.successes();
            if so_far != successes {
                (since, successes) = (now, so_far);
            }
            let pause = self.policy.pause(0, self.shared.jitter()).max(MIN_PAUSE);
            let elapsed = now.saturating_duration_since(began);
            let too_late = |deadline: Duration| pause >= deadline.saturating_sub(elapsed);
            if now.saturating_duration_since(since) >= self.policy.min_retry_duration
                || self.policy.deadline.is_some_and(too_late)
            {
                return Err(error);
            }
            self.sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_limit_is_read_from_proc_self_limits() {
        let limits = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max processes             128000               128000               processes \n\
                 Max open files            {soft:<20} 524288               files     \n"
            )
        };
        assert_eq!(soft_limit(&limits("1024")), Some(1_024));
        assert_eq!(soft_limit(&limits("unlimited")), None);
        assert_eq!(soft_limit(&limits("many")), Some(SMALLEST_LIMIT));
        assert_eq!(soft_limit(""), Some(SMALLEST_LIMIT));
    }
}
