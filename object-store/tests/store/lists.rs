//! Listings: order, pages, names that are not paths.

use b2kit::backend::emulator::{Emulator, UndocumentedBehavior};
use b2kit_object_store::v0_14::object_store::list::{
    PaginatedListOptions, PaginatedListStore as _,
};
use b2kit_object_store::v0_14::object_store::path::Path;
use b2kit_object_store::v0_14::object_store::{ObjectStore as _, ObjectStoreExt as _};
use b2kit_object_store::{B2Store, InvalidNameError, InvalidNames};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::fixture::{Fixture, Transport, run};

#[test]
fn a_listing_with_an_offset_requests_nothing_before_it() {
    run(async {
        let fixture = Fixture::in_process().await;
        let store = B2Store::builder(fixture.bucket.clone())
            .prefix("table")
            .build()
            .unwrap();
        for number in 0..2_100 {
            fixture
                .bucket
                .upload(format!("table/log/{number:04}"), "x")
                .await
                .unwrap();
        }
        let calls = || fixture.calls_of("b2_list_file_names");
        let before = calls();
        let last = store.list_with_offset(Some(&Path::from("log")), &Path::from("log/2090"));
        let last: Vec<_> = last.try_collect().await.unwrap();
        assert_eq!(last.len(), 9);
        assert_eq!(last[0].location, Path::from("log/2091"));
        assert_eq!(calls() - before, 1);
        let all: Vec<_> = store.list(None).try_collect().await.unwrap();
        assert_eq!((all.len(), calls() - before), (2_100, 1 + 3));
        assert!(all.is_sorted_by_key(|meta| meta.location.clone()));
    });
}

/// Names in the bucket, of which only two are paths.
const NAMES: [&str; 9] = [
    "/lead", "a//b", "a/b", "a/", "a/../b", "./c", "d/e/", "d", "a/./b",
];

async fn fill(fixture: &Fixture) {
    for name in NAMES {
        fixture.bucket.upload(name, name).await.unwrap();
    }
}

#[test]
fn names_that_are_not_paths_are_skipped_and_never_merged_with_others() {
    run(async {
        let fixture = Fixture::in_process().await;
        fill(&fixture).await;
        let store = fixture.uncoordinated();
        let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
        let paths: Vec<_> = listed.iter().map(|meta| meta.location.as_ref()).collect();
        assert_eq!(paths, ["a/b", "d"]);
        let b = store.get(&Path::from("a/b")).await.unwrap();
        assert_eq!(b.bytes().await.unwrap(), "a/b");
        let root = store.list_with_delimiter(None).await.unwrap();
        let directories: Vec<_> = root.common_prefixes.iter().map(AsRef::as_ref).collect();
        assert_eq!((root.objects.len(), directories), (1, vec!["a", "d"]));
        let a = store
            .list_with_delimiter(Some(&Path::from("a")))
            .await
            .unwrap();
        assert_eq!((a.objects.len(), a.common_prefixes.len()), (1, 0));
    });
}

#[test]
fn names_that_are_not_paths_are_errors_with_invalid_names_report() {
    run(async {
        let fixture = Fixture::in_process().await;
        fill(&fixture).await;
        let store = B2Store::builder(fixture.bucket.clone()).invalid_names(InvalidNames::Report);
        let store = store.build().unwrap();
        let rows: Vec<_> = store.list(None).collect().await;
        assert_eq!(rows.len(), NAMES.len());
        let errors: Vec<_> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
        assert_eq!(errors.len(), NAMES.len() - 2);
        assert!(
            errors
                .iter()
                .any(|error| error.to_string().contains("a//b")),
            "{errors:?}"
        );
        store.list_with_delimiter(None).await.unwrap_err();
    });
}

#[test]
fn pages_continue_after_a_name_that_is_not_a_path_with_the_token_of_the_error() {
    run(async {
        let fixture = Fixture::in_process().await;
        fill(&fixture).await;
        for name in ["z", "z//1", "z//2", "zz"] {
            fixture.bucket.upload(name, "x").await.unwrap();
        }
        let store = B2Store::builder(fixture.bucket.clone()).invalid_names(InvalidNames::Report);
        let store = store.build().unwrap();
        for delimiter in [None, Some("/")] {
            let skipping = listed_in_pages(&fixture.uncoordinated(), delimiter, None).await;
            for most in [None, Some(1), Some(2), Some(3)] {
                let (paths, invalid) = listed_in_pages(&store, delimiter, most).await;
                assert_eq!(paths, skipping.0, "{delimiter:?} {most:?}");
                let mut names = invalid.clone();
                names.dedup();
                assert_eq!(names, invalid, "{delimiter:?} {most:?}");
                match delimiter {
                    None => assert_eq!(invalid.len(), NAMES.len() - 2 + 2, "{invalid:?}"),
                    Some(_) => assert_eq!(invalid, ["./", "/"], "{most:?}"),
                }
            }
        }
    });
}

