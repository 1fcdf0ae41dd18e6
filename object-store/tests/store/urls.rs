//! Stores from URLs.

use b2kit::Client;
use b2kit_object_store::v0_13::object_store as object_store_0_13;
use b2kit_object_store::v0_14::object_store::{self as object_store_0_14, ObjectStoreExt as _};
use b2kit_object_store::{B2StoreBuilder, v0_13, v0_14};
use url::Url;

use crate::fixture::{Fixture, run};

#[test]
fn a_store_from_a_url_looks_its_bucket_up_when_it_is_first_used() {
    run(async {
        let fixture = Fixture::in_process().await;
        let url = Url::parse("b2://lakehouse/tables/sales%20of%202026").unwrap();
        let before = fixture.requests();
        let client = Client::builder().backend(fixture.emulator.clone());
        let store = B2StoreBuilder::from_url_with(&url, fixture.options(), client).unwrap();
        let store = store.build().unwrap();
        assert_eq!(store.to_string(), "B2(lakehouse/tables/sales of 2026)");
        assert_eq!(fixture.requests(), before);
        let path = object_store_0_14::path::Path::from("a");
        let create = object_store_0_14::PutMode::Create;
        object_store_0_14::ObjectStore::put_opts(&store, &path, "x".into(), create.into())
            .await
            .unwrap();
        let there = fixture
            .bucket
            .download("tables/sales of 2026/a")
            .stream()
            .await
            .unwrap();
        assert_eq!(there.collect(10).await.unwrap(), b"x");
        // Each of the two buckets is looked up only once.
        store.put(&path, "y".into()).await.unwrap();
        let looked_up = fixture.calls_of("b2_list_buckets");
        store.put(&path, "z".into()).await.unwrap();
        assert_eq!(fixture.calls_of("b2_list_buckets"), looked_up);
    });
}

#[test]
fn parse_url_opts_returns_the_whole_bucket_and_the_path_in_it() {
    run(async {
        let fixture = Fixture::in_process().await;
        let url = Url::parse("b2://lakehouse/tables/sales/").unwrap();
        let (store, path) = v0_14::parse_url_opts(&url, fixture.options()).unwrap();
        assert_eq!(
            (store.to_string().as_str(), path.as_ref()),
            ("B2(lakehouse)", "tables/sales")
        );
        let (store, path) = v0_13::parse_url_opts(&url, fixture.options()).unwrap();
        assert_eq!(
            (store.to_string().as_str(), path.as_ref()),
            ("B2(lakehouse)", "tables/sales")
        );
    });
}

#[test]
fn an_invalid_url_or_option_is_refused_before_anything_is_sent() {
    let parse = |url: &str, options: &[(&str, &str)]| {
        let url = Url::parse(url).unwrap();
        v0_14::parse_url_opts(&url, options.iter().copied())
            .map(drop)
            .unwrap_err()
    };
    let keys = [("b2_application_key_id", "i"), ("b2_application_key", "k")];
    let error = parse("b2://lakehouse", &[keys[0], keys[1], ("b2_delete", "hide")]);
    assert!(
        matches!(
            error,
            object_store_0_14::Error::UnknownConfigurationKey { .. }
        ),
        "{error:?}"
    );
    for (url, options) in [
        ("s3://lakehouse", &keys[..]),
        ("b2://lakehouse", &keys[..1]),
        (
            "b2://lakehouse",
            &[keys[0], keys[1], ("b2_endpoint", "nowhere")],
        ),
        (
            "b2://lakehouse",
            &[keys[0], keys[1], ("b2_coordinate_creates", "no/bucket")],
        ),
    ] {
        let error = parse(url, options);
        assert!(
            matches!(error, object_store_0_14::Error::Generic { store: "B2", .. }),
            "{error:?}"
        );
    }
    let error = v0_13::parse_url_opts(&Url::parse("b2://lakehouse").unwrap(), [("b2_bucket", "x")]);
    let error = error.map(drop).unwrap_err();
    assert!(
        matches!(
            error,
            object_store_0_13::Error::UnknownConfigurationKey { .. }
        ),
        "{error:?}"
    );
}
