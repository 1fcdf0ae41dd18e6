//! Delta Lake on B2: eight writers append to one table at the same time, and a reader finds every commit exactly once.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};
use b2kit_object_store::v0_13::parse_url_opts;
use deltalake_core::arrow::array::{Int64Array, RecordBatch};
use deltalake_core::kernel::transaction::CommitProperties;
use deltalake_core::kernel::{DataType, StructField};
use deltalake_core::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use deltalake_core::writer::{DeltaWriter as _, RecordBatchWriter};
use deltalake_core::{DeltaResult, DeltaTableBuilder, Path};
use futures::future::try_join_all;
use url::Url;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const WRITERS: i64 = 8;
const COMMITS: i64 = 5;
const ROWS: i64 = 100;

/// Makes stores for `b2://`. Each table handle gets a store of its own, as if each writer were a process.
#[derive(Debug)]
struct B2;

impl ObjectStoreFactory for B2 {
    fn parse_url_opts(&self, url: &Url, config: &StorageConfig) -> DeltaResult<(ObjectStoreRef, Path)> {
        let (store, path) = parse_url_opts(url, config.raw.clone())?;
        Ok((store.into(), path))
    }
}

impl LogStoreFactory for B2 {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let emulator = Emulator::new();
    for bucket in ["lakehouse", "coordination"] {
        emulator.create_bucket(bucket, false)?;
    }
    let server = Server::start(&emulator)?;
    let scheme = Url::parse("b2://")?;
    object_store_factories().insert(scheme.clone(), Arc::new(B2));
    logstore_factories().insert(scheme, Arc::new(B2));
    let options: HashMap<String, String> = [
        ("b2_application_key_id", emulator.key_id()),
        ("b2_application_key", emulator.key()),
        ("b2_endpoint", server.url()),
        ("b2_coordinate_creates", "coordination"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let url = Url::parse("b2://lakehouse/tables/events")?;

    println!("{:<44} {:>9} {:>9} {:>9}", "", "seconds", "requests", "failed");
    let began = Instant::now();
    let column = |name: &str| StructField::new(name, DataType::LONG, false);
    CreateBuilder::new()
        .with_location(url.as_str())
        .with_storage_options(options.clone())
        .with_columns([column("writer"), column("number"), column("row")])
        .await?;
    println!("{:<44} {:>9.1} {:>9} {:>9}", "create the table", began.elapsed().as_secs_f64(), requests(&emulator), 0);

    let kinds = [FaultKind::service_unavailable(), FaultKind::LoseReply, FaultKind::ResetResponse { after: 100 }];
    let faults = kinds.map(|kind| emulator.faults().add(Fault::new(kind).probability(0.01).seed(3)));
    let (began, before) = (Instant::now(), requests(&emulator));
    let writers = (0..WRITERS).map(|writer| tokio::spawn(append(url.clone(), options.clone(), writer)));
    let versions = try_join_all(writers).await?.into_iter().collect::<Outcome<Vec<_>>>()?;
    let failed: u64 = faults.iter().map(|fault| emulator.faults().hits(*fault)).sum();
    println!(
        "{:<44} {:>9.1} {:>9} {failed:>9}",
        format!("{WRITERS} writers at once, {COMMITS} commits each"),
        began.elapsed().as_secs_f64(),
        requests(&emulator) - before,
    );
    assert!(failed > 0, "nothing failed");
    let mut versions: Vec<_> = versions.into_iter().flatten().collect();
    versions.sort_unstable();
    let expected: Vec<_> = (1..=(WRITERS * COMMITS) as u64).collect();
    assert_eq!(versions, expected, "each version has one writer");

    emulator.faults().clear();
    let (began, before) = (Instant::now(), requests(&emulator));
    let rows = read(url, options).await?;
    println!("{:<44} {:>9.1} {:>9} {:>9}", "read the table", began.elapsed().as_secs_f64(), requests(&emulator) - before, 0);
    let expected: BTreeMap<_, _> = (0..WRITERS)
        .flat_map(|writer| (0..COMMITS).flat_map(move |number| (0..ROWS).map(move |row| ((writer, number, row), 1))))
        .collect();
    assert_eq!(rows, expected);
    println!("{} versions, each by one writer; {} rows, each exactly once", versions.len(), rows.len());
    Ok(())
}

fn requests(emulator: &Emulator) -> u64 {
    emulator.snapshot().calls.values().sum()
}

/// Appends, and gives the versions that it made.
async fn append(url: Url, options: HashMap<String, String>, writer: i64) -> Outcome<Vec<u64>> {
    let mut table = DeltaTableBuilder::from_url(url)?.with_storage_options(options).load().await?;
    let mut versions = Vec::new();
    for number in 0..COMMITS {
        let properties = CommitProperties::default().with_max_retries(1_000);
        let mut to = RecordBatchWriter::for_table(&table)?.with_commit_properties(properties);
        let columns = [vec![writer; ROWS as usize], vec![number; ROWS as usize], (0..ROWS).collect()];
        let columns = columns.map(|column| Arc::new(Int64Array::from(column)) as _);
        to.write(RecordBatch::try_new(to.arrow_schema(), columns.into())?).await?;
        versions.push(to.flush_and_commit(&mut table).await? as u64);
    }
    Ok(versions)
}

/// How often each row is in the table, as a new reader finds it.
async fn read(url: Url, options: HashMap<String, String>) -> Outcome<BTreeMap<(i64, i64, i64), u64>> {
    let table = DeltaTableBuilder::from_url(url)?.with_storage_options(options).load().await?;
    let store = table.object_store();
    let mut rows = BTreeMap::new();
    for uri in table.get_file_uris()? {
        let name = uri.rsplit('/').next().unwrap_or_default();
        let bytes = deltalake_core::logstore::object_store::ObjectStoreExt::get(&store, &Path::from(name)).await?.bytes().await?;
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
            let batch = batch?;
            let column = |at: usize| batch.column(at).as_any().downcast_ref::<Int64Array>().expect("as it was written");
            for row in 0..batch.num_rows() {
                *rows.entry((column(0).value(row), column(1).value(row), column(2).value(row))).or_default() += 1;
            }
        }
    }
    Ok(rows)
}
