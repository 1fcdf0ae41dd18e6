//! Spans, events and counts of calls, without secrets.

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use b2kit::api::{
    BillingClass, CreateBucket, DeleteFileVersion, DownloadFileByName, FinishLargeFile,
    GetFileInfo, ListBuckets, ListFileNames, StartLargeFile, UploadFile, UploadPart,
};
use b2kit::backend::emulator::{Emulator, Fault, FaultKind};
use b2kit::http::header::{AUTHORIZATION, DATE};
use b2kit::types::{
    BucketId, BucketName, BucketType, CustomerKey, EncryptionSetting, FileInfo, FileName,
    PartNumber, Sha1, percent_encode,
};
use b2kit::{
    Client, Credentials, HttpClient as _, HttpError, HttpErrorKind, ManualTimer, Phase, Request,
    Response, RetryPolicy, Timer as _,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::{call_of, client, client_over, http_refusal, wired};

/// A subscriber that records every span and event.
#[derive(Clone, Default)]
struct RecordingSubscriber {
    spans: Arc<AtomicU64>,
    notes: Arc<Mutex<Vec<LogEntry>>>,
}

/// A recorded span or event, and the span it is in.
#[derive(Debug, Clone)]
struct LogEntry {
    is_event: bool,
    level: Level,
    /// Its name, target and fields.
    text: String,
    /// The number of a span, or of the span that an event is in.
    span: u64,
}

thread_local! {
    /// The spans that are entered on this thread.
    static INSIDE: std::cell::RefCell<Vec<u64>> = const { std::cell::RefCell::new(Vec::new()) };
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl RecordingSubscriber {
    fn note(&self, metadata: &Metadata<'_>, span: u64, fields: impl FnOnce(&mut Fields<'_>)) {
        let mut text = format!("{} {}", metadata.name(), metadata.target());
        fields(&mut Fields(&mut text));
        self.notes.lock().unwrap().push(LogEntry {
            is_event: metadata.is_event(),
            level: *metadata.level(),
            text,
            span,
        });
    }

    /// Records what happens in `work` on this thread.
    fn watch<T>(work: impl FnOnce() -> T) -> (T, Vec<LogEntry>) {
        // A call site whose first event is emitted without a subscriber, just as one is being installed, may stay
        // disabled for it. So there is always a subscriber.
        static DEAF: Once = Once::new();
        DEAF.call_once(|| drop(tracing::subscriber::set_global_default(IgnoringSubscriber)));
        let watcher = Self::default();
        let result = tracing::subscriber::with_default(watcher.clone(), work);
        let notes = watcher.notes.lock().unwrap().clone();
        (result, notes)
    }
}

/// A subscriber that enables everything and records nothing.
struct IgnoringSubscriber;

impl Subscriber for IgnoringSubscriber {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Subscriber for RecordingSubscriber {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        self.note(span.metadata(), id, |fields| span.record(fields));
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut notes = self.notes.lock().unwrap();
        let its = |note: &&mut LogEntry| !note.is_event && note.span == span.into_u64();
        let note = notes.iter_mut().find(its).unwrap();
        values.record(&mut Fields(&mut note.text));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let inside = INSIDE.with_borrow(|inside| inside.last().copied().unwrap_or(0));
        self.note(event.metadata(), inside, |fields| event.record(fields));
    }

    fn enter(&self, span: &Id) {
        INSIDE.with_borrow_mut(|inside| inside.push(span.into_u64()));
    }

    fn exit(&self, _: &Id) {
        INSIDE.with_borrow_mut(|inside| inside.pop());
    }
}

/// The calls named by spans, in order.
fn spans(notes: &[LogEntry]) -> Vec<String> {
    let spans = notes.iter().filter(|note| !note.is_event);
    let call = |note: &LogEntry| {
        let (_, call) = note.text.split_once("call=\"").unwrap();
        call.split_once('"').unwrap().0.to_owned()
    };
    spans.map(call).collect()
}

/// The events of failed attempts, each with the text of its span.
fn failures(notes: &[LogEntry]) -> Vec<(String, String)> {
    let events = notes.iter().filter(|note| note.is_event);
    let failed = events.filter(|event| event.text.contains(" outcome="));
    let with_span = |event: &LogEntry| {
        let its = |note: &&LogEntry| !note.is_event && note.span == event.span;
        let span = notes.iter().find(its).unwrap();
        (span.text.clone(), event.text.clone())
    };
    failed.map(with_span).collect()
}

fn upload(bucket: &BucketId, name: &str) -> UploadFile {
    UploadFile::new(bucket, FileName::new(name).unwrap(), "meow")
}

async fn bucket(b2: &Client) -> BucketId {
    let name = BucketName::new("holiday-photos").unwrap();
    let create = CreateBucket::new(name, BucketType::AllPrivate);
    b2.call(create).await.unwrap().bucket_id
}

#[test]
fn every_call_has_a_span_with_its_name() {
    let (b2, _, timer) = client();
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(async {
            let bucket = bucket(&b2).await;
            b2.call(upload(&bucket, "f")).await.unwrap();
            b2.call(upload(&bucket, "f")).await.unwrap();
            b2.call(ListFileNames::new(&bucket)).await.unwrap();
        });
    });
    let expected = [
        "b2_create_bucket",
        "b2_authorize_account",
        "b2_upload_file",
        "b2_get_upload_url",
        "b2_upload_file",
        "b2_list_file_names",
    ];
    assert_eq!(spans(&notes), expected);
    assert!(failures(&notes).is_empty(), "{notes:#?}");
}

