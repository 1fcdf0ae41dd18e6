//! Calls on files against the emulator. Client and emulator implement B2's documentation independently, so they have to
//! agree.

use b2kit::api::{
    CancelLargeFile, CopyFile, CopyPart, CreateBucket, DeleteBucket, DeleteFileVersion, Download,
    DownloadFileById, DownloadFileByName, FinishLargeFile, GetFileInfo, HideFile, ListBuckets,
    ListFileNames, ListFileVersions, ListParts, ListUnfinishedLargeFiles, StartLargeFile,
    UploadFile, UploadPart,
};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{
    Action, Bucket, BucketInfo, BucketName, BucketType, ByteRange, ContentSha1, ContentType,
    CorsOperation, CorsRule, CorsRules, FileInfo, FileName, FileVersion, LifecycleRule,
    LifecycleRules, ListedFile, PartNumber, Restricted, Sha1,
};
use b2kit::{ApiVersion, Body, Bytes, Client, Error, ErrorKind};
use futures::executor::block_on;
use futures::stream;

use super::{BACKEND, served};

/// A client with an emulator of its own.
fn client() -> (Client, Emulator) {
    let emulator = Emulator::builder()
        .absolute_minimum_part_size(10)
        .recommended_part_size(100)
        .build();
    (served(&emulator).build().unwrap(), emulator)
}

async fn bucket(b2: &Client) -> Bucket {
    b2.call(CreateBucket::new(
        BucketName::new("holiday-photos").unwrap(),
        BucketType::AllPrivate,
    ))
    .await
    .unwrap()
}

async fn upload(
    b2: &Client,
    bucket: &Bucket,
    name: &str,
    body: impl Into<Body>,
) -> Result<FileVersion, Error> {
    b2.call(UploadFile::new(
        &bucket.bucket_id,
        FileName::new(name)?,
        body,
    ))
    .await
}

fn by_name(bucket: &Bucket, name: &str) -> DownloadFileByName {
    let bucket = BucketName::new(bucket.bucket_name.as_str()).unwrap();
    DownloadFileByName::new(bucket, FileName::new(name).unwrap())
}

async fn read(download: Download) -> Vec<u8> {
    download.body.collect(1 << 20).await.unwrap()
}

fn names(files: &[ListedFile]) -> Vec<&str> {
    files.iter().map(ListedFile::file_name).collect()
}

#[test]
fn an_uploaded_file_can_be_listed_downloaded_hidden_and_deleted() {
    let (b2, emulator) = client();
    block_on(async {
        let bucket = bucket(&b2).await;
        assert_eq!(
            (&bucket.bucket_type, bucket.revision),
            (&BucketType::AllPrivate, 2)
        );
        let all = b2.call(ListBuckets::new()).await.unwrap().buckets;
        assert_eq!(all, std::slice::from_ref(&bucket));

        let file = upload(&b2, &bucket, "2026/cat.txt", "meow").await.unwrap();
        assert_eq!((&file.action, file.content_length), (&Action::Upload, 4));
        assert_eq!(file.content_sha1, ContentSha1::Verified(Sha1::of(b"meow")));
        assert_eq!(
            file.content_type.as_ref().map(ContentType::as_str),
            Some("text/plain")
        );
        assert_eq!(
            b2.call(GetFileInfo::new(&file.file_id)).await.unwrap(),
            file
        );
        let listed = b2
            .call(ListFileNames::new(&bucket.bucket_id))
            .await
            .unwrap();
        assert_eq!(
            (listed.files, listed.next_file_name),
            (vec![ListedFile::Version(file.clone())], None)
        );

        let download = b2.call(by_name(&bucket, "2026/cat.txt")).await.unwrap();
        assert_eq!(download.file.file_id, file.file_id);
        assert_eq!(
            (download.file.content_length, download.file.range),
            (4, None)
        );
        assert_eq!(download.file.upload_timestamp, Some(file.upload_timestamp));
        assert_eq!(download.body.checked_against(), Some(Sha1::of(b"meow")));
        assert_eq!(read(download).await, b"meow");

        let marker = b2
            .call(HideFile::new(
                &bucket.bucket_id,
                FileName::new("2026/cat.txt").unwrap(),
            ))
            .await
            .unwrap();
        assert_eq!((&marker.action, marker.content_length), (&Action::Hide, 0));
        let hidden = b2.call(by_name(&bucket, "2026/cat.txt")).await.unwrap_err();
        assert_eq!(hidden.kind(), ErrorKind::NotFound);
        assert!(
            b2.call(ListFileNames::new(&bucket.bucket_id))
                .await
                .unwrap()
                .files
                .is_empty()
        );
        assert_eq!(
            read(b2.call(DownloadFileById::new(&file.file_id)).await.unwrap()).await,
            b"meow"
        );
        let versions = b2
            .call(ListFileVersions::new(&bucket.bucket_id))
            .await
            .unwrap()
            .files;
        let actions: Vec<_> = versions
            .iter()
            .map(|row| row.version().unwrap().action.as_str())
            .collect();
        assert_eq!(actions, ["hide", "upload"]);

        let full = b2
            .call(DeleteBucket::new(&bucket.bucket_id))
            .await
            .unwrap_err();
        assert_eq!(full.b2().unwrap().code, "cannot_delete_non_empty_bucket");
        for version in [&marker, &file] {
            let deleted = b2
                .call(DeleteFileVersion::new(
                    version.file_name.as_str(),
                    &version.file_id,
                ))
                .await
                .unwrap();
            assert_eq!(deleted.file_id, version.file_id);
        }
        let again = b2
            .call(DeleteFileVersion::new(
                file.file_name.as_str(),
                &file.file_id,
            ))
            .await
            .unwrap_err();
        assert_eq!(again.kind(), ErrorKind::NotFound);
        let gone = b2.call(GetFileInfo::new(&file.file_id)).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
        assert_eq!(
            b2.call(DeleteBucket::new(&bucket.bucket_id))
                .await
                .unwrap()
                .unwrap()
                .revision,
            3
        );
        assert!(
            b2.call(ListBuckets::new())
                .await
                .unwrap()
                .buckets
                .is_empty()
        );
    });
    assert_eq!(emulator.snapshot().calls_of("b2_authorize_account"), 1);
}

