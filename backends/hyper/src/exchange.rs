//! [`Exchange`]: one request and its response, on one connection.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use b2kit_core::adapter::Upload;
use futures_core::ready;
use http::header::{Entry, HOST, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::runtime::Handle;

use crate::pool::{Origin, Pool, Pooled};
use crate::request_body::RequestBody;

/// How long a request waits for an idle connection whose task has not quite finished the last exchange. After that, it
/// takes another one.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// A request and the connection that it uses. Dropping it aborts the upload and closes the connection, unless the
/// exchange has [finished](Self::finish).
pub(crate) struct Exchange {
    upload: Upload,
    origin: Origin,
    many_headers: bool,
    pool: Pool,
    connection: Option<Pooled>,
}

/// The failure of a request without a response.
pub(crate) struct Failed {
    pub(crate) error: hyper::Error,
    /// The request, if hyper has not written any byte of it.
    pub(crate) untouched: Option<Request<RequestBody>>,
}

impl Exchange {
    pub(crate) const fn new(
        upload: Upload,
        origin: Origin,
        many_headers: bool,
        pool: Pool,
    ) -> Self {
        Self {
            upload,
            origin,
            many_headers,
            pool,
            connection: None,
        }
    }

    pub(crate) const fn upload(&self) -> &Upload {
        &self.upload
    }

    /// Takes an idle connection. Returns whether there is one.
    pub(crate) async fn reuse(&mut self, runtime: &Handle) -> bool {
        while let Some(pooled) = self.pool.take(&self.origin, self.many_headers) {
            let pooled = self.connection.insert(pooled);
            if is_ready(pooled, runtime).await {
                return true;
            }
            self.connection = None;
        }
        false
    }

    /// Takes a new connection.
    pub(crate) fn start(&mut self, pooled: Pooled) {
        self.connection = Some(pooled);
    }

    /// Sends the request and waits for the head of the response.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Box<Failed>> {
        let connection = self.connection.as_mut().expect("start or reuse was called");
        let named = request.headers_mut().entry(HOST);
        if let (Entry::Vacant(entry), Some(host)) = (named, &connection.host) {
            entry.insert(host.clone());
        }
        if !connection.is_proxied {
            *request.uri_mut() = origin_form(request.uri());
        }
        request.body_mut().send_on(connection.switch.clone());
        let sent = connection.sender.try_send_request(request).await;
        sent.map_err(|mut error| {
            let untouched = error.take_message();
            let error = error.into_error();
            Box::new(Failed { error, untouched })
        })
    }

    /// Called when the response has ended: gives the connection back, unless the request is still being sent or hyper
    /// has yet to write the end of its body, since hyper would accept the next request before that.
    pub(crate) fn finish(&mut self) {
        if self.upload.is_sent()
            && let Some(pooled) = self.connection.take_if(|pooled| pooled.switch.is_flushed())
        {
            self.pool.give_back(&self.origin, pooled);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.upload.abort();
    }
}

/// Waits until the connection can take a request. `false` if it is closed or takes too long.
async fn is_ready(pooled: &mut Pooled, runtime: &Handle) -> bool {
    let mut timeout = None;
    poll_fn(|cx| {
        if let Poll::Ready(ready) = pooled.sender.poll_ready(cx) {
            return Poll::Ready(ready.is_ok());
        }
        let timeout = timeout.get_or_insert_with(|| {
            let _context = runtime.enter();
            Box::pin(tokio::time::sleep(FINISH_TIMEOUT))
        });
        ready!(timeout.as_mut().poll(cx));
        Poll::Ready(false)
    })
    .await
}

/// The request target in origin form: path and query.
fn origin_form(uri: &Uri) -> Uri {
    let path = uri.path_and_query().cloned();
    path.unwrap_or_else(|| PathAndQuery::from_static("/"))
        .into()
}

/// The value of `Host` for requests to this URI: without the scheme's default port.
pub(crate) fn host_header(uri: &Uri) -> Option<HeaderValue> {
    let authority = uri.authority()?;
    let is_default = |port: u16| match uri.scheme_str() {
        Some("https") => port == 443,
        Some("http") => port == 80,
        _ => false,
    };
    let host = authority.host();
    let value = match authority.port_u16() {
        Some(port) if !is_default(port) => HeaderValue::from_str(&format!("{host}:{port}")),
        _ => HeaderValue::from_str(host),
    };
    value.ok()
}
