//! A dataset of vectors: files that are uploaded in parts, an index, and reads of single rows.

use std::sync::Arc;

use lance::dataset::ProjectionRequest;
use lance::deps::arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch,
};
use lance::deps::arrow_schema::{DataType, Field};
use lance::index::DatasetIndexExt as _;
use lance_index::IndexType;
use lance_index::scalar::ScalarIndexParams;

use crate::Outcome;
use crate::location::Location;

pub const ROWS: usize = 30_000;
const DIMENSIONS: usize = 128;

const NAME: &str = "vectors";

/// Writes the vectors in one version, then an index of their ids in another. Returns the number of versions.
pub async fn write(at: &Location) -> Outcome<usize> {
    let mut dataset = at.create(NAME, vectors()?).await?;
    let params = ScalarIndexParams::default();
    let index = dataset.create_index(&["id"], IndexType::BTree, None, &params, false);
    index.await?;
    Ok(dataset.versions().await?.len())
}

/// What queries return: the nearest vectors, those of an id range by the index, and single rows.
pub async fn query(at: &Location) -> Outcome<[RecordBatch; 3]> {
    let dataset = at.open(NAME).await?;
    let mut nearest = dataset.scan();
    nearest.nearest("vector", &Float32Array::from(vector(u64::MAX)), 20)?;
    let mut range = dataset.scan();
    range.filter("id >= 300 AND id < 400")?;
    let plan = range.explain_plan(false).await?;
    assert!(plan.contains("ScalarIndexQuery"), "{plan}");
    let mut random = fastrand::Rng::with_seed(1);
    let single: Vec<u64> = (0..300).map(|_| random.u64(..ROWS as u64)).collect();
    let columns = ProjectionRequest::from_columns(["id", "vector"], dataset.schema());
    Ok([
        nearest.try_into_batch().await?,
        range.try_into_batch().await?,
        dataset.take(&single, columns).await?,
    ])
}

/// The queries must return the same rows in both places, and as many as were asked for.
pub fn check(of_b2: &[RecordBatch; 3], of_disk: &[RecordBatch; 3]) {
    assert_eq!(of_b2, of_disk);
    assert_eq!(of_b2.each_ref().map(RecordBatch::num_rows), [20, 100, 300]);
}

fn vectors() -> Outcome<RecordBatch> {
    let values: Vec<f32> = (0..ROWS as u64).flat_map(vector).collect();
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let values = Arc::new(Float32Array::from(values));
    let vectors = FixedSizeListArray::try_new(item, DIMENSIONS as i32, values, None)?;
    // Not in the order of the rows, so that the index is needed.
    let ids = (0..ROWS).map(|row| (row * 7_919 % ROWS) as i64);
    let ids = Int64Array::from_iter_values(ids);
    let columns = [
        ("id", Arc::new(ids) as ArrayRef),
        ("vector", Arc::new(vectors) as ArrayRef),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// Random numbers, which don't compress.
fn vector(seed: u64) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..DIMENSIONS).map(|_| random.f32()).collect()
}
