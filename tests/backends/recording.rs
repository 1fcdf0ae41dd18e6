//! Replays all of `fixtures/large_file.yaml`, a session with the real B2 from 2021 and 2022, recorded with another
//! client and another HTTP library.

use b2kit::api::{
    CancelLargeFile, CopyFile, CopyPart, FinishLargeFile, ListParts, ListUnfinishedLargeFiles,
    StartLargeFile, UploadPart,
};
use b2kit::backend::cassette::Player;
use b2kit::types::{
    Action, ByteRange, ContentSha1, ContentType, FileName, FileRetention, FileVersion, Part,
    PartNumber, Restricted, Secret, Sha1,
};
use b2kit::{ApiVersion, Client, ErrorKind, Session};
use futures::executor::block_on;

use super::replayed;

const BUCKET: &str = "8d625eb63be2775577c70e1a";
const SOURCE: &str =
    "4_z8d625eb63be2775577c70e1a_f111954e3108ff3f6_d20211118_m151810_c002_v0001168_t0010";
const FIRST: &str =
    "4_z8d625eb63be2775577c70e1a_f204261ca2ea2c4e1_d20211112_m211109_c002_v0001114_t0054";
const FINISHED: &str =
    "4_z8d625eb63be2775577c70e1a_f222f9c9a66d56ef9_d20211217_m150215_c002_v0001129_t0022";
const COPIED: &str =
    "4_z8d625eb63be2775577c70e1a_f2162de36adfd1074_d20211221_m150428_c002_v0001156_t0016";
const UNFINISHED: &str =
    "4_z8d625eb63be2775577c70e1a_f208bc35b0456a1cb_d20220203_m223645_c002_v0001163_t0007";

const PART_1: &str = "61b8d6600ac94d912874f569a9341120f680c9f8";
const PART_2: &str = "924f61661a3472da74307a35f2c8d22e07e84a4d";

#[test]
fn the_recording_of_the_real_b2_replays_completely() {
    let player = Player::open(crate::RECORDING).unwrap();
    assert_eq!(player.requests().len(), 20);
    let token = Secret::new("any token: it is never compared");
    let origin = "https://api002.backblazeb2.com";
    let session = Session::new(
        ApiVersion::V2,
        "hidden-account-id",
        token,
        origin,
        "https://f002.backblazeb2.com",
    );
    let b2 = Client::builder()
        .session(session)
        .backend(replayed(&player))
        .build()
        .unwrap();
    block_on(async {
        a_large_file_is_started_and_cancelled(&b2).await;
        a_bad_id_is_b2s_own_error(&b2).await;
        a_file_is_copied(&b2).await;
        a_large_file_is_made_of_two_uploaded_parts(&b2).await;
        a_large_file_is_made_of_copied_parts_and_cancelled(&b2).await;
        an_unfinished_large_files_parts_are_listed(&b2).await;
        unfinished_large_files_are_listed(&b2).await;
    });
    player.finish().unwrap();
}

async fn a_large_file_is_started_and_cancelled(b2: &Client) {
    let started = b2
        .call(StartLargeFile::new(BUCKET, name("test-large-file")))
        .await
        .unwrap();
    assert_started(
        &started,
        FIRST,
        "test-large-file",
        "application/octet-stream",
        1_636_751_469_000,
    );
    assert_canceled(b2, FIRST, "test-large-file").await;
}

async fn a_bad_id_is_b2s_own_error(b2: &Client) {
    let error = b2.call(CancelLargeFile::new("bad-id")).await.unwrap_err();
    let b2_error = error.b2().unwrap();
    assert_eq!(
        (b2_error.status, b2_error.code.as_str()),
        (400, "bad_request")
    );
    assert_eq!(b2_error.message, "Invalid fileId: bad-id");
    assert_eq!(
        (error.kind(), error.call()),
        (ErrorKind::Rejected, Some("b2_cancel_large_file"))
    );
    assert_eq!(
        (error.attempts(), error.may_have_taken_effect()),
        (1, false)
    );
    assert_eq!(
        error.to_string(),
        "b2_cancel_large_file: \"bad-id\": B2 answered 400 bad_request: Invalid fileId: bad-id"
    );
}

async fn a_file_is_copied(b2: &Client) {
    let copy = b2
        .call(CopyFile::new(SOURCE, name("new-file.txt")))
        .await
        .unwrap();
    assert_eq!(copy.action, Action::Copy);
    assert_eq!(
        copy.account_id.as_ref().unwrap().as_str(),
        "hidden-account-id"
    );
    assert_eq!(copy.bucket_id.as_str(), BUCKET);
    assert_eq!(copy.content_length, 10);
    assert_eq!(
        copy.content_md5,
        Some("3c825ca59d58209eae5924221497780c".parse().unwrap())
    );
    assert_eq!(
        copy.content_sha1,
        ContentSha1::Verified(sha1("5a08924b0ef1cccfb5de1d94e3d75c38dc0d3c79"))
    );
    assert_eq!(
        copy.content_type.as_ref().map(ContentType::as_str),
        Some("text/plain")
    );
    let id = "4_z8d625eb63be2775577c70e1a_f1052a33c70ab4806_d20211118_m153703_c002_v0001160_t0027";
    assert_eq!(copy.file_id.as_str(), id);
    assert_eq!(copy.file_info.len(), 1);
    assert_eq!(
        copy.file_info.get("src_last_modified_millis"),
        Some("1637248673875")
    );
    assert_eq!(copy.file_name.as_str(), "new-file.txt");
    assert_eq!(copy.upload_timestamp.as_millis(), 1_637_249_823_000);
    assert_unlocked_and_plain(&copy);
}