#[test]
fn a_wrong_clock_is_logged_once_and_a_right_one_never() {
    for (hours, expected) in [(0, 0), (1, 1), (-1, 1)] {
        let (_, emulator, timer) = client();
        let hour = Duration::from_secs(3_600);
        let date = httpdate::fmt_http_date(match hours {
            -1 => timer.wall_clock() - hour,
            1 => timer.wall_clock() + hour,
            _ => timer.wall_clock(),
        });
        let wire = emulator.clone();
        let backend = move |request: Request| {
            let (wire, date) = (wire.clone(), date.parse().unwrap());
            async move {
                let mut response = wire.send(request).await?;
                response.headers_mut().insert(DATE, date);
                Ok(response)
            }
        };
        let b2 = client_over(&emulator, &timer, backend);
        let ((), notes) = RecordingSubscriber::watch(|| {
            timer.run(async {
                for _ in 0..3 {
                    b2.call(ListBuckets::new()).await.unwrap();
                    emulator.expire_account_tokens();
                }
            });
        });
        let of_the_clock = notes.iter().filter(|note| {
            note.level == Level::WARN
                && note.text.contains(
                    "this computer's \
                     clock",
                )
        });
        assert_eq!(of_the_clock.count(), expected, "{hours}");
    }
}

#[test]
fn every_failed_attempt_has_an_event_in_the_span_of_its_call() {
    let (_, emulator, timer) = client();
    let listings = AtomicUsize::new(0);
    let b2 = wired(&emulator, &timer, move |request| {
        if call_of(request) != "b2_list_buckets" {
            return None;
        }
        match listings.fetch_add(1, Ordering::Relaxed) {
            0 => Some(Ok(http_refusal(503, "service_unavailable"))),
            1 => Some(Err(HttpError::new(
                HttpErrorKind::Reset,
                Phase::MaybeReceived,
            ))),
            2 => Some(Ok(http_refusal(401, "expired_auth_token"))),
            3 => None,
            _ => Some(Ok(http_refusal(400, "bad_request"))),
        }
    });
    let b2 = b2.build().unwrap();
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(async {
            b2.call(ListBuckets::new()).await.unwrap();
            b2.call(ListBuckets::new()).await.unwrap_err();
        });
    });
    let failures = failures(&notes);
    let expected = [
        (
            1,
            r#"outcome="rejected" kind=Unavailable status=503 code="service_unavailable""#,
        ),
        (2, r#"outcome="ambiguous" kind=Http"#),
        (
            3,
            r#"outcome="rejected" kind=Unauthorized status=401 code="expired_auth_token""#,
        ),
        (
            1,
            r#"outcome="rejected" kind=Rejected status=400 code="bad_request""#,
        ),
    ];
    assert_eq!(failures.len(), expected.len(), "{failures:#?}");
    for ((span, event), (attempt, message)) in failures.iter().zip(expected) {
        assert!(span.contains("call=\"b2_list_buckets\""), "{span}");
        assert!(event.contains(&format!(" attempt={attempt} ")), "{event}");
        assert!(event.contains(message), "{event}");
    }
    // The successful attempts: two authorizations and a listing.
    let succeeded = |note: &&LogEntry| note.is_event && note.text.contains("attempt succeeded");
    let succeeded: Vec<_> = notes.iter().filter(succeeded).collect();
    assert_eq!(succeeded.len(), 3, "{notes:#?}");
    let last = &succeeded[2].text;
    assert!(last.contains("attempt=4 elapsed="), "{last}");
    assert!(
        notes.iter().all(|note| note.text.contains(" b2kit")),
        "{notes:#?}"
    );
    let levels: Vec<_> = notes.iter().map(|note| note.level).collect();
    assert_eq!(
        levels.iter().filter(|level| **level < Level::DEBUG).count(),
        1,
        "only the second retry is worth a word"
    );
    let waits = |what: &str| notes.iter().filter(|note| note.text.contains(what)).count();
    assert_eq!(waits("waiting for a new authorization"), 1);
    assert_eq!(waits("waiting for an authorization"), 2);
}

