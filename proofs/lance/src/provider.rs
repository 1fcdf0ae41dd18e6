//! [`B2Provider`]: opens stores of datasets at `b2://BUCKET/PATH`.

use b2kit_object_store::v0_14::parse_url_opts;
use lance::Result;
use lance::io::{ObjectStore, ObjectStoreParams};
use lance_io::object_store::{
    DEFAULT_CLOUD_IO_PARALLELISM, DEFAULT_DOWNLOAD_RETRY_COUNT, ObjectStoreProvider,
};
use url::Url;

/// Stores of B2 buckets. Their options are the dataset's storage options; `b2_coordinate_creates` is required for
/// commits.
#[derive(Debug)]
pub struct B2Provider;

#[async_trait::async_trait]
impl ObjectStoreProvider for B2Provider {
    async fn new_store(&self, base_path: Url, params: &ObjectStoreParams) -> Result<ObjectStore> {
        let options = params.storage_options().cloned().unwrap_or_default();
        let (store, _path) = parse_url_opts(&base_path, options)?;
        let (use_constant_size_parts, list_is_ordered) = (false, true);
        Ok(ObjectStore::new(
            store.into(),
            base_path,
            params.block_size,
            None,
            use_constant_size_parts,
            list_is_ordered,
            DEFAULT_CLOUD_IO_PARALLELISM,
            DEFAULT_DOWNLOAD_RETRY_COUNT,
            params.storage_options(),
        ))
    }
}
