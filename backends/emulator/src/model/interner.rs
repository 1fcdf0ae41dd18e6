//! [`Interner`]: stores texts that many files have in common only once.

use std::collections::HashSet;
use std::sync::Arc;

/// The number of texts at which it starts anew, so that it can't grow with the number of files.
const MAX_TEXTS: usize = 1024;

/// Finds equal texts. Texts that it has forgotten live on in the files that have them.
#[derive(Clone, Default)]
pub(crate) struct Interner(HashSet<Arc<str>>);

impl Interner {
    /// This text, shared with everything that recently got an equal one.
    pub(crate) fn share(&mut self, text: Arc<str>) -> Arc<str> {
        if let Some(known) = self.0.get(&text) {
            return Arc::clone(known);
        }
        if self.0.len() >= MAX_TEXTS {
            self.0.clear();
        }
        self.0.insert(Arc::clone(&text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_the_number_of_known_ones_is_bounded() {
        let mut interner = Interner::default();
        let first = interner.share("text/plain".into());
        assert!(Arc::ptr_eq(&first, &interner.share("text/plain".into())));
        for number in 0..3 * MAX_TEXTS {
            interner.share(number.to_string().into());
            assert!(interner.0.len() <= MAX_TEXTS);
        }
        assert_eq!(&*interner.share("text/plain".into()), "text/plain");
    }
}
