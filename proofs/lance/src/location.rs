//! [`Location`]: opens, creates and extends datasets in one place.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lance::Dataset;
use lance::dataset::builder::DatasetBuilder;
use lance::dataset::{CommitBuilder, InsertBuilder, WriteMode, WriteParams};
use lance::deps::arrow_array::RecordBatch;
use lance::io::{ObjectStoreParams, ObjectStoreRegistry, StorageOptionsAccessor};
use lance::session::Session;
use lance_table::io::commit::{CommitHandler, ConditionalPutCommitHandler};

use crate::Outcome;
use crate::provider::B2Provider;

/// Bytes of each of a session's two caches.
const CACHE: usize = 64 << 20;

/// A directory of datasets, in a bucket or on the local disk.
#[derive(Clone)]
pub struct Location {
    pub root: String,
    /// The options of the store.
    pub options: HashMap<String, String>,
}

impl Location {
    pub async fn create(&self, name: &str, rows: RecordBatch) -> Outcome<Dataset> {
        let uri = self.uri(name);
        let params = self.params(WriteMode::Create);
        let create = InsertBuilder::new(uri.as_str()).with_params(&params);
        Ok(create.execute(vec![rows]).await?)
    }

    /// Opens a dataset with a client and caches of its own, as in another process.
    pub async fn open(&self, name: &str) -> Outcome<Dataset> {
        let dataset = DatasetBuilder::from_uri(self.uri(name))
            .with_session(session())
            .with_storage_options(self.options.clone())
            .with_commit_handler(commit_handler());
        Ok(dataset.load().await?)
    }

    /// Appends rows as one version, however often other writers commit first.
    pub async fn append(&self, dataset: Dataset, rows: RecordBatch) -> Outcome<Dataset> {
        let dataset = Arc::new(dataset);
        let params = self.params(WriteMode::Append);
        let append = InsertBuilder::new(Arc::clone(&dataset)).with_params(&params);
        let append = append.execute_uncommitted(vec![rows]).await?;
        let commit = CommitBuilder::new(dataset)
            .with_max_retries(1_000)
            .with_retry_timeout(Duration::from_secs(600));
        Ok(commit.execute(append).await?)
    }

    fn uri(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
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

/// Commits by put-if-absent. To a scheme that it doesn't know, Lance commits without any condition by default.
fn commit_handler() -> Arc<dyn CommitHandler> {
    Arc::new(ConditionalPutCommitHandler)
}

fn session() -> Arc<Session> {
    let stores = ObjectStoreRegistry::default();
    stores.insert("b2", Arc::new(B2Provider));
    Arc::new(Session::new(CACHE, CACHE, Arc::new(stores)))
}
