//! Lists as streams: page by page, without duplicate or missing items, and no page requested too early.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use b2kit::api::{
    CreateBucket, CreateKey, HideFile, ListBuckets, ListFileNames, ListFileVersions, ListKeys,
    ListParts, ListUnfinishedLargeFiles, Paged, StartLargeFile, UploadFile, UploadPart,
};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{
    BucketId, BucketName, BucketType, Capability, FileId, FileName, KeyName, ListedFile, PartNumber,
};
use b2kit::{
    ApiVersion, Client, Error, ErrorKind, HttpError, HttpErrorKind, ManualTimer, Phase, Request,
    Response, ResponseBody,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::{Interception, call_of, client, http_answer, http_refusal, sent, session, wired};

/// An account with every kind of object that can be listed.
struct Account {
    emulator: Emulator,
    timer: ManualTimer,
    bucket: BucketId,
    large_file: FileId,
}

impl Account {
    fn new() -> Self {
        let (b2, emulator, timer) = client();
        let (bucket, large_file) = timer.run(async {
            let name = BucketName::new("holiday-photos").unwrap();
            let bucket = b2.call(CreateBucket::new(name, BucketType::AllPrivate));
            let bucket = bucket.await.unwrap().bucket_id;
            let name = |name: &str| FileName::new(name).unwrap();
            for file in [
                "a", "a/1", "a/2", "b/1", "b/x/1", "b/x/2", "b/y", "c", "d/1", "ü/ ",
            ] {
                for version in ["old", "new"] {
                    let upload = UploadFile::new(&bucket, name(file), version);
                    b2.call(upload).await.unwrap();
                }
            }
            b2.call(HideFile::new(&bucket, name("c"))).await.unwrap();
            let mut large_file = None;
            for n in 0..7 {
                let start = StartLargeFile::new(&bucket, name(&format!("b/large{n}")));
                large_file = Some(b2.call(start).await.unwrap().file_id);
            }
            let large_file = large_file.unwrap();
            for n in [1, 2, 3, 7, 9, 9_999, 10_000] {
                let number = PartNumber::new(n).unwrap();
                let part = UploadPart::new(&large_file, number, "0123456789");
                b2.call(part).await.unwrap();
            }
            for n in 0..7 {
                let key = KeyName::new(format!("key-{n}")).unwrap();
                b2.call(CreateKey::new(key, [Capability::ReadFiles]))
                    .await
                    .unwrap();
            }
            (bucket, large_file)
        });
        Self {
            emulator,
            timer,
            bucket,
            large_file,
        }
    }

    /// An authorized client.
    fn client(
        &self,
        meddle: impl Fn(&mut Request) -> Interception + Send + Sync + 'static,
    ) -> Client {
        let b2 = wired(&self.emulator, &self.timer, meddle).build().unwrap();
        self.timer.run(b2.session()).unwrap();
        b2
    }

    fn all<C: Paged + 'static>(&self, b2: &Client, call: C) -> Result<Vec<C::Item>, Error> {
        self.timer.run(b2.paginate(call).try_collect())
    }

    fn names(&self) -> ListFileNames {
        ListFileNames::new(&self.bucket)
    }

    fn versions(&self) -> ListFileVersions {
        ListFileVersions::new(&self.bucket)
    }

    fn unfinished(&self) -> ListUnfinishedLargeFiles {
        ListUnfinishedLargeFiles::new(&self.bucket)
    }
}

/// A client that gets pages made by `page` for every list, and the requests that it has sent.
fn scripted(page: impl Fn(&Value) -> Value + Send + Sync + 'static) -> (Client, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let backend = move |mut request: Request| {
        assert!(
            counted.fetch_add(1, Ordering::Relaxed) < 1_000,
            "this has no end"
        );
        let answer = http_answer(200, &page(&sent(&mut request)));
        async move { Ok(answer) }
    };
    let b2 = Client::builder()
        .session(session(ApiVersion::V4))
        .backend(backend)
        .timer(ManualTimer::new())
        .build();
    (b2.unwrap(), count)
}

