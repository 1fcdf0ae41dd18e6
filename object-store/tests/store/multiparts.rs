//! Uploads in parts, beyond what the suite asks.

use b2kit::api::ListUnfinishedLargeFiles;
use b2kit::backend::emulator::{Emulator, Fault, FaultKind, Latch};
use b2kit_object_store::v0_14::object_store::multipart::MultipartStore as _;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Attribute, Attributes, ObjectStoreExt as _, PutMultipartOptions, PutPayload,
};
use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::world::{Transport, World, run};

/// With parts of ten bytes at least.
async fn world() -> World {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100);
    World::of(emulator.build(), Transport::InProcess).await
}

fn part(byte: u8, len: usize) -> PutPayload {
    // In several chunks, as writers hand them over.
    vec![byte; len]
        .chunks(3)
        .map(Bytes::copy_from_slice)
        .collect()
}

async fn unfinished(world: &World) -> usize {
    let files = world
        .client
        .paginate(ListUnfinishedLargeFiles::new(world.bucket.id()));
    files.try_collect::<Vec<_>>().await.unwrap().len()
}

async fn content(world: &World, path: &Path) -> Bytes {
    world
        .uncoordinated()
        .get(path)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap()
}

#[test]
fn parts_are_sent_at_once_and_arrive_in_the_order_in_which_they_were_handed_over() {
    run(async {
        let world = world().await;
        let (store, path) = (world.uncoordinated(), Path::from("f"));
        let latch = Latch::new();
        world
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
        assert_eq!(content(&world, &path).await, expected);
        assert_eq!(unfinished(&world).await, 0);
    });
}

#[test]
fn an_upload_of_one_part_or_none_becomes_a_file_and_leaves_nothing_behind() {
    run(async {
        let world = world().await;
        let store = world.uncoordinated();
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
            (unfinished(&world).await, world.calls_of("b2_upload_part")),
            (0, 0)
        );
    });
}

#[test]
fn a_part_that_was_not_uploaded_is_missed_when_the_upload_is_completed() {
    run(async {
        let world = world().await;
        let (store, path) = (world.uncoordinated(), Path::from("f"));
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part(part(b'1', 10)).await.unwrap();
        upload.put_part(part(b'2', 10)).await.unwrap();
        drop(upload.put_part(part(b'3', 10)));
        let error = upload.complete().await.unwrap_err();
        assert!(error.to_string().contains("part 3"), "{error}");
        store.head(&path).await.unwrap_err();
        upload.abort().await.unwrap();
        upload.abort().await.unwrap();
        assert_eq!(unfinished(&world).await, 0);
    });
}

#[test]
fn a_small_file_that_fails_can_be_completed_again() {
    run(async {
        let world = world().await;
        let (store, path) = (world.uncoordinated(), Path::from("f"));
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part(part(b'1', 10)).await.unwrap();
        let full = Fault::new(FaultKind::storage_cap_exceeded())
            .on("b2_upload_file")
            .times(1);
        world.emulator.faults().add(full);
        upload.complete().await.unwrap_err();
        upload.complete().await.unwrap();
        assert_eq!(content(&world, &path).await.len(), 10);
    });
}

#[test]
fn a_lone_part_of_the_low_level_interface_becomes_a_file_with_its_attributes() {
    run(async {
        let world = world().await;
        let (store, path) = (world.uncoordinated(), Path::from("f"));
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
        // Another handle of the same store knows it.
        world.emulator.faults().add(
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
        assert_eq!(unfinished(&world).await, 0);
        let id = store.create_multipart(&path).await.unwrap();
        store.put_part(&path, &id, 0, part(b'1', 4)).await.unwrap();
        store.abort_multipart(&path, &id).await.unwrap();
        assert_eq!(unfinished(&world).await, 0);
    });
}

#[test]
fn a_start_whose_answer_is_lost_leaves_no_second_large_file() {
    run(async {
        let world = world().await;
        let (store, path) = (world.uncoordinated(), Path::from("f"));
        world.emulator.faults().add(
            Fault::new(FaultKind::LoseResponse)
                .on("b2_start_large_file")
                .times(1),
        );
        let mut upload = store.put_multipart(&path).await.unwrap();
        assert_eq!(unfinished(&world).await, 1);
        upload.abort().await.unwrap();
        assert_eq!(unfinished(&world).await, 0);
    });
}
