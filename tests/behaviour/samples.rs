//! B2's documented samples.

use b2kit::api::{Call, ListFileVersions, Reply};
use b2kit::types::{Action, ContentSha1, ContentType, FileRetention, ListedFile, Readable};

fn reply(text: &'static [u8]) -> Reply {
    let (head, ()) = b2kit::http::Response::new(()).into_parts();
    Reply::whole(head, text.into())
}

#[test]
fn the_documented_answer_of_list_file_versions_decodes_fully() {
    let sample = reply(include_bytes!("../../fixtures/b2_list_file_versions.json"));
    let page = ListFileVersions::new("b2f6f21365e1d29f6c580f18")
        .read(sample)
        .unwrap();
    assert_eq!((page.next_file_name, page.next_file_id), (None, None));
    let versions: Vec<_> = page
        .files
        .iter()
        .map(|file| file.version().unwrap())
        .collect();
    assert_eq!(versions.len(), page.files.len());

    type Row<'a> = (
        Action,
        u64,
        &'a str,
        &'a str,
        Option<&'a str>,
        Option<&'a str>,
        Option<&'a str>,
        i64,
    );
    let expected: [Row<'_>; 4] = [
        (
            Action::Hide,
            0,
            "logscript.py",
            "4_zb2f6f21365e1d29f6c580f18_f10305b68895d22f4_d20180914_m221207_c002_v0001108_t0029",
            None,
            None,
            None,
            1_536_963_127_000,
        ),
        (
            Action::Upload,
            5060,
            "logscript.py",
            "4_zb2f6f21365e1d29f6c580f18_f1162979affbeac79_d20180914_m210813_c002_v0001107_t0011",
            Some("28e355c532ff4ebcb78337593a2ef9890bd4af7e"),
            Some("SSE-C"),
            Some("1532626031627"),
            1_536_959_293_000,
        ),
        (
            Action::Upload,
            7,
            "testing.txt",
            "4_zb2f6f21365e1d29f6c580f18_f10904e5ca06493a1_d20180914_m223119_c002_v0001094_t0002",
            Some("dc724af18fbdd4e59189f5fe768a5f8311527050"),
            Some("SSE-B2"),
            Some("1536964184056"),
            1_536_964_279_000,
        ),
        (
            Action::Upload,
            8,
            "testing2.txt",
            "4_zb2f6f21365e1d29f6c580f18_f10076875fe98d4af_d20180914_m223128_c002_v0001108_t0050",
            Some("596b29ec9afea9e461a20610d150939b9c399d93"),
            None,
            Some("1536964200750"),
            1_536_964_288_000,
        ),
    ];
    for (version, (action, len, name, id, sha1, mode, modified, timestamp)) in
        versions.iter().zip(expected)
    {
        assert_eq!(version.action, action);
        assert_eq!(version.account_id.as_ref().unwrap().as_str(), "ACCOUNT_ID");
        assert_eq!(version.bucket_id.as_str(), "b2f6f21365e1d29f6c580f18");
        assert_eq!(version.content_length, len);
        let sha1 = sha1.map_or(ContentSha1::None, |hex| {
            ContentSha1::Verified(hex.parse().unwrap())
        });
        assert_eq!(version.content_sha1, sha1);
        assert_eq!((&*version.file_name, version.file_id.as_str()), (name, id));
        assert_eq!(
            version
                .server_side_encryption
                .mode
                .as_ref()
                .map(|mode| mode.as_str()),
            mode
        );
        let algorithm = version
            .server_side_encryption
            .algorithm
            .as_ref()
            .map(|algorithm| algorithm.as_str());
        assert_eq!(algorithm, mode.map(|_| "AES256"));
        assert_eq!(version.file_info.get("src_last_modified_millis"), modified);
        assert_eq!(
            version.file_retention,
            Readable::Value(FileRetention::default())
        );
        assert_eq!(version.legal_hold, Readable::Value(None));
        assert_eq!(version.upload_timestamp.as_millis(), timestamp);
    }
    let types: Vec<_> = versions
        .iter()
        .map(|version| version.content_type.as_ref().map(ContentType::as_str))
        .collect();
    assert_eq!(
        types,
        [
            None,
            Some("application/octet-stream"),
            Some("text/plain"),
            Some("text/plain")
        ]
    );
}

#[test]
fn a_folder_row_is_a_folder() {
    let page = reply(
        br#"{"files":[{"accountId":"a","action":"folder","bucketId":"b","contentLength":0,"contentMd5":null,
        "contentSha1":null,"contentType":null,"fileId":null,"fileInfo":{},"fileName":"photos/cats/",
        "uploadTimestamp":0}],"nextFileId":"x","nextFileName":"photos/dogs/"}"#,
    );
    let list = ListFileVersions::new("b").prefix("photos/").delimiter("/");
    let page = list.read(page).unwrap();
    let [ListedFile::Folder(folder)] = &page.files[..] else {
        panic!("a folder, not {:?}", page.files)
    };
    assert_eq!(&*folder.file_name, "photos/cats/");
    assert_eq!(page.next_file_name.as_deref(), Some("photos/dogs/"));
}
