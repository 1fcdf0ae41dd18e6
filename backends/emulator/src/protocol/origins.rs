//! [`Origins`]: the URLs that responses point clients to.

use std::sync::Arc;

/// Scheme, host and port for each of the roles for which B2 has separate hosts.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    pub(crate) api: Arc<str>,
    pub(crate) upload: Arc<str>,
    pub(crate) download: Arc<str>,
}

impl Origins {
    /// The same origin for every role.
    pub(crate) fn same(origin: &Arc<str>) -> Self {
        Self {
            api: Arc::clone(origin),
            upload: Arc::clone(origin),
            download: Arc::clone(origin),
        }
    }
}