#[test]
fn names_that_look_like_paths_round_trip() {
    let hostile = [
        "a/../b",
        "a//b",
        "..",
        ".",
        "/",
        "//",
        "a/",
        "/a",
        "./a",
        "a/./b",
        "%2F",
        "%2e%2e/x",
        "a+b",
        "a b",
        " ",
        "a#b",
        "a?b=c&d",
        "100%",
        "a\\..\\b",
        "🦀/ü/自由",
        "\u{feff}",
        "'\"<>`{}|^",
        "C:\\x",
        "..\\..\\x",
        "a;b=c,d",
    ];
    let (b2, _) = client();
    let mut refused = Vec::new();
    block_on(async {
        let bucket = bucket(&b2).await;
        for name in hostile
            .into_iter()
            .map(str::to_owned)
            .chain(["é".repeat(512)])
        {
            let file = upload(&b2, &bucket, &name, name.clone().into_bytes())
                .await
                .unwrap();
            assert_eq!(file.file_name, *name);
            let download = match b2.call(by_name(&bucket, &name)).await {
                // It is never another file, and the error names the alternative.
                Err(error) if BACKEND.refuses_names && error.kind() == ErrorKind::Invalid => {
                    assert!(error.to_string().contains("DownloadFileById"), "{error}");
                    refused.push(name.clone());
                    let by_id = DownloadFileById::new(&file.file_id);
                    b2.call(by_id).await.unwrap()
                }
                download => download.unwrap(),
            };
            assert_eq!(download.file.file_name, name);
            assert_eq!(read(download).await, name.as_bytes());
            let listed = ListFileNames::new(&bucket.bucket_id)
                .start_file_name(&name)
                .max_file_count(1);
            assert_eq!(
                names(&b2.call(listed).await.unwrap().files),
                [name.as_str()]
            );
        }
        let all = b2
            .call(ListFileNames::new(&bucket.bucket_id))
            .await
            .unwrap()
            .files;
        assert_eq!(
            all.len(),
            hostile.len() + 1,
            "every name is a file of its own"
        );
    });
    if BACKEND.refuses_names {
        assert_eq!(refused, ["a/../b", "..", ".", "./a", "a/./b"]);
    }
}