/// The events of retries: level and message, without the random backoff.
fn retries(notes: &[LogEntry]) -> Vec<(Level, String)> {
    let events = notes.iter().filter(|note| note.is_event);
    let message = |note: &LogEntry| {
        let (_, rest) = note.text.split_once("message=")?;
        let (message, _) = rest.split_once("; retrying ")?;
        Some((note.level, message.to_owned()))
    };
    events.filter_map(message).collect()
}

#[test]
fn a_retry_is_one_event_with_the_failure_its_cause_and_the_attempt() {
    let (_, emulator, timer) = client();
    let parts = AtomicUsize::new(0);
    let b2 = wired(&emulator, &timer, move |request| {
        if call_of(request) != "b2_upload_part" || request.headers()["x-bz-part-number"] != "2" {
            return None;
        }
        match parts.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Some(Ok(http_refusal(503, "service_unavailable"))),
            2 => Some(Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent))),
            _ => None,
        }
    });
    let b2 = b2.build().unwrap();
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(async {
            let bucket = crate::uploading::bucket(&b2).await;
            let upload = bucket.upload("2026/cat.txt", "meow".repeat(30));
            upload.part_size(40).await.unwrap();
        });
    });
    let who = r#"b2_upload_part of "2026/cat.txt" in "holiday-photos", part 2"#;
    let busy = r#"B2 answered 503 "service_unavailable""#;
    let refused = "no connection could be made (nothing was sent)";
    assert_eq!(
        retries(&notes),
        [
            (
                Level::DEBUG,
                format!("{who}: attempt 1 of 10 failed ({busy})")
            ),
            (
                Level::WARN,
                format!("{who}: attempt 2 of 10 failed ({busy})")
            ),
            (
                Level::WARN,
                format!("{who}: attempt 3 of 10 failed ({refused})")
            ),
        ]
    );
    let of_the_part = |note: &&LogEntry| note.text.contains(" attempt=2 of=10 pause=");
    let event = notes.iter().find(of_the_part).unwrap();
    for field in [
        r#" call="b2_upload_part""#,
        r#" bucket="holiday-photos""#,
        r#" file="2026/cat.txt""#,
        " part=2",
        " status=503",
        r#" code="service_unavailable""#,
    ] {
        assert!(event.text.contains(field), "{field}: {}", event.text);
    }
    assert_eq!(failures(&notes).len(), 3, "each is message once");
}

#[test]
fn a_failed_authorization_is_logged_with_its_actual_backoff() {
    let (_, emulator, timer) = client();
    let authorizations = AtomicUsize::new(0);
    let b2 = wired(&emulator, &timer, move |request| {
        let fails = call_of(request) == "b2_authorize_account"
            && authorizations.fetch_add(1, Ordering::Relaxed) < 2;
        fails.then(|| Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent)))
    });
    let b2 = b2.build().unwrap();
    let ((), notes) = RecordingSubscriber::watch(|| drop(timer.run(b2.session()).unwrap()));
    let second = notes
        .iter()
        .find(|note| note.text.contains("attempt 2 of "));
    let second = second.unwrap();
    assert_eq!(second.level, Level::WARN);
    assert!(second.text.contains("; retrying in "), "{}", second.text);
}

