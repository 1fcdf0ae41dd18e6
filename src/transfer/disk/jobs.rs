//! Jobs on the blocking thread pool.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use blocking::Task;

/// Runs a blocking job on the thread pool.
///
/// The job is queued immediately. Dropping the task cancels it unless it has started.
pub(crate) fn on_pool<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    // The code of a task takes 3 KB, so there is one task type per result type, not per job.
    let job: Box<dyn FnOnce() -> T + Send> = Box::new(job);
    blocking::unblock(job)
}

/// The number of active jobs on a file.
#[derive(Debug, Default)]
pub(super) struct ActiveJobs {
    threads: Mutex<usize>,
    done: Condvar,
}

/// An active job, queued or running.
pub(super) struct JobGuard(Arc<ActiveJobs>);

impl ActiveJobs {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wait(&self) {
        let idle = self.done.wait_while(self.lock(), |threads| *threads > 0);
        drop(idle);
    }
}

impl JobGuard {
    pub(super) fn begin(work: &Arc<ActiveJobs>) -> Self {
        *work.lock() += 1;
        Self(Arc::clone(work))
    }
}

impl Drop for JobGuard {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.done.notify_all();
    }
}
