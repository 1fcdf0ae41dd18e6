//! Lance on B2: writes a dataset, appends to it concurrently, deletes rows, and reads each version, with the same rows
//! as on the local disk.

#[path = "../../shared/calls.rs"]
mod calls;
mod provider;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};
use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance::dataset::{InsertBuilder, WriteMode, WriteParams};
use lance::deps::arrow_array::{ArrayRef, Int64Array, RecordBatch};
use lance::io::{ObjectStoreParams, ObjectStoreRegistry, StorageOptionsAccessor};
use lance::session::Session;
use lance_table::io::commit::{CommitHandler, ConditionalPutCommitHandler};

use self::calls::Calls;
use self::provider::B2Provider;

const APPENDERS: i64 = 4;
/// Commits of each appender.
const COMMITS: i64 = 3;
/// Rows of each commit.
const ROWS: i64 = 1_000;
/// The dataset's creation, the appends, and a deletion of half of the rows.
const VERSIONS: u64 = 1 + (APPENDERS * COMMITS) as u64 + 1;

const COLUMNS: [&str; 3] = ["appender", "commit", "row"];

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Number of each row of a version.
type Rows = BTreeMap<[i64; 3], u32>;

/// A dataset, and the options of its store.
#[derive(Clone)]
struct Place {
    uri: String,
    options: HashMap<String, String>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let emulator = Emulator::new();
    emulator.create_bucket("lakehouse", false)?;
    emulator.create_bucket("coordination", false)?;
    let server = Server::start(&emulator)?;
    let options = [
        ("b2_application_key_id", emulator.key_id()),
        ("b2_application_key", emulator.key()),
        ("b2_endpoint", server.url()),
        ("b2_coordinate_creates", "coordination"),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let on_b2 = Place {
        uri: "b2://lakehouse/datasets/sales".into(),
        options: options.into(),
    };
    let disk = std::env::temp_dir().join(format!("b2kit-lance-{}", std::process::id()));
    let on_disk = Place {
        uri: disk.display().to_string(),
        options: HashMap::new(),
    };
    // One call in forty is refused, and the response to another one is lost: those of commits, too.
    let faults = [FaultKind::service_unavailable(), FaultKind::LoseResponse].map(|kind| {
        let fault = Fault::new(kind).probability(0.025).seed(1);
        emulator.faults().add(fault)
    });

    println!(
        "{:<34} {:>7} {:>7} {}",
        "",
        "B2, s",
        "disk, s",
        Calls::HEADER
    );
    let before = Calls::to(&emulator);
    let b2_s = on_b2.write().await?;
    let calls = Calls::to(&emulator).since(before);
    let disk_s = on_disk.write().await?;
    row(&format!("write {VERSIONS} versions"), b2_s, disk_s, calls);

    let before = Calls::to(&emulator);
    let (b2_rows, b2_s) = on_b2.read().await?;
    let calls = Calls::to(&emulator).since(before);
    let (disk_rows, disk_s) = on_disk.read().await?;
    row(&format!("read {VERSIONS} versions"), b2_s, disk_s, calls);
    assert_eq!(b2_rows, disk_rows);
    assert_eq!(b2_rows, expected());

    let [refused, lost] = faults.map(|fault| emulator.faults().hits(fault));
    assert!(refused > 0 && lost > 0, "nothing failed");
    println!("each append is there once, and the last version has the same rows as on the disk;");
    println!("{refused} calls were refused meanwhile, and {lost} responses were lost");
    std::fs::remove_dir_all(&disk)?;
    Ok(())
}

fn row(what: &str, b2_s: f64, disk_s: f64, calls: Calls) {
    println!("{what:<34} {b2_s:>7.2} {disk_s:>7.2} {calls}");
}

impl Place {
    /// Creates the dataset, appends to it concurrently, and deletes rows. Returns the time in seconds.
    async fn write(&self) -> Outcome<f64> {
        let began = Instant::now();
        let params = self.params(WriteMode::Create);
        let create = InsertBuilder::new(self.uri.as_str()).with_params(&params);
        create.execute(vec![batch(0, 0)?]).await?;
        let appenders = (1..=APPENDERS).map(|appender| {
            let place = self.clone();
            tokio::spawn(async move { place.append(appender).await })
        });
        for appender in appenders.collect::<Vec<_>>() {
            appender.await??;
        }
        self.open().await?.delete("row % 2 = 1").await?;
        Ok(began.elapsed().as_secs_f64())
    }

