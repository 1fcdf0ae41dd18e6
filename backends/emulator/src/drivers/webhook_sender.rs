//! [`WebhookSender`]: sends webhooks to receivers on this computer.
//!
//! The state machine makes and signs them. They go to `http://` and loopback addresses only: a rule
//! must not make the emulator send requests to other machines.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::{Request, Uri};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

use crate::drivers::in_process::Emulator;
use crate::machine::events::Webhook;

/// Timeout of one attempt, as documented.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Pauses before further attempts. B2 retries for longer; tests have less time.
const BACKOFF: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Maximum number of webhooks in flight; others stay pending in the emulator.
const MAX_CONCURRENT: usize = 32;

/// Maximum number of deliveries in the log.
const MAX_LOGGED: usize = 1000;

/// Takes webhooks from the emulator and sends them.
#[derive(Clone, Default)]
pub(in crate::drivers) struct WebhookSender(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Signals that there may be events.
    wake: Notify,
    log: Mutex<VecDeque<Delivery>>,
}

/// The outcome of a webhook.
#[derive(Clone)]
pub(in crate::drivers) struct Delivery {
    pub(in crate::drivers) webhook: Webhook,
    pub(in crate::drivers) attempts: usize,
    pub(in crate::drivers) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::drivers) enum Outcome {
    /// The receiver answered 200.
    Delivered,
    /// The last response or error.
    Failed(String),
    /// Why it was not sent.
    NotSent(&'static str),
}

impl Delivery {
    /// For a server that sends no webhooks.
    pub(in crate::drivers) const fn not_sent(webhook: Webhook) -> Self {
        Self {
            webhook,
            attempts: 0,
            outcome: Outcome::NotSent("webhooks are not delivered"),
        }
    }

    pub(in crate::drivers) fn json(&self) -> Value {
        let headers = self.webhook.headers.iter();
        let headers: Vec<Value> = headers
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let (outcome, reason) = match &self.outcome {
            Outcome::Delivered => ("delivered", None),
            Outcome::Failed(reason) => ("failed", Some(reason.as_str())),
            Outcome::NotSent(reason) => ("kept", Some(*reason)),
        };
        json!({
            "rule": self.webhook.rule,
            "url": self.webhook.url,
            "headers": headers,
            "body": String::from_utf8_lossy(&self.webhook.body),
            "attempts": self.attempts,
            "outcome": outcome,
            "reason": reason,
        })
    }
}

impl WebhookSender {
    /// Signals that there may be events.
    pub(in crate::drivers) fn notify(&self) {
        self.0.wake.notify_one();
    }

    /// The deliveries so far, oldest first.
    pub(in crate::drivers) fn log(&self) -> Vec<Delivery> {
        self.lock().iter().cloned().collect()
    }

    pub(in crate::drivers) fn clear_log(&self) {
        self.lock().clear();
    }

    /// Sends webhooks until the task is dropped.
    pub(in crate::drivers) async fn deliver(self, emulator: Emulator) {
        let free = Arc::new(Semaphore::new(MAX_CONCURRENT));
        loop {
            self.0.wake.notified().await;
            for webhook in emulator.drain_webhooks() {
                let sender = self.clone();
                // the semaphore is never closed
                let permit = Arc::clone(&free).acquire_owned().await.ok();
                tokio::spawn(async move {
                    let _permit = permit;
                    let delivery = deliver_one(webhook).await;
                    let (rule, outcome) = (&delivery.webhook.rule, &delivery.outcome);
                    tracing::info!(rule, ?outcome, "webhook");
                    sender.remember(delivery);
                });
            }
        }
    }

    fn remember(&self, delivery: Delivery) {
        let mut log = self.lock();
        if log.len() == MAX_LOGGED {
            log.pop_front();
        }
        log.push_back(delivery);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Delivery>> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver_one(webhook: Webhook) -> Delivery {
    let delivery = |webhook, attempts, outcome| Delivery {
        webhook,
        attempts,
        outcome,
    };
    let target = match target(&webhook.url).await {
        Ok(target) => target,
        Err(why) => return delivery(webhook, 0, Outcome::NotSent(why)),
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let sent = timeout(TIMEOUT, send(&webhook, &target)).await;
        let sent = sent.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let failure = match sent {
            Ok(200) => return delivery(webhook, attempts, Outcome::Delivered),
            Ok(status) => format!("the receiver responded with {status}"),
            Err(error) => error.to_string(),
        };
        let Some(pause) = BACKOFF.get(attempts - 1) else {
            return delivery(webhook, attempts, Outcome::Failed(failure));
        };
        sleep(*pause).await;
    }
}

struct Target {
    uri: Uri,
    address: SocketAddr,
}

/// The receiver, if webhooks may be sent to it. Resolved once, so that the address can't change
/// later.
async fn target(url: &str) -> Result<Target, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "the URL is invalid")?;
    if uri.scheme_str() != Some("http") {
        return Err("only http to this computer is supported");
    }
    let host = uri.host().ok_or("the URL has no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((host, uri.port_u16().unwrap_or(80))).await;
    let address = found
        .map_err(|_| "the host is unknown")?
        .find(|address| address.ip().is_loopback())
        .ok_or("the host is not this computer")?;
    Ok(Target { uri, address })
}

async fn send(webhook: &Webhook, target: &Target) -> io::Result<u16> {
    let stream = TcpStream::connect(target.address).await?;
    let (mut http, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let path = target.uri.path_and_query();
    let mut request = Request::post(path.map_or("/", |path| path.as_str()))
        .header(HOST, target.uri.authority().map_or("", |it| it.as_str()))
        .header(CONTENT_LENGTH, webhook.body.len());
    for (name, value) in &webhook.headers {
        request = request.header(name, value);
    }
    let body = Full::new(webhook.body.clone());
    let request = request.body(body).map_err(io::Error::other)?;
    let response = http.send_request(request).await;
    connection.abort();
    let response = response.map_err(io::Error::other)?;
    Ok(response.status().as_u16())
}
