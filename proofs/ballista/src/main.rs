//! Ballista on B2: a scheduler and two executors on loopback answer queries like those of TPC-H over tables at `b2://`,
//! with the same results as over the same tables on the local disk.

#[path = "../../shared/calls.rs"]
mod calls;
mod cluster;
mod queries;
#[path = "../../datafusion/src/registry.rs"]
mod registry;

use std::error::Error;
use std::time::Instant;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{ParquetReadOptions, SessionContext};

use self::calls::Calls;
use self::cluster::Cluster;
use self::queries::{QUERIES, TABLES};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let emulator = Emulator::new();
    emulator.create_bucket("lakehouse", false)?;
    let server = Server::start(&emulator)?;
    let options = [
        ("b2_application_key_id", emulator.key_id()),
        ("b2_application_key", emulator.key()),
        ("b2_endpoint", server.url()),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let disk = std::env::temp_dir().join(format!("b2kit-ballista-{}", std::process::id()));
    let local = format!("{}/", disk.display());
    let cluster = Cluster::start(&options).await?;

    println!(
        "{:<34} {:>7} {:>7} {}",
        "",
        "B2, s",
        "disk, s",
        Calls::HEADER
    );
    let writer = SessionContext::new_with_state(cluster::session(&options)?);
    for (table, sql) in TABLES {
        let before = Calls::to(&emulator);
        let b2_s = write(&writer, sql, &at("b2://lakehouse/", table)).await?;
        let calls = Calls::to(&emulator).since(before);
        let disk_s = write(&writer, sql, &at(&local, table)).await?;
        row(&format!("write {table}"), b2_s, disk_s, calls);
    }

    // From here on, one call in twenty is refused, and the response of one download in twenty is cut off.
    let refused = Fault::new(FaultKind::service_unavailable()).seed(1);
    let cut_off = Fault::new(FaultKind::ResetResponse { after: 100 }).seed(2);
    let faults = [refused, cut_off.on("b2_download_file_by_name")]
        .map(|fault| emulator.faults().add(fault.probability(0.05)));
    let (of_b2, of_disk) = (
        cluster.connect(&options).await?,
        cluster.connect(&options).await?,
    );
    register(&of_b2, "b2://lakehouse/").await?;
    register(&of_disk, &local).await?;
    for (name, query) in QUERIES {
        let before = Calls::to(&emulator);
        let (b2_rows, b2_s) = answer(&of_b2, query).await?;
        let calls = Calls::to(&emulator).since(before);
        let (disk_rows, disk_s) = answer(&of_disk, query).await?;
        assert_eq!(b2_rows, disk_rows, "{name}");
        row(&format!("query {name}"), b2_s, disk_s, calls);
    }
    let [refused, cut_off] = faults.map(|fault| emulator.faults().hits(fault));
    assert!(refused > 0 && cut_off > 0, "nothing failed");
    let opened = cluster.opened();
    assert!(
        opened.iter().all(|opened| *opened > 0),
        "an executor has not read from B2: {opened:?}"
    );
    println!("all results are equal, and both executors read from B2;");
    println!("{refused} calls were refused meanwhile, and {cut_off} downloads cut off");
    std::fs::remove_dir_all(&disk)?;
    Ok(())
}

fn row(what: &str, b2_s: f64, disk_s: f64, calls: Calls) {
    println!("{what:<34} {b2_s:>7.2} {disk_s:>7.2} {calls}");
}

fn at(root: &str, table: &str) -> String {
    format!("{root}{table}/")
}

async fn write(context: &SessionContext, sql: &str, to: &str) -> Outcome<f64> {
    let began = Instant::now();
    let rows = context.sql(sql).await?;
    let options = DataFrameWriteOptions::new();
    rows.write_parquet(to, options, None).await?;
    Ok(began.elapsed().as_secs_f64())
}

async fn register(context: &SessionContext, root: &str) -> Outcome<()> {
    for (table, _) in TABLES {
        let options = ParquetReadOptions::default();
        context
            .register_parquet(table, at(root, table), options)
            .await?;
    }
    Ok(())
}

/// The rows as text, and the time in seconds.
async fn answer(context: &SessionContext, query: &str) -> Outcome<(String, f64)> {
    let began = Instant::now();
    let rows = context.sql(query).await?.collect().await?;
    assert!(
        rows.iter().any(|batch| batch.num_rows() > 0),
        "no rows: {query}"
    );
    let text = pretty_format_batches(&rows)?.to_string();
    Ok((text, began.elapsed().as_secs_f64()))
}
