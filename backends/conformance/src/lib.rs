//! The conduct that `b2kit` expects of a backend, as a suite of named cases that any [`HttpClient`] can be put through.
//!
//! Each case plays the server on a raw socket of the loopback interface, with no HTTP library of its own, so that it sees
//! every byte that leaves and can be as wrong as a server can be. What is held is the protocol that stands in the
//! documentation of [`b2kit_core`].
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
//! # What a library can't do
//! is declared, one [`Limit`] each, and shows in the [`Report`]. Nothing is skipped: a declared limit replaces the strict
//! expectation of some cases by a weaker one, which is then required just the same. A library that outgrows its limit
//! fails until the declaration is gone.
//!
//! # Cases of your own
//! [`server`], [`client`] and [`authority`] are what the cases are written with.
//!
//! # Tests that want a process to themselves
//! [`Suite::large_bodies`] sends and receives a body of any size and looks at the memory of the process: a test binary of
//! its own, ignored by default. [`Suite::behind_dead_proxies`] runs a test where the environment names proxies. [`isolated_process_tests!`] is
//! both.

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
