//! Tests over every backend. Each HTTP library runs, over HTTP and HTTPS: the calls on files of `tests/behaviour`,
//! every call, transfers, a session that is recorded and replayed, and the recording of the real B2. The last two also
//! run without a library.

#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(
    clippy::duplicate_mod,
    reason = "the same tests over each library: that is what this is for"
)]

mod clients;
mod hyper;
mod hyper_tls;
mod isahc;
mod isahc_tls;
mod libraries; // the dependencies of each backend
#[path = "../behaviour/names.rs"]
mod names;
mod network;
mod no_library;
mod replay_mismatch; // requests that were not recorded
mod replay_server;
mod reqwest;
mod reqwest_tls;
mod runtimes;
#[cfg(feature = "surf")]
mod surf;
#[cfg(feature = "surf")]
mod surf_tls;
mod worked_backend;

use std::sync::Arc;

use b2kit::backend::cassette::Player;
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::{Client, ClientBuilder, Credentials, HttpClient, Request};

/// A recorded session with the real B2, relative to this package.
const RECORDING: &str = "../../fixtures/large_file.yaml";

/// An HTTP library, and whether it uses TLS.
struct BackendUnderTest {
    name: &'static str,
    tls: bool,
    /// Makes a backend that trusts this root certificate, if given.
    make: fn(Option<&str>) -> Arc<dyn HttpClient>,
    /// Names with dot segments can't be requested.
    refuses_names: bool,
    refuses_head: bool,
}

impl BackendUnderTest {
    /// A client of this emulator's server, over the backend wrapped by `wrap`, and its endpoint.
    fn served_through<B: HttpClient>(
        &self,
        emulator: &Emulator,
        wrap: impl FnOnce(Arc<dyn HttpClient>) -> B,
    ) -> (ClientBuilder, String) {
        let server = if self.tls {
            Server::start_tls(emulator).unwrap()
        } else {
            Server::start(emulator).unwrap()
        };
        let scheme = if self.tls { "https://" } else { "http://" };
        let url = server.url().to_owned();
        assert!(url.starts_with(scheme), "{url}");
        let inner = (self.make)(server.root_certificate_pem());
        let server = Arc::new(server);
        // The server is kept as long as the backend.
        let backend = move |request: Request| {
            let (inner, server) = (Arc::clone(&inner), Arc::clone(&server));
            async move {
                let answer = inner.send(request).await;
                drop(server);
                answer
            }
        };
        let credentials = Credentials::new(emulator.key_id(), emulator.key()).unwrap();
        let builder = Client::builder().credentials(credentials).endpoint(&url);
        (builder.backend(wrap(Arc::new(backend))), url)
    }

    fn served(&self, emulator: &Emulator) -> ClientBuilder {
        self.served_through(emulator, |backend| backend).0
    }

    /// A backend that sends its requests to a server that plays a recording.
    fn replayed(&self, player: &Player) -> impl HttpClient + use<> {
        replay_server::replay_through(player, (self.make)(None))
    }
}

/// The tests for one backend, and the functions that they need.
macro_rules! backend_tests {
    ($backend:expr) => {
        #[path = "every_call.rs"]
        mod every_call;
        #[path = "../behaviour/files.rs"]
        mod files;
        #[path = "record_replay.rs"]
        mod record_replay;
        #[path = "recording.rs"]
        mod recording;
        #[path = "transfers.rs"]
        mod transfers;

        const BACKEND: crate::BackendUnderTest = $backend;

        fn served(emulator: &crate::Emulator) -> crate::ClientBuilder {
            BACKEND.served(emulator)
        }

        fn served_through<B: crate::HttpClient>(
            emulator: &crate::Emulator,
            wrap: impl FnOnce(std::sync::Arc<dyn crate::HttpClient>) -> B,
        ) -> (crate::ClientBuilder, String) {
            BACKEND.served_through(emulator, wrap)
        }

        fn replayed(player: &crate::Player) -> impl crate::HttpClient {
            BACKEND.replayed(player)
        }
    };
}
use backend_tests;
