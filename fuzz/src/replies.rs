//! The responses to all calls: a decoded response is the same after it is encoded and decoded
//! again.

use std::fmt::Debug;
use std::time::Duration;

use b2kit::api::partner::{
    CreateGroupMember, DeleteComputer, EjectGroupMember, ListComputers, ListGroupMembers,
    ListGroups,
};
use b2kit::api::{
    AuthorizeAccount, Call, CancelLargeFile, CopyFile, CopyPart, CreateBucket, CreateKey,
    Credentials, DeleteBucket, DeleteFileVersion, DeleteKey, FinishLargeFile,
    GetBucketNotificationRules, GetDownloadAuthorization, GetFileInfo, GetUploadPartUrl,
    GetUploadUrl, HideFile, ListBuckets, ListFileNames, ListFileVersions, ListKeys, ListParts,
    ListUnfinishedLargeFiles, Reply, Session, StartLargeFile, UpdateBucket, UpdateFileLegalHold,
    UpdateFileRetention,
};
use b2kit::types::{
    ApplicationKey, Bucket, BucketName, BucketType, Capability, FileName, FileRetention,
    FileVersion, KeyName, LegalHold, ListedFile, Part, PartNumber, Sha1,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The ids in the seeds.
const FILE: &str = "4_z1_f1";
const BUCKET: &str = "b1";
const ACCOUNT: &str = "a1";

/// The first byte selects the call; the rest is the response.
pub fn run(data: &[u8]) {
    let Some((call, body)) = data.split_first() else {
        return;
    };
    match call % 32 {
        0 => round_trip(&ListBuckets::new(), body),
        1 => round_trip(&ListFileNames::new(BUCKET), body),
        2 => round_trip(&ListFileVersions::new(BUCKET), body),
        3 => round_trip(&ListKeys::new(), body),
        4 => round_trip(&ListParts::new(FILE), body),
        5 => round_trip(&ListUnfinishedLargeFiles::new(BUCKET), body),
        6 => round_trip(&GetFileInfo::new(FILE), body),
        7 => round_trip(&HideFile::new(BUCKET, name()), body),
        8 => round_trip(&StartLargeFile::new(BUCKET, name()), body),
        9 => round_trip(&FinishLargeFile::new(FILE, [Sha1::of(b"x")]), body),
        10 => round_trip(&CopyFile::new(FILE, name()), body),
        11 => round_trip(&CopyPart::new(FILE, FILE, number()), body),
        12 => round_trip(&CreateBucket::new(bucket(), BucketType::AllPrivate), body),
        13 => round_trip(&UpdateBucket::new(BUCKET), body),
        14 => round_trip(&DeleteBucket::new(BUCKET), body),
        15 => round_trip(&DeleteKey::new("k1"), body),
        16 => round_trip(
            &UpdateFileRetention::new("name", FILE, FileRetention::default()),
            body,
        ),
        17 => round_trip(&UpdateFileLegalHold::new("name", FILE, LegalHold::On), body),
        18 => authorization(body),
        19 => decode(&DeleteFileVersion::new("name", FILE), body),
        20 => decode(&CancelLargeFile::new(FILE), body),
        21 => decode(&GetUploadUrl::new(BUCKET), body),
        22 => decode(&GetUploadPartUrl::new(FILE), body),
        23 => decode(&GetBucketNotificationRules::new(BUCKET), body),
        24 => decode(
            &CreateKey::new(KeyName::new("key").unwrap(), [Capability::ListFiles]),
            body,
        ),
        25 => {
            let minute = Duration::from_secs(60);
            let minute = b2kit::types::DownloadDuration::new(minute).unwrap();
            decode(&GetDownloadAuthorization::new(BUCKET, "", minute), body);
        }
        26 => partner(body),
        27 => value::<Bucket>(body),
        28 => value::<FileVersion>(body),
        29 => value::<Part>(body),
        30 => value::<ApplicationKey>(body),
        _ => rows(body),
    }
}

fn name() -> FileName {
    FileName::new("name").unwrap()
}

fn bucket() -> BucketName {
    BucketName::new("a-bucket").unwrap()
}

fn number() -> PartNumber {
    PartNumber::new(1).unwrap()
}

fn round_trip<C: Call>(call: &C, body: &[u8])
where
    C::Output: Serialize + PartialEq + Debug,
{
    let Ok(value) = call.read(Reply::ok(body.to_vec())) else {
        return;
    };
    let text = serde_json::to_vec(&value).expect("a value can be encoded");
    // `null` stands for a response according to which there was nothing to delete.
    if text == b"null" {
        return;
    }
    let again = call.read(Reply::ok(text.clone()));
    let again =
        again.unwrap_or_else(|error| panic!("{error:#}: {}", String::from_utf8_lossy(&text)));
    assert_eq!(again, value);
    assert_eq!(
        serde_json::to_vec(&again).expect("a value can be encoded"),
        text
    );
}

fn value<T: Serialize + DeserializeOwned + PartialEq + Debug>(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(body) else {
        return;
    };
    let text = serde_json::to_vec(&value).expect("a value can be encoded");
    let again: T = serde_json::from_slice(&text).expect("what was encoded");
    assert_eq!(again, value);
}

/// The rows of a listing parse one by one to the same as together.
fn rows(body: &[u8]) {
    let Ok(page) = ListFileNames::new(BUCKET).read(Reply::ok(body.to_vec())) else {
        return;
    };
    for file in page.files {
        if let ListedFile::Version(version) = &file {
            let text = serde_json::to_vec(version).expect("a version can be encoded");
            let again: FileVersion = serde_json::from_slice(&text).expect("what was encoded");
            assert_eq!(again, *version);
        }
    }
}

fn decode<C: Call>(call: &C, body: &[u8]) {
    let _ = call.read(Reply::ok(body.to_vec()));
}

fn authorization(body: &[u8]) {
    let credentials = Credentials::new("id", "key").unwrap();
    let Ok(session) = AuthorizeAccount::new(credentials).read(Reply::ok(body.to_vec())) else {
        return;
    };
    let exported = session.export();
    let restored = Session::restore(exported.expose()).expect("what was exported");
    assert_eq!(restored.export().expose(), exported.expose());
}

fn partner(body: &[u8]) {
    let Some((call, body)) = body.split_first() else {
        return;
    };
    match call % 6 {
        0 => decode(&ListGroups::new(), body),
        1 => decode(&ListGroupMembers::new("g1"), body),
        2 => decode(&ListComputers::new(ACCOUNT), body),
        3 => decode(&CreateGroupMember::new("g1", "a@b.example"), body),
        4 => decode(&EjectGroupMember::new("g1", ACCOUNT), body),
        _ => decode(&DeleteComputer::new(ACCOUNT, "c1"), body),
    }
}