fn file(name: &str) -> Value {
    json!({
        "accountId": "a", "action": "upload", "bucketId": "b", "contentLength": 1,
        "contentSha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "contentMd5": null,
        "contentType": "text/plain",
        "fileId": format!("4_z{name}"), "fileInfo": {}, "fileName": name,
        "fileRetention": {"isClientAuthorizedToRead": false, "value": null},
        "legalHold": {"isClientAuthorizedToRead": false, "value": null}, "replicationStatus": null,
        "serverSideEncryption": {"algorithm": null, "mode": null}, "uploadTimestamp": 1,
    })
}

fn names(rows: &[ListedFile]) -> Vec<&str> {
    rows.iter().map(ListedFile::file_name).collect()
}

#[test]
fn pages_of_any_size_make_the_same_list() {
    let account = Account::new();
    let b2 = account.client(|_| None);
    let parts = || ListParts::new(&account.large_file);
    let (all_names, all_versions) = (
        account.all(&b2, account.names()).unwrap(),
        account.all(&b2, account.versions()).unwrap(),
    );
    assert_eq!(
        names(&all_names),
        [
            "a", "a/1", "a/2", "b/1", "b/x/1", "b/x/2", "b/y", "d/1", "ü/ "
        ]
    );
    assert_eq!(all_versions.len(), 2 * 10 + 1 + 7);
    let all_unfinished = account.all(&b2, account.unfinished()).unwrap();
    let all_parts = account.all(&b2, parts()).unwrap();
    let numbers: Vec<_> = all_parts.iter().map(|part| part.part_number).collect();
    assert_eq!(numbers, [1, 2, 3, 7, 9, 9_999, 10_000]);
    let all_keys = account.all(&b2, ListKeys::new()).unwrap();
    assert_eq!((all_unfinished.len(), all_keys.len()), (7, 7));
    for size in [1, 2, 3, 7, 8, 100] {
        let names = account.names().max_file_count(size);
        assert_eq!(account.all(&b2, names).unwrap(), all_names, "{size}");
        let versions = account.versions().max_file_count(size);
        assert_eq!(account.all(&b2, versions).unwrap(), all_versions, "{size}");
        let unfinished = account.unfinished().max_file_count(size);
        assert_eq!(
            account.all(&b2, unfinished).unwrap(),
            all_unfinished,
            "{size}"
        );
        let parts = parts().max_part_count(size);
        assert_eq!(account.all(&b2, parts).unwrap(), all_parts, "{size}");
        let keys = ListKeys::new().max_key_count(size);
        assert_eq!(account.all(&b2, keys).unwrap(), all_keys, "{size}");
    }
}

