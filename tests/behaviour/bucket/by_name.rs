//! Buckets by name: `Client::bucket`.

use b2kit::api::{CreateKey, DeleteBucket};
use b2kit::backend::emulator::Emulator;
use b2kit::http::header::CONTENT_LENGTH;
use b2kit::types::{BucketId, BucketType, Capability, KeyName};
use b2kit::{Client, Error, ErrorKind, ManualTimer};

use crate::{call_of, client, sent, served, wired};

/// Creates a bucket with this name.
async fn create(b2: &Client, name: &str) -> BucketId {
    let bucket = b2.create_bucket(name, BucketType::AllPrivate).await;
    bucket.unwrap().id().clone()
}

/// The id of the bucket with this name.
async fn find(b2: &Client, name: &str) -> Result<BucketId, Error> {
    b2.bucket(name).await.map(|bucket| bucket.id().clone())
}

/// A client whose key is restricted to these buckets and can't list any.
async fn restricted(
    owner: &Client,
    emulator: &Emulator,
    timer: &ManualTimer,
    buckets: &[BucketId],
) -> Client {
    let create = CreateKey::new(KeyName::new("key").unwrap(), [Capability::ReadFiles]);
    let key = owner.call(create.bucket_ids(buckets)).await.unwrap();
    let client = served(emulator)
        .credentials(key.credentials().unwrap())
        .timer(timer.clone());
    client.build().unwrap()
}

#[test]
fn a_bucket_is_found_by_its_name() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let (photos, letters) = (
            create(&b2, "holiday-photos").await,
            create(&b2, "letters").await,
        );
        assert_eq!(find(&b2, "letters").await.unwrap(), letters);
        assert_eq!(find(&b2, "holiday-photos").await.unwrap(), photos);
        let error = find(&b2, "accounts").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error.to_string().contains("no bucket \"accounts\""),
            "{error}"
        );
    });
    assert_eq!(emulator.snapshot().calls_of("b2_list_buckets"), 3);
}

#[test]
fn a_lookup_by_name_never_returns_the_id_of_another_bucket() {
    let (owner, emulator, timer) = client();
    // The server ignores the requested name: every listing contains all buckets.
    let b2 = wired(&emulator, &timer, |request| {
        if call_of(request) == "b2_list_buckets" {
            let mut document = sent(request);
            document.as_object_mut().unwrap().remove("bucketName");
            request.headers_mut().remove(CONTENT_LENGTH);
            *request.body_mut() = document.to_string().into();
        }
        None
    });
    let b2 = b2.build().unwrap();
    timer.run(async {
        create(&owner, "holiday-photos").await;
        let letters = create(&owner, "letters").await;
        assert_eq!(find(&owner, "letters").await.unwrap(), letters);
        for name in ["letters", "accounts"] {
            let error = find(&b2, name).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            let message = "\"holiday-photos\", doesn't match the request: its name differs";
            assert!(error.to_string().contains(message), "{error}");
        }
        let error = find(&owner, "accounts").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_key_that_is_restricted_to_buckets_finds_them_without_listing() {
    let (owner, emulator, timer) = client();
    timer.run(async {
        let photos = create(&owner, "holiday-photos").await;
        let letters = create(&owner, "letters").await;
        let gone = create(&owner, "long-gone").await;
        create(&owner, "accounts").await;
        let one = restricted(&owner, &emulator, &timer, std::slice::from_ref(&photos)).await;
        let all = [photos.clone(), letters.clone(), gone.clone()];
        let several = restricted(&owner, &emulator, &timer, &all).await;
        owner.call(DeleteBucket::new(&gone)).await.unwrap();

        assert_eq!(find(&one, "holiday-photos").await.unwrap(), photos);
        assert_eq!(find(&several, "holiday-photos").await.unwrap(), photos);
        assert_eq!(find(&several, "Letters").await.unwrap(), letters);
        let restricted_elsewhere = [
            (find(&one, "letters").await, "[\"holiday-photos\"]"),
            (
                find(&several, "accounts").await,
                "[\"holiday-photos\", \"letters\"]",
            ),
            (
                find(&several, "long-gone").await,
                "[\"holiday-photos\", \"letters\"]",
            ),
        ];
        for (outcome, buckets) in restricted_elsewhere {
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (ErrorKind::Unauthorized, 0)
            );
            assert!(error.to_string().contains(buckets), "{error}");
        }
    });
    assert_eq!(emulator.snapshot().calls_of("b2_list_buckets"), 0);
}

#[test]
fn a_missing_bucket_is_an_error_of_the_call_that_looked_it_up() {
    let (b2, _, timer) = client();
    let error = timer.run(b2.bucket("no-such-bucket")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.call(), Some("b2_list_buckets"));
    assert_eq!(error.attempts(), 1);
    assert!(!error.may_have_taken_effect());
}
