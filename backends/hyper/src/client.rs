//! [`HyperClient`]: the backend over hyper.

use std::fmt;
use std::sync::Arc;

use b2kit_core::adapter::{body_chunks, checked};
use b2kit_core::{HttpClient, HttpError, Request, Response, async_trait};

use crate::connector::Connector;
use crate::error::{connect_error, send_error};
use crate::exchange::{Exchange, host_header};
use crate::http1_settings::{Http1Settings, may_have_many_headers};
use crate::pool::{Origin, Pool, Pooled};
use crate::request_body::RequestBody;
use crate::response::into_response;
use crate::runtime::Runtime;

/// A backend over hyper and rustls. Clones are cheap and share connections.
///
/// The documentation of the [crate] says on which runtime it runs.
#[derive(Clone)]
pub struct HyperClient {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) connector: Connector,
    pub(crate) http1: Http1Settings,
    pub(crate) pool: Pool,
    pub(crate) runtime: Arc<Runtime>,
}

impl Inner {
    /// Makes a connection, whose task runs on the runtime.
    async fn connect(&self, uri: http::Uri, many_headers: bool) -> Result<Pooled, HttpError> {
        let host = host_header(&uri);
        let io = self.connector.connect(uri).await.map_err(connect_error)?;
        let (switch, is_proxied) = (io.switch(), io.is_proxied());
        let (http1, many_headers) = self.http1.of_connection(many_headers);
        let shaken = http1.handshake(io).await;
        let (sender, connection) = shaken.map_err(|error| connect_error(error.into()))?;
        self.runtime.handle().spawn(async move {
            // The request on the connection gets the same error.
            let _ = connection.await;
        });
        Ok(Pooled {
            sender,
            switch,
            host,
            is_proxied,
            many_headers,
        })
    }
}

impl HyperClient {
    pub(crate) fn from_parts(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}

#[async_trait]
impl HttpClient for HyperClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (head, body) = checked(request)?.into_parts();
        let origin = Origin::of(&head.uri)
            .ok_or_else(|| HttpError::invalid("the URI has no scheme or no host"))?;
        let uri = head.uri.clone();
        let (body, upload) = body_chunks(body);
        let is_large = may_have_many_headers(&head.method);
        let many_headers = self.inner.pool.many_headers(&origin, is_large);
        let mut request = http::Request::from_parts(head, RequestBody::new(body));
        let mut exchange = Exchange::new(upload, origin, many_headers, self.inner.pool.clone());
        loop {
            let reused = exchange.reuse(self.inner.runtime.handle()).await;
            if !reused {
                exchange.start(self.inner.connect(uri.clone(), many_headers).await?);
            }
            match exchange.send(request).await {
                Ok(response) => {
                    return into_response(response, exchange, Arc::clone(&self.inner.runtime));
                }
                Err(failed) => match failed.untouched {
                    // The server closed it while it was idle.
                    Some(again) if reused => {
                        request = again;
                        *request.uri_mut() = uri.clone();
                    }
                    untouched => {
                        let untouched = untouched.is_some();
                        return Err(send_error(failed.error, untouched, exchange.upload()));
                    }
                },
            }
        }
    }
}

impl fmt::Debug for HyperClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperClient")
            .field("runtime", &self.inner.runtime)
            .field("pool", &self.inner.pool)
            .finish_non_exhaustive()
    }
}
