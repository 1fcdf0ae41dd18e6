//! Multipart uploads, beyond what the suite covers.

use b2kit::api::{CreateKey, ListUnfinishedLargeFiles};
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Latch};
use b2kit::types::{Capability, KeyName};
use b2kit::{Client, Credentials};
use b2kit_object_store::B2Store;
use b2kit_object_store::v0_14::object_store::multipart::MultipartStore as _;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Attribute, Attributes, ObjectStoreExt as _, PutMultipartOptions, PutPayload,
};
use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::fixture::{Fixture, Transport, run};

/// With a minimum part size of ten bytes.
async fn fixture() -> Fixture {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100);
    Fixture::of(emulator.build(), Transport::InProcess).await
}

fn part(byte: u8, len: usize) -> PutPayload {
    // In several chunks, as from a writer.
    vec![byte; len]
        .chunks(3)
        .map(Bytes::copy_from_slice)
        .collect()
}

async fn unfinished(fixture: &Fixture) -> usize {
    let files = fixture
        .client
        .paginate(ListUnfinishedLargeFiles::new(fixture.bucket.id()));
    files.try_collect::<Vec<_>>().await.unwrap().len()
}

async fn content(fixture: &Fixture, path: &Path) -> Bytes {
    fixture
        .uncoordinated()
        .get(path)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap()
}

#[test]
fn parts_are_uploaded_concurrently_and_stored_in_the_order_of_put_part() {
    run(async {
        let fixture = fixture().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        let latch = Latch::new();
        fixture
            .emulator
            .faults()
            .add(Fault::new(FaultKind::Wait(latch.clone())).on("b2_upload_part"));
        let mut upload = store.put_multipart(&path).await.unwrap();
        let parts: Vec<_> = (b'a'..=b'd')
            .map(|byte| upload.put_part(part(byte, 11)))
            .collect();
        let open = async {
            while latch.waiting() < 4 {
                tokio::task::yield_now().await;
            }
            latch.open();
        };
        let (sent, ()) = futures::join!(futures::future::try_join_all(parts), open);
        sent.unwrap();
        upload.complete().await.unwrap();
        let expected: Vec<u8> = (b'a'..=b'd').flat_map(|byte| [byte; 11]).collect();
        assert_eq!(content(&fixture, &path).await, expected);
        assert_eq!(unfinished(&fixture).await, 0);
    });
}

#[test]
fn an_upload_of_at_most_one_part_becomes_a_small_file_and_leaves_nothing_unfinished() {
    run(async {
        let fixture = fixture().await;
        let store = fixture.uncoordinated();
        for (name, payload) in [
            ("none", None),
            ("empty", Some(part(b'x', 0))),
            ("one", Some(part(b'x', 3))),
        ] {
            let path = Path::from(name);
            let mut upload = store.put_multipart(&path).await.unwrap();
            if let Some(payload) = &payload {
                upload.put_part(payload.clone()).await.unwrap();
            }
            let put = upload.complete().await.unwrap();
            let got = store.get(&path).await.unwrap();
            assert_eq!(got.meta.version, put.version);
            let expected = payload.map_or(0, |payload| payload.content_length());
            assert_eq!(got.bytes().await.unwrap().len(), expected, "{name}");
            upload.complete().await.unwrap_err();
            upload.put_part(part(b'x', 3)).await.unwrap_err();
            upload.abort().await.unwrap();
            assert!(store.head(&path).await.is_ok());
        }
        assert_eq!(
            (
                unfinished(&fixture).await,
                fixture.calls_of("b2_upload_part")
            ),
            (0, 0)
        );
    });
}

#[test]
fn an_upload_without_one_of_its_parts_can_not_be_completed() {
    run(async {
        let fixture = fixture().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part(part(b'1', 10)).await.unwrap();
        upload.put_part(part(b'2', 10)).await.unwrap();
        drop(upload.put_part(part(b'3', 10)));
        let error = upload.complete().await.unwrap_err();
        assert!(error.to_string().contains("part 3"), "{error}");
        store.head(&path).await.unwrap_err();
        upload.abort().await.unwrap();
        upload.abort().await.unwrap();
        assert_eq!(unfinished(&fixture).await, 0);
    });
}