#[test]
fn a_byte_range_and_a_head_request_return_part_of_a_file_and_its_headers() {
    let (b2, _) = client();
    block_on(async {
        let bucket = bucket(&b2).await;
        let file = upload(&b2, &bucket, "digits", "0123456789").await.unwrap();
        for (range, expected, between) in [
            (ByteRange::inclusive(2, 4).unwrap(), &b"234"[..], (2, 4)),
            (ByteRange::inclusive(8, 99).unwrap(), b"89", (8, 9)),
            (ByteRange::from_offset(7), b"789", (7, 9)),
            (ByteRange::suffix(2).unwrap(), b"89", (8, 9)),
        ] {
            for download in [
                b2.call(by_name(&bucket, "digits").range(range))
                    .await
                    .unwrap(),
                b2.call(DownloadFileById::new(&file.file_id).range(range))
                    .await
                    .unwrap(),
            ] {
                assert_eq!(
                    (download.file.range, download.file.content_length),
                    (Some(between), 10)
                );
                assert_eq!(download.body.checked_against(), None);
                assert_eq!(read(download).await, expected);
            }
        }
        let beyond = b2
            .call(by_name(&bucket, "digits").range(ByteRange::from_offset(10)))
            .await
            .unwrap_err();
        assert_eq!(beyond.b2().unwrap().status, 416);

        if BACKEND.refuses_head {
            let head = b2.call(by_name(&bucket, "digits").head()).await;
            assert_eq!(head.unwrap_err().kind(), ErrorKind::Invalid);
            return;
        }
        let head = b2.call(by_name(&bucket, "digits").head()).await.unwrap();
        assert_eq!(
            (&head.file.file_id, head.file.content_length),
            (&file.file_id, 10)
        );
        assert_eq!(read(head).await, b"");
        let missing = b2
            .call(by_name(&bucket, "no such").head())
            .await
            .unwrap_err();
        assert_eq!(
            (missing.kind(), missing.b2().unwrap().code.as_str()),
            (ErrorKind::NotFound, "")
        );
    });
}

#[test]
fn file_info_and_content_types_round_trip() {
    let (b2, _) = client();
    block_on(async {
        let bucket = bucket(&b2).await;
        let info = [
            ("note", "ü\r\n+ %41"),
            ("Src_Last_Modified_Millis", "1"),
            ("b2-cache-control", "no-store"),
        ];
        let info = info
            .into_iter()
            .try_fold(FileInfo::new(), |info, (key, value)| info.with(key, value))
            .unwrap();
        let file = UploadFile::new(&bucket.bucket_id, FileName::new("noted").unwrap(), "x");
        let file = file
            .file_info(info.clone())
            .content_type(ContentType::new("text/x-test; q=1").unwrap());
        let file = b2.call(file).await.unwrap();
        let stored: Vec<_> = file.file_info.iter().collect();
        assert_eq!(stored, info.iter().collect::<Vec<_>>());
        assert_eq!(
            file.content_type.as_ref().map(ContentType::as_str),
            Some("text/x-test; q=1")
        );
        let download = b2
            .call(by_name(&bucket, "noted").b2_content_language("de, fr"))
            .await
            .unwrap();
        assert_eq!(download.file.file_info.get("note"), Some("ü\r\n+ %41"));
        assert_eq!(download.file.headers["cache-control"], "no-store");
        assert_eq!(download.file.headers["content-language"], "de, fr");
        assert_eq!(
            download.file.content_type.as_ref().map(ContentType::as_str),
            Some("text/x-test; q=1")
        );
    });
}

#[test]
fn an_empty_file_round_trips() {
    let (b2, _) = client();
    block_on(async {
        let bucket = bucket(&b2).await;
        let file = upload(&b2, &bucket, "nothing", Body::empty())
            .await
            .unwrap();
        assert_eq!(
            (file.content_length, file.content_sha1.sha1()),
            (0, Some(&Sha1::of(b"")))
        );
        assert_eq!(
            read(b2.call(by_name(&bucket, "nothing")).await.unwrap()).await,
            b""
        );
    });
}

