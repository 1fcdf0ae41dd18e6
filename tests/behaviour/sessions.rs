//! The session that all calls share: authorization and renewal, export and restore, and the capabilities of its key.

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use b2kit::api::{
    AuthorizeAccount, CreateBucket, CreateKey, DeleteFileVersion, DownloadFileById,
    DownloadFileByName, ListBuckets, ListFileNames, UploadFile,
};
use b2kit::backend::emulator::Emulator;
use b2kit::http::header::{AUTHORIZATION, DATE, HeaderValue};
use b2kit::types::{BucketName, BucketType, Capability, FileName, KeyName, Secret};
use b2kit::{
    ApiVersion, Client, Credentials, Error, ErrorKind, HttpClient as _, HttpError, HttpErrorKind,
    ManualTimer, Phase, Request, Response, RetryPolicy, RetryStopReason, Session, Timer as _,
};
use futures::channel::oneshot;
use futures::future::{FutureExt as _, join, join_all};
use serde_json::{Value, json};

use crate::{
    answered, call_of, client, client_of, client_over, http_answer, http_refusal, session, wired,
};

const AUTHORIZE: &str = "b2_authorize_account";

/// B2's reply to `b2_authorize_account` in v4.
fn account(id: &str, token: &str, api: &str, downloads: &str) -> Value {
    json!({
        "accountId": id, "authorizationToken": token, "applicationKeyExpirationTimestamp": null,
        "apiInfo": {"storageApi": {
            "absoluteMinimumPartSize": 5_000_000, "recommendedPartSize": 100_000_000,
            "allowed": {"buckets": null, "capabilities": ["listBuckets", "readFiles"],
            "namePrefix": null},
            "apiUrl": api, "downloadUrl": downloads, "s3ApiUrl": api,
        }},
    })
}

/// A counter shared by a backend and its test.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    /// Increments the counter and returns its previous value.
    fn up(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client whose authorizations get the reply of `authorize`, which receives the number of previous ones.
fn with_authorizations(
    emulator: &Emulator,
    timer: &ManualTimer,
    authorize: impl Fn(usize) -> Option<Result<Response, HttpError>> + Send + Sync + 'static,
) -> (Client, Count) {
    let authorizations = Count::default();
    let counted = authorizations.clone();
    let b2 = wired(emulator, timer, move |request| {
        (call_of(request) == AUTHORIZE).then(|| authorize(counted.up()))?
    });
    (b2.build().unwrap(), authorizations)
}

fn authorizations(emulator: &Emulator) -> u64 {
    emulator.snapshot().calls_of(AUTHORIZE)
}

fn refused_connection() -> HttpError {
    HttpError::new(HttpErrorKind::Connect, Phase::NotSent)
}

#[test]
fn a_thousand_calls_whose_token_expires_at_once_authorize_once() {
    const CALLS: usize = 1_000;
    let (_, emulator, timer) = client();
    let (arrived, (open, opened)) = (Count::default(), oneshot::channel::<()>());
    let (open, opened) = (Mutex::new(Some(open)), opened.shared());
    let (wire, count) = (emulator.clone(), arrived.clone());
    // No call gets a response before all have arrived.
    let backend = move |request: Request| {
        if call_of(&request) == "b2_list_buckets" && count.up() + 1 == CALLS {
            open.lock().unwrap().take().unwrap().send(()).unwrap();
        }
        let (wire, opened) = (wire.clone(), opened.clone());
        async move {
            if call_of(&request) == "b2_list_buckets" {
                opened.await.unwrap();
            }
            wire.send(request).await
        }
    };
    let b2 = client_over(&emulator, &timer, backend);
    timer.run(b2.session()).unwrap();
    timer.advance(Duration::from_secs(1));
    let began = timer.now();
    timer.run(async {
        emulator.expire_account_tokens();
        let calls = (0..CALLS).map(|_| b2.call(ListBuckets::new()));
        assert!(join_all(calls).await.iter().all(Result::is_ok));
    });
    assert_eq!(arrived.get(), 2 * CALLS);
    assert_eq!(authorizations(&emulator), 2);
    assert_eq!(timer.now(), began, "nobody had to wait");
}

#[test]
fn a_late_401_for_an_old_token_does_not_discard_the_new_one() {
    let (_, emulator, timer) = client();
    let (release, released) = oneshot::channel::<()>();
    let (wire, held) = (emulator.clone(), Mutex::new(Some(released)));
    // The response to the first listing arrives last.
    let backend = move |request: Request| {
        let listing = call_of(&request) == "b2_list_buckets";
        let held = listing.then(|| held.lock().unwrap().take()).flatten();
        let wire = wire.clone();
        async move {
            let answer = wire.send(request).await;
            if let Some(released) = held {
                released.await.unwrap();
            }
            answer
        }
    };
    let b2 = client_over(&emulator, &timer, backend);
    timer.run(async {
        b2.session().await.unwrap();
        emulator.expire_account_tokens();
        let late = b2.call(ListBuckets::new());
        let prompt = async {
            b2.call(ListBuckets::new()).await.unwrap();
            assert_eq!(authorizations(&emulator), 2);
            release.send(()).unwrap();
        };
        let (late, ()) = join(late, prompt).await;
        late.unwrap();
    });
    assert_eq!(authorizations(&emulator), 2);
    assert_eq!(emulator.snapshot().calls_of("b2_list_buckets"), 4);
}

#[test]
fn another_call_authorizes_when_the_authorizing_one_is_dropped() {
    let mut taken_over = 0;
    for polls in 1.. {
        let (b2, emulator, timer) = client();
        let finished = timer.run(async {
            b2.session().await.unwrap();
            emulator.expire_account_tokens();
            let mut leader = Some(Box::pin(b2.call(ListBuckets::new())));
            let waiters = join_all((0..9).map(|_| b2.call(ListBuckets::new())));
            let mut waiters = std::pin::pin!(waiters);
            let (mut polled, mut finished) = (0, false);
            let outcomes = poll_fn(|cx| {
                if let Some(polled_now) = leader.as_mut().filter(|_| polled < polls) {
                    polled += 1;
                    finished = polled_now.as_mut().poll(cx).is_ready();
                    if finished {
                        polled = polls;
                        leader = None;
                    }
                } else {
                    leader = None;
                }
                waiters.as_mut().poll(cx)
            });
            assert!(outcomes.await.iter().all(Result::is_ok), "{polls}");
            finished
        });
        let authorizations = authorizations(&emulator);
        assert!(
            (2..=3).contains(&authorizations),
            "{authorizations} authorizations after {polls}"
        );
        taken_over += u32::from(authorizations == 3);
        if finished {
            break;
        }
    }
    assert!(taken_over > 0, "no leader was dropped while it authorized");
}

#[test]
fn a_failed_authorization_is_retried_with_backoff_and_all_calls_wait_for_it() {
    let (_, emulator, timer) = client();
    let busy = |n| {
        (1..=3)
            .contains(&n)
            .then(|| Ok(http_refusal(503, "service_unavailable")))
    };
    let (b2, authorizations) = with_authorizations(&emulator, &timer, busy);
    timer.run(async {
        b2.session().await.unwrap();
        timer.sleep(Duration::from_secs(1)).await;
        emulator.expire_account_tokens();
        let began = timer.now();
        let calls = (0..10).map(|_| b2.call(ListBuckets::new()));
        assert!(join_all(calls).await.iter().all(Result::is_ok));
        // Backoffs of 1 to 2, 2 to 4, and 4 to 8 seconds.
        let took = (timer.now() - began).as_secs_f64();
        assert!((7.0..14.0).contains(&took), "{took}");
    });
    assert_eq!(authorizations.get(), 1 + 4);
}

#[test]
fn an_immediately_refused_token_leads_to_at_most_one_authorization_per_second() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        b2.session().await.unwrap();
        let began = timer.now();
        for seconds in 1..=5 {
            emulator.expire_account_tokens();
            b2.call(ListBuckets::new()).await.unwrap();
            assert_eq!(timer.now() - began, Duration::from_secs(seconds));
        }
    });
    assert_eq!(authorizations(&emulator), 6);
}

