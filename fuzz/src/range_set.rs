//! The range set of a download: equal to a set of single bytes.

use std::collections::BTreeSet;
use std::ops::Range;

use b2kit::fuzzing::RangeSet;

/// The first byte is the maximum length of a missing range, the second the length of the whole; every two further bytes
/// are a range.
pub fn run(data: &[u8]) {
    let [max, whole, ranges @ ..] = data else {
        return;
    };
    let mut set = RangeSet::default();
    let mut model = BTreeSet::new();
    for pair in ranges.chunks_exact(2) {
        let range = u64::from(pair[0])..u64::from(pair[0]) + u64::from(pair[1] % 32);
        model.extend(range.clone());
        set.insert(range);
    }
    let stored = set.ranges();
    assert_eq!(RangeSet::from_sorted(stored.clone()).as_ref(), Some(&set));
    assert!(stored.iter().cloned().flatten().eq(model.iter().copied()));
    assert_eq!(set.total_bytes(), model.len() as u64);
    for start in [0, u64::from(*whole)] {
        let end = (start..)
            .find(|at| !model.contains(at))
            .expect("the model is finite");
        assert_eq!(set.contiguous_end(start), end);
    }
    let whole: Range<u64> = u64::from(*whole) / 2..u64::from(*whole);
    let (count, missing) = set.missing(whole.clone(), u64::from(*max));
    let missing: Vec<_> = missing.collect();
    assert_eq!(count, missing.len() as u64);
    let most = u64::from((*max).max(1));
    assert!(
        missing
            .iter()
            .all(|range| !range.is_empty() && range.end - range.start <= most)
    );
    let expected = whole.filter(|at| !model.contains(at));
    assert!(missing.into_iter().flatten().eq(expected));
}
