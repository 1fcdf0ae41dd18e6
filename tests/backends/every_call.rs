//! Every call of B2's native API, at least once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use b2kit::api::{
    CancelLargeFile, CopyFile, CopyPart, CreateBucket, CreateKey, DeleteBucket, DeleteFileVersion,
    DeleteKey, DownloadFileById, DownloadFileByName, FinishLargeFile, GetBucketNotificationRules,
    GetDownloadAuthorization, GetFileInfo, GetUploadPartUrl, GetUploadUrl, HideFile, ListBuckets,
    ListFileNames, ListFileVersions, ListKeys, ListParts, ListUnfinishedLargeFiles,
    SetBucketNotificationRules, StartLargeFile, UpdateBucket, UpdateFileLegalHold,
    UpdateFileRetention, UploadFile, UploadPart,
};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{
    BucketName, BucketType, ByteRange, Capability, DownloadDuration, EventNotificationRule,
    EventNotificationRules, EventType, FileName, FileRetention, KeyName, LegalHold, PartNumber,
    RetentionMode, Sha1, TargetConfiguration, Timestamp,
};
use b2kit::{HttpClient, Request};
use futures::executor::block_on;

use super::served_through;
use crate::names::names;

#[test]
fn every_call_succeeds() {
    let emulator = Emulator::builder().absolute_minimum_part_size(10).build();
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let (builder, _) = served_through(&emulator, |inner| {
        let seen = Arc::clone(&seen);
        move |request: Request| {
            let path = request.uri().path();
            let name = match path.split('/').find(|part| part.starts_with("b2_")) {
                Some(name) => name.to_owned(),
                None if path.starts_with("/file/") => "b2_download_file_by_name".to_owned(),
                None => path.to_owned(),
            };
            seen.lock().unwrap().insert(name);
            let inner = Arc::clone(&inner);
            async move { inner.send(request).await }
        }
    });
    let b2 = builder.build().unwrap();
    block_on(async {
        let name = BucketName::new("my-bucket").unwrap();
        let create = CreateBucket::new(name.clone(), BucketType::AllPrivate);
        let bucket = b2.call(create.file_lock_enabled(true)).await.unwrap();
        let id = &bucket.bucket_id;
        let update = UpdateBucket::new(id).bucket_type(BucketType::AllPublic);
        b2.call(update).await.unwrap();
        assert_eq!(b2.call(ListBuckets::new()).await.unwrap().buckets.len(), 1);

        // Files, locked and not.
        let file = |name| FileName::new(name).unwrap();
        let uploaded = UploadFile::new(id, file("f"), "0123456789");
        let uploaded = b2.call(uploaded).await.unwrap();
        let of_file = b2.call(GetFileInfo::new(&uploaded.file_id)).await.unwrap();
        assert_eq!(of_file.content_length, 10);
        for (hold, held) in [(LegalHold::On, true), (LegalHold::Off, false)] {
            let hold = UpdateFileLegalHold::new("f", &uploaded.file_id, hold);
            b2.call(hold).await.unwrap();
            if held {
                let delete = DeleteFileVersion::new("f", &uploaded.file_id);
                b2.call(delete).await.unwrap_err();
            }
        }
        let until = Timestamp::from_millis(4_000_000_000_000);
        for retention in [
            FileRetention::until(RetentionMode::Governance, until),
            FileRetention::none(),
        ] {
            let retention = UpdateFileRetention::new("f", &uploaded.file_id, retention);
            b2.call(retention.bypass_governance()).await.unwrap();
        }
        let copied = CopyFile::new(&uploaded.file_id, file("g"));
        let copied = b2.call(copied).await.unwrap();
        let by_id = b2.call(DownloadFileById::new(&copied.file_id)).await;
        assert_eq!(
            by_id.unwrap().body.collect(10).await.unwrap(),
            b"0123456789"
        );
        // A range that is the whole file may be answered as the whole file.
        let whole = [
            ByteRange::from_offset(0),
            ByteRange::inclusive(0, 99).unwrap(),
            ByteRange::suffix(20).unwrap(),
        ];
        for range in whole {
            let download = DownloadFileById::new(&copied.file_id).range(range);
            let download = b2.call(download).await.unwrap();
            assert_eq!(
                download.body.collect(10).await.unwrap(),
                b"0123456789",
                "{range}"
            );
        }
        let by_name = b2.call(DownloadFileByName::new(name, file("g"))).await;
        assert_eq!(
            by_name.unwrap().body.collect(10).await.unwrap(),
            b"0123456789"
        );
        let hour = DownloadDuration::from_secs(3_600).unwrap();
        let shared = GetDownloadAuthorization::new(id, "g", hour);
        b2.call(shared).await.unwrap();
        b2.call(HideFile::new(id, file("g"))).await.unwrap();
        let names = b2.call(ListFileNames::new(id)).await.unwrap();
        let versions = b2.call(ListFileVersions::new(id)).await.unwrap();
        assert_eq!((names.files.len(), versions.files.len()), (1, 3));

        // Large files.
        let large = b2
            .call(StartLargeFile::new(id, file("large")))
            .await
            .unwrap();
        let part = UploadPart::new(&large.file_id, PartNumber::FIRST, "0123456789");
        b2.call(part).await.unwrap();
        let second = PartNumber::new(2).unwrap();
        let part = CopyPart::new(&uploaded.file_id, &large.file_id, second);
        b2.call(part).await.unwrap();
        let parts = b2.call(ListParts::new(&large.file_id)).await.unwrap();
        assert_eq!(parts.parts.len(), 2);
        let sha1s = [Sha1::of(b"0123456789"); 2];
        let finished = FinishLargeFile::new(&large.file_id, sha1s);
        assert_eq!(b2.call(finished).await.unwrap().content_length, 20);
        let large = b2
            .call(StartLargeFile::new(id, file("left")))
            .await
            .unwrap();
        let unfinished = b2.call(ListUnfinishedLargeFiles::new(id)).await.unwrap();
        assert_eq!(unfinished.files.len(), 1);
        b2.call(GetUploadPartUrl::new(&large.file_id))
            .await
            .unwrap();
        b2.call(CancelLargeFile::new(&large.file_id)).await.unwrap();
        b2.call(GetUploadUrl::new(id)).await.unwrap();

        // Keys and notifications.
        let key = CreateKey::new(KeyName::new("reader").unwrap(), [Capability::ListFiles]);
        let key = b2.call(key).await.unwrap().key.application_key_id;
        assert_eq!(b2.call(ListKeys::new()).await.unwrap().keys.len(), 1);
        b2.call(DeleteKey::new(key)).await.unwrap();
        let target = TargetConfiguration::webhook("https://example.com/hook");
        let rule = EventNotificationRule::new("rule-1", [EventType::ObjectCreatedAll], target);
        let rules = EventNotificationRules::new([rule]).unwrap();
        b2.call(SetBucketNotificationRules::new(id, rules))
            .await
            .unwrap();
        let rules = b2.call(GetBucketNotificationRules::new(id)).await.unwrap();
        assert_eq!(rules.event_notification_rules.len(), 1);

        for version in b2.call(ListFileVersions::new(id)).await.unwrap().files {
            let version = version.into_version().unwrap();
            let delete = DeleteFileVersion::new(version.file_name.as_str(), &version.file_id);
            b2.call(delete).await.unwrap();
        }
        b2.call(DeleteBucket::new(id)).await.unwrap();
    });
    assert_eq!(emulator.snapshot().versions, 0);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), names().iter().collect::<Vec<_>>());
}