#[test]
fn a_refused_key_fails_all_waiting_calls_and_is_not_retried_for_5_seconds() {
    let (_, emulator, timer) = client();
    let refused = |n| (n > 0).then(|| Ok(http_refusal(401, "bad_auth_token")));
    let (b2, authorizations) = with_authorizations(&emulator, &timer, refused);
    timer.run(async {
        b2.session().await.unwrap();
        emulator.expire_account_tokens();
        let outcomes = join_all((0..10).map(|_| b2.call(ListBuckets::new()))).await;
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.kind(), error.call(), error.attempts()),
                (ErrorKind::Credentials, Some(AUTHORIZE), 1)
            );
            assert_eq!(error.b2().unwrap().code, "bad_auth_token");
        }
        assert_eq!(authorizations.get(), 2);
        timer.advance(Duration::from_millis(4_999));
        let error = b2.call(ListBuckets::new()).await.unwrap_err();
        assert_eq!(
            (error.kind(), authorizations.get()),
            (ErrorKind::Credentials, 2)
        );
        timer.advance(Duration::from_millis(1));
        let error = b2.call(ListBuckets::new()).await.unwrap_err();
        assert_eq!(
            (error.kind(), authorizations.get()),
            (ErrorKind::Credentials, 3)
        );
    });
}

#[test]
fn ten_minutes_of_failing_authorizations_make_few_requests_for_any_number_of_calls() {
    for answered in [true, false] {
        let (_, emulator, timer) = client();
        let (began, clock) = (timer.now(), timer.clone());
        let over = move || clock.now() - began >= Duration::from_secs(600);
        let during = Count::default();
        let counted = during.clone();
        let (b2, _) = with_authorizations(&emulator, &timer, move |_| {
            (!over()).then(|| {
                counted.up();
                match answered {
                    true => Ok(http_refusal(503, "service_unavailable")),
                    false => Err(refused_connection()),
                }
            })
        });
        let last = timer.run(async {
            let calls = (0..=640).map(|second| {
                let (timer, b2) = (&timer, &b2);
                async move {
                    timer.sleep(Duration::from_secs(second)).await;
                    b2.call(ListBuckets::new()).await
                }
            });
            join_all(calls).await.pop().unwrap()
        });
        assert!(last.is_ok(), "{last:?}");
        assert!(
            (10..=25).contains(&during.get()),
            "{} authorizations",
            during.get()
        );
        assert_eq!(authorizations(&emulator), 1);
    }
}

