//! An emulator behind a network with scripted faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use b2kit::backend::emulator::{Emulator, ManualClock};
use b2kit::{
    Client, Credentials, HttpClient, HttpError, HttpErrorKind, ManualTimer, Phase, Request,
    Response, RetryPolicy, Timer as _, async_trait,
};
use futures::TryStreamExt as _;

/// What happens to one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// No fault.
    None,
    /// The connection is refused: nothing is sent.
    Refused,
    /// The connection fails before the body was read, and the server does nothing.
    DroppedRequest,
    /// An intermediary reads the whole request, which never reaches the server.
    UnansweredRequest,
    /// The server executes it, and the response is lost.
    LostResponse,
    /// The server executes it long after the client's timeout: just before the next request of the same call.
    DelayedExecution,
    /// The server responds with this, and does nothing.
    Status(u16, &'static str, &'static [(&'static str, &'static str)]),
    /// The same, after this many seconds.
    Slow(u64, Box<Self>),
    /// The server executes it, and the response is malformed.
    Garbage,
    /// The server executes it, and an intermediary replaces the response by an error of its own.
    Foreign(u16),
    /// An intermediary responds with such an error, and the request never reaches the server.
    Portal(u16),
}

/// An emulator behind such a network. Requests without a step in the script go through.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) emulator: Emulator,
    pub(crate) timer: ManualTimer,
    /// The emulator's own clock.
    pub(crate) clock: ManualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    steps: VecDeque<(&'static str, Fault)>,
    late: Vec<(String, Request)>,
    log: Vec<(String, Instant)>,
}

impl Script {
    /// Adds steps. They are used in order, each by the next request of its call.
    pub(crate) fn new(steps: impl IntoIterator<Item = (&'static str, Fault)>) -> (Client, Self) {
        let clock = ManualClock::default();
        let emulator = Emulator::builder()
            .clock(clock.clone())
            .absolute_minimum_part_size(10)
            .recommended_part_size(100)
            .build();
        let state = State {
            steps: steps.into_iter().collect(),
            ..State::default()
        };
        let script = Self {
            emulator,
            timer: ManualTimer::new(),
            clock,
            state: Arc::new(Mutex::new(state)),
        };
        (script.client(RetryPolicy::default()), script)
    }

    pub(crate) fn client(&self, retry: RetryPolicy) -> Client {
        self.client_with(self.emulator.key_id(), self.emulator.key(), retry)
    }

    pub(crate) fn client_with(&self, id: &str, key: &str, retry: RetryPolicy) -> Client {
        Client::builder()
            .credentials(Credentials::new(id, key).unwrap())
            .endpoint(self.emulator.url())
            .backend(self.clone())
            .timer(self.timer.clone())
            .retry_policy(retry)
            .rng_seed(7)
            .build()
            .unwrap()
    }

    pub(crate) fn push(&self, call: &'static str, fault: Fault) {
        self.state.lock().unwrap().steps.push_back((call, fault));
    }

    /// When each request of this call was made.
    pub(crate) fn times(&self, call: &str) -> Vec<Instant> {
        let state = self.state.lock().unwrap();
        state
            .log
            .iter()
            .filter(|(name, _)| name == call)
            .map(|(_, at)| *at)
            .collect()
    }

    /// The pauses between the requests of this call.
    pub(crate) fn pauses(&self, call: &str) -> Vec<Duration> {
        self.times(call)
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect()
    }

    pub(crate) fn count(&self, call: &str) -> usize {
        self.times(call).len()
    }

    /// Removes the steps that were not used yet.
    pub(crate) fn forget(&self) {
        self.state.lock().unwrap().steps.clear();
    }

    /// Whether every step was used.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().unwrap().steps.is_empty()
    }

