//! [`Registry`]: makes a store for `b2://BUCKET` when a query first names it, so that no bucket has to be registered.

use std::fmt;
use std::sync::Arc;

use b2kit_object_store::v0_13::object_store::ObjectStore;
use b2kit_object_store::v0_13::parse_url_opts;
use datafusion::error::Result;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use url::Url;

/// DataFusion's default registry, extended by stores for B2 buckets.
pub struct Registry {
    known: DefaultObjectStoreRegistry,
    /// Options of the stores, such as those from `std::env::vars()`.
    options: Vec<(String, String)>,
}

impl Registry {
    pub fn new(options: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            known: DefaultObjectStoreRegistry::new(),
            options: options.into_iter().collect(),
        }
    }
}

impl ObjectStoreRegistry for Registry {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.known.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.known.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let known = self.known.get_store(url);
        if url.scheme() != "b2" || known.is_ok() {
            return known;
        }
        let options = self.options.iter().map(|(key, value)| (key, value));
        let (store, _path) = parse_url_opts(url, options)?;
        let store: Arc<dyn ObjectStore> = store.into();
        self.known.register_store(url, Arc::clone(&store));
        Ok(store)
    }
}

impl fmt::Debug for Registry {
    /// Leaves the options out: they contain the application key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}