/// A program may start before its network is up.
fn unlimited_authorization_retries() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.first_connection_timeout = Duration::MAX;
    policy
}

#[test]
fn a_call_does_not_wait_for_an_authorization_beyond_its_deadline() {
    let (_, emulator, timer) = client();
    let (b2, _) = with_authorizations(&emulator, &timer, |_| Some(Err(refused_connection())));
    let b2 = b2.with_retry_policy(unlimited_authorization_retries());
    let short_deadline =
        b2.with_retry_policy(RetryPolicy::default().with_deadline(Duration::from_secs(3)));
    timer.run(async {
        let began = timer.now();
        let short_deadline = async {
            let error = short_deadline.call(ListBuckets::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Http, "{error}");
            assert_eq!(error.retry_stop_reason(), Some(RetryStopReason::Deadline));
            assert!(!error.may_have_taken_effect());
            timer.now() - began
        };
        let (long_deadline, waited) = join(b2.call(ListBuckets::new()), short_deadline).await;
        let long_deadline = long_deadline.unwrap_err();
        assert_eq!(long_deadline.call(), Some(AUTHORIZE));
        assert_eq!(
            long_deadline.retry_stop_reason(),
            Some(RetryStopReason::Attempts)
        );
        assert!(waited <= Duration::from_secs(3), "{waited:?}");
    });
    // The failed authorizations are followed by a long backoff, which hasn't passed yet.
    let began = timer.now();
    let error = timer
        .run(short_deadline.call(ListBuckets::new()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Http, "{error}");
    let waited = timer.now() - began;
    assert!(waited <= Duration::from_secs(3), "{waited:?}");
}

#[test]
fn a_call_whose_deadline_ends_an_authorization_early_does_not_fail_others() {
    let deadline = RetryPolicy::default().with_deadline(Duration::from_millis(1_500));
    for short_deadline in [RetryPolicy::disabled(), deadline] {
        let (_, emulator, timer) = client();
        let (b2, authorizations) = with_authorizations(&emulator, &timer, |n| {
            (n < 4).then(|| Ok(http_refusal(503, "service_unavailable")))
        });
        let short_deadline = b2.with_retry_policy(short_deadline);
        timer.run(async {
            let short_deadline = join_all((0..5).map(|_| short_deadline.call(ListBuckets::new())));
            let long_deadline = join_all((0..5).map(|_| b2.call(ListBuckets::new())));
            let (short_deadline, long_deadline) = join(short_deadline, long_deadline).await;
            assert!(
                short_deadline.iter().all(Result::is_err),
                "{short_deadline:?}"
            );
            assert!(long_deadline.iter().all(Result::is_ok), "{long_deadline:?}");
        });
        assert_eq!(authorizations.get(), 5);
    }
}

#[test]
fn a_failed_authorization_fails_all_calls_that_waited_as_long() {
    let (_, emulator, timer) = client();
    let (b2, authorizations) =
        with_authorizations(&emulator, &timer, |_| Some(Err(refused_connection())));
    let b2 = b2.with_retry_policy(unlimited_authorization_retries());
    let short_deadline = b2.with_retry_policy(RetryPolicy::disabled());
    timer.run(async {
        let long_deadline = join_all((0..50).map(|_| b2.call(ListBuckets::new())));
        let short_deadline = join_all((0..50).map(|_| short_deadline.call(ListBuckets::new())));
        let (long_deadline, short_deadline) = join(long_deadline, short_deadline).await;
        for outcome in long_deadline.into_iter().chain(short_deadline) {
            let error = outcome.unwrap_err();
            assert_eq!((error.call(), error.attempts()), (Some(AUTHORIZE), 9));
        }
    });
    // At 0, 1, 3, 7, 15, 31, 63, 95 and 127 seconds.
    assert_eq!(authorizations.get(), 9);
}

#[test]
fn a_renewal_for_another_account_is_refused() {
    for restored in [false, true] {
        let (owner, emulator, timer) = client();
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&tokens);
        let answer = {
            let url = emulator.url();
            account("another", "another-token", url, url)
        };
        let (turned, authorizations) = (AtomicBool::new(restored), Count::default());
        let counted = authorizations.clone();
        let b2 = wired(&emulator, &timer, move |request| {
            if call_of(request) != AUTHORIZE {
                let token = request.headers()[AUTHORIZATION].to_str().unwrap();
                seen.lock().unwrap().push(token.to_owned());
                return None;
            }
            counted.up();
            let turned = turned.swap(true, Ordering::Relaxed);
            turned.then(|| Ok(http_answer(200, &answer)))
        });
        timer.run(async {
            let b2 = match restored {
                true => b2.session((*owner.session().await.unwrap()).clone()),
                false => b2,
            };
            let b2 = b2.build().unwrap();
            b2.call(ListBuckets::new()).await.unwrap();
            emulator.expire_account_tokens();
            let outcomes = join_all((0..3).map(|_| b2.call(ListBuckets::new()))).await;
            for outcome in outcomes {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Credentials);
                assert!(error.to_string().contains("a different account"), "{error}");
            }
        });
        assert_eq!(authorizations.get(), if restored { 1 } else { 2 });
        let tokens = tokens.lock().unwrap();
        assert!(!tokens.is_empty() && !tokens.contains(&"another-token".to_owned()));
    }
}