#[test]
fn an_outage_is_one_warning_that_names_the_host_and_the_reason() {
    let (_, emulator, timer) = client();
    let calls = AtomicUsize::new(0);
    let b2 = wired(&emulator, &timer, move |request| {
        let fails =
            call_of(request) == "b2_list_buckets" && calls.fetch_add(1, Ordering::Relaxed) < 5;
        fails.then(|| Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent)))
    });
    let b2 = b2.build().unwrap();
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(b2.call(ListBuckets::new())).unwrap();
    });
    let is_warning =
        |note: &&LogEntry| note.level == Level::WARN && note.text.contains("outage detected");
    let warnings: Vec<_> = notes.iter().filter(is_warning).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let (_, host) = emulator.url().split_once("://").unwrap();
    let why = format!("outage detected ({host}: no connection could be made");
    assert!(warnings[0].text.contains(&why), "{warnings:?}");
    let field = format!(" host={host:?} ");
    assert!(warnings[0].text.contains(&field), "{warnings:?}");
}

#[test]
fn the_spans_of_a_transfer_name_its_bucket_file_and_part() {
    let (b2, emulator, timer) = client();
    let cut = Fault::new(FaultKind::CutResponse { after: 1 });
    emulator.faults().add(cut.on("b2_download_file_by_name"));
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(async {
            let bucket = crate::uploading::bucket(&b2).await;
            let cat = bucket.upload("cat", "meow".repeat(30)).part_size(40);
            let file = cat.await.unwrap().file;
            let stream = bucket.download("cat").stream().await.unwrap();
            stream.collect(120).await.unwrap();
            b2.call(GetFileInfo::new(&file.file_id)).await.unwrap();
            b2.call(upload(bucket.id(), "dog")).await.unwrap();
        });
    });
    let spans = notes.iter().filter(|note| !note.is_event);
    let spans: Vec<_> = spans.map(|note| &*note.text).collect();
    for (call, fields) in [
        (
            "b2_start_large_file",
            r#" bucket="holiday-photos" file="cat""#,
        ),
        (
            "b2_get_upload_part_url",
            r#" bucket="holiday-photos" file="cat""#,
        ),
        (
            "b2_upload_part",
            r#" bucket="holiday-photos" file="cat" part=3"#,
        ),
        (
            "b2_finish_large_file",
            r#" bucket="holiday-photos" file="cat""#,
        ),
        (
            "b2_download_file_by_name",
            r#" bucket="holiday-photos" file="cat""#,
        ),
        (
            "b2_download_file_by_id",
            r#" bucket="holiday-photos" file="cat""#,
        ),
        ("b2_get_file_info", r#" file="4_z"#),
        ("b2_upload_file", r#" file="dog""#),
    ] {
        let named = |span: &&&str| span.contains(call) && span.contains(fields);
        assert!(spans.iter().any(|span| named(&span)), "{call}: {spans:#?}");
    }
}

#[test]
fn a_call_that_waits_for_a_new_authorization_logs_it() {
    let (b2, emulator, timer) = client();
    timer.run(b2.call(ListBuckets::new())).unwrap();
    emulator.expire_account_tokens();
    let (listed, notes) = RecordingSubscriber::watch(|| timer.run(b2.call(ListBuckets::new())));
    listed.unwrap();
    let waits = notes
        .iter()
        .filter(|note| note.text.contains("waiting for a new authorization"));
    let levels: Vec<_> = waits.map(|note| note.level).collect();
    assert_eq!(levels, [Level::DEBUG]);
}

#[test]
fn a_shared_pause_of_a_thousand_calls_is_one_warning() {
    let (_, emulator, timer) = client();
    let listings = AtomicUsize::new(0);
    let (wire, clock) = (emulator.clone(), timer.clone());
    let backend = move |request: Request| {
        let is_early = call_of(&request) == "b2_list_buckets"
            && listings.fetch_add(1, Ordering::Relaxed) < 1_000;
        let (wire, clock) = (wire.clone(), clock.clone());
        async move {
            if !is_early {
                return wire.send(request).await;
            }
            // All requests are in flight before the first gets a response.
            clock.sleep(Duration::from_secs(1)).await;
            let mut response = http_refusal(429, "too_many_requests");
            let wish = b2kit::http::HeaderValue::from_static("7");
            response.headers_mut().insert("retry-after", wish);
            Ok(response)
        }
    };
    let b2 = client_over(&emulator, &timer, backend);
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(async {
            b2.session().await.unwrap();
            let calls = (0..1_000).map(|_| b2.call(ListBuckets::new()));
            futures::future::join_all(calls).await;
        });
    });
    let warnings = notes.iter().filter(|note| note.level == Level::WARN);
    let warnings: Vec<_> = warnings.map(|note| &*note.text).collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].contains("all API calls wait for 7.0s"));
    assert!(warnings[0].contains(" status=429"));
}

