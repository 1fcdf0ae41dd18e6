//! Concurrency limits, shared pauses, and resuming after an outage.

use std::collections::BTreeMap;
use std::time::Duration;

use b2kit::api::{CreateBucket, DeleteBucket, ListBuckets, ListKeys};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{BucketName, BucketType};
use b2kit::{
    Client, ErrorKind, HttpError, HttpErrorKind, ManualTimer, Phase, RetryPolicy, RetryStopReason,
    Timer as _,
};
use futures::FutureExt as _;
use futures::future::{Either, join_all, select};

use crate::script::Fault::{self, LostResponse, Slow, Status};
use crate::script::Script;
use crate::wired;

const LIMITED: Fault = Status(429, "too_many_requests", &[]);

/// A client whose concurrency was reduced to one by 429 responses.
async fn reduce_concurrency_to_one(b2: &Client, script: &Script) {
    b2.session().await.unwrap();
    script.push("b2_list_buckets", LIMITED);
    b2.call(ListBuckets::new()).await.unwrap();
}

#[test]
fn a_call_that_is_not_polled_does_not_block_other_calls() {
    let (b2, script) = Script::new([]);
    script.timer.run(async {
        reduce_concurrency_to_one(&b2, &script).await;
        script.push("b2_list_buckets", Slow(10, Box::new(Fault::None)));
        let mut first = Box::pin(b2.call(ListBuckets::new()));
        assert!((&mut first).now_or_never().is_none());
        // The first call is polled again later.
        for _ in 0..3 {
            let timeout = script.timer.sleep(Duration::from_secs(120));
            let next = Box::pin(b2.call(ListKeys::new()));
            match select(next, timeout).await {
                Either::Left((keys, _)) => keys.unwrap(),
                Either::Right(_) => panic!("two minutes, and the second call was not sent"),
            };
        }
        first.await.unwrap();
    });
}

#[test]
fn reconciliation_gets_a_permit_at_a_concurrency_of_one() {
    let (b2, script) = Script::new([]);
    let elapsed = script.timer.run(async {
        reduce_concurrency_to_one(&b2, &script).await;
        script.push("b2_create_bucket", LostResponse);
        let began = script.timer.now();
        let name = BucketName::new("holiday-photos").unwrap();
        b2.call(CreateBucket::new(name, BucketType::AllPrivate))
            .await
            .unwrap();
        script.timer.now() - began
    });
    assert_eq!(elapsed, Duration::ZERO);
}

#[test]
fn calls_waiting_on_a_shared_pause_fail_after_five_minutes() {
    let (b2, script) = Script::new([]);
    for _ in 0..40 {
        script.push(
            "b2_list_buckets",
            Status(429, "too_many_requests", &[("retry-after", "200")]),
        );
    }
    let ends = script.timer.run(async {
        b2.session().await.unwrap();
        let calls = (0..10).map(|n| {
            let (b2, timer) = (b2.clone(), script.timer.clone());
            async move {
                timer.sleep(Duration::from_secs(n)).await;
                let began = timer.now();
                let outcome = b2.call(ListBuckets::new()).await;
                (timer.now() - began, outcome)
            }
        });
        join_all(calls).await
    });
    for (elapsed, outcome) in ends {
        let error = outcome.unwrap_err();
        assert!(elapsed <= Duration::from_secs(300), "{elapsed:?}");
        assert_eq!(
            (error.kind(), error.retry_stop_reason(), error.call()),
            (
                ErrorKind::TooManyRequests,
                Some(RetryStopReason::Deadline),
                Some("b2_list_buckets")
            )
        );
        assert_eq!(error.elapsed(), elapsed);
    }
}

#[test]
fn a_call_that_was_never_sent_reports_the_shared_pause() {
    let (b2, script) = Script::new([]);
    let error = script.timer.run(async {
        b2.session().await.unwrap();
        script.push(
            "b2_list_buckets",
            Status(429, "too_many_requests", &[("retry-after", "60")]),
        );
        let hurried =
            b2.with_retry_policy(RetryPolicy::default().with_deadline(Duration::from_secs(5)));
        hurried.call(ListBuckets::new()).await.unwrap_err();
        hurried.call(DeleteBucket::new("b")).await.unwrap_err()
    });
    assert_eq!(
        (error.kind(), error.retry_stop_reason(), error.attempts()),
        (
            ErrorKind::TooManyRequests,
            Some(RetryStopReason::Deadline),
            0
        )
    );
    assert_eq!(error.call(), Some("b2_delete_bucket"));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert!(!error.may_have_taken_effect());
    assert_eq!(script.count("b2_delete_bucket"), 0);
}