#[test]
fn prefixes_folders_and_start_names_apply_to_all_pages() {
    let account = Account::new();
    let b2 = account.client(|_| None);
    for size in [1, 2, 100] {
        let listed = |call: ListFileNames| account.all(&b2, call.max_file_count(size)).unwrap();
        let folders = listed(account.names().delimiter("/"));
        assert_eq!(names(&folders), ["a", "a/", "b/", "d/", "ü/"], "{size}");
        let inside = listed(account.names().prefix("b/").delimiter("/"));
        assert_eq!(names(&inside), ["b/1", "b/x/", "b/y"], "{size}");
        let prefix = listed(account.names().prefix("b/x"));
        assert_eq!(names(&prefix), ["b/x/1", "b/x/2"], "{size}");
        let late = listed(account.names().start_file_name("b/y"));
        assert_eq!(names(&late), ["b/y", "d/1", "ü/ "], "{size}");

        let listed = |call: ListFileVersions| account.all(&b2, call.max_file_count(size)).unwrap();
        let folders = listed(account.versions().delimiter("/"));
        let expected = ["a", "a", "a/", "b/", "c", "c", "c", "d/", "ü/"];
        assert_eq!(names(&folders), expected, "{size}");
        let prefix = listed(account.versions().prefix("b/x/"));
        assert_eq!(
            names(&prefix),
            ["b/x/1", "b/x/1", "b/x/2", "b/x/2"],
            "{size}"
        );

        let unfinished = account.unfinished().max_file_count(size);
        let some = account
            .all(&b2, unfinished.clone().name_prefix("b/large"))
            .unwrap();
        assert_eq!(some.len(), 7, "{size}");
        assert!(
            account
                .all(&b2, unfinished.name_prefix("c"))
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn an_empty_page_is_not_the_end() {
    let (b2, count) = scripted(|sent| match sent["startFileName"].as_str() {
        None => json!({"files": [], "nextFileName": "m"}),
        Some("m") => json!({"files": [], "nextFileName": "n"}),
        Some("n") => json!({"files": [file("n")], "nextFileName": "o"}),
        Some(_) => json!({"files": [], "nextFileName": null}),
    });
    let stream = b2.paginate(ListFileNames::new("b"));
    let listed: Vec<_> = futures::executor::block_on(stream.try_collect()).unwrap();
    assert_eq!(
        (names(&listed), count.load(Ordering::Relaxed)),
        (vec!["n"], 4)
    );
}

#[test]
fn pages_whose_cursors_form_a_cycle_are_an_error() {
    for (tail, circle) in [
        (0, 1),
        (3, 1),
        (0, 2),
        (1, 2),
        (0, 3),
        (4, 3),
        (0, 7),
        (5, 7),
        (20, 7),
    ] {
        for rows in [0, 1] {
            // Each page leads to the next, and the last one back to the first of the cycle.
            let (b2, count) = scripted(move |sent| {
                let page = sent["startFileName"]
                    .as_str()
                    .map_or(0, |name| name.parse().unwrap());
                // Names have two digits, so that they sort numerically.
                let next = if page + 1 < tail + circle {
                    page + 1
                } else {
                    tail
                };
                let files: Vec<_> = (0..rows).map(|_| file(&format!("{page:02}"))).collect();
                json!({"files": files, "nextFileName": format!("{next:02}")})
            });
            let stream = b2.paginate(ListFileNames::new("b"));
            let outcomes: Vec<_> = futures::executor::block_on(stream.collect());
            let error = outcomes.last().unwrap().as_ref().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert_eq!(error.call(), Some("b2_list_file_names"));
            assert!(error.to_string().contains("doesn't advance"), "{error}");
            let count = count.load(Ordering::Relaxed);
            assert!(
                count <= 4 * (tail + circle) + 2,
                "{count} for {tail} and {circle}"
            );
        }
    }
}

#[test]
fn a_list_whose_cursor_does_not_advance_is_an_error() {
    fn outcome<C: Paged + 'static>(call: C, page: Value) {
        let (b2, count) = scripted(move |_| page.clone());
        let outcome: Result<Vec<_>, _> =
            futures::executor::block_on(b2.paginate(call).try_collect());
        let Err(error) = outcome else {
            panic!("{} went on", C::METADATA.name)
        };
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        // The second page is requested twice more, since it might be the response to another request.
        let count = count.load(Ordering::Relaxed);
        assert!(count <= 4, "{count} for {}", C::METADATA.name);
    }
    outcome(
        ListFileNames::new("b"),
        json!({"files": [], "nextFileName": "n"}),
    );
    let versions = json!({"files": [], "nextFileName": "n", "nextFileId": "4_z"});
    outcome(ListFileVersions::new("b"), versions);
    let unfinished = json!({"files": [], "nextFileId": "4_z"});
    outcome(ListUnfinishedLargeFiles::new("b"), unfinished);
    outcome(
        ListParts::new("f"),
        json!({"parts": [], "nextPartNumber": 7}),
    );
    outcome(
        ListParts::new("f"),
        json!({"parts": [], "nextPartNumber": 0}),
    );
    outcome(
        ListKeys::new(),
        json!({"keys": [], "nextApplicationKeyId": "k"}),
    );
}

#[test]
fn many_versions_of_one_name_are_not_a_cycle() {
    let (b2, _) = scripted(|sent| {
        let at = sent["startFileId"]
            .as_str()
            .map_or(0, |id| id.parse().unwrap());
        let next = if at < 40 {
            json!((at + 1).to_string())
        } else {
            Value::Null
        };
        let name = if next.is_null() {
            Value::Null
        } else {
            json!("n")
        };
        let mut row = file("n");
        row["fileId"] = json!(at.to_string());
        json!({"files": [row], "nextFileName": name, "nextFileId": next})
    });
    let stream = b2.paginate(ListFileVersions::new("b"));
    let listed: Vec<_> = futures::executor::block_on(stream.try_collect()).unwrap();
    assert_eq!(listed.len(), 41);
}

#[test]
fn a_page_whose_cursor_is_a_name_alone_starts_at_the_newest_version_of_the_name() {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&starts);
    let (b2, _) = scripted(move |sent| {
        let start = (sent["startFileName"].clone(), sent["startFileId"].clone());
        let (name, id) = match start.0.as_str() {
            Some("a") => (json!("b"), json!("id-b")),
            Some("b") => (json!("c"), Value::Null),
            Some("c") => (json!("d"), Value::Null),
            _ => (Value::Null, Value::Null),
        };
        seen.lock().unwrap().push(start);
        json!({"files": [], "nextFileName": name, "nextFileId": id})
    });
    let stream = b2.paginate(ListFileVersions::new("b").start_at("a", "id-a"));
    let listed: Vec<_> = futures::executor::block_on(stream.try_collect()).unwrap();
    assert!(listed.is_empty());
    let expected = [
        (json!("a"), json!("id-a")),
        (json!("b"), json!("id-b")),
        (json!("c"), Value::Null),
        (json!("d"), Value::Null),
    ];
    assert_eq!(*starts.lock().unwrap(), expected);
}

#[test]
fn a_failed_page_is_retried_without_duplicate_or_missing_items() {
    let cut = |text: &'static str| -> Response {
        b2kit::http::Response::new(ResponseBody::new(None, stream::iter([Ok(text.into())])))
    };
    let broken = |text: &'static str| -> Response {
        let reset = HttpError::new(HttpErrorKind::Reset, Phase::ResponseBegun);
        let chunks = stream::iter([Ok(text.into()), Err(reset)]);
        b2kit::http::Response::new(ResponseBody::new(None, chunks))
    };
    let account = Account::new();
    let smooth = account.client(|_| None);
    let expected = account.all(&smooth, account.versions()).unwrap();
    let pages = expected.len().div_ceil(3);
    for page in 0..pages {
        for fault in 0..5 {
            let (listings, starts) = (AtomicUsize::new(0), Arc::new(Mutex::new(Vec::new())));
            let seen = Arc::clone(&starts);
            let b2 = account.client(move |request| {
                if call_of(request) != "b2_list_file_versions" {
                    return None;
                }
                seen.lock().unwrap().push(sent(request));
                (listings.fetch_add(1, Ordering::Relaxed) == page).then(|| match fault {
                    0 => Ok(http_refusal(503, "service_unavailable")),
                    1 => Ok(cut(r#"{"files": [{"acco"#)),
                    2 => Ok(cut("")),
                    3 => Ok(broken(r#"{"files": ["#)),
                    _ => Err(HttpError::new(HttpErrorKind::Closed, Phase::MaybeReceived)),
                })
            });
            let listed = account.all(&b2, account.versions().max_file_count(3));
            assert_eq!(listed.unwrap(), expected, "fault {fault} on page {page}");
            let starts = starts.lock().unwrap();
            assert_eq!(starts.len(), pages + 1);
            assert_eq!(starts[page], starts[page + 1], "the same page is asked for");
        }
    }
}

#[test]
fn a_list_ends_after_an_error() {
    let account = Account::new();
    let listings = AtomicUsize::new(0);
    let b2 = account.client(move |request| {
        let second = call_of(request) == "b2_list_file_names"
            && listings.fetch_add(1, Ordering::Relaxed) == 1;
        second.then(|| Ok(http_refusal(400, "bad_request")))
    });
    let stream = b2.paginate(account.names().max_file_count(4));
    let outcomes: Vec<_> = account.timer.run(stream.collect());
    assert_eq!(outcomes.len(), 5);
    assert!(outcomes[..4].iter().all(Result::is_ok));
    let error = outcomes[4].as_ref().unwrap_err();
    assert_eq!(error.b2().unwrap().code, "bad_request");
}

#[test]
fn a_page_is_requested_only_when_the_previous_one_is_consumed() {
    let account = Account::new();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let b2 = wired(&account.emulator, &account.timer, move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        None
    });
    let b2 = b2.build().unwrap();
    let requests = || count.load(Ordering::Relaxed);
    account.timer.run(async {
        let mut stream = b2.paginate(account.names().max_file_count(4));
        assert_eq!(requests(), 0, "nothing is asked for, not even a session");
        for (item, expected) in [2, 2, 2, 2, 3, 3, 3, 3, 4].into_iter().enumerate() {
            stream.try_next().await.unwrap().unwrap();
            assert_eq!(requests(), expected, "after item {item}");
        }
        assert!(stream.try_next().await.unwrap().is_none());
        assert_eq!(requests(), 4, "the last page said that it was the last");
        let mut dropped = Box::pin(b2.paginate(account.names().max_file_count(4)));
        dropped.try_next().await.unwrap().unwrap();
        drop(dropped);
        assert_eq!(requests(), 5);
    });
    assert_eq!(account.timer.sleepers(), 0);
}

#[test]
fn dropping_a_list_cancels_the_request_in_flight() {
    struct OnDrop(Arc<AtomicBool>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (stopped, timer) = (Arc::new(AtomicBool::new(false)), ManualTimer::new());
    let counter = Arc::clone(&stopped);
    let b2 = Client::builder()
        .session(session(ApiVersion::V4))
        .backend(move |_: Request| {
            let under_way = OnDrop(Arc::clone(&counter));
            async move {
                let _under_way = under_way;
                futures::future::pending().await
            }
        })
        .timer(timer.clone())
        .build()
        .unwrap();
    let mut stream = Box::pin(b2.paginate(ListKeys::new()));
    let pending = timer.run(async { futures::poll!(stream.next()) });
    assert!(pending.is_pending() && !stopped.load(Ordering::Relaxed));
    drop(stream);
    assert!(stopped.load(Ordering::Relaxed));
    assert_eq!(timer.sleepers(), 0, "nothing waits for it any more");
}

#[test]
fn pages_have_the_size_of_one_billed_transaction_by_default() {
    fn page_size_in<C: Paged + 'static>(call: C, field: &str, page: Value) -> Value {
        let last = Arc::new(Mutex::new(Value::Null));
        let seen = Arc::clone(&last);
        let field = field.to_owned();
        let (b2, _) = scripted(move |sent| {
            *seen.lock().unwrap() = sent[&field].clone();
            page.clone()
        });
        let listed: Vec<_> = futures::executor::block_on(b2.paginate(call).try_collect()).unwrap();
        assert!(listed.is_empty());
        last.lock().unwrap().clone()
    }
    let files = || json!({"files": [], "nextFileName": null, "nextFileId": null});
    let (names, versions) = (ListFileNames::new("b"), ListFileVersions::new("b"));
    assert_eq!(
        page_size_in(names.clone(), "maxFileCount", files()),
        json!(1_000)
    );
    assert_eq!(
        page_size_in(versions.clone(), "maxFileCount", files()),
        json!(1_000)
    );
    let parts = || json!({"parts": [], "nextPartNumber": null});
    assert_eq!(
        page_size_in(ListParts::new("f"), "maxPartCount", parts()),
        json!(1_000)
    );
    let keys = || json!({"keys": [], "nextApplicationKeyId": null});
    assert_eq!(
        page_size_in(ListKeys::new(), "maxKeyCount", keys()),
        json!(1_000)
    );
    // B2 returns 100 of these by default, and never more.
    let unfinished = ListUnfinishedLargeFiles::new("b");
    assert_eq!(
        page_size_in(unfinished, "maxFileCount", files()),
        Value::Null
    );

    for count in [1, 10_000] {
        let names = names.clone().max_file_count(count);
        assert_eq!(page_size_in(names, "maxFileCount", files()), json!(count));
        let versions = versions.clone().max_file_count(count);
        assert_eq!(
            page_size_in(versions, "maxFileCount", files()),
            json!(count)
        );
        let few = ListParts::new("f").max_part_count(count);
        assert_eq!(page_size_in(few, "maxPartCount", parts()), json!(count));
        let few = ListKeys::new().max_key_count(count);
        assert_eq!(page_size_in(few, "maxKeyCount", keys()), json!(count));
    }
}

#[test]
fn a_list_of_parts_ends_after_the_highest_part_number() {
    let part = |number: u32| {
        json!({
            "fileId": "f", "partNumber": number, "contentLength": 1, "contentMd5": null,
            "contentSha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "serverSideEncryption": {"algorithm": null, "mode": null}, "uploadTimestamp": 1,
        })
    };
    let (b2, count) = scripted(move |sent| match sent["startPartNumber"].as_u64() {
        None => json!({"parts": [part(1), part(9_999)], "nextPartNumber": 10_000}),
        _ => json!({"parts": [part(10_000)], "nextPartNumber": 10_001}),
    });
    let stream = b2.paginate(ListParts::new("f"));
    let parts: Vec<_> = futures::executor::block_on(stream.try_collect()).unwrap();
    let numbers: Vec<_> = parts.iter().map(|part| part.part_number).collect();
    assert_eq!(numbers, [1, 9_999, 10_000]);
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

fn folder(name: &str) -> Value {
    json!({
        "accountId": "a", "action": "folder", "bucketId": "b", "contentLength": 0,
        "contentSha1": null,
        "contentMd5": null, "contentType": null, "fileId": null, "fileInfo": {}, "fileName": name,
        "uploadTimestamp": 0,
    })
}

/// B2 may end a page in the middle of a huge folder and begin the next one with the same folder.
#[test]
fn a_folder_repeated_on_the_next_pages_is_listed_once() {
    let (b2, count) = scripted(|sent| match sent["startFileName"].as_str() {
        None => json!({"files": [file("a"), folder("lib/")], "nextFileName": "lib/1137000/545f "}),
        Some("lib/1137000/545f ") => json!({"files": [folder("lib/")], "nextFileName": "lib/2"}),
        Some("lib/2") => json!({"files": [], "nextFileName": "lib/3"}),
        Some("lib/3") => {
            json!({"files": [folder("lib/"), folder("lib/"), file("m")], "nextFileName": "n/1 "})
        }
        Some("n/1 ") => json!({"files": [folder("n/")], "nextFileName": null}),
        Some(other) => panic!("{other}"),
    });
    let stream = b2.paginate(ListFileNames::new("b").delimiter("/"));
    let listed: Vec<_> = futures::executor::block_on(stream.try_collect()).unwrap();
    assert_eq!(names(&listed), ["a", "lib/", "m", "n/"]);
    assert_eq!(count.load(Ordering::Relaxed), 5);
    // Unlike the stream, the call itself returns the page as B2 sent it.
    let page = ListFileNames::new("b")
        .delimiter("/")
        .start_file_name("lib/3");
    let page = futures::executor::block_on(b2.call(page)).unwrap();
    assert_eq!(names(&page.files), ["lib/", "lib/", "m"]);
}

/// For each listing: a request, a page that does not match it, and the error.
#[test]
fn every_listing_refuses_a_page_that_does_not_match_its_request() {
    fn refused<C: Paged + 'static>(call: C, page: Value, message: &str) {
        let (b2, _) = scripted(move |_| page.clone());
        let error = futures::executor::block_on(b2.paginate(call).try_collect::<Vec<_>>());
        let Err(error) = error else {
            panic!(
                "{} took a page that should have been refused with {message:?}",
                C::METADATA.name
            )
        };
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 3));
        assert!(error.to_string().contains(message), "{error}");
    }
    let elsewhere = |mut row: Value| {
        row["bucketId"] = json!("other");
        row
    };
    let unfinished = |name: &str| {
        let mut row = file(name);
        row["action"] = json!("start");
        row
    };
    let names = |rows: &[Value]| json!({"files": rows, "nextFileName": null});
    let query = || ListFileNames::new("b");
    refused(
        query(),
        names(&[elsewhere(file("a"))]),
        "a different bucket",
    );
    refused(query().prefix("p/"), names(&[file("q")]), "the prefix");
    refused(
        query(),
        names(&[file("b"), file("a")]),
        "row 2 of the page, \"a\"",
    );
    refused(query(), names(&[folder("a/")]), "no delimiter");
    refused(
        query().delimiter("/"),
        names(&[file("a/b")]),
        "inside a folder",
    );
    refused(
        query().max_file_count(1),
        names(&[file("a"), file("b")]),
        "2 rows",
    );
    refused(
        query().start_file_name("m"),
        names(&[file("a")]),
        "before the start",
    );

    let query = || ListFileVersions::new("b");
    refused(
        query(),
        names(&[elsewhere(file("a"))]),
        "a different bucket",
    );
    refused(query(), names(&[file("a"), file("a")]), "twice");
    let no_name = json!({"files": [file("a")], "nextFileName": null, "nextFileId": "4_z"});
    refused(query(), no_name, "doesn't advance");
    let again = json!({"files": [file("a")], "nextFileName": "a", "nextFileId": null});
    refused(query(), again, "doesn't advance");
    let again = json!({"files": [file("a")], "nextFileName": "a", "nextFileId": "4_za"});
    refused(query(), again, "doesn't advance");

    let query = || ListUnfinishedLargeFiles::new("b");
    refused(
        query(),
        names(&[elsewhere(unfinished("a"))]),
        "a different bucket",
    );
    refused(query(), names(&[file("a")]), "not an unfinished large file");
    refused(
        query().name_prefix("p"),
        names(&[unfinished("a")]),
        "the prefix",
    );
    let again = json!({"files": [unfinished("a")], "nextFileId": "4_za"});
    refused(query(), again, "doesn't advance");

    let part = |file: &str, number: u32| {
        json!({
            "fileId": file, "partNumber": number, "contentLength": 1, "uploadTimestamp": 1
        })
    };
    let parts = |parts: &[Value], next: Value| json!({"parts": parts, "nextPartNumber": next});
    let query = || ListParts::new("f");
    refused(
        query(),
        parts(&[part("g", 1)], Value::Null),
        "a different file",
    );
    refused(
        query(),
        parts(&[part("f", 2), part("f", 2)], Value::Null),
        "out of order",
    );
    refused(query(), parts(&[part("f", 10_001)], Value::Null), "higher");
    refused(query(), parts(&[part("f", 0)], Value::Null), "out of order");
    refused(query(), parts(&[part("f", 7)], json!(7)), "doesn't advance");
    let late = query().start_part_number(PartNumber::new(5).unwrap());
    refused(late, parts(&[part("f", 4)], Value::Null), "out of order");

    let key = |id: &str| {
        json!({"accountId": "a", "applicationKeyId": id, "capabilities": [],
        "expirationTimestamp": null,
               "keyName": "k", "namePrefix": null, "options": []})
    };
    let keys = |keys: &[Value], next: Value| json!({"keys": keys, "nextApplicationKeyId": next});
    refused(
        ListKeys::new(),
        keys(&[key("1"), key("1")], Value::Null),
        "twice",
    );
    refused(
        ListKeys::new(),
        keys(&[key("1"), key("2")], json!("1")),
        "doesn't advance",
    );
    refused(
        ListKeys::new().max_key_count(1),
        keys(&[key("1"), key("2")], Value::Null),
        "2 rows",
    );
}

