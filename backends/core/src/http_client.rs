//! [`HttpClient`]: the trait of a backend.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::body::{Body, ResponseBody};
use crate::error::HttpError;

/// One HTTP request: method, URI (absolute), headers, and a [`Body`] of exact length.
pub type Request = http::Request<Body>;

/// One HTTP response: status, headers, and a [`ResponseBody`] that is read as a stream.
pub type Response = http::Response<ResponseBody>;

/// A backend: sends one HTTP request and returns its response.
///
/// The documentation of the [crate] is the protocol that an implementation follows.
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends `request` and resolves when the head of the response has arrived. The body is still to be read.
    ///
    /// A response is `Ok` with any status: only the caller knows what a 404 means.
    ///
    /// # Errors
    /// If no response arrived. [`HttpError::kind`] says why, [`HttpError::phase`] whether the server may have acted on
    /// the request.
    ///
    /// # Cancellation
    /// Dropping the future closes the connection; no byte of the request is sent after that.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;
}

/// Returns the inner backend's future. `async_trait` would box it a second time.
impl<T: HttpClient + ?Sized> HttpClient for Arc<T> {
    fn send<'a, 'b>(
        &'a self,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        self.as_ref().send(request)
    }
}

/// A closure is a backend, for tests and for wrappers without state.
#[async_trait]
impl<F, Answer> HttpClient for F
where
    F: Fn(Request) -> Answer + Send + Sync + 'static,
    Answer: Future<Output = Result<Response, HttpError>> + Send,
{
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self(request).await
    }
}
