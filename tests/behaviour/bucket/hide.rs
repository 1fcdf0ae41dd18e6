//! `hide` and `unhide`.

use b2kit::types::Action;
use b2kit::{BucketHandle, ErrorKind};

use super::{count, hide, put, rows, start, text};
use crate::uploading::bucket;
use crate::{call_of, client, http_refusal, wired};

#[test]
fn hiding_or_unhiding_twice_has_the_same_effect_as_once() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        put(&bucket, "f-other", "x").await;
        assert_eq!(bucket.unhide("f").await.unwrap(), None);
        let marker = bucket.hide("f").await.unwrap().unwrap();
        assert_eq!(bucket.hide("f").await.unwrap(), None);
        assert_eq!(bucket.hide("none").await.unwrap(), None);
        assert!(!bucket.exists("f").await.unwrap());
        let shown = bucket.unhide("f").await.unwrap().unwrap();
        assert_eq!(shown.file_id, marker.file_id);
        assert_eq!(bucket.unhide("f").await.unwrap(), None);
        assert_eq!(text(&bucket, "f").await, "x");
        for bad in ["", "a\nb"] {
            assert_eq!(
                bucket.hide(bad).await.unwrap_err().kind(),
                ErrorKind::Invalid
            );
            assert_eq!(
                bucket.unhide(bad).await.unwrap_err().kind(),
                ErrorKind::Invalid
            );
        }
        let error = bucket.unhide("none").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let message = "no version of \"none\"";
        assert!(error.to_string().contains(message), "{error}");
    });
}

#[test]
fn unhide_restores_a_file_beneath_several_markers() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "old").await;
        hide(&bucket, "f").await;
        let between = put(&bucket, "f", "between").await;
        let newest = hide(&bucket, "f").await;
        bucket.delete_version(&between).await.unwrap();
        let marker = bucket.unhide("f").await.unwrap().unwrap();
        assert_eq!(marker.file_id, newest.file_id);
        assert_eq!(text(&bucket, "f").await, "old");
        assert_eq!(count(&bucket, "f").await, 1);
    });
}

#[test]
fn unhide_succeeds_where_another_caller_has_deleted_the_marker() {
    let (b2, emulator, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        let marker = hide(&bucket, "f").await;
        let overtaken = wired(&emulator, &timer, |request| {
            let is_deletion = call_of(request) == "b2_delete_file_version";
            is_deletion.then(|| Ok(http_refusal(400, "file_not_present")))
        });
        let (id, name) = (bucket.id().clone(), bucket.name().clone());
        let bucket = BucketHandle::new(overtaken.build().unwrap(), id, name);
        let deleted = bucket.unhide("f").await.unwrap();
        assert_eq!(deleted.map(|deleted| deleted.file_id), Some(marker.file_id));
    });
}

#[test]
fn unhide_keeps_a_marker_with_nothing_beneath_it() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        let file = put(&bucket, "f", "x").await;
        hide(&bucket, "f").await;
        bucket.delete_version(&file).await.unwrap();
        let error = bucket.unhide("f").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(rows(&bucket).await, [("f".to_owned(), Action::Hide)]);
    });
}

#[test]
fn hiding_in_a_missing_bucket_is_an_error() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        bucket.delete_bucket().await.unwrap();
        let error = bucket.hide("f").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_ne!(error.b2().unwrap().code, "no_such_file");
    });
}

#[test]
fn unhide_ignores_unfinished_uploads_of_the_name() {
    let (b2, _, timer) = client();
    timer.run(async {
        let bucket = bucket(&b2).await;
        put(&bucket, "f", "x").await;
        let marker = hide(&bucket, "f").await;
        for _ in 0..3 {
            start(&bucket, "f").await;
        }
        assert_eq!(rows(&bucket).await[0].1, Action::Start);
        let deleted = bucket.unhide("f").await.unwrap();
        assert_eq!(deleted.map(|marker| marker.file_id), Some(marker.file_id));
        assert!(bucket.exists("f").await.unwrap());
        assert_eq!(bucket.unhide("f").await.unwrap(), None);

        start(&bucket, "g").await;
        let error = bucket.unhide("g").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}
