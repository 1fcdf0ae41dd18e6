//! [`Origins`]: the URLs that answers send clients on to.

use std::sync::Arc;

/// Scheme, host and port of what B2 has different hosts for.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    pub(crate) api: Arc<str>,
    pub(crate) upload: Arc<str>,
    pub(crate) download: Arc<str>,
}

impl Origins {
    /// The same for everything.
    pub(crate) fn one(origin: &Arc<str>) -> Self {
        Self {
            api: Arc::clone(origin),
            upload: Arc::clone(origin),
            download: Arc::clone(origin),
        }
    }
}