#[test]
fn calls_use_the_hosts_of_the_renewed_session() {
    let timer = ManualTimer::new();
    let (hosts_and_tokens, authorizations) = (Arc::new(Mutex::new(Vec::new())), Count::default());
    let seen = Arc::clone(&hosts_and_tokens);
    let backend = move |request: Request| {
        let host = request.uri().host().unwrap().to_owned();
        let token = request.headers()[AUTHORIZATION]
            .to_str()
            .unwrap()
            .to_owned();
        let answer = if call_of(&request) == AUTHORIZE {
            let n = authorizations.up() + 1;
            let (api, downloads) = (
                format!("https://api00{n}.backblazeb2.com"),
                format!("https://f00{n}.backblazeb2.com"),
            );
            http_answer(200, &account("a", &format!("t{n}"), &api, &downloads))
        } else if token == "t3" {
            http_answer(200, &json!({"buckets": []}))
        } else {
            http_refusal(401, "expired_auth_token")
        };
        seen.lock().unwrap().push((host, token));
        async move { Ok(answer) }
    };
    let b2 = Client::builder()
        .credentials(Credentials::new("id", "key").unwrap())
        .backend(backend)
        .timer(timer.clone())
        .build()
        .unwrap();
    timer.run(async {
        let download = DownloadFileById::new("f");
        // Its token and the renewed one are both refused.
        let error = b2.call(download).await.unwrap_err();
        assert_eq!(error.b2().unwrap().code, "expired_auth_token");
        b2.call(ListBuckets::new()).await.unwrap();
    });
    let hosts_and_tokens = hosts_and_tokens.lock().unwrap();
    let hosts_and_tokens: Vec<_> = hosts_and_tokens
        .iter()
        .filter(|(_, token)| !token.starts_with("Basic"))
        .map(|(host, token)| (host.split('.').next().unwrap(), &**token))
        .collect();
    assert_eq!(
        hosts_and_tokens,
        [
            ("f001", "t1"),
            ("f002", "t2"),
            ("api002", "t2"),
            ("api003", "t3")
        ]
    );
}

#[test]
fn tokens_are_renewed_regardless_of_the_servers_clock() {
    let dates: [Option<&'static str>; 6] = [
        None,
        Some(""),
        Some("soon"),
        Some("Thu, 01 Jan 1970 00:00:00 GMT"),
        Some("Fri, 31 Dec 9999 23:59:59 GMT"),
        Some("\u{fc}"),
    ];
    for date in dates {
        let (_, emulator, timer) = client();
        let wire = emulator.clone();
        let backend = move |request: Request| {
            let wire = wire.clone();
            async move {
                let mut response = wire.send(request).await?;
                let headers = response.headers_mut();
                match date.map(|date| HeaderValue::from_bytes(date.as_bytes()).unwrap()) {
                    Some(date) => headers.insert(DATE, date),
                    None => headers.remove(DATE),
                };
                Ok(response)
            }
        };
        let b2 = client_over(&emulator, &timer, backend);
        timer.run(b2.session()).unwrap();
        timer.advance(Duration::from_secs(1));
        let began = timer.now();
        timer.run(async {
            let name = BucketName::new("holiday-photos").unwrap();
            let bucket = CreateBucket::new(name.clone(), BucketType::AllPrivate);
            let bucket = b2.call(bucket).await.unwrap();
            emulator.expire_account_tokens();
            let file = FileName::new("f").unwrap();
            let upload = UploadFile::new(&bucket.bucket_id, file.clone(), "meow");
            b2.call(upload).await.unwrap();
            let back = b2.call(DownloadFileByName::new(name, file)).await.unwrap();
            assert_eq!(back.body.collect(100).await.unwrap(), b"meow");
        });
        assert_eq!(
            (authorizations(&emulator), timer.now()),
            (2, began),
            "{date:?}"
        );
    }
}

#[test]
fn an_exported_session_round_trips() {
    let authorize = AuthorizeAccount::new(Credentials::new("id", "key").unwrap());
    for document in restricted_documents().map(|(_, document, ..)| document) {
        let session = answered(&authorize, document);
        let text = session.export();
        let again = Session::restore(text.expose()).unwrap();
        assert_eq!(again.export().expose(), text.expose());
        assert_eq!(again.version(), session.version());
        assert_eq!(again.account_id(), session.account_id());
        assert_eq!(
            again.authorization_token().expose(),
            session.authorization_token().expose()
        );
        assert_eq!(
            (again.api_url(), again.download_url(), again.s3_api_url()),
            (
                session.api_url(),
                session.download_url(),
                session.s3_api_url()
            )
        );
        assert_eq!(
            (again.groups_api_url(), again.backup_api_url()),
            (session.groups_api_url(), session.backup_api_url())
        );
        assert_eq!(
            (
                again.groups_api_capabilities(),
                again.backup_api_capabilities()
            ),
            (
                session.groups_api_capabilities(),
                session.backup_api_capabilities()
            )
        );
        assert_eq!(
            (
                again.absolute_minimum_part_size(),
                again.recommended_part_size()
            ),
            (
                session.absolute_minimum_part_size(),
                session.recommended_part_size()
            )
        );
        assert_eq!(again.allowed(), session.allowed());
        assert_eq!(
            again.application_key_expiration_timestamp(),
            session.application_key_expiration_timestamp()
        );
    }
}

