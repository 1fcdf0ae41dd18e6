//! [`HttpClient`]: the one method that a backend is.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;

use crate::body::{Body, ResponseBody};
use crate::error::HttpError;

/// One HTTP request: method, URI (absolute), headers, and a [`Body`] of exact length.
pub type Request = http::Request<Body>;

/// One HTTP response: status and headers, and a [`ResponseBody`] that is still to be read.
pub type Response = http::Response<ResponseBody>;

/// A backend: something that can carry one HTTP request to a server and bring its response back.
///
/// The crate's documentation is the protocol that an implementation follows.
#[async_trait]
pub trait HttpClient: Send + Sync + 'static {
    /// Sends `request` and resolves when the head of the response has arrived; its body is read from there.
    ///
    /// A response of any status is `Ok`: only the caller knows what a 404 means.
    ///
    /// # Errors
    /// When there is no response; see [`HttpError`].
    ///
    /// # Cancellation
    /// Dropping the future closes the connection: no byte of the request leaves after that.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;
}

#[async_trait]
impl<T: HttpClient + ?Sized> HttpClient for Arc<T> {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.as_ref().send(request).await
    }
}

/// A closure is a backend: handy in tests, and for a wrapper that needs no state of its own.
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
