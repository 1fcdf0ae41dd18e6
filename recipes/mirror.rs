//! Mirrors a directory to a prefix of a bucket: uploads new and changed files, and hides files that
//! no longer exist.
//!
//! ```text
//! cargo run -p b2kit-recipes --example mirror
//! ```
//!
//! A file counts as unchanged if it has the size and the modification time of the version in the
//! bucket, where `Source::path` has stored both. Hidden files keep their versions, until the
//! bucket's lifecycle rules or `prune_versions` delete them.

mod in_memory;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use b2kit::BucketHandle;
use b2kit::transfer::Source;
use b2kit::types::{FileVersion, Timestamp};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use in_memory::Failure;

/// Returns the numbers of uploaded and of hidden files.
async fn mirror(
    directory: &Path,
    bucket: &BucketHandle,
    prefix: &str,
) -> Result<(usize, usize), Failure> {
    let mut remote = BTreeMap::new();
    let mut files = bucket.list(prefix);
    while let Some(file) = files.try_next().await? {
        remote.insert(file.file_name.to_string(), file);
    }

    let mut changed = Vec::new();
    for (name, path) in files_below(directory, prefix)? {
        let version = remote.remove(&name);
        if !version.is_some_and(|version| is_same(&path, &version)) {
            changed.push((name, path));
        }
    }
    let uploaded = changed.len();
    let mut outcomes = bucket.upload_many(stream::iter(changed), 4, |bucket, (name, path)| {
        bucket.upload(name.as_str(), Source::path(path))
    });
    while let Some(((_, path), outcome)) = outcomes.next().await {
        outcome.map_err(|error| format!("{}: {error}", path.display()))?;
    }

    // Files are hidden last, so that none is missing in between.
    let hidden = remote.len();
    for file in remote.values() {
        bucket.hide(file.name()).await?;
    }
    Ok((uploaded, hidden))
}

fn is_same(path: &Path, version: &FileVersion) -> bool {
    let Ok(found) = fs::metadata(path) else {
        return false;
    };
    let modified = found.modified().ok().and_then(Timestamp::from_system_time);
    found.len() == version.content_length
        && modified.is_some()
        && modified == version.last_modified()
}

/// The file name at B2 and the path of each file. Skips links and devices.
fn files_below(directory: &Path, prefix: &str) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut files = Vec::new();
    let mut directories = vec![(directory.to_owned(), prefix.to_owned())];
    while let Some((directory, prefix)) = directories.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let own = entry.file_name();
            let own = own.to_str().ok_or("a file name is not UTF-8")?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push((entry.path(), format!("{prefix}{own}/")));
            } else if kind.is_file() {
                files.push((format!("{prefix}{own}"), entry.path()));
            }
        }
    }
    Ok(files)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (_server, bucket) = in_memory::bucket().await?;
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("2026"))?;
    fs::write(folder.path().join("2026/cat.txt"), "meow")?;
    fs::write(folder.path().join("2026/dog.txt"), "woof")?;

    let mirrored = async || mirror(folder.path(), &bucket, "photos/").await;
    assert_eq!(mirrored().await?, (2, 0));
    assert_eq!(mirrored().await?, (0, 0), "nothing has changed");
    fs::write(folder.path().join("2026/cat.txt"), "miaow")?;
    fs::remove_file(folder.path().join("2026/dog.txt"))?;
    assert_eq!(mirrored().await?, (1, 1));
    println!("photos/ has the files of {}", folder.path().display());
    Ok(())
}