#[test]
fn a_restored_session_makes_calls_in_its_own_version_with_and_without_credentials() {
    for version in [ApiVersion::V2, ApiVersion::V3, ApiVersion::V4] {
        let (_, emulator, timer) = client();
        let first = wired(&emulator, &timer, |_| None).api_version(version);
        let first = first.build().unwrap();
        let text = timer.run(first.session()).unwrap().export();
        let restored = || Session::restore(text.expose()).unwrap();
        let paths = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&paths);
        let with_key = wired(&emulator, &timer, move |request| {
            seen.lock().unwrap().push(request.uri().path().to_owned());
            None
        });
        let with_key = with_key.session(restored()).build().unwrap();
        let without_key = Client::builder()
            .session(restored())
            .endpoint(emulator.url())
            .backend(emulator.clone())
            .timer(timer.clone())
            .build()
            .unwrap();
        timer.run(async {
            with_key.call(ListBuckets::new()).await.unwrap();
            without_key.call(ListBuckets::new()).await.unwrap();
            assert_eq!(authorizations(&emulator), 1);
            emulator.expire_account_tokens();
            with_key.call(ListBuckets::new()).await.unwrap();
            let error = without_key.call(ListBuckets::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Credentials);
        });
        assert_eq!(authorizations(&emulator), 2);
        let first = &paths.lock().unwrap()[0];
        assert_eq!(*first, format!("/b2api/{version}/b2_list_buckets"));
    }
}

/// An export of format 1 as it was first written, and one with all fields that were added since. Never change these
/// texts: exports of earlier versions of the crate have to be restored.
const FORMAT_1: [&str; 2] = [
    r#"{"b2kitSession":1,"version":"v3","accountId":"a1","secretAuthorizationToken":"t1",
        "apiUrl":"https://api004.backblazeb2.com","downloadUrl":"https://f004.backblazeb2.com",
        "absoluteMinimumPartSize":5000000,"recommendedPartSize":100000000,
        "allowed":{"capabilities":["listFiles"],"buckets":null,"namePrefix":null}}"#,
    r#"{"b2kitSession":1,"version":"v4","accountId":"a1","secretAuthorizationToken":"t1",
        "apiUrl":"https://api004.backblazeb2.com","downloadUrl":"https://f004.backblazeb2.com",
        "s3ApiUrl":"https://s3.us-west-004.backblazeb2.com","infoType":"storageApi",
        "groupsApiUrl":"https://api004.backblazeb2.com","groupsApiCapabilities":["all"],
        "groupsApiInfoType":"groupsApi","backupApiUrl":"https://api004.backblazeb2.com",
        "backupApiCapabilities":["all"],"backupApiInfoType":"backupApi",
        "absoluteMinimumPartSize":5000000,"recommendedPartSize":100000000,
        "allowed":{"capabilities":["listFiles","readFiles"],
        "buckets":[{"id":"b1","name":"photos"},{"id":"b2","name":null}],"namePrefix":"2026/"},
        "applicationKeyExpirationTimestamp":1800000000000}"#,
];

#[test]
fn sessions_exported_in_format_1_are_restored() {
    let [first, full] = FORMAT_1.map(|text| Session::restore(text).unwrap());
    for session in [&first, &full] {
        assert_eq!(session.account_id().as_str(), "a1");
        assert_eq!(session.authorization_token().expose(), "t1");
        assert_eq!(session.api_url(), "https://api004.backblazeb2.com");
        assert_eq!(session.download_url(), "https://f004.backblazeb2.com");
        assert_eq!(session.absolute_minimum_part_size(), 5_000_000);
        assert_eq!(session.recommended_part_size(), 100_000_000);
    }
    assert_eq!(
        (first.version(), full.version()),
        (ApiVersion::V3, ApiVersion::V4)
    );
    assert_eq!(first.allowed().capabilities, [Capability::ListFiles]);
    assert_eq!((first.s3_api_url(), first.groups_api_url()), (None, None));
    assert_eq!(
        full.s3_api_url(),
        Some("https://s3.us-west-004.backblazeb2.com")
    );
    assert_eq!(full.allowed().name_prefix.as_deref(), Some("2026/"));
    let buckets = full.allowed().buckets.as_ref().unwrap();
    assert_eq!(
        (buckets[0].id.as_str(), buckets[0].name.as_deref()),
        ("b1", Some("photos"))
    );
    assert_eq!(buckets[1].name, None);
    let expires = full.application_key_expiration_timestamp().unwrap();
    assert_eq!(expires.as_millis(), 1_800_000_000_000);
    // An export made today has the same fields under the same names.
    let today: Value = serde_json::from_str(full.export().expose()).unwrap();
    let then: Value = serde_json::from_str(FORMAT_1[1]).unwrap();
    assert_eq!(today, then);
}

