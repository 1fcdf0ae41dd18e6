//! A session with secrets everywhere is recorded, searched and replayed, over any backend.

use b2kit::api::{
    CreateBucket, CreateKey, DownloadFileById, DownloadFileByName, GetDownloadAuthorization,
    ListFileNames, UploadFile,
};
use b2kit::backend::cassette::{Player, Recorder};
use b2kit::backend::emulator::Emulator;
use b2kit::types::{
    BucketName, BucketType, Capability, CustomerKey, DownloadDuration, EncryptionSetting, FileName,
    KeyName,
};
use b2kit::{Client, Credentials};
use futures::executor::block_on;

use super::{BACKEND, served_through};

const KEY: &str = "K004canary7f3acanary7f3acanary7";
const CUSTOMER_KEY: [u8; 32] = *b"canary7f3acanary7f3acanary7f3a!!";

/// Makes calls with secrets in headers, JSON and URLs, and returns their results.
async fn session(b2: &Client) -> (Vec<u8>, Vec<String>) {
    let name = BucketName::new("holiday-photos").unwrap();
    let bucket = b2
        .call(CreateBucket::new(name.clone(), BucketType::AllPrivate))
        .await
        .unwrap();
    let (file_name, key) = (
        || FileName::new("ü/cat.bin").unwrap(),
        || CustomerKey::new(CUSTOMER_KEY),
    );
    let upload = UploadFile::new(
        &bucket.bucket_id,
        file_name(),
        vec![0xff, 0x00, 0xfe, b'\n'],
    );
    let file = b2
        .call(upload.server_side_encryption(EncryptionSetting::SseC(key())))
        .await
        .unwrap();
    let create = CreateKey::new(KeyName::new("reader").unwrap(), [Capability::ReadFiles]);
    b2.call(create).await.unwrap();
    let hour = DownloadDuration::from_secs(3_600).unwrap();
    b2.call(GetDownloadAuthorization::new(&bucket.bucket_id, "ü/", hour))
        .await
        .unwrap();
    let bytes = b2
        .call(DownloadFileById::new(&file.file_id).customer_key(key()))
        .await
        .unwrap();
    let bytes = bytes.body.collect(100).await.unwrap();
    let mut by_name = DownloadFileByName::new(name, file_name()).customer_key(key());
    if !BACKEND.refuses_head {
        by_name = by_name.head();
    }
    b2.call(by_name).await.unwrap();
    let listed = b2
        .call(ListFileNames::new(&bucket.bucket_id))
        .await
        .unwrap()
        .files;
    (
        bytes,
        listed
            .iter()
            .map(|row| row.file_name().to_owned())
            .collect(),
    )
}

#[test]
fn a_recorded_session_contains_no_secret_and_replays_completely() {
    let emulator = Emulator::builder()
        .key("004aaaabbbbcccc0000000001", KEY)
        .build();
    let folder = std::env::temp_dir().join(format!(
        "b2kit-record-replay-{}-{}",
        std::process::id(),
        BACKEND.name
    ));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("session.yaml");

    let mut recorder = None;
    let (builder, place) = served_through(&emulator, |backend| {
        recorder.insert(Recorder::new(backend, &path)).clone()
    });
    let recorder = recorder.unwrap();
    let b2 = builder.build().unwrap();
    let live = block_on(session(&b2));
    assert_eq!(
        live,
        (vec![0xff, 0x00, 0xfe, b'\n'], vec!["ü/cat.bin".to_owned()])
    );
    let token = block_on(b2.session())
        .unwrap()
        .authorization_token()
        .expose()
        .to_owned();
    recorder.save().unwrap();

    let recording = std::fs::read_to_string(&path).unwrap();
    // The three alignments of the canary in base64, without the ends that depend on neighbouring bytes.
    for secret in [
        "canary7f3a",
        &token,
        emulator.account_id(),
        "Y2FuYXJ5N2Yz",
        "hbmFyeTdmM2",
        "5hcnk3ZjNh",
    ] {
        assert!(!recording.contains(secret), "{secret} is in the recording");
    }
    assert!(
        recording.contains("hidden-account-id") && recording.contains("hidden-authorization-token"),
        "{recording}"
    );

    let player = Player::open(&path).unwrap();
    // With the same endpoint, which is in the recording.
    let credentials = Credentials::new(emulator.key_id(), KEY).unwrap();
    let replayed = Client::builder().credentials(credentials).endpoint(place);
    let b2 = replayed.backend(player.clone()).build().unwrap();
    assert_eq!(block_on(session(&b2)), live);
    player.finish().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
