//! The errors that engines get.

use b2kit::backend::emulator::{Fault, FaultKind};
use b2kit::types::BucketName;
use b2kit::{BucketHandle, Client, Credentials, ErrorKind, RetryPolicy};
use b2kit_object_store::B2Store;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Error, ObjectStore as _, ObjectStoreExt as _, PutMode,
};
use futures::TryStreamExt as _;

use crate::fixture::{Fixture, run};

/// The error's source, b2kit's own error.
fn source(error: &Error) -> &b2kit::Error {
    let source = std::error::Error::source(error).unwrap();
    source.downcast_ref().unwrap_or_else(|| panic!("{error:?}"))
}

#[test]
fn errors_have_the_kind_that_engines_expect_and_b2kits_error_as_their_source() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("a/b"));
        let error = store.get(&path).await.unwrap_err();
        let Error::NotFound { path: its, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(its, "a/b");
        assert_eq!(source(&error).kind(), ErrorKind::NotFound);

        let cap = fixture
            .emulator
            .faults()
            .add(Fault::new(FaultKind::storage_cap_exceeded()).on("b2_upload_file"));
        let error = store.put(&path, "x".into()).await.unwrap_err();
        assert!(
            matches!(error, Error::Generic { store: "B2", .. }),
            "{error:?}"
        );
        assert_eq!(source(&error).b2().unwrap().code, "storage_cap_exceeded");
        fixture.emulator.faults().remove(cap);

        let wrong = Client::builder()
            .credentials(Credentials::new(fixture.emulator.key_id(), "another").unwrap())
            .endpoint(fixture.emulator.url())
            .backend(fixture.emulator.clone())
            .build()
            .unwrap();
        let bucket = BucketHandle::new(
            wrong,
            fixture.bucket.id().clone(),
            fixture.bucket.name().clone(),
        );
        let error = B2Store::new(bucket)
            .put(&path, "x".into())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Unauthenticated { .. }), "{error:?}");
        assert_eq!(source(&error).kind(), ErrorKind::Credentials);
    });
}

#[test]
fn a_key_without_write_files_gets_permission_denied() {
    run(async {
        let fixture = Fixture::in_process().await;
        let key = b2kit::api::CreateKey::new(
            b2kit::types::KeyName::new("reader").unwrap(),
            [
                b2kit::types::Capability::ListFiles,
                b2kit::types::Capability::ReadFiles,
            ],
        );
        let key = fixture
            .client
            .call(key.bucket_ids([fixture.bucket.id()]))
            .await
            .unwrap();
        let client = Client::builder()
            .credentials(
                Credentials::new(
                    key.key.application_key_id.as_str(),
                    key.application_key.expose(),
                )
                .unwrap(),
            )
            .endpoint(fixture.emulator.url())
            .backend(fixture.emulator.clone())
            .build()
            .unwrap();
        let store = B2Store::new(client.bucket("lakehouse").await.unwrap());
        assert!(store.list(None).try_next().await.unwrap().is_none());
        let error = store.put(&Path::from("a"), "x".into()).await.unwrap_err();
        assert!(matches!(error, Error::PermissionDenied { .. }), "{error:?}");
    });
}

#[test]
fn a_name_that_no_object_can_have_is_not_found_and_can_not_be_written() {
    run(async {
        let fixture = Fixture::in_process().await;
        let store = fixture.coordinated();
        store.put(&Path::from("a"), "x".into()).await.unwrap();
        let before = fixture.requests();
        let long = Path::from("a".repeat(1_025));
        for error in [
            store.get(&long).await.unwrap_err(),
            store.head(&long).await.unwrap_err(),
            store.get_range(&long, 0..1).await.unwrap_err(),
            store.copy(&long, &Path::from("b")).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
        }
        store.delete(&long).await.unwrap();
        for error in [
            store.put(&long, "x".into()).await.unwrap_err(),
            store.copy(&Path::from("a"), &long).await.unwrap_err(),
            store.put_multipart(&long).await.map(drop).unwrap_err(),
        ] {
            assert_eq!(source(&error).kind(), ErrorKind::Invalid, "{error:?}");
        }
        assert_eq!(fixture.requests(), before, "nothing is sent");
    });
}

#[test]
fn a_missing_bucket_is_not_reported_as_a_missing_object_except_by_reads() {
    run(async {
        let fixture = Fixture::in_process().await;
        let name = BucketName::new("another-bucket").unwrap();
        let bucket = BucketHandle::new(
            fixture.client.clone(),
            "000000000000000000000000".into(),
            name,
        );
        let store = B2Store::new(bucket);
        for error in [
            store.put(&Path::from("a"), "x".into()).await.unwrap_err(),
            store.delete(&Path::from("a")).await.unwrap_err(),
            store.list(None).try_next().await.unwrap_err(),
            store
                .copy(&Path::from("a"), &Path::from("b"))
                .await
                .unwrap_err(),
        ] {
            assert!(matches!(error, Error::Generic { .. }), "{error:?}");
        }
        // B2's 404 of a download is the same for both.
        let error = store.get(&Path::from("a")).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    });
}

#[test]
fn a_lost_response_to_a_create_is_never_reported_as_already_exists() {
    run(async {
        let fixture = Fixture::in_process().await;
        // The response to the write of the intent is lost, and so are those of all reads.
        let faults = fixture.emulator.faults();
        faults.add(Fault::new(FaultKind::LoseResponse).on("b2_update_bucket"));
        for nth in 3..30 {
            faults.add(
                Fault::new(FaultKind::storage_cap_exceeded())
                    .on("b2_list_buckets")
                    .nth(nth),
            );
        }
        let hasty = fixture.client.with_retry_policy(RetryPolicy::disabled());
        let through = |bucket: &BucketHandle| {
            BucketHandle::new(hasty.clone(), bucket.id().clone(), bucket.name().clone())
        };
        let slot = b2kit::transfer::CreateSlot::new(through(fixture.slot.bucket()));
        let store = B2Store::builder(through(&fixture.bucket))
            .coordinate_creates(&slot)
            .build()
            .unwrap();
        let error = store
            .put_opts(&Path::from("a"), "x".into(), PutMode::Create.into())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error:?}");
        assert!(source(&error).may_have_taken_effect(), "{error:?}");
    });
}
