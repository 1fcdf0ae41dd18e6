//! [`Call`] is open: a program can implement a call that the crate lacks and execute it in the same retry loop.

use b2kit::api::{BillingClass, Call, CallMetadata, ListBuckets, Reply, Target};
use b2kit::types::{BucketName, BucketType, Capability};
use b2kit::{Error, ErrorKind, Request};
use serde::Deserialize;

use crate::client;

/// Counts the account's buckets.
struct CountBuckets;

impl Call for CountBuckets {
    const METADATA: CallMetadata =
        CallMetadata::read("b2_list_buckets", Capability::ListBuckets, BillingClass::C);
    type Output = usize;

    fn request(&self, target: &Target<'_>) -> Result<Request, Error> {
        target.post_for_account(&Self::METADATA, &serde_json::json!({}))
    }

    fn read(&self, reply: Reply) -> Result<usize, Error> {
        #[derive(Deserialize)]
        struct Document {
            buckets: Vec<serde_json::Value>,
        }
        let document: Document = reply.json()?;
        if document.buckets.len() > 100 {
            let what = "an account has a hundred buckets at most";
            return Err(Error::new(ErrorKind::Protocol, what));
        }
        Ok(document.buckets.len())
    }
}

#[test]
fn a_user_defined_call_is_authorized_and_decoded_like_any_other() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        assert_eq!(b2.call(CountBuckets).await.unwrap(), 0);
        let bucket = b2.create_bucket("holiday-photos", BucketType::AllPrivate);
        bucket.await.unwrap();
        assert_eq!(b2.call(CountBuckets).await.unwrap(), 1);
    });
    assert_eq!(emulator.snapshot().calls["b2_list_buckets"], 2);
}

#[test]
fn get_or_create_bucket_creates_a_bucket_once_and_then_finds_it() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let private = BucketType::AllPrivate;
        let created = b2.get_or_create_bucket("Holiday-Photos", private.clone());
        let created = created.await.unwrap();
        let found = b2.get_or_create_bucket("holiday-photos", BucketType::AllPublic);
        let found = found.await.unwrap();
        assert_eq!((found.id(), found.name()), (created.id(), created.name()));
        assert_eq!(found.name().as_str(), "Holiday-Photos");
        let conflict = b2.create_bucket("holiday-photos", private).await;
        assert_eq!(conflict.unwrap_err().kind(), ErrorKind::Conflict);
        let all = b2.buckets().await.unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].bucket_name, *"holiday-photos");
        assert_eq!(all[0].bucket_type, BucketType::AllPrivate);
        let invalid = b2.get_or_create_bucket("b2-x", BucketType::AllPublic).await;
        assert_eq!(invalid.unwrap_err().kind(), ErrorKind::Invalid);
        let missing = b2.bucket("another-bucket").await.unwrap_err();
        assert!(missing.is_not_found() && !missing.is_unauthorized() && !missing.is_retryable());
        let name = BucketName::new("holiday-photos").unwrap();
        let listed = b2.call(ListBuckets::new().bucket_name(name)).await.unwrap();
        assert_eq!(listed.buckets, all);
    });
    assert_eq!(emulator.snapshot().buckets, 1);
}