#[test]
fn a_list_of_buckets_shows_only_the_requested_ones() {
    let bucket = |id: &str, name: &str, kind: &str| {
        json!({
            "accountId": "a", "bucketId": id, "bucketName": name, "bucketType": kind, "revision": 1
        })
    };
    let shown = move |call: ListBuckets, buckets: Vec<Value>| {
        let (b2, _) = scripted(move |_| json!({"buckets": buckets}));
        futures::executor::block_on(b2.call(call)).map(|shown| shown.buckets.len())
    };
    let name = |name: &str| BucketName::new(name).unwrap();
    let one = || vec![bucket("1", "Photos", "allPrivate")];
    let two = || {
        vec![
            bucket("1", "photos", "allPrivate"),
            bucket("2", "letters", "snapshot"),
        ]
    };
    for (call, buckets) in [
        (ListBuckets::new(), two()),
        (ListBuckets::new().bucket_id("1"), one()),
        // B2 looks up names case-insensitively.
        (ListBuckets::new().bucket_name(name("phoTOS")), one()),
        (ListBuckets::new().bucket_id("9"), vec![]),
        (
            ListBuckets::new().bucket_types([BucketType::from("all")]),
            two(),
        ),
        (
            ListBuckets::new().bucket_types([BucketType::AllPrivate, BucketType::Snapshot]),
            two(),
        ),
    ] {
        let count = buckets.len();
        assert_eq!(shown(call, buckets).unwrap(), count);
    }
    for (call, buckets) in [
        (ListBuckets::new().bucket_id("2"), one()),
        (ListBuckets::new().bucket_name(name("letters")), one()),
        (ListBuckets::new().bucket_id("1"), two()),
        (
            ListBuckets::new().bucket_types([BucketType::AllPublic]),
            one(),
        ),
    ] {
        assert_eq!(
            shown(call, buckets).unwrap_err().kind(),
            ErrorKind::Protocol
        );
    }
}
