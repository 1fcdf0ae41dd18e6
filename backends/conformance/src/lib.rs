//! A conformance suite for backends of `b2kit`: named test cases for any [`HttpClient`].
//!
//! Each case acts as the server on a raw loopback socket, without an HTTP library, so it sees every byte that the
//! backend sends and can misbehave in any way. The cases test the protocol in the documentation of [`b2kit_core`].
//!
//! ```no_run
//! # use b2kit_core::{HttpClient, HttpError, Request, Response};
//! # async fn send(_: Request) -> Result<Response, HttpError> { unimplemented!() }
//! # fn my_backend() -> impl HttpClient { send }
//! # fn my_backend_trusting(_: &str) -> impl HttpClient + use<> { send }
//! use b2kit_conformance::Suite;
//!
//! // in a #[test]
//! Suite::new(|| my_backend())
//!     .trusting(|pem| my_backend_trusting(pem)) // for the cases over https
//!     .run()
//!     .assert_passed();
//! ```
//!
//! # Limits of a library
//! What a library can't do is declared with a [`Limit`], which shows in the [`Report`]. No case is skipped: a declared
//! limit replaces the strict requirement of some cases by a weaker one, which must then be met. A declared limit that
//! no case needs is a failure.
//!
//! # Cases of your own
//! The cases are written with [`server`], [`client`] and [`authority`], which are public.
//!
//! # Tests that need a process of their own
//! [`isolated_process_tests!`] makes a test file of them: [`Suite::large_bodies`] measures the memory of the process
//! while a large body is sent and received, [`Suite::behind_dead_proxies`] runs a test with proxies in the environment,
//! and others run with few file descriptors.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![expect(
    clippy::unwrap_used,
    reason = "it is tests, and its panics are its results"
)]

pub mod authority;
mod case;
mod cases;
pub mod client;
mod isolated_process;
mod limit;
mod report;
pub mod server;
mod suite;

pub use case::Client;
pub use limit::Limit;
pub use report::{Outcome, Report};
pub use suite::{Suite, cases};

#[doc(no_inline)]
pub use b2kit_core::HttpClient;
