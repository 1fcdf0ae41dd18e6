//! Private code that the fuzz targets in `fuzz/` call. Compiled only with `--cfg fuzzing`; not part
//! of the public API.

use crate::Interaction;

/// The text of a recording, without redaction.
pub fn to_text(interactions: &[Interaction]) -> String {
    crate::write::to_text(interactions)
}
