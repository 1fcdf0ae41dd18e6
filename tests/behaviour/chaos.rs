//! An emulator behind a network with random faults, reproducible by seed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use b2kit::backend::emulator::Emulator;
use b2kit::{
    Client, ClientBuilder, Credentials, HttpClient, HttpError, HttpErrorKind, ManualTimer, Phase,
    Request, Response, RetryPolicy, Timer as _, async_trait,
};
use futures::StreamExt as _;

use crate::call_of;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetworkFault {
    /// The connection is refused.
    Refused,
    /// The connection fails in the middle of the body, and the server does nothing.
    Cut,
    /// The server executes it, and the response is lost.
    LostResponse,
    /// The server executes it, and the response is malformed.
    Garbage,
    /// The server responds with this status and code, and does nothing.
    Status(u16, &'static str),
}

impl NetworkFault {
    pub(crate) const ALL: [Self; 11] = [
        Self::Refused,
        Self::Cut,
        Self::LostResponse,
        Self::Garbage,
        Self::Status(503, "service_unavailable"),
        Self::Status(500, "internal_error"),
        Self::Status(408, "request_timeout"),
        Self::Status(429, "too_many_requests"),
        Self::Status(401, "expired_auth_token"),
        Self::Status(400, "bad_request"),
        Self::Status(403, "storage_cap_exceeded"),
    ];

    /// Whether a retry can succeed.
    pub(crate) const fn passes(self) -> bool {
        !matches!(self, Self::Status(400 | 403, _))
    }
}

/// The calls, and the fault of each.
type Log = Vec<(String, Option<NetworkFault>)>;

type Choose = Arc<dyn Fn(usize, &str) -> Option<NetworkFault> + Send + Sync>;

/// The emulator behind such a network. The fault is chosen by the number of the request and the name of its call.
#[derive(Clone)]
pub(crate) struct Chaos {
    pub(crate) emulator: Emulator,
    pub(crate) timer: ManualTimer,
    choose: Choose,
    requests: Arc<AtomicUsize>,
    pub(crate) log: Arc<Mutex<Log>>,
}

impl Chaos {
    pub(crate) fn new(
        choose: impl Fn(usize, &str) -> Option<NetworkFault> + Send + Sync + 'static,
    ) -> (Client, Self) {
        let emulator = Emulator::builder()
            .absolute_minimum_part_size(10)
            .recommended_part_size(100)
            .build();
        let chaos = Self {
            emulator,
            timer: ManualTimer::new(),
            choose: Arc::new(choose),
            requests: Arc::default(),
            log: Arc::default(),
        };
        (chaos.client(7), chaos)
    }

    /// With this as the minimum and recommended part size.
    pub(crate) fn with_parts(mut self, bytes: u64) -> Self {
        self.emulator = Emulator::builder()
            .absolute_minimum_part_size(bytes)
            .recommended_part_size(bytes)
            .build();
        self
    }

    /// Without faults.
    pub(crate) fn calm() -> (Client, Self) {
        Self::new(|_, _| None)
    }

    /// With transient faults of any kind in this percentage of requests.
    pub(crate) fn seeded(seed: u64, percent: u32) -> (Client, Self) {
        let chance = Mutex::new(fastrand::Rng::with_seed(seed));
        Self::new(move |_, call| {
            let mut chance = chance.lock().unwrap();
            let passing: Vec<_> = NetworkFault::ALL
                .into_iter()
                .filter(|t| t.passes())
                .collect();
            let fault = passing[chance.usize(..passing.len())];
            // A refused authorization is permanent.
            let fails = chance.u32(..100) < percent && call != "b2_authorize_account";
            fails.then_some(fault)
        })
    }

    pub(crate) fn client(&self, seed: u64) -> Client {
        self.builder(seed).build().unwrap()
    }

    pub(crate) fn builder(&self, seed: u64) -> ClientBuilder {
        Client::builder()
            .credentials(Credentials::new(self.emulator.key_id(), self.emulator.key()).unwrap())
            .endpoint(self.emulator.url())
            .backend(self.clone())
            .timer(self.timer.clone())
            .retry_policy(RetryPolicy::default())
            .rng_seed(seed)
    }

    pub(crate) fn count(&self, call: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.iter().filter(|(name, _)| name == call).count()
    }

    /// The number of requests, and of those with a fault.
    pub(crate) fn tally(&self) -> (usize, usize) {
        let log = self.log.lock().unwrap();
        let faulty = log.iter().filter(|(_, fault)| fault.is_some());
        (log.len(), faulty.count())
    }

    pub(crate) fn forget(&self) {
        self.log.lock().unwrap().clear();
        self.requests.store(0, Ordering::Relaxed);
    }
}

#[async_trait]
impl HttpClient for Chaos {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let name = call_of(&request);
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let fault = (self.choose)(number, name);
        self.log.lock().unwrap().push((name.to_owned(), fault));
        // Every request takes some time, so that requests overlap.
        self.timer.sleep(Duration::from_millis(10)).await;
        let Some(fault) = fault else {
            return self.emulator.send(request).await;
        };
        let lost = |kind| HttpError::new(kind, Phase::MaybeReceived);
        match fault {
            NetworkFault::Refused => Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent)),
            NetworkFault::Cut => {
                let len = request.body().len();
                let source = |error| lost(HttpErrorKind::Source).with_source(error);
                let mut body = request.into_body().open().map_err(source)?;
                let mut read = 0;
                while read < len / 2 {
                    match body.next().await.transpose().map_err(source)? {
                        Some(chunk) => read += chunk.len() as u64,
                        None => break,
                    }
                }
                Err(lost(HttpErrorKind::Reset))
            }
            NetworkFault::LostResponse => {
                self.emulator.send(request).await?;
                Err(lost(HttpErrorKind::Closed))
            }
            NetworkFault::Garbage => {
                self.emulator.send(request).await?;
                Ok(Response::new("<html>502</html>".into()))
            }
            NetworkFault::Status(status, code) => {
                let text = format!(r#"{{"status":{status},"code":"{code}","message":""}}"#);
                let response = b2kit::http::Response::builder().status(status);
                Ok(response.body(text.into()).unwrap())
            }
        }
    }
}
