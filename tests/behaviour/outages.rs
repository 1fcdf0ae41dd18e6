//! Many calls during an outage, and on a machine without enough file descriptors for all of them.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use b2kit::api::{CreateBucket, GetUploadUrl, ListBuckets, UploadFile};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{Bucket, BucketName, BucketType, FileName};
use b2kit::{
    BucketHandle, Bytes, Client, ClientBuilder, Credentials, Error, ErrorKind, HttpClient,
    HttpError, HttpErrorKind, ManualTimer, Phase, Request, Response, ResponseBody, RetryPolicy,
    RetryStopReason, Timer as _, async_trait,
};
use futures::future::{Either, join_all, select};
use futures::stream;

use crate::call_of;
use crate::uploading::{content, ranges, stored};

const SECOND: Duration = Duration::from_secs(1);

/// How long a request takes.
const TRIP: Duration = Duration::from_millis(50);

/// An emulator behind a network that can be cut, and a limit on the number of connections.
#[derive(Clone)]
struct SimulatedNetwork {
    emulator: Emulator,
    timer: ManualTimer,
    state: Arc<Mutex<State>>,
}

struct State {
    away: bool,
    /// How many of the next requests get no response.
    silent: usize,
    /// The number of separate upload hosts.
    pods: Option<u32>,
    /// The upload hosts that are unreachable.
    bad_pods: fn(u32) -> bool,
    urls: u32,
    /// How long an upload takes.
    upload_seconds: u32,
    capacity: usize,
    under_way: usize,
    most: usize,
    refusals: usize,
    log: Vec<(String, Instant)>,
}

impl SimulatedNetwork {
    fn new() -> (Client, Self) {
        let (builder, network) = Self::builder();
        (builder.build().unwrap(), network)
    }