/// The paths in all pages, and the names that errors report.
async fn listed_in_pages(
    store: &B2Store,
    delimiter: Option<&'static str>,
    max_keys: Option<usize>,
) -> (Vec<String>, Vec<String>) {
    let (mut paths, mut invalid) = (Vec::new(), Vec::new());
    let mut options = PaginatedListOptions {
        delimiter: delimiter.map(Into::into),
        max_keys,
        ..Default::default()
    };
    loop {
        options.page_token = match store.list_paginated(None, options.clone()).await {
            Ok(page) => {
                let objects = page.result.objects.into_iter();
                paths.extend(objects.map(|meta| meta.location.to_string()));
                paths.extend(page.result.common_prefixes.iter().map(ToString::to_string));
                page.page_token
            }
            Err(error) => {
                let source = std::error::Error::source(&error).unwrap();
                let error = source.downcast_ref::<InvalidNameError>().unwrap();
                invalid.push(error.file_name().to_owned());
                Some(error.page_token().unwrap().to_owned())
            }
        };
        if options.page_token.is_none() {
            paths.sort();
            return (paths, invalid);
        }
    }
}

#[test]
fn pages_have_no_gaps_and_no_directory_twice() {
    run(async {
        let fixture = Fixture::in_process().await;
        let store = B2Store::builder(fixture.bucket.clone())
            .prefix("lake")
            .build()
            .unwrap();
        for name in ["a/1", "a/2", "b", "c/1", "c/2", "c/3", "d", "e/1"] {
            store.put(&Path::from(name), "x".into()).await.unwrap();
        }
        for most in 1..=6 {
            let (mut objects, mut directories) = (Vec::new(), Vec::new());
            let mut options = PaginatedListOptions {
                delimiter: Some("/".into()),
                max_keys: Some(most),
                ..Default::default()
            };
            loop {
                let page = store.list_paginated(None, options.clone()).await.unwrap();
                assert!(page.result.objects.len() + page.result.common_prefixes.len() <= most);
                objects.extend(
                    page.result
                        .objects
                        .into_iter()
                        .map(|meta| meta.location.to_string()),
                );
                directories.extend(page.result.common_prefixes.iter().map(ToString::to_string));
                options.page_token = page.page_token;
                if options.page_token.is_none() {
                    break;
                }
            }
            assert_eq!(objects, ["b", "d"], "{most}");
            assert_eq!(directories, ["a", "c", "e"], "{most}");
        }
        let after = PaginatedListOptions {
            offset: Some("c/2".into()),
            ..Default::default()
        };
        let page = store.list_paginated(Some("c/"), after).await.unwrap();
        let paths: Vec<_> = page
            .result
            .objects
            .iter()
            .map(|meta| meta.location.as_ref())
            .collect();
        assert_eq!(paths, ["c/3"]);
        let none = PaginatedListOptions {
            max_keys: Some(0),
            ..Default::default()
        };
        assert!(
            store
                .list_paginated(None, none)
                .await
                .unwrap()
                .result
                .objects
                .is_empty()
        );
    });
}

/// B2 ends pages within a large directory; a page of hidden files has nothing to show.
#[test]
fn a_directory_is_listed_once_although_a_page_in_the_middle_of_it_is_empty() {
    run(async {
        let mut behavior = UndocumentedBehavior::default();
        behavior.names_scanned_per_page = Some(2);
        let emulator = Emulator::builder().undocumented(behavior).build();
        let fixture = Fixture::of(emulator, Transport::InProcess).await;
        for name in ["a/1", "a/2", "a/3", "a/4", "a/5", "b"] {
            fixture.bucket.upload(name, "x").await.unwrap();
        }
        for name in ["a/3", "a/4"] {
            fixture.bucket.hide(name).await.unwrap();
        }
        let store = fixture.uncoordinated();
        let (mut pages, mut objects, mut directories) = (0, Vec::new(), Vec::new());
        let mut options = PaginatedListOptions {
            delimiter: Some("/".into()),
            ..Default::default()
        };
        loop {
            let page = store.list_paginated(None, options.clone()).await.unwrap();
            pages += 1;
            let found = page.result.objects.into_iter();
            objects.extend(found.map(|meta| meta.location.to_string()));
            directories.extend(page.result.common_prefixes.iter().map(ToString::to_string));
            options.page_token = page.page_token;
            if options.page_token.is_none() {
                break;
            }
        }
        assert_eq!(
            (pages, objects, directories),
            (3, vec!["b".into()], vec!["a".into()])
        );
    });
}
