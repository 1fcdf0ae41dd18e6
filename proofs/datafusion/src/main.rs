//! DataFusion on B2: writes a partitioned Parquet table to `b2://`, and gets the same results of queries over it as
//! over the same table on the local disk.

mod registry;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Server};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

use self::registry::Registry;

const ROWS: u64 = 1_000_000;

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
    (
        "grouped",
        "SELECT shop, sum(cents) AS cents FROM sales GROUP BY shop \
         ORDER BY cents DESC, shop LIMIT 5",
    ),
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
    let runtime = RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(Registry::new(options)))
        .build_arc()?;
    let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime);
    let disk = std::env::temp_dir().join(format!("b2kit-datafusion-{}", std::process::id()));
    let local = format!("{}/", disk.display());

    println!(
        "{:<34} {:>9} {:>9} {:>9}",
        "", "B2, s", "disk, s", "requests"
    );
    let before = requests(&emulator);
    let b2_s = write(&context, "b2://lakehouse/sales/").await?;
    let made = requests(&emulator) - before;
    let disk_s = write(&context, &local).await?;
    println!(
        "{:<34} {b2_s:>9.2} {disk_s:>9.2} {made:>9}",
        format!("write {ROWS} rows, 12 partitions")
    );

    // From here on, one request in twenty fails, but the queries succeed.
    let faults = [
        FaultKind::service_unavailable(),
        FaultKind::ResetResponse { after: 1_000 },
    ]
    .map(|kind| {
        emulator
            .faults()
            .add(Fault::new(kind).probability(0.05).seed(1))
    });
    register(&context, "b2", "b2://lakehouse/sales/").await?;
    register(&context, "disk", &local).await?;
    for (name, query) in QUERIES {
        let before = requests(&emulator);
        let (of_b2, b2_s) = answer(&context, query, "b2").await?;
        let made = requests(&emulator) - before;
        let (of_disk, disk_s) = answer(&context, query, "disk").await?;
        assert_eq!(of_b2, of_disk, "{name}");
        println!(
            "{:<34} {b2_s:>9.2} {disk_s:>9.2} {made:>9}",
            format!("query: {name}")
        );
    }
    let failed: u64 = faults
        .iter()
        .map(|fault| emulator.faults().hits(*fault))
        .sum();
    assert!(failed > 0, "nothing failed");
    println!("all results are equal; {failed} requests failed meanwhile");
    std::fs::remove_dir_all(&disk)?;
    Ok(())
}

fn requests(emulator: &Emulator) -> u64 {
    emulator.snapshot().calls.values().sum()
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
    let options = ParquetReadOptions::default().table_partition_cols(vec![(
        "month".into(),
        datafusion::arrow::datatypes::DataType::Int64,
    )]);
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