    fn builder() -> (ClientBuilder, Self) {
        let emulator = Emulator::builder()
            .absolute_minimum_part_size(10)
            .recommended_part_size(100)
            .build();
        let state = State {
            away: false,
            silent: 0,
            pods: None,
            bad_pods: |_| false,
            urls: 0,
            upload_seconds: 0,
            capacity: usize::MAX,
            under_way: 0,
            most: 0,
            refusals: 0,
            log: Vec::new(),
        };
        let network = Self {
            emulator,
            timer: ManualTimer::new(),
            state: Arc::new(Mutex::new(state)),
        };
        let builder = Client::builder()
            .credentials(
                Credentials::new(network.emulator.key_id(), network.emulator.key()).unwrap(),
            )
            .endpoint(network.emulator.url())
            .backend(network.clone())
            .timer(network.timer.clone())
            .trust_host("pod.example")
            .rng_seed(7);
        (builder, network)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    fn get<T>(&self, what: impl FnOnce(&State) -> T) -> T {
        what(&self.state.lock().unwrap())
    }

    fn is_down(&self) -> bool {
        self.get(|state| state.away)
    }

    /// The requests made since the start of the outage, and before it.
    fn requests(&self, since: Instant, until: Instant) -> Vec<String> {
        let of_then =
            |(call, at): &(String, Instant)| (*at > since && *at < until).then(|| call.clone());
        self.get(|state| state.log.iter().filter_map(of_then).collect())
    }

    fn count(&self, call: &str) -> usize {
        self.get(|state| state.log.iter().filter(|(name, _)| name == call).count())
    }

    /// Starts an outage after a time, for a time, and returns its end.
    async fn start_outage(&self, after: Duration, length: Duration) -> (Instant, Instant) {
        self.timer.sleep(after).await;
        let since = self.timer.now();
        self.set(|state| state.away = true);
        self.timer.sleep(length).await;
        self.set(|state| state.away = false);
        (since, self.timer.now())
    }

    async fn exchange(&self, request: Request) -> Result<Response, HttpError> {
        let name = call_of(&request).to_owned();
        let pod = request
            .uri()
            .query()
            .and_then(|query| query.strip_prefix("pod="));
        let pod: Option<u32> = pod.map(|pod| pod.parse().unwrap());
        let broken = || HttpError::new(HttpErrorKind::Reset, Phase::MaybeReceived);
        let mut is_bad = false;
        let mut is_silent = false;
        self.set(|state| {
            state.log.push((name.clone(), self.timer.now()));
            is_bad = pod.is_some_and(state.bad_pods);
            if state.silent > 0 {
                (state.silent, is_silent) = (state.silent - 1, true);
            }
        });
        if is_silent {
            return pending().await;
        }
        if self.is_down() {
            return Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent));
        }
        self.timer.sleep(TRIP / 2).await;
        if self.is_down() || is_bad {
            return Err(broken());
        }
        if name == "b2_upload_file" {
            for _ in 0..self.get(|state| state.upload_seconds) {
                self.timer.sleep(SECOND).await;
                if self.is_down() {
                    return Err(broken());
                }
            }
        }
        let is_download = name.is_empty();
        let response = self.emulator.send(request).await?;
        self.timer.sleep(TRIP / 2).await;
        // The emulator has executed it by now.
        if self.is_down() {
            return Err(broken());
        }
        match &*name {
            "b2_get_upload_url" => Ok(self.with_upload_host(response).await),
            _ if is_download => Ok(self.cut_off(response)),
            _ => Ok(response),
        }
    }

    /// An upload URL on the next host.
    async fn with_upload_host(&self, response: Response) -> Response {
        let mut pod = None;
        self.set(|state| {
            pod = state.pods.map(|pods| state.urls % pods);
            state.urls += 1;
        });
        let Some(pod) = pod else {
            return response;
        };
        let (head, body) = response.into_parts();
        let text = String::from_utf8(body.collect(10_000).await.unwrap().to_vec()).unwrap();
        let mut answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        let url = answer["uploadUrl"].as_str().unwrap();
        let path = url.splitn(4, '/').nth(3).unwrap().to_owned();
        answer["uploadUrl"] = format!("https://pod.example/{path}?pod={pod}").into();
        let body = ResponseBody::from(answer.to_string());
        let mut response = Response::from_parts(head, body);
        response.headers_mut().remove("content-length");
        response
    }

    /// The body in two halves. The second doesn't arrive if the outage has begun.
    fn cut_off(&self, response: Response) -> Response {
        let (head, body) = response.into_parts();
        let network = self.clone();
        let len = body.len();
        let halves = stream::unfold((0, Some(body), Bytes::new()), move |(half, body, rest)| {
            let network = network.clone();
            async move {
                match (half, body) {
                    (0, Some(body)) => {
                        let mut all = body.collect(10_000).await.unwrap();
                        let first = all.split_to(all.len() / 2);
                        Some((Ok(first), (1, None, all)))
                    }
                    (1, _) => {
                        network.timer.sleep(TRIP).await;
                        let lost = HttpError::new(HttpErrorKind::Reset, Phase::ResponseBegun);
                        let item = if network.is_down() {
                            Err(lost)
                        } else {
                            Ok(rest)
                        };
                        Some((item, (2, None, Bytes::new())))
                    }
                    _ => None,
                }
            }
        });
        Response::from_parts(head, ResponseBody::new(len, Box::pin(halves)))
    }
}

/// An open connection.
struct OpenConnection(SimulatedNetwork);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.set(|state| state.under_way -= 1);
    }
}

#[async_trait]
impl HttpClient for SimulatedNetwork {
    async fn send(&self, mut request: Request) -> Result<Response, HttpError> {
        let mut accepts = true;
        self.set(|state| {
            accepts = state.under_way < state.capacity;
            state.refusals += usize::from(!accepts);
            state.under_way += usize::from(accepts);
            state.most = state.most.max(state.under_way);
        });
        if !accepts {
            return Err(HttpError::new(HttpErrorKind::Exhausted, Phase::NotSent));
        }
        let _connected = OpenConnection(self.clone());
        if request.uri().host() == Some("pod.example") {
            let path = request.uri().path_and_query().unwrap().clone();
            *request.uri_mut() = format!("{}{path}", self.emulator.url()).parse().unwrap();
        }
        self.exchange(request).await
    }
}

