//! An emulator with a client and two buckets.

use std::time::Duration;

use b2kit::api::CreateBucket;
use b2kit::backend::emulator::{Emulator, Fault, FaultId, FaultKind, Server};
use b2kit::transfer::CreateSlot;
use b2kit::types::{BucketName, BucketType};
use b2kit::{BucketHandle, Client, Credentials, Phase, RetryPolicy};
use b2kit_object_store::B2Store;

/// How requests reach the emulator.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    InProcess,
    Http,
}

pub(crate) struct Fixture {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    pub(crate) bucket: BucketHandle,
    pub(crate) slot: CreateSlot,
    server: Option<Server>,
}

impl Fixture {
    pub(crate) async fn new(transport: Transport) -> Self {
        Self::of(Emulator::builder().build(), transport).await
    }

    pub(crate) async fn in_process() -> Self {
        Self::new(Transport::InProcess).await
    }

    pub(crate) async fn of(emulator: Emulator, transport: Transport) -> Self {
        let server = match transport {
            Transport::InProcess => None,
            Transport::Http => Some(Server::start(&emulator).unwrap()),
        };
        let client = client(&emulator, server.as_ref());
        let (bucket, slot) = (
            create(&client, "lakehouse").await,
            create(&client, "coordination").await,
        );
        Self {
            emulator,
            client,
            bucket,
            slot: CreateSlot::new(slot),
            server,
        }
    }

    /// A store that coordinates creates.
    pub(crate) fn coordinated(&self) -> B2Store {
        B2Store::builder(self.bucket.clone())
            .coordinate_creates(&self.slot)
            .build()
            .unwrap()
    }

    pub(crate) fn uncoordinated(&self) -> B2Store {
        B2Store::new(self.bucket.clone())
    }

    /// The options of a store from a URL.
    pub(crate) fn options(&self) -> Vec<(String, String)> {
        let endpoint = self.server.as_ref().map(Server::url);
        let options = [
            ("B2_APPLICATION_KEY_ID", self.emulator.key_id()),
            ("b2_application_key", self.emulator.key()),
            (
                "b2_endpoint",
                endpoint.unwrap_or_else(|| self.emulator.url()),
            ),
            ("b2_coordinate_creates", "coordination"),
            ("AWS_REGION", "ignored"),
        ];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        options.map(owned).into()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.emulator.snapshot().calls.values().sum()
    }

    pub(crate) fn calls_of(&self, call: &str) -> u64 {
        self.emulator.snapshot().calls_of(call)
    }

    /// Makes one request in eight fail, at random; the seed decides which.
    pub(crate) fn inject_faults(&self, seed: u64) -> Vec<(&'static str, FaultId)> {
        let faults = [
            ("503", FaultKind::service_unavailable()),
            ("lost request", FaultKind::LoseRequest(Phase::MaybeReceived)),
            ("lost response", FaultKind::LoseResponse),
            ("reset response", FaultKind::ResetResponse { after: 40 }),
            ("reset upload", FaultKind::ResetUpload { after: 2 }),
        ];
        let add = |(at, (name, kind)): (usize, (&'static str, FaultKind))| {
            let fault = Fault::new(kind)
                .probability(0.025)
                .seed(seed * 10 + at as u64);
            (name, self.emulator.faults().add(fault))
        };
        faults.into_iter().enumerate().map(add).collect()
    }
}

/// A client with short backoffs.
fn client(emulator: &Emulator, server: Option<&Server>) -> Client {
    let mut policy = RetryPolicy::default();
    policy.initial_backoff = Duration::from_millis(2);
    policy.max_backoff = Duration::from_millis(20);
    let builder = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .retry_policy(policy)
        .rng_seed(1);
    match server {
        Some(server) => builder.endpoint(server.url()).build().unwrap(),
        None => builder
            .endpoint(emulator.url())
            .backend(emulator.clone())
            .build()
            .unwrap(),
    }
}

async fn create(client: &Client, name: &str) -> BucketHandle {
    let name = BucketName::new(name).unwrap();
    let bucket = client
        .call(CreateBucket::new(name.clone(), BucketType::AllPrivate))
        .await
        .unwrap();
    BucketHandle::new(client.clone(), bucket.bucket_id, name)
}

/// Runs a test on tokio, which `WriteMultipart` of the suite needs. The store itself needs no runtime.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test)
}