/// An error of any call about a file names the file.
#[test]
fn every_error_of_a_call_about_a_file_names_it() {
    let (_, emulator, timer) = client();
    let failing = Arc::new(Mutex::new(""));
    let meant = Arc::clone(&failing);
    let b2 = wired(&emulator, &timer, move |request| {
        let name = match call_of(request) {
            "" => "b2_download_file_by_name",
            name => name,
        };
        (name == *meant.lock().unwrap()).then(|| Ok(http_refusal(400, "bad_request")))
    });
    let b2 = b2.build().unwrap();
    let errors = timer.run(async {
        let bucket = crate::uploading::bucket(&b2).await;
        let file = bucket.upload("cat", "meow").await.unwrap().file;
        let mut errors = Vec::new();
        for call in [
            "b2_upload_file",
            "b2_get_upload_url",
            "b2_start_large_file",
            "b2_get_upload_part_url",
            "b2_upload_part",
            "b2_finish_large_file",
        ] {
            *failing.lock().unwrap() = call;
            let len = if call.contains("upload_file") || call.contains("upload_url") {
                1
            } else {
                30
            };
            let upload = bucket.upload("cat", "meow".repeat(len)).part_size(40);
            if call == "b2_get_upload_url" {
                emulator.expire_upload_tokens();
            }
            errors.push((call, upload.await.unwrap_err()));
        }
        *failing.lock().unwrap() = "b2_download_file_by_name";
        let download = bucket.download("cat").stream().await;
        errors.push(("b2_download_file_by_name", download.unwrap_err()));
        *failing.lock().unwrap() = "b2_copy_file";
        errors.push(("b2_copy_file", bucket.copy(&file, "cat").await.unwrap_err()));
        *failing.lock().unwrap() = "b2_delete_file_version";
        let delete = DeleteFileVersion::new("cat", &file.file_id);
        errors.push(("b2_delete_file_version", b2.call(delete).await.unwrap_err()));
        errors
    });
    for (call, error) in errors {
        assert_eq!(error.file(), Some("cat"), "{call}: {error:?}");
        let names = format!("{call}: \"cat\": ");
        assert!(error.to_string().starts_with(&names), "{error}");
    }
    // Errors made outside of calls name the file too, with control characters escaped.
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = crate::uploading::bucket(&b2).await;
        let name = format!("cat\u{202e}{}", "x".repeat(500));
        let gone = futures::stream::iter([Err(std::io::ErrorKind::NotFound.into())]);
        let gone = b2kit::transfer::Source::stream(gone);
        let error = bucket.upload(name.clone(), gone).await.unwrap_err();
        assert_eq!(error.file(), Some(&*name));
        let message = error.to_string();
        assert!(message.starts_with("\"cat\\u{202e}xx"), "{message}");
        assert!(message.len() < 200, "{message}");
    });
}

/// The secrets of a session, in every encoding.
fn encodings(secret: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
    let hex =
        |secret: &[u8]| -> String { secret.iter().map(|byte| format!("{byte:02x}")).collect() };
    let mut writings = vec![
        BASE64_STANDARD_NO_PAD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        hex(secret),
        hex(secret).to_uppercase(),
        // Every byte is escaped, whether it needs to be or not.
        secret.iter().map(|byte| format!("%{byte:02X}")).collect(),
        format!("{secret:?}"),
    ];
    if let Ok(text) = std::str::from_utf8(secret) {
        writings.extend([text.to_owned(), percent_encode(text).into_owned()]);
    }
    writings
}