async fn bucket(b2: &Client) -> Bucket {
    let name = BucketName::new("holiday-photos").unwrap();
    b2.call(CreateBucket::new(name, BucketType::AllPrivate))
        .await
        .unwrap()
}

async fn handle(b2: &Client) -> BucketHandle {
    bucket(b2).await;
    b2.bucket("holiday-photos").await.unwrap()
}

/// Runs this many concurrent uploads, and returns how many are possible duplicates.
async fn upload_many(b2: &Client, bucket: &Bucket, many: usize) -> Result<usize, Error> {
    let uploads = (0..many).map(|n| {
        let name = FileName::new(format!("f{n}")).unwrap();
        b2.call(UploadFile::new(&bucket.bucket_id, name, "hello"))
    });
    let uploaded: Result<Vec<_>, _> = join_all(uploads).await.into_iter().collect();
    Ok(uploaded?
        .iter()
        .filter(|file| file.possible_duplicate)
        .count())
}

/// A refused connection.
fn unreachable(
    error: &Error,
) -> (
    ErrorKind,
    Option<RetryStopReason>,
    Option<HttpErrorKind>,
    bool,
) {
    let kind = error.http_error().map(HttpError::kind);
    (
        error.kind(),
        error.retry_stop_reason(),
        kind,
        error.may_have_taken_effect(),
    )
}

// Outages.

#[test]
fn a_thousand_uploads_in_flight_survive_outages_of_1_10_and_60_seconds() {
    // The outage begins before or after B2 has read the uploads.
    for (length, after, probes) in [(1, 5, 5), (10, 5, 8), (10, 6, 8), (60, 5, 12)] {
        let (b2, network) = SimulatedNetwork::new();
        let (lost, since, until) = network.timer.run(async {
            let bucket = bucket(&b2).await;
            // Each upload gets a URL and then sends its body.
            let outage = network.start_outage(TRIP * after / 4, length * SECOND);
            let uploads = upload_many(&b2, &bucket, 1_000);
            let ((since, until), lost) = futures::join!(outage, uploads);
            (lost.unwrap(), since, until)
        });
        assert_eq!((lost, network.emulator.snapshot().versions), (0, 1_000));
        // A few requests before the outage is detected, and then only the probes.
        let requests = network.requests(since + TRIP, until);
        assert!(requests.len() <= probes, "{length} s: {requests:?}");
    }
}

#[test]
fn uploads_to_separate_hosts_survive_an_outage_of_all_hosts() {
    let (b2, network) = SimulatedNetwork::new();
    network.set(|state| state.pods = Some(200));
    let (lost, since, until) = network.timer.run(async {
        let bucket = bucket(&b2).await;
        let outage = network.start_outage(TRIP * 5 / 4, 10 * SECOND);
        let uploads = upload_many(&b2, &bucket, 1_000);
        let ((since, until), lost) = futures::join!(outage, uploads);
        (lost.unwrap(), since, until)
    });
    assert_eq!((lost, network.emulator.snapshot().versions), (0, 1_000));
    let requests = network.requests(since + TRIP, until);
    assert!(requests.len() <= 8, "{requests:?}");
}

#[test]
fn uploads_survive_an_outage_of_the_only_upload_host() {
    let (b2, network) = SimulatedNetwork::new();
    network.set(|state| (state.pods, state.bad_pods) = (Some(1), |_| true));
    let (lost, requests) = network.timer.run(async {
        let bucket = bucket(&b2).await;
        let since = network.timer.now();
        let outage = async {
            network.timer.sleep(10 * SECOND).await;
            network.set(|state| state.bad_pods = |_| false);
            network.requests(since + SECOND, network.timer.now())
        };
        let uploads = upload_many(&b2, &bucket, 300);
        let (requests, lost) = futures::join!(outage, uploads);
        (lost.unwrap(), requests)
    });
    assert_eq!((lost, network.emulator.snapshot().versions), (0, 300));
    let uploads = requests.iter().filter(|call| *call == "b2_upload_file");
    assert!(uploads.count() <= 8, "{requests:?}");
}

