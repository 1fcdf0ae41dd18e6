use std::sync::Arc;

use b2kit::Client;
use b2kit_object_store::B2Store;
use datafusion::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::from_env()?;
    let store = B2Store::new(client.bucket("lakehouse").await?);

    let context = SessionContext::new();
    context.register_object_store(&"b2://lakehouse".parse()?, Arc::new(store));
    let (sales, options) = ("b2://lakehouse/sales/", ParquetReadOptions::default());
    context.register_parquet("sales", sales, options).await?;

    let query = "SELECT shop, sum(cents) AS cents FROM sales GROUP BY shop ORDER BY cents DESC";
    let best = context.sql(query).await?.limit(0, Some(5))?;
    best.clone().show().await?;
    let to = "b2://lakehouse/best/";
    best.write_parquet(to, Default::default(), None).await?;
    Ok(())
}
