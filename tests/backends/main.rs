//! What needs more than one backend. Through each HTTP library, over real HTTP and HTTPS: the calls on files, which stand in
//! `tests/behaviour`, where they run without any; every call; transfers; a session recorded and replayed, and the recording
//! of the real B2, which run without a library here, too.

#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(
    clippy::duplicate_mod,
    reason = "the same tests over each library: that is what this is for"
)]

mod hyper;
mod hyper_tls;
mod isahc;
mod isahc_tls;
mod libraries; // who brings which
mod makers;
#[path = "../behaviour/names.rs"]
mod names;
mod network;
mod no_library;
mod replay_mismatch; // what a player says of a request that was not recorded
mod reqwest;
mod reqwest_tls;
mod runtimes;
#[cfg(feature = "surf")]
mod surf;
#[cfg(feature = "surf")]
mod surf_tls;
mod tape;

use std::sync::Arc;

use b2kit::backend::cassette::Player;
use b2kit::backend::emulator::{Emulator, Server};
use b2kit::{Client, ClientBuilder, Credentials, HttpClient, Request};

/// A session with the real B2, from where the tests run.
const RECORDING: &str = "../../fixtures/large_file.yaml";

/// An HTTP library, and how it is spoken to.
struct BackendUnderTest {
    name: &'static str,
    tls: bool,
    /// A backend that trusts this root too, where there is one.
    make: fn(Option<&str>) -> Arc<dyn HttpClient>,
    /// A name with dot segments can't be asked for.
    refuses_names: bool,
    refuses_head: bool,
}

impl BackendUnderTest {
    /// A client of this emulator, on its way through `wrap`, and where it authorizes.
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
        // The server stays for as long as somebody can ask it.
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

    /// A backend that asks a recording over HTTP.
    fn replayed(&self, player: &Player) -> impl HttpClient + use<> {
        tape::played(player, (self.make)(None))
    }
}

/// What the tests of `tests/behaviour` that run over this arm ask for.
macro_rules! arm {
    ($arm:expr) => {
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

        const BACKEND: crate::BackendUnderTest = $arm;

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
use arm;
