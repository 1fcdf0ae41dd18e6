//! Each limit still exists: the store is shown not to do what it declares that it can't.

use b2kit::api::UpdateBucket;
use b2kit::backend::emulator::{Emulator, Fault, FaultKind};
use b2kit::types::{BucketInfo, CustomerKey, EncryptionSetting};
use b2kit::{Client, Credentials, HttpClient as _, Request, Response};
use b2kit_object_store::v0_14::object_store::list::{
    PaginatedListOptions, PaginatedListStore as _,
};
use b2kit_object_store::v0_14::object_store::multipart::MultipartStore as _;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Attribute, Attributes, CopyMode, CopyOptions, Error, GetOptions, ObjectStore,
    ObjectStoreExt as _, PutMode, PutOptions, TagSet, UpdateVersion,
};
use b2kit_object_store::{B2Store, Limit, LimitError};
use futures::TryStreamExt as _;
use futures::future::try_join_all;
use serde_json::Value;

use crate::fixture::{Fixture, Transport, run};

#[test]
fn each_limit_exists_and_is_handled_as_documented() {
    run(async {
        for limit in Limit::ALL {
            let emulator = Emulator::builder()
                .absolute_minimum_part_size(10)
                .recommended_part_size(100);
            let fixture = Fixture::of(emulator.build(), Transport::InProcess).await;
            assert_limited(limit, &fixture).await;
        }
    });
}

/// The error of a put that is refused before anything is sent.
async fn refused(fixture: &Fixture, options: PutOptions) -> Error {
    let store = fixture.coordinated();
    let before = fixture.requests();
    let error = store
        .put_opts(&Path::from("a"), "x".into(), options)
        .await
        .unwrap_err();
    assert_eq!(fixture.requests(), before, "{error}");
    error
}

fn with(attribute: Attribute) -> PutOptions {
    Attributes::from_iter([(attribute, "value")]).into()
}

fn metadata(entries: usize) -> Attributes {
    (0..entries)
        .map(|number| (Attribute::Metadata(format!("k{number}").into()), "v"))
        .collect()
}