#[test]
fn one_bad_upload_host_is_not_an_outage() {
    let (b2, network) = SimulatedNetwork::new();
    network.set(|state| (state.pods, state.bad_pods) = (Some(20), |pod| pod == 3));
    let took = network.timer.run(async {
        let bucket = bucket(&b2).await;
        let began = network.timer.now();
        for _ in 0..10 {
            upload_many(&b2, &bucket, 100).await.unwrap();
        }
        network.timer.now() - began
    });
    assert!(took < 3 * SECOND, "nobody waits: {took:?}");
}

#[test]
fn a_large_file_with_64_parts_in_flight_survives_an_outage_of_a_second() {
    let (b2, network) = SimulatedNetwork::new();
    let content = content(6_400);
    network.timer.run(async {
        let bucket = handle(&b2).await;
        let outage = network.start_outage(TRIP * 9 / 4, SECOND);
        let upload = bucket.upload("large", ranges(&content)).concurrency(64);
        let (_, uploaded) = futures::join!(outage, upload.into_future());
        let file = uploaded.unwrap().file;
        assert_eq!(stored(&b2, &file.file_id).await, content);
        assert!(b2.unfinished().is_empty());
    });
}

#[test]
fn a_thousand_interrupted_downloads_survive_an_outage_of_ten_seconds() {
    let (b2, network) = SimulatedNetwork::new();
    let content = content(100);
    network.timer.run(async {
        let bucket = handle(&b2).await;
        bucket.upload("f", ranges(&content)).await.unwrap();
        let outage = network.start_outage(TRIP * 3 / 2, 10 * SECOND);
        let downloads = (0..1_000).map(|_| async {
            let body = bucket.download("f").stream().await?;
            body.collect(1_000).await
        });
        let ((since, until), bodies) = futures::join!(outage, join_all(downloads));
        for body in bodies {
            assert_eq!(body.unwrap(), content);
        }
        let requests = network.requests(since + TRIP, until);
        assert!(requests.len() <= 8, "{requests:?}");
    });
}

#[test]
fn a_thousand_calls_each_last_as_long_as_the_policy_allows_with_few_requests_in_total() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        b2.session().await.unwrap();
        network.set(|state| state.away = true);
        let calls = (0..1_000).map(|_| b2.call(ListBuckets::new()));
        for outcome in join_all(calls).await {
            let error = outcome.unwrap_err();
            let expected = (
                ErrorKind::Http,
                Some(RetryStopReason::Attempts),
                Some(HttpErrorKind::Connect),
                false,
            );
            assert_eq!(unreachable(&error), expected, "{error:?}");
            assert_eq!(error.call(), Some("b2_list_buckets"));
            let (elapsed, most) = (error.elapsed(), 240 * SECOND);
            assert!(elapsed >= 120 * SECOND && elapsed <= most, "{elapsed:?}");
        }
    });
    let requests = network.count("b2_list_buckets");
    assert!(requests <= 15, "{requests}");
}

/// By the time of the first attempt after it, the calls have used up their attempts and been
/// retried for two minutes.
#[test]
fn calls_waiting_for_an_outage_that_ends_within_two_minutes_succeed() {
    for seed in 0..20 {
        let (builder, network) = SimulatedNetwork::builder();
        let b2 = builder.rng_seed(seed).build().unwrap();
        network.timer.run(async {
            b2.session().await.unwrap();
            let outage = network.start_outage(TRIP / 4, 115 * SECOND);
            let calls = join_all((0..100).map(|_| b2.call(ListBuckets::new())));
            let (_, calls) = futures::join!(outage, calls);
            let failed = calls.iter().filter_map(|call| call.as_ref().err());
            assert_eq!(failed.map(Error::to_string).collect::<Vec<_>>(), [""; 0]);
        });
    }
}

#[test]
fn an_outage_does_not_use_up_the_retry_quota() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        let bucket = bucket(&b2).await;
        let outage = network.start_outage(TRIP * 5 / 4, 60 * SECOND);
        let uploads = upload_many(&b2, &bucket, 1_000);
        futures::join!(outage, uploads).1.unwrap();
        let outage = network.start_outage(TRIP * 5 / 4, 60 * SECOND);
        let calls = join_all((0..1_000).map(|_| b2.call(ListBuckets::new())));
        let (_, calls) = futures::join!(outage, calls);
        assert!(calls.iter().all(Result::is_ok));
    });
}