#[test]
fn an_invalid_exported_session_is_refused_and_not_shown() {
    const TOKEN: &str = "canary7f3a";
    let (api, downloads) = (
        "https://api004.backblazeb2.com",
        "https://f004.backblazeb2.com",
    );
    let session = Session::new(ApiVersion::V4, "a", Secret::new(TOKEN), api, downloads);
    let text = session.export();
    assert!(!format!("{text:?} {session:?}").contains(TOKEN));
    let text = text.expose();
    assert!(!format!("{:?}", Session::restore(text).unwrap()).contains(TOKEN));

    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let mut garbage: Vec<String> = (0..text.len()).map(|end| text[..end].to_owned()).collect();
    garbage.extend(["null", "{}", "[]", "7", TOKEN].map(str::to_owned));
    garbage.extend([
        format!("{text}{TOKEN}"),
        with("\"v4\"", "\"v9\""),
        with("\"v4\"", &format!("\"{TOKEN}\"")),
        with("\"b2kitSession\":1", "\"b2kitSession\":\"canary7f3a\""),
        with("\"b2kitSession\":1", "\"b2kitSession\":-1"),
        with("secretAuthorizationToken", TOKEN),
        with("5000000", "\"canary7f3a\""),
        with("5000000", "-1"),
    ]);
    for text in garbage {
        let error = Session::restore(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let message = error.to_string();
        assert!(message.contains("not an exported session"), "{message}");
        assert!(!format!("{message} {error:?}").contains(TOKEN) && error.source().is_none());
    }
    let error = Session::restore(&with("\"b2kitSession\":1", "\"b2kitSession\":2")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("format 2; this version of b2kit reads format 1"),
        "{error}"
    );
}

#[test]
fn a_restored_session_with_foreign_hosts_is_refused() {
    let text = session(ApiVersion::V4).export();
    for (from, to) in [
        ("https://api004.backblazeb2.com", "https://evil.test"),
        (
            "https://api004.backblazeb2.com",
            "https://api004.backblazeb2.com.evil.test",
        ),
        (
            "https://api004.backblazeb2.com",
            "http://api004.backblazeb2.com",
        ),
        (
            "https://api004.backblazeb2.com",
            "https://api004.backblazeb2.com@evil.test",
        ),
        (
            "https://api004.backblazeb2.com",
            "https://api004.backblazeb2.com:8443",
        ),
        ("https://f004.backblazeb2.com", "https://evil.test"),
    ] {
        assert!(text.expose().contains(from));
        let changed = Session::restore(&text.expose().replace(from, to)).unwrap();
        let b2 = Client::builder()
            .session(changed)
            .credentials(Credentials::new("id", "key").unwrap())
            .backend(|_: Request| async { panic!("nothing is sent") })
            .timer(ManualTimer::new());
        let error = b2.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{to}");
    }
}

#[test]
fn a_restored_token_that_is_not_a_valid_header_value_is_an_error_that_does_not_show_it() {
    let token = Secret::new("canary\r\nevil: 1");
    let origin = "https://api004.backblazeb2.com";
    let session = Session::new(ApiVersion::V4, "a", token, origin, origin);
    let session = Session::restore(session.export().expose()).unwrap();
    let b2 = Client::builder()
        .session(session)
        .backend(|_: Request| async { panic!("nothing is sent") })
        .build()
        .unwrap();
    let error = futures::executor::block_on(b2.call(ListBuckets::new())).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Invalid, 0));
    assert!(!format!("{error} {error:?}").contains("canary"));
}

/// A client whose key is restricted to these buckets and this name prefix.
async fn restricted(
    owner: &Client,
    emulator: &Emulator,
    timer: &ManualTimer,
    key: CreateKey,
) -> Client {
    let key = owner.call(key).await.unwrap();
    let client = Client::builder()
        .credentials(key.credentials().unwrap())
        .endpoint(emulator.url())
        .backend(emulator.clone())
        .timer(timer.clone());
    client.build().unwrap()
}

fn key(capabilities: impl IntoIterator<Item = Capability>) -> CreateKey {
    CreateKey::new(KeyName::new("restricted").unwrap(), capabilities)
}

#[test]
fn a_call_without_its_capability_is_refused_before_anything_is_sent() {
    let (owner, emulator, timer) = client();
    timer.run(async {
        let name = BucketName::new("holiday-photos").unwrap();
        let bucket = owner
            .call(CreateBucket::new(name, BucketType::AllPrivate))
            .await
            .unwrap();
        let key = key([Capability::ListFiles]).bucket_ids([&bucket.bucket_id]);
        let b2 = restricted(&owner, &emulator, &timer, key.name_prefix("2026/")).await;
        b2.session().await.unwrap();
        let before = emulator.snapshot().calls;
        let upload = UploadFile::new(&bucket.bucket_id, FileName::new("2026/f").unwrap(), "x");
        let refusals: [(Error, &str); 3] = [
            (
                b2.call(DeleteFileVersion::new("2026/f", "4_z"))
                    .await
                    .map(drop)
                    .unwrap_err(),
                "deleteFiles",
            ),
            (b2.call(upload).await.map(drop).unwrap_err(), "writeFiles"),
            (
                b2.call(ListBuckets::new()).await.map(drop).unwrap_err(),
                "listBuckets",
            ),
        ];
        for (error, capability) in refusals {
            assert_eq!(
                (error.kind(), error.attempts()),
                (ErrorKind::Unauthorized, 0)
            );
            let message = error.to_string();
            for part in [
                "nothing was sent",
                &format!("the key lacks {capability}"),
                "is restricted to the bucket [\"holiday-photos\"]",
                "file names that begin with \"2026/\"",
            ] {
                assert!(message.contains(part), "{message}");
            }
        }
        assert_eq!(emulator.snapshot().calls, before);
        // Downloads from a public bucket need no capability, so the request is sent.
        let error = b2.call(DownloadFileById::new("4_z")).await.unwrap_err();
        assert_eq!(error.attempts(), 1, "{error}");
    });
}