fn seen(notes: &[LogEntry], secret: &[u8]) -> Option<String> {
    let writings = encodings(secret);
    let shows = |note: &&LogEntry| writings.iter().any(|writing| note.text.contains(writing));
    notes.iter().find(shows).map(|note| note.text.clone())
}

#[test]
fn no_span_or_event_shows_a_secret() {
    const KEY: &str = "canary7f3a+key/of=the~account";
    const SSE_C: &[u8; 32] = b"canary9b1c of a customer's key!!";
    let emulator = Emulator::builder()
        .key("0012key-id", KEY)
        .absolute_minimum_part_size(1)
        .build();
    let timer = ManualTimer::new();
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let given = Arc::clone(&tokens);
    let uploads = AtomicUsize::new(0);
    let b2 = wired(&emulator, &timer, move |request| {
        let token = request.headers()[AUTHORIZATION]
            .to_str()
            .unwrap()
            .to_owned();
        given.lock().unwrap().push(token.clone());
        if call_of(request).starts_with("b2_upload_") {
            given.lock().unwrap().push(request.uri().to_string());
        }
        let repeated = |status, code: &str| {
            let message = format!("more than one upload using auth token {token}");
            let document = serde_json::json!({"status": status, "code": code, "message": message});
            Some(Ok(crate::http_answer(status, &document)))
        };
        if call_of(request) != "b2_upload_file" {
            return None;
        }
        match uploads.fetch_add(1, Ordering::Relaxed) {
            0 => repeated(503, "service_unavailable"),
            1 => repeated(400, "auth_token_limit"),
            2 => repeated(401, "expired_auth_token"),
            3 => Some(Err(HttpError::new(
                HttpErrorKind::Stalled,
                Phase::MaybeReceived,
            ))),
            4 => repeated(500, &token),
            _ => None,
        }
    });
    let b2 = b2.build().unwrap();
    let wrong_key = wired(&emulator, &timer, |_| None);
    let wrong_key = wrong_key.credentials(Credentials::new("0012key-id", "canary5d5d").unwrap());
    let wrong_key = wrong_key.build().unwrap();
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(async {
            let customer = || CustomerKey::new(*SSE_C);
            let bucket = bucket(&b2).await;
            let file = upload(&bucket, "f");
            let file = file.server_side_encryption(EncryptionSetting::SseC(customer()));
            b2.call(file).await.unwrap();
            emulator.expire_upload_tokens();
            b2.call(upload(&bucket, "g")).await.unwrap();
            emulator.expire_account_tokens();
            b2.call(ListFileNames::new(&bucket)).await.unwrap();
            let name = BucketName::new("holiday-photos").unwrap();
            let download = DownloadFileByName::new(name, FileName::new("f").unwrap());
            b2.call(download.clone()).await.unwrap_err();
            let download = download.customer_key(customer());
            let back = b2.call(download).await.unwrap().body;
            assert_eq!(back.collect(100).await.unwrap(), b"meow");

            let start = StartLargeFile::new(&bucket, FileName::new("large").unwrap());
            let start = start.server_side_encryption(EncryptionSetting::SseC(customer()));
            let large = b2.call(start).await.unwrap().file_id;
            for number in [1, 2] {
                let part = UploadPart::new(&large, PartNumber::new(number).unwrap(), "meow")
                    .customer_key(customer());
                b2.call(part).await.unwrap();
            }
            b2.call(FinishLargeFile::new(&large, [Sha1::of(b"meow"); 2]))
                .await
                .unwrap();
            wrong_key.call(ListBuckets::new()).await.unwrap_err();
        });
    });
    assert!(failures(&notes).len() >= 8, "{notes:#?}");
    let two_at_once = notes
        .iter()
        .filter(|note| note.text.contains("two concurrent uploads"));
    assert_eq!(two_at_once.count(), 1);

    let tokens = tokens.lock().unwrap();
    assert!(tokens.len() > 20, "{}", tokens.len());
    let pairs = tokens
        .iter()
        .filter_map(|token| token.strip_prefix("Basic "));
    let mut secrets: Vec<_> = tokens
        .iter()
        .map(|token| token.as_bytes().to_vec())
        .collect();
    secrets.extend(pairs.map(|pair| pair.as_bytes().to_vec()));
    secrets.extend([KEY.as_bytes(), SSE_C, b"canary5d5d", b"canary"].map(<[u8]>::to_vec));
    for secret in secrets {
        assert_eq!(seen(&notes, &secret), None, "{}", secret.escape_ascii());
    }
}

