//! DataFusion on B2: writes a partitioned Parquet table to `b2://`, and gets the same results of queries over it as
//! over the same table on the local disk. Then runs the README's program.

#[path = "../../shared/calls.rs"]
mod calls;
mod registry;

/// The README's program, whose client is [`client`].
mod outgrowing {
    include!(concat!(env!("OUT_DIR"), "/outgrowing.rs"));
}

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};
use b2kit::{Client, Credentials};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

use self::calls::Calls;
use self::registry::Registry;

const ROWS: u64 = 1_000_000;

/// What the README's program computes, and a query of what it writes.
const TOP_SHOPS: &str = "SELECT shop, sum(cents) AS cents FROM sales GROUP BY shop \
                         ORDER BY cents DESC, shop LIMIT 5";
const BEST: &str = "SELECT shop, cents FROM best ORDER BY cents DESC, shop";

/// A table of sales, computed from the row number.
const SALES: &str = "
    SELECT value AS id, value % 12 + 1 AS month, value % 97 AS shop, value * 7919 % 10007 AS cents,
           concat('customer ', value * 31 % 5003) AS customer
    FROM generate_series(1, ROWS)";

const QUERIES: [(&str, &str); 6] = [
    (
        "all rows",
        "SELECT count(*) AS rows, sum(cents) AS cents FROM sales",
    ),
    (
        "one partition",
        "SELECT count(*) AS rows, max(cents) AS most FROM sales WHERE month = 7",
    ),
    ("grouped", TOP_SHOPS),
    (
        "one column, few rows",
        "SELECT id, cents FROM sales WHERE cents = 4242 ORDER BY id LIMIT 5",
    ),
    (
        "joined with itself",
        "SELECT a.month, count(*) AS pairs \
         FROM sales a JOIN sales b ON a.id = b.id + 1 AND a.shop > b.shop \
         WHERE a.id % 1000 = 0 GROUP BY a.month ORDER BY a.month",
    ),
    (
        "text",
        "SELECT customer, count(*) AS n FROM sales WHERE customer LIKE '%99' \
         GROUP BY customer ORDER BY n DESC, customer LIMIT 5",
    ),
];

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The client of [`outgrowing`].
static CLIENT: OnceLock<Client> = OnceLock::new();

fn client() -> Outcome<Client> {
    Ok(CLIENT.get().ok_or("there is no client yet")?.clone())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let emulator = Emulator::new();
    emulator.create_bucket("lakehouse", false)?;
    let server = Server::start(&emulator)?;
    let context = context(&emulator, &server)?;
    let disk = std::env::temp_dir().join(format!("b2kit-datafusion-{}", std::process::id()));
    let local = format!("{}/", disk.display());

    println!(
        "{:<34} {:>7} {:>7} {}",
        "",
        "B2, s",
        "disk, s",
        Calls::HEADER
    );
    let before = Calls::to(&emulator);
    let b2_s = write(&context, "b2://lakehouse/sales/").await?;
    let calls = Calls::to(&emulator).since(before);
    let disk_s = write(&context, &local).await?;
    row(
        &format!("write {ROWS} rows, 12 partitions"),
        b2_s,
        disk_s,
        calls,
    );

    // From here on, one call in twenty is refused, and the response of one download in twenty is cut off.
    let refused = Fault::new(FaultKind::service_unavailable()).seed(1);
    let cut_off = Fault::new(FaultKind::ResetResponse { after: 100 }).seed(2);
    let faults = [refused, cut_off.on("b2_download_file_by_name")]
        .map(|fault| emulator.faults().add(fault.probability(0.05)));
    register(&context, "b2", "b2://lakehouse/sales/").await?;
    register(&context, "disk", &local).await?;
    for (name, query) in QUERIES {
        let before = Calls::to(&emulator);
        let (of_b2, b2_s) = answer(&context, query, "b2").await?;
        let calls = Calls::to(&emulator).since(before);
        let (of_disk, disk_s) = answer(&context, query, "disk").await?;
        assert_eq!(of_b2, of_disk, "{name}");
        row(&format!("query: {name}"), b2_s, disk_s, calls);
    }
    let [refused, cut_off] = faults.map(|fault| emulator.faults().hits(fault));
    assert!(refused > 0 && cut_off > 0, "nothing failed");
    println!("all results are equal; {refused} calls were refused, {cut_off} downloads cut off");

    println!("the README's program:");
    outgrow(&emulator, &server).await?;
    let options = ParquetReadOptions::default();
    let best = "b2://lakehouse/best/";
    context.register_parquet("best", best, options).await?;
    let (written, _) = answer(&context, BEST, "best").await?;
    let (of_disk, _) = answer(&context, TOP_SHOPS, "disk").await?;
    assert_eq!(written, of_disk);
    println!("its result is that of the table on the disk");
    std::fs::remove_dir_all(&disk)?;
    Ok(())
}

/// A session that makes stores when a query first names a bucket.
fn context(emulator: &Emulator, server: &Server) -> Outcome<SessionContext> {
    let options = [
        ("b2_application_key_id", emulator.key_id()),
        ("b2_application_key", emulator.key()),
        ("b2_endpoint", server.url()),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let runtime = RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(Registry::new(options)))
        .build_arc()?;
    let config = SessionConfig::new();
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

async fn outgrow(emulator: &Emulator, server: &Server) -> Outcome<()> {
    let client = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key())?)
        .endpoint(server.url())
        .build()?;
    CLIENT
        .set(client)
        .map_err(|_| "there is a client already")?;
    outgrowing::main().await
}

fn row(what: &str, b2_s: f64, disk_s: f64, calls: Calls) {
    println!("{what:<34} {b2_s:>7.2} {disk_s:>7.2} {calls}");
}

async fn write(context: &SessionContext, to: &str) -> Outcome<f64> {
    let began = Instant::now();
    let sales = context
        .sql(&SALES.replace("ROWS", &ROWS.to_string()))
        .await?;
    let options = DataFrameWriteOptions::new().with_partition_by(vec!["month".into()]);
    sales.write_parquet(to, options, None).await?;
    Ok(began.elapsed().as_secs_f64())
}

async fn register(context: &SessionContext, name: &str, at: &str) -> Outcome<()> {
    let partitions = vec![("month".into(), DataType::Int64)];
    let options = ParquetReadOptions::default().table_partition_cols(partitions);
    Ok(context.register_parquet(name, at, options).await?)
}

/// The rows as text, and the time in seconds.
async fn answer(context: &SessionContext, query: &str, table: &str) -> Outcome<(String, f64)> {
    let began = Instant::now();
    let query = query
        .replace("FROM sales", &format!("FROM {table}"))
        .replace("JOIN sales", &format!("JOIN {table}"));
    let rows = context.sql(&query).await?.collect().await?;
    Ok((
        pretty_format_batches(&rows)?.to_string(),
        began.elapsed().as_secs_f64(),
    ))
}
