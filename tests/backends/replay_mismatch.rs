//! Requests that were not recorded.

use b2kit::api::{DownloadFileByName, StartLargeFile};
use b2kit::backend::cassette::Player;
use b2kit::types::{BucketName, FileInfo, FileName, Secret};
use b2kit::{ApiVersion, Client, ErrorKind, HttpErrorKind, Session};
use futures::executor::block_on;

const BUCKET: &str = "8d625eb63be2775577c70e1a";

#[test]
fn a_request_that_differs_from_the_recorded_one_is_a_mismatch_that_names_the_difference() {
    let player = Player::open(crate::RECORDING).unwrap();
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(
        ApiVersion::V2,
        "hidden-account-id",
        Secret::new("t"),
        origin,
        origin,
    );
    let b2 = Client::builder()
        .session(session)
        .backend(player.clone())
        .build()
        .unwrap();
    let call = StartLargeFile::new(BUCKET, FileName::new("test-large-file").unwrap());
    let call = call.file_info(FileInfo::new().with("k", "v").unwrap());
    let error = block_on(b2.call(call)).unwrap_err();
    let mismatch = std::error::Error::source(error.http_error().unwrap())
        .unwrap()
        .to_string();
    assert!(mismatch.contains("$.fileInfo"), "{mismatch}");
    assert_eq!(player.unplayed().len(), 20);
    assert!(
        player
            .finish()
            .unwrap_err()
            .to_string()
            .contains("b2_start_large_file")
    );
}

#[test]
fn a_mismatch_of_an_upload_or_a_download_says_that_nothing_was_sent() {
    let player = Player::from_interactions([]);
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(ApiVersion::V2, "account", Secret::new("t"), origin, origin);
    let b2 = Client::builder()
        .session(session)
        .backend(player.clone())
        .build()
        .unwrap();
    let name = FileName::new("test-large-file").unwrap();
    let call = block_on(b2.call(StartLargeFile::new(BUCKET, name.clone()))).unwrap_err();
    let bucket = BucketName::new("a-bucket").unwrap();
    let download = DownloadFileByName::new(bucket, name);
    let download = block_on(b2.call(download)).unwrap_err();
    for error in [call, download] {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.may_have_taken_effect());
        let http = error.http_error().unwrap();
        assert_eq!(http.kind(), HttpErrorKind::NoMatch);
        let said = error.to_string();
        assert!(said.contains("(nothing was sent)"), "{said}");
        assert!(!said.contains("HTTP library"), "{said}");
        let mismatch = std::error::Error::source(http).unwrap().to_string();
        assert!(
            mismatch.contains("has no response to this request"),
            "{mismatch}"
        );
    }
}