#[test]
fn the_search_for_secrets_in_telemetry_finds_them() {
    let secret = b"canary+/7f3a";
    for writing in [
        "canary+/7f3a",
        "Y2FuYXJ5Ky83ZjNh",
        "63616e6172792b2f37663361",
        "63616E6172792B2F37663361",
        "canary%2B/7f3a",
    ] {
        let ((), event) = RecordingSubscriber::watch(|| tracing::trace!(writing, "told"));
        let ((), span) =
            RecordingSubscriber::watch(|| drop(tracing::trace_span!("span", ?writing)));
        let ((), later) = RecordingSubscriber::watch(|| {
            let span = tracing::trace_span!("span", writing = tracing::field::Empty);
            span.record("writing", writing);
        });
        for notes in [event, span, later] {
            assert!(seen(&notes, secret).is_some(), "{writing}");
            assert!(seen(&notes, b"something else").is_none());
        }
    }
}

/// The emulator's counts by class.
fn received(emulator: &Emulator) -> [u64; 3] {
    let (calls, metadata) = (emulator.snapshot().calls, crate::names::calls());
    [BillingClass::A, BillingClass::B, BillingClass::C].map(|class| {
        let of_class = |name: &String| {
            let (_, metadata) = metadata
                .iter()
                .find(|(_, metadata)| metadata.name == *name)
                .unwrap();
            metadata.class == class
        };
        let counts = calls.iter().filter(|(name, _)| of_class(name));
        counts.map(|(_, count)| count).sum()
    })
}

fn counted(b2: &Client) -> [u64; 3] {
    let counts = b2.call_counts();
    [counts.class_a, counts.class_b, counts.class_c]
}

#[test]
fn calls_are_counted_by_billing_class() {
    let (b2, emulator, timer) = client();
    assert_eq!(counted(&b2), [0, 0, 0]);
    timer.run(async {
        b2.session().await.unwrap();
        assert_eq!(counted(&b2), [0, 0, 1], "the authorization");
        let bucket = bucket(&b2).await;
        assert_eq!(counted(&b2), [0, 0, 2], "creating a bucket");
        let file = b2.call(upload(&bucket, "f")).await.unwrap();
        assert_eq!(counted(&b2), [2, 0, 2], "an upload and its URL");
        b2.call(GetFileInfo::new(&file.file_id)).await.unwrap();
        let name = BucketName::new("holiday-photos").unwrap();
        let download = DownloadFileByName::new(name, FileName::new("f").unwrap());
        let _dropped = b2.call(download).await.unwrap();
        assert_eq!(counted(&b2), [2, 2, 2], "a look and a download");
        b2.clone()
            .with_retry_policy(RetryPolicy::disabled())
            .call(ListFileNames::new(&bucket))
            .await
            .unwrap();
        let delete = DeleteFileVersion::new("f", &file.file_id);
        b2.call(delete.clone()).await.unwrap();
        b2.call(delete).await.unwrap_err();
        assert_eq!(
            counted(&b2),
            [4, 2, 3],
            "a clone's list, and deletions, one of them refused"
        );
        emulator.expire_account_tokens();
        b2.call(ListBuckets::new()).await.unwrap();
        assert_eq!(
            counted(&b2),
            [4, 2, 6],
            "a list with an old token, an authorization, a list"
        );
    });
    assert_eq!(counted(&b2), received(&emulator));
}

