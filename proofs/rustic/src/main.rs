//! rustic on B2: backs up, checks (with all data), restores, forgets and prunes 3,000 files, while the emulator fails
//! one call in twenty, and is killed and restarted once.

mod backend;
#[path = "../../shared/calls.rs"]
mod calls;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use b2kit::backend::emulator::{Emulator, Fault, FaultId, FaultKind, Server};
use b2kit::{Client, Credentials, Phase};
use futures::executor::block_on;
use rustic_core::{
    BackupOptions, CheckOptions, ConfigOptions, Credentials as Password, KeyOptions,
    LocalDestination, LsOptions, PathList, PruneOptions, Repository, RepositoryBackends,
    RepositoryOptions, RestoreOptions, SnapshotOptions, jiff::Span,
};

use self::backend::B2Backend;
use self::calls::Calls;

type Outcome<T> = Result<T, Box<dyn Error>>;

const FILES: u32 = 3_000;

/// One call in twenty fails, and beyond that one download and one upload in fifty.
fn faults() -> [Fault; 5] {
    let on_all = |kind, probability| Fault::new(kind).probability(probability);
    let faults = [
        on_all(FaultKind::service_unavailable(), 0.03),
        on_all(FaultKind::LoseResponse, 0.01),
        on_all(FaultKind::LoseRequest(Phase::MaybeReceived), 0.01),
        on_all(FaultKind::ResetResponse { after: 100 }, 0.02).on("b2_download_file_by_name"),
        on_all(FaultKind::ResetUpload { after: 100 }, 0.02).on("b2_upload_file"),
    ];
    let mut seed = 0;
    faults.map(|fault| {
        seed += 1;
        fault.seed(seed)
    })
}

/// An emulator on disk and its server, which can be killed and restarted on the same port.
struct Service {
    /// `None` between a kill and the restart.
    running: Option<(Emulator, Server)>,
    directory: PathBuf,
    port: u16,
    faults: Vec<FaultId>,
    /// Calls to emulators that were killed.
    calls: Calls,
    /// Of these, the ones that failed.
    failed: u64,
}

impl Service {
    fn start(directory: &Path) -> Outcome<Self> {
        let emulator = Emulator::builder().open(directory)?;
        emulator.create_bucket("backups", false)?;
        let server = Server::start(&emulator)?;
        let port = server.url().rsplit(':').next().unwrap_or_default();
        let port = port.parse()?;
        Ok(Self {
            running: Some((emulator, server)),
            directory: directory.into(),
            port,
            faults: Vec::new(),
            calls: Calls::default(),
            failed: 0,
        })
    }

    fn emulator(&self) -> &Emulator {
        let running = self.running.as_ref();
        &running.expect("it runs except while it is restarted").0
    }

    fn inject_faults(&mut self) {
        let faults = faults().map(|fault| self.emulator().faults().add(fault));
        self.faults = faults.into();
    }

    fn calls(&self) -> Calls {
        self.calls.and(Calls::to(self.emulator()))
    }

    fn failed(&self) -> u64 {
        let faults = self.emulator().faults();
        let hits = self.faults.iter().map(|fault| faults.hits(*fault));
        self.failed + hits.sum::<u64>()
    }

    fn kill(&mut self) {
        (self.calls, self.failed) = (self.calls(), self.failed());
        self.running = None;
    }

    fn restart(&mut self) -> Outcome<()> {
        let emulator = Emulator::builder().open(&self.directory)?;
        let server = Server::start_on(&emulator, self.port)?;
        self.running = Some((emulator, server));
        self.inject_faults();
        Ok(())
    }
}