#[test]
fn completing_an_upload_of_one_part_can_be_retried() {
    run(async {
        let fixture = fixture().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part(part(b'1', 10)).await.unwrap();
        let full = Fault::new(FaultKind::storage_cap_exceeded())
            .on("b2_upload_file")
            .times(1);
        fixture.emulator.faults().add(full);
        upload.complete().await.unwrap_err();
        upload.complete().await.unwrap();
        assert_eq!(content(&fixture, &path).await.len(), 10);
    });
}

#[test]
fn a_single_part_of_multipart_store_becomes_a_small_file_with_its_attributes() {
    run(async {
        let fixture = fixture().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, "text/x-one"),
            (Attribute::CacheControl, "no-store"),
            (Attribute::Metadata("k".into()), "v w"),
        ]);
        let options = PutMultipartOptions {
            attributes: attributes.clone(),
            ..Default::default()
        };
        let id = store.create_multipart_opts(&path, options).await.unwrap();
        let sent = store.put_part(&path, &id, 0, part(b'1', 4)).await.unwrap();
        // Clones of the store share it.
        fixture.emulator.faults().add(
            Fault::new(FaultKind::storage_cap_exceeded())
                .on("b2_upload_file")
                .times(1),
        );
        store
            .clone()
            .complete_multipart(&path, &id, vec![sent.clone()])
            .await
            .unwrap_err();
        store
            .clone()
            .complete_multipart(&path, &id, vec![sent])
            .await
            .unwrap();
        let got = store.get(&path).await.unwrap();
        assert_eq!(got.attributes, attributes);
        assert_eq!(got.bytes().await.unwrap(), "1111");
        assert_eq!(unfinished(&fixture).await, 0);
        let id = store.create_multipart(&path).await.unwrap();
        store.put_part(&path, &id, 0, part(b'1', 4)).await.unwrap();
        store.abort_multipart(&path, &id).await.unwrap();
        assert_eq!(unfinished(&fixture).await, 0);
    });
}

#[test]
fn a_lost_response_to_a_start_leaves_no_second_large_file() {
    run(async {
        let fixture = fixture().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        fixture.emulator.faults().add(
            Fault::new(FaultKind::LoseResponse)
                .on("b2_start_large_file")
                .times(1),
        );
        let mut upload = store.put_multipart(&path).await.unwrap();
        assert_eq!(unfinished(&fixture).await, 1);
        upload.abort().await.unwrap();
        assert_eq!(unfinished(&fixture).await, 0);
    });
}

#[test]
fn a_single_part_is_completed_with_a_key_restricted_to_the_stores_prefix() {
    run(async {
        let fixture = fixture().await;
        let capabilities = [
            Capability::ListBuckets,
            Capability::ListFiles,
            Capability::ReadFiles,
            Capability::WriteFiles,
        ];
        let key = CreateKey::new(KeyName::new("lake").unwrap(), capabilities)
            .bucket_ids([fixture.bucket.id().clone()])
            .name_prefix("lake/");
        let key = fixture.client.call(key).await.unwrap();
        let id = key.key.application_key_id.as_str();
        let client = Client::builder()
            .credentials(Credentials::new(id, key.application_key.expose()).unwrap())
            .endpoint(fixture.emulator.url())
            .backend(fixture.emulator.clone())
            .build()
            .unwrap();
        let bucket = client.bucket("lakehouse").await.unwrap();
        let store = B2Store::builder(bucket).prefix("lake").build().unwrap();
        let path = Path::from("a");
        let id = store.create_multipart(&path).await.unwrap();
        let part = store.put_part(&path, &id, 0, "x".into()).await.unwrap();
        store
            .complete_multipart(&path, &id, vec![part])
            .await
            .unwrap();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "x");
        assert_eq!(unfinished(&fixture).await, 0);
    });
}
