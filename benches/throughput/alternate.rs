//! Alternates between the contenders, so that other load on the machine affects both alike.

use crate::Failure;

/// Takes pairs of samples; the order changes with each round.
pub(crate) fn alternate<T>(
    rounds: usize,
    mut one: impl FnMut() -> Result<T, Failure>,
    mut other: impl FnMut() -> Result<T, Failure>,
) -> Result<Vec<(T, T)>, Failure> {
    let pair = |round| {
        if round % 2 == 0 {
            let first = one()?;
            Ok((first, other()?))
        } else {
            let first = other()?;
            Ok((one()?, first))
        }
    };
    (0..rounds).map(pair).collect()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    f64::midpoint(low, high)
}

/// Minimum, median and maximum, formatted for a table.
pub(crate) fn spread(values: Vec<f64>) -> String {
    format!(
        "{:.2}, **{:.2}**, {:.2}",
        values.iter().copied().fold(f64::INFINITY, f64::min),
        median(values.clone()),
        values.iter().copied().fold(0.0, f64::max),
    )
}
