//! A dataset with concurrent appenders, and all of its versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::try_join_all;
use lance::Dataset;
use lance::dataset::UpdateBuilder;
use lance::dataset::optimize::{CompactionOptions, compact_files};
use lance::deps::arrow_array::{ArrayRef, Int64Array, RecordBatch};

use crate::Outcome;
use crate::location::Location;

pub const APPENDERS: i64 = 6;
/// Commits of each appender.
pub const COMMITS: i64 = 4;
/// Rows of each commit.
const ROWS: i64 = 1_000;
/// The version that has all appends.
const APPENDED: usize = 1 + (APPENDERS * COMMITS) as usize;

const NAME: &str = "sales";
const COLUMNS: [&str; 3] = ["appender", "commit", "row"];

/// How often each row is in a version.
type Rows = BTreeMap<[i64; 3], u32>;

/// Creates the dataset and appends to it concurrently.
pub async fn append_all(at: &Location) -> Outcome<()> {
    at.create(NAME, batch(0, 0)?).await?;
    let appenders = (1..=APPENDERS).map(|appender| {
        let at = at.clone();
        tokio::spawn(async move { append(&at, appender).await })
    });
    for appender in try_join_all(appenders).await? {
        appender?;
    }
    Ok(())
}

async fn append(at: &Location, appender: i64) -> Outcome<()> {
    let mut dataset = at.open(NAME).await?;
    for commit in 0..COMMITS {
        dataset = at.append(dataset, batch(appender, commit)?).await?;
    }
    Ok(())
}

/// Deletes rows, updates others, merges the files, then restores the version with all appends.
pub async fn change(at: &Location) -> Outcome<()> {
    let mut dataset = at.open(NAME).await?;
    dataset.delete("row % 2 = 1").await?;
    let update = UpdateBuilder::new(Arc::new(dataset))
        .update_where("appender = 1")?
        .set("commit", "commit + 100")?
        .build()?;
    let mut dataset = Dataset::clone(&*update.execute().await?.new_dataset);
    compact_files(&mut dataset, CompactionOptions::default(), None).await?;
    let mut old = dataset.checkout_version(APPENDED as u64).await?;
    Ok(old.restore().await?)
}

/// The rows of each version, oldest first.
pub async fn read(at: &Location) -> Outcome<Vec<Rows>> {
    let dataset = at.open(NAME).await?;
    let mut history = Vec::new();
    for version in dataset.versions().await? {
        assert_eq!(version.version, history.len() as u64 + 1);
        let dataset = dataset.checkout_version(version.version).await?;
        history.push(rows(&dataset.scan().try_into_batch().await?)?);
    }
    Ok(history)
}

/// Each of the first versions must have one whole commit more than the one before it, and those of each appender in
/// order. All later versions must be the same in both places.
pub fn check(on_b2: &[Rows], on_disk: &[Rows]) {
    for history in [on_b2, on_disk] {
        let mut done = vec![0; APPENDERS as usize + 1];
        let mut expected = Rows::new();
        for (at, version) in history[..APPENDED].iter().enumerate() {
            let added = version.keys().find(|row| !expected.contains_key(*row));
            let [appender, commit, _] = *added.unwrap_or_else(|| panic!("nothing new: {at}"));
            assert_eq!(commit, done[appender as usize], "of appender {appender}");
            done[appender as usize] += 1;
            expected.extend((0..ROWS).map(|row| ([appender, commit, row], 1)));
            assert_eq!(*version, expected, "version {}", at + 1);
        }
        let mut commits = vec![COMMITS; APPENDERS as usize + 1];
        commits[0] = 1;
        assert_eq!(done, commits);
    }
    let (on_b2, on_disk) = (&on_b2[APPENDED - 1..], &on_disk[APPENDED - 1..]);
    assert_eq!(on_b2, on_disk);
    let (all, changed) = (&on_b2[0], &on_b2[on_b2.len() - 2]);
    assert_eq!(Some(all), on_b2.last(), "the restored version");
    let kept = all.iter().filter(|([_, _, row], _)| row % 2 == 0);
    let expected = kept.map(|([appender, commit, row], count)| {
        let moved = if *appender == 1 { 100 } else { 0 };
        ([*appender, commit + moved, *row], *count)
    });
    assert_eq!(*changed, expected.collect::<Rows>());
}

fn batch(appender: i64, commit: i64) -> Outcome<RecordBatch> {
    let column = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let rows = ROWS as usize;
    let values = [
        vec![appender; rows],
        vec![commit; rows],
        (0..ROWS).collect(),
    ];
    let columns = COLUMNS.into_iter().zip(values.map(column));
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn rows(batch: &RecordBatch) -> Outcome<Rows> {
    let mut columns = Vec::new();
    for name in COLUMNS {
        let column = batch.column_by_name(name).ok_or("a column is missing")?;
        let column = column.as_any().downcast_ref::<Int64Array>();
        columns.push(column.ok_or("a column has another type")?);
    }
    let mut rows = Rows::new();
    for row in 0..batch.num_rows() {
        let key = [0, 1, 2].map(|column: usize| columns[column].value(row));
        *rows.entry(key).or_default() += 1;
    }
    Ok(rows)
}