#[test]
fn another_call_probes_when_the_probing_one_is_dropped() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        b2.session().await.unwrap();
        network.set(|state| state.away = true);
        let first = Box::pin(b2.call(ListBuckets::new()));
        let timeout = network.timer.sleep(2 * SECOND);
        let Either::Right(((), first)) = select(first, timeout).await else {
            panic!("it waits")
        };
        // It makes its attempt and gets no response.
        network.set(|state| (state.away, state.silent) = (false, 1));
        let second = Box::pin(b2.call(ListBuckets::new()));
        let both = futures::future::join(first, second);
        let Either::Right(((), both)) = select(both, network.timer.sleep(5 * SECOND)).await else {
            panic!("both wait")
        };
        assert_eq!(network.get(|state| state.silent), 0, "one has tried");
        drop(both);
        let began = network.timer.now();
        b2.call(ListBuckets::new()).await.unwrap();
        assert!(network.timer.now() - began <= SECOND);
    });
}

#[test]
fn a_probe_that_is_no_longer_polled_does_not_block_other_calls() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        b2.session().await.unwrap();
        network.set(|state| state.away = true);
        let call = || Box::pin(b2.call(ListBuckets::new()));
        let mut kept = Vec::new();
        let mut first = call();
        // Stops polling the call in the middle of its attempt.
        let silent = network.get(|state| state.log.len());
        while network.get(|state| state.log.len()) < silent + 5 {
            if network.get(|state| state.log.len()) == silent + 4 {
                network.set(|state| (state.away, state.silent) = (false, 1));
            }
            let nap = network.timer.sleep(SECOND / 10);
            match select(first, nap).await {
                Either::Right(((), again)) => first = again,
                Either::Left(_) => panic!("it waits"),
            }
        }
        kept.push(first);
        let began = network.timer.now();
        let others = join_all((0..100).map(|_| call())).await;
        assert!(others.iter().all(Result::is_ok));
        let took = network.timer.now() - began;
        assert!(took <= 12 * SECOND, "{took:?}");
    });
}

#[test]
fn a_deadline_ends_a_call_during_an_outage_and_the_error_names_the_outage() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        b2.session().await.unwrap();
        network.set(|state| state.away = true);
        let hurried = b2.with_retry_policy(RetryPolicy::default().with_deadline(30 * SECOND));
        let mut default_call = Box::pin(b2.call(ListBuckets::new()));
        let begins = network.timer.sleep(10 * SECOND);
        assert!(matches!(
            select(&mut default_call, begins).await,
            Either::Right(_)
        ));
        let began = network.timer.now();
        let late = hurried.call(ListBuckets::new());
        let Either::Right((outcome, _)) = select(default_call, Box::pin(late)).await else {
            panic!("it is in no hurry")
        };
        let error = outcome.unwrap_err();
        let expected = (
            ErrorKind::Http,
            Some(RetryStopReason::Deadline),
            Some(HttpErrorKind::Connect),
            false,
        );
        assert_eq!(unreachable(&error), expected, "{error:?}");
        assert!(network.timer.now() - began <= 30 * SECOND);
    });
}

#[test]
fn a_call_limited_to_one_attempt_makes_one_attempt_during_an_outage() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        b2.session().await.unwrap();
        let outage = network.start_outage(Duration::ZERO, 30 * SECOND);
        let default_call = b2.call(ListBuckets::new());
        let hasty = async {
            network.timer.sleep(10 * SECOND).await;
            let before = network.count("b2_list_buckets");
            let began = network.timer.now();
            let hasty = b2.with_retry_policy(RetryPolicy::disabled());
            let error = hasty.call(ListBuckets::new()).await.unwrap_err();
            assert_eq!(
                (error.attempts(), error.retry_stop_reason()),
                (1, Some(RetryStopReason::Attempts))
            );
            assert_eq!(network.timer.now(), began);
            assert_eq!(network.count("b2_list_buckets"), before + 1);
        };
        let (_, default_call, ()) = futures::join!(outage, default_call, hasty);
        default_call.unwrap();
    });
}

