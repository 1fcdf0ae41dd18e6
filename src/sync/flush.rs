//! [`GroupFlush`]: flushes many files at once.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::lock::Mutex;

/// Flushes written data to the disk. Blocks.
type Flush = Arc<dyn Fn(&File) -> io::Result<()> + Send + Sync>;

/// Flushes the file system of a directory, for many files at once. A complete file waits for the next flush; files that
/// are completed while one flush runs share the one after it. So the number of flushes grows with the duration of the
/// sync, not with the number of files.
pub(super) struct GroupFlush {
    flush: Flush,
    /// The root directory and its device. Held open from the first download on, since the system reports a failed write
    /// only through files that were already open.
    root: OnceLock<(Arc<File>, u64)>,
    arrived: AtomicU64,
    waiting: AtomicUsize,
    /// The number of arrived files that have been flushed.
    flushed: Mutex<u64>,
    /// The first error. It is kept, since it is unknown which files it affects.
    failed: OnceLock<Arc<io::Error>>,
}

impl GroupFlush {
    /// `None` on systems that can only flush single files.
    pub(super) fn of_file_system() -> Option<Arc<Self>> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return reports_failed_writes(&rustix::system::uname().release().to_string_lossy())
            .then(|| Arc::new(Self::new(|root: &File| Ok(rustix::fs::syncfs(root)?))));
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        return None;
    }

    #[cfg_attr(
        not(any(target_os = "linux", target_os = "android", test)),
        expect(dead_code, reason = "there is nothing that it could call")
    )]
    fn new(flush: impl Fn(&File) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self {
            flush: Arc::new(flush),
            root: OnceLock::new(),
            arrived: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            flushed: Mutex::new(0),
            failed: OnceLock::new(),
        }
    }

    /// Must be called before anything is written below this directory. Returns the device that is flushed.
    pub(super) fn watch(&self, root: &Path) -> io::Result<u64> {
        if let Some((_, device)) = self.root.get() {
            return Ok(*device);
        }
        let root = File::open(root)?;
        let device = device(&root)?;
        Ok(self.root.get_or_init(|| (Arc::new(root), device)).1)
    }

    /// The number of files waiting for a flush.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The error with which all further flushes fail, if one has failed.
    pub(super) fn failed(&self) -> Option<io::Error> {
        let error = self.failed.get()?;
        Some(io::Error::new(error.kind(), Arc::clone(error)))
    }

    /// Waits for a flush that begins after this call.
    pub(super) async fn flushed(&self) -> io::Result<()> {
        let number = self.arrived.fetch_add(1, Ordering::SeqCst) + 1;
        let _waiting = Waiting::new(&self.waiting);
        let mut flushed = self.flushed.lock().await;
        if let Some(error) = self.failed() {
            return Err(error);
        }
        if *flushed >= number {
            return Ok(());
        }
        let (root, _) = self.root.get().ok_or(io::ErrorKind::NotFound)?;
        let (root, flush) = (Arc::clone(root), Arc::clone(&self.flush));
        let covered = self.arrived.load(Ordering::SeqCst);
        match blocking::unblock(move || flush(&root)).await {
            Ok(()) => *flushed = covered,
            Err(error) => drop(self.failed.set(Arc::new(error))),
        }
        self.failed().map_or(Ok(()), Err)
    }
}

impl fmt::Debug for GroupFlush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupFlush").finish_non_exhaustive()
    }
}

/// Whether `syncfs` of this Linux release reports failed writes, as it does since 5.8.
#[cfg(any(target_os = "linux", target_os = "android", test))]
fn reports_failed_writes(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    number().zip(number()).is_some_and(|it| it >= (5, 8))
}

/// The device that a file is on.
#[cfg(unix)]
fn device(file: &File) -> io::Result<u64> {
    Ok(std::os::unix::fs::MetadataExt::dev(&file.metadata()?))
}

/// For systems on which no file system can be flushed as a whole.
#[cfg(not(unix))]
const fn device(_: &File) -> io::Result<u64> {
    Ok(0)
}

