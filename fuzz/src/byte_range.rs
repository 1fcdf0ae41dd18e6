//! Byte ranges: a parsed range formats to the same text, and selects the bytes that counting one by
//! one finds.

use b2kit::types::ByteRange;

/// A length, two numbers, and a text.
pub fn run(data: &[u8]) {
    let [len, first, last, text @ ..] = data else {
        return;
    };
    let (len, first, last) = (u64::from(*len), u64::from(*first), u64::from(*last));
    let bytes: Vec<u64> = (0..len).collect();
    let ends = |bytes: &[u64]| Some((*bytes.first()?, *bytes.last()?));
    let counted = |range: &dyn Fn(u64) -> bool| {
        ends(
            &bytes
                .iter()
                .copied()
                .filter(|at| range(*at))
                .collect::<Vec<_>>(),
        )
    };
    match ByteRange::inclusive(first, last) {
        Ok(range) => {
            assert_eq!(range.within(len), counted(&|at| first <= at && at <= last));
            assert_eq!(ByteRange::try_from(first..last + 1).ok(), Some(range));
            written(range);
        }
        Err(_) => assert!(last < first),
    }
    let from = ByteRange::from(first..);
    assert_eq!(from.within(len), counted(&|at| first <= at));
    written(from);
    match ByteRange::suffix(last) {
        Ok(range) => {
            assert_eq!(range.within(len), counted(&|at| at + last >= len));
            written(range);
        }
        Err(_) => assert_eq!(last, 0),
    }
    if let Some(range) = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<ByteRange>().ok())
    {
        written(range);
        if let Some((first, last)) = range.within(u64::MAX) {
            assert!(first <= last && last < u64::MAX);
        }
    }
}

fn written(range: ByteRange) {
    assert_eq!(
        range
            .to_string()
            .parse::<ByteRange>()
            .expect("what was written"),
        range
    );
}