#[test]
fn bodies_of_every_kind_arrive_complete_and_verified() {
    let (b2, _) = client();
    let chunks = || stream::iter(["a", "", "bc", "d"].map(|chunk| Ok(Bytes::from(chunk))));
    block_on(async {
        let bucket = bucket(&b2).await;
        for body in [
            Body::from("abcd"),
            Body::replay(4, move || Ok(chunks())),
            Body::once(4, chunks()),
        ] {
            let call = UploadFile::new(&bucket.bucket_id, FileName::new("f").unwrap(), body);
            let stored = b2.call(call).await.unwrap();
            assert_eq!(
                stored.content_sha1,
                ContentSha1::Verified(Sha1::of(b"abcd"))
            );
        }
        let name = FileName::new("f").unwrap();
        let known = UploadFile::new(&bucket.bucket_id, name.clone(), "abcd")
            .content_sha1(Sha1::of(b"abcd"));
        assert_eq!(
            b2.call(known).await.unwrap().content_sha1,
            ContentSha1::Verified(Sha1::of(b"abcd"))
        );
        let unverified = b2
            .call(UploadFile::new(&bucket.bucket_id, name.clone(), "abcd").do_not_verify())
            .await
            .unwrap();
        assert_eq!(
            unverified.content_sha1,
            ContentSha1::Unverified(Sha1::of(b"abcd"))
        );
        assert_eq!(
            read(b2.call(by_name(&bucket, "f")).await.unwrap()).await,
            b"abcd"
        );

        let wrong =
            UploadFile::new(&bucket.bucket_id, name, "abcd").content_sha1(Sha1::of(b"xbcd"));
        let error = b2.call(wrong).await.unwrap_err();
        assert!(
            error.b2().unwrap().message.contains("ha1 did not match"),
            "{error}"
        );
        let versions = b2
            .call(ListFileVersions::new(&bucket.bucket_id))
            .await
            .unwrap()
            .files;
        assert_eq!(versions.len(), 5, "what was refused was not stored");
    });
}

#[test]
fn a_source_of_the_wrong_length_stores_nothing() {
    let (b2, emulator) = client();
    block_on(async {
        let bucket = bucket(&b2).await;
        for promised in [3, 5] {
            let body = Body::once(promised, stream::iter([Ok(Bytes::from("abcd"))]));
            let error = upload(&b2, &bucket, "f", body).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.may_have_taken_effect()),
                (ErrorKind::Source, false),
                "{promised}"
            );
        }
    });
    assert_eq!(emulator.snapshot().versions, 0);
}

#[test]
fn a_large_file_consists_of_its_parts_in_order() {
    let (b2, emulator) = client();
    block_on(async {
        let bucket = bucket(&b2).await;
        let parts: Vec<Vec<u8>> = vec![vec![b'a'; 10], vec![b'b'; 12], b"c".to_vec()];
        let whole = parts.concat();
        let info = FileInfo::new()
            .with("large_file_sha1", Sha1::of(&whole).to_string())
            .unwrap();
        let start = StartLargeFile::new(&bucket.bucket_id, FileName::new("big a+ü.bin").unwrap())
            .file_info(info);
        let started = b2.call(start).await.unwrap();
        assert_eq!(
            (&started.action, started.file_name.as_str()),
            (&Action::Start, "big a+ü.bin")
        );

        for number in [3, 1, 2] {
            let body = parts[usize::try_from(number).unwrap() - 1].clone();
            let part = b2
                .call(UploadPart::new(
                    &started.file_id,
                    PartNumber::new(number).unwrap(),
                    body,
                ))
                .await
                .unwrap();
            assert_eq!(u64::from(part.part_number), number);
        }
        let listed = b2
            .call(ListParts::new(&started.file_id).max_part_count(2))
            .await
            .unwrap();
        assert_eq!((listed.parts.len(), listed.next_part_number), (2, Some(3)));
        let rest = ListParts::new(&started.file_id).start_part_number(PartNumber::new(3).unwrap());
        assert_eq!(b2.call(rest).await.unwrap().parts[0].content_length, 1);
        let unfinished = b2
            .call(ListUnfinishedLargeFiles::new(&bucket.bucket_id).name_prefix("big"))
            .await
            .unwrap();
        assert_eq!(unfinished.files[0].file_id, started.file_id);

        let wrong_order = FinishLargeFile::new(
            &started.file_id,
            parts.iter().rev().map(|part| Sha1::of(part)),
        );
        assert_eq!(
            b2.call(wrong_order).await.unwrap_err().b2().unwrap().code,
            "part_sha1_mismatch"
        );
        let one_more = parts
            .iter()
            .map(|part| Sha1::of(part))
            .chain([Sha1::of(b"")]);
        let missing = FinishLargeFile::new(&started.file_id, one_more);
        assert_eq!(
            b2.call(missing).await.unwrap_err().b2().unwrap().code,
            "missing_part"
        );
        let finish =
            FinishLargeFile::new(&started.file_id, parts.iter().map(|part| Sha1::of(part)));
        let file = b2.call(finish).await.unwrap();
        assert_eq!(
            (file.content_length, file.content_sha1),
            (23, ContentSha1::None)
        );
        assert_eq!(file.file_id, started.file_id);

        let download = b2.call(by_name(&bucket, "big a+ü.bin")).await.unwrap();
        assert_eq!(
            download.body.checked_against(),
            Some(Sha1::of(&whole)),
            "noted by the uploader"
        );
        assert_eq!(read(download).await, whole);
    });
    assert_eq!(emulator.snapshot().unfinished_large_files, 0);
}