    /// Executes all delayed requests.
    pub(crate) async fn deliver_late(&self) {
        let late = std::mem::take(&mut self.state.lock().unwrap().late);
        for (name, request) in late {
            let answer = self.emulator.send(request).await.unwrap();
            assert!(answer.status().is_success(), "{name}, late: {answer:?}");
        }
    }

    fn next(&self, name: &str) -> (Option<Fault>, Vec<Request>) {
        let mut state = self.state.lock().unwrap();
        state.log.push((name.to_owned(), self.timer.now()));
        let step = state.steps.iter().position(|(call, _)| *call == name);
        let fault = step
            .and_then(|step| state.steps.remove(step))
            .map(|(_, fault)| fault);
        let (due, rest) = std::mem::take(&mut state.late)
            .into_iter()
            .partition(|(call, _)| call == name);
        state.late = rest;
        (
            fault,
            due.into_iter()
                .map(|(_, request): (String, Request)| request)
                .collect(),
        )
    }
}

#[async_trait]
impl HttpClient for Script {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let name = call_of(&request);
        let (fault, due) = self.next(&name);
        for late in due {
            let answer = self.emulator.send(late).await.unwrap();
            assert!(answer.status().is_success(), "{name}, late: {answer:?}");
        }
        let fault = match fault {
            Some(Fault::Slow(seconds, fault)) => {
                self.timer.sleep(Duration::from_secs(seconds)).await;
                Some(*fault)
            }
            fault => fault,
        };
        let lost = || HttpError::new(HttpErrorKind::Closed, Phase::MaybeReceived);
        match fault {
            None | Some(Fault::None | Fault::Slow(..)) => self.emulator.send(request).await,
            Some(Fault::Refused) => Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent)),
            Some(Fault::DroppedRequest) => {
                Err(HttpError::new(HttpErrorKind::Reset, Phase::MaybeReceived))
            }
            Some(Fault::UnansweredRequest) => {
                read_whole(request).await;
                Err(HttpError::new(HttpErrorKind::Reset, Phase::MaybeReceived))
            }
            Some(Fault::LostResponse) => {
                let _ = self.emulator.send(request).await;
                Err(lost())
            }
            Some(Fault::DelayedExecution) => {
                let request = read_whole(request).await;
                self.state.lock().unwrap().late.push((name, request));
                Err(HttpError::new(HttpErrorKind::Timeout, Phase::MaybeReceived))
            }
            Some(Fault::Foreign(status)) => {
                self.emulator.send(request).await?;
                Ok(foreign(status))
            }
            Some(Fault::Portal(status)) => {
                read_whole(request).await;
                Ok(foreign(status))
            }
            Some(Fault::Garbage) => {
                self.emulator.send(request).await?;
                Ok(b2kit::http::Response::new("<html>502</html>".into()))
            }
            Some(Fault::Status(status, code, headers)) => {
                let text = format!(r#"{{"status":{status},"code":"{code}","message":""}}"#);
                let mut response = b2kit::http::Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(*name, *value);
                }
                let text = if code.is_empty() {
                    "<html>".to_owned()
                } else {
                    text
                };
                Ok(response.body(text.into()).unwrap())
            }
        }
    }
}

/// The error of an intermediary.
fn foreign(status: u16) -> Response {
    let response = b2kit::http::Response::builder()
        .status(status)
        .header("server", "nginx")
        .header("location", "https://login.example/");
    let page = format!("<html><title>{status}</title></html>");
    response.body(page.into()).unwrap()
}

/// The request with its body in memory. Reading it ends when the client drops the request.
pub(crate) async fn read_whole(mut request: Request) -> Request {
    let chunks: Vec<_> = request.body().open().unwrap().try_collect().await.unwrap();
    *request.body_mut() = chunks.concat().into();
    request
}

fn call_of(request: &Request) -> String {
    let mut segments = request.uri().path().split('/');
    segments
        .find(|segment| segment.starts_with("b2_"))
        .unwrap_or("b2_download_file_by_name")
        .to_owned()
}
