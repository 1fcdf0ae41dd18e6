//! [`B2Factory`]: opens stores and logs of tables at `b2://BUCKET/PATH`.

use std::sync::Arc;

use b2kit_object_store::v0_13;
use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use deltalake::{DeltaResult, Path};
use url::{ParseError, Url};

/// Delta Lake's default log, which needs put-if-absent, on B2 buckets. The table's storage options are those of the
/// store; `b2_coordinate_creates` is required.
struct B2Factory;

/// Registers the factory for all `b2://` URLs.
pub fn register() -> Result<(), ParseError> {
    let scheme = Url::parse("b2://")?;
    object_store_factories().insert(scheme.clone(), Arc::new(B2Factory));
    logstore_factories().insert(scheme, Arc::new(B2Factory));
    Ok(())
}

impl ObjectStoreFactory for B2Factory {
    fn parse_url_opts(
        &self,
        url: &Url,
        config: &StorageConfig,
    ) -> DeltaResult<(ObjectStoreRef, Path)> {
        let (store, path) = v0_13::parse_url_opts(url, &config.raw)?;
        Ok((store.into(), path))
    }
}

impl LogStoreFactory for B2Factory {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(
            prefixed_store,
            root_store,
            location,
            options,
        ))
    }
}
