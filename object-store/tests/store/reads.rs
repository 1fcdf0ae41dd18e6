//! Downloads: ranges, conditions, versions.

use std::ops::Range;

use b2kit::backend::emulator::{Fault, FaultKind, Latch};
use b2kit::{Client, Credentials, HttpClient as _, Request};
use b2kit_object_store::B2Store;
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{
    Error, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _,
};

use crate::fixture::{Fixture, run};

/// The range and the bytes of a response; `None` for an error.
type Expected = Option<(Range<u64>, &'static str)>;

#[test]
#[expect(clippy::single_range_in_vec_init, reason = "it is one range")]
fn ranges_at_the_edges_of_an_object_are_as_object_store_documents() {
    run(async {
        let store = Fixture::in_process().await.uncoordinated();
        let (path, empty) = (Path::from("f"), Path::from("empty"));
        store.put(&path, "0123456789".into()).await.unwrap();
        store.put(&empty, "".into()).await.unwrap();
        let get = |path: &Path, range: GetRange| {
            let (store, path) = (store.clone(), path.clone());
            async move {
                let got = store
                    .get_opts(&path, GetOptions::new().with_range(Some(range)))
                    .await?;
                let range = got.range.clone();
                Ok::<_, Error>((range, got.bytes().await?))
            }
        };
        let cases: [(GetRange, Expected); 9] = [
            (GetRange::Bounded(2..5), Some((2..5, "234"))),
            (GetRange::Bounded(8..100), Some((8..10, "89"))),
            (GetRange::Bounded(10..11), None),
            (GetRange::Bounded(5..5), None),
            (GetRange::Offset(9), Some((9..10, "9"))),
            (GetRange::Offset(10), None),
            (GetRange::Suffix(3), Some((7..10, "789"))),
            (GetRange::Suffix(30), Some((0..10, "0123456789"))),
            (GetRange::Suffix(0), Some((10..10, ""))),
        ];
        for (range, expected) in cases {
            let got = get(&path, range.clone()).await.ok();
            let expected = expected.map(|(range, bytes)| (range, bytes.into()));
            assert_eq!(got, expected, "{range:?}");
        }
        assert_eq!(
            get(&empty, GetRange::Suffix(5)).await.unwrap(),
            (0..0, "".into())
        );
        get(&empty, GetRange::Bounded(0..1)).await.unwrap_err();
        store.get_ranges(&path, &[0..2, 10..12]).await.unwrap_err();
        store.get_ranges(&path, &[3..3]).await.unwrap_err();
        assert!(store.get_ranges(&path, &[]).await.unwrap().is_empty());
    });
}

#[test]
fn close_ranges_are_one_request_and_distant_ones_are_requested_concurrently() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        let bytes: Vec<u8> = (0..8u32 << 20).map(|at| (at % 251) as u8).collect();
        store.put(&path, bytes.clone().into()).await.unwrap();
        let calls = || fixture.calls_of("b2_download_file_by_name");
        let ranges = [100..200, 0..10, 5..7, 1 << 17..(1 << 17) + 5];
        let before = calls();
        let got = store.get_ranges(&path, &ranges).await.unwrap();
        for (range, got) in ranges.iter().zip(got) {
            assert_eq!(got, bytes[range.start as usize..range.end as usize]);
        }
        assert_eq!(calls() - before, 1);
        // No response is sent before all three requests have arrived.
        let latch = Latch::new();
        let held = Fault::new(FaultKind::Wait(latch.clone())).on("b2_download_file_by_name");
        fixture.emulator.faults().add(held);
        let far = [0..1, 3 << 20..(3 << 20) + 1, 6 << 20..(6 << 20) + 1];
        let open = async {
            while latch.waiting() < 3 {
                tokio::task::yield_now().await;
            }
            latch.open();
        };
        let (got, ()) = futures::join!(store.get_ranges(&path, &far), open);
        assert_eq!(got.unwrap().len(), 3);
    });
}

#[test]
fn ranges_read_during_an_overwrite_are_all_of_the_newest_version() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        store.put(&path, vec![b'1'; 8 << 20].into()).await.unwrap();
        // The second response is sent after the file has a new version.
        let latch = Latch::new();
        let held = Fault::new(FaultKind::Wait(latch.clone()))
            .on("b2_download_file_by_name")
            .nth(2);
        fixture.emulator.faults().add(held);
        let overwrite = async {
            while latch.waiting() < 1 {
                tokio::task::yield_now().await;
            }
            store.put(&path, vec![b'2'; 8 << 20].into()).await.unwrap();
            latch.open();
        };
        let far = [0..2, 3 << 20..(3 << 20) + 2, 6 << 20..(6 << 20) + 2];
        let (got, ()) = futures::join!(store.get_ranges(&path, &far), overwrite);
        assert_eq!(got.unwrap(), ["22", "22", "22"]);
        assert!(fixture.calls_of("b2_download_file_by_id") >= 1);
    });
}