/// The second in which each of this many clients succeeds after an outage of one minute.
/// `authorized` ones have a session when the outage begins.
fn seconds_of_success(clients: u64, authorized: bool) -> BTreeMap<u64, u64> {
    let mut seconds = BTreeMap::new();
    for seed in 0..clients {
        let emulator = Emulator::builder().build();
        let timer = ManualTimer::new();
        let down_from = timer.now() + Duration::from_secs(10);
        let clock = timer.clone();
        let b2 = wired(&emulator, &timer, move |_| {
            let now = clock.now();
            let down = now >= down_from && now - down_from < Duration::from_secs(60);
            down.then(|| Err(HttpError::new(HttpErrorKind::Connect, Phase::NotSent)))
        });
        let mut policy = RetryPolicy::default();
        policy.first_connection_timeout = Duration::from_secs(120);
        let b2 = b2.rng_seed(seed).retry_policy(policy).build().unwrap();
        timer.run(async {
            if authorized {
                b2.session().await.unwrap();
            }
            timer.sleep(Duration::from_secs(10)).await;
            b2.call(ListBuckets::new()).await.unwrap();
        });
        *seconds
            .entry((timer.now() - down_from).as_secs())
            .or_default() += 1;
    }
    seconds
}

#[test]
fn clients_resume_spread_over_time_after_an_outage() {
    let seconds = seconds_of_success(500, true);
    assert!(seconds.keys().all(|second| *second >= 60), "{seconds:?}");
    assert!(
        seconds.values().all(|clients| *clients <= 50),
        "{seconds:?}"
    );
}

#[test]
fn authorizations_resume_spread_over_time_after_an_outage() {
    let seconds = seconds_of_success(500, false);
    assert!(seconds.keys().all(|second| *second >= 60), "{seconds:?}");
    assert!(
        seconds.values().all(|clients| *clients <= 50),
        "{seconds:?}"
    );
}

#[test]
fn a_deadline_during_a_token_renewal_leaves_no_effect_unknown_and_names_the_cause() {
    let (_, script) = Script::new([]);
    let b2 = script.client(RetryPolicy::default().with_deadline(Duration::from_secs(5)));
    let error = script.timer.run(async {
        b2.session().await.unwrap();
        let expired = Status(401, "expired_auth_token", &[]);
        script.push("b2_create_bucket", Slow(2, Box::new(expired)));
        script.push("b2_authorize_account", Slow(100, Box::new(Fault::None)));
        let name = BucketName::new("holiday-photos").unwrap();
        let create = CreateBucket::new(name, BucketType::AllPrivate);
        b2.call(create).await.unwrap_err()
    });
    assert!(!error.may_have_taken_effect(), "{error:?}");
    assert_eq!(
        (error.retry_stop_reason(), error.b2().unwrap().code.as_str()),
        (Some(RetryStopReason::Deadline), "expired_auth_token")
    );
}

#[test]
fn a_deadline_during_reconciliation_reports_how_the_response_was_lost() {
    let (_, script) = Script::new([]);
    let b2 = script.client(RetryPolicy::default().with_deadline(Duration::from_secs(5)));
    let error = script.timer.run(async {
        b2.session().await.unwrap();
        // The reconciling call has its own deadline, later than this call's.
        script.push("b2_create_bucket", Slow(2, Box::new(LostResponse)));
        script.push("b2_list_buckets", Slow(100, Box::new(Fault::None)));
        let name = BucketName::new("holiday-photos").unwrap();
        let create = CreateBucket::new(name, BucketType::AllPrivate);
        b2.call(create).await.unwrap_err()
    });
    assert!(error.may_have_taken_effect(), "{error:?}");
    assert_eq!(error.retry_stop_reason(), Some(RetryStopReason::Deadline));
    assert_eq!(error.http_error().unwrap().kind(), HttpErrorKind::Closed);
}