    /// One appender. It has a client of its own, as in another process.
    async fn append(&self, appender: i64) -> Outcome<()> {
        let mut dataset = self.open().await?;
        let params = self.params(WriteMode::Append);
        for commit in 0..COMMITS {
            let append = InsertBuilder::new(Arc::new(dataset)).with_params(&params);
            dataset = append.execute(vec![batch(appender, commit)?]).await?;
        }
        Ok(())
    }

    /// Reads all versions, each of which must have as many rows as were appended until then. Returns the rows of the
    /// last one, and the time in seconds.
    async fn read(&self) -> Outcome<(Rows, f64)> {
        let began = Instant::now();
        let dataset = self.open().await?;
        assert_eq!(dataset.versions().await?.len() as u64, VERSIONS);
        for version in 1..VERSIONS {
            let dataset = dataset.checkout_version(version).await?;
            let rows = dataset.scan().try_into_batch().await?.num_rows();
            assert_eq!(rows as u64, version * ROWS as u64, "version {version}");
        }
        let rows = rows(&dataset.scan().try_into_batch().await?)?;
        Ok((rows, began.elapsed().as_secs_f64()))
    }

    async fn open(&self) -> Outcome<Dataset> {
        let dataset = DatasetBuilder::from_uri(&self.uri)
            .with_session(session())
            .with_storage_options(self.options.clone())
            .with_commit_handler(commit_handler());
        Ok(dataset.load().await?)
    }

    fn params(&self, mode: WriteMode) -> WriteParams {
        let options = StorageOptionsAccessor::with_static_options(self.options.clone());
        WriteParams {
            mode,
            store_params: Some(ObjectStoreParams {
                storage_options_accessor: Some(Arc::new(options)),
                ..ObjectStoreParams::default()
            }),
            commit_handler: Some(commit_handler()),
            session: Some(session()),
            ..WriteParams::default()
        }
    }
}

/// Commits by put-if-absent. For a scheme that it doesn't know, Lance would by default commit without any condition.
fn commit_handler() -> Arc<dyn CommitHandler> {
    Arc::new(ConditionalPutCommitHandler)
}

/// A session that opens `b2://`, with caches of its own.
fn session() -> Arc<Session> {
    let stores = ObjectStoreRegistry::default();
    stores.insert("b2", Arc::new(B2Provider));
    Arc::new(Session::new(64 << 20, 64 << 20, Arc::new(stores)))
}

fn batch(appender: i64, commit: i64) -> Outcome<RecordBatch> {
    let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let rows = ROWS as usize;
    let values = [
        vec![appender; rows],
        vec![commit; rows],
        (0..ROWS).collect(),
    ];
    let columns = COLUMNS.into_iter().zip(values.map(column));
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn rows(batch: &RecordBatch) -> Outcome<Rows> {
    let mut columns = Vec::new();
    for name in COLUMNS {
        let column = batch.column_by_name(name).ok_or("a column is missing")?;
        let column = column.as_any().downcast_ref::<Int64Array>();
        columns.push(column.ok_or("a column has another type")?);
    }
    let mut rows = Rows::new();
    for row in 0..batch.num_rows() {
        let key = [0, 1, 2].map(|column: usize| columns[column].value(row));
        *rows.entry(key).or_default() += 1;
    }
    Ok(rows)
}

/// The rows of the last version.
fn expected() -> Rows {
    let appends = (1..=APPENDERS)
        .flat_map(|appender| (0..COMMITS).map(move |commit| (appender, commit)))
        .chain([(0, 0)]);
    let rows = appends.flat_map(|(appender, commit)| {
        let kept = (0..ROWS).filter(|row| row % 2 == 0);
        kept.map(move |row| ([appender, commit, row], 1))
    });
    rows.collect()
}