async fn a_large_file_is_made_of_two_uploaded_parts(b2: &Client) {
    let start = StartLargeFile::new(BUCKET, name("Test-large-file.txt")).content_type(text_plain());
    let started = b2.call(start).await.unwrap();
    assert_started(
        &started,
        FINISHED,
        "Test-large-file.txt",
        "text/plain",
        1_639_753_335_000,
    );

    upload_both_parts(b2, FINISHED, [1_639_753_356_820, 1_639_753_357_221]).await;

    let finished = b2
        .call(FinishLargeFile::new(FINISHED, [sha1(PART_1), sha1(PART_2)]))
        .await
        .unwrap();
    assert_eq!(finished.action, Action::Upload);
    assert_eq!(
        finished.account_id.as_ref().unwrap().as_str(),
        "hidden-account-id"
    );
    assert_eq!(finished.bucket_id.as_str(), BUCKET);
    assert_eq!(finished.content_length, 5_242_883);
    assert_eq!(
        (finished.content_md5, finished.content_sha1),
        (None, ContentSha1::None)
    );
    assert_eq!(
        finished.content_type.as_ref().map(ContentType::as_str),
        Some("text/plain")
    );
    assert_eq!(finished.file_id.as_str(), FINISHED);
    assert!(finished.file_info.is_empty());
    assert_eq!(finished.file_name.as_str(), "Test-large-file.txt");
    assert_eq!(finished.upload_timestamp, started.upload_timestamp);
    assert_unlocked_and_plain(&finished);
}

async fn a_large_file_is_made_of_copied_parts_and_cancelled(b2: &Client) {
    let start =
        StartLargeFile::new(BUCKET, name("Test-large-file2.txt")).content_type(text_plain());
    let started = b2.call(start).await.unwrap();
    assert_started(
        &started,
        COPIED,
        "Test-large-file2.txt",
        "text/plain",
        1_640_099_068_000,
    );

    let whole = CopyPart::new(SOURCE, COPIED, number(1));
    let section =
        CopyPart::new(SOURCE, COPIED, number(2)).range(ByteRange::inclusive(0, 3).unwrap());
    let (whole, section) = (
        b2.call(whole).await.unwrap(),
        b2.call(section).await.unwrap(),
    );
    let md5s = [
        "3c825ca59d58209eae5924221497780c",
        "695c6ae413c00446733d926ccadefd8b",
    ];
    let sha1s = [
        "5a08924b0ef1cccfb5de1d94e3d75c38dc0d3c79",
        "00b2aad45d07b70e1b7eefea74316913901b6e42",
    ];
    assert_part(&whole, COPIED, 1, 10, md5s[0], sha1s[0], 1_640_099_068_526);
    assert_part(&section, COPIED, 2, 4, md5s[1], sha1s[1], 1_640_099_068_712);
    assert_canceled(b2, COPIED, "Test-large-file2.txt").await;
}

async fn an_unfinished_large_files_parts_are_listed(b2: &Client) {
    let start = StartLargeFile::new(BUCKET, name("unfinished-file.txt")).content_type(text_plain());
    let started = b2.call(start).await.unwrap();
    assert_started(
        &started,
        UNFINISHED,
        "unfinished-file.txt",
        "text/plain",
        1_643_927_805_000,
    );
    upload_both_parts(b2, UNFINISHED, [1_643_927_827_314, 1_643_927_827_777]).await;

    let listed = b2
        .call(ListParts::new(UNFINISHED).max_part_count(5))
        .await
        .unwrap();
    assert_eq!(listed.next_part_number, None);
    let [first, second] = &listed.parts[..] else {
        panic!("two parts, not {:?}", listed.parts)
    };
    let md5s = [
        "79b281060d337b9b2b84ccf390adcf74",
        "d4b7c284882ca9e208bb65e8abd5f4c8",
    ];
    assert_part(
        first,
        UNFINISHED,
        1,
        5_242_880,
        md5s[0],
        PART_1,
        1_643_927_806_000,
    );
    assert_part(second, UNFINISHED, 2, 3, md5s[1], PART_2, 1_643_927_827_000);
    assert_canceled(b2, UNFINISHED, "unfinished-file.txt").await;
}

