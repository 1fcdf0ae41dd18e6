//! What the fuzz targets in `fuzz/` call of the private code. Compiled with `--cfg fuzzing` only,
//! and no part of the public API.

use crate::Interaction;

/// The text of a recording, without redaction.
pub fn to_text(interactions: &[Interaction]) -> String {
    crate::write::to_text(interactions)
}
