//! A journal that can't be written.

use super::*;

#[test]
fn changes_continue_although_the_journal_can_not_be_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    let bucket = client.create_bucket("a-bucket", "allPrivate");
    drop(client);
    // enough for a journal that is rewritten with the next change
    let content = json!([{"noKey": "x".repeat(1 << 20)}]).to_string();
    append(directory.path(), &vec![content; 65]);
    let len = || {
        fs::metadata(directory.path().join("journal"))
            .unwrap()
            .len()
    };
    let grown = len();
    let in_the_way = directory.path().join("journal.new");
    fs::create_dir(&in_the_way).unwrap();
    let client = open(directory.path());
    for name in ["one", "two"] {
        client.upload(&bucket, name, name.as_bytes());
    }
    assert!(len() > grown);
    let before = shown(&client);
    drop(client);
    assert_eq!(shown(&open(directory.path())), before);
    // a start tries again
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(shown(&open(directory.path())), before);
    assert!(len() < grown);
    assert_eq!(shown(&open(directory.path())), before);
}