/// Counts a waiting file until it is dropped, even if the future is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    use futures::executor::block_on;
    use futures::future::{join, join_all};
    use futures::poll;

    fn watched(flush: impl Fn(&File) -> io::Result<()> + Send + Sync + 'static) -> GroupFlush {
        let group = GroupFlush::new(flush);
        group.watch(Path::new(".")).unwrap();
        group
    }

    #[test]
    fn files_that_become_complete_during_a_flush_share_the_next_one() {
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let may_go_on = std::sync::Mutex::new(may_go_on);
        let group = watched(move |_| {
            begun.send(()).unwrap();
            may_go_on.lock().unwrap().recv().unwrap();
            Ok(())
        });
        block_on(async {
            let mut first = Box::pin(group.flushed());
            assert!(poll!(&mut first).is_pending());
            has_begun.recv().unwrap();
            let mut others = join_all((0..10).map(|_| group.flushed()));
            assert!(poll!(&mut others).is_pending());
            assert_eq!(group.waiting(), 11);
            go_on.send(()).unwrap();
            go_on.send(()).unwrap();
            let (first, others) = join(first, others).await;
            assert!(first.is_ok() && others.iter().all(Result::is_ok));
        });
        assert_eq!((has_begun.try_iter().count(), group.waiting()), (1, 0));
    }

    #[test]
    fn a_flush_that_fails_fails_all_files_that_waited_and_all_later_ones() {
        let group = watched(|_| Err(io::ErrorKind::StorageFull.into()));
        let outcomes = block_on(join_all((0..3).map(|_| group.flushed())));
        for outcome in outcomes {
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
    }

    #[test]
    fn a_flush_of_a_file_system_is_trusted_from_linux_5_8_on() {
        for (release, is_trusted) in [
            ("3.10.0-1160.el7.x86_64", false),
            ("4.19.0", false),
            ("5.7.19", false),
            ("5.8.0-rc1", true),
            ("5.10-arch", true),
            ("6.1.0-18-amd64", true),
            ("", false),
            ("unknown", false),
        ] {
            assert_eq!(reports_failed_writes(release), is_trusted, "{release}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_device_that_is_flushed_is_that_of_the_root() {
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let group = GroupFlush::new(|_| Ok(()));
        let device = root.path().metadata().unwrap().dev();
        for _ in 0..2 {
            assert_eq!(group.watch(root.path()).unwrap(), device);
        }
    }

    #[test]
    fn a_dropped_flush_counts_for_no_file() {
        let group = watched(|_| Ok(()));
        block_on(async {
            let mut dropped = Box::pin(group.flushed());
            let _ = poll!(&mut dropped);
            drop(dropped);
            assert_eq!(group.waiting(), 0);
            group.flushed().await.unwrap();
        });
    }

    /// In a run.
    #[cfg(feature = "emulator")]
    mod run {
        use std::task::{Context, Poll};

        use futures::StreamExt as _;
        use futures::future::poll_fn;
        use futures::stream::BoxStream;

        use super::*;
        use crate::api::Credentials;
        use crate::backend::emulator::Emulator;
        use crate::client::Client;
        use crate::error::Error;
        use crate::sync::perform::Performer;
        use crate::sync::{Action, Durability, Plan, Summary, SyncPolicy, SyncRun, Synchronizer};
        use crate::types::BucketType;

        /// The names in a directory but for those of partial files.
        fn named(root: &Path) -> Vec<String> {
            let names = std::fs::read_dir(root).unwrap();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<_> = names.filter(|name| !name.contains(".b2part")).collect();
            names.sort();
            names
        }

        /// A download of these files, flushed by this group.
        async fn downloaded(
            emulator: &Emulator,
            names: &[&str],
            root: &Path,
            group: Arc<GroupFlush>,
            plan: impl FnOnce(Plan) -> BoxStream<'static, Result<Action, Error>>,
        ) -> Summary {
            let credentials = Credentials::new(emulator.key_id(), emulator.key());
            let client = Client::builder()
                .credentials(credentials.unwrap())
                .endpoint(emulator.url())
                .backend(emulator.clone())
                .build()
                .unwrap();
            let private = BucketType::AllPrivate;
            let bucket = client.create_bucket("holiday-photos", private).await;
            let bucket = bucket.unwrap();
            for name in names {
                bucket.upload(*name, "meow").await.unwrap();
            }
            let policy = SyncPolicy::new()
                .durability(Durability::AtEnd)
                .concurrency(1);
            let sync = Synchronizer::down(&bucket, "", root).policy(policy);
            let performer = Performer {
                flush: Some(group),
                ..Performer::new(&sync.sides, &sync.policy, false)
            };
            let plan = plan(sync.plan().unwrap());
            let mut run = SyncRun::new(plan, performer, Default::default);
            while run.next().await.is_some() {}
            run.summary()
        }

        /// After a crash a file may have its size and its time, but not its bytes, unless they are flushed before it
        /// has its name.
        #[test]
        fn downloads_get_their_names_after_a_flush_and_are_flushed_once_more_at_the_end() {
            let root = tempfile::tempdir().unwrap();
            let seen: Arc<std::sync::Mutex<Vec<Vec<String>>>> = Arc::default();
            let group = GroupFlush::new({
                let (seen, root) = (Arc::clone(&seen), root.path().to_owned());
                move |_| {
                    seen.lock().unwrap().push(named(&root));
                    Ok(())
                }
            });
            let (emulator, group) = (Emulator::new(), Arc::new(group));
            let names = ["a", "b"];
            let summary = block_on(downloaded(&emulator, &names, root.path(), group, |plan| {
                plan.boxed()
            }));
            assert_eq!(summary.downloaded, 2);
            let seen = seen.lock().unwrap();
            assert!(seen.first().unwrap().is_empty(), "{seen:?}");
            assert_eq!(*seen.last().unwrap(), ["a", "b"], "{seen:?}");
        }

        /// Each would be downloaded only to be thrown away.
        #[test]
        fn after_a_flush_that_failed_nothing_more_is_downloaded() {
            let root = tempfile::tempdir().unwrap();
            let group = GroupFlush::new(|_| Err(io::ErrorKind::StorageFull.into()));
            let (emulator, group) = (Emulator::new(), Arc::new(group));
            let has_failed = {
                let group = Arc::clone(&group);
                move |cx: &mut Context<'_>| match group.failed() {
                    Some(_) => Poll::Ready(()),
                    None => {
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            };
            let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
            let summary = block_on(downloaded(&emulator, &names, root.path(), group, |plan| {
                // The others are planned once the flush of the first has failed.
                let mut has_failed = Some(poll_fn(has_failed));
                plan.enumerate()
                    .then(move |(at, action)| {
                        let wait = has_failed.take_if(|_| at == 1);
                        async move {
                            if let Some(wait) = wait {
                                wait.await;
                            }
                            action
                        }
                    })
                    .boxed()
            }));
            let calls = emulator.snapshot().calls_of("b2_download_file_by_id");
            assert_eq!((calls, summary.downloaded), (1, 0), "{summary:?}");
            assert!(summary.is_aborted && summary.failed <= 2, "{summary:?}");
            assert_eq!(named(root.path()), [""; 0]);
        }
    }
}