fn main() -> Outcome<()> {
    let place = tempfile::tempdir()?;
    let source = place.path().join("source");
    let bytes = write_files(&source)?;
    let mut service = Service::start(&place.path().join("b2"))?;
    let client = Client::builder()
        .credentials(Credentials::new(
            service.emulator().key_id(),
            service.emulator().key(),
        )?)
        .endpoint(format!("http://127.0.0.1:{}", service.port))
        .build()?;
    let bucket = block_on(client.bucket("backups"))?;
    let backends = RepositoryBackends::new(Arc::new(B2Backend::new(bucket, "repository/")), None);
    let (options, password) = (
        RepositoryOptions::default().no_cache(true),
        Password::password("secret"),
    );
    let open = || Ok::<_, Box<dyn Error>>(Repository::new(&options, &backends)?.open(&password)?);
    service.inject_faults();
    let service = Mutex::new(service);
    let calls = || service.lock().expect("nobody panics").calls();

    println!("{FILES} files, {} MiB", bytes >> 20);
    println!("{:<26} {:>7} {}", "", "s", Calls::HEADER);
    let step = |name: &str, work: &mut dyn FnMut() -> Outcome<()>| -> Outcome<()> {
        let (began, before) = (Instant::now(), calls());
        work()?;
        let (seconds, calls) = (began.elapsed().as_secs_f64(), calls().since(before));
        println!("{name:<26} {seconds:>7.1} {calls}");
        Ok(())
    };
    step("init", &mut || {
        Repository::new(&options, &backends)?.init(
            &password,
            &KeyOptions::default(),
            &ConfigOptions::default(),
        )?;
        Ok(())
    })?;
    let backup = || -> Outcome<()> {
        let paths = PathList::from_string(&source.display().to_string())?.sanitize()?;
        let repository = open()?.to_indexed_ids()?;
        repository.backup(
            &BackupOptions::default(),
            &paths,
            SnapshotOptions::default().to_snapshot()?,
        )?;
        Ok(())
    };
    let (is_over, has_restarted) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| -> Outcome<()> {
        // The emulator is killed in the middle of the backup, and restarted two seconds later.
        scope.spawn(|| {
            let start = calls().total();
            while calls().total() < start + 8 && !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let mut service = service.lock().expect("nobody panics");
            service.kill();
            std::thread::sleep(Duration::from_secs(2));
            service
                .restart()
                .expect("it starts again from its directory");
            has_restarted.store(!is_over.load(Ordering::Relaxed), Ordering::Relaxed);
        });
        let outcome = step("backup, killed meanwhile", &mut || backup());
        is_over.store(true, Ordering::Relaxed);
        outcome
    })?;
    assert!(
        has_restarted.load(Ordering::Relaxed),
        "the backup was over before the emulator was killed"
    );
    step("check with all data", &mut || {
        open()?
            .check(CheckOptions::default().trust_cache(true).read_data(true))?
            .is_ok()?;
        Ok(())
    })?;
    let restored = place.path().join("restored");
    step("restore", &mut || {
        restore(open()?.to_indexed()?, &restored)?;
        compare(&source, &restored.join(source.strip_prefix("/")?))
    })?;
    change_files(&source)?;
    step("second backup", &mut || backup())?;
    step("forget and prune", &mut || {
        let repository = open()?;
        let mut snapshots = repository.get_all_snapshots()?;
        snapshots.sort_by_key(|snapshot| snapshot.time.clone());
        repository.delete_snapshots(&[snapshots[0].id])?;
        let prune = PruneOptions::default()
            .instant_delete(true)
            .keep_delete(Span::new())
            .max_unused("0%".parse::<rustic_core::LimitOption>()?);
        let plan = repository.prune_plan(&prune)?;
        repository.prune(&prune, plan)?;
        Ok(())
    })?;
    step("check with all data", &mut || {
        open()?
            .check(CheckOptions::default().trust_cache(true).read_data(true))?
            .is_ok()?;
        Ok(())
    })?;
    let again = place.path().join("again");
    step("restore", &mut || {
        restore(open()?.to_indexed()?, &again)?;
        compare(&source, &again.join(source.strip_prefix("/")?))
    })?;
    let calls = calls();
    let failed = service.lock().expect("nobody panics").failed();
    assert!(failed * 25 >= calls.total(), "only {failed} calls failed");
    println!("all files are equal after each restore; the emulator was killed once,");
    println!("and failed {failed} of {} calls", calls.total());
    Ok(())
}

fn restore(
    repository: Repository<impl rustic_core::IndexedFull + rustic_core::Open>,
    to: &Path,
) -> Outcome<()> {
    let node = repository.node_from_snapshot_path("latest", |_| true)?;
    let files = repository.ls(&node, &LsOptions::default())?;
    let to = LocalDestination::new(&to.display().to_string(), true, !node.is_dir())?;
    let options = RestoreOptions::default();
    let plan = repository.prepare_restore(&options, files.clone(), &to, false)?;
    repository.restore(plan, &options, files, &to)?;
    Ok(())
}

/// Random bytes, so that nothing is deduplicated or compressed.
fn write_files(source: &Path) -> Outcome<u64> {
    let mut chance = fastrand::Rng::with_seed(1);
    let mut total = 0;
    for number in 0..FILES {
        let directory = source.join(format!("{:02}", number % 30));
        fs::create_dir_all(&directory)?;
        let mut bytes = vec![0; chance.usize(0..60_000)];
        chance.fill(&mut bytes);
        total += bytes.len() as u64;
        fs::write(directory.join(number.to_string()), bytes)?;
    }
    Ok(total)
}

/// Removes every fifth file, and replaces a third of the others.
fn change_files(source: &Path) -> Outcome<()> {
    let mut chance = fastrand::Rng::with_seed(2);
    for number in 0..FILES {
        let file = source.join(format!("{:02}/{number}", number % 30));
        if number % 5 == 0 {
            fs::remove_file(file)?;
        } else if number % 3 == 0 {
            let mut bytes = vec![0; chance.usize(0..60_000)];
            chance.fill(&mut bytes);
            fs::write(file, bytes)?;
        }
    }
    Ok(())
}

fn compare(one: &Path, other: &Path) -> Outcome<()> {
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for (directory, names) in [(one, &mut here), (other, &mut there)] {
        for entry in fs::read_dir(directory)? {
            names.push(entry?.file_name());
        }
        names.sort();
    }
    assert_eq!(here, there, "{} and {}", one.display(), other.display());
    for name in here {
        let (one, other) = (one.join(&name), other.join(&name));
        match one.is_dir() {
            true => compare(&one, &other)?,
            false => assert!(
                fs::read(&one)? == fs::read(&other)?,
                "{} differs",
                one.display()
            ),
        }
    }
    Ok(())
}
