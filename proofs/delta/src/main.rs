//! Delta Lake on B2: concurrent appenders, whose commits go through put-if-absent, and a reader that finds each commit
//! exactly once.

#[path = "../../shared/calls.rs"]
mod calls;
mod factory;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use b2kit::api::ListFileVersions;
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};
use b2kit::types::Action;
use b2kit::{Client, Credentials};
use deltalake::DeltaTable;
use deltalake::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{DataType, PrimitiveType};
use futures::TryStreamExt as _;
use futures::future::try_join_all;
use url::Url;

use self::calls::Calls;

const APPENDERS: i64 = 8;
/// Commits of each appender.
const COMMITS: i64 = 6;
/// Rows of each commit.
const ROWS: i64 = 1_000;

const COLUMNS: [&str; 3] = ["appender", "commit", "row"];

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;
type Options = HashMap<String, String>;

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
    let options: Options = options
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    factory::register()?;

    // One call in forty is refused, and the response to another one is lost: those of commits, too.
    let faults = [FaultKind::service_unavailable(), FaultKind::LoseResponse].map(|kind| {
        let fault = Fault::new(kind).probability(0.025).seed(1);
        emulator.faults().add(fault)
    });
    let disk = std::env::temp_dir().join(format!("b2kit-delta-{}", std::process::id()));
    std::fs::create_dir_all(&disk)?;
    let local = Url::from_directory_path(&disk).map_err(|()| "the directory has no URL")?;
    let on_b2: Url = "b2://lakehouse/tables/sales/".parse()?;

    println!(
        "{:<34} {:>7} {:>7} {}",
        "",
        "B2, s",
        "disk, s",
        Calls::HEADER
    );
    let before = Calls::to(&emulator);
    let b2_s = append_all(&on_b2, &options).await?;
    let calls = Calls::to(&emulator).since(before);
    let disk_s = append_all(&local, &Options::new()).await?;
    let what = format!("{APPENDERS} appenders, {COMMITS} commits each");
    row(&what, b2_s, disk_s, calls);

    let before = Calls::to(&emulator);
    let b2_s = read(&on_b2, &options).await?;
    let calls = Calls::to(&emulator).since(before);
    let disk_s = read(&local, &Options::new()).await?;
    let what = format!("read {} rows", APPENDERS * COMMITS * ROWS);
    row(&what, b2_s, disk_s, calls);

    let failed = faults.map(|fault| emulator.faults().hits(fault));
    assert!(failed.iter().all(|hits| *hits > 0), "{failed:?}");
    for fault in faults {
        emulator.faults().remove(fault);
    }
    let entries = log_entries(&emulator, &server).await?;
    let [refused, lost] = failed;
    println!("each of {entries} log entries was written once, and each row is there once;");
    println!("{refused} calls were refused meanwhile, and {lost} responses were lost");
    std::fs::remove_dir_all(&disk)?;
    Ok(())
}

fn row(what: &str, b2_s: f64, disk_s: f64, calls: Calls) {
    println!("{what:<34} {b2_s:>7.2} {disk_s:>7.2} {calls}");
}

/// Creates the table, then appends to it concurrently. Returns the time in seconds.
async fn append_all(at: &Url, options: &Options) -> Outcome<f64> {
    let began = Instant::now();
    let table = open(at, options).await?;
    let columns = COLUMNS.map(|name| (name, DataType::Primitive(PrimitiveType::Long)));
    let create = columns
        .into_iter()
        .fold(table.create(), |create, (name, kind)| {
            create.with_column(name, kind, true, None)
        });
    create.await?;
    let appenders = (0..APPENDERS).map(|appender| {
        let (at, options) = (at.clone(), options.clone());
        tokio::spawn(async move { append(&at, &options, appender).await })
    });
    for appender in try_join_all(appenders).await? {
        appender?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// One appender. It has a client of its own, as in another process.
async fn append(at: &Url, options: &Options, appender: i64) -> Outcome<()> {
    let mut table = open(at, options).await?;
    for commit in 0..COMMITS {
        let properties = CommitProperties::default().with_max_retries(1_000);
        let write = table.write([batch(appender, commit)?]);
        table = write.with_commit_properties(properties).await?;
    }
    Ok(())
}

fn batch(appender: i64, commit: i64) -> Outcome<RecordBatch> {
    let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let rows = ROWS as usize;
    let values = [
        vec![appender; rows],
        vec![commit; rows],
        (0..ROWS).collect(),
    ];
    let columns = COLUMNS.into_iter().zip(values);
    let columns = columns.map(|(name, values)| (name, column(values), true));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

async fn open(at: &Url, options: &Options) -> Outcome<DeltaTable> {
    let table = DeltaTable::try_from_url_with_storage_options(at.clone(), options.clone());
    Ok(table.await?)
}

/// Reads the table, which must have each row of each commit exactly once. Returns the time in seconds.
async fn read(at: &Url, options: &Options) -> Outcome<f64> {
    let began = Instant::now();
    let table = open(at, options).await?;
    let version = table.version().ok_or("the table has no version")?;
    assert_eq!(i64::try_from(version)?, APPENDERS * COMMITS);
    let (_, batches) = table.scan_table().await?;
    let batches: Vec<RecordBatch> = batches.try_collect().await?;
    let mut counts = BTreeMap::<[i64; 3], u32>::new();
    for batch in &batches {
        let mut columns = Vec::new();
        for name in COLUMNS {
            let column = batch.column_by_name(name).ok_or("a column is missing")?;
            let column = column.as_any().downcast_ref::<Int64Array>();
            columns.push(column.ok_or("a column has another type")?);
        }
        for row in 0..batch.num_rows() {
            let key = [
                columns[0].value(row),
                columns[1].value(row),
                columns[2].value(row),
            ];
            *counts.entry(key).or_default() += 1;
        }
    }
    let expected = (0..APPENDERS)
        .flat_map(|appender| (0..COMMITS).map(move |commit| (appender, commit)))
        .flat_map(|(appender, commit)| (0..ROWS).map(move |row| ([appender, commit, row], 1)));
    assert!(
        counts.into_iter().eq(expected),
        "the rows are not those that were appended"
    );
    Ok(began.elapsed().as_secs_f64())
}

/// The number of entries of the table's log. Each must have been created once: B2 keeps all versions, and all versions
/// of an entry must be copies of one stage, which writers that complete the same create may each make.
async fn log_entries(emulator: &Emulator, server: &Server) -> Outcome<usize> {
    let client = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(server.url())
        .build()?;
    let bucket = client.bucket("lakehouse").await?;
    let list = ListFileVersions::new(bucket.id()).prefix("tables/sales/_delta_log/0");
    let rows: Vec<_> = client.paginate(list).try_collect().await?;
    let mut names = BTreeMap::<String, BTreeSet<String>>::new();
    for version in rows.into_iter().filter_map(|row| row.into_version()) {
        let name = version.file_name.as_str().to_owned();
        if name.ends_with(".json") && matches!(version.action, Action::Upload | Action::Copy) {
            let nonce = version
                .file_info
                .get("b2kit-create-nonce")
                .map(str::to_owned);
            names
                .entry(name)
                .or_default()
                .insert(nonce.ok_or("an entry was not created")?);
        }
    }
    assert!(names.values().all(|stages| stages.len() == 1), "{names:?}");
    assert_eq!(names.len() as i64, APPENDERS * COMMITS + 1);
    Ok(names.len())
}