#[test]
fn unanswered_requests_are_an_outage_and_bounded() {
    let (b2, network) = SimulatedNetwork::new();
    let requests = network.timer.run(async {
        b2.session().await.unwrap();
        let since = network.timer.now();
        network.set(|state| state.silent = usize::MAX);
        let calls = join_all((0..200).map(|_| b2.call(ListBuckets::new())));
        let silence = async {
            network.timer.sleep(100 * SECOND).await;
            network.set(|state| state.silent = 0);
            network.requests(since, network.timer.now()).len()
        };
        let (requests, calls) = futures::join!(silence, calls);
        assert!(calls.iter().all(Result::is_ok));
        requests
    });
    assert!(requests <= 10, "beyond the first two hundred: {requests}");
}

#[test]
fn slow_uploads_after_an_outage_do_not_use_up_the_attempts_of_waiting_ones() {
    let (b2, network) = SimulatedNetwork::new();
    network.set(|state| (state.pods, state.upload_seconds) = (Some(1), 90));
    network.timer.run(async {
        let bucket = bucket(&b2).await;
        let outages = async {
            network.start_outage(5 * SECOND, 10 * SECOND).await;
            network.start_outage(20 * SECOND, 10 * SECOND).await;
        };
        let uploads = upload_many(&b2, &bucket, 16);
        futures::join!(outages, uploads).1.unwrap();
    });
    assert_eq!(network.emulator.snapshot().versions, 16);
}

#[test]
fn uploads_without_a_response_end_as_late_together_as_alone() {
    let elapsed = [1, 50].map(|many| {
        let (b2, network) = SimulatedNetwork::new();
        network.set(|state| (state.pods, state.upload_seconds) = (Some(1), u32::MAX));
        network.timer.run(async {
            let bucket = bucket(&b2).await;
            let uploads = (0..many).map(|n| {
                let name = FileName::new(format!("f{n}")).unwrap();
                b2.call(UploadFile::new(&bucket.bucket_id, name, "hello"))
            });
            let errors = join_all(uploads).await.into_iter().map(Result::unwrap_err);
            let elapsed = errors.map(|error| {
                let reason = error.retry_stop_reason();
                assert_eq!(reason, Some(RetryStopReason::Attempts), "{error:?}");
                error.elapsed()
            });
            let elapsed: Vec<_> = elapsed.collect();
            (
                *elapsed.iter().min().unwrap(),
                *elapsed.iter().max().unwrap(),
            )
        })
    });
    let [(alone, _), (first, last)] = elapsed;
    // An attempt takes two minutes; alone, there are also pauses between the attempts.
    let tolerance = 240 * SECOND;
    assert!(
        alone - tolerance <= first && last <= alone + tolerance,
        "{elapsed:?}"
    );
}

#[test]
fn calls_resume_gradually_after_an_outage() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        b2.session().await.unwrap();
        let outage = network.start_outage(TRIP / 4, 10 * SECOND);
        let calls = join_all((0..1_000).map(|_| b2.call(ListBuckets::new())));
        let watch = async {
            let (_, until) = outage.await;
            network.set(|state| state.most = 0);
            until
        };
        let (until, calls) = futures::join!(watch, calls);
        assert!(calls.iter().all(Result::is_ok));
        let first = network.get(|state| state.log.iter().find(|(_, at)| *at >= until).unwrap().1);
        let with_it = network.get(|state| state.log.iter().filter(|(_, at)| *at == first).count());
        assert_eq!(with_it, 1, "one tries");
        let took = network.timer.now() - first;
        assert!(took <= 10 * SECOND, "{took:?}");
        let most = network.get(|state| state.most);
        assert!(most <= 600, "they don't come all at once: {most}");
    });
}

// The first connection.