#[test]
fn files_and_parts_are_copied_within_b2() {
    let (b2, emulator) = client();
    block_on(async {
        let bucket = bucket(&b2).await;
        let source = upload(&b2, &bucket, "source.txt", "0123456789")
            .await
            .unwrap();
        let copy = CopyFile::new(&source.file_id, FileName::new("copy").unwrap());
        let copied = b2
            .call(copy.clone().range(ByteRange::inclusive(0, 4).unwrap()))
            .await
            .unwrap();
        assert_eq!((&copied.action, copied.content_length), (&Action::Copy, 5));
        assert_eq!(
            copied.content_type.as_ref().map(ContentType::as_str),
            Some("text/plain")
        );
        let info = FileInfo::new().with("k", "v").unwrap();
        let replaced = copy.replace_metadata(ContentType::new("image/png").unwrap(), info);
        let replaced = b2.call(replaced).await.unwrap();
        assert_eq!(
            (
                replaced.content_type.as_ref().map(ContentType::as_str),
                replaced.file_info.get("k")
            ),
            (Some("image/png"), Some("v"))
        );

        let start = StartLargeFile::new(&bucket.bucket_id, FileName::new("joined").unwrap());
        let joined = b2.call(start.clone()).await.unwrap().file_id;
        let first = b2
            .call(CopyPart::new(&source.file_id, &joined, PartNumber::FIRST))
            .await
            .unwrap();
        let second = CopyPart::new(&source.file_id, &joined, PartNumber::new(2).unwrap());
        let second = b2
            .call(second.range(ByteRange::inclusive(3, 5).unwrap()))
            .await
            .unwrap();
        let sha1s = [first, second].map(|part| *part.content_sha1.sha1().unwrap());
        b2.call(FinishLargeFile::new(&joined, sha1s)).await.unwrap();
        assert_eq!(
            read(b2.call(DownloadFileById::new(&joined)).await.unwrap()).await,
            b"0123456789345"
        );

        let given_up = b2.call(start).await.unwrap().file_id;
        assert_eq!(
            b2.call(CancelLargeFile::new(&given_up))
                .await
                .unwrap()
                .file_id,
            given_up
        );
        let again = b2.call(CancelLargeFile::new(&given_up)).await.unwrap_err();
        assert_eq!(again.b2().unwrap().status, 400);
        let missing = b2
            .call(CopyFile::new(given_up, FileName::new("x").unwrap()))
            .await
            .unwrap_err();
        assert!(
            matches!(missing.kind(), ErrorKind::NotFound | ErrorKind::Rejected),
            "{missing}"
        );
    });
    assert_eq!(emulator.snapshot().unfinished_large_files, 0);
}