async fn assert_limited(limit: Limit, fixture: &Fixture) {
    let (store, path) = (fixture.coordinated(), Path::from("a"));
    let not_supported =
        |error: Error| assert!(matches!(error, Error::NotSupported { .. }), "{error:?}");
    match limit {
        Limit::NoConditionalUpdate => {
            let update = UpdateVersion {
                e_tag: Some("t".into()),
                version: None,
            };
            let error = refused(fixture, PutMode::Update(update).into()).await;
            assert!(matches!(error, Error::NotImplemented { .. }), "{error:?}");
        }
        Limit::NoCreateWithoutCoordination => {
            let store = fixture.uncoordinated();
            let before = fixture.requests();
            let create = CopyOptions::new().with_mode(CopyMode::Create);
            for error in [
                store
                    .put_opts(&path, "x".into(), PutMode::Create.into())
                    .await
                    .unwrap_err(),
                store
                    .copy_opts(&path, &Path::from("b"), create)
                    .await
                    .unwrap_err(),
                store
                    .rename_if_not_exists(&path, &Path::from("b"))
                    .await
                    .unwrap_err(),
            ] {
                assert!(matches!(error, Error::NotImplemented { .. }), "{error:?}");
            }
            assert_eq!(fixture.requests(), before);
        }
        Limit::CreatesUpTo5Gb => creates_up_to_5gb(fixture, &path).await,
        Limit::NoTags => {
            let mut tags = TagSet::default();
            tags.push("k", "v");
            not_supported(refused(fixture, tags.into()).await);
        }
        Limit::NoStorageClass => {
            not_supported(refused(fixture, with(Attribute::StorageClass)).await)
        }
        Limit::TenMetadataEntries => {
            store
                .put_opts(&path, "x".into(), metadata(10).into())
                .await
                .unwrap();
            refused(fixture, metadata(11).into()).await;
            store
                .put_multipart_opts(&path, metadata(9).into())
                .await
                .unwrap();
            store
                .put_multipart_opts(&path, metadata(10).into())
                .await
                .unwrap_err();
            let create = PutOptions {
                mode: PutMode::Create,
                attributes: metadata(10),
                ..Default::default()
            };
            store
                .put_opts(&Path::from("b"), "x".into(), create)
                .await
                .unwrap_err();
        }
        Limit::LowerCaseMetadataKeys => {
            not_supported(refused(fixture, with(Attribute::Metadata("Key".into()))).await);
        }
        Limit::ReservedMetadataKeys => {
            for key in [
                "b2-expires",
                "large_file_sha1",
                "b2kit-upload-id",
                "b2kit-create-nonce",
            ] {
                not_supported(refused(fixture, with(Attribute::Metadata(key.into()))).await);
            }
        }
        Limit::LargeParts => {
            let mut upload = store.put_multipart(&path).await.unwrap();
            upload.put_part(vec![1; 9].into()).await.unwrap();
            let error = upload.put_part(vec![2; 10].into()).await.unwrap_err();
            assert!(error.to_string().contains("fewer than 10"), "{error}");
            upload.complete().await.unwrap_err();
            let id = store.create_multipart(&path).await.unwrap();
            let mut parts = Vec::new();
            for (number, len) in [(0, 9), (1, 10)] {
                let part = store.put_part(&path, &id, number, vec![1; len].into());
                parts.push(part.await.unwrap());
            }
            let completed = store.complete_multipart(&path, &id, parts).await;
            completed.unwrap_err();
            store.head(&path).await.unwrap_err();
        }
        Limit::TenThousandParts => {
            let id = store.create_multipart(&path).await.unwrap();
            store
                .put_part(&path, &id, 9_999, vec![1; 10].into())
                .await
                .unwrap();
            store
                .put_part(&path, &id, 10_000, vec![1; 10].into())
                .await
                .unwrap_err();
        }
        Limit::LaterStartWins => later_start_wins(&store, &path).await,
        Limit::SinglePartStaysWithItsStore => {
            let id = store.create_multipart(&path).await.unwrap();
            let part = store.put_part(&path, &id, 0, "x".into()).await.unwrap();
            let another = fixture.coordinated();
            let error = another
                .complete_multipart(&path, &id, vec![part.clone()])
                .await
                .unwrap_err();
            assert!(error.to_string().contains("one part"), "{error}");
            store
                .complete_multipart(&path, &id, vec![part])
                .await
                .unwrap();
        }
        Limit::SinglePartsInMemory => single_parts_in_memory(&store, &path).await,
        Limit::VersionsOfOtherBuckets => {
            store.put(&path, "x".into()).await.unwrap();
            let other = B2Store::new(fixture.slot.bucket().clone());
            let put = other.put(&path, "of another".into()).await.unwrap();
            let options = GetOptions {
                version: put.version,
                ..Default::default()
            };
            let got = store.get_opts(&path, options).await.unwrap();
            assert_eq!(got.bytes().await.unwrap(), "of another");
        }
        Limit::NoSha1OfRanges => no_sha1_of_ranges(fixture, &store, &path).await,
        Limit::NoCustomerKeys => no_customer_keys(fixture, &store, &path).await,
        Limit::BucketCacheControl => {
            let info = BucketInfo::new()
                .with("cache-control", "max-age=5")
                .unwrap();
            let update = UpdateBucket::new(fixture.bucket.id()).bucket_info(info);
            fixture.client.call(update).await.unwrap();
            store.put(&path, "x".into()).await.unwrap();
            let attributes = store.get(&path).await.unwrap().attributes;
            let cache_control = attributes.get(&Attribute::CacheControl);
            assert_eq!(cache_control.map(AsRef::as_ref), Some("max-age=5"));
        }
        Limit::SlashDelimiter => {
            let options = PaginatedListOptions {
                delimiter: Some("-".into()),
                ..Default::default()
            };
            not_supported(store.list_paginated(None, options).await.unwrap_err());
        }
        Limit::ReservedNames => {
            not_supported(
                store
                    .put(&Path::from(".b2kit-create/a"), "x".into())
                    .await
                    .unwrap_err(),
            );
        }
        Limit::RenameInTwoSteps => {
            store.put(&path, "x".into()).await.unwrap();
            let fault = Fault::new(FaultKind::storage_cap_exceeded()).on("b2_hide_file");
            fixture.emulator.faults().add(fault);
            store.rename(&path, &Path::from("b")).await.unwrap_err();
            try_join_all([store.head(&path), store.head(&Path::from("b"))])
                .await
                .unwrap();
        }
        limit => panic!("{limit:?} is declared, and no test needs it"),
    }
}