#[test]
fn a_client_without_a_first_response_gives_up_within_seconds_and_others_do_not() {
    for kind in [HttpErrorKind::Connect, HttpErrorKind::Resolve] {
        let (builder, network) = SimulatedNetwork::builder();
        let refuse = move |_: Request| async move {
            Err::<Response, _>(HttpError::new(kind, Phase::NotSent))
        };
        let b2 = builder.backend(refuse).build().unwrap();
        let (began, error) = (
            network.timer.now(),
            network.timer.run(b2.call(ListBuckets::new())),
        );
        let error = error.unwrap_err();
        assert_eq!(
            error.retry_stop_reason(),
            Some(RetryStopReason::NeverConnected),
            "{error:?}"
        );
        assert_eq!(error.http_error().unwrap().kind(), kind);
        assert!(network.timer.now() - began <= 10 * SECOND);
        assert!(error.to_string().contains("check the address"), "{error}");
        let (_, host) = network.emulator.url().split_once("://").unwrap();
        assert!(error.to_string().contains(host), "{host}: {error}");

        // Many concurrent calls get the same error.
        let began = network.timer.now();
        let calls = (0..100).map(|_| b2.call(ListBuckets::new()));
        for outcome in network.timer.run(join_all(calls)) {
            assert_eq!(
                outcome.unwrap_err().retry_stop_reason(),
                Some(RetryStopReason::NeverConnected)
            );
        }
        assert!(network.timer.now() - began <= 11 * SECOND);
    }
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(b2.session()).unwrap();
    network.set(|state| state.away = true);
    let error = network.timer.run(b2.call(ListBuckets::new())).unwrap_err();
    assert_eq!(error.retry_stop_reason(), Some(RetryStopReason::Attempts));
    assert!(error.elapsed() >= 120 * SECOND);
}

#[test]
fn first_connection_timeout_bounds_the_wait_for_the_first_connection() {
    let mut policy = RetryPolicy::default();
    policy.first_connection_timeout = 180 * SECOND;
    let (builder, network) = SimulatedNetwork::builder();
    let b2 = builder.retry_policy(policy).build().unwrap();
    network.timer.run(async {
        let outage = network.start_outage(Duration::ZERO, 45 * SECOND);
        let (_, outcome) = futures::join!(outage, b2.call(ListBuckets::new()));
        outcome.unwrap();
        network.set(|state| state.away = true);
    });
    let (builder, network) = SimulatedNetwork::builder();
    let b2 = builder.build().unwrap();
    network.set(|state| state.away = true);
    let began = network.timer.now();
    // By default, a client whose first connection fails gives up within seconds.
    assert!(network.timer.run(b2.call(ListBuckets::new())).is_err());
    assert!(network.timer.now() - began <= 10 * SECOND);
}

// Exhausted file descriptors.

#[test]
fn a_thousand_uploads_with_descriptors_for_a_hundred_all_arrive() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        let bucket = bucket(&b2).await;
        network.set(|state| state.capacity = 100);
        assert_eq!(upload_many(&b2, &bucket, 1_000).await.unwrap(), 0);
    });
    assert_eq!(network.emulator.snapshot().versions, 1_000);
    assert_eq!(network.count("b2_upload_file"), 1_000);
    // A URL is not discarded because there was no descriptor for its connection.
    assert!(network.count("b2_get_upload_url") <= 1_000);
    let refusals = network.get(|state| state.refusals);
    assert!(refusals <= 4_000, "{refusals}");
}

#[test]
fn exhausted_descriptors_are_not_an_outage_and_end_a_call_after_two_minutes_without_success() {
    let (b2, network) = SimulatedNetwork::new();
    network.timer.run(async {
        b2.session().await.unwrap();
        network.set(|state| state.capacity = 0);
        let calls = join_all((0..200).map(|_| b2.call(GetUploadUrl::new("b")))).await;
        for outcome in calls {
            let error = outcome.unwrap_err();
            let expected = (
                ErrorKind::Http,
                Some(RetryStopReason::Attempts),
                Some(HttpErrorKind::Exhausted),
                false,
            );
            assert_eq!(unreachable(&error), expected, "{error:?}");
            assert!(error.elapsed() >= 120 * SECOND);
        }
        network.set(|state| state.capacity = 10);
        let began = network.timer.now();
        b2.call(ListBuckets::new()).await.unwrap();
        assert_eq!(network.timer.now() - began, TRIP, "at once");
    });
}