#[test]
fn listings_group_names_into_folders_across_pages() {
    let (b2, _) = client();
    let files = [
        "alfred.jpg",
        "alice.jpg",
        "cats/fluffy.jpg",
        "cats/mittens.jpg",
        "dogs/spot.jpg",
        "lilly.jpg",
    ]
    .map(|name| format!("photos/{name}"));
    block_on(async {
        let bucket = bucket(&b2).await;
        for name in &files {
            upload(&b2, &bucket, name, "x").await.unwrap();
            upload(&b2, &bucket, name, "y").await.unwrap();
        }
        let folders = ListFileNames::new(&bucket.bucket_id)
            .prefix("photos/")
            .delimiter("/");
        let listed = b2.call(folders.clone()).await.unwrap().files;
        let expected = [
            "photos/alfred.jpg",
            "photos/alice.jpg",
            "photos/cats/",
            "photos/dogs/",
            "photos/lilly.jpg",
        ];
        assert_eq!(names(&listed), expected);
        assert!(matches!(listed[2], ListedFile::Folder(_)));

        let mut paged = Vec::new();
        let mut page = folders.clone().max_file_count(1);
        loop {
            let listed = b2.call(page).await.unwrap();
            assert!(listed.files.len() <= 1);
            paged.extend(names(&listed.files).into_iter().map(str::to_owned));
            let Some(next) = listed.next_file_name else {
                break;
            };
            page = folders.clone().max_file_count(1).start_file_name(next);
        }
        assert_eq!(paged, expected);

        let mut ids = Vec::new();
        let mut page = ListFileVersions::new(&bucket.bucket_id).max_file_count(5);
        loop {
            let listed = b2.call(page).await.unwrap();
            ids.extend(
                listed
                    .files
                    .iter()
                    .map(|row| row.version().unwrap().file_id.clone()),
            );
            let (Some(name), Some(id)) = (listed.next_file_name, listed.next_file_id) else {
                break;
            };
            page = ListFileVersions::new(&bucket.bucket_id)
                .max_file_count(5)
                .start_at(name, id);
        }
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (12, 12));

        let too_many = b2.call(folders.max_file_count(10_001)).await.unwrap_err();
        assert_eq!(too_many.b2().unwrap().code, "out_of_range");
    });
}

#[test]
fn the_settings_of_a_bucket_round_trip() {
    let (b2, _) = client();
    block_on(async {
        let cors = CorsRule::new(
            "download-from-anywhere",
            ["https"],
            [CorsOperation::B2DownloadFileById],
        );
        let cors = CorsRules::new([cors.allowed_headers(["range"])]).unwrap();
        let lifecycle = LifecycleRule::new("logs/").days_from_hiding_to_deleting(7);
        let lifecycle = LifecycleRules::new([lifecycle]).unwrap();
        let name = BucketName::new("Holiday-Photos-").unwrap();
        let create = CreateBucket::new(name.clone(), BucketType::AllPublic)
            .bucket_info(BucketInfo::new().with("owner", "ü").unwrap())
            .cors_rules(cors.clone())
            .lifecycle_rules(lifecycle.clone());
        let bucket = b2.call(create.clone()).await.unwrap();
        assert_eq!(
            (&bucket.cors_rules, &bucket.lifecycle_rules),
            (&cors, &lifecycle)
        );
        assert_eq!(
            (bucket.bucket_name.as_str(), &*bucket.bucket_info["owner"]),
            (name.as_str(), "ü")
        );
        assert!(matches!(
            bucket.file_lock_configuration,
            Restricted::Value(_)
        ));

        let taken = b2.call(create).await.unwrap_err();
        assert_eq!(
            (taken.kind(), &*taken.b2().unwrap().code),
            (ErrorKind::Conflict, "duplicate_bucket_name")
        );
        let found = b2
            .call(ListBuckets::new().bucket_name(name))
            .await
            .unwrap()
            .buckets;
        assert_eq!(found, std::slice::from_ref(&bucket));
        assert!(
            b2.call(ListBuckets::new().bucket_id("none"))
                .await
                .unwrap()
                .buckets
                .is_empty()
        );
        let public = ListBuckets::new().bucket_types([BucketType::AllPrivate]);
        assert!(b2.call(public).await.unwrap().buckets.is_empty());
    });
}

#[test]
fn a_session_and_an_upload_succeed_in_every_api_version() {
    for version in [ApiVersion::V2, ApiVersion::V3, ApiVersion::V4] {
        let (_, emulator) = client();
        let b2 = served(&emulator).api_version(version).build().unwrap();
        block_on(async {
            let session = b2.session().await.unwrap();
            assert_eq!(session.version(), version);
            assert_eq!(session.account_id().as_str(), emulator.account_id());
            assert_eq!(
                (
                    session.absolute_minimum_part_size(),
                    session.recommended_part_size()
                ),
                (10, 100)
            );
            assert!(
                session.allowed().capabilities.len() > 20,
                "{:?}",
                session.allowed()
            );
            assert_eq!(
                (&session.allowed().buckets, &session.allowed().name_prefix),
                (&None, &None)
            );
            let bucket = bucket(&b2).await;
            let file = upload(&b2, &bucket, "f", "x").await.unwrap();
            assert_eq!(
                read(b2.call(DownloadFileById::new(&file.file_id)).await.unwrap()).await,
                b"x"
            );
        });
        let snapshot = emulator.snapshot();
        assert_eq!(snapshot.calls_of("b2_authorize_account"), 1);
    }
}