#[test]
fn b2s_refusal_is_reported_with_the_keys_capabilities() {
    let (owner, emulator, timer) = client();
    timer.run(async {
        let mut buckets = Vec::new();
        for name in ["holiday-photos", "letters", "accounts"] {
            let create = CreateBucket::new(BucketName::new(name).unwrap(), BucketType::AllPrivate);
            buckets.push(owner.call(create).await.unwrap().bucket_id);
        }
        let key = key([Capability::ListFiles])
            .bucket_ids(&buckets[..2])
            .name_prefix("2026/");
        let b2 = restricted(&owner, &emulator, &timer, key).await;
        let inside = ListFileNames::new(&buckets[0]).prefix("2026/05/");
        b2.call(inside).await.unwrap();
        for outside in [
            ListFileNames::new(&buckets[0]).prefix("2025/"),
            ListFileNames::new(&buckets[0]),
            ListFileNames::new(&buckets[2]).prefix("2026/"),
        ] {
            let error = b2.call(outside).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (ErrorKind::Unauthorized, 1)
            );
            assert_eq!(error.b2().unwrap().code, "unauthorized");
            let message = error.to_string();
            for part in [
                "b2_list_file_names: B2 answered 401 unauthorized",
                "the key has listFiles",
                "is restricted to the buckets [\"holiday-photos\", \"letters\"]",
                "is restricted to file names that begin with \"2026/\"",
            ] {
                assert!(message.contains(part), "{message}");
            }
        }
    });
    assert_eq!(authorizations(&emulator), 2, "no token was to blame");
}

type Bucket = (&'static str, Option<&'static str>);
type Restricted = (ApiVersion, Value, Option<Vec<Bucket>>, Option<&'static str>);

/// Authorization replies for restricted keys in each API version, with their buckets and name prefix.
fn restricted_documents() -> [Restricted; 8] {
    let v2 = |allowed: Value| {
        let mut document = json!({
            "absoluteMinimumPartSize": 5_000_000, "accountId": "15f935cf4dcb", "allowed": allowed,
            "apiUrl": "https://api004.backblazeb2.com", "authorizationToken": "4_canary_acct_",
            "downloadUrl": "https://f004.backblazeb2.com", "recommendedPartSize": 100_000_000,
            "s3ApiUrl": "https://s3.us-west-004.backblazeb2.com",
        });
        document["allowed"]["capabilities"] = json!(["listFiles", "flyFiles"]);
        document
    };
    let v3 = |restriction: Value| {
        let mut storage = json!({
            "absoluteMinimumPartSize": 5_000_000, "apiUrl": "https://api004.backblazeb2.com",
            "capabilities": ["listFiles", "flyFiles"],
            "downloadUrl": "https://f004.backblazeb2.com",
            "infoType": "storageApi", "recommendedPartSize": 100_000_000,
            "s3ApiUrl": "https://s3.us-west-004.backblazeb2.com",
        });
        for (name, value) in restriction.as_object().unwrap() {
            storage[name] = value.clone();
        }
        let partner = "https://api001.backblazeb2.com";
        json!({
            "accountId": "15f935cf4dcb", "authorizationToken": "4_canary_acct_",
            "applicationKeyExpirationTimestamp": 1_770_421_227_461_i64,
            "apiInfo": {
                "storageApi": storage,
                "groupsApi": {"capabilities": ["all"], "groupsApiUrl": partner,
                "infoType": "groupsApi"},
            },
        })
    };
    let v4 = |buckets: Value, prefix: Value| {
        json!({
            "accountId": "15f935cf4dcb", "authorizationToken": "4_canary_acct_",
            "applicationKeyExpirationTimestamp": null,
            "apiInfo": {"storageApi": {
                "absoluteMinimumPartSize": 5_000_000, "recommendedPartSize": 100_000_000,
                "allowed": {"buckets": buckets, "capabilities": ["listFiles", "flyFiles"],
                "namePrefix": prefix},
                "apiUrl": "https://api004.backblazeb2.com",
                "downloadUrl": "https://f004.backblazeb2.com",
                "s3ApiUrl": "https://s3.us-west-004.backblazeb2.com",
            }},
        })
    };
    let one = Some(vec![("b1", Some("one"))]);
    let deleted = Some(vec![("b1", None)]);
    [
        (
            ApiVersion::V2,
            v2(json!({"bucketId": "b1", "bucketName": "one", "namePrefix": "2026/"})),
            one.clone(),
            Some("2026/"),
        ),
        (
            ApiVersion::V2,
            v2(json!({"bucketId": "b1", "bucketName": null, "namePrefix": null})),
            deleted.clone(),
            None,
        ),
        (
            ApiVersion::V3,
            v3(json!({"bucketId": "b1", "bucketName": "one", "namePrefix": "2026/"})),
            one.clone(),
            Some("2026/"),
        ),
        (
            ApiVersion::V3,
            v3(json!({"bucketId": "b1", "bucketName": null, "namePrefix": null})),
            deleted.clone(),
            None,
        ),
        (
            ApiVersion::V4,
            v4(json!([{"id": "b1", "name": "one"}]), json!("2026/")),
            one,
            Some("2026/"),
        ),
        (
            ApiVersion::V4,
            v4(
                json!([{"id": "b1", "name": "one"}, {"id": "b2", "name": null}]),
                json!(null),
            ),
            Some(vec![("b1", Some("one")), ("b2", None)]),
            None,
        ),
        (
            ApiVersion::V4,
            v4(json!([{"id": "b1", "name": null}]), json!(null)),
            deleted,
            None,
        ),
        (
            ApiVersion::V4,
            v4(json!(null), json!("2026/")),
            None,
            Some("2026/"),
        ),
    ]
}

#[test]
fn the_restrictions_of_a_key_are_read_from_each_api_versions_reply() {
    let authorize = AuthorizeAccount::new(Credentials::new("id", "key").unwrap());
    for (version, document, buckets, prefix) in restricted_documents() {
        let session = answered(&authorize, document);
        assert_eq!(session.version(), version);
        let allowed = session.allowed();
        assert_eq!(
            allowed.capabilities,
            [Capability::ListFiles, "flyFiles".into()]
        );
        let read = allowed.buckets.as_ref().map(|buckets| {
            let pair =
                |bucket: &b2kit::api::AllowedBucket| (bucket.id.to_string(), bucket.name.clone());
            buckets.iter().map(pair).collect::<Vec<_>>()
        });
        let expected = buckets.map(|buckets| {
            let pair = |(id, name): (&str, Option<&str>)| (id.to_owned(), name.map(str::to_owned));
            buckets.into_iter().map(pair).collect::<Vec<_>>()
        });
        assert_eq!(read, expected, "{version}");
        assert_eq!(allowed.name_prefix.as_deref(), prefix, "{version}");
        assert!(!format!("{session:?}").contains("canary"));
    }
}

#[test]
fn clones_of_a_client_share_its_session() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let short_deadline = b2.with_retry_policy(RetryPolicy::disabled());
        b2.clone().call(ListBuckets::new()).await.unwrap();
        short_deadline.call(ListBuckets::new()).await.unwrap();
        emulator.expire_account_tokens();
        short_deadline.call(ListBuckets::new()).await.unwrap();
    });
    assert_eq!(authorizations(&emulator), 2);
    let other = client_of(&emulator, &timer);
    timer.run(other.session()).unwrap();
    assert_eq!(authorizations(&emulator), 3);
}