async fn unfinished_large_files_are_listed(b2: &Client) {
    let listed = b2
        .call(ListUnfinishedLargeFiles::new(BUCKET))
        .await
        .unwrap();
    assert_eq!(listed.next_file_id, None);
    let [first, second] = &listed.files[..] else {
        panic!("two files, not {:?}", listed.files)
    };
    for (file, id, timestamp) in [
        (
            first,
            "4_z8d625eb63be2775577c70e1a_f2259d1e31263ab88_d20220203_m223102_c002_v0001164_t0026",
            1_643_927_462_000,
        ),
        (
            second,
            "4_z8d625eb63be2775577c70e1a_f20503d82f4c7a386_d20220203_m223245_c002_v0001148_t0056",
            1_643_927_565_000,
        ),
    ] {
        assert_eq!(
            file.account_id.as_ref().unwrap().as_str(),
            "hidden account id"
        );
        assert_start_row(file, id, "unfinished-file.txt", "text/plain", timestamp);
    }
}

/// The recording omits the first part's bytes; the player compares their SHA-1.
async fn upload_both_parts(b2: &Client, file_id: &str, timestamps: [i64; 2]) {
    let first =
        UploadPart::new(file_id, number(1), vec![b'a'; 5_242_880]).content_sha1(sha1(PART_1));
    let second = UploadPart::new(file_id, number(2), "bcd").content_sha1(Sha1::of(b"bcd"));
    let (first, second) = (
        b2.call(first).await.unwrap(),
        b2.call(second).await.unwrap(),
    );
    let md5s = [
        "79b281060d337b9b2b84ccf390adcf74",
        "d4b7c284882ca9e208bb65e8abd5f4c8",
    ];
    assert_part(
        &first,
        file_id,
        1,
        5_242_880,
        md5s[0],
        PART_1,
        timestamps[0],
    );
    assert_part(&second, file_id, 2, 3, md5s[1], PART_2, timestamps[1]);
}

fn assert_started(file: &FileVersion, id: &str, name: &str, content_type: &str, timestamp: i64) {
    assert_eq!(
        file.account_id.as_ref().unwrap().as_str(),
        "hidden-account-id"
    );
    assert_start_row(file, id, name, content_type, timestamp);
}

fn assert_start_row(file: &FileVersion, id: &str, name: &str, content_type: &str, timestamp: i64) {
    assert_eq!(file.action, Action::Start);
    assert_eq!(file.bucket_id.as_str(), BUCKET);
    assert_eq!(
        (file.content_length, file.content_sha1),
        (0, ContentSha1::None)
    );
    assert_eq!(file.content_md5, None);
    assert_eq!(
        file.content_type.as_ref().map(ContentType::as_str),
        Some(content_type)
    );
    assert_eq!(file.file_id.as_str(), id);
    assert!(file.file_info.is_empty());
    assert_eq!(file.file_name.as_str(), name);
    assert_eq!(file.upload_timestamp.as_millis(), timestamp);
    assert_unlocked_and_plain(file);
}

fn assert_unlocked_and_plain(file: &FileVersion) {
    assert_eq!(
        file.file_retention,
        Restricted::Value(FileRetention::default())
    );
    assert_eq!(file.legal_hold, Restricted::Value(None));
    assert_eq!(
        (
            &file.server_side_encryption.mode,
            &file.server_side_encryption.algorithm
        ),
        (&None, &None)
    );
    assert_eq!(file.replication_status, None);
}

fn assert_part(
    part: &Part,
    file_id: &str,
    number: u32,
    len: u64,
    md5: &str,
    hex: &str,
    timestamp: i64,
) {
    assert_eq!(part.file_id.as_str(), file_id);
    assert_eq!((part.part_number, part.content_length), (number, len));
    assert_eq!(part.content_md5, Some(md5.parse().unwrap()));
    assert_eq!(part.content_sha1, ContentSha1::Verified(sha1(hex)));
    assert_eq!(
        (
            &part.server_side_encryption.mode,
            &part.server_side_encryption.algorithm
        ),
        (&None, &None)
    );
    assert_eq!(part.upload_timestamp.as_millis(), timestamp);
}

async fn assert_canceled(b2: &Client, file_id: &str, name: &str) {
    let canceled = b2.call(CancelLargeFile::new(file_id)).await.unwrap();
    assert_eq!(canceled.account_id.unwrap().as_str(), "hidden-account-id");
    assert_eq!(
        (
            canceled.bucket_id.as_ref().unwrap().as_str(),
            canceled.file_id.as_str()
        ),
        (BUCKET, file_id)
    );
    assert_eq!(
        canceled.file_name.as_ref().map(|name| name.as_str()),
        Some(name)
    );
}

fn name(name: &str) -> FileName {
    FileName::new(name).unwrap()
}

fn number(number: u64) -> PartNumber {
    PartNumber::new(number).unwrap()
}

fn sha1(hex: &str) -> Sha1 {
    hex.parse().unwrap()
}

fn text_plain() -> ContentType {
    ContentType::new("text/plain").unwrap()
}
