//! The saved state of a partial download: a written state parses to the same, a changed one is not authenticated, and
//! every parsed one is consistent.

use arbitrary::{Arbitrary, Unstructured};
use b2kit::fuzzing::{State, read_state, write_state};
use b2kit::types::Secret;

/// A state, and the place where one byte of its document is changed.
#[derive(Debug, Arbitrary)]
struct Input {
    state: Fields,
    length: u64,
    inode: u64,
    change: Option<(u16, u8)>,
    cut: Option<u16>,
}

#[derive(Debug, Arbitrary)]
struct Fields {
    file_id: String,
    content_length: u64,
    start: u64,
    len: u64,
    /// A gap, and the length of the range after it.
    done: Vec<(u16, u16)>,
}

/// If the first byte is even, the rest is a document; otherwise it is a state to write and change.
pub fn run(data: &[u8]) {
    let key = Secret::new("K001fuzzing");
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    if kind % 2 == 0 {
        let [length, inode, document @ ..] = data else {
            return;
        };
        let length = u64::from(*length) * 16;
        if let Some((state, is_authenticated)) = read_state(document, length, (*inode).into(), &key)
        {
            check(&state, length);
            // The key with which another program's documents are signed is not known here.
            let other = Secret::new("K001another");
            let with_other = read_state(document, length, (*inode).into(), &other);
            assert!(!is_authenticated || with_other.is_none_or(|(_, signed)| !signed));
        }
        return;
    }
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    written_and_changed(&input, &key);
}

fn written_and_changed(input: &Input, key: &Secret) {
    let state = state(&input.state);
    let Some(mut document) = write_state(&state, input.inode, key) else {
        panic!("the ranges are sorted");
    };
    let end = state.done.last().map_or(0, |range| range.end);
    let is_consistent = state.wanted.end <= state.content_length
        && end <= state.wanted.end
        && state.wanted.start <= state.wanted.end;
    let needed = end.saturating_sub(state.wanted.start);
    let whole = read_state(&document, needed, input.inode, key);
    match is_consistent {
        true => assert_eq!(whole, Some((state.clone(), true))),
        false => assert_eq!(whole, None),
    }
    let Some((read, is_authenticated)) = read_state(&document, input.length, input.inode, key)
    else {
        return;
    };
    check(&read, input.length);
    assert_eq!(is_authenticated, input.length >= needed);
    let other = input.inode ^ 1;
    assert!(!read_state(&document, input.length, other, key).is_some_and(|(_, signed)| signed));

    let before = document.clone();
    if let Some((at, byte)) = input.change {
        let at = usize::from(at) % document.len();
        document[at] = byte;
    }
    if let Some(cut) = input.cut {
        document.truncate(usize::from(cut) % (document.len() + 1));
    }
    if let Some((changed, is_authenticated)) = read_state(&document, needed, input.inode, key) {
        check(&changed, needed);
        // White space and the case of the signature may differ.
        assert!(!is_authenticated || document == before || changed == state);
    }
}

fn state(fields: &Fields) -> State {
    let wanted = fields.start..fields.start.saturating_add(fields.len);
    let mut at = wanted.start;
    let mut done: Vec<std::ops::Range<u64>> = Vec::new();
    for (gap, len) in &fields.done {
        let is_first = done.is_empty();
        let gap = u64::from(*gap) + u64::from(!is_first);
        let Some(start) = at.checked_add(gap) else {
            break;
        };
        let Some(end) = start.checked_add(u64::from(*len) + 1) else {
            break;
        };
        done.push(start..end);
        at = end;
    }
    State {
        file_id: fields.file_id.clone(),
        content_length: fields.content_length,
        wanted,
        done,
    }
}

fn check(state: &State, length: u64) {
    assert!(state.wanted.start <= state.wanted.end && state.wanted.end <= state.content_length);
    let mut at = None;
    for range in &state.done {
        assert!(
            range.start < range.end && at.is_none_or(|at| at < range.start),
            "{state:?}"
        );
        assert!(
            state.wanted.start <= range.start && range.end <= state.wanted.end,
            "{state:?}"
        );
        assert!(
            range.end - state.wanted.start <= length,
            "beyond the file: {state:?}"
        );
        at = Some(range.end);
    }
}