#[test]
fn a_restored_session_sets_the_api_version_and_a_contradicting_one_is_refused() {
    let (_, emulator, timer) = client();
    let builder = || {
        let credentials = Credentials::new(emulator.key_id(), emulator.key()).unwrap();
        Client::builder()
            .credentials(credentials)
            .endpoint(emulator.url())
            .backend(emulator.clone())
            .timer(timer.clone())
    };
    let old = builder().api_version(ApiVersion::V2).build().unwrap();
    let session = timer.run(old.session()).unwrap();
    let restored = || builder().session(Session::clone(&session));

    let b2 = restored().build().unwrap();
    emulator.expire_account_tokens();
    timer.run(b2.call(ListBuckets::new())).unwrap();
    let renewed = timer.run(b2.session()).unwrap();
    assert_eq!(
        renewed.version(),
        ApiVersion::V2,
        "after a new authorization too"
    );

    assert!(restored().api_version(ApiVersion::V2).build().is_ok());
    let error = restored().api_version(ApiVersion::V4).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("v2"), "{error}");
}

#[test]
fn a_call_waiting_for_an_authorization_that_is_not_polled_ends_at_its_deadline() {
    let (_, emulator, timer) = client();
    let hangs = |_: Request| std::future::pending::<Result<Response, HttpError>>();
    let b2 = client_over(&emulator, &timer, hangs);
    let mut first = Box::pin(b2.session());
    assert!((&mut first).now_or_never().is_none());
    let second = |deadline: u64| Duration::from_secs(deadline);
    let hurried = b2.with_retry_policy(RetryPolicy::default().with_deadline(second(5)));
    let began = timer.now();
    let error = timer.run(hurried.session()).unwrap_err();
    assert_eq!(
        error.retry_stop_reason(),
        Some(RetryStopReason::Deadline),
        "{error:?}"
    );
    assert_eq!(error.call(), Some(AUTHORIZE));
    assert!(timer.now() - began <= second(5));
    // A download, which has no deadline of its own, doesn't wait forever either.
    let began = timer.now();
    let error = timer.run(b2.call(DownloadFileById::new("f"))).unwrap_err();
    assert_eq!(
        error.retry_stop_reason(),
        Some(RetryStopReason::Deadline),
        "{error:?}"
    );
    assert!(timer.now() - began <= second(300));
    drop(first);
}
