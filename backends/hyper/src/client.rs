//! [`HyperClient`]: the backend over hyper.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use b2kit_core::adapter::{BodyChunks, body_chunks, checked};
use b2kit_core::{HttpClient, HttpError, Request, Response, async_trait};
use hyper_util::client::legacy;

use crate::connection::CloseHandle;
use crate::connector::Connector;
use crate::error::send_error;
use crate::response::into_response;
use crate::runtime::Runtime;

/// A backend over hyper and rustls. Clones are cheap and share connections.
///
/// The documentation of the [crate] says on which runtime it runs.
#[derive(Clone)]
pub struct HyperClient {
    inner: Arc<Inner>,
}

struct Inner {
    client: legacy::Client<Connector, BodyChunks>,
    runtime: Arc<Runtime>,
}

impl HyperClient {
    pub(crate) fn from_parts(
        client: legacy::Client<Connector, BodyChunks>,
        runtime: Arc<Runtime>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner { client, runtime }),
        }
    }
}

#[async_trait]
impl HttpClient for HyperClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (head, body) = checked(request)?.into_parts();
        let (body, upload) = body_chunks(body);
        let mut request = http::Request::from_parts(head, body);
        let captured = legacy::connect::capture_connection(&mut request);

        // Locals are dropped in reverse order: the connection is closed while hyper still holds it, before it can be
        // reused for another request.
        let mut sending = pin!(self.inner.client.request(request));
        let mut close_handle = CloseHandle::new(captured, upload);

        match sending.as_mut().await {
            Ok(response) => {
                close_handle.head_arrived();
                into_response(response, close_handle, Arc::clone(&self.inner.runtime))
            }
            Err(error) => Err(send_error(error, &close_handle)),
        }
    }
}

impl fmt::Debug for HyperClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperClient")
            .field("runtime", &self.inner.runtime)
            .finish_non_exhaustive()
    }
}
