use std::sync::Arc;

use b2kit::{Client, Credentials};
use b2kit_object_store::B2Store;
use datafusion::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder().credentials(Credentials::from_env()?).build()?;
    let store = B2Store::new(client.bucket("lakehouse").await?);

    let context = SessionContext::new();
    context.register_object_store(&"b2://lakehouse".parse()?, Arc::new(store));
    context.register_parquet("sales", "b2://lakehouse/sales/", ParquetReadOptions::default()).await?;

    let best = context.sql("SELECT shop, sum(cents) AS cents FROM sales GROUP BY shop ORDER BY cents DESC LIMIT 5").await?;
    best.clone().show().await?;
    best.write_parquet("b2://lakehouse/best/", Default::default(), None).await?;
    Ok(())
}