async fn single_parts_in_memory(store: &B2Store, path: &Path) {
    let id = store.create_multipart(path).await.unwrap();
    let part = store.put_part(path, &id, 0, "x".into()).await.unwrap();
    let (newer, large) = (Path::from("newer"), vec![0; 256 << 20]);
    let newer_id = store.create_multipart(&newer).await.unwrap();
    let newer_part = store
        .put_part(&newer, &newer_id, 0, large.into())
        .await
        .unwrap();
    let error = store
        .complete_multipart(path, &id, vec![part])
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotSupported { .. }), "{error:?}");
    let source = std::error::Error::source(&error).unwrap();
    let limit = source.downcast_ref::<LimitError>().unwrap().limit();
    assert_eq!(limit, Limit::SinglePartsInMemory);
    store
        .complete_multipart(&newer, &newer_id, vec![newer_part])
        .await
        .unwrap();
    let again = store.put_part(path, &id, 0, "x".into()).await.unwrap();
    store
        .complete_multipart(path, &id, vec![again])
        .await
        .unwrap();
    assert_eq!(store.head(&newer).await.unwrap().size, 256 << 20);
    assert_eq!(store.head(path).await.unwrap().size, 1);
}

/// The object only seems to be so large.
async fn creates_up_to_5gb(fixture: &Fixture, path: &Path) {
    fixture.bucket.upload(path.as_ref(), "x").await.unwrap();
    let emulator = fixture.emulator.clone();
    let client = Client::builder()
        .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
        .endpoint(emulator.url())
        .backend(move |request: Request| {
            let emulator = emulator.clone();
            async move {
                let is_list = request.uri().path().ends_with("/b2_list_file_names");
                let (mut head, body) = emulator.send(request).await?.into_parts();
                if !is_list {
                    return Ok(Response::from_parts(head, body));
                }
                let mut page: Value =
                    serde_json::from_slice(&body.collect(1 << 20).await.unwrap()).unwrap();
                page["files"][0]["contentLength"] = 5_000_000_001_u64.into();
                head.headers.remove("content-length");
                Ok(Response::from_parts(head, page.to_string().into()))
            }
        })
        .build()
        .unwrap();
    let bucket = client.bucket("lakehouse").await.unwrap();
    let store = B2Store::builder(bucket).coordinate_creates(&fixture.slot);
    let (store, to) = (store.build().unwrap(), Path::from("b"));
    for error in [
        store.copy_if_not_exists(path, &to).await.unwrap_err(),
        store.rename_if_not_exists(path, &to).await.unwrap_err(),
    ] {
        assert!(format!("{error:?}").contains("5000000000"), "{error:?}");
    }
    assert_eq!(fixture.calls_of("b2_copy_file"), 0);
}

/// One flipped bit is found in a whole object, but not in a range, or if the object was written in parts.
async fn no_sha1_of_ranges(fixture: &Fixture, store: &B2Store, path: &Path) {
    let in_parts = Path::from("in parts");
    store.put(path, vec![b'1'; 20].into()).await.unwrap();
    let mut upload = store.put_multipart(&in_parts).await.unwrap();
    for _ in 0..2 {
        upload.put_part(vec![b'1'; 10].into()).await.unwrap();
    }
    upload.complete().await.unwrap();
    let flipped = FaultKind::CorruptResponse { at: 5 };
    let flipped = Fault::new(flipped).on("b2_download_file_by_name");
    fixture.emulator.faults().add(flipped);
    let whole = async |path: &Path| store.get(path).await.unwrap().bytes().await;
    whole(path).await.unwrap_err();
    assert_ne!(store.get_range(path, 0..10).await.unwrap(), vec![b'1'; 10]);
    assert_ne!(whole(&in_parts).await.unwrap(), vec![b'1'; 20]);
}

async fn no_customer_keys(fixture: &Fixture, store: &B2Store, path: &Path) {
    let key = EncryptionSetting::SseC(CustomerKey::new([1; 32]));
    let upload = fixture.bucket.upload(path.as_ref(), "x");
    upload.server_side_encryption(key).await.unwrap();
    let to = Path::from("to");
    store.get(path).await.map(drop).unwrap_err();
    store.copy(path, &to).await.unwrap_err();
    let copies = fixture.calls_of("b2_copy_file");
    store.copy_if_not_exists(path, &to).await.unwrap_err();
    assert_eq!(fixture.calls_of("b2_copy_file"), copies);
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    store.delete(path).await.unwrap();
}

async fn later_start_wins(store: &B2Store, path: &Path) {
    let mut upload = store.put_multipart(path).await.unwrap();
    for _ in 0..2 {
        upload.put_part(vec![b'1'; 10].into()).await.unwrap();
    }
    store.put(path, "2".into()).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(store.get(path).await.unwrap().bytes().await.unwrap(), "2");
}