#[test]
fn unsent_calls_are_not_counted_and_each_retry_is() {
    let (_, emulator, timer) = client();
    let listings = AtomicUsize::new(0);
    let answer = move |n| -> Option<Result<Response, HttpError>> {
        match n {
            0 => Some(Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent))),
            1 => Some(Err(HttpError::new(
                HttpErrorKind::Closed,
                Phase::MaybeReceived,
            ))),
            2 => Some(Ok(http_refusal(503, "service_unavailable"))),
            3 => Some(Err(HttpError::new(HttpErrorKind::Resolve, Phase::NotSent))),
            _ => None,
        }
    };
    let b2 = wired(&emulator, &timer, move |request| {
        (call_of(request) == "b2_list_buckets")
            .then(|| answer(listings.fetch_add(1, Ordering::Relaxed)))?
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        b2.call(ListBuckets::new()).await.unwrap();
        assert_eq!(counted(&b2), [0, 0, 1 + 3]);
        // Refused before an upload URL is asked for.
        let endless = FileInfo::unchecked([("k", "v".repeat(10_000))]);
        let upload = upload(&"4_z".into(), "f").file_info(endless);
        let error = b2.call(upload).await.unwrap_err();
        assert_eq!((error.attempts(), counted(&b2)), (0, [0, 0, 4]), "{error}");
    });
}

/// A server that learns secrets from requests and lists them as names and ids.
#[test]
fn no_span_or_event_shows_a_secret_that_the_server_sends_as_a_name_or_an_id() {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use futures::StreamExt as _;

    let (_, emulator, timer) = client();
    let (name, token): (Arc<Mutex<String>>, Arc<Mutex<String>>) = Default::default();
    let (listed, sent) = (Arc::clone(&name), Arc::clone(&token));
    let attempts = AtomicUsize::new(0);
    let b2 = wired(&emulator, &timer, move |request| {
        let authorization = request.headers()[AUTHORIZATION].to_str().unwrap();
        match call_of(request) {
            "b2_list_file_versions" => {
                *sent.lock().unwrap() = authorization.to_owned();
                let bucket_id = crate::sent(request)["bucketId"].clone();
                let row = serde_json::json!({
                    "accountId": "a", "action": "upload", "bucketId": bucket_id,
                    "contentLength": 0, "fileId": "4_z", "fileInfo": {}, "uploadTimestamp": 1,
                    "fileName": *listed.lock().unwrap(),
                });
                let page = serde_json::json!({"files": [row], "nextFileName": null});
                Some(Ok(crate::http_answer(200, &page)))
            }
            "b2_delete_file_version" | "b2_get_file_info" | "b2_hide_file"
                if attempts.fetch_add(1, Ordering::Relaxed) % 4 < 3 =>
            {
                // The error code is the server's text too.
                Some(Ok(http_refusal(503, &listed.lock().unwrap())))
            }
            _ => None,
        }
    });
    let b2 = b2.build().unwrap();
    let mut shown = Vec::new();
    let ((), notes) = RecordingSubscriber::watch(|| {
        timer.run(async {
            let bucket = crate::uploading::bucket(&b2).await;
            drop(bucket.versions("").collect::<Vec<_>>().await);
            let token = token.lock().unwrap().clone();
            for secret in [emulator.key().to_owned(), token] {
                assert!(secret.len() > 24, "{secret}");
                let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
                for form in [secret.clone(), hex, BASE64_STANDARD.encode(&secret)] {
                    shown.push(form.clone());
                    *name.lock().unwrap() = form.clone();
                    let delete = b2kit::DeleteMode::Delete { concurrency: 1 };
                    drop(bucket.delete_prefix("", delete).collect::<Vec<_>>().await);
                    drop(b2.call(GetFileInfo::new(&*form)).await);
                    drop(
                        b2.download(b2kit::types::FileId::from(&*form))
                            .stream()
                            .await,
                    );
                    drop(bucket.hide(FileName::new(form).unwrap()).await);
                }
            }
        });
    });
    assert!(
        notes
            .iter()
            .any(|note| note.is_event && note.level == Level::WARN)
    );
    for form in shown {
        // Long texts are truncated to their beginning.
        let beginning = &form[..form.len().min(30)];
        for note in &notes {
            assert!(!note.text.contains(beginning), "{form} is in {}", note.text);
        }
    }
}