#[test]
fn conditions_are_evaluated_against_the_response_with_the_bytes() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        let put = store.put(&path, "0123".into()).await.unwrap();
        let before = fixture.requests();
        let if_match = GetOptions::new().with_if_match(put.e_tag.clone());
        assert_eq!(
            store
                .get_opts(&path, if_match)
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap(),
            "0123"
        );
        assert_eq!(fixture.requests() - before, 1);
        // An unmet condition takes precedence over an unsatisfiable range.
        let beyond = Some(GetRange::Offset(4));
        let options = GetOptions::new()
            .with_if_none_match(put.e_tag.clone())
            .with_range(beyond.clone());
        let error = store.get_opts(&path, options).await.unwrap_err();
        assert!(matches!(error, Error::NotModified { .. }), "{error:?}");
        let options = GetOptions::new()
            .with_if_match(put.e_tag)
            .with_range(beyond);
        let error = store.get_opts(&path, options).await.unwrap_err();
        assert!(matches!(error, Error::Generic { .. }), "{error:?}");
    });
}

#[test]
fn an_old_version_is_read_by_its_id_and_only_under_its_own_name() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path, other) = (fixture.uncoordinated(), Path::from("f"), Path::from("g"));
        let old = store.put(&path, "old".into()).await.unwrap();
        store.put(&path, "new".into()).await.unwrap();
        store.put(&other, "other".into()).await.unwrap();
        let by_id = || GetOptions::new().with_version(old.version.clone());
        let range = by_id().with_range(Some(GetRange::Suffix(2)));
        assert_eq!(
            store
                .get_opts(&path, range)
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap(),
            "ld"
        );
        store.delete(&path).await.unwrap();
        assert_eq!(
            store
                .get_opts(&path, by_id())
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap(),
            "old"
        );
        let head = store
            .get_opts(&path, by_id().with_head(true))
            .await
            .unwrap();
        assert_eq!(
            (head.meta.size, head.meta.version),
            (3, old.version.clone())
        );
        let error = store.get_opts(&other, by_id()).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    });
}

#[test]
fn a_suffix_of_an_empty_object_that_is_replaced_meanwhile_is_that_of_the_new_version() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (emulator, other) = (fixture.emulator.clone(), fixture.bucket.clone());
        let client = Client::builder()
            .credentials(Credentials::new(emulator.key_id(), emulator.key()).unwrap())
            .endpoint(emulator.url())
            .backend(move |request: Request| {
                let (emulator, other) = (emulator.clone(), other.clone());
                async move {
                    let response = emulator.send(request).await?;
                    if response.status() == 416 {
                        other.upload("f", "0123456789").await.unwrap();
                    }
                    Ok(response)
                }
            })
            .build()
            .unwrap();
        let store = B2Store::new(client.bucket("lakehouse").await.unwrap());
        let path = Path::from("f");
        store.put(&path, "".into()).await.unwrap();
        let suffix = GetOptions::new().with_range(Some(GetRange::Suffix(3)));
        let got = store.get_opts(&path, suffix).await.unwrap();
        assert_eq!((got.meta.size, got.range.clone()), (10, 7..10));
        assert_eq!(got.bytes().await.unwrap(), "789");
    });
}

#[test]
fn corrupted_bytes_end_in_an_error() {
    run(async {
        let fixture = Fixture::in_process().await;
        let (store, path) = (fixture.uncoordinated(), Path::from("f"));
        store.put(&path, vec![7; 100_000].into()).await.unwrap();
        let flipped =
            Fault::new(FaultKind::CorruptResponse { at: 50_000 }).on("b2_download_file_by_name");
        fixture.emulator.faults().add(flipped);
        let error = store.get(&path).await.unwrap().bytes().await.unwrap_err();
        let source = std::error::Error::source(&error)
            .unwrap()
            .downcast_ref::<b2kit::Error>()
            .unwrap();
        assert_eq!(source.kind(), b2kit::ErrorKind::Integrity);
    });
}
